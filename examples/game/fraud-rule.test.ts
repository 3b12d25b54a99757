import t from 'tap'
import { type EveningPlan, lengthMs, planEvening, startsAtMs } from './evening.ts'
import type { GameEvent, Login, Trade } from './events.ts'
import { historyLength, largeTradeGold, remember, suspiciousCountries, windowMs } from './fraud-rule.ts'

const tradeAtMs = startsAtMs + windowMs

t.test(
  'a large trade is suspicious after logins from two countries, up to the very end of the window',
  async t => {
    const history = [login('CZ', tradeAtMs - windowMs), login('JP', tradeAtMs - 1)]
    t.strictSame(suspiciousCountries(history, trade(largeTradeGold)), ['CZ', 'JP'])
    t.equal(suspiciousCountries(history, trade(largeTradeGold - 1)), undefined, 'a trade below the limit')
    t.equal(suspiciousCountries(history, login('KE', tradeAtMs)), undefined, 'a login')
    const older = [login('CZ', tradeAtMs - windowMs - 1), login('JP', tradeAtMs - 1)]
    t.equal(suspiciousCountries(older, trade(largeTradeGold)), undefined, 'a login before the window')
    const atHome = [login('CZ', tradeAtMs - 2), login('CZ', tradeAtMs - 1)]
    t.equal(suspiciousCountries(atHome, trade(largeTradeGold)), undefined, 'one country twice')
  },
)

t.test('a history is the last 20 events of its own player', async t => {
  const histories = new Map<string, GameEvent[]>()
  for (let index = 0; index <= historyLength; index++) {
    remember(histories, { ...login('CZ', startsAtMs + index), player: 'one' })
    if (index === 0) remember(histories, { ...login('JP', startsAtMs), player: 'other' })
  }
  const history = histories.get('one')!
  t.equal(history.length, historyLength)
  t.equal(history[0]!.atMs, startsAtMs + 1, 'the oldest one is forgotten')
  t.equal(histories.get('other')!.length, 1)
})

const plans: EveningPlan[] = [
  ...Array.from({ length: 20 }, (_, seed) => ({ seed, players: 100, events: 5_000 })),
  { seed: 1, players: 300, events: 900 },
  { seed: 2, players: 3, events: 6_000 },
]

for (const plan of plans) {
  t.test(`the rule finds the frauds of the script and nothing else: ${JSON.stringify(plan)}`, async t => {
    const { events, frauds } = planEvening(plan)
    const histories = new Map<string, GameEvent[]>()
    const flagged = new Set<string>()
    for (const event of events) {
      if (suspiciousCountries(histories.get(event.player) ?? [], event) !== undefined) flagged.add(event.id)
      remember(histories, event)
    }
    t.strictSame([...flagged].sort(), [...frauds].sort())
    t.ok(plan.players < 100 || frauds.size > 0, 'there are frauds')
  })
}

t.test('an evening has the events that were asked for, in order, and the same for the same seed', async t => {
  const plan = { seed: 7, players: 30, events: 1_000 }
  const { events } = planEvening(plan)
  t.equal(events.length, plan.events)
  t.equal(new Set(events.map(({ id }) => id)).size, plan.events)
  const sequences = new Map<string, number>()
  let lastAtMs = startsAtMs
  for (const { player, sequence, atMs } of events) {
    if (sequence !== (sequences.get(player) ?? 0) + 1) t.fail(`${player}#${sequence} is out of its order`)
    if (atMs < lastAtMs || atMs > startsAtMs + lengthMs) t.fail(`${player}#${sequence} is out of time`)
    sequences.set(player, sequence)
    lastAtMs = atMs
  }
  // Compared as text: of two long arrays that differ, tap would draw up the difference.
  const again = (seed: number) => JSON.stringify(planEvening({ ...plan, seed }).events)
  t.ok(again(7) === JSON.stringify(events), 'the same seed gives the same evening')
  t.ok(again(8) !== JSON.stringify(events), 'another seed gives another one')
})

function login(country: string, atMs: number): Login {
  return { id: 'login', player: 'one', sequence: 1, atMs, kind: 'login', country }
}

function trade(gold: number): Trade {
  return { id: 'trade', player: 'one', sequence: 2, atMs: tradeAtMs, kind: 'trade', item: 'crown', gold }
}

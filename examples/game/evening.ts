/**
 * The script of the evening, drawn from a seed: who logs in from where and who trades what, on 1 March 2025 from 18:00
 * to 22:00. Every program that needs it plans it anew, and the same seed gives the same evening.
 *
 * Most of it is ordinary: logins at home and small trades. Into it, each player may have one scene. Only the scene
 * `robbed` is a fraud; the others come as near to one as the rule allows, so that a processor which has lost or mixed
 * up its memory flags what it should not, or misses what it should. The frauds are known from the script, without
 * asking the rule.
 */
import { type SeededRandom, seededRandom } from '../../scripts/seeded-random.ts'
import type { GameEvent, Login, Trade } from './events.ts'
import { historyLength, largeTradeGold, windowMs } from './fraud-rule.ts'

export interface EveningPlan {
  seed: number
  players: number
  events: number
}

export interface Evening {
  /** In the order of the game's clock; a player's own events in the order of their sequence. */
  events: GameEvent[]
  /** Ids of the trades that have to be flagged. */
  frauds: Set<string>
}

export const startsAtMs = Date.UTC(2025, 2, 1, 18)
export const lengthMs = 4 * 3_600_000

/** One step of a scene: how long after the step before it, and what. */
interface Step {
  afterMs: number
  what: Pick<Login, 'kind' | 'country'> | Pick<Trade, 'kind' | 'item' | 'gold'>
  isFraud?: boolean
}

type Scene = (home: string, random: SeededRandom) => Step[]

const countries = ['BR', 'CA', 'CZ', 'FR', 'IN', 'JP', 'KE', 'NZ']
const items = ['amulet', 'boots', 'cloak', 'dagger', 'elixir', 'falcon']
const minuteMs = 60_000

/** The account is stolen: somebody logs in from elsewhere and sells what there is. */
const robbed: Scene = (home, random) => [
  login(home, 0),
  login(elsewhere(home, random), random.between(1, 5) * minuteMs),
  { ...largeTrade(random, random.between(1, 5) * minuteMs), isFraud: true },
]

/** On a journey, and playing as always. */
const traveller: Scene = (home, random) => [
  login(home, 0),
  login(elsewhere(home, random), 4 * minuteMs),
  smallTrade(random, minuteMs),
  smallTrade(random, minuteMs),
]

/** Rich, and at home. */
const wealthy: Scene = (home, random) => [login(home, 0), largeTrade(random, 2 * minuteMs)]

/** Waits until the login at home is a quarter of an hour and a millisecond old: the rule's limit in time. */
const patient: Scene = (home, random) => [
  login(home, 0),
  login(elsewhere(home, random), 2 * minuteMs),
  largeTrade(random, windowMs - 2 * minuteMs + 1),
]

/** Makes so many small trades first that the login at home is forgotten: the rule's limit in memory. */
const busy: Scene = (home, random) => [
  login(home, 0),
  login(elsewhere(home, random), minuteMs),
  ...Array.from({ length: historyLength - 1 }, () => smallTrade(random, 1_000)),
  largeTrade(random, 1_000),
]

/** What may happen to a player; `undefined` is nothing out of the ordinary. */
const scenes = [robbed, robbed, robbed, traveller, wealthy, patient, busy, undefined]

export function planEvening({ seed, players, events }: EveningPlan): Evening {
  const random = seededRandom(seed)
  const evening: Evening = { events: [], frauds: new Set() }
  for (let number = 0; number < players; number++) {
    const count = Math.floor(events / players) + (number < events % players ? 1 : 0)
    planPlayer(evening, playerName(number), count, random.fork())
  }
  evening.events.sort(
    (one, other) =>
      one.atMs - other.atMs ||
      Number(one.player > other.player) - Number(one.player < other.player) ||
      one.sequence - other.sequence,
  )
  return evening
}

function playerName(number: number): string {
  return `player-${String(number).padStart(4, '0')}`
}

/** The game server that a player plays on: one, or nobody could say in which order the player's events were. */
export function serverOf(player: string, servers: number): number {
  return Number(player.slice('player-'.length)) % servers
}

function planPlayer(evening: Evening, player: string, count: number, random: SeededRandom): void {
  const home = pick(countries, random)
  const scene = pick(scenes, random)?.(home, random) ?? []
  // Who plays too little for the scene has an ordinary evening.
  const steps = scene.length <= count ? scene : []
  const sceneMs = steps.reduce((sum, { afterMs }) => sum + afterMs, 0)
  const sceneAtMs = startsAtMs + Math.floor(random.fraction() * (lengthMs - sceneMs))
  let sequence = 0
  const add = (atMs: number, { what, isFraud }: Omit<Step, 'afterMs'>) => {
    const id = `${player}#${++sequence}`
    evening.events.push({ id, player, sequence, atMs, ...what })
    if (isFraud === true) evening.frauds.add(id)
  }

  // Nothing ordinary falls into the scene: its time is cut out of the evening and what comes later moves back.
  const ordinary = Array.from({ length: count - steps.length }, () =>
    Math.floor(startsAtMs + random.fraction() * (lengthMs - sceneMs)),
  ).sort((one, other) => one - other)
  const addOrdinary = (atMs: number) => add(atMs, random.chance(0.1) ? login(home) : smallTrade(random))
  for (const atMs of ordinary.filter(atMs => atMs < sceneAtMs)) addOrdinary(atMs)
  let atMs = sceneAtMs
  for (const step of steps) {
    atMs += step.afterMs
    add(atMs, step)
  }
  for (const atMs of ordinary.filter(atMs => atMs >= sceneAtMs)) addOrdinary(atMs + sceneMs)
}

function login(country: string, afterMs = 0): Step {
  return { afterMs, what: { kind: 'login', country } }
}

function smallTrade(random: SeededRandom, afterMs = 0): Step {
  return {
    afterMs,
    what: { kind: 'trade', item: pick(items, random), gold: random.between(1, largeTradeGold - 1) },
  }
}

function largeTrade(random: SeededRandom, afterMs: number): Step {
  return {
    afterMs,
    what: { kind: 'trade', item: 'crown', gold: random.between(largeTradeGold, 5 * largeTradeGold) },
  }
}

function elsewhere(home: string, random: SeededRandom): string {
  return pick(
    countries.filter(country => country !== home),
    random,
  )
}

function pick<T>(values: readonly T[], random: SeededRandom): T {
  return values[random.between(0, values.length - 1)]!
}

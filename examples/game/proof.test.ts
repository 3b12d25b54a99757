import t from 'tap'
import { planEvening, serverOf } from './evening.ts'
import type { Alert } from './events.ts'
import { type Evidence, prove } from './proof.ts'

/**
 * An evening on two partitions that went as it should: `processor-2` had partition 1 and was killed after it had
 * flagged the last two frauds there and committed up to the former of them; `processor-1` took over.
 */
function goodEvening(): Evidence {
  const evening = planEvening({ seed: 5, players: 40, events: 2_000 })
  const ends = [0, 0]
  const archived = evening.events.map(event => {
    const partition = serverOf(event.player, 2)
    return { partition, offset: ends[partition]!++, event }
  })
  const alerts: Alert[] = archived
    .filter(({ event }) => evening.frauds.has(event.id))
    .map(({ event: { id, player }, partition, offset }) => {
      const raisedBy = `processor-${partition + 1}`
      return { id, player, countries: ['CZ', 'JP'], partition, offset, raisedBy, publishedAtMs: 0 }
    })
  const uncommitted = alerts.filter(({ partition }) => partition === 1).slice(-2)
  const committed = uncommitted[0]!.offset
  return {
    evening,
    acknowledged: evening.events.map(({ id }) => id),
    archived,
    alerts: [...alerts, ...uncommitted.map(alert => ({ ...alert, raisedBy: 'processor-1' }))],
    handled: [
      { processor: 'processor-1', partition: 0, from: 0, to: 10 },
      { processor: 'processor-1', partition: 0, from: 10, to: ends[0]! },
      { processor: 'processor-2', partition: 1, from: 0, to: committed + 3 },
      { processor: 'processor-1', partition: 1, from: committed, to: ends[1]! },
    ],
    killed: { processor: 'processor-2', committed: new Map([[1, committed]]) },
  }
}

/** In the order in which the proof makes them. */
const claims = ['acknowledged', 'archived', 'order', 'handled', 'takenOver', 'flagged', 'once'] as const
type Claim = (typeof claims)[number]

/** The claims that do not hold when somebody has spoilt the evidence. */
function claimsSpoiltBy(spoil: (evidence: Evidence) => void): Claim[] {
  const evidence = goodEvening()
  spoil(evidence)
  const findings = prove(evidence)
  return claims.filter((_, index) => findings[index]!.problems.length > 0)
}

t.test('an evening that went well is proved', async t => {
  t.strictSame(
    claimsSpoiltBy(() => undefined),
    [],
  )
})

const mishaps: Record<string, { spoil: (evidence: Evidence) => void; spoilt: Claim[] }> = {
  'a send that was not acknowledged': {
    spoil: ({ acknowledged }) => acknowledged.pop(),
    spoilt: ['acknowledged'],
  },
  'an acknowledged event that is lost': {
    spoil: ({ archived }) => archived.pop(),
    spoilt: ['archived'],
  },
  'an event that is twice in the archive': {
    spoil: ({ archived }) => archived.push(archived[7]!),
    spoilt: ['archived', 'order'],
  },
  'an event that was changed on the way': {
    spoil: ({ archived }) => {
      const [first] = archived
      archived[0] = { ...first!, event: { ...first!.event, atMs: 0 } }
    },
    spoilt: ['archived'],
  },
  "two of a player's events in the wrong order": {
    spoil: ({ archived }) => {
      const [one, other] = archived.filter(({ event }) => event.player === 'player-0000')
      const { event } = one!
      one!.event = other!.event
      other!.event = event
    },
    spoilt: ['order'],
  },
  'a player in two partitions': {
    spoil: ({ archived }) => {
      const last = archived.findLast(({ partition }) => partition === 0)!
      Object.assign(last, {
        partition: 1,
        offset: archived.filter(({ partition }) => partition === 1).length,
      })
    },
    spoilt: ['order', 'handled'],
  },
  'an event that no processor handled': {
    spoil: ({ handled }) => handled[1]!.from++,
    spoilt: ['handled'],
  },
  'an event that a surviving processor handled twice': {
    spoil: ({ handled }) => handled[1]!.from--,
    spoilt: ['handled'],
  },
  'a successor that starts too early': {
    spoil: ({ handled }) => handled[3]!.from--,
    spoilt: ['handled', 'takenOver'],
  },
  'a successor that starts too late': {
    spoil: ({ handled }) => handled[3]!.from++,
    spoilt: ['handled', 'takenOver'],
  },
  'a fraud that nobody flagged': {
    spoil: ({ alerts }) => alerts.shift(),
    spoilt: ['flagged'],
  },
  'an honest trade that was flagged': {
    spoil: ({ alerts, archived }) => {
      const { event, partition, offset } = archived[0]!
      alerts.push({ ...alerts[0]!, id: event.id, partition, offset })
    },
    spoilt: ['flagged'],
  },
  'an alert about another event than it says': {
    spoil: ({ alerts }) => alerts[0]!.offset--,
    spoilt: ['flagged'],
  },
  'an alert that a surviving processor raised twice': {
    spoil: ({ alerts }) => alerts.push(alerts.find(({ partition }) => partition === 0)!),
    spoilt: ['once'],
  },
  'an alert that the killed processor had committed, and its successor raised again': {
    spoil: ({ alerts }) => {
      const committed = alerts.find(({ partition }) => partition === 1)!
      alerts.push({ ...committed, raisedBy: 'processor-1' })
    },
    spoilt: ['once'],
  },
  'an alert of the uncommitted stretch that was raised three times': {
    spoil: ({ alerts }) => alerts.push(alerts.at(-1)!),
    spoilt: ['once'],
  },
  'an alert of the uncommitted stretch that was not raised again': {
    spoil: ({ alerts }) => alerts.pop(),
    spoilt: ['once'],
  },
}

for (const [mishap, { spoil, spoilt }] of Object.entries(mishaps)) {
  t.test(`the proof finds ${mishap}`, async t => {
    t.strictSame(claimsSpoiltBy(spoil), spoilt)
  })
}

/**
 * The proof: what the game promised, held against what can be found afterwards. It reads the archive's files, the topic
 * of alerts and what the programs said that they did, and knows from the script what should have happened. It asks
 * nobody whether all went well.
 *
 * The killed processor gets no benefit of the doubt. What it had handled and not committed is known: it begins at the
 * offsets that its group had committed when it died. Exactly the alerts that it had raised from there on have to be
 * there twice, and no other.
 */
import type { ArchivedEvent } from './batch-reader.ts'
import type { Evening } from './evening.ts'
import type { Alert } from './events.ts'

/** A processor said that it had handled a partition's offsets from `from` up to, not including, `to`. */
export interface Handled {
  processor: string
  partition: number
  from: number
  to: number
}

export interface Evidence {
  evening: Evening
  /** Ids of the events that the broker acknowledged to the game servers. */
  acknowledged: string[]
  archived: ArchivedEvent[]
  alerts: Alert[]
  handled: Handled[]
  killed: Killed
}

export interface Killed {
  processor: string
  /** By partition that it had: the offset which its group had committed when it was dead. */
  committed: Map<number, number>
}

export interface Finding {
  /** What was looked at, as a sentence that holds if there are no problems. */
  claim: string
  problems: string[]
}

export function prove(evidence: Evidence): Finding[] {
  return [
    everythingAcknowledged(evidence),
    archivedOnce(evidence),
    orderPerPlayer(evidence),
    handledOnce(evidence),
    resumedWhereCommitted(evidence),
    expectedAlerts(evidence),
    alertsOnce(evidence),
  ]
}

function everythingAcknowledged({ evening, acknowledged }: Evidence): Finding {
  const claim = `The broker acknowledged all ${evening.events.length.toLocaleString('en')} events of the evening.`
  const ids = new Set(acknowledged)
  const missing = evening.events.filter(({ id }) => !ids.has(id))
  return { claim, problems: missing.map(({ id }) => `${id} was not acknowledged`) }
}

function archivedOnce({ evening, acknowledged, archived }: Evidence): Finding {
  const problems: string[] = []
  const copies = countBy(archived, ({ event }) => event.id)
  for (const id of acknowledged) {
    const count = copies.get(id) ?? 0
    if (count !== 1) problems.push(`${id} was acknowledged and is in the archive ${count} times`)
  }
  const played = new Map(evening.events.map(event => [event.id, JSON.stringify(event)]))
  for (const { event } of archived) {
    if (played.get(event.id) !== JSON.stringify(event)) problems.push(`${event.id} is not as it was played`)
  }
  for (const [partition, events] of byPartition(archived)) {
    events.forEach(({ offset }, index) => {
      if (offset !== index) problems.push(`offset ${index} of partition ${partition} is not in the archive`)
    })
  }
  return { claim: 'Every acknowledged event is in the archive exactly once, as it was played.', problems }
}

function orderPerPlayer({ archived }: Evidence): Finding {
  const problems: string[] = []
  const last = new Map<string, { partition: number; sequence: number }>()
  for (const [partition, events] of byPartition(archived)) {
    for (const { event } of events) {
      const { partition: home, sequence } = last.get(event.player) ?? { partition, sequence: 0 }
      if (home !== partition) problems.push(`${event.player} is in partitions ${home} and ${partition}`)
      if (event.sequence !== sequence + 1) problems.push(`${event.id} comes after number ${sequence}`)
      last.set(event.player, { partition, sequence: event.sequence })
    }
  }
  return {
    claim: `Each of ${last.size} players' events are in the order in which they were played.`,
    problems,
  }
}

function handledOnce({ archived, handled, killed }: Evidence): Finding {
  const problems: string[] = []
  for (const [partition, end] of endsOf(archived)) {
    const byVictim = new Array<number>(end).fill(0)
    const byOthers = new Array<number>(end).fill(0)
    for (const { processor, from, to } of handled.filter(range => range.partition === partition)) {
      const times = processor === killed.processor ? byVictim : byOthers
      for (let offset = from; offset < to; offset++) times[offset]!++
    }
    const committed = killed.committed.get(partition) ?? end
    for (let offset = 0; offset < end; offset++) {
      // Of what the victim had not committed, it is all the same whether it had handled it.
      const times = byOthers[offset]! + (offset < committed ? byVictim[offset]! : 0)
      if (times === 1) continue
      problems.push(`offset ${offset} of partition ${partition} was handled ${times} times`)
    }
  }
  const claim =
    'Every event was handled once, but for what the killed processor had handled and not committed.'
  return { claim, problems }
}

function resumedWhereCommitted({ archived, handled, killed }: Evidence): Finding {
  const problems: string[] = []
  const ends = endsOf(archived)
  for (const [partition, committed] of killed.committed) {
    if (committed === ends.get(partition)) continue
    const later = handled.filter(
      range => range.partition === partition && range.processor !== killed.processor,
    )
    const resumed = Math.min(...later.map(({ from }) => from))
    if (resumed !== committed) {
      problems.push(`partition ${partition} was committed up to ${committed} and taken over at ${resumed}`)
    }
  }
  const partitions = [...killed.committed.keys()].sort((one, other) => one - other).join(' and ')
  const claim = `Partitions ${partitions} were taken over exactly where the killed processor had committed.`
  return { claim, problems }
}

function expectedAlerts({ evening, archived, alerts }: Evidence): Finding {
  const problems: string[] = []
  const raised = new Set(alerts.map(({ id }) => id))
  for (const id of evening.frauds) if (!raised.has(id)) problems.push(`the fraud ${id} was not flagged`)
  for (const id of raised) if (!evening.frauds.has(id)) problems.push(`${id} was flagged and is no fraud`)
  const placed = new Map(archived.map(({ event, partition, offset }) => [event.id, `${partition}/${offset}`]))
  for (const { id, partition, offset } of alerts) {
    if (placed.get(id) !== `${partition}/${offset}`) problems.push(`the alert of ${id} names another event`)
  }
  return { claim: `All ${evening.frauds.size} frauds were flagged, and nothing else was.`, problems }
}

function alertsOnce({ alerts, killed }: Evidence): Finding {
  const repeated = new Set(
    alerts
      .filter(({ raisedBy, partition, offset }) => {
        return raisedBy === killed.processor && offset >= (killed.committed.get(partition) ?? Infinity)
      })
      .map(({ id }) => id),
  )
  const problems: string[] = []
  for (const [id, count] of countBy(alerts, ({ id }) => id)) {
    const expected = repeated.has(id) ? 2 : 1
    if (count !== expected) problems.push(`the alert of ${id} is there ${count} times instead of ${expected}`)
  }
  const those = `the ${repeated.size} that the killed processor had raised and not committed`
  const claim = `No alert was published twice except ${those}.`
  return { claim, problems }
}

/** The archive by partition, each in the order of its offsets. */
function byPartition(archived: ArchivedEvent[]): Map<number, ArchivedEvent[]> {
  const sorted = archived.toSorted(
    (one, other) => one.partition - other.partition || one.offset - other.offset,
  )
  const partitions = new Map<number, ArchivedEvent[]>()
  for (const one of sorted) {
    const events = partitions.get(one.partition)
    if (events === undefined) partitions.set(one.partition, [one])
    else events.push(one)
  }
  return partitions
}

/** By partition, the offset behind the last event. */
function endsOf(archived: ArchivedEvent[]): Map<number, number> {
  const ends = new Map<number, number>()
  for (const { partition, offset } of archived) {
    ends.set(partition, Math.max(ends.get(partition) ?? 0, offset + 1))
  }
  return ends
}

function countBy<T>(values: T[], keyOf: (value: T) => string): Map<string, number> {
  const counts = new Map<string, number>()
  for (const value of values) counts.set(keyOf(value), (counts.get(keyOf(value)) ?? 0) + 1)
  return counts
}

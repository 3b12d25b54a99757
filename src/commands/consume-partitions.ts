/** `ottla consume` without a group: the partitions of topics from given offsets on. */
import { ClientError } from '../client/client-error.ts'
import type { ClusterClient } from '../client/cluster-client.ts'
import { type OffsetRange, offsetRanges, offsetsAt } from '../client/partition-offsets.ts'
import { type ReadRecord, RecordReader } from '../client/record-reader.ts'
import { topicsByName } from '../client/topic-metadata.ts'
import { partitionName, type TopicPartition } from '../client/topic-partitions.ts'
import type { ConsumeFlags } from './consume.ts'
import { anyOf, interruption } from './interruption.ts'
import { remark } from './output.ts'
import { RecordPrinter } from './record-printer.ts'

export async function consumePartitions(
  client: ClusterClient,
  topics: readonly string[],
  flags: ConsumeFlags,
): Promise<void> {
  const partitions = await wantedPartitions(client, topics, flags)
  const ranges = await offsetRanges(client, partitions, flags.isolationLevel)
  const startOf = await starts(client, partitions, flags)
  const start = partitions.map(partition => ({
    ...partition,
    offset: startOf(partition, ranges.get(partitionName(partition))!),
  }))
  const reader = new RecordReader(client, start, { isolation: flags.isolationLevel, onReset: remarkReset })
  const printer = new RecordPrinter(flags)
  await readToEnd({ reader, printer, partitions, ends: endsOf(flags, ranges), stop: [interruption().signal] })
  printer.reportEnd()
}

/** Where to end: at the ends as they were at the start, or nowhere, when there is more to wait for. */
export function endsOf(
  { follow, timeout }: ConsumeFlags,
  ranges: ReadonlyMap<string, OffsetRange>,
): ReadonlyMap<string, number> | undefined {
  if (follow || timeout !== undefined) return undefined
  return new Map([...ranges].map(([name, { latest }]) => [name, latest]))
}

export interface Reading {
  readonly reader: RecordReader
  readonly printer: RecordPrinter
  readonly partitions: readonly TopicPartition[]
  readonly ends: ReadonlyMap<string, number> | undefined
  readonly stop: readonly AbortSignal[]
  /** Told of what was printed, after it was. */
  readonly onPrinted?: (records: readonly ReadRecord[]) => Promise<void> | void
}

/** Reads and prints until the ends are reached, enough was printed, patience is out, or a signal says stop. */
export async function readToEnd({
  reader,
  printer,
  partitions,
  ends,
  stop,
  onPrinted,
}: Reading): Promise<void> {
  const open = new Map(partitions.map(partition => [partitionName(partition), partition]))
  const closeFinished = () => {
    if (ends === undefined) return
    for (const [name, partition] of open) {
      if (reader.position(partition)! < ends.get(name)!) continue
      reader.drop(partition)
      open.delete(name)
    }
  }
  closeFinished()
  while (open.size > 0 && !printer.hasEnough && !stop.some(({ aborted }) => aborted)) {
    const combined = anyOf(stop, printer.patienceMs)
    let records: ReadRecord[]
    try {
      records = await reader.poll(combined.signal)
    } finally {
      combined.release()
    }
    // What was produced since the start belongs to the next run.
    const wanted =
      ends === undefined
        ? records
        : records.filter(record => record.offset < ends.get(partitionName(record))!)
    const count = await printer.print(wanted)
    await onPrinted?.(wanted.slice(0, count))
    if (records.length === 0 && printer.isOutOfPatience) return
    closeFinished()
  }
}

export function remarkReset(partition: TopicPartition, from: number, to: number): void {
  remark(`Offset ${from} of ${partitionName(partition)} is not there any more: going on at ${to}.`)
}

async function wantedPartitions(
  client: ClusterClient,
  topics: readonly string[],
  flags: ConsumeFlags,
): Promise<TopicPartition[]> {
  const found = await topicsByName(client, topics)
  return found.flatMap(({ name, partitions }) => {
    const all = partitions.map(({ partition }) => partition)
    for (const partition of flags.partition ?? []) {
      if (all.includes(partition)) continue
      throw new ClientError(
        'UNKNOWN_TOPIC_OR_PARTITION',
        `Topic ${name} has no partition ${partition}; it has ${all.length}, counted from 0.`,
      )
    }
    return [...new Set(flags.partition ?? all)].map(partition => ({ topic: name, partition }))
  })
}

async function starts(
  client: ClusterClient,
  partitions: readonly TopicPartition[],
  { offset, fromTime }: ConsumeFlags,
): Promise<(partition: TopicPartition, range: OffsetRange) => number> {
  if (fromTime !== undefined) {
    const offsets = await offsetsAt(
      client,
      partitions.map(partition => ({ ...partition, timestamp: fromTime })),
    )
    // Nothing as late as that: what comes next will be.
    return (partition, { latest }) => {
      const found = offsets.get(partitionName(partition))!
      return found < 0 ? latest : found
    }
  }
  if (offset === 'latest') return (_, { latest }) => latest
  if (typeof offset !== 'number') return (_, { earliest }) => earliest
  if (offset < 0) return (_, { earliest, latest }) => Math.max(earliest, latest + offset)
  return (partition, { earliest, latest }) => {
    if (offset >= earliest && offset <= latest) return offset
    throw new ClientError(
      'OFFSET_OUT_OF_RANGE',
      `Offset ${offset} of ${partitionName(partition)} is out of range: it has ${earliest} to ${latest}.`,
    )
  }
}

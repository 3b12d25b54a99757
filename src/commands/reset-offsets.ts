/**
 * `ottla group reset-offsets`: where the offsets of a group would be moved to, and with --execute that they are.
 * As with Kafka's tool, the group must have no members, a new group may be given offsets, and an offset out of a
 * partition's range is moved to the nearer end of it.
 */
import { ClientError } from '../client/client-error.ts'
import type { ClusterClient } from '../client/cluster-client.ts'
import { describeGroup } from '../client/group-admin.ts'
import { commitOffsets, committedOffsets } from '../client/group-offsets.ts'
import { type OffsetRange, offsetRanges, offsetsAt } from '../client/partition-offsets.ts'
import { topicsByName } from '../client/topic-metadata.ts'
import { comparePartitions, partitionName, type TopicPartition } from '../client/topic-partitions.ts'
import { type ClientFlags, parseTopicPartitions, UsageError } from './command-line.ts'
import { printJson, printLine, remark, table } from './output.ts'

export interface ResetFlags extends ClientFlags {
  readonly topic?: readonly string[]
  readonly allTopics?: boolean
  readonly toEarliest?: boolean
  readonly toLatest?: boolean
  readonly toCurrent?: boolean
  readonly toOffset?: number
  readonly shiftBy?: number
  readonly toDatetime?: number
  readonly byDuration?: number
  readonly execute?: boolean
}

/** What tells a partition's new offset; undefined: it stays as it is. */
type Target = (of: { name: string; range: OffsetRange; committed: number | undefined }) => number | undefined

const inactive: ReadonlySet<string> = new Set(['Empty', 'Dead'])

export async function resetOffsets(client: ClusterClient, groupId: string, flags: ResetFlags): Promise<void> {
  checkFlags(flags)
  const group = await describeGroup(client, groupId)
  if (group !== undefined && !inactive.has(group.state)) {
    throw new ClientError(
      'NON_EMPTY_GROUP',
      `The offsets of group ${groupId} cannot be reset while it has members (its state is ${group.state}).`,
    )
  }
  const current = group === undefined ? [] : await committedOffsets(client, groupId)
  const committed = new Map(current.map(of => [partitionName(of), of.offset]))
  const partitions = await partitionsOf(client, flags, current)
  const ranges = await offsetRanges(client, partitions)
  const targetOf = await target(client, flags, partitions)
  const moves = partitions.sort(comparePartitions).flatMap(({ topic, partition }) => {
    const name = partitionName({ topic, partition })
    const range = ranges.get(name)!
    const wanted = targetOf({ name, range, committed: committed.get(name) })
    if (wanted === undefined) {
      remark(`Partition ${name} is left out: group ${groupId} has committed no offset there.`)
      return []
    }
    const offset = Math.min(Math.max(wanted, range.earliest), range.latest)
    if (offset !== wanted) {
      remark(
        `Offset ${wanted} of ${name} is out of range (${range.earliest} to ${range.latest}): taking ${offset}.`,
      )
    }
    return [{ topic, partition, currentOffset: committed.get(name), offset }]
  })
  if (flags.execute) await commitOffsets(client, groupId, moves)
  await show(groupId, moves, flags)
}

function checkFlags(flags: ResetFlags): void {
  const targets = {
    '--to-earliest': flags.toEarliest,
    '--to-latest': flags.toLatest,
    '--to-current': flags.toCurrent,
    '--to-offset': flags.toOffset,
    '--shift-by': flags.shiftBy,
    '--to-datetime': flags.toDatetime,
    '--by-duration': flags.byDuration,
  }
  const given = Object.values(targets).filter(value => value !== undefined).length
  if (given !== 1) throw new UsageError(`Say where to, with one of ${Object.keys(targets).join(', ')}.`)
  if ((flags.topic === undefined) === (flags.allTopics === undefined)) {
    throw new UsageError('Say of which topics, with --topic or with --all-topics.')
  }
}

async function partitionsOf(
  client: ClusterClient,
  flags: ResetFlags,
  current: readonly TopicPartition[],
): Promise<TopicPartition[]> {
  if (flags.allTopics) {
    if (current.length === 0)
      throw new UsageError('The group has no committed offsets: name topics with --topic.')
    return current.map(({ topic, partition }) => ({ topic, partition }))
  }
  const named = flags.topic!.map(parseTopicPartitions)
  const topics = await topicsByName(client, [...new Set(named.map(({ topic }) => topic))])
  const partitions = new Map<string, TopicPartition>()
  for (const { topic, partitions: wanted } of named) {
    const all = topics.find(({ name }) => name === topic)!.partitions.map(({ partition }) => partition)
    for (const partition of wanted ?? all)
      partitions.set(partitionName({ topic, partition }), { topic, partition })
  }
  return [...partitions.values()]
}

async function target(
  client: ClusterClient,
  flags: ResetFlags,
  partitions: readonly TopicPartition[],
): Promise<Target> {
  const { toOffset, shiftBy, toDatetime, byDuration } = flags
  if (flags.toEarliest) return ({ range }) => range.earliest
  if (flags.toLatest) return ({ range }) => range.latest
  if (flags.toCurrent) return ({ range, committed }) => committed ?? range.latest
  if (toOffset !== undefined) return () => toOffset
  if (shiftBy !== undefined)
    return ({ committed }) => (committed === undefined ? undefined : committed + shiftBy)
  const timestamp = toDatetime ?? Date.now() - byDuration!
  const offsets = await offsetsAt(
    client,
    partitions.map(partition => ({ ...partition, timestamp })),
  )
  return ({ name, range }) => {
    const offset = offsets.get(name)!
    return offset < 0 ? range.latest : offset
  }
}

interface Move extends TopicPartition {
  readonly currentOffset: number | undefined
  readonly offset: number
}

async function show(
  groupId: string,
  moves: readonly Move[],
  { json, execute = false }: ResetFlags,
): Promise<void> {
  if (json) {
    const offsets = moves.map(({ topic, partition, currentOffset, offset }) => ({
      topic,
      partition,
      currentOffset: currentOffset ?? null,
      newOffset: offset,
    }))
    return printJson({ groupId, executed: execute, offsets })
  }
  const rows = moves.map(({ topic, partition, currentOffset, offset }) => [
    groupId,
    topic,
    partition,
    currentOffset,
    offset,
  ])
  await printLine(table(['GROUP', 'TOPIC', 'PARTITION', 'CURRENT-OFFSET', 'NEW-OFFSET'], rows))
  if (!execute) remark('This was a dry run and nothing was changed; --execute does it.')
}

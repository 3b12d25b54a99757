/**
 * `ottla group describe`: who is in a group and what they were assigned, and for each partition what the group has
 * committed, where the partition ends, and the difference: its lag.
 */
import { ClientError } from '../client/client-error.ts'
import type { ClusterClient } from '../client/cluster-client.ts'
import { allGroups, describeGroup, type GroupMemberView, type GroupView } from '../client/group-admin.ts'
import { committedOffsets } from '../client/group-offsets.ts'
import { latestTimestamp, offsetsAt } from '../client/partition-offsets.ts'
import { byTopic, comparePartitions, partitionName, type TopicPartition } from '../client/topic-partitions.ts'
import type { ClientFlags } from './command-line.ts'
import { facts, printJson, printLine, table } from './output.ts'

interface PartitionProgress extends TopicPartition {
  /** undefined: nothing was committed. */
  readonly committed: number | undefined
  /** undefined: the partition is not there any more. */
  readonly end: number | undefined
  readonly member: GroupMemberView | undefined
}

export async function describe(
  client: ClusterClient,
  groups: readonly string[],
  flags: ClientFlags,
): Promise<void> {
  const described: [GroupView, PartitionProgress[]][] = []
  for (const groupId of new Set(groups)) {
    const group = await describeGroup(client, groupId)
    if (group === undefined) throw await whyNotDescribed(client, groupId)
    described.push([group, await progressOf(client, group)])
  }
  if (flags.json) return printJson(described.map(([group, progress]) => asJson(group, progress)))
  await printLine(described.map(([group, progress]) => asText(group, progress)).join('\n\n'))
}

/** There are groups of kinds that only other commands know. */
async function whyNotDescribed(client: ClusterClient, groupId: string): Promise<ClientError> {
  const listed = (await allGroups(client)).find(group => group.groupId === groupId)
  if (listed !== undefined) {
    const kind = `${listed.type} group`
    return new ClientError(
      'INVALID_REQUEST',
      `${groupId} is a ${kind}, and this command describes none of those.`,
    )
  }
  const { broker } = await client.coordinator(groupId)
  return new ClientError(
    'GROUP_ID_NOT_FOUND',
    `Group ${groupId} does not exist: its coordinator, broker ${broker}, answered GROUP_ID_NOT_FOUND.`,
  )
}

async function progressOf(client: ClusterClient, group: GroupView): Promise<PartitionProgress[]> {
  const partitions = new Map<string, TopicPartition>()
  const owners = new Map<string, GroupMemberView>()
  const committed = new Map<string, number>()
  for (const { topic, partition, offset } of await committedOffsets(client, group.groupId)) {
    const name = partitionName({ topic, partition })
    partitions.set(name, { topic, partition })
    committed.set(name, offset)
  }
  for (const member of group.members) {
    for (const assigned of member.partitions ?? []) {
      partitions.set(partitionName(assigned), assigned)
      owners.set(partitionName(assigned), member)
    }
  }
  const ends = await endsOf(client, [...partitions.values()])
  return [...partitions]
    .map(([name, { topic, partition }]) => ({
      topic,
      partition,
      committed: committed.get(name),
      end: ends.get(name),
      member: owners.get(name),
    }))
    .sort(comparePartitions)
}

/** A group outlives topics that it has read; they are left out. */
async function endsOf(
  client: ClusterClient,
  partitions: readonly TopicPartition[],
): Promise<Map<string, number>> {
  const { topics } = await client.metadata([...new Set(partitions.map(({ topic }) => topic))])
  const led = new Set(
    topics.flatMap(({ name, partitions }) =>
      partitions
        .filter(({ leaderId }) => leaderId >= 0)
        .map(({ partitionIndex }) => partitionName({ topic: name ?? '', partition: partitionIndex })),
    ),
  )
  const questions = partitions
    .filter(partition => led.has(partitionName(partition)))
    .map(({ topic, partition }) => ({ topic, partition, timestamp: latestTimestamp }))
  return offsetsAt(client, questions)
}

function lagOf({ committed, end }: PartitionProgress): number | undefined {
  return committed === undefined || end === undefined ? undefined : Math.max(0, end - committed)
}

function asJson(group: GroupView, progress: readonly PartitionProgress[]): unknown {
  return {
    groupId: group.groupId,
    type: group.type,
    state: group.state,
    protocolType: group.protocolType,
    assignor: group.assignor,
    coordinator: group.coordinator,
    members: group.members.map(({ partitions, ...member }) => ({
      ...member,
      partitions: partitions ?? null,
    })),
    offsets: progress.map(of => ({
      topic: of.topic,
      partition: of.partition,
      currentOffset: of.committed ?? null,
      logEndOffset: of.end ?? null,
      lag: lagOf(of) ?? null,
      memberId: of.member?.memberId ?? null,
    })),
  }
}

function asText(group: GroupView, progress: readonly PartitionProgress[]): string {
  const lags = progress.map(lagOf).filter(lag => lag !== undefined)
  const parts = [
    facts([
      ['Group', group.groupId],
      ['State', group.state],
      ['Type', group.type],
      ['Assignor', group.assignor === '' ? undefined : group.assignor],
      ['Coordinator', group.coordinator],
      ['Members', group.members.length],
      ['Lag', lags.length === 0 ? undefined : lags.reduce((sum, lag) => sum + lag, 0)],
    ]),
  ]
  if (group.members.length > 0) {
    const rows = group.members.map(({ memberId, groupInstanceId, clientId, host, partitions }) => [
      memberId,
      groupInstanceId ?? undefined,
      clientId,
      host,
      partitions === undefined ? undefined : shownPartitions(partitions),
    ])
    parts.push(table(['MEMBER', 'INSTANCE', 'CLIENT', 'HOST', 'PARTITIONS'], rows))
  }
  if (progress.length > 0) {
    const rows = progress.map(of => [
      of.topic,
      of.partition,
      of.committed,
      of.end,
      lagOf(of),
      of.member?.memberId,
    ])
    parts.push(table(['TOPIC', 'PARTITION', 'CURRENT-OFFSET', 'LOG-END-OFFSET', 'LAG', 'MEMBER'], rows))
  }
  return parts.join('\n\n')
}

/** `orders:0,1 payments:2` */
function shownPartitions(partitions: readonly TopicPartition[]): string {
  return byTopic(partitions)
    .map(({ topic, items }) => `${topic}:${items.map(({ partition }) => partition).join(',')}`)
    .join(' ')
}

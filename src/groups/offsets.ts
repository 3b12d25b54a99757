/** Committed offsets: OffsetCommit and OffsetFetch. How they end is in `offset-removal.ts`. */
import { type ErrorName, errorCodes } from '../../protocol-codecs/error-codes.ts'
import { zeroUuid } from '../../protocol-codecs/schema.ts'
import { type ClassicGroup, offsetsOfTopic } from './classic-group.ts'
import {
  checkMember,
  type GroupEvent,
  type OffsetCommitRequest,
  reply,
  type ShardContext,
} from './group-events.ts'
import type { CommittedOffset } from './group-records.ts'
import { createGroup, refreshSession } from './rebalance.ts'

type Of<T extends GroupEvent['type']> = Extract<GroupEvent, { type: T }>

/** From this version on a client can tell that its group is unknown from other mishaps. */
const firstVersionWithGroupNotFound = 9
/** A string in a record of a version before the flexible ones. */
const longestStringSize = 0x7fff

export function commitOffsets(context: ShardContext, event: Of<'commit'>): void {
  const { request, requestId } = event
  const error = commitError(context, event)
  const topics = request.topics.map(topic => ({
    name: topic.name,
    topicId: topic.topicId,
    partitions: topic.partitions.map(partition => ({
      partitionIndex: partition.partitionIndex,
      errorCode: errorCodes[error === 'NONE' ? commitOffset(context, request, topic, partition) : error],
    })),
  }))
  reply(context, requestId, { topics })
}

function commitError(context: ShardContext, { apiVersion, request }: Of<'commit'>): ErrorName {
  const { generationIdOrMemberEpoch: generation, groupInstanceId, memberId } = request
  const group = context.groups.get(request.groupId)
  if (group === undefined) {
    // Without a generation it comes from an administrator or from a consumer that assigns itself.
    if (generation < 0) return 'NONE'
    return apiVersion >= firstVersionWithGroupNotFound ? 'GROUP_ID_NOT_FOUND' : 'ILLEGAL_GENERATION'
  }
  if (generation < 0 && group.state === 'Empty') return 'NONE'
  if (generation < 0 && memberId === '' && groupInstanceId === null) return 'UNKNOWN_MEMBER_ID'
  const error = checkMember(group, memberId, groupInstanceId)
  if (error !== 'NONE') return error
  if (generation !== group.generation) return 'ILLEGAL_GENERATION'
  if (group.state === 'CompletingRebalance') return 'REBALANCE_IN_PROGRESS'
  refreshSession(context, group.members.get(memberId)!)
  return 'NONE'
}

type CommitTopic = OffsetCommitRequest['topics'][number]

function commitOffset(
  context: ShardContext,
  request: OffsetCommitRequest,
  topic: CommitTopic,
  partition: CommitTopic['partitions'][number],
): ErrorName {
  const { records, settings, timestampMs } = context
  const metadata = partition.committedMetadata ?? ''
  const isTooLarge =
    metadata.length > settings.maxOffsetMetadataSize || Buffer.byteLength(metadata) > longestStringSize
  if (isTooLarge) return 'OFFSET_METADATA_TOO_LARGE'
  const { groupId, retentionTimeMs } = request
  const expires = retentionTimeMs !== -1n
  const value: CommittedOffset = {
    offset: partition.committedOffset,
    metadata,
    commitTimestampMs: timestampMs,
    // The version of the record that has an expiry has neither epoch nor topic id.
    leaderEpoch: expires ? -1 : partition.committedLeaderEpoch,
    topicId: expires ? zeroUuid : topic.topicId,
    expireTimestampMs: expires ? expiryAfter(timestampMs, retentionTimeMs) : -1,
  }
  const group = context.groups.get(groupId) ?? createGroup(context, groupId)
  offsetsOfTopic(group.offsets, topic.name).set(partition.partitionIndex, value)
  records.push({ type: 'offset', groupId, topic: topic.name, partition: partition.partitionIndex, value })
  return 'NONE'
}

/** Whatever number the client sent, within what a record can say. */
function expiryAfter(timestampMs: number, retentionTimeMs: bigint): number {
  return Math.min(Math.max(0, timestampMs + Number(retentionTimeMs)), Number.MAX_SAFE_INTEGER)
}

const noOffset = { committedOffset: -1n, committedLeaderEpoch: -1, metadata: '', errorCode: errorCodes.NONE }
const unstableOffset = { ...noOffset, errorCode: errorCodes.UNSTABLE_OFFSET_COMMIT }

/** Unknown groups and partitions are no error: nothing is committed there yet. */
export function fetchOffsets(context: ShardContext, { request, requestId }: Of<'fetch'>): void {
  const { groupId, requireStable } = request
  const group = context.groups.get(groupId)
  const answer = (topic: string, topicId: string, partition: number) => {
    const partitionIndex = partition
    if (requireStable && group !== undefined && hasPendingOffset(group, topic, partition)) {
      return { partitionIndex, ...unstableOffset }
    }
    const committed = group?.offsets.get(topic)?.get(partition)
    const isOfAnother =
      committed !== undefined &&
      topicId !== zeroUuid &&
      committed.topicId !== zeroUuid &&
      topicId !== committed.topicId
    if (committed === undefined || isOfAnother) return { partitionIndex, ...noOffset }
    const { offset: committedOffset, leaderEpoch: committedLeaderEpoch, metadata } = committed
    return { partitionIndex, committedOffset, committedLeaderEpoch, metadata, errorCode: errorCodes.NONE }
  }
  const asked = request.topics ?? allTopics(group)
  const topics = asked.map(({ name, topicId, partitionIndexes }) => ({
    name,
    topicId,
    partitions: partitionIndexes.map(partition => answer(name, topicId, partition)),
  }))
  reply(context, requestId, { groupId, topics, errorCode: errorCodes.NONE })
}

function allTopics(group: ClassicGroup | undefined) {
  return [...(group?.offsets ?? [])].map(([name, partitions]) => ({
    name,
    topicId: zeroUuid,
    partitionIndexes: [...partitions.keys()],
  }))
}

/** Whether an open transaction has an offset in store for the partition. */
export function hasPendingOffset(group: ClassicGroup, topic: string, partition: number): boolean {
  for (const offsets of group.pendingOffsets.values()) if (offsets.get(topic)?.has(partition)) return true
  return false
}

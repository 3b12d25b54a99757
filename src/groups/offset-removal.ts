/**
 * How committed offsets end: with OffsetDelete, with their topic, with their group, or by age (KIP-211).
 * Each that goes leaves a tombstone in the log, which also ends what open transactions had in store for
 * the same partition.
 */
import { type ErrorName, errorCodes } from '../../protocol-codecs/error-codes.ts'
import { zeroUuid } from '../../protocol-codecs/schema.ts'
import type { ClassicGroup } from './classic-group.ts'
import { type GroupEvent, reply, type ShardContext } from './group-events.ts'
import type { CommittedOffset } from './group-records.ts'
import { hasPendingOffset } from './offsets.ts'
import { forgetIfUnused } from './rebalance.ts'
import { isSubscribedTo } from './subscribed-topics.ts'

type Of<T extends GroupEvent['type']> = Extract<GroupEvent, { type: T }>

/**
 * OffsetDelete. A group stays when the last of its offsets goes; the next look for what has expired finds it.
 * That nothing was committed is no error.
 */
export function deleteOffsets(context: ShardContext, { request, requestId }: Of<'delete-offsets'>): void {
  const group = context.groups.get(request.groupId)
  const error = deletionError(group)
  if (group === undefined || error !== 'NONE') {
    reply(context, requestId, { errorCode: errorCodes[error], throttleTimeMs: 0, topics: [] })
    return
  }
  const topics = request.topics.map(({ name, partitions }) => {
    const errorCode = errorCodes[isSubscribedTo(group, name) ? 'GROUP_SUBSCRIBED_TO_TOPIC' : 'NONE']
    return {
      name,
      partitions: partitions.map(({ partitionIndex }) => {
        if (errorCode === errorCodes.NONE && hasOffset(group, name, partitionIndex)) {
          removeOffset(context, group, name, partitionIndex)
        }
        return { partitionIndex, errorCode }
      }),
    }
  })
  reply(context, requestId, { errorCode: errorCodes.NONE, throttleTimeMs: 0, topics })
}

/** Of a group with members the broker must be able to tell what they are subscribed to. */
function deletionError(group: ClassicGroup | undefined): ErrorName {
  if (group === undefined) return 'GROUP_ID_NOT_FOUND'
  return group.state === 'Empty' || group.protocolType === 'consumer' ? 'NONE' : 'NON_EMPTY_GROUP'
}

function hasOffset(group: ClassicGroup, topic: string, partition: number): boolean {
  return group.offsets.get(topic)?.has(partition) === true || hasPendingOffset(group, topic, partition)
}

/** Takes an offset away, here and in the log. */
function removeOffset(context: ShardContext, group: ClassicGroup, topic: string, partition: number): void {
  deleteOffset(group, topic, partition)
  context.records.push({ type: 'offset', groupId: group.groupId, topic, partition, value: null })
}

/** What a tombstone does. */
export function deleteOffset(group: ClassicGroup, topic: string, partition: number): void {
  const partitions = group.offsets.get(topic)
  partitions?.delete(partition)
  if (partitions?.size === 0) group.offsets.delete(topic)
  for (const [producerId, offsets] of group.pendingOffsets) {
    const pending = offsets.get(topic)
    pending?.delete(partition)
    if (pending?.size === 0) offsets.delete(topic)
    if (offsets.size === 0) group.pendingOffsets.delete(producerId)
  }
}

/** Takes every offset for which `isGone` holds away; those of open transactions are not looked at. */
function removeOffsetsWhere(
  context: ShardContext,
  group: ClassicGroup,
  isGone: (topic: string, offset: CommittedOffset, partition: number) => boolean,
): void {
  for (const [topic, partitions] of [...group.offsets]) {
    for (const [partition, offset] of [...partitions]) {
      if (isGone(topic, offset, partition)) removeOffset(context, group, topic, partition)
    }
  }
}

/** Deletes a group that has nobody and nothing left. */
export function removeGroup(context: ShardContext, group: ClassicGroup): void {
  removeOffsetsWhere(context, group, () => true)
  if (group.isPersisted) context.records.push({ type: 'group', groupId: group.groupId, value: null })
  context.deadlines.cancel(group.joinDeadline)
  context.deadlines.cancel(group.syncDeadline)
  for (const patience of group.pendingMembers.values()) context.deadlines.cancel(patience)
  context.groups.delete(group.groupId)
}

/**
 * Removes what nobody has used for the retention time: offsets of an empty group from the moment that it became
 * empty, of a group that assigns itself from each commit, of a stable group from each commit to a topic that it
 * is no longer subscribed to; then empty groups without offsets. Ages are told by the wall clock, since they
 * outlast the process.
 */
export function expireOffsets(context: ShardContext): void {
  const { settings, timestampMs } = context
  for (const group of [...context.groups.values()]) {
    const isEmpty = group.state === 'Empty'
    const isSimple = group.protocolType === null
    const isKnownToUse = group.state === 'Stable' && group.subscribedTopics !== undefined
    if (!isSimple && !isEmpty && !isKnownToUse) continue
    // Without the time of its last change, which old records do not have, a group is as old as its commits.
    const emptySinceMs = isEmpty && !isSimple ? group.stateTimestampMs : undefined
    removeOffsetsWhere(context, group, (topic, offset, partition) => {
      if (isSubscribedTo(group, topic) || hasPendingOffset(group, topic, partition)) return false
      if (offset.expireTimestampMs !== -1) return timestampMs >= offset.expireTimestampMs
      return timestampMs - (emptySinceMs ?? offset.commitTimestampMs) >= settings.offsetsRetentionMs
    })
    const isOver =
      isEmpty &&
      group.offsets.size === 0 &&
      group.pendingOffsets.size === 0 &&
      // Whoever was given an id is about to join.
      group.pendingMembers.size === 0
    if (isOver) removeGroup(context, group)
  }
}

/**
 * Offsets end with their topic; one that was committed to another topic of the same name is none of its own. A group
 * that has nothing left is there until the next look for what has expired.
 */
export function topicsDeleted(context: ShardContext, { topics }: Of<'topics-deleted'>): void {
  for (const group of [...context.groups.values()]) {
    for (const { id, name } of topics) {
      removeOffsetsOfTopic(context, group, name, ({ topicId }) => topicId === id || topicId === zeroUuid)
    }
  }
}

/** The same for topics that were deleted before the log was read: `topicId` tells those that there are. */
export function forgetLostTopics(
  context: ShardContext,
  group: ClassicGroup,
  topicId: (name: string) => string | undefined,
): void {
  const names = new Set(group.offsets.keys())
  for (const offsets of group.pendingOffsets.values()) for (const name of offsets.keys()) names.add(name)
  for (const name of names) {
    const id = topicId(name)
    const isGone = (offset: CommittedOffset) =>
      id === undefined || (offset.topicId !== zeroUuid && offset.topicId !== id)
    removeOffsetsOfTopic(context, group, name, isGone)
  }
  forgetIfUnused(context, group)
}

/** Offsets of open transactions included. */
function removeOffsetsOfTopic(
  context: ShardContext,
  group: ClassicGroup,
  topic: string,
  isGone: (offset: CommittedOffset) => boolean,
): void {
  const gone = new Set<number>()
  for (const offsets of [group.offsets, ...group.pendingOffsets.values()]) {
    for (const [partition, offset] of offsets.get(topic) ?? []) if (isGone(offset)) gone.add(partition)
  }
  for (const partition of gone) removeOffset(context, group, topic, partition)
}

/**
 * Brings groups back from their records: the counterpart of everything that pushes to `records`. A
 * group comes back Stable with the members that its last record names, or Empty; sessions begin when
 * the whole log has been read. Offsets of a transaction stay aside until its marker.
 */
import type { ReplayedMarker, ReplayedRecord } from '../coordination/state-machine.ts'
import { type ClassicGroup, offsetsOfTopic } from './classic-group.ts'
import type { GroupEvent, ShardContext } from './group-events.ts'
import { decodeGroupRecord, type GroupMetadata, type GroupRecord } from './group-records.ts'
import { deleteOffset, forgetLostTopics } from './offset-removal.ts'
import { createGroup, forgetIfUnused, prepareRebalance, refreshSession, sessionOf } from './rebalance.ts'
import { subscribedTopics } from './subscribed-topics.ts'

export function replayRecord(context: ShardContext, { key, producerId, value }: ReplayedRecord): void {
  if (key === null) return
  const record = decodeGroupRecord(key, value)
  if (record?.type === 'group') replayGroup(context, record.groupId, record.value)
  else if (record !== undefined) replayOffset(context, record, producerId)
}

function replayGroup(context: ShardContext, groupId: string, value: GroupMetadata | null): void {
  const before = context.groups.get(groupId)
  if (before === undefined && value === null) return
  const group = createGroup(context, groupId)
  for (const [topic, partitions] of before?.offsets ?? []) group.offsets.set(topic, partitions)
  for (const [producerId, offsets] of before?.pendingOffsets ?? [])
    group.pendingOffsets.set(producerId, offsets)
  if (value === null) {
    forgetIfUnused(context, group)
    return
  }
  group.isPersisted = true
  for (const member of value.members) {
    group.add({
      memberId: member.memberId,
      instanceId: member.groupInstanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      protocolType: value.protocolType,
      protocols: [{ name: value.protocol ?? '', metadata: member.subscription }],
      rebalanceTimeoutMs: member.rebalanceTimeout === -1 ? member.sessionTimeout : member.rebalanceTimeout,
      sessionTimeoutMs: member.sessionTimeout,
      assignment: member.assignment,
      joinRequest: undefined,
      syncRequest: undefined,
      isNew: false,
      cameWithId: true,
      session: sessionOf(context, group, member.memberId),
    })
  }
  group.generation = value.generation
  group.protocolType = value.protocolType === '' ? null : value.protocolType
  group.protocolName = value.protocol
  group.leaderId = value.leader
  group.subscribedTopics = subscribedTopics(group)
  const timestampMs = value.currentStateTimestamp === -1n ? undefined : Number(value.currentStateTimestamp)
  group.restore(group.members.size === 0 ? 'Empty' : 'Stable', timestampMs)
}

function replayOffset(
  context: ShardContext,
  { groupId, partition, topic, value }: Extract<GroupRecord, { type: 'offset' }>,
  producerId: number,
): void {
  const group = context.groups.get(groupId)
  if (value === null) {
    if (group === undefined) return
    deleteOffset(group, topic, partition)
    forgetIfUnused(context, group)
    return
  }
  const kept = group ?? createGroup(context, groupId)
  let offsets = kept.offsets
  if (producerId !== -1) {
    offsets = kept.pendingOffsets.get(producerId) ?? new Map()
    kept.pendingOffsets.set(producerId, offsets)
  }
  offsetsOfTopic(offsets, topic).set(partition, value)
}

export function replayMarker(context: ShardContext, { committed, producerId }: ReplayedMarker): void {
  for (const group of [...context.groups.values()]) {
    const pending = group.pendingOffsets.get(producerId)
    if (pending === undefined) continue
    group.pendingOffsets.delete(producerId)
    if (committed) mergeOffsets(group, pending)
    forgetIfUnused(context, group)
  }
}

function mergeOffsets(group: ClassicGroup, from: ClassicGroup['offsets']): void {
  for (const [topic, partitions] of from) {
    const kept = offsetsOfTopic(group.offsets, topic)
    for (const [partition, offset] of partitions) kept.set(partition, offset)
  }
}

/** The log has been read: members have a whole session to be heard from, and offsets without a topic go. */
export function loaded(context: ShardContext, { topicId }: Extract<GroupEvent, { type: 'loaded' }>): void {
  for (const group of [...context.groups.values()]) {
    for (const member of group.members.values()) refreshSession(context, member)
    if (group.members.size > context.settings.maxGroupSize) prepareRebalance(context, group)
    forgetLostTopics(context, group, topicId)
  }
}

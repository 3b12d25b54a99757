/**
 * SyncGroup: the leader hands out assignments, the others wait for theirs. The group and its
 * assignments are in the log before anybody is told.
 */
import type { ClassicGroup } from './classic-group.ts'
import { noAssignment } from './classic-group.ts'
import {
  checkMember,
  type GroupEvent,
  reply,
  type ShardContext,
  type SyncGroupRequest,
  syncError,
} from './group-events.ts'
import { answerSyncs, groupRecord, prepareRebalance, syncAnswer } from './rebalance.ts'

type SyncEvent = Extract<GroupEvent, { type: 'sync' }>

/** A group whose record would be larger is not stored, and says so as Kafka does (there max.message.bytes is the limit). */
const maxRecordBytes = 8 * 1024 * 1024

export function syncGroup(context: ShardContext, { request, requestId }: SyncEvent): void {
  const group = context.groups.get(request.groupId)
  const error = group === undefined ? 'UNKNOWN_MEMBER_ID' : problem(group, request)
  const member = group?.members.get(request.memberId)
  if (error !== undefined || group === undefined || member === undefined) {
    reply(context, requestId, syncError(error ?? 'UNKNOWN_MEMBER_ID'))
    return
  }
  group.pendingSync.delete(member.memberId)
  if (group.pendingSync.size === 0) context.deadlines.cancel(group.syncDeadline)
  if (group.state === 'Stable') {
    reply(context, requestId, syncAnswer(group, member))
    return
  }
  if (member.syncRequest !== undefined) reply(context, member.syncRequest, syncError('REBALANCE_IN_PROGRESS'))
  member.syncRequest = requestId
  if (group.leaderId !== member.memberId) return
  const assignments = new Map(request.assignments.map(({ memberId, assignment }) => [memberId, assignment]))
  for (const each of group.members.values()) each.assignment = assignments.get(each.memberId) ?? noAssignment
  if (recordBytes(group) > maxRecordBytes) {
    prepareRebalance(context, group, 'UNKNOWN_SERVER_ERROR')
    return
  }
  group.transitionTo('Stable', context.timestampMs)
  context.records.push(groupRecord(group))
  answerSyncs(context, group, 'NONE')
}

/** What the record of a group takes, names and numbers aside. */
function recordBytes(group: ClassicGroup): number {
  let bytes = 0
  for (const member of group.members.values()) {
    bytes += group.metadataOf(member, group.protocolName).length + member.assignment.length
  }
  return bytes
}

function problem(group: ClassicGroup, request: SyncGroupRequest) {
  const error = checkMember(group, request.memberId, request.groupInstanceId)
  if (error !== 'NONE') return error
  if (request.generationId !== group.generation) return 'ILLEGAL_GENERATION' as const
  const { protocolType, protocolName } = request
  const isConsistent =
    (protocolType === null || protocolType === group.protocolType) &&
    (protocolName === null || protocolName === group.protocolName)
  if (!isConsistent) return 'INCONSISTENT_GROUP_PROTOCOL' as const
  return group.state === 'PreparingRebalance' ? ('REBALANCE_IN_PROGRESS' as const) : undefined
}

/** Staying in a group and leaving it: Heartbeat, LeaveGroup, and clients that are gone. */
import { errorCodes } from '../../protocol-codecs/error-codes.ts'
import type { ClassicGroup } from './classic-group.ts'
import {
  checkMember,
  type GroupEvent,
  type HeartbeatRequest,
  type LeaveGroupRequest,
  reply,
  type ShardContext,
} from './group-events.ts'
import {
  completeJoinIfAllHaveJoined,
  dropMember,
  forgetIfUnused,
  prepareRebalance,
  refreshSession,
  removeMember,
} from './rebalance.ts'

type Of<T extends GroupEvent['type']> = Extract<GroupEvent, { type: T }>

export function heartbeat(context: ShardContext, { request, requestId }: Of<'heartbeat'>): void {
  reply(context, requestId, { errorCode: errorCodes[heartbeatError(context, request)] })
}

function heartbeatError(context: ShardContext, request: HeartbeatRequest) {
  const group = context.groups.get(request.groupId)
  if (group === undefined) return 'UNKNOWN_MEMBER_ID'
  const error = checkMember(group, request.memberId, request.groupInstanceId)
  if (error !== 'NONE') return error
  if (request.generationId !== group.generation) return 'ILLEGAL_GENERATION'
  refreshSession(context, group.members.get(request.memberId)!)
  return group.state === 'PreparingRebalance' ? 'REBALANCE_IN_PROGRESS' : 'NONE'
}

export function leaveGroup(context: ShardContext, { request, requestId }: Of<'leave'>): void {
  const group = context.groups.get(request.groupId)
  let hasLeft = false
  const members = request.members.map(({ memberId, groupInstanceId }) => {
    const error = group === undefined ? 'UNKNOWN_MEMBER_ID' : leave(context, group, memberId, groupInstanceId)
    if (error === 'NONE') hasLeft = true
    return { memberId, groupInstanceId, errorCode: errorCodes[error] }
  })
  reply(context, requestId, { errorCode: errorCodes.NONE, members })
  if (group === undefined) return
  if (hasLeft) {
    if (group.state === 'Stable' || group.state === 'CompletingRebalance') prepareRebalance(context, group)
    else completeJoinIfAllHaveJoined(context, group)
  }
  forgetIfUnused(context, group)
}

/** An administrator removes a static member by its instance id alone. */
function leave(
  context: ShardContext,
  group: ClassicGroup,
  memberId: LeaveGroupRequest['members'][number]['memberId'],
  instanceId: string | null,
) {
  if (memberId === '') {
    const member = group.members.get(instanceId === null ? '' : (group.memberIdOfInstance(instanceId) ?? ''))
    if (member === undefined) return 'UNKNOWN_MEMBER_ID'
    dropMember(context, group, member)
    return 'NONE'
  }
  const pending = group.pendingMembers.get(memberId)
  if (pending !== undefined) {
    context.deadlines.cancel(pending)
    group.pendingMembers.delete(memberId)
    return 'NONE'
  }
  const error = checkMember(group, memberId, instanceId)
  if (error === 'NONE') dropMember(context, group, group.members.get(memberId)!)
  return error
}

/**
 * A lost connection says nothing about a member: its client may come back on another. Only a dynamic
 * member that joined without an id and was never answered is gone for good, since its client does not
 * know who it is.
 */
export function disconnected(context: ShardContext, { groupId, requestId }: Of<'disconnect'>): void {
  const group = context.groups.get(groupId)
  if (group === undefined) return
  for (const member of group.members.values()) {
    if (member.joinRequest !== requestId) continue
    if (member.isNew && member.instanceId === null && !member.cameWithId) removeMember(context, group, member)
    return
  }
}

/**
 * The course of a rebalance: PreparingRebalance until all members have joined or time is up, then
 * CompletingRebalance until the leader's assignment comes, and what becomes of members that fail to do
 * their part. The group's first rebalance waits a little for more members (KIP-134).
 */
import { type ErrorName, errorCodes } from '../../protocol-codecs/error-codes.ts'
import { Deadline } from '../coordination/deadlines.ts'
import { ClassicGroup, type Member, noAssignment } from './classic-group.ts'
import { type JoinGroupResponse, joinError, reply, type ShardContext, syncError } from './group-events.ts'
import type { GroupRecord } from './group-records.ts'
import { subscribedTopics } from './subscribed-topics.ts'

export function createGroup(context: ShardContext, groupId: string): ClassicGroup {
  const group: ClassicGroup = new ClassicGroup(
    groupId,
    new Deadline(() => joinTimeIsUp(context, group)),
    new Deadline(() => syncTimeIsUp(context, group)),
  )
  context.groups.set(groupId, group)
  return group
}

/** Where a group without members, ids given out, offsets or trace in the log has nothing to be kept for. */
export function forgetIfUnused(context: ShardContext, group: ClassicGroup): void {
  const isUsed =
    group.state !== 'Empty' ||
    group.isPersisted ||
    group.pendingMembers.size > 0 ||
    group.offsets.size > 0 ||
    group.pendingOffsets.size > 0
  if (!isUsed) context.groups.delete(group.groupId)
}

export function sessionOf(context: ShardContext, group: ClassicGroup, memberId: string): Deadline {
  return new Deadline(() => sessionIsOver(context, group, memberId))
}

export function refreshSession(context: ShardContext, member: Member): void {
  context.deadlines.set(member.session, context.nowMs + member.sessionTimeoutMs)
}

/** A snapshot of the group for its record; assignments stand for the protocol that was chosen. */
export function groupRecord(group: ClassicGroup): GroupRecord {
  group.isPersisted = true
  return {
    type: 'group',
    groupId: group.groupId,
    value: {
      protocolType: group.protocolType ?? '',
      generation: group.generation,
      protocol: group.protocolName,
      leader: group.leaderId,
      currentStateTimestamp: BigInt(group.stateTimestampMs ?? -1),
      members: [...group.members.values()].map(member => ({
        memberId: member.memberId,
        groupInstanceId: member.instanceId,
        clientId: member.clientId,
        clientHost: member.clientHost,
        rebalanceTimeout: member.rebalanceTimeoutMs,
        sessionTimeout: member.sessionTimeoutMs,
        subscription: group.metadataOf(member, group.protocolName),
        assignment: member.assignment,
      })),
    },
  }
}

/** What a member is told of its group's present generation; the leader of everybody in it. */
export function joinedAnswer(group: ClassicGroup, member: Member): JoinGroupResponse {
  const isLeader = group.leaderId === member.memberId
  return {
    errorCode: errorCodes.NONE,
    generationId: group.generation,
    protocolType: group.protocolType,
    protocolName: group.protocolName,
    leader: group.leaderId ?? '',
    skipAssignment: false,
    memberId: member.memberId,
    members: isLeader ? membersForLeader(group) : [],
  }
}

export function membersForLeader(group: ClassicGroup): JoinGroupResponse['members'] {
  return [...group.members.values()].map(member => ({
    memberId: member.memberId,
    groupInstanceId: member.instanceId,
    metadata: group.metadataOf(member, group.protocolName),
  }))
}

export function answerJoin(
  context: ShardContext,
  group: ClassicGroup,
  member: Member,
  response: JoinGroupResponse,
): void {
  const requestId = group.setJoinRequest(member, undefined)
  if (requestId !== undefined) reply(context, requestId, response)
}

/** Gives every member that waits for the leader its assignment, or an error. */
export function answerSyncs(context: ShardContext, group: ClassicGroup, error: ErrorName): void {
  for (const member of group.members.values()) {
    if (member.syncRequest === undefined) continue
    reply(context, member.syncRequest, error === 'NONE' ? syncAnswer(group, member) : syncError(error))
    member.syncRequest = undefined
    // A session that ended during the wait was let pass.
    refreshSession(context, member)
  }
}

export function syncAnswer(group: ClassicGroup, member: Member) {
  return {
    errorCode: errorCodes.NONE,
    protocolType: group.protocolType,
    protocolName: group.protocolName,
    assignment: member.assignment,
  }
}

/** Starts a rebalance where none is being prepared, or sees whether the one under way is complete. */
export function rebalanceOrCompleteJoin(context: ShardContext, group: ClassicGroup): void {
  if (group.state === 'PreparingRebalance') completeJoinIfAllHaveJoined(context, group)
  else prepareRebalance(context, group)
}

/** `reason` is what members that wait for an assignment are told; they come back and join again. */
export function prepareRebalance(
  context: ShardContext,
  group: ClassicGroup,
  reason: ErrorName = 'REBALANCE_IN_PROGRESS',
): void {
  const { deadlines, settings, nowMs, timestampMs } = context
  if (group.state === 'CompletingRebalance') {
    for (const member of group.members.values()) member.assignment = noAssignment
    answerSyncs(context, group, reason)
  }
  group.pendingSync.clear()
  deadlines.cancel(group.syncDeadline)
  const isFirst = group.state === 'Empty'
  group.transitionTo('PreparingRebalance', timestampMs)
  if (isFirst) {
    const delayMs = settings.initialRebalanceDelayMs
    group.newMemberAdded = false
    group.initialDelayRemainingMs = Math.max(rebalanceTimeoutMs(group) - delayMs, 0)
    deadlines.set(group.joinDeadline, nowMs + delayMs)
  } else if (group.hasAllMembersJoined) {
    completeJoin(context, group)
  } else {
    deadlines.set(group.joinDeadline, nowMs + rebalanceTimeoutMs(group))
  }
}

/** The first rebalance ends with its delay only, however few have come. */
export function completeJoinIfAllHaveJoined(context: ShardContext, group: ClassicGroup): void {
  if (group.state !== 'PreparingRebalance' || group.previousState === 'Empty') return
  if (group.hasAllMembersJoined) completeJoin(context, group)
}

function rebalanceTimeoutMs(group: ClassicGroup): number {
  let longestMs = 0
  for (const member of group.members.values()) longestMs = Math.max(longestMs, member.rebalanceTimeoutMs)
  return longestMs
}

function joinTimeIsUp(context: ShardContext, group: ClassicGroup): void {
  if (group.state !== 'PreparingRebalance') return
  if (group.previousState !== 'Empty' || !group.newMemberAdded || group.initialDelayRemainingMs === 0) {
    completeJoin(context, group)
    return
  }
  group.newMemberAdded = false
  const delayMs = Math.min(context.settings.initialRebalanceDelayMs, group.initialDelayRemainingMs)
  group.initialDelayRemainingMs -= delayMs
  context.deadlines.set(group.joinDeadline, context.nowMs + delayMs)
}

/** Ends the join phase: who has not rejoined is out (static members stay), the rest is a new generation. */
function completeJoin(context: ShardContext, group: ClassicGroup): void {
  const { deadlines, nowMs, timestampMs } = context
  deadlines.cancel(group.joinDeadline)
  for (const member of [...group.members.values()]) {
    if (member.joinRequest === undefined && member.instanceId === null) dropMember(context, group, member)
  }
  if (group.members.size > 0 && !electJoinedLeader(group)) {
    // Only static members are left and none has come back: they have until their sessions end.
    deadlines.set(group.joinDeadline, nowMs + rebalanceTimeoutMs(group))
    return
  }
  group.generation = group.generation === 0x7fffffff ? 1 : group.generation + 1
  group.pendingSync.clear()
  if (group.members.size === 0) {
    group.protocolName = null
    group.subscribedTopics = subscribedTopics(group)
    group.transitionTo('Empty', timestampMs)
    context.records.push(groupRecord(group))
    return
  }
  group.protocolName = group.selectProtocol()
  group.subscribedTopics = subscribedTopics(group)
  group.transitionTo('CompletingRebalance', timestampMs)
  for (const member of group.members.values()) {
    answerJoin(context, group, member, joinedAnswer(group, member))
    refreshSession(context, member)
    member.isNew = false
    group.pendingSync.add(member.memberId)
  }
  deadlines.set(group.syncDeadline, nowMs + rebalanceTimeoutMs(group))
}

/** The leader stays if it has joined, else the first member that has takes over; false: nobody has. */
function electJoinedLeader(group: ClassicGroup): boolean {
  const leader = group.leaderId === null ? undefined : group.members.get(group.leaderId)
  if (leader?.joinRequest !== undefined) return true
  for (const member of group.members.values()) {
    if (member.joinRequest === undefined) continue
    group.leaderId = member.memberId
    return true
  }
  return false
}

function syncTimeIsUp(context: ShardContext, group: ClassicGroup): void {
  if (group.state !== 'CompletingRebalance' && group.state !== 'Stable') return
  if (group.pendingSync.size === 0) return
  for (const memberId of [...group.pendingSync]) {
    const member = group.members.get(memberId)
    if (member !== undefined) dropMember(context, group, member)
  }
  prepareRebalance(context, group)
}

function sessionIsOver(context: ShardContext, group: ClassicGroup, memberId: string): void {
  if (group.pendingMembers.delete(memberId)) {
    afterPendingMemberLeft(context, group)
    return
  }
  const member = group.members.get(memberId)
  if (member === undefined) return
  // Who waits for an answer of ours cannot send heartbeats. New members are timed all the same: their
  // clients may have given up without ever learning their id.
  const isWaiting = member.joinRequest !== undefined || member.syncRequest !== undefined
  if (isWaiting && !member.isNew) return
  removeMember(context, group, member)
}

/** Takes a member out, in whatever phase its group is, and goes on without it. */
export function removeMember(context: ShardContext, group: ClassicGroup, member: Member): void {
  dropMember(context, group, member)
  if (group.state === 'Stable' || group.state === 'CompletingRebalance') prepareRebalance(context, group)
  else if (group.state === 'PreparingRebalance' && group.hasAllMembersJoined) completeJoin(context, group)
}

export function afterPendingMemberLeft(context: ShardContext, group: ClassicGroup): void {
  if (group.state === 'PreparingRebalance' && group.hasAllMembersJoined) completeJoin(context, group)
  forgetIfUnused(context, group)
}

/** Takes a member out and refuses what it waits for; its group's phase is the caller's to look after. */
export function dropMember(context: ShardContext, group: ClassicGroup, member: Member): void {
  context.deadlines.cancel(member.session)
  answerJoin(context, group, member, joinError('UNKNOWN_MEMBER_ID', ''))
  if (member.syncRequest !== undefined) reply(context, member.syncRequest, syncError('UNKNOWN_MEMBER_ID'))
  member.syncRequest = undefined
  group.remove(member.memberId)
}

/**
 * JoinGroup: how members come in. A dynamic member of version 4 or later is first given an id and must
 * come back with it (KIP-394); a static member (KIP-345) takes the place of whoever held its instance
 * id before, without a rebalance if the group's protocol stays; a member that comes back starts a
 * rebalance, unless it is a follower with nothing new to say.
 */
import { Deadline } from '../coordination/deadlines.ts'
import type { RequestId } from '../coordination/state-machine.ts'
import { type ClassicGroup, type Member, noAssignment, sameProtocols } from './classic-group.ts'
import {
  checkMember,
  type GroupEvent,
  joinError,
  reply,
  type ShardContext,
  syncError,
} from './group-events.ts'
import {
  afterPendingMemberLeft,
  answerJoin,
  completeJoinIfAllHaveJoined,
  createGroup,
  dropMember,
  groupRecord,
  joinedAnswer,
  prepareRebalance,
  rebalanceOrCompleteJoin,
  refreshSession,
  sessionOf,
} from './rebalance.ts'

type JoinEvent = Extract<GroupEvent, { type: 'join' }>

/** How long a JoinGroup of a member that may not know its id is held before the member is given up (Kafka's constant). */
const newMemberJoinTimeoutMs = 5 * 60 * 1000
/** First version whose clients come back with the id that they are given. */
const firstVersionWithKnownId = 4
/** First version in which a leader that takes over may be told to leave the assignment as it is (KIP-814). */
const firstVersionWithSkippedAssignment = 9
/** Ids given out and not joined with; beyond this the oldest is forgotten, its client will ask anew. */
const maxPendingMembers = 10_000

export function joinGroup(context: ShardContext, event: JoinEvent): void {
  const { request, requestId } = event
  const { groupId, memberId } = request
  let group = context.groups.get(groupId)
  if (group === undefined) {
    if (memberId !== '') {
      reply(context, requestId, joinError('UNKNOWN_MEMBER_ID', memberId))
      return
    }
    group = createGroup(context, groupId)
  }
  if (!hasRoomFor(context, group, memberId)) {
    reply(context, requestId, joinError('GROUP_MAX_SIZE_REACHED', ''))
    turnAway(context, group, memberId)
  } else if (!group.supports(request.protocolType, request.protocols)) {
    reply(context, requestId, joinError('INCONSISTENT_GROUP_PROTOCOL', memberId))
  } else if (memberId !== '') {
    joinExisting(context, group, event)
  } else if (request.groupInstanceId !== null) {
    joinStatic(context, group, event, request.groupInstanceId)
  } else if (event.apiVersion >= firstVersionWithKnownId) {
    giveMemberId(context, group, event)
  } else {
    addMember(context, group, event, event.newMemberId)
  }
}

/** While members rejoin, those that have count; a group that has shrunk below its size loses the last to come. */
function hasRoomFor(context: ShardContext, group: ClassicGroup, memberId: string): boolean {
  const { maxGroupSize } = context.settings
  switch (group.state) {
    case 'Empty':
      return true
    case 'PreparingRebalance':
      return group.members.get(memberId)?.joinRequest !== undefined || group.joiningCount < maxGroupSize
    default:
      return group.members.has(memberId) || group.members.size < maxGroupSize
  }
}

function turnAway(context: ShardContext, group: ClassicGroup, memberId: string): void {
  const pending = group.pendingMembers.get(memberId)
  if (pending !== undefined) {
    context.deadlines.cancel(pending)
    group.pendingMembers.delete(memberId)
    completeJoinIfAllHaveJoined(context, group)
  }
  const member = group.members.get(memberId)
  if (member === undefined) return
  dropMember(context, group, member)
  completeJoinIfAllHaveJoined(context, group)
}

function giveMemberId(context: ShardContext, group: ClassicGroup, event: JoinEvent): void {
  const { newMemberId, request, requestId } = event
  if (group.pendingMembers.size >= maxPendingMembers) {
    const [oldest, deadline] = group.pendingMembers.entries().next().value!
    context.deadlines.cancel(deadline)
    group.pendingMembers.delete(oldest)
  }
  const patience = new Deadline(() => {
    group.pendingMembers.delete(newMemberId)
    afterPendingMemberLeft(context, group)
  })
  group.pendingMembers.set(newMemberId, patience)
  context.deadlines.set(patience, context.nowMs + request.sessionTimeoutMs)
  reply(context, requestId, joinError('MEMBER_ID_REQUIRED', newMemberId))
}

function addMember(context: ShardContext, group: ClassicGroup, event: JoinEvent, memberId: string): void {
  const { request, requestId } = event
  const pending = group.pendingMembers.get(memberId)
  if (pending !== undefined) context.deadlines.cancel(pending)
  group.pendingMembers.delete(memberId)
  const member: Member = {
    memberId,
    instanceId: request.groupInstanceId,
    clientId: event.clientId,
    clientHost: event.clientHost,
    protocolType: request.protocolType,
    protocols: request.protocols,
    rebalanceTimeoutMs: rebalanceTimeoutMs(event),
    sessionTimeoutMs: request.sessionTimeoutMs,
    assignment: noAssignment,
    joinRequest: requestId,
    syncRequest: undefined,
    isNew: true,
    cameWithId: memberId === request.memberId,
    session: sessionOf(context, group, memberId),
  }
  if (group.state === 'PreparingRebalance' && group.previousState === 'Empty') group.newMemberAdded = true
  group.add(member)
  context.deadlines.set(member.session, context.nowMs + newMemberJoinTimeoutMs)
  rebalanceOrCompleteJoin(context, group)
}

/** Version 0 has no rebalance timeout: its session timeout stands for both. */
function rebalanceTimeoutMs({ apiVersion, request }: JoinEvent): number {
  return apiVersion === 0 ? request.sessionTimeoutMs : Math.max(0, request.rebalanceTimeoutMs)
}

function joinExisting(context: ShardContext, group: ClassicGroup, event: JoinEvent): void {
  const { request, requestId } = event
  const { memberId } = request
  if (group.pendingMembers.has(memberId) && request.groupInstanceId === null) {
    addMember(context, group, event, memberId)
    return
  }
  const error = checkMember(group, memberId, request.groupInstanceId)
  const member = group.members.get(memberId)
  if (error !== 'NONE' || member === undefined) {
    reply(context, requestId, joinError(error === 'NONE' ? 'UNKNOWN_MEMBER_ID' : error, memberId))
    return
  }
  const isUnchanged = sameProtocols(member.protocols, request.protocols)
  const keepsGeneration =
    (group.state === 'CompletingRebalance' && isUnchanged) ||
    // A leader that rejoins wants a new assignment: it may have seen what the broker does not.
    (group.state === 'Stable' && isUnchanged && group.leaderId !== memberId)
  if (keepsGeneration) {
    reply(context, requestId, joinedAnswer(group, member))
    return
  }
  updateMember(context, group, member, event)
  rebalanceOrCompleteJoin(context, group)
}

function updateMember(context: ShardContext, group: ClassicGroup, member: Member, event: JoinEvent): void {
  group.setProtocols(member, event.request.protocols)
  member.rebalanceTimeoutMs = rebalanceTimeoutMs(event)
  member.sessionTimeoutMs = event.request.sessionTimeoutMs
  park(context, group, member, event.requestId)
}

/** A client that asks again has given its earlier request up. */
function park(context: ShardContext, group: ClassicGroup, member: Member, requestId: RequestId): void {
  const earlier = group.setJoinRequest(member, requestId)
  if (earlier !== undefined) reply(context, earlier, joinError('REBALANCE_IN_PROGRESS', member.memberId))
}

function joinStatic(context: ShardContext, group: ClassicGroup, event: JoinEvent, instanceId: string): void {
  const predecessor = group.members.get(group.memberIdOfInstance(instanceId) ?? '')
  if (predecessor === undefined) {
    addMember(context, group, event, event.newMemberId)
    return
  }
  const leaderBefore = group.leaderId ?? ''
  const member = takeOver(context, group, predecessor, event)
  if (group.state === 'CompletingRebalance') {
    // The leader may have assigned to the id that is gone.
    prepareRebalance(context, group)
  } else if (group.state === 'PreparingRebalance') {
    completeJoinIfAllHaveJoined(context, group)
  } else if (group.selectProtocol() !== group.protocolName) {
    prepareRebalance(context, group)
  } else {
    context.records.push(groupRecord(group))
    const answer = joinedAnswer(group, member)
    const skipsAssignment = event.apiVersion >= firstVersionWithSkippedAssignment
    answerJoin(
      context,
      group,
      member,
      skipsAssignment
        ? { ...answer, skipAssignment: group.leaderId === member.memberId }
        : // Told that another leads, a client that knows no skipAssignment does not assign anew.
          { ...answer, leader: leaderBefore, members: [] },
    )
  }
}

/** Replaces a static member by itself under a new id; who still waits under the old one is fenced. */
function takeOver(context: ShardContext, group: ClassicGroup, predecessor: Member, event: JoinEvent): Member {
  const memberId = event.newMemberId
  answerJoin(context, group, predecessor, joinError('FENCED_INSTANCE_ID', predecessor.memberId))
  if (predecessor.syncRequest !== undefined) {
    reply(context, predecessor.syncRequest, syncError('FENCED_INSTANCE_ID'))
  }
  context.deadlines.cancel(predecessor.session)
  const member: Member = {
    ...predecessor,
    memberId,
    joinRequest: undefined,
    syncRequest: undefined,
    isNew: false,
    session: sessionOf(context, group, memberId),
  }
  group.replace(predecessor, member)
  updateMember(context, group, member, event)
  refreshSession(context, member)
  return member
}

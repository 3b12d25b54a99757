/** What administrators ask of groups: DescribeGroups, ListGroups, DeleteGroups. */
import { errorCodes } from '../../protocol-codecs/error-codes.ts'
import { noAssignment } from './classic-group.ts'
import {
  type DeletedGroup,
  type DescribedGroup,
  type GroupEvent,
  reply,
  type ShardContext,
} from './group-events.ts'
import { removeGroup } from './offset-removal.ts'

type Of<T extends GroupEvent['type']> = Extract<GroupEvent, { type: T }>

/** From this version on an unknown group is an error; before, it is a dead one. */
const firstVersionWithGroupNotFound = 6

export function describeGroups(
  context: ShardContext,
  { apiVersion, groupIds, requestId }: Of<'describe'>,
): void {
  reply(
    context,
    requestId,
    groupIds.map(groupId => describeGroup(context, groupId, apiVersion)),
  )
}

function describeGroup(context: ShardContext, groupId: string, apiVersion: number): DescribedGroup {
  const group = context.groups.get(groupId)
  if (group === undefined) {
    const dead = { groupId, groupState: 'Dead', protocolType: '', protocolData: '', members: [] }
    if (apiVersion < firstVersionWithGroupNotFound) return { ...dead, errorCode: errorCodes.NONE }
    return { ...dead, errorCode: errorCodes.GROUP_ID_NOT_FOUND, errorMessage: `Group ${groupId} not found.` }
  }
  const isStable = group.state === 'Stable'
  return {
    errorCode: errorCodes.NONE,
    groupId,
    groupState: group.state,
    protocolType: group.protocolType ?? '',
    protocolData: isStable ? (group.protocolName ?? '') : '',
    members: [...group.members.values()].map(member => ({
      memberId: member.memberId,
      groupInstanceId: member.instanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      memberMetadata: isStable ? group.metadataOf(member, group.protocolName) : noAssignment,
      memberAssignment: member.assignment,
    })),
  }
}

export function listGroups(context: ShardContext, { request, requestId }: Of<'list'>): void {
  const states = new Set(request.statesFilter.map(state => state.trim().toLowerCase()))
  const types = new Set(request.typesFilter.map(type => type.trim().toLowerCase()))
  const isClassicAsked = types.size === 0 || types.has('classic')
  const groups = isClassicAsked ? [...context.groups.values()] : []
  reply(
    context,
    requestId,
    groups
      .filter(({ state }) => states.size === 0 || states.has(state.toLowerCase()))
      .map(({ groupId, protocolType, state }) => ({
        groupId,
        protocolType: protocolType ?? '',
        groupState: state,
        groupType: 'classic',
      })),
  )
}

export function deleteGroups(context: ShardContext, { groupIds, requestId }: Of<'delete'>): void {
  reply(
    context,
    requestId,
    groupIds.map(groupId => deleteGroup(context, groupId)),
  )
}

function deleteGroup(context: ShardContext, groupId: string): DeletedGroup {
  const group = context.groups.get(groupId)
  if (group === undefined) return { groupId, errorCode: errorCodes.GROUP_ID_NOT_FOUND }
  if (group.state !== 'Empty') return { groupId, errorCode: errorCodes.NON_EMPTY_GROUP }
  removeGroup(context, group)
  return { groupId, errorCode: errorCodes.NONE }
}

/** Listing, describing and deleting groups, of the classic protocol and of KIP-848's. */
import { errorCodes, errorName } from '../../protocol-codecs/error-codes.ts'
import {
  consumerGroupDescribeRequest,
  consumerGroupDescribeResponse,
} from '../../protocol-codecs/messages/consumer-group-describe.ts'
import { deleteGroupsRequest, deleteGroupsResponse } from '../../protocol-codecs/messages/delete-groups.ts'
import {
  describeGroupsRequest,
  describeGroupsResponse,
} from '../../protocol-codecs/messages/describe-groups.ts'
import { listGroupsRequest, listGroupsResponse } from '../../protocol-codecs/messages/list-groups.ts'
import { throwIfRefused } from './client-error.ts'
import type { ClusterClient } from './cluster-client.ts'
import type { Connection } from './connection.ts'
import { consumerProtocolType, decodeAssignment } from './consumer-protocol.ts'
import { comparePartitions, type TopicPartition } from './topic-partitions.ts'

const listGroups = { request: listGroupsRequest, response: listGroupsResponse } as const
const describeGroups = { request: describeGroupsRequest, response: describeGroupsResponse } as const
const describeConsumerGroups = {
  request: consumerGroupDescribeRequest,
  response: consumerGroupDescribeResponse,
} as const
const deleteGroups = { request: deleteGroupsRequest, response: deleteGroupsResponse } as const

export interface ListedGroup {
  readonly groupId: string
  /** As in Kafka's documentation: Classic, Consumer, Share, Streams; '' from a broker too old to say. */
  readonly type: string
  readonly state: string
  readonly protocolType: string
}

export interface GroupMemberView {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly clientId: string
  readonly host: string
  /** undefined: it speaks something that we cannot read. */
  readonly partitions: readonly TopicPartition[] | undefined
}

export interface GroupView {
  readonly groupId: string
  readonly type: string
  readonly state: string
  readonly protocolType: string
  readonly assignor: string
  readonly coordinator: string
  readonly members: readonly GroupMemberView[]
}

/** The groups of all coordinators, by name. */
export async function allGroups(client: ClusterClient): Promise<ListedGroup[]> {
  const groups = await client.retrying(
    async () => {
      const brokers = await client.brokers()
      return Promise.all(brokers.map(({ nodeId }) => groupsOf(client, nodeId)))
    },
    { afterLostConnection: true },
  )
  return groups.flat().sort((one, other) => (one.groupId < other.groupId ? -1 : 1))
}

async function groupsOf(client: ClusterClient, nodeId: number): Promise<ListedGroup[]> {
  const connection = await client.node(nodeId)
  const answer = await connection.send(listGroups, {})
  throwIfRefused('Cannot list groups', connection.broker, answer.errorCode)
  return answer.groups.map(({ groupId, protocolType, groupState, groupType }) => ({
    groupId,
    type: capitalized(groupType),
    state: groupState,
    protocolType,
  }))
}

/** Brokers say `classic`, Kafka's documentation and tools `Classic`. */
function capitalized(name: string): string {
  return name.slice(0, 1).toUpperCase() + name.slice(1)
}

/** undefined: there is no such group. */
export async function describeGroup(client: ClusterClient, groupId: string): Promise<GroupView | undefined> {
  return client.atCoordinator(
    groupId,
    async connection =>
      (await describeClassic(connection, groupId)) ?? (await describeModern(connection, groupId)),
    { afterLostConnection: true },
  )
}

async function describeClassic(connection: Connection, groupId: string): Promise<GroupView | undefined> {
  const answer = await connection.send(describeGroups, { groups: [groupId] })
  const group = answer.groups[0]!
  // Since version 6 a missing group, or one of another protocol, is an error; before, it is "Dead".
  if (errorName(group.errorCode) === 'GROUP_ID_NOT_FOUND' || group.groupState === 'Dead') return undefined
  const what = `Cannot describe group ${groupId}`
  throwIfRefused(what, connection.broker, group.errorCode, group.errorMessage)
  const isOfConsumers = group.protocolType === consumerProtocolType
  return {
    groupId,
    type: 'Classic',
    state: group.groupState,
    protocolType: group.protocolType,
    assignor: group.protocolData,
    coordinator: connection.broker,
    members: group.members.map(({ memberId, groupInstanceId, clientId, clientHost, memberAssignment }) => ({
      memberId,
      groupInstanceId,
      clientId,
      host: clientHost.replace(/^\//, ''),
      partitions: isOfConsumers ? decodeAssignment(memberAssignment) : undefined,
    })),
  }
}

async function describeModern(connection: Connection, groupId: string): Promise<GroupView | undefined> {
  if (connection.versionOf(describeConsumerGroups) === undefined) return undefined
  const answer = await connection.send(describeConsumerGroups, {
    groupIds: [groupId],
    includeAuthorizedOperations: false,
  })
  const group = answer.groups[0]!
  if (errorName(group.errorCode) === 'GROUP_ID_NOT_FOUND') return undefined
  const what = `Cannot describe group ${groupId}`
  throwIfRefused(what, connection.broker, group.errorCode, group.errorMessage)
  return {
    groupId,
    type: 'Consumer',
    state: group.groupState,
    protocolType: consumerProtocolType,
    assignor: group.assignorName,
    coordinator: connection.broker,
    members: group.members.map(({ memberId, instanceId, clientId, clientHost, assignment }) => ({
      memberId,
      groupInstanceId: instanceId,
      clientId,
      host: clientHost.replace(/^\//, ''),
      partitions: assignment.topicPartitions
        .flatMap(({ topicName, partitions }) =>
          partitions.map(partition => ({ topic: topicName, partition })),
        )
        .sort(comparePartitions),
    })),
  }
}

export async function deleteGroup(client: ClusterClient, groupId: string): Promise<void> {
  await client.atCoordinator(groupId, async connection => {
    const answer = await connection.send(deleteGroups, { groupsNames: [groupId] })
    const { errorCode, errorMessage } = answer.results[0]!
    if (errorCode === errorCodes.NONE) return
    throwIfRefused(`Cannot delete group ${groupId}`, connection.broker, errorCode, errorMessage)
  })
}

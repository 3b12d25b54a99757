/**
 * The messages of the APIs that scenarios send, by Kafka's names. An API that the broker advertises and that is not
 * here has no case, which the suite counts as a failure.
 */
import {
  addOffsetsToTxnRequest,
  addOffsetsToTxnResponse,
} from '../../protocol-codecs/messages/add-offsets-to-txn.ts'
import {
  addPartitionsToTxnRequest,
  addPartitionsToTxnResponse,
} from '../../protocol-codecs/messages/add-partitions-to-txn.ts'
import { alterConfigsRequest, alterConfigsResponse } from '../../protocol-codecs/messages/alter-configs.ts'
import {
  alterPartitionReassignmentsRequest,
  alterPartitionReassignmentsResponse,
} from '../../protocol-codecs/messages/alter-partition-reassignments.ts'
import {
  alterReplicaLogDirsRequest,
  alterReplicaLogDirsResponse,
} from '../../protocol-codecs/messages/alter-replica-log-dirs.ts'
import { apiVersionsRequest, apiVersionsResponse } from '../../protocol-codecs/messages/api-versions.ts'
import {
  consumerGroupDescribeRequest,
  consumerGroupDescribeResponse,
} from '../../protocol-codecs/messages/consumer-group-describe.ts'
import {
  consumerGroupHeartbeatRequest,
  consumerGroupHeartbeatResponse,
} from '../../protocol-codecs/messages/consumer-group-heartbeat.ts'
import { createAclsRequest, createAclsResponse } from '../../protocol-codecs/messages/create-acls.ts'
import {
  createPartitionsRequest,
  createPartitionsResponse,
} from '../../protocol-codecs/messages/create-partitions.ts'
import { createTopicsRequest, createTopicsResponse } from '../../protocol-codecs/messages/create-topics.ts'
import { deleteAclsRequest, deleteAclsResponse } from '../../protocol-codecs/messages/delete-acls.ts'
import { deleteGroupsRequest, deleteGroupsResponse } from '../../protocol-codecs/messages/delete-groups.ts'
import { deleteRecordsRequest, deleteRecordsResponse } from '../../protocol-codecs/messages/delete-records.ts'
import { deleteTopicsRequest, deleteTopicsResponse } from '../../protocol-codecs/messages/delete-topics.ts'
import { describeAclsRequest, describeAclsResponse } from '../../protocol-codecs/messages/describe-acls.ts'
import {
  describeClusterRequest,
  describeClusterResponse,
} from '../../protocol-codecs/messages/describe-cluster.ts'
import {
  describeConfigsRequest,
  describeConfigsResponse,
} from '../../protocol-codecs/messages/describe-configs.ts'
import {
  describeGroupsRequest,
  describeGroupsResponse,
} from '../../protocol-codecs/messages/describe-groups.ts'
import {
  describeLogDirsRequest,
  describeLogDirsResponse,
} from '../../protocol-codecs/messages/describe-log-dirs.ts'
import {
  describeProducersRequest,
  describeProducersResponse,
} from '../../protocol-codecs/messages/describe-producers.ts'
import {
  describeQuorumRequest,
  describeQuorumResponse,
} from '../../protocol-codecs/messages/describe-quorum.ts'
import {
  describeTopicPartitionsRequest,
  describeTopicPartitionsResponse,
} from '../../protocol-codecs/messages/describe-topic-partitions.ts'
import {
  describeTransactionsRequest,
  describeTransactionsResponse,
} from '../../protocol-codecs/messages/describe-transactions.ts'
import { electLeadersRequest, electLeadersResponse } from '../../protocol-codecs/messages/elect-leaders.ts'
import { endTxnRequest, endTxnResponse } from '../../protocol-codecs/messages/end-txn.ts'
import { fetchRequest, fetchResponse } from '../../protocol-codecs/messages/fetch.ts'
import {
  findCoordinatorRequest,
  findCoordinatorResponse,
} from '../../protocol-codecs/messages/find-coordinator.ts'
import {
  getTelemetrySubscriptionsRequest,
  getTelemetrySubscriptionsResponse,
} from '../../protocol-codecs/messages/get-telemetry-subscriptions.ts'
import { heartbeatRequest, heartbeatResponse } from '../../protocol-codecs/messages/heartbeat.ts'
import {
  incrementalAlterConfigsRequest,
  incrementalAlterConfigsResponse,
} from '../../protocol-codecs/messages/incremental-alter-configs.ts'
import {
  initProducerIdRequest,
  initProducerIdResponse,
} from '../../protocol-codecs/messages/init-producer-id.ts'
import { joinGroupRequest, joinGroupResponse } from '../../protocol-codecs/messages/join-group.ts'
import { leaveGroupRequest, leaveGroupResponse } from '../../protocol-codecs/messages/leave-group.ts'
import {
  listConfigResourcesRequest,
  listConfigResourcesResponse,
} from '../../protocol-codecs/messages/list-config-resources.ts'
import { listGroupsRequest, listGroupsResponse } from '../../protocol-codecs/messages/list-groups.ts'
import { listOffsetsRequest, listOffsetsResponse } from '../../protocol-codecs/messages/list-offsets.ts'
import {
  listPartitionReassignmentsRequest,
  listPartitionReassignmentsResponse,
} from '../../protocol-codecs/messages/list-partition-reassignments.ts'
import {
  listTransactionsRequest,
  listTransactionsResponse,
} from '../../protocol-codecs/messages/list-transactions.ts'
import { metadataRequest, metadataResponse } from '../../protocol-codecs/messages/metadata.ts'
import { offsetCommitRequest, offsetCommitResponse } from '../../protocol-codecs/messages/offset-commit.ts'
import { offsetDeleteRequest, offsetDeleteResponse } from '../../protocol-codecs/messages/offset-delete.ts'
import { offsetFetchRequest, offsetFetchResponse } from '../../protocol-codecs/messages/offset-fetch.ts'
import {
  offsetForLeaderEpochRequest,
  offsetForLeaderEpochResponse,
} from '../../protocol-codecs/messages/offset-for-leader-epoch.ts'
import { produceRequest, produceResponse } from '../../protocol-codecs/messages/produce.ts'
import { pushTelemetryRequest, pushTelemetryResponse } from '../../protocol-codecs/messages/push-telemetry.ts'
import {
  saslAuthenticateRequest,
  saslAuthenticateResponse,
} from '../../protocol-codecs/messages/sasl-authenticate.ts'
import { saslHandshakeRequest, saslHandshakeResponse } from '../../protocol-codecs/messages/sasl-handshake.ts'
import { syncGroupRequest, syncGroupResponse } from '../../protocol-codecs/messages/sync-group.ts'
import {
  txnOffsetCommitRequest,
  txnOffsetCommitResponse,
} from '../../protocol-codecs/messages/txn-offset-commit.ts'
import {
  updateFeaturesRequest,
  updateFeaturesResponse,
} from '../../protocol-codecs/messages/update-features.ts'
import { type AnyField, type Fields, type InferInput, zeroUuid } from '../../protocol-codecs/schema.ts'

export const apis = {
  AddOffsetsToTxn: { request: addOffsetsToTxnRequest, response: addOffsetsToTxnResponse },
  AddPartitionsToTxn: { request: addPartitionsToTxnRequest, response: addPartitionsToTxnResponse },
  AlterConfigs: { request: alterConfigsRequest, response: alterConfigsResponse },
  AlterPartitionReassignments: {
    request: alterPartitionReassignmentsRequest,
    response: alterPartitionReassignmentsResponse,
  },
  AlterReplicaLogDirs: { request: alterReplicaLogDirsRequest, response: alterReplicaLogDirsResponse },
  ApiVersions: { request: apiVersionsRequest, response: apiVersionsResponse },
  ConsumerGroupDescribe: { request: consumerGroupDescribeRequest, response: consumerGroupDescribeResponse },
  ConsumerGroupHeartbeat: {
    request: consumerGroupHeartbeatRequest,
    response: consumerGroupHeartbeatResponse,
  },
  CreateAcls: { request: createAclsRequest, response: createAclsResponse },
  CreatePartitions: { request: createPartitionsRequest, response: createPartitionsResponse },
  CreateTopics: { request: createTopicsRequest, response: createTopicsResponse },
  DeleteAcls: { request: deleteAclsRequest, response: deleteAclsResponse },
  DeleteGroups: { request: deleteGroupsRequest, response: deleteGroupsResponse },
  DeleteRecords: { request: deleteRecordsRequest, response: deleteRecordsResponse },
  DeleteTopics: { request: deleteTopicsRequest, response: deleteTopicsResponse },
  DescribeAcls: { request: describeAclsRequest, response: describeAclsResponse },
  DescribeCluster: { request: describeClusterRequest, response: describeClusterResponse },
  DescribeConfigs: { request: describeConfigsRequest, response: describeConfigsResponse },
  DescribeGroups: { request: describeGroupsRequest, response: describeGroupsResponse },
  DescribeLogDirs: { request: describeLogDirsRequest, response: describeLogDirsResponse },
  DescribeProducers: { request: describeProducersRequest, response: describeProducersResponse },
  DescribeQuorum: { request: describeQuorumRequest, response: describeQuorumResponse },
  DescribeTopicPartitions: {
    request: describeTopicPartitionsRequest,
    response: describeTopicPartitionsResponse,
  },
  DescribeTransactions: { request: describeTransactionsRequest, response: describeTransactionsResponse },
  ElectLeaders: { request: electLeadersRequest, response: electLeadersResponse },
  EndTxn: { request: endTxnRequest, response: endTxnResponse },
  Fetch: { request: fetchRequest, response: fetchResponse },
  FindCoordinator: { request: findCoordinatorRequest, response: findCoordinatorResponse },
  GetTelemetrySubscriptions: {
    request: getTelemetrySubscriptionsRequest,
    response: getTelemetrySubscriptionsResponse,
  },
  Heartbeat: { request: heartbeatRequest, response: heartbeatResponse },
  IncrementalAlterConfigs: {
    request: incrementalAlterConfigsRequest,
    response: incrementalAlterConfigsResponse,
  },
  InitProducerId: { request: initProducerIdRequest, response: initProducerIdResponse },
  JoinGroup: { request: joinGroupRequest, response: joinGroupResponse },
  LeaveGroup: { request: leaveGroupRequest, response: leaveGroupResponse },
  ListConfigResources: { request: listConfigResourcesRequest, response: listConfigResourcesResponse },
  ListGroups: { request: listGroupsRequest, response: listGroupsResponse },
  ListOffsets: { request: listOffsetsRequest, response: listOffsetsResponse },
  ListPartitionReassignments: {
    request: listPartitionReassignmentsRequest,
    response: listPartitionReassignmentsResponse,
  },
  ListTransactions: { request: listTransactionsRequest, response: listTransactionsResponse },
  Metadata: { request: metadataRequest, response: metadataResponse },
  OffsetCommit: { request: offsetCommitRequest, response: offsetCommitResponse },
  OffsetDelete: { request: offsetDeleteRequest, response: offsetDeleteResponse },
  OffsetFetch: { request: offsetFetchRequest, response: offsetFetchResponse },
  OffsetForLeaderEpoch: { request: offsetForLeaderEpochRequest, response: offsetForLeaderEpochResponse },
  Produce: { request: produceRequest, response: produceResponse },
  PushTelemetry: { request: pushTelemetryRequest, response: pushTelemetryResponse },
  SaslAuthenticate: { request: saslAuthenticateRequest, response: saslAuthenticateResponse },
  SaslHandshake: { request: saslHandshakeRequest, response: saslHandshakeResponse },
  SyncGroup: { request: syncGroupRequest, response: syncGroupResponse },
  TxnOffsetCommit: { request: txnOffsetCommitRequest, response: txnOffsetCommitResponse },
  UpdateFeatures: { request: updateFeaturesRequest, response: updateFeaturesResponse },
} as const

export type ApiName = keyof typeof apis

/** What a request of this API may say. What it does not say is zero, empty, or Kafka's default. */
export type RequestOf<N extends ApiName> = Loose<InferInput<(typeof apis)[N]['request']>>

type Loose<T> = T extends Uint8Array
  ? T
  : T extends readonly (infer E)[]
    ? readonly Loose<E>[]
    : T extends object
      ? { readonly [K in keyof T]?: Loose<T[K]> }
      : T

export function apiNamed(apiKey: number): ApiName | undefined {
  return apiNames.find(name => apis[name].request.apiKey === apiKey)
}

export const apiNames = Object.keys(apis) as ApiName[]

/** The request with zeros where it says nothing and its description has no default. */
export function completed(fields: Fields, value: unknown): unknown {
  if (value === null || typeof value !== 'object') return value
  const given = value as Record<string, unknown>
  const whole = { ...given }
  for (const [name, field] of Object.entries(fields)) {
    const said = given[name]
    if (said === undefined) {
      if (!('default' in field.options)) whole[name] = zero(field)
    } else if (field.kind === 'struct') whole[name] = completed(field.fields!, said)
    else if (field.kind === 'array' && field.element!.kind === 'struct' && Array.isArray(said)) {
      whole[name] = said.map(item => completed(field.element!.fields!, item))
    }
  }
  return whole
}

function zero(field: AnyField): unknown {
  switch (field.kind) {
    case 'array':
      return []
    case 'struct':
      return completed(field.fields!, {})
    case 'string':
      return ''
    case 'bool':
      return false
    case 'int64':
      return 0n
    case 'uuid':
      return zeroUuid
    case 'bytes':
    case 'records':
      return Buffer.alloc(0)
    default:
      return 0
  }
}

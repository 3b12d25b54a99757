/** StreamsGroupHeartbeat (API key 88), versions 0-1. */
import { array, bool, int8, int16, int32, int64, message, string, struct, uint16 } from '../schema.ts'

const keyValueOfRequest = {
  key: string(),
  value: string(),
}

const topicInfoOfRequest = {
  name: string(),
  partitions: int32(),
  replicationFactor: int16(),
  topicConfigs: array(keyValueOfRequest),
}

const endpointOfRequest = {
  host: string(),
  port: uint16(),
}

const taskOffsetOfRequest = {
  subtopologyId: string(),
  partition: int32(),
  offset: int64(),
}

const taskIdsOfRequest = {
  subtopologyId: string(),
  partitions: array(int32()),
}

export const streamsGroupHeartbeatRequest = message(
  'StreamsGroupHeartbeatRequest',
  { apiKey: 88, versions: '0-1', flexible: '0+' },
  {
    groupId: string(),
    memberId: string(),
    memberEpoch: int32(),
    endpointInformationEpoch: int32(),
    instanceId: string({ nullable: '0+', default: null }),
    rackId: string({ nullable: '0+', default: null }),
    rebalanceTimeoutMs: int32({ default: -1 }),
    topology: struct(
      {
        epoch: int32(),
        subtopologies: array({
          subtopologyId: string(),
          sourceTopics: array(string()),
          sourceTopicRegex: array(string()),
          stateChangelogTopics: array(topicInfoOfRequest),
          repartitionSinkTopics: array(string()),
          repartitionSourceTopics: array(topicInfoOfRequest),
          copartitionGroups: array({
            sourceTopics: array(int16()),
            sourceTopicRegex: array(int16()),
            repartitionSourceTopics: array(int16()),
          }),
        }),
      },
      { nullable: '0+', default: null },
    ),
    activeTasks: array(taskIdsOfRequest, { nullable: '0+', default: null }),
    standbyTasks: array(taskIdsOfRequest, { nullable: '0+', default: null }),
    warmupTasks: array(taskIdsOfRequest, { nullable: '0+', default: null }),
    processId: string({ nullable: '0+', default: null }),
    userEndpoint: struct(endpointOfRequest, { nullable: '0+', default: null }),
    clientTags: array(keyValueOfRequest, { nullable: '0+', default: null }),
    taskOffsets: array(taskOffsetOfRequest, { nullable: '0+', default: null }),
    taskEndOffsets: array(taskOffsetOfRequest, { nullable: '0+', default: null }),
    shutdownApplication: bool({ default: false }),
  },
)

const statusOfResponse = {
  statusCode: int8(),
  statusDetail: string(),
}

const topicPartitionOfResponse = {
  topic: string(),
  partitions: array(int32()),
}

const taskIdsOfResponse = {
  subtopologyId: string(),
  partitions: array(int32()),
}

const endpointOfResponse = {
  host: string(),
  port: uint16(),
}

export const streamsGroupHeartbeatResponse = message(
  'StreamsGroupHeartbeatResponse',
  { apiKey: 88, versions: '0-1', flexible: '0+' },
  {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: '0+', default: null }),
    memberId: string(),
    memberEpoch: int32(),
    heartbeatIntervalMs: int32(),
    acceptableRecoveryLagLegacy: int32({ versions: '0' }),
    taskOffsetIntervalMs: int32(),
    acceptableRecoveryLag: int64({ versions: '1+', default: -1n, ignorable: true }),
    status: array(statusOfResponse, { nullable: '0+' }),
    activeTasks: array(taskIdsOfResponse, { nullable: '0+', default: null }),
    standbyTasks: array(taskIdsOfResponse, { nullable: '0+', default: null }),
    warmupTasks: array(taskIdsOfResponse, { nullable: '0+', default: null }),
    topologyDescriptionRequired: bool({ versions: '1+', default: false }),
    endpointInformationEpoch: int32(),
    partitionsByUserEndpoint: array(
      {
        userEndpoint: struct(endpointOfResponse),
        activePartitions: array(topicPartitionOfResponse),
        standbyPartitions: array(topicPartitionOfResponse),
      },
      { nullable: '0+', default: null },
    ),
  },
)

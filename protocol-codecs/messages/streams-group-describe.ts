/** StreamsGroupDescribe (API key 89), versions 0-1. */
import { array, bool, int8, int16, int32, int64, message, string, struct, uint16 } from '../schema.ts'

export const streamsGroupDescribeRequest = message(
  'StreamsGroupDescribeRequest',
  { apiKey: 89, versions: '0-1', flexible: '0+' },
  {
    groupIds: array(string()),
    includeAuthorizedOperations: bool(),
    includeTopologyDescription: bool({ versions: '1+', default: false }),
  },
)

const endpointFields = {
  host: string(),
  port: uint16(),
}

const taskOffsetFields = {
  subtopologyId: string(),
  partition: int32(),
  offset: int64(),
}

const taskIdsFields = {
  subtopologyId: string(),
  partitions: array(int32()),
}

const assignmentFields = {
  activeTasks: array(taskIdsFields),
  standbyTasks: array(taskIdsFields),
  warmupTasks: array(taskIdsFields),
}

const keyValueFields = {
  key: string(),
  value: string(),
}

const topicInfoFields = {
  name: string(),
  partitions: int32(),
  replicationFactor: int16(),
  topicConfigs: array(keyValueFields),
}

const topologyDescriptionNodeFields = {
  name: string({ versions: '1+' }),
  nodeType: int8({ versions: '1+' }),
  sourceTopics: array(string(), { versions: '1+' }),
  sinkTopic: string({ versions: '1+', nullable: '1+', default: null }),
  stores: array(string(), { versions: '1+' }),
  successors: array(string(), { versions: '1+' }),
}

const topologyDescriptionSubtopologyFields = {
  subtopologyId: string({ versions: '1+' }),
  nodes: array(topologyDescriptionNodeFields, { versions: '1+' }),
}

const topologyDescriptionGlobalStoreFields = {
  source: struct(topologyDescriptionNodeFields, { versions: '1+' }),
  processor: struct(topologyDescriptionNodeFields, { versions: '1+' }),
}

const topologyDescriptionFields = {
  subtopologies: array(topologyDescriptionSubtopologyFields, { versions: '1+' }),
  globalStores: array(topologyDescriptionGlobalStoreFields, { versions: '1+' }),
}

export const streamsGroupDescribeResponse = message(
  'StreamsGroupDescribeResponse',
  { apiKey: 89, versions: '0-1', flexible: '0+' },
  {
    throttleTimeMs: int32(),
    groups: array({
      errorCode: int16(),
      errorMessage: string({ nullable: '0+', default: null }),
      groupId: string(),
      groupState: string(),
      groupEpoch: int32(),
      assignmentEpoch: int32(),
      topology: struct(
        {
          epoch: int32(),
          subtopologies: array(
            {
              subtopologyId: string(),
              sourceTopics: array(string()),
              repartitionSinkTopics: array(string()),
              stateChangelogTopics: array(topicInfoFields),
              repartitionSourceTopics: array(topicInfoFields),
            },
            { nullable: '0+', default: null },
          ),
        },
        { nullable: '0+', default: null },
      ),
      members: array({
        memberId: string(),
        memberEpoch: int32(),
        instanceId: string({ nullable: '0+', default: null }),
        rackId: string({ nullable: '0+', default: null }),
        clientId: string(),
        clientHost: string(),
        topologyEpoch: int32(),
        processId: string(),
        userEndpoint: struct(endpointFields, { nullable: '0+', default: null }),
        clientTags: array(keyValueFields),
        taskOffsets: array(taskOffsetFields),
        taskEndOffsets: array(taskOffsetFields),
        assignment: struct(assignmentFields),
        targetAssignment: struct(assignmentFields),
        isClassic: bool(),
      }),
      authorizedOperations: int32({ default: -2147483648 }),
      topologyDescription: struct(topologyDescriptionFields, {
        versions: '1+',
        nullable: '1+',
        default: null,
      }),
      topologyDescriptionStatus: int8({ versions: '1+', default: 0 }),
      assignorName: string({ versions: '1+', nullable: '1+', default: null, ignorable: true }),
    }),
  },
)

/** StreamsGroupTopologyDescriptionUpdate (API key 93), versions 0. */
import { array, int8, int16, int32, message, string, struct } from '../schema.ts'

const topologyDescriptionNodeFields = {
  name: string(),
  nodeType: int8(),
  sourceTopics: array(string()),
  sinkTopic: string({ nullable: '0+', default: null }),
  stores: array(string()),
  successors: array(string()),
}

const topologyDescriptionSubtopologyFields = {
  subtopologyId: string(),
  nodes: array(topologyDescriptionNodeFields),
}

const topologyDescriptionGlobalStoreFields = {
  source: struct(topologyDescriptionNodeFields),
  processor: struct(topologyDescriptionNodeFields),
}

const topologyDescriptionFields = {
  subtopologies: array(topologyDescriptionSubtopologyFields),
  globalStores: array(topologyDescriptionGlobalStoreFields),
}

export const streamsGroupTopologyDescriptionUpdateRequest = message(
  'StreamsGroupTopologyDescriptionUpdateRequest',
  { apiKey: 93, versions: '0', flexible: '0+' },
  {
    groupId: string(),
    memberId: string(),
    topologyEpoch: int32(),
    topologyDescription: struct(topologyDescriptionFields),
  },
)

export const streamsGroupTopologyDescriptionUpdateResponse = message(
  'StreamsGroupTopologyDescriptionUpdateResponse',
  { apiKey: 93, versions: '0', flexible: '0+' },
  {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: '0+', default: null }),
  },
)

/** ShareGroupDescribe (API key 77), versions 1. */
import { array, bool, int16, int32, message, string, struct, uuid } from '../schema.ts'

export const shareGroupDescribeRequest = message(
  'ShareGroupDescribeRequest',
  { apiKey: 77, versions: '1', flexible: '0+' },
  {
    groupIds: array(string()),
    includeAuthorizedOperations: bool(),
  },
)

const topicPartitionsFields = {
  topicId: uuid(),
  topicName: string(),
  partitions: array(int32()),
}

const assignmentFields = {
  topicPartitions: array(topicPartitionsFields),
}

export const shareGroupDescribeResponse = message(
  'ShareGroupDescribeResponse',
  { apiKey: 77, versions: '1', flexible: '0+' },
  {
    throttleTimeMs: int32(),
    groups: array({
      errorCode: int16(),
      errorMessage: string({ nullable: '0+', default: null }),
      groupId: string(),
      groupState: string(),
      groupEpoch: int32(),
      assignmentEpoch: int32(),
      assignorName: string(),
      members: array({
        memberId: string(),
        rackId: string({ nullable: '0+', default: null }),
        memberEpoch: int32(),
        clientId: string(),
        clientHost: string(),
        subscribedTopicNames: array(string()),
        assignment: struct(assignmentFields),
      }),
      authorizedOperations: int32({ default: -2147483648 }),
    }),
  },
)

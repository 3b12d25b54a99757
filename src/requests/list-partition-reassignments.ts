/**
 * ListPartitionReassignments (KIP-455): which partitions are getting other replicas. On one node none ever is; a topic
 * or partition that does not exist is left out like one that stays where it is. Kafka reads here without waiting, so
 * the time that the client gives does not matter.
 */
import { errorCodes } from '../../protocol-codecs/error-codes.ts'
import {
  listPartitionReassignmentsRequest,
  listPartitionReassignmentsResponse,
} from '../../protocol-codecs/messages/list-partition-reassignments.ts'
import { handler } from './handler.ts'

export const listPartitionReassignments = handler({
  request: listPartitionReassignmentsRequest,
  response: listPartitionReassignmentsResponse,
  versions: '0',
  ordering: 'sequential',

  handle: () => ({ throttleTimeMs: 0, errorCode: errorCodes.NONE, errorMessage: null, topics: [] }),

  refuse: (_request, error, message) => ({
    throttleTimeMs: 0,
    errorCode: errorCodes[error],
    errorMessage: message,
    topics: [],
  }),
})

/** CreatePartitions: more partitions for topics that exist. The checks are those of `topics/partition-growth.ts`. */
import { errorCodes } from '../../protocol-codecs/error-codes.ts'
import {
  createPartitionsRequest,
  createPartitionsResponse,
} from '../../protocol-codecs/messages/create-partitions.ts'
import { handler } from './handler.ts'
import { refuseIfTimedOut } from './request-timeout.ts'

export const createPartitions = handler({
  request: createPartitionsRequest,
  response: createPartitionsResponse,
  versions: '0-3',
  ordering: 'sequential',

  async handle({ timeoutMs, topics, validateOnly }, services) {
    refuseIfTimedOut(timeoutMs)
    const grown = topics.map(({ name, count, assignments }) => ({
      name,
      partitionCount: count,
      assignments: assignments?.map(({ brokerIds }) => brokerIds) ?? null,
    }))
    const results = await services.topics.createPartitions(grown, validateOnly, timeoutMs)
    return {
      throttleTimeMs: 0,
      results: results.map(({ error, message, name }) => ({
        name,
        errorCode: errorCodes[error],
        errorMessage: message,
      })),
    }
  },

  refuse: ({ topics }, error, message) => ({
    throttleTimeMs: 0,
    results: topics.map(({ name }) => ({ name, errorCode: errorCodes[error], errorMessage: message })),
  }),
})

/**
 * CreateTopics. The checks are those of `topics/topic-administration.ts`. From version 4 on -1 stands for
 * the broker's defaults; we understand it in older versions as well, where it has no other meaning.
 */
import { errorCodes } from '../../protocol-codecs/error-codes.ts'
import { createTopicsRequest, createTopicsResponse } from '../../protocol-codecs/messages/create-topics.ts'
import { zeroUuid } from '../../protocol-codecs/schema.ts'
import type { ConfigAdministration } from '../topics/config-administration.ts'
import type { TopicCreation } from '../topics/topic-administration.ts'
import { handler } from './handler.ts'
import { refuseIfTimedOut } from './request-timeout.ts'

export const createTopics = handler({
  request: createTopicsRequest,
  response: createTopicsResponse,
  versions: '0-7',
  ordering: 'sequential',

  async handle(request, services) {
    refuseIfTimedOut(request.timeoutMs)
    const topics = request.topics.map(({ name, numPartitions, replicationFactor, assignments, configs }) => ({
      name,
      partitionCount: numPartitions,
      replicationFactor,
      assignments,
      configs,
    }))
    const results = await services.topics.create(topics, request.validateOnly, request.timeoutMs)
    return { topics: results.map(result => entryOf(result, services.configs)) }
  },

  refuse: (request, error, message) => ({
    topics: request.topics.map(({ name }) => ({
      name,
      topicId: zeroUuid,
      errorCode: errorCodes[error],
      errorMessage: message,
      configs: [],
    })),
  }),
})

function entryOf(result: TopicCreation, configurations: ConfigAdministration) {
  const { name } = result
  if (result.error !== 'NONE') {
    return { name, errorCode: errorCodes[result.error], errorMessage: result.message, configs: [] }
  }
  return {
    name,
    topicId: result.id,
    errorCode: errorCodes.NONE,
    errorMessage: null,
    numPartitions: result.partitionCount,
    replicationFactor: result.replicationFactor,
    configs: configurations.describeCreated(result.overrides).map(entry => ({
      name: entry.name,
      value: entry.value,
      readOnly: false,
      configSource: entry.source,
      isSensitive: entry.setting?.sensitive === true,
    })),
  }
}

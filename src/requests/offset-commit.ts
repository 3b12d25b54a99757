/**
 * OffsetCommit. Topics are named up to version 9 and identified from version 10 on (KIP-848); the
 * coordinator is given both. Versions 0 and 1, which Kafka 4 no longer serves, are taken as the commits
 * that they are; version 1's own timestamps are not.
 */
import { type ErrorName, errorCodes } from '../../protocol-codecs/error-codes.ts'
import { offsetCommitRequest, offsetCommitResponse } from '../../protocol-codecs/messages/offset-commit.ts'
import type { OffsetCommitRequest, OffsetCommitResponse } from '../groups/group-events.ts'
import type { CatalogSnapshot, CatalogTopic } from '../storage/topic-catalog.ts'
import { handler } from './handler.ts'

const firstVersionWithTopicIds = 10

type RequestTopic = OffsetCommitRequest['topics'][number]
type ResponseTopic = OffsetCommitResponse['topics'][number]

export const offsetCommit = handler({
  request: offsetCommitRequest,
  response: offsetCommitResponse,
  versions: '0-10',
  ordering: 'pipelined',
  handle(request, { catalog, groups }, context) {
    const usesIds = context.apiVersion >= firstVersionWithTopicIds
    const { known, refused } = splitByExistence(request.topics, catalog.current(), usesIds)
    if (known.length === 0) return { topics: refused }
    const response = groups.commitOffsets({ ...request, topics: known }, context)
    if (refused.length === 0) return response
    return response instanceof Promise
      ? response.then(committed => merged(committed, refused))
      : merged(response, refused)
  },
  refuse: (request, error) => ({ topics: request.topics.map(topic => refusal(topic, error)) }),
})

function splitByExistence(topics: readonly RequestTopic[], snapshot: CatalogSnapshot, usesIds: boolean) {
  const known: RequestTopic[] = []
  const refused: ResponseTopic[] = []
  for (const asked of topics) {
    const topic = usesIds ? snapshot.topicsById.get(asked.topicId) : snapshot.topics.get(asked.name)
    if (topic === undefined) {
      refused.push(refusal(asked, usesIds ? 'UNKNOWN_TOPIC_ID' : 'UNKNOWN_TOPIC_OR_PARTITION'))
      continue
    }
    const partitions = asked.partitions.filter(({ partitionIndex }) => exists(topic, partitionIndex))
    const unknown = asked.partitions.filter(({ partitionIndex }) => !exists(topic, partitionIndex))
    const named = { ...asked, name: topic.name, topicId: topic.id }
    if (partitions.length > 0) known.push({ ...named, partitions })
    if (unknown.length > 0)
      refused.push(refusal({ ...named, partitions: unknown }, 'UNKNOWN_TOPIC_OR_PARTITION'))
  }
  return { known, refused }
}

function exists(topic: CatalogTopic, partitionIndex: number): boolean {
  return topic.partitions[partitionIndex] !== undefined
}

function refusal({ name, partitions, topicId }: RequestTopic, error: ErrorName): ResponseTopic {
  const errorCode = errorCodes[error]
  return {
    name,
    topicId,
    partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
  }
}

/** A topic with partitions of both kinds is one topic in the answer. What was refused comes first, as in Kafka. */
function merged(response: OffsetCommitResponse, refused: readonly ResponseTopic[]): OffsetCommitResponse {
  const topics = [...refused]
  for (const topic of response.topics) {
    const index = topics.findIndex(({ name, topicId }) => name === topic.name && topicId === topic.topicId)
    if (index === -1) topics.push(topic)
    else topics[index] = { ...topic, partitions: [...topics[index]!.partitions, ...topic.partitions] }
  }
  return { topics }
}

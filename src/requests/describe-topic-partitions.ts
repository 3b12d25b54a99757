/**
 * DescribeTopicPartitions (KIP-966): what Metadata says of topics, a part at a time. Topics come in the
 * order of their names and partitions in that of their numbers; an answer holds at most as many partitions
 * as both sides allow, and a cursor at the first one that is left. A topic without partitions to show,
 * because there is none of that name, costs nothing of that limit.
 */
import { type ErrorName, errorCodes, ProtocolError } from '../../protocol-codecs/error-codes.ts'
import {
  describeTopicPartitionsRequest,
  describeTopicPartitionsResponse,
} from '../../protocol-codecs/messages/describe-topic-partitions.ts'
import { type Infer, type InferInput, zeroUuid } from '../../protocol-codecs/schema.ts'
import type { ClusterView } from '../cluster/cluster.ts'
import { isInternalTopicName } from '../storage/internal-topic-names.ts'
import type { CatalogSnapshot } from '../storage/topic-catalog.ts'
import { topicNameProblem } from '../topics/topic-names.ts'
import { topicOperations } from './authorized-operations.ts'
import { describePartition } from './describe-partition.ts'
import { handler } from './handler.ts'

type DescribeRequest = Infer<typeof describeTopicPartitionsRequest>
type DescribeResponse = InferInput<typeof describeTopicPartitionsResponse>
type TopicEntry = DescribeResponse['topics'][number]
type Cursor = NonNullable<DescribeRequest['cursor']>

export const describeTopicPartitions = handler({
  request: describeTopicPartitionsRequest,
  response: describeTopicPartitionsResponse,
  versions: '0',
  ordering: 'pipelined',

  handle(request, services) {
    const snapshot = services.catalog.current()
    const names = namesFrom(request, snapshot)
    const mostAllowed = services.settings['max.request.partition.size.limit']
    const limit = Math.max(1, Math.min(mostAllowed, request.responsePartitionLimit))
    return page(names, request.cursor, limit, snapshot, services.cluster.view())
  },

  refuse: (request, error) => ({
    throttleTimeMs: 0,
    topics: request.topics.map(({ name }) => ({
      errorCode: errorCodes[error],
      name,
      topicId: zeroUuid,
      partitions: [],
    })),
  }),
})

/** The topics to show, in order, from that of the cursor on. */
function namesFrom({ topics, cursor }: DescribeRequest, snapshot: CatalogSnapshot): string[] {
  const isAll = topics.length === 0
  const wanted = isAll ? snapshot.topics.keys() : new Set(topics.map(({ name }) => name))
  // By UTF-16 code units, as the clients that merge the parts compare.
  const names = [...wanted].filter(name => cursor === null || name >= cursor.topicName).sort()
  if (cursor === null) return names
  if (!isAll && names[0] !== cursor.topicName) {
    throw new ProtocolError(
      'INVALID_REQUEST',
      `The topics that are asked for do not include that of the cursor, ${cursor.topicName}.`,
    )
  }
  if (cursor.partitionIndex < 0) {
    throw new ProtocolError('INVALID_REQUEST', `The cursor is at partition ${cursor.partitionIndex}.`)
  }
  return names
}

function page(
  names: readonly string[],
  cursor: Cursor | null,
  limit: number,
  snapshot: CatalogSnapshot,
  view: ClusterView,
): DescribeResponse {
  const topics: TopicEntry[] = []
  const upTo = (nextCursor: Cursor | null) => ({ throttleTimeMs: 0, topics, nextCursor })
  let room = limit
  for (const name of names) {
    if (room === 0) return upTo({ topicName: name, partitionIndex: 0 })
    const topic = snapshot.topics.get(name)
    if (topic === undefined) {
      topics.push(missing(name))
      continue
    }
    const first = cursor?.topicName === name ? cursor.partitionIndex : 0
    const partitions = topic.partitions.slice(first, first + room)
    topics.push({
      errorCode: errorCodes.NONE,
      name,
      topicId: topic.id,
      isInternal: topic.isInternal,
      partitions: partitions.map(partition => ({
        ...describePartition(partition, view),
        eligibleLeaderReplicas: [],
        lastKnownElr: [],
      })),
      topicAuthorizedOperations: topicOperations,
    })
    const next = first + partitions.length
    if (next < topic.partitions.length) return upTo({ topicName: name, partitionIndex: next })
    room -= partitions.length
  }
  return upTo(null)
}

function missing(name: string): TopicEntry {
  const error: ErrorName =
    topicNameProblem(name) === undefined ? 'UNKNOWN_TOPIC_OR_PARTITION' : 'INVALID_TOPIC_EXCEPTION'
  return {
    errorCode: errorCodes[error],
    name,
    topicId: zeroUuid,
    isInternal: isInternalTopicName(name),
    partitions: [],
    topicAuthorizedOperations: topicOperations,
  }
}

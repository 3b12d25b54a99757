/**
 * DescribeProducers (KIP-664): who writes to a partition with a producer id, and which of them has a transaction open.
 * An administrator looks here for the one that holds the last stable offset back.
 */
import { type ErrorName, errorCodes } from '../../protocol-codecs/error-codes.ts'
import {
  describeProducersRequest,
  describeProducersResponse,
} from '../../protocol-codecs/messages/describe-producers.ts'
import type { InferInput } from '../../protocol-codecs/schema.ts'
import type { ActiveProducer } from '../storage/partition-log.ts'
import { type CatalogSnapshot, findPartition } from '../storage/topic-catalog.ts'
import { topicNameProblem } from '../topics/topic-names.ts'
import { handler } from './handler.ts'
import { protocolErrorOf } from './protocol-error.ts'
import type { Services } from './services.ts'

type PartitionResponse = InferInput<typeof describeProducersResponse>['topics'][number]['partitions'][number]

export const describeProducers = handler({
  request: describeProducersRequest,
  response: describeProducersResponse,
  versions: '0',
  ordering: 'pipelined',

  handle({ topics }, services) {
    const snapshot = services.catalog.current()
    return {
      throttleTimeMs: 0,
      topics: topics.map(({ name, partitionIndexes }) => ({
        name,
        partitions: partitionIndexes.map(index => describe(name, index, snapshot, services)),
      })),
    }
  },

  refuse: ({ topics }, error, message) => ({
    throttleTimeMs: 0,
    topics: topics.map(({ name, partitionIndexes }) => ({
      name,
      partitions: partitionIndexes.map(index => failed(index, error, message)),
    })),
  }),
})

function describe(
  topic: string,
  index: number,
  snapshot: CatalogSnapshot,
  { logs }: Services,
): PartitionResponse {
  const problem = topicNameProblem(topic)
  if (problem !== undefined) return failed(index, 'INVALID_TOPIC_EXCEPTION', problem)
  if (!snapshot.topics.has(topic)) {
    const message = 'This server does not host this topic-partition.'
    return failed(index, 'UNKNOWN_TOPIC_OR_PARTITION', message)
  }
  const partition = findPartition(snapshot, topic, index)
  if (partition === undefined) return failed(index, 'UNKNOWN_TOPIC_OR_PARTITION', null)
  try {
    const activeProducers = logs.activeProducers(partition).map(shown)
    return { partitionIndex: index, errorCode: errorCodes.NONE, errorMessage: null, activeProducers }
  } catch (error) {
    return failed(index, protocolErrorOf(error).name, null)
  }
}

function shown(producer: ActiveProducer) {
  return {
    producerId: BigInt(producer.producerId),
    producerEpoch: producer.epoch,
    lastSequence: producer.lastSequence,
    lastTimestamp: BigInt(producer.lastTimestampMs),
    coordinatorEpoch: producer.coordinatorEpoch,
    currentTxnStartOffset: BigInt(producer.transactionStartOffset),
  }
}

function failed(partitionIndex: number, error: ErrorName, errorMessage: string | null): PartitionResponse {
  return { partitionIndex, errorCode: errorCodes[error], errorMessage, activeProducers: [] }
}

/**
 * DeleteRecords: moves the log start offset up. Records below it cannot be read any more from the answer on; the
 * segments that lie wholly below it go at the next search for old segments, whatever the cleanup.policy.
 *
 * Kafka answers when the new start is in memory, and writes it down once a minute. Here it is on disk before the
 * answer, so no crash brings deleted records back.
 */
import { type ErrorName, errorCodes, ProtocolError } from '../../protocol-codecs/error-codes.ts'
import { deleteRecordsRequest, deleteRecordsResponse } from '../../protocol-codecs/messages/delete-records.ts'
import type { Infer, InferInput } from '../../protocol-codecs/schema.ts'
import type { CatalogTopic } from '../storage/topic-catalog.ts'
import { byPartition, shapeOfNamed } from './by-partition.ts'
import { handler } from './handler.ts'
import { protocolErrorOf } from './protocol-error.ts'
import type { Services } from './services.ts'
import { whenReadable } from './when-readable.ts'

type RequestTopic = Infer<typeof deleteRecordsRequest>['topics'][number]
type PartitionResult = InferInput<typeof deleteRecordsResponse>['topics'][number]['partitions'][number]

/** Stands for the high watermark: everything that can be read. */
const toHighWatermark = -1n

export const deleteRecords = handler({
  request: deleteRecordsRequest,
  response: deleteRecordsResponse,
  versions: '0-2',
  // The high watermark includes what was produced before on the same connection.
  ordering: 'sequential',

  async handle(request, services) {
    const snapshot = services.catalog.current()
    const topics = byPartition(request.topics, topicShape).map(async ({ name, partitions }) => {
      const topic = snapshot.topics.get(name)
      return {
        name,
        partitions: await Promise.all(
          partitions.map(({ partitionIndex, offset }) => moveStart(topic, partitionIndex, offset, services)),
        ),
      }
    })
    return { throttleTimeMs: 0, topics: await Promise.all(topics) }
  },

  refuse: (request, error) => ({
    throttleTimeMs: 0,
    topics: request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => failed(partitionIndex, error)),
    })),
  }),
})

const topicShape = shapeOfNamed<RequestTopic['partitions'][number], RequestTopic>()

async function moveStart(
  topic: CatalogTopic | undefined,
  index: number,
  wantedOffset: bigint,
  services: Services,
): Promise<PartitionResult> {
  const { logs } = services
  const partition = topic?.partitions[index]
  try {
    if (topic === undefined || partition === undefined) throw new ProtocolError('UNKNOWN_TOPIC_OR_PARTITION')
    if (topic.isInternal) throw new ProtocolError('INVALID_TOPIC_EXCEPTION')
    const { cleanupPolicy } = topic.config
    if (cleanupPolicy.compact && !cleanupPolicy.delete) throw new ProtocolError('POLICY_VIOLATION')
    await whenReadable(partition, services)
    const { highWatermark } = logs.offsets(partition)
    // One beyond 2^53 loses its last bits, and is out of range with or without them.
    const offset = wantedOffset === toHighWatermark ? highWatermark : Number(wantedOffset)
    if (offset < 0) throw new ProtocolError('OFFSET_OUT_OF_RANGE')
    const lowWatermark = await logs.deleteBefore(partition, offset)
    return { partitionIndex: index, lowWatermark: BigInt(lowWatermark), errorCode: errorCodes.NONE }
  } catch (error) {
    return failed(index, protocolErrorOf(error).name)
  }
}

function failed(partitionIndex: number, error: ErrorName): PartitionResult {
  return { partitionIndex, lowWatermark: -1n, errorCode: errorCodes[error] }
}

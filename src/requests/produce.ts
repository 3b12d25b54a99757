/**
 * Produce: the hot path in. A batch is checked once, stamped in place and written from the memory that it
 * was received into, all before `handle` returns; what is awaited is only the disk. Versions 0-2, which carry
 * message sets of older formats, come here by way of `legacy-produce.ts`.
 */
import { type ErrorName, errorCodes, ProtocolError } from '../../protocol-codecs/error-codes.ts'
import { produceRequest, produceResponse } from '../../protocol-codecs/messages/produce.ts'
import { applyTopicSettings } from '../../protocol-codecs/rebuild-batch.ts'
import { batchHeaderSize, batchIsTransactional, batchMagic } from '../../protocol-codecs/record-batch.ts'
import type { Infer, InferInput } from '../../protocol-codecs/schema.ts'
import { type RefusedBatch, validateProducedBatch } from '../../protocol-codecs/validate-batch.ts'
import type { AppendItem, AppendResult } from '../storage/partition-log.ts'
import type { CatalogPartition, CatalogTopic } from '../storage/topic-catalog.ts'
import { byPartition, type TopicShape } from './by-partition.ts'
import { type Answer, closeConnection, handler, noResponse, type RequestContext } from './handler.ts'
import { produceMessageSets } from './legacy-produce.ts'
import type { Services } from './services.ts'

type Request = Infer<typeof produceRequest>
type Response = InferInput<typeof produceResponse>
type PartitionResponse = Response['responses'][number]['partitionResponses'][number]
type RequestTopic = Request['topicData'][number]

const firstVersionWithZstd = 7
const firstVersionWithTopicIds = 13
/** Kafka's admin client may write to internal topics; nobody else. */
const adminClientId = '__admin_client'

export const produce = handler({
  request: produceRequest,
  response: produceResponse,
  versions: '0-13',
  ordering: 'pipelined',

  room: services => services.logs.room(),

  handle: (request, services, context) => appendBatches(eachPartitionOnce(request), services, context),
  legacy: {
    versions: '0-2',
    handle: (request, services, context) =>
      hasValidAcks(request)
        ? produceMessageSets(eachPartitionOnce(request), services, context, appendBatches)
        : appendBatches(withoutRecords(request), services, context),
  },

  refuse: (request, error, message) => answerAll(request, error, message),
})

function appendBatches(
  request: Request,
  services: Services,
  context: RequestContext,
): Answer<typeof produceResponse> | Promise<Answer<typeof produceResponse>> {
  // A transactional id alone says nothing: what it may write are transactional batches.
  if (hasTransactionalBatch(request)) {
    return answerAll(
      request,
      'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
      'Transactions are not served by this broker yet.',
    )
  }
  const produced = new ProducedPartitions(request, services, context)
  const durability = request.acks === -1 ? 'durable' : 'written'
  const results = services.logs.append(produced.items, durability, longestWaitMs(request))
  if (results instanceof Promise) return results.then(done => produced.answer(done))
  return produced.answer(results)
}

function hasValidAcks({ acks }: Request): boolean {
  return acks === -1 || acks === 0 || acks === 1
}

function hasTransactionalBatch({ topicData }: Request): boolean {
  for (const { partitionData } of topicData) {
    for (const { records } of partitionData)
      if (records !== null && startsTransactionally(records)) return true
  }
  return false
}

function startsTransactionally(records: Buffer): boolean {
  return records.length >= batchHeaderSize && batchMagic(records, 0) === 2 && batchIsTransactional(records, 0)
}

/**
 * How long the answer may wait for the disk. Kafka looks once before it waits, and one replica is enough then: who
 * gives no time at all is answered all the same. So is he here, when the disk has what he brought.
 */
function longestWaitMs({ timeoutMs }: Request): number {
  return timeoutMs > 0 ? timeoutMs : Number.POSITIVE_INFINITY
}

/** The same error for every partition; with acks=0 the only way to say so is to close the connection. */
function answerAll(
  request: Request,
  error: ErrorName,
  message: string | null,
): Answer<typeof produceResponse> {
  if (request.acks === 0) return closeConnection
  return {
    responses: request.topicData.map(topic => ({
      name: topic.name,
      topicId: topic.topicId,
      partitionResponses: topic.partitionData.map(partition =>
        refusedResponse(partition.index, error, message, -1),
      ),
    })),
  }
}

function refusedResponse(
  index: number,
  error: ErrorName,
  message: string | null,
  logStartOffset: number,
): PartitionResponse {
  return {
    index,
    errorCode: errorCodes[error],
    baseOffset: -1n,
    logAppendTimeMs: -1n,
    logStartOffset: BigInt(logStartOffset),
    errorMessage: message,
  }
}

/** The partitions of one request: those that go to the log, and those that were refused before. */
class ProducedPartitions {
  readonly items: AppendItem[] = []
  /** For each partition in request order its refusal; undefined where its item is in `items`. */
  private readonly refusals: (PartitionResponse | undefined)[] = []
  private readonly request: Request
  private readonly services: Services
  private readonly context: RequestContext
  private readonly hasValidAcks: boolean

  constructor(request: Request, services: Services, context: RequestContext) {
    this.request = request
    this.services = services
    this.context = context
    this.hasValidAcks = hasValidAcks(request)
    const snapshot = services.catalog.current()
    const byId = context.apiVersion >= firstVersionWithTopicIds
    for (const wanted of request.topicData) {
      const topic = byId ? snapshot.topicsById.get(wanted.topicId) : snapshot.topics.get(wanted.name)
      for (const partition of wanted.partitionData) {
        const refusal = this.take(topic, partition.index, partition.records, byId)
        if (refusal !== undefined)
          this.countRefusal(topic?.partitions[partition.index], refusal, partition.records)
        this.refusals.push(refusal)
      }
    }
  }

  private countRefusal(
    partition: CatalogPartition | undefined,
    { errorCode }: PartitionResponse,
    records: Buffer | null,
  ): void {
    const traffic = partition === undefined ? undefined : this.services.logs.traffic(partition)
    if (traffic === undefined) return
    traffic.produceRequests++
    traffic.failedProduceRequests++
    if (errorCode === errorCodes.MESSAGE_TOO_LARGE) traffic.bytesRejected += records?.length ?? 0
  }

  private countConversion(partition: CatalogPartition, recordCount: number): void {
    const traffic = this.services.logs.traffic(partition)
    if (traffic !== undefined) traffic.producedConversions += recordCount
  }

  private take(
    topic: CatalogTopic | undefined,
    index: number,
    records: Buffer | null,
    byId: boolean,
  ): PartitionResponse | undefined {
    const target = topic?.partitions[index]
    if (topic === undefined || target === undefined) {
      const unknown = topic === undefined && byId ? 'UNKNOWN_TOPIC_ID' : 'UNKNOWN_TOPIC_OR_PARTITION'
      return refusedResponse(index, unknown, null, -1)
    }
    const { config } = topic
    if (records === null) {
      const error = this.hasValidAcks ? 'INVALID_RECORD' : 'INVALID_REQUIRED_ACKS'
      return refusedResponse(index, error, this.hasValidAcks ? 'The partition has no records.' : null, -1)
    }
    const now = this.services.clock.now()
    const batch = validateProducedBatch(records, {
      now,
      timestampType: config.messageTimestampType,
      timestampBeforeMaxMs: config.messageTimestampBeforeMaxMs,
      timestampAfterMaxMs: config.messageTimestampAfterMaxMs,
      maxMessageBytes: config.maxMessageBytes,
      isCompacted: config.cleanupPolicy.compact,
      zstdIsAllowed: this.context.apiVersion >= firstVersionWithZstd,
      origin: 'client',
    })
    // What is wrong with the request, whatever its log would say of the records, comes first, as in Kafka.
    if (batch.error !== null && !batch.isOfLog) return invalidResponse(index, batch, -1)
    if (!this.hasValidAcks) return refusedResponse(index, 'INVALID_REQUIRED_ACKS', null, -1)
    if (topic.isInternal && this.context.clientId !== adminClientId) {
      return refusedResponse(index, 'INVALID_TOPIC_EXCEPTION', `Topic ${topic.name} is internal.`, -1)
    }
    // acks=all asks for as many replicas as a partition has at most, so never for more than the one, as in Kafka 4:
    // min.insync.replicas, which topics bring along from larger clusters, refuses nothing here.
    try {
      if (batch.error !== null) {
        return invalidResponse(index, batch, this.services.logs.offsets(target).logStartOffset)
      }
      const { compressionType, messageTimestampType: timestampType, maxMessageBytes } = config
      const bytes = applyTopicSettings(records, batch, { compressionType, timestampType, maxMessageBytes })
      if (bytes !== records) this.countConversion(target, batch.recordCount)
      this.items.push({ partition: target, batch: bytes, origin: 'client' })
      return undefined
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      return refusedResponse(index, error.name, error.message, -1)
    }
  }

  answer(results: readonly AppendResult[]): Answer<typeof produceResponse> {
    if (this.request.acks === 0) {
      const isRefused =
        results.length < this.refusals.length || results.some(result => result.error !== 'NONE')
      return isRefused ? closeConnection : noResponse
    }
    let position = 0
    let nextResult = 0
    return {
      responses: this.request.topicData.map(topic => ({
        name: topic.name,
        topicId: topic.topicId,
        partitionResponses: topic.partitionData.map(partition => {
          const refusal = this.refusals[position++]
          return refusal ?? resultResponse(partition.index, results[nextResult++]!)
        }),
      })),
    }
  }
}

/** What is refused for its acks is not looked at any further; message sets would have to be converted for that. */
function withoutRecords({ topicData, ...rest }: Request): Request {
  return {
    ...rest,
    topicData: topicData.map(topic => ({
      ...topic,
      partitionData: topic.partitionData.map(partition => ({ ...partition, records: null })),
    })),
  }
}

const topicShape: TopicShape<RequestTopic, RequestTopic['partitionData'][number]> = {
  topicOf: ({ name, topicId }) => (name === '' ? topicId : name),
  partitionsOf: ({ partitionData }) => partitionData,
  indexOf: ({ index }) => index,
  having: (topic, partitionData) => ({ ...topic, partitionData }),
}

function eachPartitionOnce(request: Request): Request {
  const topicData = byPartition(request.topicData, topicShape)
  return topicData === request.topicData ? request : { ...request, topicData: [...topicData] }
}

function resultResponse(index: number, result: AppendResult): PartitionResponse {
  if (result.error !== 'NONE') {
    return refusedResponse(index, result.error, result.message ?? null, result.logStartOffset)
  }
  return {
    index,
    errorCode: errorCodes.NONE,
    baseOffset: BigInt(result.baseOffset),
    logAppendTimeMs: BigInt(result.appendTimeMs),
    logStartOffset: BigInt(result.logStartOffset),
  }
}

function invalidResponse(index: number, batch: RefusedBatch, logStartOffset: number): PartitionResponse {
  return {
    ...refusedResponse(index, batch.error, batch.message, logStartOffset),
    recordErrors: batch.recordErrors.map(error => ({
      batchIndex: error.batchIndex,
      batchIndexErrorMessage: error.message,
    })),
  }
}

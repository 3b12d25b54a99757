/**
 * Produce: the hot path in. A batch is checked once, stamped in place and written from the memory that it
 * was received into, all before `handle` returns; what is awaited is only the disk. Versions 0-2, which carry
 * message sets of older formats, come here by way of `legacy-produce.ts`.
 */
import { type ErrorName, errorCodes } from '../../protocol-codecs/error-codes.ts'
import { produceRequest, produceResponse } from '../../protocol-codecs/messages/produce.ts'
import { applyTopicSettings } from '../../protocol-codecs/rebuild-batch.ts'
import { RecordError } from '../../protocol-codecs/record-error.ts'
import type { Infer, InferInput } from '../../protocol-codecs/schema.ts'
import { type RefusedBatch, validateProducedBatch } from '../../protocol-codecs/validate-batch.ts'
import type { AppendItem, AppendResult } from '../storage/partition-log.ts'
import type { CatalogPartition, CatalogTopic } from '../storage/topic-catalog.ts'
import { type Answer, closeConnection, handler, noResponse, type RequestContext } from './handler.ts'
import { produceMessageSets } from './legacy-produce.ts'
import type { Services } from './services.ts'

type Request = Infer<typeof produceRequest>
type Response = InferInput<typeof produceResponse>
type PartitionResponse = Response['responses'][number]['partitionResponses'][number]

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

  handle: (request, services, context) => refusalOf(request) ?? appendBatches(request, services, context),
  legacy: {
    versions: '0-2',
    handle: (request, services, context) =>
      refusalOf(request) ?? produceMessageSets(request, services, context, appendBatches),
  },

  refuse: (request, error, message) => answerAll(request, error, message),
})

/** The answer to a request that is wrong as a whole. */
function refusalOf(request: Request): Answer<typeof produceResponse> | undefined {
  if (request.acks !== -1 && request.acks !== 0 && request.acks !== 1) {
    return answerAll(request, 'INVALID_REQUIRED_ACKS', null)
  }
  if (request.transactionalId !== null) {
    return answerAll(
      request,
      'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
      'Transactions are not served by this broker yet.',
    )
  }
  return undefined
}

function appendBatches(
  request: Request,
  services: Services,
  context: RequestContext,
): Answer<typeof produceResponse> | Promise<Answer<typeof produceResponse>> {
  const produced = new ProducedPartitions(request, services, context)
  const results = services.logs.append(produced.items, request.acks === -1 ? 'durable' : 'written')
  if (results instanceof Promise) return results.then(done => produced.answer(done))
  return produced.answer(results)
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

  constructor(request: Request, services: Services, context: RequestContext) {
    this.request = request
    this.services = services
    this.context = context
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
    if (topic.isInternal && this.context.clientId !== adminClientId) {
      return refusedResponse(index, 'INVALID_TOPIC_EXCEPTION', `Topic ${topic.name} is internal.`, -1)
    }
    // acks=all asks for as many replicas as a partition has at most, so never for more than the one, as in Kafka 4:
    // min.insync.replicas, which topics bring along from larger clusters, refuses nothing here.
    const { config } = topic
    if (records === null) return refusedResponse(index, 'INVALID_RECORD', 'The partition has no records.', -1)
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
    if (batch.error !== null) return invalidResponse(index, batch)
    if (batch.isTransactional) {
      return refusedResponse(
        index,
        'INVALID_TXN_STATE',
        'A transactional batch without a transactional id.',
        -1,
      )
    }
    try {
      const { compressionType, messageTimestampType: timestampType, maxMessageBytes } = config
      const bytes = applyTopicSettings(records, batch, { compressionType, timestampType, maxMessageBytes })
      if (bytes !== records) this.countConversion(target, batch.recordCount)
      this.items.push({ partition: target, batch: bytes, origin: 'client' })
      return undefined
    } catch (error) {
      if (!(error instanceof RecordError)) throw error
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

function invalidResponse(index: number, batch: RefusedBatch): PartitionResponse {
  return {
    ...refusedResponse(index, batch.error, batch.message, -1),
    recordErrors: batch.recordErrors.map(error => ({
      batchIndex: error.batchIndex,
      batchIndexErrorMessage: error.message,
    })),
  }
}

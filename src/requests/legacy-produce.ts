/**
 * Produce 0-2: message sets of magic 0 and 1, which become record batches before anything else sees them. From there
 * on their road is that of every produced batch; what cannot be converted is answered here, in its place among the
 * others. Kafka never held versions to a magic: any of these versions may carry any format, record batches too.
 */
import { type ErrorName, errorCodes, ProtocolError } from '../../protocol-codecs/error-codes.ts'
import { upConvert } from '../../protocol-codecs/message-sets/up-convert.ts'
import type { produceRequest, produceResponse } from '../../protocol-codecs/messages/produce.ts'
import { wantedCompression } from '../../protocol-codecs/rebuild-batch.ts'
import { batchRecordCount } from '../../protocol-codecs/record-batch.ts'
import type { Infer, InferInput } from '../../protocol-codecs/schema.ts'
import type { CatalogTopic } from '../storage/topic-catalog.ts'
import { type Answer, closeConnection, noResponse, type RequestContext } from './handler.ts'
import type { Services } from './services.ts'

type Request = Infer<typeof produceRequest>
type RequestPartition = Request['topicData'][number]['partitionData'][number]
type Response = InferInput<typeof produceResponse>
type PartitionResponse = Response['responses'][number]['partitionResponses'][number]
type ProduceAnswer = Answer<typeof produceResponse> | Promise<Answer<typeof produceResponse>>

/** Answers the request by `appendBatches`, which is given the same request with batches in it. */
export function produceMessageSets(
  request: Request,
  services: Services,
  context: RequestContext,
  appendBatches: (request: Request, services: Services, context: RequestContext) => ProduceAnswer,
): ProduceAnswer {
  const { topics } = services.catalog.current()
  /** The answers to partitions that have nothing to append. */
  const answered = new Map<RequestPartition, ErrorName>()
  const topicData = request.topicData.map(wanted => {
    const topic = topics.get(wanted.name)
    const partitionData: RequestPartition[] = []
    for (const partition of wanted.partitionData) {
      const converted = convert(topic, partition, services)
      if (typeof converted === 'string') answered.set(partition, converted)
      else partitionData.push({ ...partition, records: converted })
    }
    return { ...wanted, partitionData }
  })
  const answer = appendBatches({ ...request, topicData }, services, context)
  return answer instanceof Promise
    ? answer.then(done => completed(request, answered, done))
    : completed(request, answered, answer)
}

/** The records as a batch, or the error to answer; NONE where there is nothing to append, which is no error. */
function convert(
  topic: CatalogTopic | undefined,
  { index, records }: RequestPartition,
  { logs }: Services,
): Buffer | null | ErrorName {
  const partition = topic?.partitions[index]
  // Whatever it carries, it will be refused for a better reason.
  if (topic === undefined || partition === undefined || topic.isInternal || records === null) return records
  const { compressionType, maxMessageBytes } = topic.config
  const traffic = logs.traffic(partition)
  try {
    const batch = upConvert(records, {
      maxMessageBytes,
      compressionFor: source => wantedCompression(compressionType, source, false),
    })
    if (batch === undefined) return 'NONE'
    if (traffic !== undefined && batch !== records) traffic.producedConversions += batchRecordCount(batch, 0)
    return batch
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    if (traffic !== undefined) {
      traffic.produceRequests++
      traffic.failedProduceRequests++
      if (error.name === 'MESSAGE_TOO_LARGE') traffic.bytesRejected += records.length
    }
    return error.name
  }
}

/** The answer with the partitions in it that were answered without being asked about. */
function completed(
  request: Request,
  answered: ReadonlyMap<RequestPartition, ErrorName>,
  answer: Answer<typeof produceResponse>,
): Answer<typeof produceResponse> {
  if (answered.size === 0 || answer === closeConnection) return answer
  if (answer === noResponse) {
    return [...answered.values()].every(error => error === 'NONE') ? noResponse : closeConnection
  }
  const { responses, ...rest } = answer as Response
  return {
    ...rest,
    responses: request.topicData.map((topic, index) => {
      const others = responses[index]!.partitionResponses.values()
      const partitionResponses = topic.partitionData.map(partition => {
        const error = answered.get(partition)
        return error === undefined ? others.next().value! : answerOf(partition, error)
      })
      return { ...responses[index]!, partitionResponses }
    }),
  }
}

function answerOf({ index }: RequestPartition, error: ErrorName): PartitionResponse {
  return { index, errorCode: errorCodes[error], baseOffset: -1n }
}

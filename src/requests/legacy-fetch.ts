/**
 * Fetch 0-3: what is stored as record batches is given as message sets, of magic 0 up to version 1 and of magic 1 in
 * 2 and 3. Reading and waiting is that of every fetch; the answer is converted before it leaves.
 *
 * As in Kafka the first batch of a partition is converted however large it becomes, and further ones as long as all
 * of the partition's messages are no more bytes than were read; what does not fit is fetched again. zstd cannot be
 * told: it is an error where it comes first, and the end of the answer where it comes later. Control batches come to
 * nothing. Unlike Kafka we give the first message whole in versions 0-2, too: a consumer could not get beyond a batch
 * that is larger than what it asks for.
 *
 * Converting may mean inflating and compressing, so the event loop is given back between batches.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { ProtocolError } from '../../protocol-codecs/error-codes.ts'
import { downConvert } from '../../protocol-codecs/message-sets/down-convert.ts'
import type { Magic } from '../../protocol-codecs/message-sets/message.ts'
import type { fetchRequest, fetchResponse } from '../../protocol-codecs/messages/fetch.ts'
import { batchesIn } from '../../protocol-codecs/record-batch.ts'
import type { Infer, InferInput } from '../../protocol-codecs/schema.ts'
import { FetchExchange, limitsOf } from './fetch-exchange.ts'
import { type FetchPartition, inOrderOfAnswer, wantedPartitions } from './fetch-partition.ts'
import type { Answer, RequestContext } from './handler.ts'
import type { Services } from './services.ts'

type Request = Infer<typeof fetchRequest>
type Response = InferInput<typeof fetchResponse>
type PartitionResponse = Response['responses'][number]['partitions'][number]

const firstVersionWithMagic1 = 2

export async function fetchMessageSets(
  request: Request,
  services: Services,
  context: RequestContext,
): Promise<Answer<typeof fetchResponse>> {
  const partitions = wantedPartitions(request.topics, 'read_uncommitted', services.catalog.current(), false)
  const terms = { partitions, session: undefined, ...limitsOf(request, services) }
  const answer = await new FetchExchange(terms, services, context).run()
  if (typeof answer === 'symbol') return answer

  const magic: Magic = context.apiVersion < firstVersionWithMagic1 ? 0 : 1
  const responses: Response['responses'][number][] = []
  const asked = inOrderOfAnswer(partitions).values()
  for (const topic of answer.responses) {
    const converted: PartitionResponse[] = []
    for (const partition of topic.partitions) {
      converted.push(await convert(partition, asked.next().value!, magic, services))
    }
    responses.push({ ...topic, partitions: converted })
  }
  return { ...answer, responses }
}

/** The answer for one partition with message sets in place of batches, or with the error of the first batch. */
async function convert(
  answer: PartitionResponse,
  asked: FetchPartition,
  magic: Magic,
  services: Services,
): Promise<PartitionResponse> {
  const read = joined(answer.records)
  const records: Buffer[] = []
  let size = 0
  try {
    for (const at of batchesIn(read)) {
      const { messages, recordCount } = downConvert(read, at, magic, asked.offset)
      if (size > 0 && size + messages.length > read.length) break
      if (messages.length > 0) records.push(messages)
      size += messages.length
      const traffic = services.logs.traffic(asked.partition)
      if (traffic !== undefined) traffic.fetchedConversions += recordCount
      await nextTurn()
    }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    if (size === 0) return { ...answer, errorCode: error.code, highWatermark: -1n, records: [] }
  }
  return { ...answer, records }
}

/** Batches may lie across the chunks that were read. */
function joined(records: PartitionResponse['records']): Buffer {
  if (records === null) return Buffer.alloc(0)
  if (records instanceof Uint8Array) return Buffer.from(records.buffer, records.byteOffset, records.length)
  return records.length === 1 ? joined(records[0]!) : Buffer.concat(records)
}

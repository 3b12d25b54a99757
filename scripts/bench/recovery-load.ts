/**
 * The two data directories that starts are measured on: many partitions with a record each, and many bytes of which
 * the last few came after the last checkpoint. And the question that tells that a broker serves all of it again.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { buildBatch } from '../../protocol-codecs/build-batch.ts'
import { errorName } from '../../protocol-codecs/error-codes.ts'
import { createTopicsRequest, createTopicsResponse } from '../../protocol-codecs/messages/create-topics.ts'
import {
  initProducerIdRequest,
  initProducerIdResponse,
} from '../../protocol-codecs/messages/init-producer-id.ts'
import { listOffsetsRequest, listOffsetsResponse } from '../../protocol-codecs/messages/list-offsets.ts'
import { produceRequest, produceResponse } from '../../protocol-codecs/messages/produce.ts'
import { batchField, updateBatchCrc } from '../../protocol-codecs/record-batch.ts'
import { Connection } from '../../src/client/connection.ts'

/** Up to the last version that names topics. */
const produceExchange = { request: produceRequest, response: produceResponse, versions: '9-12' } as const
const createExchange = { request: createTopicsRequest, response: createTopicsResponse } as const
const offsetsExchange = {
  request: listOffsetsRequest,
  response: listOffsetsResponse,
  versions: '1-7',
} as const
const producerExchange = { request: initProducerIdRequest, response: initProducerIdResponse } as const
const options = { clientId: 'bench', softwareVersion: '1', timeoutMs: 120_000 }

export const partitionsPerTopic = 1000
/** A batch of the large directory: about what a busy producer sends. */
const recordBytes = 1000
const recordsPerBatch = 250
const partitionsPerRequest = 20
const connectionCount = 4
/** ListOffsets: the end of the log. */
const latest = -1n
const retryMs = 5

export interface Partitions {
  readonly topics: readonly string[]
  readonly perTopic: number
}

export function partitionsOf(count: number): Partitions {
  const perTopic = Math.min(count, partitionsPerTopic)
  const topics = Array.from({ length: Math.ceil(count / perTopic) }, (_, n) => `recovery-${n}`)
  return { topics, perTopic }
}

export function open(port: number): Promise<Connection> {
  return Connection.open({ host: '127.0.0.1', port }, options)
}

/** One topic after the other; what a broker needs to lead the partitions may follow later. */
export async function createTopics(client: Connection, { topics, perTopic }: Partitions): Promise<void> {
  for (const name of topics) {
    const topic = { name, numPartitions: perTopic, replicationFactor: 1, assignments: [], configs: [] }
    const { topics: answers } = await client.send(createExchange, { topics: [topic], timeoutMs: 120_000 })
    const error = errorName(answers[0]!.errorCode)
    if (error !== 'NONE') throw new Error(`${name} could not be created: ${error}`)
  }
}

/** One small record to every partition, on the disk before it is answered. */
export async function writeOneRecordEach(
  client: Connection,
  { topics, perTopic }: Partitions,
): Promise<void> {
  const records = buildBatch({ records: [{ value: Buffer.alloc(100, 'x') }], timestamp: Date.now() })
  for (const name of topics) {
    const partitionData = Array.from({ length: perTopic }, (_, index) => ({ index, records }))
    await produce(client, name, partitionData)
  }
}

/**
 * Writes rounds of batches to every partition of the one topic, from a few idempotent producers that share the
 * partitions; gives the bytes that were acknowledged. `writers` are kept from one call to the next.
 */
export async function writeRounds(
  writers: readonly Writer[],
  { topics, perTopic }: Partitions,
  rounds: number,
): Promise<number> {
  const written = await Promise.all(
    writers.map(async (writer, n) => {
      let bytes = 0
      const indexes = Array.from({ length: perTopic }, (_, index) => index).filter(
        index => index % writers.length === n,
      )
      for (let round = 0; round < rounds; round++) {
        for (let at = 0; at < indexes.length; at += partitionsPerRequest) {
          const partitionData = indexes.slice(at, at + partitionsPerRequest).map(index => {
            const records = writer.nextBatch(writer.round)
            bytes += records.length
            return { index, records }
          })
          await produce(writer.client, topics[0]!, partitionData)
        }
        writer.round++
      }
      return bytes
    }),
  )
  return written.reduce((sum, bytes) => sum + bytes, 0)
}

export class Writer {
  readonly client: Connection
  round = 0
  private readonly template: Buffer

  private constructor(client: Connection, template: Buffer) {
    this.client = client
    this.template = template
  }

  static async open(port: number): Promise<Writer> {
    const client = await open(port)
    const { producerId, producerEpoch } = await client.send(producerExchange, {
      transactionalId: null,
      transactionTimeoutMs: 60_000,
    })
    const value = Buffer.alloc(recordBytes, 'x')
    const template = buildBatch({
      records: Array.from({ length: recordsPerBatch }, () => ({ value })),
      timestamp: Date.now(),
      producerId: Number(producerId),
      producerEpoch,
      baseSequence: 0,
    })
    return new Writer(client, template)
  }

  /** The batch of one round, which is the same for all partitions. */
  nextBatch(round: number): Buffer {
    const sequence = round * recordsPerBatch
    if (this.template.readInt32BE(batchField.baseSequence) !== sequence) {
      this.template.writeInt32BE(sequence, batchField.baseSequence)
      const timestamp = BigInt(Date.now())
      this.template.writeBigInt64BE(timestamp, batchField.baseTimestamp)
      this.template.writeBigInt64BE(timestamp, batchField.maxTimestamp)
      updateBatchCrc(this.template, 0)
    }
    return this.template
  }
}

/** Rounds of one batch to each partition that make up about so many bytes. */
export function roundsFor(bytes: number, { perTopic }: Partitions): number {
  return Math.max(1, Math.round(bytes / (perTopic * recordsPerBatch * recordBytes)))
}

export function openWriters(port: number): Promise<Writer[]> {
  return Promise.all(Array.from({ length: connectionCount }, () => Writer.open(port)))
}

async function produce(
  client: Connection,
  name: string,
  partitionData: { index: number; records: Buffer }[],
): Promise<void> {
  let left = partitionData
  // A new topic may not have reached every part of a broker yet.
  for (let attempt = 0; left.length > 0; attempt++) {
    if (attempt > 0) await delay(100)
    if (attempt > 600) throw new Error(`${name} takes no records`)
    const { responses } = await client.send(produceExchange, {
      transactionalId: null,
      acks: -1,
      timeoutMs: 60_000,
      topicData: [{ name, partitionData: left }],
    })
    const refused = new Set<number>()
    for (const { index, errorCode } of responses[0]!.partitionResponses) {
      const error = errorName(errorCode)
      if (error === 'NONE') continue
      if (error !== 'NOT_LEADER_OR_FOLLOWER' && error !== 'UNKNOWN_TOPIC_OR_PARTITION')
        throw new Error(`${name}-${index} answered ${error}`)
      refused.add(index)
    }
    left = left.filter(({ index }) => refused.has(index))
  }
}

/**
 * Knocks until the broker answers for every partition with its log end and takes a record; gives
 * `performance.now()` at that moment and the records that it had.
 */
export async function untilServed(
  port: number,
  { topics, perTopic }: Partitions,
  isOver: () => boolean,
): Promise<{ at: number; records: number }> {
  const client = await knock(port, isOver)
  try {
    let records = 0
    for (const name of topics) {
      for (;;) {
        const partitions = Array.from({ length: perTopic }, (_, partitionIndex) => ({
          partitionIndex,
          timestamp: latest,
        }))
        const { topics: answers } = await client.send(offsetsExchange, {
          replicaId: -1,
          topics: [{ name, partitions }],
        })
        const ends = answers[0]!.partitions
        if (ends.every(({ errorCode }) => errorCode === 0)) {
          records += ends.reduce((sum, { offset }) => sum + Number(offset), 0)
          break
        }
        if (isOver()) throw new Error(`${name} is not served`)
        await delay(retryMs)
      }
    }
    const batch = buildBatch({ records: [{ value: Buffer.from('back') }], timestamp: Date.now() })
    await produce(client, topics.at(-1)!, [{ index: perTopic - 1, records: batch }])
    return { at: performance.now(), records }
  } finally {
    client.close()
  }
}

async function knock(port: number, isOver: () => boolean): Promise<Connection> {
  for (;;) {
    try {
      return await open(port)
    } catch (error) {
      if (isOver()) throw error
      await delay(retryMs)
    }
  }
}

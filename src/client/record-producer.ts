/**
 * Sends records to one topic. Each partition is a lane with one batch in flight; what arrives meanwhile gathers and
 * leaves as the next batch, so a slow broker gets large batches and a person at a keyboard is served at once. Order
 * within a partition is that of `add`.
 *
 * With acks=all the producer is idempotent (KIP-98): a batch that is sent again after a lost answer carries the
 * sequence numbers it had, and the broker drops it if it has it. Records without a key stick to one partition until
 * a batch is full (KIP-480).
 */
import { buildBatch, type RecordToBuild } from '../../protocol-codecs/build-batch.ts'
import { prepareCompression } from '../../protocol-codecs/compression/compression.ts'
import type { CompressionName } from '../../protocol-codecs/compression/compression-names.ts'
import { prepareCrc32c } from '../../protocol-codecs/crc32c.ts'
import { errorCodes } from '../../protocol-codecs/error-codes.ts'
import {
  initProducerIdRequest,
  initProducerIdResponse,
} from '../../protocol-codecs/messages/init-producer-id.ts'
import { produceRequest, produceResponse } from '../../protocol-codecs/messages/produce.ts'
import { addToSequence } from '../../protocol-codecs/record-batch.ts'
import { ClientError, throwIfRefused } from './client-error.ts'
import type { ClusterClient } from './cluster-client.ts'
import { partitionOfKey } from './partitioner.ts'
import { leadersOf, type TopicView } from './topic-metadata.ts'

export type Acks = 0 | 1 | -1

export interface ProducerOptions {
  readonly acks: Acks
  readonly compression: CompressionName
  /** Told once, when a batch has failed for good; `add`, `room` and `finish` throw why. */
  readonly onFailure?: () => void
}

/** What was acknowledged in one partition; offsets are -1 where the broker was not asked to tell. */
export interface ProducedRange {
  readonly partition: number
  recordCount: number
  firstOffset: number
  lastOffset: number
}

interface Lane {
  readonly partition: number
  pending: RecordToBuild[]
  pendingBytes: number
  leader: number | undefined
  nextSequence: number
  running: Promise<void> | undefined
  readonly produced: ProducedRange
}

/** Version 3 has record batches as we write them; 13 names topics by id. */
const produce = { request: produceRequest, response: produceResponse, versions: '3-12' } as const
/** Version 6 is for two-phase commit. */
const initProducerId = {
  request: initProducerIdRequest,
  response: initProducerIdResponse,
  versions: '0-5',
} as const

/** Half of what max.message.bytes allows by default. */
const batchBytes = 512 * 1024
/** `add` asks its caller to wait above this. */
const maxBufferedBytes = 16 * 1024 * 1024
/** About what a record takes besides its key, value and headers. */
const recordOverheadBytes = 16

export class RecordProducer {
  private readonly client: ClusterClient
  private readonly topic: TopicView
  private readonly options: ProducerOptions
  private readonly lanes = new Map<number, Lane>()
  private producerId = -1
  private producerEpoch = -1
  private bufferedBytes = 0
  private failure: unknown
  private sticky: number
  private waitingForRoom: (() => void)[] = []

  private constructor(client: ClusterClient, topic: TopicView, options: ProducerOptions) {
    this.client = client
    this.topic = topic
    this.options = options
    this.sticky = Math.floor(Math.random() * topic.partitions.length)
  }

  static async open(
    client: ClusterClient,
    topic: TopicView,
    options: ProducerOptions,
  ): Promise<RecordProducer> {
    const producer = new RecordProducer(client, topic, options)
    await prepareCrc32c()
    if (options.compression === 'zstd') await prepareCompression()
    if (options.acks === -1) await producer.becomeIdempotent()
    return producer
  }

  /** Takes a record; it leaves with the next `send`, or when there is a batch of its like. */
  add(record: RecordToBuild, partition = this.partitionFor(record)): void {
    if (this.failure !== undefined) throw this.failure
    const lane = this.lane(partition)
    const bytes = sizeOf(record)
    lane.pending.push(record)
    lane.pendingBytes += bytes
    this.bufferedBytes += bytes
    if (lane.pendingBytes >= batchBytes) {
      this.start(lane)
      if (partition === this.sticky) this.sticky = (this.sticky + 1) % this.topic.partitions.length
    }
  }

  /** Lets go of what has gathered. */
  send(): void {
    for (const lane of this.lanes.values()) if (lane.pending.length > 0) this.start(lane)
  }

  /** Resolves when there is room for more. */
  async room(): Promise<void> {
    while (this.bufferedBytes > maxBufferedBytes && this.failure === undefined) {
      await new Promise<void>(resolve => this.waitingForRoom.push(resolve))
    }
    if (this.failure !== undefined) throw this.failure
  }

  /** Resolves when everything has been acknowledged. */
  async finish(): Promise<void> {
    this.send()
    await Promise.all([...this.lanes.values()].map(lane => lane.running))
    if (this.failure !== undefined) throw this.failure
  }

  /** What has been acknowledged so far, by partition. */
  produced(): ProducedRange[] {
    return [...this.lanes.values()]
      .map(lane => lane.produced)
      .filter(({ recordCount }) => recordCount > 0)
      .sort((one, other) => one.partition - other.partition)
  }

  private partitionFor({ key }: RecordToBuild): number {
    const { partitions } = this.topic
    const index = key == null ? this.sticky : partitionOfKey(key, partitions.length)
    return partitions[index]!.partition
  }

  private lane(partition: number): Lane {
    let lane = this.lanes.get(partition)
    if (lane === undefined) {
      if (this.topic.partitions.every(known => known.partition !== partition)) {
        const { name, partitions } = this.topic
        throw new ClientError(
          'UNKNOWN_TOPIC_OR_PARTITION',
          `Topic ${name} has no partition ${partition}; it has ${partitions.length}, counted from 0.`,
        )
      }
      const produced = { partition, recordCount: 0, firstOffset: -1, lastOffset: -1 }
      const leader = undefined
      lane = {
        partition,
        pending: [],
        pendingBytes: 0,
        leader,
        nextSequence: 0,
        running: undefined,
        produced,
      }
      this.lanes.set(partition, lane)
    }
    return lane
  }

  private start(lane: Lane): void {
    lane.running ??= this.drain(lane)
      .catch(error => {
        if (this.failure !== undefined) return
        this.failure = error
        this.options.onFailure?.()
      })
      .finally(() => {
        lane.running = undefined
        for (const resume of this.waitingForRoom.splice(0)) resume()
      })
  }

  private async drain(lane: Lane): Promise<void> {
    while (lane.pending.length > 0 && this.failure === undefined) {
      const { records, bytes } = takeBatch(lane)
      await this.deliver(lane, records)
      this.bufferedBytes -= bytes
      for (const resume of this.waitingForRoom.splice(0)) resume()
    }
  }

  /** A batch that is too large for the topic is sent in halves, down to single records. */
  private async deliver(lane: Lane, records: readonly RecordToBuild[]): Promise<void> {
    try {
      await this.client.retrying(() => this.sendBatch(lane, records), {
        afterLostConnection: true,
        // A topic just created is not known to every broker at once.
        also: error => error.failure === 'UNKNOWN_TOPIC_OR_PARTITION' && lane.produced.recordCount === 0,
        timeoutMs: this.client.timeoutMs,
      })
    } catch (error) {
      const isTooLarge = error instanceof ClientError && error.failure === 'MESSAGE_TOO_LARGE'
      if (!isTooLarge || records.length === 1) throw error
      const middle = records.length >> 1
      await this.deliver(lane, records.slice(0, middle))
      await this.deliver(lane, records.slice(middle))
    }
  }

  private async sendBatch(lane: Lane, records: readonly RecordToBuild[]): Promise<void> {
    const { acks, compression } = this.options
    const batch = buildBatch({
      records,
      compression,
      producerId: this.producerId,
      producerEpoch: this.producerEpoch,
      baseSequence: this.producerId < 0 ? -1 : lane.nextSequence,
    })
    try {
      lane.leader ??= await this.leaderOf(lane.partition)
      const connection = await this.client.node(lane.leader)
      const { name } = this.topic
      const request = {
        acks,
        timeoutMs: this.client.timeoutMs,
        topicData: [{ name, partitionData: [{ index: lane.partition, records: batch }] }],
      }
      if (acks === 0) {
        await connection.sendUnanswered(produce, request)
        lane.produced.recordCount += records.length
        return
      }
      const answer = await connection.send(produce, request)
      const { errorCode, errorMessage, baseOffset } = answer.responses[0]!.partitionResponses[0]!
      const what = `Cannot produce to partition ${lane.partition} of topic ${name}`
      if (errorCode !== errorCodes.DUPLICATE_SEQUENCE_NUMBER) {
        throwIfRefused(what, connection.broker, errorCode, errorMessage)
      }
      this.acknowledged(lane, records.length, Number(baseOffset))
    } catch (error) {
      lane.leader = undefined
      throw error
    }
  }

  private acknowledged(lane: Lane, count: number, baseOffset: number): void {
    const { produced } = lane
    produced.recordCount += count
    if (produced.firstOffset < 0) produced.firstOffset = baseOffset
    if (baseOffset >= 0) produced.lastOffset = baseOffset + count - 1
    lane.nextSequence = addToSequence(lane.nextSequence, count)
  }

  private async leaderOf(partition: number): Promise<number> {
    const [leader] = (await leadersOf(this.client, [{ topic: this.topic.name, partition }])).keys()
    return leader!
  }

  private async becomeIdempotent(): Promise<void> {
    await this.client.retrying(
      async () => {
        const connection = await this.client.any()
        // Brokers older than 0.11 have none, and their answers are taken at their word.
        if (connection.versionOf(initProducerId) === undefined) return
        const answer = await connection.send(initProducerId, {
          transactionalId: null,
          transactionTimeoutMs: 60_000,
        })
        throwIfRefused('Cannot get a producer id', connection.broker, answer.errorCode)
        this.producerId = Number(answer.producerId)
        this.producerEpoch = answer.producerEpoch
      },
      { afterLostConnection: true },
    )
  }
}

function takeBatch(lane: Lane): { records: RecordToBuild[]; bytes: number } {
  let bytes = 0
  let count = 0
  for (const record of lane.pending) {
    const size = sizeOf(record)
    if (count > 0 && bytes + size > batchBytes) break
    bytes += size
    count += 1
  }
  const records = lane.pending.slice(0, count)
  lane.pending = lane.pending.slice(count)
  lane.pendingBytes -= bytes
  return { records, bytes }
}

function sizeOf({ key, value, headers = [] }: RecordToBuild): number {
  let size = recordOverheadBytes + (key?.length ?? 0) + (value?.length ?? 0)
  for (const header of headers) size += header.key.length + (header.value?.length ?? 0)
  return size
}

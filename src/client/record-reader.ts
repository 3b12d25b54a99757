/**
 * Fetches records of given partitions from their leaders, from a position on. One fetch per broker is in flight at a
 * time, and `poll` gives what the first of them brings; the position of a partition is the offset behind the last
 * record that was handed out. No fetch session is used: positions are few, and sessions are for the many.
 *
 * Under read_committed, records of aborted transactions are left out, as the list of them that comes with each fetch
 * says; control records are never handed out.
 */
import { prepareCompression } from '../../protocol-codecs/compression/compression.ts'
import { compressionId } from '../../protocol-codecs/compression/compression-names.ts'
import { errorCodes, errorName } from '../../protocol-codecs/error-codes.ts'
import { fetchRequest, fetchResponse } from '../../protocol-codecs/messages/fetch.ts'
import { type KafkaRecord, recordsOf } from '../../protocol-codecs/read-records.ts'
import {
  batchCompression,
  batchCrcIsValid,
  batchesIn,
  batchIsControl,
  batchIsTransactional,
  batchLastOffset,
  batchProducerId,
  batchTimestampType,
  type TimestampType,
} from '../../protocol-codecs/record-batch.ts'
import { RecordError } from '../../protocol-codecs/record-error.ts'
import type { Infer } from '../../protocol-codecs/schema.ts'
import { ClientError, isOfConnection, isTransient, refusal } from './client-error.ts'
import { backoffMs, type ClusterClient, pause } from './cluster-client.ts'
import { earliestTimestamp, type IsolationLevel, offsetsAt } from './partition-offsets.ts'
import { leadersOf } from './topic-metadata.ts'
import { byTopic, partitionName, type TopicPartition } from './topic-partitions.ts'

export interface ReadRecord extends KafkaRecord, TopicPartition {
  readonly timestampType: TimestampType
}

export interface ReaderOptions {
  readonly isolation: IsolationLevel
  /** Told when a position was no longer there and reading goes on elsewhere. */
  readonly onReset?: (partition: TopicPartition, from: number, to: number) => void
}

interface Position extends TopicPartition {
  /** From where the next fetch goes on. */
  offset: number
}

interface Fetched {
  readonly records: ReadRecord[]
  /** By partition name, the offset behind them. */
  readonly next: ReadonlyMap<string, number>
}

type FetchedPartition = Infer<typeof fetchResponse>['responses'][number]['partitions'][number]

/** Version 4 is the first with record batches; 13 names topics by id. */
const fetch = { request: fetchRequest, response: fetchResponse, versions: '4-12' } as const
const maxWaitMs = 500
const maxBytes = 16 * 1024 * 1024
const maxPartitionBytes = 1024 * 1024
const zstdId = compressionId('zstd')
/** The type in a control record's key (KIP-98): int16 version, int16 type. */
const abortMarker = 0

export class RecordReader {
  private readonly client: ClusterClient
  private readonly options: ReaderOptions
  private readonly positions = new Map<string, Position>()
  private readonly inFlight = new Map<number, Promise<void>>()
  private readonly fetched: Fetched[] = []
  /** By partition name, the offset behind what `poll` has given. */
  private readonly handedOut = new Map<string, number>()
  private failure: unknown
  private leaders: Map<number, Position[]> | undefined
  private failingSinceMs: number | undefined
  private attempts = 0

  constructor(client: ClusterClient, start: readonly Position[], options: ReaderOptions) {
    this.client = client
    this.options = options
    for (const { topic, partition, offset } of start) {
      const name = partitionName({ topic, partition })
      this.positions.set(name, { topic, partition, offset })
      this.handedOut.set(name, offset)
    }
  }

  /** The offset behind everything that `poll` has given of this partition. */
  position(partition: TopicPartition): number | undefined {
    return this.handedOut.get(partitionName(partition))
  }

  /** No more of this partition. */
  drop(partition: TopicPartition): void {
    this.positions.delete(partitionName(partition))
    this.leaders = undefined
  }

  /** The next records, in order within each partition; none, when nothing came for a while or `signal` says stop. */
  async poll(signal?: AbortSignal): Promise<ReadRecord[]> {
    if (this.positions.size === 0 || signal?.aborted) return []
    try {
      this.leaders ??= await leadersOf(this.client, [...this.positions.values()])
      this.startFetches()
      if (this.fetched.length === 0) await firstOf([...this.inFlight.values()], signal)
      const failure = this.failure
      this.failure = undefined
      const records = this.takeFetched()
      if (records.length === 0 && failure !== undefined) throw failure
      this.failingSinceMs = undefined
      this.attempts = 0
      // The next records come while these are being dealt with.
      if (records.length > 0) this.startFetches()
      return records
    } catch (error) {
      this.leaders = undefined
      const mayPass =
        error instanceof ClientError && (isTransient(error.failure) || isOfConnection(error.failure))
      if (!mayPass) throw error
      this.failingSinceMs ??= performance.now()
      if (performance.now() - this.failingSinceMs > this.client.timeoutMs) throw error
      await pause(backoffMs(this.attempts++), signal)
      return []
    }
  }

  private startFetches(): void {
    for (const [nodeId, led] of this.leaders ?? []) {
      if (!this.inFlight.has(nodeId)) this.inFlight.set(nodeId, this.fetchFrom(nodeId, led))
    }
  }

  private takeFetched(): ReadRecord[] {
    const all = this.fetched.splice(0)
    for (const { next } of all) for (const [name, offset] of next) this.handedOut.set(name, offset)
    return all.length === 1 ? all[0]!.records : all.flatMap(({ records }) => records)
  }

  /** What it brings, or how it fails, waits in `fetched` and `failure` for whoever polls next. */
  private async fetchFrom(nodeId: number, led: readonly Position[]): Promise<void> {
    try {
      this.fetched.push(await this.fetch(nodeId, led))
    } catch (error) {
      this.failure = error
    } finally {
      this.inFlight.delete(nodeId)
    }
  }

  private async fetch(nodeId: number, led: readonly Position[]): Promise<Fetched> {
    const connection = await this.client.node(nodeId)
    const asked = led.map(position => ({ position, topic: position.topic, partition: position.partition }))
    const answer = await connection.send(fetch, {
      maxWaitMs,
      minBytes: 1,
      maxBytes,
      isolationLevel: this.options.isolation === 'read_committed' ? 1 : 0,
      topics: byTopic(asked).map(({ topic, items }) => ({
        topic,
        partitions: items.map(({ partition, position }) => ({
          partition,
          fetchOffset: BigInt(position.offset),
          partitionMaxBytes: maxPartitionBytes,
        })),
      })),
      forgottenTopicsData: [],
    })
    if (answer.errorCode !== errorCodes.NONE) {
      throw refusal('Cannot fetch records', connection.broker, answer.errorCode)
    }
    const records: ReadRecord[] = []
    const next = new Map<string, number>()
    for (const { topic, partitions } of answer.responses) {
      for (const fetched of partitions) {
        const name = partitionName({ topic, partition: fetched.partitionIndex })
        const position = this.positions.get(name)
        // Dropped while the fetch was under way.
        if (position === undefined || !led.includes(position)) continue
        await this.take(position, fetched, connection.broker, records)
        next.set(name, position.offset)
      }
    }
    return { records, next }
  }

  private async take(
    position: Position,
    fetched: FetchedPartition,
    broker: string,
    into: ReadRecord[],
  ): Promise<void> {
    if (fetched.errorCode === errorCodes.OFFSET_OUT_OF_RANGE) {
      await this.reset(position)
      return
    }
    if (fetched.errorCode !== errorCodes.NONE) {
      const what = `Cannot read partition ${position.partition} of topic ${position.topic}`
      throw refusal(what, broker, fetched.errorCode)
    }
    if (fetched.records === null || fetched.records.length === 0) return
    const { topic, partition } = position
    const committed = this.options.isolation === 'read_committed' ? new AbortedRanges(fetched) : undefined
    try {
      for (const at of batchesIn(fetched.records)) {
        if (!batchCrcIsValid(fetched.records, at)) {
          throw new RecordError('CORRUPT_MESSAGE', 'its checksum does not match')
        }
        const next = batchLastOffset(fetched.records, at) + 1
        if (next <= position.offset) continue
        if (batchCompression(fetched.records, at) === zstdId) await prepareCompression()
        if (committed?.leavesOut(fetched.records, at) !== true && !batchIsControl(fetched.records, at)) {
          const timestampType = batchTimestampType(fetched.records, at)
          for (const record of recordsOf(fetched.records, at)) {
            // The first batch may begin before the position.
            if (record.offset >= position.offset) into.push({ ...record, topic, partition, timestampType })
          }
        }
        position.offset = next
      }
    } catch (error) {
      if (!(error instanceof RecordError)) throw error
      const where = `the batch at offset ${position.offset} of partition ${partition} of topic ${topic}`
      throw new ClientError(
        errorName(error.code),
        `Cannot read ${where} from broker ${broker}: ${error.message}.`,
      )
    }
  }

  /** What was there has been deleted by retention: goes on with the first record that is left. */
  private async reset(position: Position): Promise<void> {
    const { topic, partition } = position
    const earliest = await offsetsAt(this.client, [{ topic, partition, timestamp: earliestTimestamp }])
    const to = earliest.get(partitionName(position))!
    this.options.onReset?.({ topic, partition }, position.offset, to)
    position.offset = to
  }
}

/** Which batches of one fetched partition belong to aborted transactions. */
class AbortedRanges {
  private readonly waiting: { producerId: number; firstOffset: number }[]
  private readonly active = new Set<number>()

  constructor({ abortedTransactions }: FetchedPartition) {
    this.waiting = (abortedTransactions ?? [])
      .map(({ producerId, firstOffset }) => ({
        producerId: Number(producerId),
        firstOffset: Number(firstOffset),
      }))
      .sort((one, other) => one.firstOffset - other.firstOffset)
  }

  leavesOut(records: Buffer, at: number): boolean {
    if (!batchIsTransactional(records, at)) return false
    const lastOffset = batchLastOffset(records, at)
    while (this.waiting.length > 0 && this.waiting[0]!.firstOffset <= lastOffset) {
      this.active.add(this.waiting.shift()!.producerId)
    }
    const producerId = batchProducerId(records, at)
    if (!batchIsControl(records, at)) return this.active.has(producerId)
    for (const { key } of recordsOf(records, at)) {
      if (key?.readInt16BE(2) === abortMarker) this.active.delete(producerId)
    }
    return true
  }
}

/** Resolves with the first of these to end, or with the signal, on which it leaves no listener behind. */
function firstOf(waiting: readonly Promise<void>[], signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = () => {
      signal?.removeEventListener('abort', done)
      resolve()
    }
    signal?.addEventListener('abort', done)
    Promise.race(waiting).then(done, reject)
  })
}

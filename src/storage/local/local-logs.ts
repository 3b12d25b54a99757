/**
 * The partition-log seam over local logs: finds the log of a partition, runs the checks of an append,
 * gathers reads under their limits, and tells watchers what became readable.
 */

import { ProtocolError } from '../../../protocol-codecs/error-codes.ts'
import {
  batchBaseSequence,
  batchLastOffsetDelta,
  batchMaxTimestamp,
  batchProducerEpoch,
  batchProducerId,
  batchTimestampType,
} from '../../../protocol-codecs/record-batch.ts'
import type { BufferPool } from '../../platform/buffer-pool.ts'
import type {
  AppendItem,
  AppendRefused,
  AppendResult,
  Durability,
  Isolation,
  LogChange,
  LogOffsets,
  OffsetAndTimestamp,
  PartitionLogs,
  PartitionRef,
  ReadItem,
  ReadOutcome,
  ReadResult,
  Watch,
} from '../partition-log.ts'
import type { CatalogTopic } from '../topic-catalog.ts'
import { findMaxTimestamp, findTimestamp } from './find-timestamp.ts'
import type { GroupCommit } from './group-commit.ts'
import type { PartitionLog } from './partition-log.ts'
import { planRead, type ReadPlan, readCold, readWarm } from './read-batches.ts'

/** One read gives no more than this, however much was asked for: a slow reader holds it in memory. */
const maxReadBytes = 8 * 1024 * 1024
const noChunks: readonly Buffer[] = []

type Listener = (change: LogChange) => void

export class LocalLogs implements PartitionLogs {
  /** Set by the owner: writes the offset checkpoints. */
  saveCheckpoints: () => void = () => undefined
  private readonly pool: BufferPool
  private readonly commit: GroupCommit
  private readonly logs = new Map<string, PartitionLog[]>()
  private readonly watchers = new Map<PartitionLog, Set<Listener>>()
  /** Logs whose watchers are to be told, with the readable bytes that they were told of last. */
  private readonly moved = new Map<PartitionLog, number>()

  constructor(pool: BufferPool, commit: GroupCommit) {
    this.pool = pool
    this.commit = commit
  }

  *all(): Iterable<PartitionLog> {
    for (const logs of this.logs.values()) yield* logs
  }

  add(log: PartitionLog): void {
    const { topicId, index } = log.partition
    let logs = this.logs.get(topicId)
    if (logs === undefined) {
      logs = []
      this.logs.set(topicId, logs)
    }
    logs[index] = log
  }

  /** Takes a deleted topic's logs out and closes them; their directories are the caller's to remove. */
  removeTopic(topic: CatalogTopic): PartitionLog[] {
    const logs = this.logs.get(topic.id) ?? []
    this.logs.delete(topic.id)
    for (const log of logs) {
      log.isDeleted = true
      log.close()
      for (const listener of this.watchers.get(log) ?? []) {
        listener({ partition: log.partition, readableBytes: 0, deleted: true })
      }
      this.watchers.delete(log)
    }
    return logs
  }

  private find(partition: PartitionRef): PartitionLog | undefined {
    return this.logs.get(partition.topicId)?.[partition.index]
  }

  private require(partition: PartitionRef): PartitionLog {
    const log = this.find(partition)
    if (log === undefined) throw new ProtocolError('UNKNOWN_TOPIC_OR_PARTITION')
    if (log.isOffline)
      throw new ProtocolError('KAFKA_STORAGE_ERROR', 'The partition is offline after a disk error.')
    return log
  }

  append(items: readonly AppendItem[], durability: Durability): AppendResult[] | Promise<AppendResult[]> {
    const results = new Array<AppendResult>(items.length)
    let waits: Promise<void>[] | undefined
    for (let i = 0; i < items.length; i++) {
      const result = this.appendOne(items[i]!)
      results[i] = result
      if (durability !== 'durable' || result.error !== 'NONE') continue
      const log = this.find(items[i]!.partition)!
      const durable = log.whenDurable(result.nextOffset)
      if (durable === undefined) continue
      waits ??= []
      waits.push(
        durable.catch(error => {
          results[i] = refused(
            log,
            'KAFKA_STORAGE_ERROR',
            `The append was not made durable: ${error.message}`,
          )
        }),
      )
    }
    if (waits === undefined) return results
    return (waits.length === 1 ? waits[0]! : Promise.all(waits)).then(() => results)
  }

  private appendOne(item: AppendItem): AppendResult {
    const { batch, origin } = item
    const log = this.find(item.partition)
    if (log === undefined) return { error: 'UNKNOWN_TOPIC_OR_PARTITION', logStartOffset: -1 }
    if (log.isOffline)
      return refused(log, 'KAFKA_STORAGE_ERROR', 'The partition is offline after a disk error.')
    if (batch.length > log.config.segmentBytes) {
      return refused(
        log,
        'RECORD_LIST_TOO_LARGE',
        `Message batch size is ${batch.length} bytes, which exceeds the maximum configured segment size of ${log.config.segmentBytes}.`,
      )
    }
    const facts = {
      lastOffsetDelta: batchLastOffsetDelta(batch, 0),
      maxTimestampMs: batchMaxTimestamp(batch, 0),
      producerId: origin === 'marker' ? -1 : batchProducerId(batch, 0),
      producerEpoch: batchProducerEpoch(batch, 0),
      baseSequence: batchBaseSequence(batch, 0),
    }
    if (facts.producerId >= 0 && origin === 'client') {
      const verdict = log.producers.check({ ...facts, timestampMs: facts.maxTimestampMs })
      if (verdict.kind === 'refuse') return refused(log, verdict.error, verdict.message)
      if (verdict.kind === 'duplicate') {
        const { lastOffset, offsetDelta, timestampMs } = verdict.batch
        return {
          error: 'NONE',
          baseOffset: lastOffset - offsetDelta,
          nextOffset: lastOffset + 1,
          appendTimeMs: log.config.messageTimestampType === 'LogAppendTime' ? timestampMs : -1,
          logStartOffset: log.logStartOffset,
          duplicate: true,
        }
      }
    }
    try {
      const baseOffset = log.append(batch, facts, leaderEpochOf(item.partition))
      return {
        error: 'NONE',
        baseOffset,
        nextOffset: baseOffset + facts.lastOffsetDelta + 1,
        appendTimeMs: batchTimestampType(batch, 0) === 'LogAppendTime' ? facts.maxTimestampMs : -1,
        logStartOffset: log.logStartOffset,
        duplicate: false,
      }
    } catch (error) {
      log.environment.logger.error({ err: error, directory: log.directory }, 'append failed')
      return refused(log, 'KAFKA_STORAGE_ERROR', `The append failed: ${(error as Error).message}`)
    }
  }

  read(items: readonly ReadItem[], maxBytes: number): ReadOutcome | Promise<ReadOutcome> {
    const gathered = new Gathered(this.pool, Math.min(maxBytes, maxReadBytes))
    for (let i = 0; i < items.length; i++) {
      const plan = this.plan(items[i]!, gathered)
      if (plan === undefined) continue
      if (!plan.isWarm) return this.readOn(items, i, plan, gathered)
      gathered.add(plan.log, readWarm(plan, this.pool), items[i]!.isolation)
    }
    return gathered
  }

  /** Goes on with a read from the first cold plan, `first`. */
  private async readOn(
    items: readonly ReadItem[],
    from: number,
    first: ReadPlan,
    gathered: Gathered,
  ): Promise<ReadOutcome> {
    try {
      let plan: ReadPlan | undefined = first
      for (let i = from; i < items.length; i++) {
        if (i > from) plan = this.plan(items[i]!, gathered)
        if (plan === undefined) continue
        const batches = plan.isWarm ? readWarm(plan, this.pool) : await readCold(plan, this.pool)
        gathered.add(plan.log, batches, items[i]!.isolation)
      }
      return gathered
    } catch (error) {
      gathered.release()
      throw new ProtocolError('KAFKA_STORAGE_ERROR', `The read failed: ${(error as Error).message}`)
    }
  }

  /** What to read for an item; undefined when its result is already in `gathered`. */
  private plan(item: ReadItem, gathered: Gathered): ReadPlan | undefined {
    const log = this.find(item.partition)
    if (log === undefined) {
      gathered.refuse('UNKNOWN_TOPIC_OR_PARTITION')
      return undefined
    }
    if (log.isOffline) {
      gathered.refuse('KAFKA_STORAGE_ERROR')
      return undefined
    }
    if (item.offset < log.logStartOffset || item.offset > log.logEndOffset) {
      gathered.addEmpty(log, 'OFFSET_OUT_OF_RANGE', item.isolation)
      return undefined
    }
    const room = Math.min(item.maxBytes, gathered.room)
    const isFirst = gathered.size === 0
    const plan = isFirst || room > 0 ? planRead(log, item.offset, room, isFirst) : undefined
    if (plan === undefined) gathered.addEmpty(log, 'NONE', item.isolation)
    return plan
  }

  watch(partitions: readonly PartitionRef[], listener: Listener): Watch {
    for (const partition of partitions) {
      const log = this.find(partition)
      if (log === undefined) continue
      let listeners = this.watchers.get(log)
      if (listeners === undefined) {
        listeners = new Set()
        this.watchers.set(log, listeners)
      }
      listeners.add(listener)
      if (!this.moved.has(log)) log.toldReadableBytes = log.readableBytes
    }
    return {
      cancel: () => {
        for (const partition of partitions) {
          const log = this.find(partition)
          if (log === undefined) continue
          const listeners = this.watchers.get(log)
          if (listeners?.delete(listener) && listeners.size === 0) this.watchers.delete(log)
        }
      },
    }
  }

  /** Notes that a log's readers can see more; they are told once, at the end of this turn. */
  highWatermarkMoved(log: PartitionLog): void {
    if (!this.watchers.has(log)) return
    if (this.moved.size === 0) queueMicrotask(() => this.tellWatchers())
    if (!this.moved.has(log)) this.moved.set(log, log.toldReadableBytes)
  }

  private tellWatchers(): void {
    const moved = [...this.moved]
    this.moved.clear()
    for (const [log, toldBytes] of moved) {
      const readableBytes = log.readableBytes - toldBytes
      log.toldReadableBytes = log.readableBytes
      const listeners = this.watchers.get(log)
      if (listeners === undefined) continue
      for (const listener of [...listeners]) {
        listener({ partition: log.partition, readableBytes, deleted: false })
      }
    }
  }

  offsets(partition: PartitionRef): LogOffsets {
    return offsetsOf(this.require(partition))
  }

  async offsetAt(
    partition: PartitionRef,
    timestampMs: number,
    isolation: Isolation,
  ): Promise<OffsetAndTimestamp | undefined> {
    const log = this.require(partition)
    return findTimestamp(log, timestampMs, readEnd(log, isolation))
  }

  async maxTimestamp(partition: PartitionRef): Promise<OffsetAndTimestamp | undefined> {
    const log = this.require(partition)
    return findMaxTimestamp(log, log.highWatermark)
  }

  epochEnd(partition: PartitionRef, epoch: number): { epoch: number; endOffset: number } {
    const log = this.require(partition)
    return log.epochs.endOf(epoch, log.logEndOffset)
  }

  epochAt(partition: PartitionRef, offset: number): number {
    return this.require(partition).epochs.epochAt(offset)
  }

  size(partition: PartitionRef): number {
    return this.find(partition)?.size ?? 0
  }

  async deleteBefore(partition: PartitionRef, offset: number): Promise<number> {
    const log = this.require(partition)
    if (offset > log.highWatermark) throw new ProtocolError('OFFSET_OUT_OF_RANGE')
    if (offset > log.logStartOffset) {
      log.logStartOffset = offset
      this.saveCheckpoints()
    }
    return log.logStartOffset
  }

  /** Resolves when nothing waits to be synced. */
  idle(): Promise<void> {
    return this.commit.idle()
  }
}

/** The results of a read as they come together. */
class Gathered implements ReadOutcome {
  readonly results: ReadResult[] = []
  size = 0
  room: number
  private readonly pool: BufferPool
  private buffers: Buffer[] = []

  constructor(pool: BufferPool, room: number) {
    this.pool = pool
    this.room = room
  }

  refuse(error: 'UNKNOWN_TOPIC_OR_PARTITION' | 'KAFKA_STORAGE_ERROR'): void {
    this.results.push({
      error,
      chunks: noChunks,
      size: 0,
      abortedTransactions: null,
      logStartOffset: -1,
      highWatermark: -1,
      lastStableOffset: -1,
      logEndOffset: -1,
    })
  }

  addEmpty(log: PartitionLog, error: 'NONE' | 'OFFSET_OUT_OF_RANGE', isolation: Isolation): void {
    this.results.push({ error, chunks: noChunks, size: 0, ...state(log, isolation) })
  }

  add(log: PartitionLog, batches: { buffer: Buffer; size: number }, isolation: Isolation): void {
    if (batches.size === 0) {
      this.pool.release(batches.buffer)
      this.addEmpty(log, 'NONE', isolation)
      return
    }
    this.buffers.push(batches.buffer)
    this.size += batches.size
    this.room -= batches.size
    const chunks = [batches.buffer.subarray(0, batches.size)]
    this.results.push({ error: 'NONE', chunks, size: batches.size, ...state(log, isolation) })
  }

  release(): void {
    const buffers = this.buffers
    this.buffers = []
    for (const buffer of buffers) this.pool.release(buffer)
  }
}

function offsetsOf(log: PartitionLog): LogOffsets {
  return {
    logStartOffset: log.logStartOffset,
    highWatermark: log.highWatermark,
    lastStableOffset: log.highWatermark,
    logEndOffset: log.logEndOffset,
  }
}

function state(log: PartitionLog, isolation: Isolation) {
  return { ...offsetsOf(log), abortedTransactions: isolation === 'read_committed' ? [] : null }
}

function readEnd(log: PartitionLog, isolation: Isolation): number {
  return isolation === 'read_committed' ? offsetsOf(log).lastStableOffset : log.highWatermark
}

function refused(log: PartitionLog, error: AppendRefused['error'], message: string): AppendRefused {
  return { error, message, logStartOffset: log.logStartOffset }
}

function leaderEpochOf(partition: PartitionRef): number {
  return (partition as { leaderEpoch?: number }).leaderEpoch ?? 0
}

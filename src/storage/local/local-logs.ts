/**
 * The partition-log seam over local logs: finds the log of a partition, runs the checks of an append,
 * gathers reads under their limits, and tells watchers what became readable.
 */

import { ProtocolError } from '../../../protocol-codecs/error-codes.ts'
import { batchTimestampType } from '../../../protocol-codecs/record-batch.ts'
import { LogTraffic } from '../../metrics/traffic.ts'
import type { BufferPool } from '../../platform/buffer-pool.ts'
import type { Clock } from '../../platform/clock.ts'
import { resolvesWithin } from '../../platform/limited-wait.ts'
import { halfOfThreadPool, TaskLimit } from '../../platform/thread-pool.ts'
import { atEndOfTurn } from '../../platform/turn.ts'
import type {
  ActiveProducer,
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
  Watch,
} from '../partition-log.ts'
import type { CatalogTopic } from '../topic-catalog.ts'
import { type BatchFacts, factsOf } from './batch-facts.ts'
import { DamagedLogError } from './damaged-log.ts'
import { isDiskFailure } from './disk-failure.ts'
import { findMaxTimestamp, findTimestamp } from './find-timestamp.ts'
import { GatheredRead, offsetsOf, readEnd } from './gathered-read.ts'
import type { PartitionLog } from './partition-log.ts'
import { planRead, type ReadPlan, readCold, readWarm } from './read-batches.ts'
import type { UnsyncedBytes } from './unsynced-bytes.ts'

/** One read gives no more than this, however much was asked for: a slow reader holds it in memory. */
const maxReadBytes = 8 * 1024 * 1024
const failureReportIntervalMs = 10_000

type Listener = (change: LogChange) => void

export class LocalLogs implements PartitionLogs {
  /** Set by the owner: makes the start offset of a log durable. */
  saveLogStartOffset: (log: PartitionLog) => Promise<void> = () => Promise.resolve()
  /** Of the logs that are gone. */
  readonly deletedTraffic = new LogTraffic()
  readonly unsynced: UnsyncedBytes
  private readonly pool: BufferPool
  private readonly commit: { idle(): Promise<unknown> }
  private readonly coldReads = new TaskLimit(halfOfThreadPool())
  private readonly logs = new Map<string, PartitionLog[]>()
  private readonly watchers = new Map<PartitionLog, Set<Listener>>()
  /** Logs whose watchers are to be told, with the readable bytes that they were told of last. */
  private readonly moved = new Map<PartitionLog, number>()

  /** `commit` tells when nothing waits to be synced. */
  constructor(pool: BufferPool, commit: { idle(): Promise<unknown> }, unsynced: UnsyncedBytes) {
    this.pool = pool
    this.commit = commit
    this.unsynced = unsynced
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

  /** Takes a deleted topic's logs out; closing them and removing their directories is the caller's. */
  removeTopic(topic: CatalogTopic): PartitionLog[] {
    const logs = this.logs.get(topic.id) ?? []
    this.logs.delete(topic.id)
    for (const log of logs) log.isDeleted = true
    for (const log of logs) {
      log.goOffline(new Error('the topic was deleted'))
      this.deletedTraffic.add(log.traffic)
      this.moved.delete(log)
      for (const listener of this.watchers.get(log) ?? []) {
        listener(changeOf(log, 0))
      }
      this.watchers.delete(log)
    }
    return logs
  }

  isLeaderless(partition: PartitionRef): boolean {
    return this.find(partition)?.directoryIsOffline ?? false
  }

  has(partition: PartitionRef): boolean {
    return this.find(partition) !== undefined
  }

  /** Hands a topic's configuration, which has changed, to its logs. */
  configureTopic(topic: CatalogTopic): void {
    for (const log of this.logs.get(topic.id) ?? []) log.configure(topic.config)
  }

  find(partition: Pick<PartitionRef, 'topicId' | 'index'>): PartitionLog | undefined {
    return this.logs.get(partition.topicId)?.[partition.index]
  }

  private require(partition: PartitionRef): PartitionLog {
    const log = this.find(partition)
    if (log === undefined) throw new ProtocolError('UNKNOWN_TOPIC_OR_PARTITION')
    if (log.isOffline)
      throw new ProtocolError('KAFKA_STORAGE_ERROR', 'The partition is offline after a disk error.')
    return log
  }

  room(): Promise<void> | undefined {
    return this.unsynced.room()
  }

  append(
    items: readonly AppendItem[],
    durability: Durability,
    maxWaitMs = Number.POSITIVE_INFINITY,
  ): AppendResult[] | Promise<AppendResult[]> {
    const results = new Array<AppendResult>(items.length)
    let waits: Promise<void>[] | undefined
    let clock: Clock | undefined
    for (let i = 0; i < items.length; i++) {
      const result = this.appendOne(items[i]!)
      results[i] = result
      if (durability !== 'durable' || result.error !== 'NONE') continue
      const log = this.find(items[i]!.partition)!
      const durable = log.whenDurable(result.nextOffset)
      if (durable === undefined) continue
      waits ??= []
      clock = log.environment.clock
      waits.push(
        durable.catch(error => {
          results[i] = log.isDeleted
            ? { error: 'UNKNOWN_TOPIC_OR_PARTITION', message: error.message, logStartOffset: -1 }
            : refuse(log, 'KAFKA_STORAGE_ERROR', `The append was not made durable: ${error.message}`)
        }),
      )
    }
    if (waits === undefined) return results
    const durable: Promise<unknown> = waits.length === 1 ? waits[0]! : Promise.all(waits)
    if (clock === undefined || maxWaitMs === Number.POSITIVE_INFINITY) return durable.then(() => results)
    return resolvesWithin(durable, maxWaitMs, clock).then(isDurable =>
      isDurable ? results : results.map((result, i) => this.resultSoFar(items[i]!.partition, result)),
    )
  }

  private resultSoFar(partition: PartitionRef, result: AppendResult): AppendResult {
    if (result.error !== 'NONE') return result
    const log = this.find(partition)
    if (log === undefined) return { error: 'UNKNOWN_TOPIC_OR_PARTITION', logStartOffset: -1 }
    if (log.highWatermark >= result.nextOffset) return result
    const message = 'The append was not durable in the time that the request gave it.'
    return { error: 'REQUEST_TIMED_OUT', message, logStartOffset: log.logStartOffset }
  }

  private appendOne(item: AppendItem): AppendResult {
    const { batch, origin } = item
    const log = this.find(item.partition)
    if (log === undefined) return { error: 'UNKNOWN_TOPIC_OR_PARTITION', logStartOffset: -1 }
    log.traffic.produceRequests++
    if (log.isOffline)
      return refuse(log, 'KAFKA_STORAGE_ERROR', 'The partition is offline after a disk error.')
    if (batch.length > log.config.segmentBytes) {
      return refuse(
        log,
        'RECORD_LIST_TOO_LARGE',
        `Message batch size is ${batch.length} bytes, which exceeds the maximum configured segment size of ${log.config.segmentBytes}.`,
      )
    }
    let facts: BatchFacts
    try {
      facts = factsOf(batch, origin)
    } catch (error) {
      return refuse(log, 'INVALID_RECORD', (error as Error).message)
    }
    if (facts.producerId >= 0 && origin === 'client') {
      const verdict = log.producers.check(facts)
      if (verdict.kind === 'refuse') return refuse(log, verdict.error, verdict.message)
      if (verdict.kind === 'duplicate') {
        const { lastOffset, offsetDelta, timestampMs } = verdict.batch
        return {
          error: 'NONE',
          baseOffset: lastOffset - offsetDelta,
          nextOffset: lastOffset + 1,
          // That of the original, whoever set it, as Kafka has it.
          appendTimeMs: timestampMs,
          logStartOffset: log.logStartOffset,
          duplicate: true,
        }
      }
    }
    try {
      const baseOffset = log.append(batch, facts, leaderEpochOf(item.partition))
      log.traffic.bytesIn += batch.length
      log.traffic.messagesIn += facts.lastOffsetDelta + 1
      return {
        error: 'NONE',
        baseOffset,
        nextOffset: baseOffset + facts.lastOffsetDelta + 1,
        appendTimeMs: batchTimestampType(batch, 0) === 'LogAppendTime' ? facts.maxTimestampMs : -1,
        logStartOffset: log.logStartOffset,
        duplicate: false,
      }
    } catch (error) {
      this.reportFailure(log, error, 'append failed')
      takeOfflineIfFailed(log, error)
      return refuse(log, 'KAFKA_STORAGE_ERROR', `The append failed: ${(error as Error).message}`)
    }
  }

  read(items: readonly ReadItem[], maxBytes: number): ReadOutcome | Promise<ReadOutcome> {
    const gathered = new GatheredRead(this.pool, Math.min(maxBytes, maxReadBytes))
    for (let i = 0; i < items.length; i++) {
      const item = items[i]!
      const log = this.readable(item, gathered)
      if (log === undefined) continue
      try {
        const plan = this.plan(log, item, gathered)
        if (plan === undefined) continue
        if (!plan.isWarm) return this.readOn(items, i, plan, gathered)
        gathered.add(log, readWarm(plan, this.pool), item.isolation)
      } catch (error) {
        this.readFailed(log, error, gathered)
      }
    }
    return gathered
  }

  /** Goes on with a read from the first cold plan, `first`. */
  private async readOn(
    items: readonly ReadItem[],
    from: number,
    first: ReadPlan,
    gathered: GatheredRead,
  ): Promise<ReadOutcome> {
    for (let i = from; i < items.length; i++) {
      const item = items[i]!
      const log = i === from ? first.log : this.readable(item, gathered)
      if (log === undefined) continue
      try {
        const plan = i === from ? first : this.plan(log, item, gathered)
        if (plan === undefined) continue
        const batches = plan.isWarm
          ? readWarm(plan, this.pool)
          : await this.coldReads.run(() => readCold(plan, this.pool))
        gathered.add(log, batches, item.isolation)
      } catch (error) {
        // What was to be read may have been removed while it waited.
        if (item.offset < log.logStartOffset) gathered.addEmpty(log, 'OFFSET_OUT_OF_RANGE', item.isolation)
        else this.readFailed(log, error, gathered)
      }
    }
    return gathered
  }

  private readFailed(log: PartitionLog, error: unknown, gathered: GatheredRead): void {
    if (log.isDeleted) {
      gathered.refuse('UNKNOWN_TOPIC_OR_PARTITION', undefined)
      return
    }
    this.reportFailure(log, error, 'read failed')
    takeOfflineIfFailed(log, error)
    gathered.refuse(error instanceof DamagedLogError ? 'CORRUPT_MESSAGE' : 'KAFKA_STORAGE_ERROR', log)
  }

  /** Once in a while: who is refused comes again, and a disk that is full should not be filled with log lines. */
  private reportFailure(log: PartitionLog, error: unknown, message: string): void {
    const { clock, logger } = log.environment
    const nowMs = clock.monotonic()
    if (nowMs - log.lastFailureReportMs < failureReportIntervalMs) return
    log.lastFailureReportMs = nowMs
    logger.error({ err: error, directory: log.directory }, message)
  }

  /** The log to read an item from; undefined when its result, an error, is already in `gathered`. */
  private readable(item: ReadItem, gathered: GatheredRead): PartitionLog | undefined {
    const log = this.find(item.partition)
    if (log === undefined) gathered.refuse('UNKNOWN_TOPIC_OR_PARTITION', log)
    else if (log.isOffline) gathered.refuse('KAFKA_STORAGE_ERROR', log)
    else return log
    return undefined
  }

  /** What to read for an item; undefined when its result is already in `gathered`. */
  private plan(log: PartitionLog, item: ReadItem, gathered: GatheredRead): ReadPlan | undefined {
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

  /** Notes that a log's readers can see more, or less; they are told once, at the end of this turn. */
  offsetsMoved(log: PartitionLog): void {
    if (!this.watchers.has(log)) return
    if (this.moved.size === 0) atEndOfTurn(() => this.tellWatchers())
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
        listener(changeOf(log, readableBytes))
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
    return this.search(log, () => findTimestamp(log, timestampMs, readEnd(log, isolation)))
  }

  async maxTimestamp(partition: PartitionRef): Promise<OffsetAndTimestamp | undefined> {
    const log = this.require(partition)
    return this.search(log, () => findMaxTimestamp(log, log.highWatermark))
  }

  private search<T>(log: PartitionLog, find: () => T): T {
    try {
      return find()
    } catch (error) {
      if (error instanceof ProtocolError) throw error
      log.environment.logger.error({ err: error, directory: log.directory }, 'search failed')
      takeOfflineIfFailed(log, error)
      throw new ProtocolError('KAFKA_STORAGE_ERROR', `The search failed: ${(error as Error).message}`)
    }
  }

  epochEnd(partition: PartitionRef, epoch: number): { epoch: number; endOffset: number } {
    const log = this.require(partition)
    return log.epochs.endOf(epoch, log.logEndOffset)
  }

  epochAt(partition: PartitionRef, offset: number): number {
    return this.require(partition).epochs.epochAt(offset)
  }

  activeProducers(partition: PartitionRef): ActiveProducer[] {
    return this.require(partition).producers.active()
  }

  size(partition: PartitionRef): number {
    return this.find(partition)?.size ?? 0
  }

  traffic(partition: PartitionRef): LogTraffic | undefined {
    return this.find(partition)?.traffic
  }

  async deleteBefore(partition: PartitionRef, offset: number): Promise<number> {
    const log = this.require(partition)
    if (offset > log.highWatermark) throw new ProtocolError('OFFSET_OUT_OF_RANGE')
    log.moveStart(offset)
    // Retention may have moved it up before, which nobody was promised.
    if (offset > log.storedStartOffset) {
      try {
        // What the checkpoint says counts only where the log's directory is found again.
        await log.whenOnDisk(offset)
        await this.saveLogStartOffset(log)
      } catch (error) {
        const message = `The log start offset could not be stored: ${(error as Error).message}`
        throw new ProtocolError('KAFKA_STORAGE_ERROR', message)
      }
    }
    return log.logStartOffset
  }

  /** Resolves when nothing waits to be synced. */
  async idle(): Promise<void> {
    await this.commit.idle()
  }
}

function changeOf(log: PartitionLog, readableBytes: number): LogChange {
  const { partition, logStartOffset, isDeleted } = log
  return { partition, readableBytes, logStartOffset, deleted: isDeleted }
}

function takeOfflineIfFailed(log: PartitionLog, error: unknown): void {
  if (log.isOffline || !isDiskFailure(error)) return
  log.environment.logger.error({ directory: log.directory }, 'the partition goes offline after a disk error')
  log.goOffline(error as Error)
}

function refuse(log: PartitionLog, error: AppendRefused['error'], message: string): AppendRefused {
  log.traffic.failedProduceRequests++
  return { error, message, logStartOffset: log.logStartOffset }
}

function leaderEpochOf(partition: PartitionRef): number {
  return (partition as { leaderEpoch?: number }).leaderEpoch ?? 0
}

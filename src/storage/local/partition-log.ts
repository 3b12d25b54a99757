/**
 * One partition's log on disk: segments in offset order, the last one growing.
 *
 * Invariants. Batches lie in offset order without overlap, and the log end offset is behind the last
 * one. `highWatermark` never moves back: it is the log end when writes count as done in the page cache
 * (`write.caching`), else the end of what is known to be on disk; readers see nothing behind it.
 * `recoveryPoint` is the offset below which everything is known to be on disk: recovery after a crash
 * starts there. Appends are made by the event loop, one after the other; syncs run beside them.
 *
 * An error while writing refuses that append and leaves the log as it was. An error while syncing
 * takes the log offline: what the kernel has dropped cannot be written again.
 */
import { stampBatch } from '../../../protocol-codecs/record-batch.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Disk } from '../../platform/disk.ts'
import type { Logger } from '../../platform/logger.ts'
import type { TopicConfig } from '../../settings/topic-config.ts'
import type { PartitionRef } from '../partition-log.ts'
import { ProducerStates } from '../producer-state.ts'
import { LeaderEpochs } from './leader-epochs.ts'
import { leaderEpochFileName, segmentFileName } from './log-files.ts'
import type { OpenSegments } from './open-segments.ts'
import { encodeProducerSnapshot } from './producer-snapshot.ts'
import { Segment } from './segment.ts'

export interface PartitionLogEnvironment {
  readonly disk: Disk
  readonly clock: Clock
  readonly logger: Logger
  readonly openSegments: OpenSegments
  /** Called when bytes are waiting to be synced. */
  syncWanted(log: PartitionLog): void
  /** Called when the high watermark moved. */
  highWatermarkMoved(log: PartitionLog): void
}

/** Facts of a batch that the caller has read from its header. */
export interface BatchFacts {
  readonly lastOffsetDelta: number
  readonly maxTimestampMs: number
  /** -1: no producer. */
  readonly producerId: number
  readonly producerEpoch: number
  readonly baseSequence: number
}

/** Where a reader that goes on from an offset finds its batch. */
interface ReadCursor {
  readonly segment: Segment
  readonly position: number
}

/** What a sync that starts now covers. */
export interface SyncTarget {
  readonly endOffset: number
  readonly endBytes: number
  readonly segment: Segment
  readonly position: number
  readonly segments: readonly Segment[]
  readonly namesChanged: boolean
}

const rememberedCursors = 32
const maxRelativeOffset = 0x7fffffff

export class PartitionLog {
  readonly partition: PartitionRef
  readonly directory: string
  config: TopicConfig
  readonly environment: PartitionLogEnvironment
  readonly producers = new ProducerStates()
  readonly epochs: LeaderEpochs
  readonly segments: Segment[] = []
  logStartOffset = 0
  logEndOffset = 0
  highWatermark = 0
  recoveryPoint = 0
  /** Bytes appended since the log was opened, and how many of them readers may see. */
  appendedBytes = 0
  readableBytes = 0
  /** What watchers know of `readableBytes`. */
  toldReadableBytes = 0
  isOffline = false
  isDeleted = false
  private highWatermarkSegment: Segment | undefined
  private highWatermarkPosition = 0
  private readonly cursors = new Map<number, ReadCursor>()
  private durableWaiters: { offset: number; settle: (error?: Error) => void }[] = []
  private namesChanged = true
  private unflushedMessages = 0

  constructor(
    partition: PartitionRef,
    directory: string,
    config: TopicConfig,
    environment: PartitionLogEnvironment,
  ) {
    this.partition = partition
    this.directory = directory
    this.config = config
    this.environment = environment
    this.epochs = new LeaderEpochs(environment.disk, `${directory}/${leaderEpochFileName}`)
  }

  get activeSegment(): Segment {
    return this.segments[this.segments.length - 1]!
  }

  get size(): number {
    let size = 0
    for (const segment of this.segments) size += segment.size
    return size
  }

  createSegment(baseOffset: number): Segment {
    const segment = new Segment({ ...this.environment, directory: this.directory }, baseOffset, 0, true)
    this.segments.push(segment)
    this.namesChanged = true
    return segment
  }

  /** Called once the segments are known: everything found is taken to be readable. */
  opened(): void {
    if (this.segments.length === 0) this.createSegment(this.logEndOffset)
    this.logStartOffset = Math.max(this.logStartOffset, this.segments[0]!.baseOffset)
    this.highWatermark = this.logEndOffset
    this.highWatermarkSegment = this.activeSegment
    this.highWatermarkPosition = this.activeSegment.size
  }

  /**
   * Appends one valid batch, stamped in place, and gives its base offset. Throws the disk's error with
   * the log unchanged.
   */
  append(batch: Buffer, facts: BatchFacts, leaderEpoch: number): number {
    this.rollIfFull(batch.length, facts)
    const segment = this.activeSegment
    const baseOffset = this.logEndOffset
    const lastOffset = baseOffset + facts.lastOffsetDelta
    stampBatch(batch, 0, baseOffset, leaderEpoch)
    const position = segment.size
    segment.append(batch, lastOffset, facts.maxTimestampMs, this.config.indexIntervalBytes)
    this.logEndOffset = lastOffset + 1
    this.appendedBytes += batch.length
    this.unflushedMessages += facts.lastOffsetDelta + 1
    if (leaderEpoch > this.epochs.latest()) this.epochs.assign(leaderEpoch, baseOffset)
    if (facts.producerId >= 0) {
      this.producers.appended({ ...facts, timestampMs: facts.maxTimestampMs }, baseOffset)
    }
    this.remember(baseOffset, segment, position)
    if (this.config.writeCaching) {
      this.moveHighWatermark(this.logEndOffset, this.appendedBytes, segment, segment.size)
      if (this.unflushedMessages >= this.config.flushMessages) this.environment.syncWanted(this)
    } else {
      this.environment.syncWanted(this)
    }
    return baseOffset
  }

  private rollIfFull(batchSize: number, facts: BatchFacts): void {
    const segment = this.activeSegment
    if (segment.size === 0) return
    const { segmentBytes, segmentMs, segmentIndexBytes } = this.config
    const isFull =
      segment.size + batchSize > segmentBytes ||
      this.logEndOffset + facts.lastOffsetDelta - segment.baseOffset > maxRelativeOffset ||
      (segment.offsets.count + 1) * 8 > segmentIndexBytes ||
      (segment.firstTimestampMs >= 0 && facts.maxTimestampMs - segment.firstTimestampMs > segmentMs)
    if (isFull) this.roll()
  }

  /** Starts a new segment at the log end. */
  roll(): Segment {
    this.activeSegment.writeIndexes(true)
    const segment = this.createSegment(this.logEndOffset)
    this.writeProducerSnapshot()
    this.environment.syncWanted(this)
    return segment
  }

  writeProducerSnapshot(): void {
    const path = `${this.directory}/${segmentFileName(this.logEndOffset, 'snapshot')}`
    this.environment.disk.replaceFile(
      path,
      encodeProducerSnapshot(this.producers.all(), this.producers.size),
      false,
    )
  }

  // Durability

  /** undefined when everything below `offset` is as durable as acks=all promises here. */
  whenDurable(offset: number): Promise<void> | undefined {
    if (this.config.writeCaching || offset <= this.recoveryPoint) return undefined
    return new Promise((resolve, reject) => {
      this.durableWaiters.push({ offset, settle: error => (error === undefined ? resolve() : reject(error)) })
    })
  }

  get isSynced(): boolean {
    return this.recoveryPoint >= this.logEndOffset && !this.namesChanged
  }

  /** What has to be synced now; the caller reports back with `synced` or `syncFailed`. */
  startSync(): SyncTarget {
    const segment = this.activeSegment
    const target: SyncTarget = {
      endOffset: this.logEndOffset,
      endBytes: this.appendedBytes,
      segment,
      position: segment.size,
      segments: this.segments.filter(
        (candidate, i) =>
          candidate.size > 0 &&
          (i === this.segments.length - 1 || this.segments[i + 1]!.baseOffset > this.recoveryPoint),
      ),
      namesChanged: this.namesChanged,
    }
    this.namesChanged = false
    this.unflushedMessages = 0
    return target
  }

  synced(target: SyncTarget): void {
    for (const segment of target.segments) segment.isNew = false
    this.recoveryPoint = Math.max(this.recoveryPoint, target.endOffset)
    if (!this.isDeleted) {
      this.moveHighWatermark(target.endOffset, target.endBytes, target.segment, target.position)
    }
    if (this.durableWaiters.length === 0) return
    const waiters = this.durableWaiters
    this.durableWaiters = []
    for (const waiter of waiters) {
      if (waiter.offset <= this.recoveryPoint) waiter.settle()
      else this.durableWaiters.push(waiter)
    }
  }

  syncFailed(error: Error): void {
    this.isOffline = true
    const waiters = this.durableWaiters
    this.durableWaiters = []
    for (const waiter of waiters) waiter.settle(error)
  }

  private moveHighWatermark(offset: number, bytes: number, segment: Segment, position: number): void {
    if (offset <= this.highWatermark) return
    this.highWatermark = offset
    this.readableBytes = bytes
    this.highWatermarkSegment = segment
    this.highWatermarkPosition = position
    this.environment.highWatermarkMoved(this)
  }

  // Reading

  /** End of what may be read of a segment: all of it, or up to the high watermark. */
  readLimit(segment: Segment): number {
    if (segment === this.highWatermarkSegment) return this.highWatermarkPosition
    return segment.baseOffset < this.highWatermark ? segment.size : 0
  }

  /** The segment and position of the first batch whose last offset reaches `offset`; undefined: nothing readable. */
  locate(offset: number): ReadCursor | undefined {
    if (offset >= this.highWatermark) return undefined
    const remembered = this.cursors.get(offset)
    if (remembered !== undefined && remembered.position < this.readLimit(remembered.segment)) {
      return remembered
    }
    for (let i = this.segmentIndex(offset); i < this.segments.length; i++) {
      const segment = this.segments[i]!
      const limit = this.readLimit(segment)
      const from = segment.offsets.positionBefore(Math.min(offset - segment.baseOffset, maxRelativeOffset))
      const position = segment.findBatch(offset, from, limit)
      if (position < limit) return { segment, position }
    }
    return undefined
  }

  /** Index of the last segment that starts at or below `offset`. */
  segmentIndex(offset: number): number {
    let low = 0
    let high = this.segments.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.segments[middle]!.baseOffset <= offset) low = middle + 1
      else high = middle
    }
    return Math.max(0, low - 1)
  }

  nextSegment(segment: Segment): Segment | undefined {
    return this.segments[this.segmentIndex(segment.baseOffset) + 1]
  }

  /** Remembers where the batch that starts at `offset` lies: a reader will ask for it next. */
  remember(offset: number, segment: Segment, position: number): void {
    if (this.cursors.size >= rememberedCursors) {
      for (const oldest of this.cursors.keys()) {
        this.cursors.delete(oldest)
        break
      }
    }
    this.cursors.set(offset, { segment, position })
  }

  forgetCursors(): void {
    this.cursors.clear()
  }

  /** Writes what is only in memory and closes the files; the caller has synced. */
  close(): void {
    if (!this.isDeleted && !this.isOffline) {
      this.writeProducerSnapshot()
      for (const segment of this.segments) if (segment === this.activeSegment) segment.writeIndexes(true)
    }
    this.forgetCursors()
    for (const segment of this.segments) segment.close()
    this.syncFailed(new Error('the log is closed'))
  }
}

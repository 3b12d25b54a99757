/**
 * One partition's log on disk: segments in offset order, the last one growing.
 *
 * Invariants. Batches lie in offset order without overlap, and the log end offset is behind the last
 * one. `highWatermark` never moves back: it is the log end when writes count as done in the page cache
 * (`write.caching`), else the end of what is known to be on disk; readers see nothing behind it.
 * `recoveryPoint` is the offset below which everything is known to be on disk in the log's own files:
 * recovery after a crash starts there. `durable` may be ahead of it, where the journal has the rest.
 * Appends are made by the event loop, one after the other; syncs run beside them.
 *
 * An error while writing refuses that append and leaves the log as it was; unless it is one that passes
 * (no space, no descriptors) it also takes the log offline. So does an error while syncing: what the
 * kernel has dropped cannot be written again.
 */
import { join } from 'node:path'
import { stampBatch } from '../../../protocol-codecs/record-batch.ts'
import { LogTraffic } from '../../metrics/traffic.ts'
import type { Clock, Timer } from '../../platform/clock.ts'
import type { Disk } from '../../platform/disk.ts'
import type { Logger } from '../../platform/logger.ts'
import type { TopicConfig } from '../../settings/topic-config.ts'
import type { PartitionRef } from '../partition-log.ts'
import { ProducerStates } from '../producer-state.ts'
import type { BatchFacts } from './batch-facts.ts'
import { DurableEnd, type LogPoint } from './durable-end.ts'
import { forgetFailedSync } from './failed-sync.ts'
import { LeaderEpochs } from './leader-epochs.ts'
import { leaderEpochFileName, partitionMetadataFileName } from './log-files.ts'
import type { OpenSegments } from './open-segments.ts'
import { ProducerSnapshots } from './producer-snapshots.ts'
import { type ReadCursor, ReadCursors } from './read-cursors.ts'
import { mustRoll, type SegmentBegin } from './roll-rules.ts'
import { Segment } from './segment.ts'
import type { UnsyncedBytes } from './unsynced-bytes.ts'

export interface PartitionLogEnvironment {
  readonly disk: Disk
  readonly clock: Clock
  readonly logger: Logger
  readonly openSegments: OpenSegments
  readonly unsynced: UnsyncedBytes
  /** A number in [0, 1): spreads what is rolled by time. */
  readonly random: () => number
  /** Whether the journal may stand for the log's files. */
  readonly isJournaled: boolean
  /** Called when bytes are waiting to be synced. */
  syncWanted(log: PartitionLog): void
  /** Called when the high watermark or the log start offset moved. */
  offsetsMoved(log: PartitionLog): void
  /** Removes a file that nobody needs, when it is convenient. */
  discard(path: string): void
}

/** What a sync that starts now covers. */
export interface SyncTarget {
  readonly end: LogPoint
  readonly segments: readonly Segment[]
  /** Other files that have to be on disk with them. */
  readonly files: readonly string[]
  /** There are new files, or the log's directory itself is new: names to be synced first. */
  readonly namesChanged: boolean
  readonly directoryIsNew: boolean
}

export class PartitionLog {
  readonly partition: PartitionRef
  readonly directory: string
  config: TopicConfig
  readonly environment: PartitionLogEnvironment
  readonly producers = new ProducerStates()
  readonly epochs: LeaderEpochs
  readonly segments: Segment[] = []
  /** Oldest segments that are not part of the log any more, and whose files have yet to be renamed. */
  readonly retiring: Segment[] = []
  readonly traffic = new LogTraffic()
  logStartOffset = 0
  /** What the checkpoint on disk says of the log start offset. */
  storedStartOffset = 0
  logEndOffset = 0
  highWatermark = 0
  recoveryPoint = 0
  /** Bytes appended since the log was opened, and how many of them readers may see. */
  appendedBytes = 0
  readableBytes = 0
  /** How many of the appended bytes are on disk in the log's own files. */
  private syncedBytes = 0
  /** What watchers know of `readableBytes`. */
  toldReadableBytes = 0
  isOffline = false
  /** Its log directory is offline, with all that is in it. */
  directoryIsOffline = false
  isDeleted = false
  private highWatermarkSegment: Segment | undefined
  private highWatermarkPosition = 0
  private readonly cursors = new ReadCursors()
  /** Base offsets of segments before which offsets are missing, as was said already. */
  readonly missingBefore = new Set<number>()
  readonly durable = new DurableEnd()
  /** Names of the directory and of what was found in it are not known to be on disk. */
  namesAreUnsynced = true
  readonly snapshots = new ProducerSnapshots()
  /** Where the log ended at the last checkpoint. */
  private checkpointedEnd = 0
  /** Recovery has removed segments, which a power loss may bring back. */
  namesWereRemoved = false
  /** A sync has failed, in an earlier run, and none has succeeded since. */
  hasFailedSync = false
  lastFailureReportMs = Number.NEGATIVE_INFINITY
  private unflushedMessages = 0
  private flushTimer: Timer | undefined
  private activeBegin: SegmentBegin

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
    this.epochs = new LeaderEpochs(environment.disk, join(directory, leaderEpochFileName))
    this.activeBegin = { atMs: environment.clock.now(), jitter: environment.random() }
  }

  get activeSegment(): Segment {
    return this.segments[this.segments.length - 1]!
  }

  /** The newest epoch that a batch may have. */
  get leaderEpoch(): number {
    return (this.partition as { leaderEpoch?: number }).leaderEpoch ?? 0x7fffffff
  }

  /** Appended, and not known to be on disk in the log's own files. */
  get unsyncedBytes(): number {
    return this.appendedBytes - this.syncedBytes
  }

  get size(): number {
    let size = 0
    for (const segment of this.segments) size += segment.size
    return size
  }

  createSegment(baseOffset: number): Segment {
    const { clock, random } = this.environment
    const segment = new Segment({ ...this.environment, directory: this.directory }, baseOffset, 0, true)
    this.segments.push(segment)
    this.activeBegin = { atMs: clock.now(), jitter: random() }
    return segment
  }

  /** Has the log go on behind its end. A segment of its own: recovery takes a gap between segments for what it is. */
  goOnAt(offset: number): void {
    this.createSegment(offset).file()
    this.logEndOffset = offset
  }

  /** Called once the segments are known: everything found is taken to be readable. */
  opened(): void {
    if (this.segments.length === 0) this.createSegment(this.logEndOffset)
    this.logStartOffset = Math.max(this.logStartOffset, this.segments[0]!.baseOffset)
    this.highWatermark = this.logEndOffset
    this.highWatermarkSegment = this.activeSegment
    this.highWatermarkPosition = this.activeSegment.size
    // What a crash left unsynced is synced before anybody asks.
    this.durable.moveTo(this.end)
  }

  /** Whether acks wait for the disk, and may be answered when the journal is there. */
  get isJournaled(): boolean {
    return this.environment.isJournaled && !this.config.writeCaching
  }

  /** Behind the last batch. */
  get end(): LogPoint {
    const segment = this.activeSegment
    return { offset: this.logEndOffset, bytes: this.appendedBytes, segment, position: segment.size }
  }

  /**
   * Appends one valid batch, stamped in place, and gives its base offset. Throws the disk's error with
   * the log unchanged.
   */
  append(batch: Buffer, facts: BatchFacts, leaderEpoch: number): number {
    const baseOffset = this.logEndOffset
    const { activeSegment: active, activeBegin: begin, config } = this
    if (mustRoll(active, begin, config, batch.length, baseOffset, facts, this.environment.clock)) this.roll()
    const segment = this.activeSegment
    const lastOffset = baseOffset + facts.lastOffsetDelta
    if (leaderEpoch > this.epochs.latest()) this.epochs.assign(leaderEpoch, baseOffset)
    stampBatch(batch, 0, baseOffset, leaderEpoch)
    const position = segment.size
    segment.append(batch, lastOffset, facts.maxTimestampMs, this.config.indexIntervalBytes)
    this.logEndOffset = lastOffset + 1
    this.appendedBytes += batch.length
    this.environment.unsynced.written(this, batch.length)
    this.unflushedMessages += facts.lastOffsetDelta + 1
    if (facts.producerId >= 0) {
      this.producers.appended(facts, baseOffset)
    }
    this.remember(baseOffset, segment, position)
    if (this.config.writeCaching) {
      this.moveHighWatermark(this.logEndOffset, this.appendedBytes, segment, segment.size)
      if (this.unflushedMessages >= this.config.flushMessages) this.environment.syncWanted(this)
      else if (this.flushTimer === undefined) this.startFlushTimer()
    } else {
      this.environment.syncWanted(this)
    }
    return baseOffset
  }

  /** flush.ms where acks do not wait for the disk; everywhere else a sync is already on its way. */
  private startFlushTimer(): void {
    if (!Number.isFinite(this.config.flushMs)) return
    this.flushTimer = this.environment.clock.after(this.config.flushMs, () => {
      this.flushTimer = undefined
      this.environment.syncWanted(this)
    })
  }

  private cancelFlushTimer(): void {
    this.flushTimer?.cancel()
    this.flushTimer = undefined
  }

  /**
   * Takes another configuration; most of it counts from the next append on. Where acks begin to wait for the disk,
   * what is not there yet is sent there now, or a repeated append would wait for a sync that nobody asked for.
   * Where they no longer wait, readers see the end at once; who waits already is answered by the sync under way.
   */
  configure(config: TopicConfig): void {
    this.config = config
    if (this.isOffline || this.isDeleted) return
    this.cancelFlushTimer()
    if (!config.writeCaching) {
      if (this.durable.offset < this.logEndOffset) this.environment.syncWanted(this)
      return
    }
    const { offset, bytes, segment, position } = this.end
    this.moveHighWatermark(offset, bytes, segment, position)
    if (this.unflushedMessages >= config.flushMessages) this.environment.syncWanted(this)
    else if (this.unflushedMessages > 0) this.startFlushTimer()
  }

  /** Starts a new segment at the log end. What can fail comes first; done twice it does no harm. */
  roll(): Segment {
    if (this.activeSegment.size === 0) return this.activeSegment
    this.activeSegment.finishIndexes()
    this.snapshots.write(this)
    const segment = this.createSegment(this.logEndOffset)
    this.environment.syncWanted(this)
    return segment
  }

  /** Moves the log start up; what is below cannot be read any more, but its segments stay. */
  moveStart(offset: number): void {
    if (offset <= this.logStartOffset) return
    this.logStartOffset = offset
    this.epochs.truncateStart(offset)
    this.environment.offsetsMoved(this)
  }

  /**
   * Takes the oldest segments out, but not the active one; the log starts behind them at least. Their files are
   * the caller's to remove: `retiring` has those that still have their names.
   */
  removeOldest(count: number): void {
    const removed = this.segments.splice(0, Math.min(count, this.segments.length - 1))
    for (const segment of removed) segment.remove()
    this.retiring.push(...removed)
    this.forgetCursors()
    this.moveStart(this.segments[0]!.baseOffset)
  }

  /**
   * Leaves on disk what a start after a crash needs to begin at the recovery point. Gives whether something is unsynced
   * since before the last checkpoint, and should now be synced, so that the recovery point follows.
   */
  checkpoint(): boolean {
    this.activeSegment.writeIndexes()
    this.epochs.store()
    this.snapshots.checkpoint(this)
    const isLate = this.recoveryPoint < this.checkpointedEnd
    this.checkpointedEnd = this.logEndOffset
    return isLate
  }

  // Durability

  /** undefined when everything below `offset` is as durable as acks=all promises here. */
  whenDurable(offset: number): Promise<void> | undefined {
    // What a damaged producer's state says may lie behind the end, where no sync ever comes.
    const wanted = Math.min(offset, this.logEndOffset)
    if (this.config.writeCaching || wanted <= this.durable.offset) return undefined
    this.environment.syncWanted(this)
    return this.durable.waitFor(wanted)
  }

  /** Resolves when everything below `offset` is on disk, also where acks do not wait for that. */
  async whenOnDisk(offset: number): Promise<void> {
    if (offset <= this.durable.offset) return
    this.environment.syncWanted(this)
    await this.durable.waitFor(offset)
  }

  /** Whether all that the log holds is on disk in its own files. */
  get isSynced(): boolean {
    if (this.segments.some(segment => segment.hasUnsyncedCut) || this.namesWereRemoved) return false
    if (this.size === 0) return true
    if (this.recoveryPoint < this.logEndOffset || this.namesAreUnsynced) return false
    return this.segments.every(
      segment => segment.size === 0 || !(segment.isNew || segment.hasUnsyncedIndexes),
    )
  }

  /** What has to be synced now; the caller reports back with `synced` or `notSynced`. */
  startSync(): SyncTarget {
    this.cancelFlushTimer()
    const active = this.activeSegment
    const segments: Segment[] = []
    let namesChanged = this.namesAreUnsynced || this.namesWereRemoved
    for (let i = this.segments.length - 1; i >= 0; i--) {
      const segment = this.segments[i]!
      const endOffset = segment === active ? this.logEndOffset : this.segments[i + 1]!.baseOffset
      const isCut = segment.hasUnsyncedCut || segment.mayHaveUnsyncedCut
      const isWhole = !segment.hasUnsyncedIndexes && !isCut
      if (segment !== active && endOffset <= this.recoveryPoint && isWhole) break
      if (segment.size === 0 && !isCut) continue
      segments.push(segment)
      if (segment.isNew) namesChanged = true
    }
    const files: string[] = []
    if (this.namesAreUnsynced) files.push(join(this.directory, partitionMetadataFileName))
    if (this.epochs.isUnsynced) {
      files.push(this.epochs.path)
      namesChanged = true
    }
    this.epochs.isUnsynced = false
    this.unflushedMessages = 0
    return {
      end: this.end,
      segments: segments.reverse(),
      files,
      namesChanged,
      directoryIsNew: this.namesAreUnsynced,
    }
  }

  notSynced(target: SyncTarget): void {
    if (target.files.includes(this.epochs.path)) this.epochs.isUnsynced = true
  }

  synced(target: SyncTarget): void {
    this.namesAreUnsynced = false
    this.namesWereRemoved = false
    for (const segment of target.segments) segment.isNew = false
    forgetFailedSync(this)
    this.recoveryPoint = Math.max(this.recoveryPoint, target.end.offset)
    this.settled(target.end.bytes)
    this.becameDurable(target.end)
  }

  /** No more of the first `bytes` that were appended is waiting to be synced. */
  private settled(bytes: number): void {
    const size = bytes - this.syncedBytes
    // A log that went offline meanwhile has nothing left to wait for.
    if (size <= 0) return
    this.syncedBytes = bytes
    this.environment.unsynced.synced(this, size)
  }

  /** Everything up to `end` survives a power loss, in the log's own files or in the journal. */
  becameDurable(end: LogPoint): void {
    if (!this.isDeleted) this.moveHighWatermark(end.offset, end.bytes, end.segment, end.position)
    this.durable.moveTo(end)
  }

  /** Nothing more is written to or read from this log; who waits for it hears of the error. */
  goOffline(error: Error): void {
    this.isOffline = true
    this.cancelFlushTimer()
    this.settled(this.appendedBytes)
    this.durable.fail(error)
  }

  private moveHighWatermark(offset: number, bytes: number, segment: Segment, position: number): void {
    if (offset <= this.highWatermark) return
    this.highWatermark = offset
    this.readableBytes = bytes
    this.highWatermarkSegment = segment
    this.highWatermarkPosition = position
    this.environment.offsetsMoved(this)
  }

  // Reading

  /** End of what may be read of a segment: all of it, or up to the high watermark. */
  readLimit(segment: Segment): number {
    if (segment === this.highWatermarkSegment) return this.highWatermarkPosition
    return segment.baseOffset < this.highWatermark ? segment.size : 0
  }

  /** Where the batch lies that starts at `offset`, if it was appended or came up in reading lately. */
  cursorAt(offset: number): ReadCursor | undefined {
    return this.cursors.find(offset)
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

  /** Remembers where the batch that starts at `offset` lies: a reader will ask for it next. */
  remember(offset: number, segment: Segment, position: number): void {
    this.cursors.add(offset, segment, position)
  }

  forgetCursors(): void {
    this.cursors.clear()
  }

  /** Writes what is only in memory and closes the files, whatever happens; the caller has synced. */
  close(): void {
    try {
      if (this.isDeleted || this.isOffline || this.logEndOffset === 0) return
      this.snapshots.write(this)
      this.epochs.store()
      this.activeSegment.finishIndexes()
    } finally {
      this.forgetCursors()
      for (const segment of this.segments) segment.close()
      this.goOffline(new Error(this.isDeleted ? 'the topic was deleted' : 'the log is closed'))
    }
  }
}

/**
 * One segment of a partition: a `.log` file of whole record batches and its two sparse indexes. Only
 * the last segment of a log grows. Files are opened when needed and may be closed in between
 * (`open-segments.ts`); while one is open its indexes are in memory.
 *
 * Positions are bytes in the `.log`. `size` counts whole batches only: bytes behind it are a write
 * that failed and are cut off before the next one. Indexes that are not in memory are complete on
 * disk; if what is found there is not an index of this log, it is rebuilt from the log.
 */
import { join } from 'node:path'
import { batchLastOffset, batchSize } from '../../../protocol-codecs/record-batch.ts'
import type { Disk } from '../../platform/disk.ts'
import type { Logger } from '../../platform/logger.ts'
import { IndexFiles } from './index-files.ts'
import { isLargestFrom, lastEntry, namesBatch, namesTimestamp, provenEntry } from './index-trust.ts'
import { type SegmentFileKind, segmentFileName } from './log-files.ts'
import type { OpenSegments } from './open-segments.ts'
import { firstHeader, indexableTimestamp, scanBatches } from './scan-batches.ts'
import {
  type OffsetIndex,
  offsetEntrySize,
  offsetIndex,
  type TimeEntry,
  type TimeIndex,
  timeEntrySize,
  timeIndex,
} from './sparse-index.ts'

export interface SegmentFiles {
  readonly disk: Disk
  readonly logger: Logger
  readonly directory: string
  readonly openSegments: OpenSegments
}

/** Kafka's default of index.interval.bytes, for an index that is rebuilt because it was damaged. */
const rebuiltIntervalBytes = 4096

export class Segment {
  readonly baseOffset: number
  size: number
  /** Largest timestamp of the segment's batches, -1 for none, and the last offset of the batch that has it. */
  maxTimestampMs = -1
  maxTimestampOffset = -1
  bytesSinceIndexEntry = 0
  /** Timestamp of the first batch; rolling by time counts from it. -1: not known, or none. */
  firstTimestampMs = -1
  /** The directory entry is not known to be on disk yet. */
  isNew: boolean
  /** It was cut off, and a power loss may bring back what was there. */
  hasUnsyncedCut = false
  /** Whoever was killed may have cut it off, and no sync has come beyond its end since: to be synced with the next. */
  mayHaveUnsyncedCut = false
  /** Index files were finished and are not known to be on disk yet. */
  hasUnsyncedIndexes = false
  /** Looked at by `OpenSegments`, which closes those that were not used lately. */
  wasUsed = false
  readonly path: string
  private readonly files: SegmentFiles
  private descriptor = -1
  private loadedOffsets: OffsetIndex | undefined
  private loadedTimes: TimeIndex | undefined
  private readonly indexFiles: IndexFiles
  /** A failed write may have left bytes behind `size`. */
  private hasTornEnd = false
  /** Asynchronous readers and syncs in flight; the files stay open for them. */
  private users = 0
  /** For good: its log is closed, or it is not part of it any more. */
  isClosed = false
  /** It is not part of its log any more, and its files may have other names or be gone. */
  isRemoved = false

  constructor(files: SegmentFiles, baseOffset: number, size: number, isNew: boolean) {
    this.files = files
    this.baseOffset = baseOffset
    this.size = size
    this.isNew = isNew
    this.path = this.filePath('log')
    this.indexFiles = new IndexFiles(files.disk, this.filePath('index'), this.filePath('timeindex'), isNew)
  }

  filePath(kind: SegmentFileKind): string {
    return join(this.files.directory, segmentFileName(this.baseOffset, kind))
  }

  /** The open `.log`. */
  file(): number {
    this.wasUsed = true
    if (this.descriptor < 0) this.open()
    return this.descriptor
  }

  private open(): void {
    // A path may name another log by now: that of a new topic of the same name.
    if (this.isClosed) throw new Error(`${this.path} was closed`)
    this.descriptor = this.files.disk.openForWrite(this.path, this.isNew)
    this.files.openSegments.opened(this)
  }

  get offsets(): OffsetIndex {
    if (this.loadedOffsets === undefined) this.loadIndexes()
    return this.loadedOffsets!
  }
  get times(): TimeIndex {
    if (this.loadedTimes === undefined) this.loadIndexes()
    return this.loadedTimes!
  }

  private loadIndexes(): void {
    if (this.size === 0 && this.isNew && this.descriptor < 0) {
      this.resetIndexes()
      return
    }
    const { offsets: storedOffsets, times: storedTimes } = this.indexFiles.read()
    const offsets = offsetIndex(storedOffsets)
    const times = timeIndex(storedTimes)
    this.file()
    if (storedOffsets === undefined || storedTimes === undefined || !this.isIndexedBy(offsets, times)) {
      if (this.size > 0) {
        this.files.logger.warn({ segment: this.path }, 'an index is missing or damaged; rebuilding it')
      }
      this.rebuildIndexes()
      return
    }
    if (offsets.count === 0) {
      // So short that reading it is the surest way to its largest timestamp; its files are not synced.
      this.rebuildIndexes()
      this.noteMaxTimestamp()
      const isSame =
        times.count === this.times.count && times.last()?.timestampMs === this.times.last()?.timestampMs
      const differ = !isSame || storedTimes.length !== times.count * timeEntrySize
      this.indexFiles.hold(0, isSame ? times.count : 0, differ)
      return
    }
    this.loadedOffsets = offsets
    this.loadedTimes = times
    this.bytesSinceIndexEntry = this.size - offsets.last()!.position
    const differ =
      storedOffsets.length !== offsets.count * offsetEntrySize ||
      storedTimes.length !== times.count * timeEntrySize
    this.indexFiles.hold(offsets.count, times.count, differ)
    this.noteStoredMaxTimestamp(times.last())
  }

  /** Whether the last entries fit the log, as far as a look at each can tell. */
  private isIndexedBy(offsets: OffsetIndex, times: TimeIndex): boolean {
    if (offsets.isDamaged || times.isDamaged) return false
    const last = offsets.last()
    if (last === undefined) return true
    const youngest = times.last()
    if (!namesBatch(this, last) || !isLargestFrom(this, youngest?.timestampMs ?? -1, last.position))
      return false
    return (
      youngest === undefined ||
      namesTimestamp(this, youngest, offsets.positionBefore(youngest.relativeOffset))
    )
  }

  private rebuildIndexes(): void {
    this.resetIndexes()
    const end = scanBatches(this, 0, this.size, false, (buffer, at, position) => {
      const timestampMs = indexableTimestamp(buffer, at)
      const size = batchSize(buffer, at)
      this.indexBatch(position, size, batchLastOffset(buffer, at), timestampMs, rebuiltIntervalBytes)
      return true
    })
    if (end < this.size) {
      this.files.logger.error(
        { segment: this.path, position: end },
        'a segment is damaged; it is indexed up to there',
      )
    }
  }

  /** Makes the indexes anew from the log, because they do not fit it. */
  distrustIndexes(problem: string): void {
    this.files.logger.warn({ segment: this.path, problem }, 'an index does not fit its log; rebuilding it')
    this.rebuildIndexes()
  }

  /**
   * Takes over what the index files say of the log below `endOffset`, which was synced, as far as it proves itself: they
   * were not. Gives where the batch begins from which on the log is to be indexed anew; 0: from its beginning. That is
   * behind no batch of the last time entry, so what one of the files lacks at its end is found again.
   */
  resumeIndexes(endOffset: number): number {
    this.resetIndexes()
    const stored = this.indexFiles.read()
    const offsets = offsetIndex(stored.offsets)
    const times = timeIndex(stored.times)
    const entry = provenEntry(this, offsets, times, endOffset)
    if (entry === 'damaged') {
      this.files.logger.info({ segment: this.path }, 'an index does not prove itself; rebuilding it')
      return 0
    }
    if (entry === undefined) return 0
    offsets.truncate(entry.relativeOffset + 1)
    this.loadedOffsets = offsets
    this.loadedTimes = times
    this.indexFiles.hold(offsets.count, times.count, true)
    this.noteStoredMaxTimestamp(times.last())
    const first = firstHeader(this)
    if (first !== undefined) this.firstTimestampMs = indexableTimestamp(first, 0)
    return entry.position
  }

  /** Starts with empty indexes in memory, because they are about to be rebuilt from the log. */
  resetIndexes(): void {
    this.loadedOffsets = offsetIndex()
    this.loadedTimes = timeIndex()
    this.indexFiles.hold(0, 0, true)
    this.maxTimestampMs = -1
    this.maxTimestampOffset = -1
    this.bytesSinceIndexEntry = 0
  }

  /** Appends one whole batch. Throws the disk's error with nothing added. */
  append(batch: Buffer, lastOffset: number, maxTimestampMs: number, indexIntervalBytes: number): void {
    const position = this.size
    // What can fail comes before the write: the indexes of a segment that was closed in between.
    if (this.loadedOffsets === undefined) this.loadIndexes()
    const descriptor = this.file()
    if (this.hasTornEnd) this.cutOffTornEnd(descriptor)
    try {
      this.files.disk.write(descriptor, batch, position)
    } catch (error) {
      this.hasTornEnd = true
      try {
        this.cutOffTornEnd(descriptor)
      } catch {
        // Tried again before the next write; recovery cuts it off as well.
      }
      throw error
    }
    this.size = position + batch.length
    this.indexBatch(position, batch.length, lastOffset, maxTimestampMs, indexIntervalBytes)
  }

  /**
   * Writes bytes over themselves: after a failed sync the kernel may show them and take them for written, so that
   * nothing less makes the next sync a real one.
   */
  rewrite(bytes: Buffer, position: number): void {
    this.files.disk.write(this.file(), bytes, position)
  }

  private cutOffTornEnd(descriptor: number): void {
    this.files.disk.truncate(descriptor, this.size)
    this.hasUnsyncedCut = true
    this.hasTornEnd = false
  }

  /** Takes a batch at `position` into the indexes; also what recovery calls for each batch. */
  indexBatch(
    position: number,
    size: number,
    lastOffset: number,
    maxTimestampMs: number,
    indexIntervalBytes: number,
  ): void {
    if (this.firstTimestampMs < 0) this.firstTimestampMs = maxTimestampMs
    this.noteTimestamp(maxTimestampMs, lastOffset)
    if (this.bytesSinceIndexEntry > indexIntervalBytes) {
      this.offsets.append(lastOffset - this.baseOffset, position)
      this.noteMaxTimestamp()
      this.bytesSinceIndexEntry = 0
    }
    this.bytesSinceIndexEntry += size
  }

  noteTimestamp(timestampMs: number, lastOffset: number): void {
    if (timestampMs <= this.maxTimestampMs) return
    this.maxTimestampMs = timestampMs
    this.maxTimestampOffset = lastOffset
  }

  private noteMaxTimestamp(): void {
    if (this.maxTimestampMs >= 0) {
      this.times.append(this.maxTimestampMs, this.maxTimestampOffset - this.baseOffset)
    }
  }

  /**
   * Largest timestamp of a segment that may never have been looked at since the start: its last time
   * entry, read without loading the index.
   */
  findMaxTimestamp(): number {
    if (this.maxTimestampMs >= 0 || this.loadedTimes !== undefined || this.size === 0)
      return this.maxTimestampMs
    let youngest: TimeEntry | undefined
    try {
      youngest = timeIndex(lastEntry(this.files.disk, this.filePath('timeindex'), timeEntrySize)).last()
      const last = offsetIndex(lastEntry(this.files.disk, this.filePath('index'), offsetEntrySize)).last()
      // One that is further up is found through the whole index.
      const isNear =
        youngest !== undefined && (last === undefined || last.relativeOffset <= youngest.relativeOffset)
      const isTrue =
        isNear &&
        (last === undefined || namesBatch(this, last)) &&
        namesTimestamp(this, youngest!, last?.position ?? 0) &&
        isLargestFrom(this, youngest!.timestampMs, last?.position ?? 0)
      if (!isTrue) youngest = undefined
    } catch {
      // Loading the index finds out what is wrong.
    }
    if (youngest === undefined) this.loadIndexes()
    else this.noteStoredMaxTimestamp(youngest)
    return this.maxTimestampMs
  }

  private noteStoredMaxTimestamp(last: TimeEntry | undefined): void {
    if (last !== undefined) this.noteTimestamp(last.timestampMs, this.baseOffset + last.relativeOffset)
  }

  readNow(target: Buffer, offset: number, length: number, position: number): number {
    return this.files.disk.read(this.file(), target, offset, length, position)
  }

  async readLater(target: Buffer, offset: number, length: number, position: number): Promise<number> {
    const descriptor = this.file()
    this.users++
    try {
      return await this.files.disk.readLater(descriptor, target, offset, length, position)
    } finally {
      this.unused()
    }
  }

  /** Makes the segment's bytes, and the indexes of one that is full, survive a power loss. */
  async sync(): Promise<void> {
    if (this.isRemoved) return
    const descriptor = this.file()
    this.users++
    const { hasUnsyncedCut, mayHaveUnsyncedCut } = this
    this.hasUnsyncedCut = false
    this.mayHaveUnsyncedCut = false
    try {
      await this.files.disk.sync(descriptor)
      if (this.hasUnsyncedIndexes) await this.syncIndexes()
    } catch (error) {
      this.hasUnsyncedCut ||= hasUnsyncedCut
      this.mayHaveUnsyncedCut ||= mayHaveUnsyncedCut
      throw error
    } finally {
      this.unused()
    }
  }

  async syncIndexes(): Promise<void> {
    this.hasUnsyncedIndexes = false
    try {
      await this.indexFiles.sync(() => this.isRemoved)
    } catch (error) {
      this.hasUnsyncedIndexes = true
      throw error
    }
  }

  /** Keeps files and indexes open, also while others need room, until what it gives is called: recovery is at work on them. */
  keepOpen(): () => void {
    this.users++
    return () => this.unused()
  }

  private unused(): void {
    this.users--
    if (this.users === 0 && this.isClosed) this.closeFile()
  }

  /** Writes index entries that are only in memory. */
  writeIndexes(): void {
    if (this.loadedOffsets === undefined || this.loadedTimes === undefined) return
    this.indexFiles.write(this.loadedOffsets, this.loadedTimes)
  }

  /** Makes the index files complete, as at the end of a segment or of a run: with the largest timestamp. */
  finishIndexes(): void {
    // Also one without records has index files, once it has a file.
    if (this.loadedOffsets === undefined && this.descriptor >= 0 && this.indexFiles.mayDiffer)
      this.loadIndexes()
    if (this.loadedOffsets === undefined || this.loadedTimes === undefined) return
    this.noteMaxTimestamp()
    this.writeIndexes()
    // Up to the first offset entry a segment is read as a whole when it is opened.
    this.hasUnsyncedIndexes = this.indexFiles.wereWritten && this.loadedOffsets.count > 0
  }

  /**
   * Cuts the segment off at a batch boundary. Once names are synced no index can come back that knows what was behind it:
   * what follows may be at the same offsets.
   */
  truncate(position: number, endOffset: number): void {
    this.files.disk.truncate(this.file(), position)
    this.hasUnsyncedCut = true
    this.size = position
    this.offsets.truncate(endOffset - this.baseOffset)
    this.times.truncate(endOffset - this.baseOffset)
    this.indexFiles.remove()
    this.hasUnsyncedIndexes = false
  }

  /** Closes the files to make room, unless something is in flight; they open again when needed. */
  closeForNow(): boolean {
    if (this.users > 0) return false
    try {
      this.finishIndexes()
    } catch {
      return false
    }
    this.closeFile()
    return true
  }

  /** Closes the files of one that was only looked at. */
  closeIfUnindexed(): void {
    if (this.loadedOffsets === undefined) this.closeForNow()
  }

  /** When the log was last written to, as far as the disk knows. */
  lastWrittenMs(): number {
    return this.files.disk.modifiedTimeMs(this.path)
  }

  /** Takes the segment out of its log: who is reading it finishes, nobody else begins. */
  remove(): void {
    this.isRemoved = true
    this.close()
  }

  /** Closes the files for good, after the last reader. */
  close(): void {
    this.isClosed = true
    if (this.users === 0) this.closeFile()
  }

  private closeFile(): void {
    this.loadedOffsets = undefined
    this.loadedTimes = undefined
    if (this.descriptor < 0) return
    const descriptor = this.descriptor
    this.descriptor = -1
    this.files.openSegments.closed(this)
    try {
      if (this.hasTornEnd) this.cutOffTornEnd(descriptor)
    } catch {
      // Tried again before the next write, or by recovery.
    }
    this.files.disk.close(descriptor)
  }
}

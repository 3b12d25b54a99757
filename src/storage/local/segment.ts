/**
 * One segment of a partition: a `.log` file of whole record batches and its two sparse indexes. Only
 * the last segment of a log grows. Files are opened when needed and may be closed in between
 * (`open-segments.ts`); while one is open its indexes are in memory.
 *
 * Positions are bytes in the `.log`. `size` counts whole batches only: bytes behind it are a write
 * that failed and are cut off before the next one.
 */
import { join } from 'node:path'
import { batchHeaderSize, batchLastOffset, batchSize } from '../../../protocol-codecs/record-batch.ts'
import type { Disk } from '../../platform/disk.ts'
import { type SegmentFileKind, segmentFileName } from './log-files.ts'
import type { OpenSegments } from './open-segments.ts'
import {
  type OffsetIndex,
  offsetEntrySize,
  offsetIndex,
  type TimeIndex,
  timeEntrySize,
  timeIndex,
} from './sparse-index.ts'

export interface SegmentFiles {
  readonly disk: Disk
  readonly directory: string
  readonly openSegments: OpenSegments
}

/** Headers are looked for in pieces of this size; index entries are about as far apart. */
const scanSize = 8 * 1024
const scanBuffer = Buffer.allocUnsafeSlow(scanSize)

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
  readonly path: string
  private readonly files: SegmentFiles
  private descriptor = -1
  private loadedOffsets: OffsetIndex | undefined
  private loadedTimes: TimeIndex | undefined
  private storedOffsetEntries = 0
  private storedTimeEntries = 0
  private indexDescriptors: { offsets: number; times: number } | undefined
  /** Asynchronous readers and syncs in flight; the files stay open for them. */
  users = 0
  private closeWhenUnused = false

  constructor(files: SegmentFiles, baseOffset: number, size: number, isNew: boolean) {
    this.files = files
    this.baseOffset = baseOffset
    this.size = size
    this.isNew = isNew
    this.path = this.filePath('log')
  }

  filePath(kind: SegmentFileKind): string {
    return join(this.files.directory, segmentFileName(this.baseOffset, kind))
  }

  /** The open `.log`. */
  file(): number {
    if (this.descriptor < 0) {
      this.descriptor = this.files.disk.openForWrite(this.path, this.isNew)
      this.files.openSegments.opened(this)
    }
    return this.descriptor
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
    const { disk } = this.files
    this.loadedOffsets = offsetIndex(disk.readFile(this.filePath('index')))
    this.loadedTimes = timeIndex(disk.readFile(this.filePath('timeindex')))
    this.storedOffsetEntries = this.loadedOffsets.count
    this.storedTimeEntries = this.loadedTimes.count
    const last = this.loadedTimes.last()
    if (last !== undefined && last.timestampMs > this.maxTimestampMs) {
      this.maxTimestampMs = last.timestampMs
      this.maxTimestampOffset = this.baseOffset + last.relativeOffset
    }
    this.file()
  }

  /** Starts with empty indexes, because they are about to be rebuilt from the log. */
  resetIndexes(): void {
    this.loadedOffsets = offsetIndex()
    this.loadedTimes = timeIndex()
    this.storedOffsetEntries = 0
    this.storedTimeEntries = 0
    this.maxTimestampMs = -1
    this.maxTimestampOffset = -1
    this.bytesSinceIndexEntry = 0
    this.closeIndexFiles()
    for (const kind of ['index', 'timeindex'] as const) {
      this.files.disk.replaceFile(this.filePath(kind), Buffer.alloc(0), false)
    }
  }

  /** Appends one whole batch. Throws the disk's error with nothing added. */
  append(batch: Buffer, lastOffset: number, maxTimestampMs: number, indexIntervalBytes: number): void {
    const position = this.size
    const descriptor = this.file()
    try {
      this.files.disk.write(descriptor, batch, position)
    } catch (error) {
      try {
        this.files.disk.truncate(descriptor, position)
      } catch {
        // The next write starts at the same position; recovery cuts off what is behind it.
      }
      throw error
    }
    this.size = position + batch.length
    this.indexBatch(position, batch.length, lastOffset, maxTimestampMs, indexIntervalBytes)
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
    if (maxTimestampMs > this.maxTimestampMs) {
      this.maxTimestampMs = maxTimestampMs
      this.maxTimestampOffset = lastOffset
    }
    if (this.bytesSinceIndexEntry > indexIntervalBytes) {
      this.offsets.append(lastOffset - this.baseOffset, position)
      this.noteMaxTimestamp()
      this.bytesSinceIndexEntry = 0
    }
    this.bytesSinceIndexEntry += size
  }

  private noteMaxTimestamp(): void {
    if (this.maxTimestampMs >= 0) {
      this.times.append(this.maxTimestampMs, this.maxTimestampOffset - this.baseOffset)
    }
  }

  /**
   * Position of the first batch at or behind `from` whose last offset reaches `offset`; `limit` when
   * there is none before it.
   */
  findBatch(offset: number, from: number, limit: number): number {
    let position = from
    while (position + batchHeaderSize <= limit) {
      const available = this.readNow(scanBuffer, 0, Math.min(scanSize, limit - position), position)
      let at = 0
      while (at + batchHeaderSize <= available) {
        if (batchLastOffset(scanBuffer, at) >= offset) return position + at
        const size = batchSize(scanBuffer, at)
        if (size < batchHeaderSize) return limit
        at += size
      }
      if (available < batchHeaderSize) break
      position += at
    }
    return limit
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

  /** Makes the segment's bytes survive a power loss. */
  async sync(): Promise<void> {
    const descriptor = this.file()
    this.users++
    try {
      await this.files.disk.sync(descriptor)
    } finally {
      this.unused()
    }
  }

  private unused(): void {
    this.users--
    if (this.users === 0 && this.closeWhenUnused) this.close()
  }

  /** Writes index entries that are only in memory; with `last` also the final time entry, as a roll does. */
  writeIndexes(last: boolean): void {
    if (this.loadedOffsets === undefined || this.loadedTimes === undefined) return
    if (last) this.noteMaxTimestamp()
    const { disk } = this.files
    this.indexDescriptors ??= {
      offsets: disk.openForWrite(this.filePath('index'), true),
      times: disk.openForWrite(this.filePath('timeindex'), true),
    }
    const { offsets, times } = this.indexDescriptors
    if (this.loadedOffsets.count > this.storedOffsetEntries) {
      const bytes = this.loadedOffsets.bytes(this.storedOffsetEntries)
      disk.write(offsets, bytes, this.storedOffsetEntries * offsetEntrySize)
      this.storedOffsetEntries = this.loadedOffsets.count
    }
    if (this.loadedTimes.count > this.storedTimeEntries) {
      const bytes = this.loadedTimes.bytes(this.storedTimeEntries)
      disk.write(times, bytes, this.storedTimeEntries * timeEntrySize)
      this.storedTimeEntries = this.loadedTimes.count
    }
    if (!last) return
    disk.truncate(offsets, this.storedOffsetEntries * offsetEntrySize)
    disk.truncate(times, this.storedTimeEntries * timeEntrySize)
    this.closeIndexFiles()
  }

  /** Cuts the segment off at a batch boundary. */
  truncate(position: number, endOffset: number): void {
    this.files.disk.truncate(this.file(), position)
    this.size = position
    this.offsets.truncate(endOffset - this.baseOffset)
    this.times.truncate(endOffset - this.baseOffset)
  }

  private closeIndexFiles(): void {
    if (this.indexDescriptors === undefined) return
    this.files.disk.close(this.indexDescriptors.offsets)
    this.files.disk.close(this.indexDescriptors.times)
    this.indexDescriptors = undefined
  }

  /** Whether it may be closed now to make room: nothing is in flight and nothing is only in memory. */
  get isClosable(): boolean {
    return (
      this.users === 0 &&
      this.indexDescriptors === undefined &&
      (this.loadedOffsets?.count ?? 0) === this.storedOffsetEntries &&
      (this.loadedTimes?.count ?? 0) === this.storedTimeEntries
    )
  }

  /** Closes the files, after the last reader. */
  close(): void {
    if (this.users > 0) {
      this.closeWhenUnused = true
      return
    }
    this.closeIndexFiles()
    this.loadedOffsets = undefined
    this.loadedTimes = undefined
    if (this.descriptor < 0) return
    this.files.disk.close(this.descriptor)
    this.descriptor = -1
    this.files.openSegments.closed(this)
  }
}

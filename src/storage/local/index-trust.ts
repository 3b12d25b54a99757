/**
 * Looks whether an index entry fits the log. Index files have no checksum, so before an entry sends a reader
 * somewhere, or says that a segment is old, it is held against the batch that it names.
 */
import {
  batchBaseOffset,
  batchHeaderSize,
  batchLastOffset,
  batchMagic,
  batchSize,
} from '../../../protocol-codecs/record-batch.ts'
import { RecordError } from '../../../protocol-codecs/record-error.ts'
import type { Disk } from '../../platform/disk.ts'
import { indexableTimestamp } from './scan-batches.ts'
import type { Segment } from './segment.ts'
import {
  type OffsetEntry,
  type OffsetIndex,
  offsetEntrySize,
  offsetIndex,
  type TimeEntry,
  type TimeIndex,
} from './sparse-index.ts'

const headerBuffer = Buffer.allocUnsafeSlow(batchHeaderSize)
/** Headers are looked for in pieces of this size: often it is the next one, and a start looks at many segments. */
const lookSize = 1024
const lookBuffer = Buffer.allocUnsafeSlow(lookSize)

/** Whether a batch begins at the entry's position and ends with its offset. */
export function namesBatch(segment: Segment, { position, relativeOffset }: OffsetEntry): boolean {
  if (position + batchHeaderSize > segment.size) return false
  if (segment.readNow(headerBuffer, 0, batchHeaderSize, position) < batchHeaderSize) return false
  try {
    return (
      batchMagic(headerBuffer, 0) === 2 &&
      batchLastOffset(headerBuffer, 0) === segment.baseOffset + relativeOffset
    )
  } catch (error) {
    if (error instanceof RecordError) return false
    throw error
  }
}

/** Whether the batch that has the entry's offset, at or behind `from`, has its timestamp as the largest. */
export function namesTimestamp(segment: Segment, entry: TimeEntry, from: number): boolean {
  const offset = segment.baseOffset + entry.relativeOffset
  let isThere = false
  walkHeaders(segment, from, at => {
    const isBehind = batchLastOffset(lookBuffer, at) >= offset
    if (!isBehind) return true
    isThere =
      batchBaseOffset(lookBuffer, at) <= offset && indexableTimestamp(lookBuffer, at) === entry.timestampMs
    return false
  })
  return isThere
}

/** Whether no batch from `from` on has a larger timestamp: an index that was cut off ends too early. */
export function isLargestFrom(segment: Segment, timestampMs: number, from: number): boolean {
  return walkHeaders(segment, from, at => indexableTimestamp(lookBuffer, at) <= timestampMs)
}

/** Visits headers in `lookBuffer` up to the end of the segment; false when it did not get there. */
function walkHeaders(segment: Segment, from: number, visit: (at: number) => boolean): boolean {
  let position = from
  try {
    while (position < segment.size) {
      const wanted = Math.min(lookSize, segment.size - position)
      const available = segment.readNow(lookBuffer, 0, wanted, position)
      if (available < batchHeaderSize) return false
      let at = 0
      while (at + batchHeaderSize <= available) {
        const size = batchSize(lookBuffer, at)
        if (size < batchHeaderSize || !visit(at)) return false
        at += size
      }
      position += at
    }
    return true
  } catch (error) {
    if (error instanceof RecordError) return false
    throw error
  }
}

/** The last entry of an index file; nothing of one that does not end with a whole one. */
export function lastEntry(disk: Disk, path: string, entrySize: number): Buffer {
  const descriptor = disk.openForRead(path)
  try {
    const size = disk.size(descriptor)
    if (size % entrySize > 0) return Buffer.alloc(0)
    const entry = Buffer.alloc(entrySize)
    return entry.subarray(0, disk.read(descriptor, entry, 0, entrySize, Math.max(0, size - entrySize)))
  } finally {
    disk.close(descriptor)
  }
}

/** Where the last batch begins that the index file names, read without loading the indexes; 0: it names none. */
export function lastIndexedPosition(disk: Disk, segment: Segment): number {
  try {
    const last = offsetIndex(lastEntry(disk, segment.filePath('index'), offsetEntrySize)).last()
    if (last !== undefined && namesBatch(segment, last)) return last.position
  } catch {
    // Loading the index finds out what is wrong.
  }
  return segment.offsets.last()?.position ?? 0
}

/**
 * The entry of a segment's stored indexes below `endOffset` from which the log can be indexed on; later times are cut
 * off. undefined: there is none.
 */
export function provenEntry(
  segment: Segment,
  offsets: OffsetIndex,
  times: TimeIndex,
  endOffset: number,
): OffsetEntry | 'damaged' | undefined {
  if (offsets.isDamaged || times.isDamaged) return 'damaged'
  times.truncate(endOffset - segment.baseOffset)
  const youngest = times.last()
  const entry = youngest && offsets.entryAtOrBelow(youngest.relativeOffset)
  if (entry === undefined) return undefined
  const isProven = namesBatch(segment, entry) && namesTimestamp(segment, youngest!, entry.position)
  return isProven ? entry : 'damaged'
}

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
import type { OffsetEntry, TimeEntry } from './sparse-index.ts'

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
  let position = from
  try {
    while (position < segment.size) {
      const wanted = Math.min(lookSize, segment.size - position)
      const available = segment.readNow(lookBuffer, 0, wanted, position)
      if (available < batchHeaderSize) return false
      let at = 0
      while (at + batchHeaderSize <= available) {
        if (batchBaseOffset(lookBuffer, at) > offset) return false
        if (batchLastOffset(lookBuffer, at) >= offset) {
          return indexableTimestamp(lookBuffer, at) === entry.timestampMs
        }
        const size = batchSize(lookBuffer, at)
        if (size < batchHeaderSize) return false
        at += size
      }
      position += at
    }
  } catch (error) {
    if (!(error instanceof RecordError)) throw error
  }
  return false
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

/**
 * Finds the batch that holds an offset: where a read has ended or an append was made lately it is remembered, else the
 * sparse index names a batch before it, and from there headers are read. What is passed on the way is held against
 * each other, and the index entry against the batch that it names: an index that is wrong is made anew, a log that is
 * wrong is an error. Otherwise a flipped bit would hide records from who asks for them.
 */
import {
  batchHeaderSize,
  batchLastOffset,
  batchMagic,
  batchSize,
} from '../../../protocol-codecs/record-batch.ts'
import { requireFit, startsAt } from './batch-neighbours.ts'
import { DamagedLogError } from './damaged-log.ts'
import { namesBatch } from './index-trust.ts'
import type { PartitionLog } from './partition-log.ts'
import type { ReadCursor } from './read-cursors.ts'
import type { Segment } from './segment.ts'

const maxRelativeOffset = 0x7fffffff
/** Headers are looked for in pieces of this size; index entries are about as far apart. */
const searchSize = 8 * 1024
const searchBuffer = Buffer.allocUnsafeSlow(searchSize)

/** The segment and position of the first batch whose last offset reaches `offset`; undefined: nothing readable. */
export function locate(log: PartitionLog, offset: number): ReadCursor | undefined {
  if (offset >= log.highWatermark) return undefined
  const remembered = log.cursorAt(offset)
  if (remembered !== undefined && remembered.position < log.readLimit(remembered.segment)) return remembered
  for (let i = log.segmentIndex(offset); i < log.segments.length; i++) {
    const segment = log.segments[i]!
    const limit = log.readLimit(segment)
    const position = findBatch(log, segment, offset, limit)
    if (position < limit) return { segment, position, startOffset: -1 }
    const next = log.segments[i + 1]
    if (next !== undefined && limit === segment.size) noteMissing(log, offset, next.baseOffset)
  }
  return undefined
}

/** Says once that offsets are in no segment, unless compaction may have removed them. */
function noteMissing(log: PartitionLog, offset: number, nextOffset: number): void {
  const { config, directory, environment, missingBefore } = log
  if (config.cleanupPolicy.compact || missingBefore.has(nextOffset)) return
  missingBefore.add(nextOffset)
  environment.logger.warn(
    { directory, offset, nextOffset },
    'a log lacks offsets between two of its segments',
  )
}

/** Position of the first batch of a segment that reaches `offset`; `limit` when none does before that. */
export function findBatch(log: PartitionLog, segment: Segment, offset: number, limit: number): number {
  return walk(log, segment, offset, indexedPosition(segment, offset), limit)
}

/** Where the last batch begins that the index knows at or below `offset`; 0 when it knows none. */
export function indexedPosition(segment: Segment, offset: number): number {
  const relativeOffset = Math.min(offset - segment.baseOffset, maxRelativeOffset)
  if (relativeOffset <= 0) return 0
  const entry = segment.offsets.entryAtOrBelow(relativeOffset)
  if (entry === undefined || namesBatch(segment, entry)) return entry?.position ?? 0
  segment.distrustIndexes(`an entry names a batch at ${entry.position} that is not there`)
  return segment.offsets.positionBefore(relativeOffset)
}

function walk(log: PartitionLog, segment: Segment, offset: number, from: number, limit: number): number {
  let position = from
  let nextOffset = from === 0 ? segment.baseOffset : -1
  while (position < limit) {
    const available = segment.readNow(searchBuffer, 0, Math.min(searchSize, limit - position), position)
    if (available < batchHeaderSize) throw new DamagedLogError(segment.path, position, 'no whole header')
    let at = 0
    while (at + batchHeaderSize <= available) {
      const size = batchSize(searchBuffer, at)
      const isOfSize = size >= batchHeaderSize && position + at + size <= limit
      if (!isOfSize || batchMagic(searchBuffer, at) !== 2 || !startsAt(searchBuffer, at, nextOffset)) {
        const before = { nextOffset, leaderEpoch: -1 }
        requireFit(log, segment, position + at, searchBuffer, at, before)
      }
      const lastOffset = batchLastOffset(searchBuffer, at)
      if (lastOffset >= offset) return position + at
      nextOffset = lastOffset + 1
      at += size
    }
    position += at
  }
  return limit
}

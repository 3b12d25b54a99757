/** Finds records by timestamp: segments and sparse indexes narrow the search, then records are decoded. */
import { recordsOf } from '../../../protocol-codecs/read-records.ts'
import {
  batchBaseOffset,
  batchLastOffset,
  batchLeaderEpoch,
  batchSize,
} from '../../../protocol-codecs/record-batch.ts'
import type { OffsetAndTimestamp } from '../partition-log.ts'
import { DamagedLogError } from './damaged-log.ts'
import { indexedPosition } from './find-batch.ts'
import { namesTimestamp } from './index-trust.ts'
import type { PartitionLog } from './partition-log.ts'
import { indexableTimestamp, scanBatches } from './scan-batches.ts'
import type { Segment } from './segment.ts'
import type { TimeEntry } from './sparse-index.ts'

/** The first record at or above the log start with a timestamp of at least `timestampMs`, below `endOffset`. */
export function findTimestamp(
  log: PartitionLog,
  timestampMs: number,
  endOffset: number,
): OffsetAndTimestamp | undefined {
  for (let i = log.segmentIndex(log.logStartOffset); i < log.segments.length; i++) {
    const segment = log.segments[i]!
    if (segment.baseOffset >= endOffset) return undefined
    if (segment.findMaxTimestamp() < timestampMs) continue
    const from = Math.max(positionFor(segment, timestampMs), indexedPosition(segment, log.logStartOffset))
    const found = firstRecord(log, segment, from, timestampMs, endOffset)
    if (found !== undefined) return found
  }
  return undefined
}

/**
 * Where to start looking for `timestampMs`. A time entry is made together with an offset entry, and only
 * where the largest timestamp has grown: so up to the last offset entry below the first time entry that
 * reaches the timestamp, nothing reaches it.
 */
function positionFor(segment: Segment, timestampMs: number): number {
  const isTrue = (entry: TimeEntry | undefined) =>
    entry === undefined ||
    namesTimestamp(segment, entry, indexedPosition(segment, segment.baseOffset + entry.relativeOffset))
  const { times } = segment
  // Entries ascend, so one that is wrong misleads the search only if it is one of the two around the timestamp.
  if (!isTrue(times.firstAtOrAbove(timestampMs)) || !isTrue(times.lastBelow(timestampMs))) {
    segment.distrustIndexes(`an entry has a timestamp about ${timestampMs} that its batch does not have`)
  }
  const reached = segment.times.firstAtOrAbove(timestampMs)
  return reached === undefined
    ? indexedPosition(segment, Number.MAX_SAFE_INTEGER)
    : indexedPosition(segment, segment.baseOffset + reached.relativeOffset - 1)
}

/** The first of the records with the largest timestamp between log start and `endOffset`. */
export function findMaxTimestamp(log: PartitionLog, endOffset: number): OffsetAndTimestamp | undefined {
  // The indexes speak of batches. Only where one lies across the log start can they be wrong.
  return findMax(log, endOffset, maxTimestampByIndex) ?? findMax(log, endOffset, maxTimestampByRecords)
}

function findMax(
  log: PartitionLog,
  endOffset: number,
  maxTimestampOf: (log: PartitionLog, segment: Segment, endOffset: number) => number,
): OffsetAndTimestamp | undefined {
  let best: { segment: Segment; timestampMs: number } | undefined
  for (let i = log.segmentIndex(log.logStartOffset); i < log.segments.length; i++) {
    const segment = log.segments[i]!
    if (segment.baseOffset >= endOffset) break
    const timestampMs = maxTimestampOf(log, segment, endOffset)
    if (timestampMs > (best?.timestampMs ?? -1)) best = { segment, timestampMs }
  }
  if (best === undefined) return undefined
  const { segment, timestampMs } = best
  const from = Math.max(positionFor(segment, timestampMs), indexedPosition(segment, log.logStartOffset))
  return firstRecord(log, segment, from, timestampMs, endOffset)
}

function maxTimestampByIndex(log: PartitionLog, segment: Segment, endOffset: number): number {
  const largest = segment.findMaxTimestamp()
  if (segment.maxTimestampOffset < log.logStartOffset) return maxTimestampByRecords(log, segment, endOffset)
  if (segment.maxTimestampOffset < endOffset) return largest
  // It is not readable yet: the largest up to the last index entry below the end, or in what follows that.
  const indexed = segment.offsets.entryAtOrBelow(endOffset - 1 - segment.baseOffset)
  let found = -1
  if (indexed !== undefined) {
    const time = segment.times.entryUpTo(indexed.relativeOffset)
    if (time !== undefined) {
      if (segment.baseOffset + time.relativeOffset < log.logStartOffset) {
        return maxTimestampByRecords(log, segment, endOffset)
      }
      found = time.timestampMs
    }
  }
  scan(log, segment, indexed?.position ?? 0, (buffer, at) => {
    if (batchLastOffset(buffer, at) >= log.logStartOffset) {
      found = Math.max(found, indexableTimestamp(buffer, at))
    }
    return true
  })
  return found
}

function maxTimestampByRecords(log: PartitionLog, segment: Segment, endOffset: number): number {
  let found = -1
  scan(log, segment, indexedPosition(segment, log.logStartOffset), (buffer, at) => {
    if (batchLastOffset(buffer, at) < log.logStartOffset) return true
    if (batchBaseOffset(buffer, at) >= endOffset) return false
    const timestampMs = indexableTimestamp(buffer, at)
    if (timestampMs <= found) return true
    if (batchBaseOffset(buffer, at) >= log.logStartOffset) found = timestampMs
    else {
      for (const record of recordsOf(buffer.subarray(0, at + batchSize(buffer, at)), at)) {
        if (record.offset >= log.logStartOffset) found = Math.max(found, record.timestamp)
      }
    }
    return true
  })
  return found
}

function firstRecord(
  log: PartitionLog,
  segment: Segment,
  from: number,
  timestampMs: number,
  endOffset: number,
): OffsetAndTimestamp | undefined {
  let found: OffsetAndTimestamp | undefined
  scan(log, segment, from, (buffer, at) => {
    if (batchBaseOffset(buffer, at) >= endOffset) return false
    if (indexableTimestamp(buffer, at) < timestampMs) return true
    for (const record of recordsOf(buffer.subarray(0, at + batchSize(buffer, at)), at)) {
      if (record.timestamp < timestampMs || record.offset < log.logStartOffset) continue
      if (record.offset >= endOffset) return false
      found = {
        offset: record.offset,
        timestampMs: record.timestamp,
        leaderEpoch: batchLeaderEpoch(buffer, at),
      }
      return false
    }
    return true
  })
  return found
}

/** What is decided here is told to clients as it is, so checksums must be right; throws where one is not. */
function scan(
  log: PartitionLog,
  segment: Segment,
  from: number,
  visit: (buffer: Buffer, at: number) => boolean,
): void {
  const limit = log.readLimit(segment)
  let isDone = false
  const end = scanBatches(segment, from, limit, true, (buffer, at) => {
    isDone = !visit(buffer, at)
    return !isDone
  })
  if (!isDone && end < limit) throw new DamagedLogError(segment.path, end, 'a wrong checksum or header')
}

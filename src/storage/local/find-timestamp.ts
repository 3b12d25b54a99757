/** Finds records by timestamp: segments and sparse indexes narrow the search, then records are decoded. */
import { recordsOf } from '../../../protocol-codecs/read-records.ts'
import {
  batchBaseOffset,
  batchLeaderEpoch,
  batchMaxTimestamp,
  batchSize,
} from '../../../protocol-codecs/record-batch.ts'
import type { OffsetAndTimestamp } from '../partition-log.ts'
import type { PartitionLog } from './partition-log.ts'
import { scanBatches } from './scan-batches.ts'
import type { Segment } from './segment.ts'

/** The first record at or above the log start with a timestamp of at least `timestampMs`, below `endOffset`. */
export function findTimestamp(
  log: PartitionLog,
  timestampMs: number,
  endOffset: number,
): OffsetAndTimestamp | undefined {
  for (const segment of log.segments) {
    if (segment.baseOffset >= endOffset) return undefined
    if (segment !== log.activeSegment && segmentMaxTimestamp(segment) < timestampMs) continue
    const from = segment.offsets.positionBefore(segment.times.offsetBefore(timestampMs))
    const found = firstRecord(log, segment, from, timestampMs, endOffset)
    if (found !== undefined) return found
  }
  return undefined
}

/** The first of the records with the largest timestamp. */
export function findMaxTimestamp(log: PartitionLog, endOffset: number): OffsetAndTimestamp | undefined {
  let best: Segment | undefined
  for (const segment of log.segments) {
    if (best === undefined || segmentMaxTimestamp(segment) > best.maxTimestampMs) best = segment
  }
  if (best === undefined || segmentMaxTimestamp(best) < 0) return undefined
  return firstRecord(log, best, 0, best.maxTimestampMs, endOffset)
}

/** A sealed segment's largest timestamp is its last time index entry; touching the index loads it. */
function segmentMaxTimestamp(segment: Segment): number {
  if (segment.maxTimestampMs < 0) segment.times.last()
  return segment.maxTimestampMs
}

function firstRecord(
  log: PartitionLog,
  segment: Segment,
  from: number,
  timestampMs: number,
  endOffset: number,
): OffsetAndTimestamp | undefined {
  let found: OffsetAndTimestamp | undefined
  scanBatches(segment, from, log.readLimit(segment), false, (buffer, at) => {
    if (batchBaseOffset(buffer, at) >= endOffset) return false
    if (batchMaxTimestamp(buffer, at) < timestampMs) return true
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

/**
 * When a log begins a new segment, by Kafka's rules: the next batch would make the active one larger than
 * segment.bytes, its offsets would not fit an index entry, an index is full, or its oldest record is as old as
 * segment.ms (less this segment's share of segment.jitter.ms, so that partitions made together do not roll together).
 */
import type { Clock } from '../../platform/clock.ts'
import type { TopicConfig } from '../../settings/topic-config.ts'
import type { BatchFacts } from './batch-facts.ts'
import type { Segment } from './segment.ts'
import { offsetEntrySize, timeEntrySize } from './sparse-index.ts'

const maxRelativeOffset = 0x7fffffff

/** What rolling by time counts from where records have no times, and the segment's share of the jitter, in [0, 1). */
export interface SegmentBegin {
  readonly atMs: number
  readonly jitter: number
}

/** Whether a batch of `batchSize` bytes that gets `baseOffset` must go to a segment behind the active one. */
export function mustRoll(
  active: Segment,
  begin: SegmentBegin,
  { segmentBytes, segmentMs, segmentIndexBytes, segmentJitterMs }: TopicConfig,
  batchSize: number,
  baseOffset: number,
  facts: BatchFacts,
  clock: Clock,
): boolean {
  if (active.size === 0) return false
  const jitterMs = segmentJitterMs === 0 ? 0 : Math.floor(begin.jitter * Math.min(segmentJitterMs, segmentMs))
  return (
    active.size + batchSize > segmentBytes ||
    baseOffset + facts.lastOffsetDelta - active.baseOffset > maxRelativeOffset ||
    (active.offsets.count + 1) * offsetEntrySize > segmentIndexBytes ||
    // One entry is kept back for the largest timestamp, which is noted when the segment is finished.
    (active.times.count + 2) * timeEntrySize > segmentIndexBytes ||
    ageMs(active, begin, facts.maxTimestampMs, clock) > segmentMs - jitterMs
  )
}

/** By the records' own times where they have any, as Kafka counts: a replayed history rolls as it did. */
function ageMs(active: Segment, begin: SegmentBegin, timestampMs: number, clock: Clock): number {
  return active.firstTimestampMs >= 0 ? timestampMs - active.firstTimestampMs : clock.now() - begin.atMs
}

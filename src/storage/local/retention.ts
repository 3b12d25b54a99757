/**
 * Which segments of a log are over, and why: Kafka's rules, and nothing else. Pure.
 *
 * Three rules look at the log one after the other, each at what the one before it has left:
 *
 *     log start   a segment all of which lies below the log start offset; under every cleanup.policy
 *     size        (delete) while what remains without it is still retention.bytes or more
 *     time        (delete) its largest timestamp is more than retention.ms ago; a segment whose records
 *                 have no timestamps counts from when its file was last written
 *
 * All take the oldest segments only, without a gap, and none that reaches above the high watermark. The
 * active segment may be among them if it has records: it must be rolled before it goes, so that the log end
 * offset stays where it is. One timestamp in the future keeps a segment, and with it all that follow.
 */
import type { TopicConfig } from '../../settings/topic-config.ts'

export interface SegmentToJudge {
  readonly baseOffset: number
  readonly size: number
  /** -1: its records have none. */
  findMaxTimestamp(): number
  lastWrittenMs(): number
}

export interface LogToJudge<Segment> {
  /** In the order of their offsets; the last one is active. */
  readonly segments: readonly Segment[]
  readonly logStartOffset: number
  readonly highWatermark: number
  readonly logEndOffset: number
}

export type RetentionTerms = Pick<TopicConfig, 'cleanupPolicy' | 'retentionMs' | 'retentionBytes'>

export interface Verdict<Segment> {
  /** The oldest segments, and for each the words in which Kafka gives the reason. */
  readonly expired: readonly { readonly segment: Segment; readonly reason: string }[]
  /** A segment that stays only because of a timestamp that is in the future. */
  readonly fromTheFuture: Segment | undefined
}

export function judgeSegments<Segment extends SegmentToJudge>(
  log: LogToJudge<Segment>,
  terms: RetentionTerms,
  nowMs: number,
): Verdict<Segment> {
  const { segments, highWatermark, logEndOffset, logStartOffset } = log
  const { retentionBytes, retentionMs } = terms
  const expired: { segment: Segment; reason: string }[] = []

  /** Goes on from where the last rule stopped, for as long as a rule gives reasons. */
  function take(rule: (segment: Segment, next: Segment | undefined) => string | undefined): void {
    for (let i = expired.length; i < segments.length; i++) {
      const segment = segments[i]!
      const next = segments[i + 1]
      if (next === undefined && segment.size === 0) return
      if (highWatermark < (next?.baseOffset ?? logEndOffset)) return
      const reason = rule(segment, next)
      if (reason === undefined) return
      expired.push({ segment, reason })
    }
  }

  take((_, next) => {
    const isBelowStart = next !== undefined && next.baseOffset <= logStartOffset
    return isBelowStart ? `log start offset ${logStartOffset} breach` : undefined
  })

  let fromTheFuture: Segment | undefined
  if (terms.cleanupPolicy.delete) {
    if (retentionBytes >= 0) {
      let remaining = 0
      for (let i = expired.length; i < segments.length; i++) remaining += segments[i]!.size
      take(({ size }) => {
        if (remaining - size < retentionBytes) return undefined
        remaining -= size
        return `log retention size ${retentionBytes} breach. Log size after deletion will be ${remaining}`
      })
    }
    if (retentionMs >= 0) {
      take(segment => {
        const recordedMs = segment.findMaxTimestamp()
        const timestampMs = recordedMs >= 0 ? recordedMs : segment.lastWrittenMs()
        if (timestampMs > nowMs) fromTheFuture = segment
        if (nowMs - timestampMs <= retentionMs) return undefined
        const basis =
          recordedMs >= 0 ? 'largest record timestamp in the segment' : 'last modified time of the segment'
        return `log retention time ${retentionMs}ms breach based on the ${basis}`
      })
    }
  }
  return { expired, fromTheFuture }
}

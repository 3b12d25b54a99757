/**
 * How long things took, counted in buckets: filling costs an addition, and quantiles are worked out when somebody
 * asks. Times are whole microseconds. Below 8 each has a bucket of its own; above, every power of two is cut into
 * 8 equal buckets, so a bucket is at most an eighth of its time wide and a quantile at most that far off.
 */
import { performance } from 'node:perf_hooks'

const bitsPerPower = 3
const bucketsPerPower = 1 << bitsPerPower
/** Up to 2^31 microseconds, 35 minutes; what takes longer counts as that. */
const bucketCount = bucketsPerPower * (31 - bitsPerPower + 1)
/** How old the past gets that recent quantiles are taken over, at least; at most twice that. */
const windowMs = 2 * 60_000

/**
 * A moment for measuring time, in microseconds. It wraps around every 71 minutes: as an int32 it needs no memory of
 * its own, as a double in an object would.
 */
export function microsNow(): number {
  return (performance.now() * 1000) | 0
}

/** From one such moment to a later one. Both may have wrapped around, and so may their difference: it is right up to 35 minutes. */
export function microsBetween(earlier: number, later: number): number {
  const micros = (later - earlier) | 0
  return micros < 0 ? 0x7fffffff : micros
}

function bucketOf(micros: number): number {
  if (micros < bucketsPerPower) return micros
  const shift = 31 - Math.clz32(micros) - bitsPerPower
  return shift * bucketsPerPower + (micros >>> shift)
}

/** The smallest time of a bucket. */
function startOf(bucket: number): number {
  if (bucket < bucketsPerPower) return bucket
  const shift = Math.floor(bucket / bucketsPerPower) - 1
  return (bucket - shift * bucketsPerPower) * 2 ** shift
}

export class TimeBuckets {
  count = 0
  sumMicros = 0
  /** Doubles, because 32 bits would overflow within a day. */
  private readonly counts = new Float64Array(bucketCount)

  add(micros: number): void {
    this.count++
    this.sumMicros += micros
    this.counts[bucketOf(micros)]! += 1
  }

  copy(): TimeBuckets {
    const copy = new TimeBuckets()
    copy.count = this.count
    copy.sumMicros = this.sumMicros
    copy.counts.set(this.counts)
    return copy
  }

  /**
   * The times that the given parts (in ascending order, each from 0 to 1) of what was counted since `earlier` do
   * not exceed, in microseconds; within a bucket, times are taken to be spread evenly. None if nothing was counted.
   */
  quantiles(parts: readonly number[], earlier: TimeBuckets | undefined): number[] {
    const count = this.count - (earlier?.count ?? 0)
    if (count === 0) return []
    let bucket = -1
    let before = 0
    let inBucket = 0
    return parts.map(part => {
      const rank = part * count
      while (before + inBucket < rank || inBucket === 0) {
        before += inBucket
        bucket++
        inBucket = this.counts[bucket]! - (earlier?.counts[bucket] ?? 0)
      }
      const start = startOf(bucket)
      return start + ((rank - before) / inBucket) * (startOf(bucket + 1) - start)
    })
  }
}

/**
 * Quantiles of the recent past: of the last two to four minutes if they are asked for at least every two. The
 * cost is two copies of the buckets and nothing where times are counted.
 */
export class RecentTimes {
  private readonly times: TimeBuckets
  private older: TimeBuckets | undefined
  private newer: TimeBuckets | undefined
  private newerSinceMs: number

  constructor(times: TimeBuckets, nowMs: number) {
    this.times = times
    this.newerSinceMs = nowMs
  }

  quantiles(parts: readonly number[], nowMs: number): number[] {
    if (nowMs - this.newerSinceMs >= windowMs) {
      this.older = this.newer
      this.newer = this.times.copy()
      this.newerSinceMs = nowMs
    }
    return this.times.quantiles(parts, this.older)
  }
}

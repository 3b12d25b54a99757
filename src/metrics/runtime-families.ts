/**
 * What the broker runs on: the event loop, which does everything but syncs and reads of old records, and the disk.
 * Kafka's names where it has such a thing: its pools of threads are here one loop, so they are equally idle.
 */
import { type IntervalHistogram, monitorEventLoopDelay, performance } from 'node:perf_hooks'
import { type Family, gauge, type Sample, summaries } from './family.ts'
import { microsPerMilli, microsPerSecond, timeSamples } from './quantiles.ts'
import type { MetricSources } from './sources.ts'
import type { TimeBuckets } from './time-buckets.ts'

/** How often the event loop's delay is looked at. */
const delayResolutionMs = 20
/** The loop's idle share is taken over at least this long a time, and at most twice that if it is asked for often. */
const idleWindowMs = 30_000

export interface RuntimeFamilies {
  readonly families: Family[]
  /** Watches the event loop no longer. */
  stop(): void
}

export function runtimeFamilies(sources: MetricSources): RuntimeFamilies {
  const delay = monitorEventLoopDelay({ resolution: delayResolutionMs })
  delay.enable()
  return {
    families: [...loopFamilies(delay), ...diskFamilies(sources)],
    stop: () => delay.disable(),
  }
}

function loopFamilies(delay: IntervalHistogram): Family[] {
  const idleShare = recentIdleShare()
  return [
    gauge(
      'kafka_network_socketserver_networkprocessoravgidle_percent',
      'Share of the time in which the event loop had nothing to do: 0 to 1.',
      idleShare,
    ),
    gauge(
      'kafka_server_kafkarequesthandlerpool_requesthandleravgidle_percent',
      'The same: the event loop is also what handles requests.',
      idleShare,
    ),
    summaries(
      'ottla_event_loop_delay_seconds',
      'How late the event loop was when it was looked at.',
      eventLoopDelay(delay),
    ),
  ]
}

/** Quantiles since the last scrape, in which 1 is the longest delay; count and sum since the first. */
function eventLoopDelay(delay: IntervalHistogram): () => Generator<Sample> {
  const name = 'ottla_event_loop_delay_seconds'
  // Node counts the time between two looks at the loop, which is the resolution when nothing is late.
  const late = (nanos: number) => Math.max(0, nanos / 1e9 - delayResolutionMs / 1e3)
  let count = 0
  let sum = 0
  return function* samples() {
    const isEmpty = delay.count === 0
    for (const quantile of [0.5, 0.99, 1]) {
      const nanos = quantile === 1 ? delay.max : delay.percentile(quantile * 100)
      if (!isEmpty) yield { labels: { quantile }, value: late(nanos) }
    }
    if (!isEmpty) {
      count += delay.count
      sum += late(delay.mean) * delay.count
      delay.reset()
    }
    yield { metricName: `${name}_count`, value: count }
    yield { metricName: `${name}_sum`, value: sum }
  }
}

function recentIdleShare(): () => number {
  let older = performance.eventLoopUtilization()
  let newer = older
  let newerSinceMs = performance.now()
  return () => {
    const now = performance.eventLoopUtilization()
    const nowMs = performance.now()
    if (nowMs - newerSinceMs >= idleWindowMs) {
      older = newer
      newer = now
      newerSinceMs = nowMs
    }
    return 1 - performance.eventLoopUtilization(now, older).utilization
  }
}

function diskFamilies({ disk }: MetricSources): Family[] {
  const flush = 'kafka_log_logflushstats_logflushrateandtimems'
  const operations: [name: string, times: TimeBuckets][] = [
    ['write', disk.writes],
    ['read', disk.reads],
    ['cold_read', disk.coldReads],
    ['sync', disk.syncs],
  ]
  const times = operations.map(([operation, buckets]) =>
    timeSamples('ottla_disk_seconds', { operation }, buckets, microsPerSecond),
  )
  return [
    summaries(flush, 'Syncs of a segment to the disk.', timeSamples(flush, {}, disk.syncs, microsPerMilli)),
    summaries('ottla_disk_seconds', 'Disk operations; write and read hold the event loop.', function* () {
      for (const samples of times) yield* samples()
    }),
    gauge('ottla_unflushed_bytes', 'Bytes of all logs that wait to be synced.', ({ sources }) => {
      return sources.logs.unsynced.size
    }),
    gauge('ottla_unflushed_max_bytes', 'How many may wait; then producers do.', ({ sources }) => {
      return sources.logs.unsynced.maxBytes
    }),
  ]
}

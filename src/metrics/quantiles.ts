/** Summaries of times that were counted in buckets: quantiles of the last minutes, and count and sum since the start. */
import { performance } from 'node:perf_hooks'
import type { Labels, Sample } from './family.ts'
import { RecentTimes, type TimeBuckets } from './time-buckets.ts'

/** Those that the JMX exporter gives Kafka's. */
const quantiles = [0.5, 0.75, 0.95, 0.98, 0.99, 0.999]
export const microsPerMilli = 1000
export const microsPerSecond = 1_000_000

/** The samples of one set of labels; quantiles are left out while there is nothing to say. */
export function timeSamples(
  name: string,
  labels: Labels,
  times: TimeBuckets,
  microsPerUnit: number,
): () => Generator<Sample> {
  const recent = new RecentTimes(times, performance.now())
  const quantileLabels = quantiles.map(quantile => ({ ...labels, quantile }))
  return function* samples() {
    const micros = recent.quantiles(quantiles, performance.now())
    for (const [i, value] of micros.entries()) {
      yield { sharedLabels: quantileLabels[i]!, value: value / microsPerUnit }
    }
    yield { metricName: `${name}_count`, sharedLabels: labels, value: times.count }
    yield { metricName: `${name}_sum`, sharedLabels: labels, value: times.sumMicros / microsPerUnit }
  }
}

/** Metrics that clients push (KIP-714), and what the broker knows of those who push them (Kafka's ClientMetricsManager). */
import { counter, type Family, gauge } from './family.ts'
import type { MeasuredTelemetry } from './sources.ts'

export function telemetryFamilies(telemetry: MeasuredTelemetry): Family[] {
  const prefix = 'kafka_server_client_metrics'
  return [
    gauge(`${prefix}_instance_count`, 'Clients that are asked for metrics.', () => telemetry.instances.count),
    counter(
      `${prefix}_unknown_subscription_request_count_total`,
      'Pushes by a subscription that is not the one in force.',
      () => telemetry.instances.unknownSubscriptionCount,
    ),
    counter(
      `${prefix}_throttle_count_total`,
      'Requests of clients that came too early.',
      () => telemetry.instances.throttledCount,
    ),
    gauge('ottla_client_series', 'Series that clients have pushed.', () => telemetry.metrics.size),
    counter(
      'ottla_client_points_dropped_total',
      'Pushed points that were not taken: too many, or not to be shown.',
      () => telemetry.metrics.droppedCount,
    ),
  ]
}

/** What clients have pushed: other families at every scrape. */
export function clientFamilies(telemetry: MeasuredTelemetry): Family[] {
  return telemetry.metrics.current().map(({ name, samples, type }) => ({
    name,
    help: 'Pushed by clients.',
    type,
    samples: () => samples,
  }))
}

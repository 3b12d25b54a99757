/** What the exporter reads at a scrape. Whoever has the numbers is known here only by the shape of them. */
import type { RequestMetrics } from './request-metrics.ts'
import type { LogTraffic, SocketTraffic } from './traffic.ts'

/** One partition's log, as the storage engine shows it. */
export interface MeasuredLog {
  readonly partition: { readonly topic: string; readonly index: number }
  readonly size: number
  readonly segments: { readonly length: number }
  readonly logStartOffset: number
  readonly logEndOffset: number
  readonly isOffline: boolean
  readonly traffic: LogTraffic
}

export interface MeasuredLogs {
  all(): Iterable<MeasuredLog>
  /** Of the logs that are gone, so that totals never fall. */
  readonly deletedTraffic: LogTraffic
}

export interface MeasuredListener {
  readonly name: string
  readonly connectionCount: number
  readonly traffic: SocketTraffic
}

export interface MeasuredTopic {
  readonly partitions: { readonly length: number }
}

export interface MeasuredGroups {
  readonly groups: {
    readonly Empty: number
    readonly PreparingRebalance: number
    readonly CompletingRebalance: number
    readonly Stable: number
  }
  readonly committedOffsets: number
}

export interface MetricSources {
  readonly requests: RequestMetrics
  readonly logs: MeasuredLogs
  readonly listeners: readonly MeasuredListener[]
  topics(): Iterable<MeasuredTopic>
  groups(): MeasuredGroups
  isStopping(): boolean
}

/** What is read at a scrape. Whoever has the numbers is known here only by the shape of them. */
import type { DiskTimes } from './measured-disk.ts'
import type { RequestMetrics } from './request-metrics.ts'
import type { LogTraffic, SocketTraffic } from './traffic.ts'

/** One partition's log, as the storage engine shows it. */
export interface MeasuredLog {
  readonly partition: { readonly topic: string; readonly index: number }
  readonly config: { readonly minInsyncReplicas: number }
  readonly size: number
  readonly segments: { readonly length: number }
  readonly logStartOffset: number
  readonly highWatermark: number
  readonly logEndOffset: number
  readonly isOffline: boolean
  readonly traffic: LogTraffic
}

export interface MeasuredLogs {
  all(): Iterable<MeasuredLog>
  /** Of the logs that are gone, so that totals never fall. */
  readonly deletedTraffic: LogTraffic
  /** Bytes that wait to be synced, and how many may. */
  readonly unsynced: { readonly size: number; readonly maxBytes: number }
}

export interface MeasuredListener {
  readonly name: string
  readonly connectionCount: number
  /** Requests that were started and not answered yet. */
  readonly inFlightCount: number
  /** Requests that have arrived and were not started yet. */
  readonly waitingCount: number
  readonly traffic: SocketTraffic
}

export interface MeasuredDirectory {
  readonly path: string
  readonly isOffline: boolean
}

export interface MeasuredTopic {
  readonly name: string
  readonly partitions: { readonly length: number }
}

export interface MeasuredGroup {
  readonly groupId: string
  readonly memberCount: number
  readonly offsets: Iterable<{ readonly topic: string; readonly partition: number; readonly offset: number }>
}

export interface GroupCounts {
  readonly groups: {
    readonly Empty: number
    readonly PreparingRebalance: number
    readonly CompletingRebalance: number
    readonly Stable: number
  }
  readonly committedOffsets: number
}

export interface MeasuredFetchSessions {
  readonly sessionCount: number
  readonly partitionCount: number
  readonly evictionCount: number
}

/** What clients have pushed, and who does. */
export interface MeasuredTelemetry {
  readonly instances: {
    readonly count: number
    readonly unknownSubscriptionCount: number
    readonly throttledCount: number
  }
  readonly metrics: {
    readonly size: number
    readonly droppedCount: number
    current(): readonly {
      readonly name: string
      readonly type: 'counter' | 'gauge'
      readonly samples: readonly {
        readonly labels: Readonly<Record<string, string>>
        readonly value: number
      }[]
    }[]
  }
}

export interface MetricSources {
  readonly version: string
  /** By the wall clock. */
  readonly startedMs: number
  readonly brokerId: number
  /** What clients are told to connect to, by the first listener. */
  readonly address: string
  readonly requests: RequestMetrics
  readonly telemetry: MeasuredTelemetry
  readonly disk: DiskTimes
  readonly logs: MeasuredLogs
  readonly listeners: readonly MeasuredListener[]
  /** Memory of requests that have not been started, over all listeners. */
  readonly requestMemory: { readonly size: number }
  readonly fetchSessions: MeasuredFetchSessions
  /** With more partitions, or committed offsets, than this, there are no series of single ones. */
  readonly maxPartitionCount: number
  topics(): Iterable<MeasuredTopic>
  groupCounts(): GroupCounts
  groups(): Iterable<MeasuredGroup>
  readonly logDirectories: readonly MeasuredDirectory[]
  /** Of the file system that holds a path. */
  diskSpace(path: string): Promise<{ readonly totalBytes: number; readonly usableBytes: number }>
  isStopping(): boolean
}

/**
 * The second seam: what exists. `current()` is a synchronous, immutable snapshot; a change is durable
 * and in the snapshot when its promise resolves.
 */
import type { BrokerConfigs } from '../settings/dynamic-configs.ts'
import type { TopicConfig } from '../settings/topic-config.ts'
import type { PartitionRef } from './partition-log.ts'

export interface CatalogPartition extends PartitionRef {
  readonly leaderEpoch: number
}

export interface CatalogTopic {
  readonly name: string
  readonly id: string
  /** Kept for the broker's own records; clients neither produce to it nor see it as theirs. */
  readonly isInternal: boolean
  readonly partitions: readonly CatalogPartition[]
  /** What was set on the topic, in Kafka's names. */
  readonly overrides: Readonly<Record<string, string>>
  /** What holds: overrides over the broker's defaults. */
  readonly config: TopicConfig
}

export interface CatalogSnapshot {
  readonly topics: ReadonlyMap<string, CatalogTopic>
  readonly topicsById: ReadonlyMap<string, CatalogTopic>
  /** What was set on brokers while they ran. */
  readonly brokerConfigs: BrokerConfigs
  /** What was set on subscriptions of client metrics (KIP-714), by their names; none of them is empty. */
  readonly clientMetricsConfigs: ReadonlyMap<string, Readonly<Record<string, string>>>
  readonly featureLevels: FeatureLevels
}

/** The levels of features that were set while brokers ran, or by the first start (KIP-584). */
export interface FeatureLevels {
  readonly levels: ReadonlyMap<string, number>
  /** How often one was set: it grows with every change, over restarts too. */
  readonly epoch: number
}

/** How far the log goes that the catalogue is kept in, for who asks how its quorum is (KIP-595). */
export interface MetadataLogState {
  readonly leaderEpoch: number
  readonly highWatermark: number
  readonly logEndOffset: number
}

/** Before anything was made. */
export const emptySnapshot: CatalogSnapshot = {
  topics: new Map(),
  topicsById: new Map(),
  brokerConfigs: new Map(),
  clientMetricsConfigs: new Map(),
  featureLevels: { levels: new Map(), epoch: 0 },
}

/** What configurations are set on: a topic, one broker by its id or all (''), or a subscription of client metrics. */
export interface ConfigResource {
  readonly type: 'topic' | 'broker' | 'client-metrics'
  readonly name: string
}

export interface ConfigAlteration {
  readonly resource: ConfigResource
  /** New values in Kafka's names; null takes one away. What is not named stays as it is. */
  readonly configs: Readonly<Record<string, string | null>>
}

export type CatalogChange =
  | {
      readonly type: 'create-topic'
      readonly name: string
      readonly partitionCount: number
      readonly configs: Readonly<Record<string, string>>
    }
  | { readonly type: 'delete-topic'; readonly id: string }
  /** Gives a topic as many partitions as this; those that it has stay as they are. */
  | { readonly type: 'create-partitions'; readonly id: string; readonly partitionCount: number }
  | { readonly type: 'alter-configs'; readonly alterations: readonly ConfigAlteration[] }
  | { readonly type: 'set-feature-levels'; readonly levels: ReadonlyMap<string, number> }

export interface TopicCatalog {
  current(): CatalogSnapshot
  /**
   * Makes one change, whole or not at all. Throws ProtocolError (TOPIC_ALREADY_EXISTS, UNKNOWN_TOPIC_ID,
   * UNKNOWN_TOPIC_OR_PARTITION, INVALID_PARTITIONS) when it no longer fits, KAFKA_STORAGE_ERROR when it could not be made durable,
   * REQUEST_TIMED_OUT when the changes before it took `maxWaitMs`: it is not begun then. One that has begun is finished.
   */
  change(change: CatalogChange, maxWaitMs?: number): Promise<CatalogSnapshot>
  /** Calls after changes, once for those that became durable together. */
  onChange(listener: (event: CatalogEvent) => void): void
  /** A block of producer ids that nobody was or will be given; durable before it is returned. */
  allocateProducerIds(): Promise<{ readonly first: number; readonly count: number }>
  metadataLog(): MetadataLogState
}

export interface CatalogEvent {
  readonly snapshot: CatalogSnapshot
  readonly created: readonly CatalogTopic[]
  readonly deleted: readonly CatalogTopic[]
  /** Topics that have other configurations or more partitions than before; a partition keeps its object. */
  readonly changed: readonly CatalogTopic[]
}

/** The partition a reference names now, or undefined. */
export function findPartition(
  snapshot: CatalogSnapshot,
  topic: string,
  index: number,
): CatalogPartition | undefined {
  return snapshot.topics.get(topic)?.partitions[index]
}

/**
 * Kafka's own command-line tools, with which administrators look at brokers and change them: the Java admin client
 * with every request that it knows, and words that are printed for people.
 */
import type { Capability } from '../capability.ts'
import { applicationResetCapabilities } from './application-reset.ts'
import { clientMetricsCapabilities } from './client-metrics.ts'
import { clusterCapabilities } from './cluster.ts'
import { configCapabilities } from './configs.ts'
import { groupCapabilities } from './groups.ts'
import { offsetResetCapabilities } from './offset-resets.ts'
import { partitionCapabilities } from './partitions.ts'
import { quorumCapabilities } from './quorum.ts'
import { recordCapabilities } from './records.ts'
import { prepareKafkaTools } from './tools.ts'
import { topicCapabilities } from './topics.ts'
import { workloadCapabilities } from './workloads.ts'

export const prepare = prepareKafkaTools

export const capabilities: Capability[] = [
  ...topicCapabilities,
  ...recordCapabilities,
  ...configCapabilities,
  ...groupCapabilities,
  ...offsetResetCapabilities,
  ...clusterCapabilities,
  ...workloadCapabilities,
  ...applicationResetCapabilities,
  ...partitionCapabilities,
  ...quorumCapabilities,
  ...clientMetricsCapabilities,
]

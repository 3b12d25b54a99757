/**
 * Ottla's own commands, run as processes. They speak the protocol and nothing else, so they must do on Apache Kafka
 * what they do here: `--against apache-kafka` is their proof.
 */
import type { Capability } from '../capability.ts'
import { clusterCapabilities } from './cluster.ts'
import { groupCapabilities } from './groups.ts'
import { recordCapabilities } from './records.ts'
import { topicCapabilities } from './topics.ts'

export const capabilities: Capability[] = [
  ...topicCapabilities,
  ...recordCapabilities,
  ...groupCapabilities,
  ...clusterCapabilities,
]

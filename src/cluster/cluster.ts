/**
 * The third seam: who is there, who leads a partition and who coordinates a key. On one node the
 * answers are trivial (`single-node.ts`), but everybody asks here.
 */
import type { PartitionRef } from '../storage/partition-log.ts'

/** What clients are told of a partition without a leader. */
export const noLeader = -1

export interface ClusterView {
  readonly clusterId: string
  readonly controllerId: number
  /** Brokers by id; where a client reaches one depends on the listener and is the network's to say. */
  readonly brokerIds: readonly number[]
  /** Id of this broker. */
  readonly localId: number
  readonly rack: string | null
  /** `noLeader`: nobody does, because no replica is online. */
  leaderOf(partition: PartitionRef): number
  replicasOf(partition: PartitionRef): readonly number[]
  coordinatorOf(shard: CoordinatorShard): number
}

/** A coordinator's share of the work: one partition of an internal topic. */
export interface CoordinatorShard {
  readonly topic: string
  readonly index: number
}

export interface Cluster {
  view(): ClusterView
  /** Takes the coordinator role of a shard; a later claim by another broker fences appends under this epoch. */
  claim(shard: CoordinatorShard): Promise<number>
}

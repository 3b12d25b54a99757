/** The cluster of one: this broker leads every partition whose log has a place, and coordinates every key. */
import type { PartitionRef } from '../storage/partition-log.ts'
import { type Cluster, type ClusterView, noLeader } from './cluster.ts'

export function singleNode(
  node: { clusterId: string; nodeId: number; rack: string | null },
  logs: { isLeaderless(partition: PartitionRef): boolean } = { isLeaderless: () => false },
): Cluster {
  const view: ClusterView = {
    clusterId: node.clusterId,
    controllerId: node.nodeId,
    brokerIds: [node.nodeId],
    localId: node.nodeId,
    rack: node.rack,
    leaderOf: partition => (logs.isLeaderless(partition) ? noLeader : node.nodeId),
    replicasOf: () => [node.nodeId],
    coordinatorOf: () => node.nodeId,
  }
  return { view: () => view, claim: async () => 0 }
}

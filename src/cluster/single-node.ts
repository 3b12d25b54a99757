/** The cluster of one: this broker leads every partition that is not offline, and coordinates every key. */
import type { PartitionRef } from '../storage/partition-log.ts'
import { type Cluster, type ClusterView, noLeader } from './cluster.ts'

export function singleNode(
  node: { clusterId: string; nodeId: number; rack: string | null },
  logs: { isOffline(partition: PartitionRef): boolean } = { isOffline: () => false },
): Cluster {
  const view: ClusterView = {
    clusterId: node.clusterId,
    controllerId: node.nodeId,
    brokerIds: [node.nodeId],
    localId: node.nodeId,
    rack: node.rack,
    leaderOf: partition => (logs.isOffline(partition) ? noLeader : node.nodeId),
    replicasOf: () => [node.nodeId],
    coordinatorOf: () => node.nodeId,
  }
  return { view: () => view, claim: async () => 0 }
}

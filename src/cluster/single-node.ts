/** The cluster of one: this broker leads every partition and coordinates every key. */
import type { Cluster, ClusterView } from './cluster.ts'

export function singleNode(node: { clusterId: string; nodeId: number; rack: string | null }): Cluster {
  const view: ClusterView = {
    clusterId: node.clusterId,
    controllerId: node.nodeId,
    brokerIds: [node.nodeId],
    localId: node.nodeId,
    rack: node.rack,
    leaderOf: () => node.nodeId,
    coordinatorOf: () => node.nodeId,
  }
  return { view: () => view, claim: async () => 0 }
}

/**
 * What Metadata and DescribeTopicPartitions say of a partition. One that is offline has no leader, as in Kafka: its
 * replica is named as offline and, being the last one in sync, stays in sync.
 */
import { errorCodes } from '../../protocol-codecs/error-codes.ts'
import { type ClusterView, noLeader } from '../cluster/cluster.ts'
import type { CatalogPartition } from '../storage/topic-catalog.ts'

export function describePartition(partition: CatalogPartition, view: ClusterView) {
  const leaderId = view.leaderOf(partition)
  const replicas = view.replicasOf(partition)
  const isOffline = leaderId === noLeader
  return {
    errorCode: isOffline ? errorCodes.LEADER_NOT_AVAILABLE : errorCodes.NONE,
    partitionIndex: partition.index,
    leaderId,
    leaderEpoch: partition.leaderEpoch,
    replicaNodes: [...replicas],
    isrNodes: [...replicas],
    offlineReplicas: isOffline ? [...replicas] : [],
  }
}

/** What clients know of a partition's leader, and what its epochs tell them of its log (KIP-320). */
import type { ErrorName } from '../../protocol-codecs/error-codes.ts'
import type { PartitionLogs } from '../storage/partition-log.ts'
import type { CatalogPartition } from '../storage/topic-catalog.ts'

/** What a client sends that does not know the epoch, or does not care. */
const noEpoch = -1

export function leaderEpochProblem(partition: CatalogPartition, assumedEpoch: number): ErrorName {
  if (assumedEpoch === noEpoch || assumedEpoch === partition.leaderEpoch) return 'NONE'
  return assumedEpoch < partition.leaderEpoch ? 'FENCED_LEADER_EPOCH' : 'UNKNOWN_LEADER_EPOCH'
}

/** Largest epoch at or below `epoch` and where it ends. The leader's own has begun, even with nothing in it yet. */
export function epochEnd(
  partition: CatalogPartition,
  epoch: number,
  logs: PartitionLogs,
): { readonly epoch: number; readonly endOffset: number } {
  if (epoch !== partition.leaderEpoch) return logs.epochEnd(partition, epoch)
  return { epoch, endOffset: logs.offsets(partition).logEndOffset }
}

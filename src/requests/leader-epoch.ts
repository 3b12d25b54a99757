/** The check that a client's idea of a partition's leader is up to date (KIP-320). */
import type { ErrorName } from '../../protocol-codecs/error-codes.ts'
import type { CatalogPartition } from '../storage/topic-catalog.ts'

/** A client that does not know the epoch, or does not care, sends -1. */
export function leaderEpochProblem(partition: CatalogPartition, assumedEpoch: number): ErrorName {
  if (assumedEpoch < 0 || assumedEpoch === partition.leaderEpoch) return 'NONE'
  return assumedEpoch < partition.leaderEpoch ? 'FENCED_LEADER_EPOCH' : 'UNKNOWN_LEADER_EPOCH'
}

/** What the root of a data directory knows of one of its partitions (`data-knowledge.ts` reads it). */

/** undefined where nobody knows. */
export interface PartitionKnowledge {
  readonly topicId: string | undefined
  readonly leaderEpoch: number | undefined
  readonly isCompacted: boolean
  /** By the checkpoints. */
  readonly recoveryPoint: number
  readonly logStartOffset: number
  readonly highWatermark: number | undefined
  /** undefined: the partition's data directory is not there to tell. */
  readonly wasStoppedCleanly: boolean | undefined
  /** A journal is there, which may have what the log lacks. */
  readonly hasJournal: boolean
}

/** One segment of the journal as what it is there for: logs, and how far it stands for each of them. */
import type { PartitionLog } from './partition-log.ts'

export interface JournalPart {
  readonly path: string
  readonly endOffsets: Map<PartitionLog, number>
  /** Somebody has been told to sync its logs. */
  isSettling: boolean
}

/** Whether a log has everything below an offset in its own files, for good, or needs nothing any more. */
export function isSettled(log: PartitionLog, endOffset: number): boolean {
  return log.isDeleted || log.recoveryPoint >= endOffset
}

export function isPartSettled({ endOffsets }: JournalPart): boolean {
  for (const [log, endOffset] of endOffsets) if (!isSettled(log, endOffset)) return false
  return true
}

/** Whether all that is missing is missing from logs that are offline, which only another start can change. */
export function waitsForStart({ endOffsets }: JournalPart): boolean {
  for (const [log, endOffset] of endOffsets) if (!log.isOffline && !isSettled(log, endOffset)) return false
  return true
}

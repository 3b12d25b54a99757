/** A log directory as those see it who tell of it: where it is, whether it can be used, and what lives in it. */
import type { PartitionRef } from './partition-log.ts'

export interface LogDirectoryView {
  readonly path: string
  /** It could not be used at the start, or has failed since: all its partitions are offline. */
  readonly isOffline: boolean
  holds(partition: PartitionRef): boolean
}

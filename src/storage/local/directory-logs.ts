/**
 * The logs of one log directory, and how they come to be: opened as they were left, made anew, or offline where neither
 * can be done. The journal's own log is opened here as well, but is none of them.
 */
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { TopicConfig } from '../../settings/topic-config.ts'
import type { PartitionRef } from '../partition-log.ts'
import type { ClaimedDirectory } from './claim-directories.ts'
import type { GroupCommit } from './group-commit.ts'
import { journalConfig, journalPartition, keyOf } from './journal.ts'
import type { JournaledOffsets } from './journaled-offsets.ts'
import { partitionDirectoryName } from './log-files.ts'
import { metadataPartition } from './metadata-partition.ts'
import { openLog } from './open-log.ts'
import { requireOwner } from './partition-directories.ts'
import { PartitionLog, type PartitionLogEnvironment } from './partition-log.ts'

/** A partition whose log is to be opened, or made. */
export interface Opening {
  readonly partition: PartitionRef
  readonly config: TopicConfig
}

/** Logs that are made in one turn of the event loop. */
const logsPerTurn = 16

export class DirectoryLogs {
  /** The log of the catalogue, where this is its directory. */
  metadataLog: PartitionLog | undefined
  private readonly claim: ClaimedDirectory
  private readonly environment: PartitionLogEnvironment
  private readonly commit: GroupCommit
  private readonly logs = new Set<PartitionLog>()

  constructor(claim: ClaimedDirectory, environment: PartitionLogEnvironment, commit: GroupCommit) {
    this.claim = claim
    this.environment = environment
    this.commit = commit
  }

  all(): PartitionLog[] {
    return [...this.logs]
  }

  *partitions(): Iterable<PartitionLog> {
    for (const log of this.logs) if (log !== this.metadataLog) yield log
  }

  has(log: PartitionLog): boolean {
    return this.logs.has(log)
  }

  remove(log: PartitionLog): boolean {
    return this.logs.delete(log)
  }

  openMetadataLog(config: TopicConfig): PartitionLog {
    const environment = { ...this.environment, isJournaled: false }
    this.metadataLog = this.open({ partition: metadataPartition, config }, environment)
    this.logs.add(this.metadataLog)
    return this.metadataLog
  }

  /** The journal's own log; whoever writes it sees to it that it is synced. */
  openJournalLog(config: TopicConfig): PartitionLog {
    const environment = { ...this.environment, isJournaled: false, syncWanted: () => {} }
    return this.open({ partition: journalPartition, config: journalConfig(config) }, environment)
  }

  /** Opens logs as a start finds them, and hands each over: one that cannot be opened is offline, and the others go on. */
  async openAll(
    openings: readonly Opening[],
    journaled: (key: string) => JournaledOffsets | undefined,
    opened: (log: PartitionLog) => void,
  ): Promise<void> {
    for (const opening of openings) {
      opened(this.openOrOffline(opening, journaled(keyOf(opening.partition))))
    }
  }

  /** Makes logs for new partitions, some per turn: each costs a few file system calls. */
  async make(openings: readonly Opening[], made: (log: PartitionLog) => void): Promise<void> {
    for (const [n, opening] of openings.entries()) {
      if (n > 0 && n % logsPerTurn === 0) await nextTurn()
      made(this.openOrOffline(opening))
    }
  }

  /** Takes partitions in whose logs cannot be made. */
  addOffline(openings: readonly Opening[], error: Error, added: (log: PartitionLog) => void): void {
    for (const opening of openings) added(this.offline(opening, error))
  }

  private openOrOffline(opening: Opening, journaled?: JournaledOffsets): PartitionLog {
    const { checkpoints } = this.claim
    const { logger } = this.environment
    let log: PartitionLog
    try {
      log = this.open(opening, this.environment, journaled)
    } catch (error) {
      // The others go on; this one answers with errors until a restart can open it.
      logger.error({ err: error, ...opening.partition }, 'a partition could not be opened; it is offline')
      log = this.offline(opening, error as Error)
      // Its checkpoints are to stay as they are.
      const name = partitionDirectoryName(opening.partition)
      log.recoveryPoint = checkpoints.recoveryPoint(name)
      log.logStartOffset = checkpoints.logStartOffset(name)
      log.logEndOffset = Math.max(log.recoveryPoint, log.logStartOffset)
    }
    this.logs.add(log)
    return log
  }

  private open(
    { partition, config }: Opening,
    environment: PartitionLogEnvironment,
    journaled?: JournaledOffsets,
  ): PartitionLog {
    const { checkpoints, wasShutDownCleanly } = this.claim
    const { disk, logger } = environment
    const isJournal = partition === journalPartition
    const name = partitionDirectoryName(partition)
    const path = join(this.claim.path, name)
    requireOwner(disk, path, partition.topicId, logger)
    disk.makeDirectory(path)
    const log = openLog(partition, path, config, environment, {
      // A clean stop leaves no journal.
      wasShutDownCleanly: wasShutDownCleanly && !isJournal,
      recoveryPoint: checkpoints.recoveryPoint(name),
      // The journal's own segments go in any order, so its gaps mean nothing.
      recoveryPointIsKnown: !isJournal && checkpoints.recoveryPointsWereKnown,
      logStartOffset: checkpoints.logStartOffset(name),
      highWatermark: checkpoints.highWatermark(name),
      journaled,
    })
    this.commit.opened(log)
    return log
  }

  private offline({ partition, config }: Opening, error: Error): PartitionLog {
    const log = offlineLog({ partition, config }, this.claim.path, this.environment, error)
    this.logs.add(log)
    return log
  }
}

/** Stands for a log that cannot be used; nothing of it is read or written. */
export function offlineLog(
  { partition, config }: Opening,
  directory: string,
  environment: PartitionLogEnvironment,
  error: Error,
): PartitionLog {
  const disk = { ...environment.disk, readFile: () => undefined }
  const path = join(directory, partitionDirectoryName(partition))
  const log = new PartitionLog(partition, path, config, { ...environment, disk })
  log.goOffline(error)
  return log
}

/**
 * The logs of one log directory, and how they come to be: opened as they were left, made anew, or offline where neither
 * can be done. The journal's own log is opened here as well, but is none of them.
 */
import { join } from 'node:path'
import type { Timer } from '../../platform/clock.ts'
import type { TopicConfig } from '../../settings/topic-config.ts'
import type { PartitionRef } from '../partition-log.ts'
import type { ClaimedDirectory } from './claim-directories.ts'
import { isPassingFailure } from './disk-failure.ts'
import type { GroupCommit } from './group-commit.ts'
import { createJournalLog, journalConfig, journalPartition, keyOf } from './journal.ts'
import type { JournaledOffsets } from './journaled-offsets.ts'
import { partitionDirectoryName } from './log-files.ts'
import { metadataPartition } from './metadata-partition.ts'
import { openSteps } from './open-log.ts'
import { openLogs } from './open-logs.ts'
import { type FoundPartitions, requireOwner } from './partition-directories.ts'
import { PartitionLog, type PartitionLogEnvironment } from './partition-log.ts'
import { now, type Steps } from './scan-batches.ts'

/** A partition whose log is to be opened, or made. */
export interface Opening {
  readonly partition: PartitionRef
  readonly config: TopicConfig
}

/** After which time a log is made that could not be made when its topic was. */
const makeLogAgainMs = 1000

export class DirectoryLogs {
  /** The log of the catalogue, where this is its directory. */
  metadataLog: PartitionLog | undefined
  private readonly claim: ClaimedDirectory
  private readonly environment: PartitionLogEnvironment
  private readonly commit: GroupCommit
  private readonly concurrency: number
  private readonly logs = new Set<PartitionLog>()
  private readonly timers = new Set<Timer>()

  /** `concurrency`: how many logs are opened at the same time. */
  constructor(
    claim: ClaimedDirectory,
    environment: PartitionLogEnvironment,
    commit: GroupCommit,
    concurrency: number,
  ) {
    this.claim = claim
    this.environment = environment
    this.commit = commit
    this.concurrency = concurrency
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
    this.metadataLog = now(this.open({ partition: metadataPartition, config }, environment, false))
    this.commit.opened(this.metadataLog)
    this.logs.add(this.metadataLog)
    return this.metadataLog
  }

  /** The journal's own log; whoever writes it sees to it that it is synced. */
  createJournalLog(config: TopicConfig, offset: number): PartitionLog {
    const environment = { ...this.environment, isJournaled: false, syncWanted: () => {} }
    const path = join(this.claim.path, partitionDirectoryName(journalPartition))
    const log = createJournalLog(path, journalConfig(config), environment, offset)
    this.commit.opened(log)
    return log
  }

  /**
   * Opens logs as a start finds them, several side by side, and hands each over: one that cannot be opened is offline, and
   * the others go on. `found` knows the directories that are theirs.
   */
  async openAll(
    openings: readonly Opening[],
    found: FoundPartitions,
    journaled: (key: string) => JournaledOffsets | undefined,
    opened: (log: PartitionLog) => void,
  ): Promise<void> {
    await this.openSideBySide(openings, opened, opening => {
      const isOwned = found.get(partitionDirectoryName(opening.partition))?.isNamed === true
      return this.open(opening, this.environment, isOwned, journaled(keyOf(opening.partition)))
    })
  }

  /** Makes logs for new partitions. */
  async make(openings: readonly Opening[], made: (log: PartitionLog) => void): Promise<void> {
    const open = (opening: Opening) => this.open(opening, this.environment, false)
    await this.openSideBySide(openings, made, open, (opening, log, error) => {
      // Where there is no room now, or no descriptor, it is made later: nothing is in it yet that could be missed.
      if (!isPassingFailure(error)) return
      const timer = this.environment.clock.after(makeLogAgainMs, () => {
        this.timers.delete(timer)
        // Its configuration may be another one by now.
        if (this.logs.delete(log)) void this.make([{ ...opening, config: log.config }], made)
      })
      this.timers.add(timer)
    })
  }

  /** Makes nothing more. */
  close(): void {
    for (const timer of this.timers) timer.cancel()
  }

  /** Takes partitions in whose logs cannot be made. */
  addOffline(openings: readonly Opening[], error: Error, added: (log: PartitionLog) => void): void {
    for (const opening of openings) added(this.offline(opening, error))
  }

  private async openSideBySide(
    openings: readonly Opening[],
    added: (log: PartitionLog) => void,
    open: (opening: Opening) => Steps<PartitionLog>,
    failed: (opening: Opening, log: PartitionLog, error: unknown) => void = () => {},
  ): Promise<void> {
    const { clock, logger } = this.environment
    const toOpen = openings.map(opening => ({
      open: () => open(opening),
      opened: (log: PartitionLog) => {
        this.commit.opened(log)
        this.logs.add(log)
        added(log)
      },
      failed: (error: unknown) => {
        // The others go on; this one answers with errors until a restart can open it.
        logger.error({ err: error, ...opening.partition }, 'a partition could not be opened; it is offline')
        const log = this.unopened(opening, error as Error)
        added(log)
        failed(opening, log, error)
      },
    }))
    await openLogs(toOpen, { clock, logger, concurrency: this.concurrency })
  }

  /** Its checkpoints are to stay as they are. */
  private unopened(opening: Opening, error: Error): PartitionLog {
    const { checkpoints } = this.claim
    const log = this.offline(opening, error)
    const name = partitionDirectoryName(opening.partition)
    log.recoveryPoint = checkpoints.recoveryPoint(name)
    log.logStartOffset = checkpoints.logStartOffset(name)
    log.logEndOffset = Math.max(log.recoveryPoint, log.logStartOffset)
    return log
  }

  private open(
    { partition, config }: Opening,
    environment: PartitionLogEnvironment,
    isOwned: boolean,
    journaled?: JournaledOffsets,
  ): Steps<PartitionLog> {
    const { checkpoints, hasFailedSync, wasShutDownCleanly } = this.claim
    const { disk, logger } = environment
    const name = partitionDirectoryName(partition)
    const path = join(this.claim.path, name)
    if (!isOwned) requireOwner(disk, path, partition.topicId, logger)
    return openSteps(partition, path, config, environment, {
      wasShutDownCleanly,
      hasFailedSync,
      recoveryPoint: checkpoints.recoveryPoint(name),
      recoveryPointIsKnown: checkpoints.recoveryPointsWereKnown,
      logStartOffset: checkpoints.logStartOffset(name),
      highWatermark: checkpoints.highWatermark(name),
      journaled,
    })
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

/**
 * One log directory: the logs of the partitions in it, and what holds for all of them, namely the lock, the mark of a
 * clean shutdown, the checkpoints, the journal, group commit, retention and the removal of files. A broker has one or
 * several (`log.dirs`), which share nothing but the catalogue: that is the log `__cluster_metadata` in one of them.
 *
 * Life of a directory, in the order of the methods here: claimed (claim-directories.ts); the mark taken away, so that a
 * crash from here on is seen as one; logs opened, and what a crash left unsynced synced before anybody reads it, with
 * what the journal gives back; while running, recovery points and log start offsets are checkpointed and old segments
 * removed now and then; on close everything is synced, closed, checkpointed, and the mark is put back last.
 *
 * One of several that fails while it is opened, or whose own files (checkpoints, journal, names) fail later with an
 * error that does not pass, is offline with all its partitions until the next start, as in Kafka. The only one is kept
 * as long as its logs can be written: its checkpoints are tried again, and the journal is done without.
 */
import { join } from 'node:path'
import type { BufferPool } from '../../platform/buffer-pool.ts'
import type { Clock, Timer } from '../../platform/clock.ts'
import type { Disk } from '../../platform/disk.ts'
import type { Logger } from '../../platform/logger.ts'
import type { TopicConfig } from '../../settings/topic-config.ts'
import type { CatalogSnapshot } from '../topic-catalog.ts'
import { checkpointLogs } from './checkpoint-logs.ts'
import { type ClaimedDirectory, metadataDirectoryName } from './claim-directories.ts'
import { compareRecoveryPoint } from './compare-checkpoints.ts'
import { cleanShutdownName } from './data-directory.ts'
import { DirectoryLogs, type Opening } from './directory-logs.ts'
import { isDiskFailure } from './disk-failure.ts'
import { FileRemoval } from './file-removal.ts'
import { GroupCommit } from './group-commit.ts'
import { Journal, journalPartition, keyOf } from './journal.ts'
import { JournalRemains } from './journal-remains.ts'
import type { JournaledOffsets } from './journaled-offsets.ts'
import { parsePartitionDirectoryName, partitionDirectoryName } from './log-files.ts'
import type { OpenSegments } from './open-segments.ts'
import {
  deletePartitions,
  type FoundPartitions,
  moveStray,
  tidyPartitionDirectories,
} from './partition-directories.ts'
import type { PartitionLog, PartitionLogEnvironment } from './partition-log.ts'
import { RetentionCheck } from './retention-check.ts'
import { requireSoundCatalogue } from './sound-catalogue.ts'
import { syncWrittenByClose } from './sync-written-by-close.ts'
import type { UnsyncedBytes } from './unsynced-bytes.ts'

export interface LogDirectoryOptions {
  readonly producerIdExpirationMs: () => number
  /** Between two checkpoints of the recovery points, and of the log start offsets. */
  readonly checkpointIntervalMs: number
  readonly startOffsetCheckpointIntervalMs: number
  /** From the start to the first search for old segments, and between two. */
  readonly initialTaskDelayMs: number
  readonly retentionCheckIntervalMs: number
  /** Logs that are opened at the same time. */
  readonly concurrentOpenings: number
  readonly isJournalEnabled: boolean
  readonly disk: Disk
  readonly clock: Clock
  readonly logger: Logger
  readonly pool: BufferPool
}

/** What the directories of one broker share. */
export interface SharedByDirectories {
  readonly openSegments: OpenSegments
  readonly unsynced: UnsyncedBytes
  readonly maxConcurrentSyncs: number
  /** There is no other directory: this one does not count as failed because files of its own did. */
  readonly isOnly: boolean
  /** Of the broker's own logs. */
  readonly config: TopicConfig
  /** A sync has failed in the directory with this id, which takes no mark of that. */
  syncFailed(directoryId: string): void
  offsetsMoved(log: PartitionLog): void
}

const staleCheckpoints = 'the checkpoints are of an earlier topic of that name'
const notWritten = 'checkpoints could not be written; they are tried again'

export class LogDirectory {
  readonly commit: GroupCommit
  readonly removal: FileRemoval
  readonly retention: RetentionCheck
  readonly environment: PartitionLogEnvironment
  /** Why the directory is offline; undefined: it is not. */
  failure: Error | undefined
  /** Directories of partitions that the catalogue has, as `tidy` found them. */
  found: FoundPartitions = new Map()
  /** What the journal has of which logs, from `tidy` to `replay`. */
  journaled: ReadonlyMap<string, JournaledOffsets> = new Map()
  private readonly claim: ClaimedDirectory
  private readonly options: LogDirectoryOptions
  private readonly shared: SharedByDirectories
  private readonly journal: Journal
  private readonly remains: JournalRemains
  private readonly hasJournal: boolean
  private readonly logs: DirectoryLogs
  private readonly timers = new Set<Timer>()
  private saving: Promise<void> | undefined
  private checkpointing: Promise<void> | undefined
  private isClosing = false

  constructor(claim: ClaimedDirectory, options: LogDirectoryOptions, shared: SharedByDirectories) {
    const { clock, disk, logger } = options
    this.claim = claim
    this.options = options
    this.shared = shared
    this.commit = new GroupCommit(disk, clock, logger, shared.maxConcurrentSyncs)
    this.commit.namesFailed = error => this.fileFailed(error)
    this.commit.failureNotNoted = () => shared.syncFailed(this.id)
    this.removal = new FileRemoval(disk, clock, logger)
    this.environment = {
      disk,
      clock,
      logger,
      openSegments: shared.openSegments,
      unsynced: shared.unsynced,
      random: Math.random,
      isJournaled: true,
      syncWanted: log => this.commit.request(log),
      offsetsMoved: log => shared.offsetsMoved(log),
      discard: path => this.removal.removeAfter(0, [path]),
    }
    this.logs = new DirectoryLogs(claim, this.environment, this.commit, options.concurrentOpenings)
    this.hasJournal = claim.names.has(partitionDirectoryName(journalPartition))
    const journalDirectory = join(claim.path, partitionDirectoryName(journalPartition))
    const openJournal = (offset: number) => this.logs.createJournalLog(shared.config, offset)
    this.journal = new Journal(journalDirectory, disk, openJournal, options.pool, clock, logger)
    this.remains = new JournalRemains(disk, journalDirectory, logger)
    this.journal.diskFailed = error => this.fileFailed(error)
    const storeLogStarts = () => this.saveLogStartOffsets()
    const { removal } = this
    this.retention = new RetentionCheck(() => this.logs.partitions(), {
      disk,
      clock,
      logger,
      removal,
      storeLogStarts,
      isNeeded: log => claim.checkpoints.recoveryPoint(nameOf(log)) < startOf(log),
    })
  }

  get path(): string {
    return this.claim.path
  }

  get id(): string {
    return this.claim.identity.directoryId
  }

  get hadFailedSync(): boolean {
    return this.claim.hasFailedSync
  }

  get isOffline(): boolean {
    return this.failure !== undefined
  }

  holds(log: PartitionLog): boolean {
    return this.logs.has(log)
  }

  // The start

  /** Before anything is changed: a start that is refused leaves everything as it was. */
  requireSoundCatalogue(): void {
    const { checkpoints, path, wasShutDownCleanly } = this.claim
    const recoveryPoint = checkpoints.recoveryPoint(metadataDirectoryName)
    const highWatermark = checkpoints.highWatermark(metadataDirectoryName)
    requireSoundCatalogue(this.options.disk, join(path, metadataDirectoryName), {
      wasShutDownCleanly,
      recoveryPoint,
      highWatermark,
    })
  }

  /** Takes the mark of a clean shutdown away. */
  async begin(): Promise<void> {
    const { disk } = this.options
    if (this.claim.wasShutDownCleanly) disk.remove(join(this.path, cleanShutdownName))
    // Also where there is none: whoever was killed may have removed it a moment before.
    await disk.syncDirectory(this.path)
  }

  openMetadataLog(): PartitionLog {
    return this.logs.openMetadataLog(this.shared.config)
  }

  /** Makes durable what was found of the catalogue. */
  async syncMetadataLog(): Promise<void> {
    const metadataLog = this.logs.metadataLog!
    if (!metadataLog.isSynced) this.commit.syncNow(metadataLog)
    await this.commit.idle()
    if (metadataLog.isOffline) throw new Error(`${metadataLog.directory} could not be synced`)
  }

  /** Reads what the journal has, finishes deletions, and finds the partitions that are here. */
  async tidy(catalog: CatalogSnapshot, deletedIds: ReadonlySet<string>): Promise<void> {
    const { removal } = this
    const { disk, logger } = this.options
    if (this.hasJournal) this.journaled = await this.remains.offsets()
    this.found = tidyPartitionDirectories(this.path, catalog, deletedIds, { disk, logger, removal })
  }

  /** Opens the logs that live here; what has the name of one that lives elsewhere is moved out of the way. */
  async openPartitions(
    openings: readonly Opening[],
    journaled: (key: string) => JournaledOffsets | undefined,
    opened: (log: PartitionLog) => void,
  ): Promise<void> {
    const { disk, logger } = this.options
    const here = new Set(openings.map(({ partition }) => partitionDirectoryName(partition)))
    for (const name of this.found.keys()) {
      if (here.has(name)) continue
      moveStray(disk, join(this.path, name), parsePartitionDirectoryName(name)!, logger)
    }
    // Without its directory nothing was promised of a log, unless by the journal: who is mentioned is of an earlier topic.
    const isEarlier = ({ partition }: Opening): boolean =>
      !this.found.has(partitionDirectoryName(partition)) &&
      this.claim.checkpoints.mention([partition]) &&
      journaled(keyOf(partition)) === undefined
    const earlier = openings.filter(isEarlier)
    const partitions = earlier.map(({ partition }) => partition)
    if (this.attempt(notWritten, () => this.claim.checkpoints.forget(partitions))) {
      await this.logs.openAll(openings, this.found, journaled, opened)
    } else {
      const others = openings.filter(opening => !earlier.includes(opening))
      await this.logs.openAll(others, this.found, journaled, opened)
      this.logs.addOffline(earlier, new Error(staleCheckpoints), opened)
    }
  }

  /** Gives logs what the journal has for them; one may have been moved to another directory since the crash. */
  async replay(find: (topicId: string, index: number) => PartitionLog | undefined): Promise<void> {
    this.journaled = new Map()
    if (this.hasJournal) this.journal.hold(await this.remains.replay(find), this.remains.endOffset)
  }

  /** Makes durable what was found, and what journals gave, before anybody reads it. */
  async syncFound(): Promise<void> {
    const { checkpoints, wasShutDownCleanly } = this.claim
    if (!wasShutDownCleanly) {
      for (const log of this.logs.partitions()) {
        compareRecoveryPoint(log, checkpoints.recoveryPoint(nameOf(log)))
      }
    }
    if (!wasShutDownCleanly || this.hasJournal) await this.syncAll()
  }

  /** Lets the journal of the last run go, now that its logs are synced, and takes it into use. */
  async settle(): Promise<void> {
    const { commit, hasJournal, journal, logs } = this
    const { checkpoints } = this.claim
    // What follows a gap is to be known as whole before the journal lets go of it.
    const isCheckpointed =
      (!hasJournal && checkpoints.recoveryPointsWereKnown) ||
      this.attempt(notWritten, () => checkpoints.writeRecoveryPoints(logs.all()))
    if (hasJournal && isCheckpointed) await journal.removeIfSettled()
    if (this.options.isJournalEnabled && isCheckpointed) commit.journal = journal
  }

  /** Begins with what is done now and then. */
  start(): void {
    const { checkpointIntervalMs, startOffsetCheckpointIntervalMs } = this.options
    const { initialTaskDelayMs, retentionCheckIntervalMs } = this.options
    if (this.isOffline) return
    this.repeat(checkpointIntervalMs, checkpointIntervalMs, () => this.checkpoint())
    this.repeat(startOffsetCheckpointIntervalMs, startOffsetCheckpointIntervalMs, () => {
      this.attempt(notWritten, () => this.claim.checkpoints.writeLogStartOffsets(this.logs.all()))
    })
    this.repeat(initialTaskDelayMs, retentionCheckIntervalMs, () => void this.retention.run())
  }

  private repeat(firstDelayMs: number, intervalMs: number, work: () => void): void {
    const timer = this.options.clock.after(firstDelayMs, () => {
      this.timers.delete(timer)
      this.repeat(intervalMs, intervalMs, work)
      work()
    })
    this.timers.add(timer)
  }

  private cancelTimers(): void {
    this.logs.close()
    for (const timer of this.timers) timer.cancel()
    this.timers.clear()
  }

  // Partitions come and go

  /** Makes logs for new partitions. */
  async addPartitions(added: readonly Opening[], made: (log: PartitionLog) => void): Promise<void> {
    const { logs } = this
    const { checkpoints } = this.claim
    // What the checkpoints say is of an earlier topic of that name.
    const isForgotten =
      !checkpoints.mention(added.map(({ partition }) => partition)) ||
      this.attempt('checkpoints could not be written', () => checkpoints.write(logs.all()))
    const error = this.failure ?? (isForgotten ? undefined : new Error(staleCheckpoints))
    if (error === undefined) await logs.make(added, made)
    else {
      logs.addOffline(added, error, log => {
        log.directoryIsOffline = this.isOffline
        made(log)
      })
    }
  }

  /** Closes those logs of a deleted topic that are here, and lets their directories go after a delay. */
  async deletePartitions(logs: readonly PartitionLog[], delayMs: number): Promise<void> {
    const { removal } = this
    const { disk, logger } = this.options
    const ours = logs.filter(log => this.logs.remove(log))
    // What lies in a directory that is offline goes at the start that has it back.
    if (this.isOffline) for (const log of ours) log.close()
    else await deletePartitions(ours, delayMs, { disk, logger, removal }, error => this.fileFailed(error))
  }

  // Checkpoints

  /** Makes the start offsets of all logs durable; once for those who ask in the same turn. */
  saveLogStartOffsets(): Promise<void> {
    this.saving ??= Promise.resolve().then(() => {
      this.saving = undefined
      try {
        this.claim.checkpoints.writeLogStartOffsets(this.logs.all())
      } catch (error) {
        this.fileFailed(error)
        throw error
      }
    })
    return this.saving
  }

  private checkpoint(): void {
    const { clock, logger, producerIdExpirationMs } = this.options
    for (const log of this.logs.all()) log.producers.expire(clock.now(), producerIdExpirationMs())
    const isOver = () => this.isOffline || this.isClosing
    const environment = { commit: this.commit, clock, logger, isOver }
    this.checkpointing ??= checkpointLogs(this.logs.all(), environment, () =>
      this.logsCheckpointed(),
    ).finally(() => {
      this.checkpointing = undefined
    })
  }

  private logsCheckpointed(): void {
    this.attempt(notWritten, () => this.claim.checkpoints.writeRecoveryPoints(this.logs.all()))
    if (this.isOffline) return
    this.attempt('the journal could not be rolled; it is tried again', () => this.journal.roll())
    this.commit.settleJournal()
  }

  // Failure

  /** Does something to the directory's own files; an error is told, and may be the end of it. */
  private attempt(message: string, work: () => void): boolean {
    return attempt(this.options.logger, message, work, error => this.fileFailed(error))
  }

  private fileFailed(error: unknown): void {
    if (!this.shared.isOnly && isDiskFailure(error)) this.fail(error as Error)
  }

  /** Takes the directory offline, with all its partitions, until the next start. */
  fail(error: Error): void {
    if (this.isOffline) return
    this.failure = error
    this.options.logger.error(
      { err: error, directory: this.path },
      'a log directory has failed; its partitions are offline until a start finds it in order',
    )
    this.cancelTimers()
    void this.removal.close()
    for (const log of this.logs.all()) {
      log.directoryIsOffline = true
      if (!log.isOffline) log.goOffline(error)
    }
  }

  // The end

  private async syncAll(): Promise<void> {
    for (const log of this.logs.all()) if (!log.isSynced) this.commit.syncNow(log)
    await this.commit.idle()
  }

  /** When nothing comes any more, syncs and closes everything, and leaves the mark of a clean shutdown. */
  async close(isQuiet: Promise<void>): Promise<void> {
    const { disk, logger } = this.options
    this.cancelTimers()
    this.isClosing = true
    try {
      await this.checkpointing
      await isQuiet
      await this.retention.close()
      await this.removal.close()
      for (const log of this.logs.all()) {
        if (log.segments.some(segment => segment.mayHaveUnsyncedCut)) this.commit.syncNow(log)
      }
      await this.syncAll()
      const logs = this.logs.all()
      let isWhole = !this.isOffline && logs.every(log => !log.isOffline)
      const note = (message: string, work: () => void): void => {
        if (!attempt(logger, message, work)) isWhole = false
      }
      if (!this.isOffline) note('checkpoints could not be written', () => this.claim.checkpoints.write(logs))
      for (const log of logs) note(`${log.directory} could not be closed in order`, () => log.close())
      const isJournalGone = isWhole && (await this.journal.removeIfSettled())
      if (!isJournalGone) {
        this.journal.close()
        return
      }
      await syncWrittenByClose(disk, logs)
      disk.replaceFile(join(this.path, cleanShutdownName), '{"version":0,"brokerEpoch":-1}', true)
    } catch (error) {
      const problem = { err: error, directory: this.path }
      logger.error(problem, 'the shutdown is not clean; the next start recovers the logs')
    } finally {
      attempt(logger, `the lock of ${this.path} could not be taken away`, () => this.claim.release())
    }
  }
}

function attempt(
  logger: Logger,
  message: string,
  work: () => void,
  failed: (error: unknown) => void = () => {},
): boolean {
  try {
    work()
    return true
  } catch (error) {
    logger.error({ err: error }, message)
    failed(error)
    return false
  }
}

function nameOf(log: PartitionLog): string {
  return partitionDirectoryName(log.partition)
}

function startOf(log: PartitionLog): number {
  return log.segments[0]?.baseOffset ?? 0
}

/**
 * Group commit of a log directory: logs with bytes that are not on disk yet are synced side by side, each by one sync at a
 * time. What is appended while a log's sync runs is covered by its next one, so under load one sync
 * serves many appends. Names of new files are synced before their bytes count as safe.
 *
 * A sync that fails takes its log offline and is never repeated: the kernel may have dropped what it
 * could not write and call the next one a success. For the same reason a start is told by a mark that what it finds has
 * to be written anew (failed-sync.ts). Only where nothing was tried, because no descriptor
 * was free to open a file with, it is put off.
 *
 * Where several logs wait with a little each, the journal makes all of them durable with one sync (journal.ts); what
 * comes meanwhile goes into its next entry. A log that waits alone or brings much is synced in its own files, and
 * so are all when a segment of the journal is full.
 */
import { dirname } from 'node:path'
import type { Clock } from '../../platform/clock.ts'
import type { Disk } from '../../platform/disk.ts'
import type { Logger } from '../../platform/logger.ts'
import { halfOfThreadPool } from '../../platform/thread-pool.ts'
import { atEndOfTurn } from '../../platform/turn.ts'
import { noteFailedSync } from './failed-sync.ts'
import type { Journal } from './journal.ts'
import type { PartitionLog, SyncTarget } from './partition-log.ts'
import { syncFile } from './sync-file.ts'
import type { UnsyncedTail } from './unsynced-tail.ts'

const postponedMs = 100
/** Syncs that nobody waits for, at the same time: they share the disk with those that somebody does. */
const maxSettlingSyncs = 2

export class GroupCommit {
  /** Set by the owner, when it is open; without it every log is synced in its own files. */
  journal: Journal | undefined
  /** Set by the owner: told when the names of logs' directories could not be synced, before those who wait are. */
  namesFailed: (error: unknown) => void = () => {}
  /** Set by the owner: told of a sync that failed, which could not be noted beside the log. */
  failureNotNoted: () => void = () => {}
  private readonly disk: Disk
  private readonly clock: Clock
  private readonly logger: Logger
  /** Logs that were asked for. A log is in one of the next three sets at most. */
  private readonly requested = new Set<PartitionLog>()
  /** Logs that wait for the journal's next entry. */
  private readonly journalable = new Set<PartitionLog>()
  /** Logs that wait for a sync of their own files. */
  private readonly waiting = new Set<PartitionLog>()
  /** Logs that are to be synced in their own files although nobody waits for that. */
  private readonly settling = new Set<PartitionLog>()
  private readonly running = new Set<PartitionLog>()
  private settlingCount = 0
  private isJournaling = false
  private readonly postponed = new Set<PartitionLog>()
  private readonly maxConcurrentSyncs: number
  /** Logs by the order in which they were opened, and up to which of them directories' names are on disk. */
  private readonly directoryNumbers = new WeakMap<PartitionLog, number>()
  private openedCount = 0
  private syncedDirectories = 0
  private directorySync: Promise<void> | undefined
  private idleListeners: (() => void)[] = []
  private isScheduled = false

  constructor(disk: Disk, clock: Clock, logger: Logger, maxConcurrentSyncs = halfOfThreadPool()) {
    this.disk = disk
    this.clock = clock
    this.logger = logger
    this.maxConcurrentSyncs = maxConcurrentSyncs
  }

  /** Takes note of a log whose directory was made before this call; gives its number. */
  opened(log: PartitionLog): number {
    this.directoryNumbers.set(log, ++this.openedCount)
    return this.openedCount
  }

  /** Asks for a sync of what the log holds by the time it starts, at the end of this turn at the earliest. */
  request(log: PartitionLog): void {
    if (log.isOffline || this.waiting.has(log) || this.journalable.has(log)) return
    this.requested.add(log)
    this.schedule()
  }

  /** Asks for a sync of the log's own files, whatever the journal has. */
  settle(log: PartitionLog): void {
    if (log.isOffline) return
    this.settling.add(log)
    this.schedule()
  }

  /** The same, but as many side by side as there may be: at a start and at the end nobody else needs the disk. */
  syncNow(log: PartitionLog): void {
    if (log.isOffline) return
    this.requested.delete(log)
    this.journalable.delete(log)
    this.waiting.add(log)
    this.schedule()
  }

  /** Asks for syncs of all logs that keep full segments of the journal from going. */
  settleJournal(): void {
    if (this.journal === undefined) return
    for (const log of this.journal.takeUnsettled()) this.settle(log)
    if (this.settling.size === 0) this.journal.removeSettled()
  }

  private schedule(): void {
    if (this.isScheduled) return
    this.isScheduled = true
    // The read event that is being handled may hold more requests for the same log.
    atEndOfTurn(() => {
      this.isScheduled = false
      this.start()
    })
  }

  /** Starts what there is something to do for, and room. */
  private start(): void {
    this.sortRequested()
    if (this.journalable.size > 0 && !this.isJournaling) this.startEntry()
    for (const log of this.waiting) {
      if (this.running.size >= this.maxConcurrentSyncs) break
      if (!this.running.has(log)) void this.run(log, false)
    }
    for (const log of this.settling) {
      if (this.settlingCount >= maxSettlingSyncs) break
      // One at least goes on however many wait, or the journal would stay full.
      if (this.settlingCount > 0 && this.running.size >= this.maxConcurrentSyncs) break
      if (!this.running.has(log)) void this.run(log, true)
    }
    this.tellIfIdle()
  }

  private sortRequested(): void {
    const { journal } = this
    const isJournalUsable = journal?.isUsable === true
    for (const log of this.requested) {
      // Its turn comes when the sync that runs is done.
      if (this.running.has(log)) continue
      this.requested.delete(log)
      if (log.isOffline) continue
      if (isJournalUsable && journal.takes(log)) this.journalable.add(log)
      else this.waiting.add(log)
    }
  }

  /** Writes the journal's next entry, or finds out that syncs of their own files are better for those who wait. */
  private startEntry(): void {
    const { journal, journalable } = this
    const isAlone = journalable.size === 1
    if (isAlone && this.running.size >= this.maxConcurrentSyncs) return
    const refuse = (log: PartitionLog): void => {
      journalable.delete(log)
      if (!log.isOffline) this.waiting.add(log)
    }
    const tails = isAlone || journal?.isUsable !== true ? [] : journal.write(journalable, refuse)
    if (journal === undefined || tails.length === 0) {
      for (const log of journalable) refuse(log)
      return
    }
    for (const { log } of tails) journalable.delete(log)
    void this.syncJournal(journal, tails)
  }

  private async syncJournal(journal: Journal, tails: readonly UnsyncedTail[]): Promise<void> {
    this.isJournaling = true
    try {
      await this.sync(journal.log)
      for (const { log, to } of tails) log.becameDurable(to)
    } catch (error) {
      journal.failed(error as Error)
      // Nothing of this was tried on the logs' own files yet.
      for (const { log } of tails) if (!log.isOffline) this.waiting.add(log)
    } finally {
      this.isJournaling = false
      this.settleJournal()
      this.start()
    }
  }

  private async run(log: PartitionLog, isSettling: boolean): Promise<void> {
    this.requested.delete(log)
    this.journalable.delete(log)
    this.waiting.delete(log)
    this.settling.delete(log)
    if (log.isOffline) return
    this.running.add(log)
    if (isSettling) this.settlingCount++
    try {
      await this.sync(log)
    } catch (error) {
      this.failed(log, error as NodeJS.ErrnoException)
    } finally {
      this.running.delete(log)
      if (isSettling) this.settlingCount--
      if (this.settling.size === 0) this.journal?.removeSettled()
      this.start()
    }
  }

  /** Makes what the log holds now durable in its own files. */
  private async sync(log: PartitionLog): Promise<void> {
    const target = log.startSync()
    try {
      if (target.namesChanged) await this.syncNames(log, target)
      for (const segment of target.segments) await segment.sync()
    } catch (error) {
      log.notSynced(target)
      throw error
    }
    log.synced(target)
  }

  /** Names last, so that none stands for a file that is not there yet. */
  private async syncNames(log: PartitionLog, target: SyncTarget): Promise<void> {
    await Promise.all(target.files.map(path => syncFile(this.disk, path)))
    await this.disk.syncDirectory(log.directory)
    if (target.directoryIsNew) await this.syncDirectoryName(log)
  }

  /** Makes the name of the log's directory durable; one sync does for all that were opened before it. */
  private async syncDirectoryName(log: PartitionLog): Promise<void> {
    const number = this.directoryNumbers.get(log) ?? this.opened(log)
    while (number > this.syncedDirectories) {
      this.directorySync ??= this.syncDirectoryNames(dirname(log.directory))
      await this.directorySync
    }
  }

  private async syncDirectoryNames(path: string): Promise<void> {
    const covered = this.openedCount
    try {
      await this.disk.syncDirectory(path)
      this.syncedDirectories = covered
    } catch (error) {
      this.namesFailed(error)
      throw error
    } finally {
      this.directorySync = undefined
    }
  }

  private failed(log: PartitionLog, error: NodeJS.ErrnoException): void {
    if (log.isDeleted) return
    if (error.code === 'EMFILE' || error.code === 'ENFILE') {
      if (log.isOffline) return
      this.logger.warn({ directory: log.directory }, 'no descriptor is free to sync with; trying again')
      this.postponed.add(log)
      this.clock.after(postponedMs, () => {
        this.postponed.delete(log)
        if (!log.isOffline) this.waiting.add(log)
        this.start()
      })
      return
    }
    this.logger.error({ err: error, directory: log.directory }, 'sync failed; the partition goes offline')
    // Also where it is offline already: the next start has to know.
    if (!noteFailedSync(log)) this.failureNotNoted()
    log.goOffline(error)
  }

  private get isIdle(): boolean {
    const { requested, journalable, waiting, settling, running, postponed, isJournaling } = this
    const count = requested.size + journalable.size + waiting.size + settling.size + running.size
    return count + postponed.size === 0 && !isJournaling
  }

  private tellIfIdle(): void {
    if (!this.isIdle) return
    const listeners = this.idleListeners
    this.idleListeners = []
    for (const listener of listeners) listener()
  }

  /** Resolves when nothing is waiting or running. */
  idle(): Promise<void> {
    if (this.isIdle) return Promise.resolve()
    return new Promise(resolve => this.idleListeners.push(resolve))
  }
}

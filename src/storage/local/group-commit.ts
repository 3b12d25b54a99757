/**
 * Group commit: logs with bytes that are not on disk yet are synced side by side, each by one sync at a
 * time. What is appended while a log's sync runs is covered by its next one, so under load one sync
 * serves many appends. Names of new files are synced before their bytes count as safe.
 *
 * A sync that fails takes its log offline and is never repeated: the kernel may have dropped what it
 * could not write and call the next one a success. Only where nothing was tried, because no descriptor
 * was free to open a file with, it is put off.
 *
 * Where many logs wait with a little each, the journal makes all of them durable with one sync (journal.ts).
 * Their own files are synced when a segment of the journal is full.
 */
import { dirname } from 'node:path'
import type { Clock } from '../../platform/clock.ts'
import type { Disk } from '../../platform/disk.ts'
import type { Logger } from '../../platform/logger.ts'
import { halfOfThreadPool } from '../../platform/thread-pool.ts'
import { atEndOfTurn } from '../../platform/turn.ts'
import type { Journal } from './journal.ts'
import type { PartitionLog, SyncTarget } from './partition-log.ts'
import type { UnsyncedTail } from './unsynced-tail.ts'

const postponedMs = 100
/** Syncs that nobody waits for, at the same time: they share the disk with those that somebody does. */
const maxSettlingSyncs = 2

export class GroupCommit {
  /** Set by the owner, when it is open; without it every log is synced in its own files. */
  journal: Journal | undefined
  private readonly disk: Disk
  private readonly clock: Clock
  private readonly logger: Logger
  private readonly waiting = new Set<PartitionLog>()
  /** Logs that are to be synced in their own files, durable already or not. */
  private readonly settling = new Set<PartitionLog>()
  private readonly running = new Set<PartitionLog>()
  private isJournaling = false
  private readonly postponed = new Set<PartitionLog>()
  private readonly maxConcurrentSyncs = halfOfThreadPool()
  /** Logs by the order in which they were opened, and up to which of them directories' names are on disk. */
  private readonly directoryNumbers = new WeakMap<PartitionLog, number>()
  private openedCount = 0
  private syncedDirectories = 0
  private directorySync: Promise<void> | undefined
  private idleListeners: (() => void)[] = []
  private isScheduled = false

  constructor(disk: Disk, clock: Clock, logger: Logger) {
    this.disk = disk
    this.clock = clock
    this.logger = logger
  }

  /** Takes note of a log whose directory was made before this call; gives its number. */
  opened(log: PartitionLog): number {
    this.directoryNumbers.set(log, ++this.openedCount)
    return this.openedCount
  }

  /** Asks for a sync of what the log holds by the time it starts, at the end of this turn at the earliest. */
  request(log: PartitionLog): void {
    if (log.isOffline) return
    this.waiting.add(log)
    this.schedule()
  }

  /** Asks for a sync of the log's own files, whatever the journal has. */
  settle(log: PartitionLog): void {
    if (log.isOffline) return
    this.settling.add(log)
    this.schedule()
  }

  private schedule(): void {
    if (this.isScheduled) return
    this.isScheduled = true
    // The read event that is being handled may hold more requests for the same log.
    atEndOfTurn(() => {
      this.isScheduled = false
      this.startWaiting()
    })
  }

  private startWaiting(): void {
    this.startJournaling()
    for (const log of this.waiting) {
      if (this.running.size >= this.maxConcurrentSyncs) return
      if (!this.running.has(log) && !this.isForJournal(log)) void this.run(log)
    }
    for (const log of this.settling) {
      if (this.running.size >= maxSettlingSyncs) return
      if (!this.running.has(log)) void this.run(log)
    }
    this.tellIfIdle()
  }

  /** Whether a log's turn comes when the entry that is being synced is done. */
  private isForJournal(log: PartitionLog): boolean {
    return this.isJournaling && this.waiting.size > 1 && log.isJournaled
  }

  private startJournaling(): void {
    const { journal } = this
    if (journal === undefined || this.isJournaling || this.waiting.size < 2) return
    const ready: PartitionLog[] = []
    let byteCount = 0
    for (const log of this.waiting) {
      if (!log.isJournaled || this.running.has(log)) continue
      ready.push(log)
      byteCount += log.appendedBytes - (log.durable.point?.bytes ?? 0)
    }
    if (!journal.pays(ready.length, byteCount)) return
    let tails: UnsyncedTail[]
    try {
      tails = journal.write(ready)
    } catch (error) {
      // No room, say; each log is synced by itself, and hears of its own error if there is one.
      this.logger.warn({ err: error }, 'the journal could not be written; syncing each log by itself')
      return
    }
    if (tails.length > 0) void this.syncJournal(journal, tails)
  }

  private async syncJournal(journal: Journal, tails: readonly UnsyncedTail[]): Promise<void> {
    this.isJournaling = true
    for (const { log } of tails) this.waiting.delete(log)
    try {
      await this.sync(journal.log)
      for (const { log, to } of tails) log.becameDurable(to)
    } catch (error) {
      this.failed(journal.log, error as NodeJS.ErrnoException)
      // Nothing of this was tried on the logs' own files yet.
      for (const { log } of tails) this.waiting.add(log)
    } finally {
      this.isJournaling = false
      for (const log of journal.unsettled()) this.settling.add(log)
      this.startWaiting()
    }
  }

  private async run(log: PartitionLog): Promise<void> {
    this.waiting.delete(log)
    this.settling.delete(log)
    if (log.isOffline) return
    this.running.add(log)
    try {
      await this.sync(log)
      if (this.settling.size === 0) this.journal?.removeSettled()
    } catch (error) {
      this.failed(log, error as NodeJS.ErrnoException)
    } finally {
      this.running.delete(log)
      this.startWaiting()
    }
  }

  /** Makes what the log holds now durable in its own files. */
  private async sync(log: PartitionLog): Promise<void> {
    const target = log.startSync()
    if (target.namesChanged) await this.syncNames(log, target)
    for (const segment of target.segments) await segment.sync()
    log.synced(target)
  }

  /** Names last, so that none stands for a file that is not there yet. */
  private async syncNames(log: PartitionLog, target: SyncTarget): Promise<void> {
    await Promise.all(target.files.map(path => this.syncFile(path)))
    await this.disk.syncDirectory(log.directory)
    if (target.directoryIsNew) await this.syncDirectoryName(log)
  }

  private async syncFile(path: string): Promise<void> {
    const descriptor = this.disk.openForWrite(path, false)
    try {
      await this.disk.sync(descriptor)
    } finally {
      this.disk.close(descriptor)
    }
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
    } finally {
      this.directorySync = undefined
    }
  }

  private failed(log: PartitionLog, error: NodeJS.ErrnoException): void {
    if (log.isOffline) return
    if (error.code === 'EMFILE' || error.code === 'ENFILE') {
      this.logger.warn({ directory: log.directory }, 'no descriptor is free to sync with; trying again')
      this.postponed.add(log)
      this.clock.after(postponedMs, () => {
        this.postponed.delete(log)
        this.request(log)
        this.tellIfIdle()
      })
      return
    }
    this.logger.error({ err: error, directory: log.directory }, 'sync failed; the partition goes offline')
    log.goOffline(error)
  }

  private get isIdle(): boolean {
    const { waiting, settling, running, postponed, isJournaling } = this
    return waiting.size + settling.size + running.size + postponed.size === 0 && !isJournaling
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

/**
 * Group commit: logs with bytes that are not on disk yet are synced side by side, each by one sync at a
 * time. What is appended while a log's sync runs is covered by its next one, so under load one sync
 * serves many appends. Names of new files are synced before their bytes count as safe.
 *
 * A sync that fails takes its log offline and is never repeated: the kernel may have dropped what it
 * could not write and call the next one a success. Only where nothing was tried, because no descriptor
 * was free to open a file with, it is put off.
 */
import { dirname } from 'node:path'
import type { Clock } from '../../platform/clock.ts'
import type { Disk } from '../../platform/disk.ts'
import type { Logger } from '../../platform/logger.ts'
import { halfOfThreadPool } from '../../platform/thread-pool.ts'
import { atEndOfTurn } from '../../platform/turn.ts'
import type { PartitionLog, SyncTarget } from './partition-log.ts'

const postponedMs = 100

export class GroupCommit {
  private readonly disk: Disk
  private readonly clock: Clock
  private readonly logger: Logger
  private readonly waiting = new Set<PartitionLog>()
  private readonly running = new Set<PartitionLog>()
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
    if (this.isScheduled || this.running.size >= this.maxConcurrentSyncs) return
    this.isScheduled = true
    // The read event that is being handled may hold more requests for the same log.
    atEndOfTurn(() => {
      this.isScheduled = false
      this.startWaiting()
    })
  }

  private startWaiting(): void {
    for (const log of this.waiting) {
      if (this.running.size >= this.maxConcurrentSyncs) return
      if (this.running.has(log)) continue
      this.waiting.delete(log)
      if (log.isOffline) continue
      void this.run(log)
    }
    this.tellIfIdle()
  }

  private async run(log: PartitionLog): Promise<void> {
    this.running.add(log)
    try {
      const target = log.startSync()
      if (target.namesChanged) await this.syncNames(log, target)
      for (const segment of target.segments) await segment.sync()
      log.synced(target)
    } catch (error) {
      this.failed(log, error as NodeJS.ErrnoException)
    } finally {
      this.running.delete(log)
      this.startWaiting()
    }
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
    return this.running.size === 0 && this.waiting.size === 0 && this.postponed.size === 0
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

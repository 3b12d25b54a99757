/**
 * Group commit: logs with bytes that are not on disk yet are synced side by side, each by one sync at a
 * time. What is appended while a log's sync runs is covered by its next one, so under load one sync
 * serves many appends. Names of new files are synced before their bytes count as safe.
 */
import { dirname } from 'node:path'
import type { Disk } from '../../platform/disk.ts'
import type { Logger } from '../../platform/logger.ts'
import type { PartitionLog } from './partition-log.ts'

/** Half of the thread pool; the other half is for cold reads. */
const maxConcurrentSyncs = 8

export class GroupCommit {
  private readonly disk: Disk
  private readonly logger: Logger
  private readonly waiting = new Set<PartitionLog>()
  private readonly running = new Set<PartitionLog>()
  private idleListeners: (() => void)[] = []
  private isScheduled = false

  constructor(disk: Disk, logger: Logger) {
    this.disk = disk
    this.logger = logger
  }

  /** Asks for a sync of what the log holds by the time it starts, at the end of this turn at the earliest. */
  request(log: PartitionLog): void {
    if (log.isOffline) return
    this.waiting.add(log)
    if (this.isScheduled || this.running.size >= maxConcurrentSyncs) return
    this.isScheduled = true
    // The read event that is being handled may hold more requests for the same log.
    queueMicrotask(() => {
      this.isScheduled = false
      this.startWaiting()
    })
  }

  private startWaiting(): void {
    for (const log of this.waiting) {
      if (this.running.size >= maxConcurrentSyncs) return
      if (this.running.has(log)) continue
      this.waiting.delete(log)
      void this.run(log)
    }
  }

  private async run(log: PartitionLog): Promise<void> {
    this.running.add(log)
    try {
      const target = log.startSync()
      if (target.namesChanged) {
        await this.disk.syncDirectory(log.directory)
        await this.disk.syncDirectory(dirname(log.directory))
      }
      for (const segment of target.segments) await segment.sync()
      log.synced(target)
    } catch (error) {
      if (!log.isDeleted) {
        this.logger.error({ err: error, directory: log.directory }, 'sync failed; the partition goes offline')
      }
      log.syncFailed(error as Error)
    } finally {
      this.running.delete(log)
      this.startWaiting()
      if (this.running.size === 0 && this.waiting.size === 0) {
        const listeners = this.idleListeners
        this.idleListeners = []
        for (const listener of listeners) listener()
      }
    }
  }

  /** Resolves when nothing is waiting or running. */
  idle(): Promise<void> {
    if (this.running.size === 0 && this.waiting.size === 0) return Promise.resolve()
    return new Promise(resolve => this.idleListeners.push(resolve))
  }
}

/**
 * Files and directories that are to go: each after its delay, one after the other, by the thread pool, because
 * removing a large file can take long. Nobody finds them by their old names any more (segments end in
 * `.deleted`, directories in `-delete`), so it does no harm if a crash leaves some of them: the next start
 * hands them in again.
 */
import type { Clock, Timer } from '../../platform/clock.ts'
import type { Disk } from '../../platform/disk.ts'
import type { Logger } from '../../platform/logger.ts'

const retryDelayMs = 60_000

export class FileRemoval {
  private readonly disk: Disk
  private readonly clock: Clock
  private readonly logger: Logger
  private readonly timers = new Set<Timer>()
  private due: string[] = []
  private work: Promise<void> | undefined
  private isClosed = false

  constructor(disk: Disk, clock: Clock, logger: Logger) {
    this.disk = disk
    this.clock = clock
    this.logger = logger
  }

  /** Removes files, and directories with all that is in them, unless they have turned out to be somebody else's. */
  removeAfter(delayMs: number, paths: readonly string[], isGone?: () => boolean): void {
    if (paths.length === 0 || this.isClosed) return
    if (delayMs <= 0) {
      this.remove(paths)
      return
    }
    const timer = this.clock.after(delayMs, () => {
      this.timers.delete(timer)
      if (!isGone?.()) this.remove(paths)
    })
    this.timers.add(timer)
  }

  private remove(paths: readonly string[]): void {
    this.due.push(...paths)
    this.work ??= this.removeDue()
  }

  private async removeDue(): Promise<void> {
    while (this.due.length > 0) {
      const paths = this.due
      this.due = []
      const failed: string[] = []
      for (const path of paths) {
        if (this.isClosed) break
        try {
          await this.disk.removeLater(path)
        } catch (error) {
          this.logger.error({ err: error, path }, 'a deleted file could not be removed; it is tried again')
          failed.push(path)
        }
      }
      this.removeAfter(retryDelayMs, failed)
    }
    this.work = undefined
  }

  /** Resolves when everything whose delay is over was tried. */
  async idle(): Promise<void> {
    await this.work
  }

  /** Finishes what is under way and leaves the rest to the next start. */
  async close(): Promise<void> {
    this.isClosed = true
    for (const timer of this.timers) timer.cancel()
    this.timers.clear()
    this.due = []
    await this.work
  }
}

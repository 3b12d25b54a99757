/**
 * The marks `failed-sync.<directory.id>`: a disk that fails altogether takes no mark beside the log whose sync failed
 * (`failed-sync.ts`), so the other log directories are marked, and stand for all logs of that one. A start that has
 * synced what it found in the directory takes them away.
 */
import { join } from 'node:path'
import type { Disk } from '../../platform/disk.ts'
import type { Logger } from '../../platform/logger.ts'
import { failedSyncFileName, mark, unmark } from './failed-sync.ts'

interface MarkedDirectory {
  readonly path: string
  readonly id: string
  readonly isOffline: boolean
}

export function failedDirectoryMark(directoryId: string): string {
  return `${failedSyncFileName}.${directoryId}`
}

export class FailedDirectories {
  private readonly directories: () => readonly MarkedDirectory[]
  private readonly disk: Disk
  private readonly logger: Logger
  /** Marked in this run: the marks are for the next one. */
  private readonly marked = new Set<string>()

  constructor(directories: () => readonly MarkedDirectory[], disk: Disk, logger: Logger) {
    this.directories = directories
    this.disk = disk
    this.logger = logger
  }

  /** A sync has failed in a directory that does not take a mark. */
  note(directoryId: string): void {
    if (this.marked.has(directoryId)) return
    for (const { id, path } of this.directories()) {
      if (id === directoryId) continue
      if (mark(this.disk, this.logger, join(path, failedDirectoryMark(directoryId))))
        this.marked.add(directoryId)
    }
  }

  /** What was found in a directory is on disk. */
  forget(directoryId: string): void {
    if (this.marked.has(directoryId)) return
    for (const { isOffline, path } of this.directories()) {
      if (!isOffline) unmark(this.disk, this.logger, join(path, failedDirectoryMark(directoryId)))
    }
  }
}

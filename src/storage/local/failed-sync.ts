/**
 * The mark `failed-sync` in a log's directory: there from a sync that failed until one has succeeded. The kernel may show
 * bytes that are not on disk and take them for written, so a start that finds the mark writes them anew. It need not
 * outlive a power loss, since those bytes do not either; an empty file that is not synced will do. Where a disk takes no
 * mark, other log directories do (`failed-directory.ts`).
 */
import { join } from 'node:path'
import type { Disk } from '../../platform/disk.ts'
import type { Logger } from '../../platform/logger.ts'
import type { PartitionLog } from './partition-log.ts'

export const failedSyncFileName = 'failed-sync'

/** Gives whether the mark is there. */
export function noteFailedSync({ directory, environment }: PartitionLog): boolean {
  return mark(environment.disk, environment.logger, join(directory, failedSyncFileName))
}

export function forgetFailedSync(log: PartitionLog): void {
  if (!log.hasFailedSync) return
  const { directory, environment } = log
  const { disk, logger } = environment
  if (unmark(disk, logger, join(directory, failedSyncFileName))) log.hasFailedSync = false
}

export function mark(disk: Disk, logger: Logger, path: string): boolean {
  try {
    disk.close(disk.openForWrite(path, true))
    return true
  } catch (error) {
    logger.error({ err: error, path }, 'that a sync failed could not be noted')
    return false
  }
}

export function unmark(disk: Disk, logger: Logger, path: string): boolean {
  try {
    disk.remove(path)
    return true
  } catch (error) {
    logger.warn({ err: error, path }, 'a mark could not be removed; it is tried again')
    return false
  }
}

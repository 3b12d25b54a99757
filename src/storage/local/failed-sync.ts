/**
 * The mark `failed-sync` in a log's directory: there from a sync that failed until one has succeeded. The kernel may show
 * bytes that are not on disk and take them for written, so a start that finds the mark writes them anew. It need not
 * outlive a power loss, since those bytes do not either; an empty file that is not synced will do.
 */
import { join } from 'node:path'
import type { PartitionLog } from './partition-log.ts'

export const failedSyncFileName = 'failed-sync'

export function noteFailedSync({ directory, environment }: PartitionLog): void {
  const { disk, logger } = environment
  const path = join(directory, failedSyncFileName)
  try {
    disk.close(disk.openForWrite(path, true))
  } catch (error) {
    logger.error({ err: error, path }, 'that a sync failed could not be noted')
  }
}

export function forgetFailedSync(log: PartitionLog): void {
  if (!log.hasFailedSync) return
  const { directory, environment } = log
  const path = join(directory, failedSyncFileName)
  try {
    environment.disk.remove(path)
    log.hasFailedSync = false
  } catch (error) {
    environment.logger.warn({ err: error, path }, 'a mark could not be removed; it is tried again')
  }
}

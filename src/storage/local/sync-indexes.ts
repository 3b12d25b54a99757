/** Syncs the index files that closing logs has written, and the names of those that are new. */
import { dirname } from 'node:path'
import type { Disk } from '../../platform/disk.ts'
import type { PartitionLog } from './partition-log.ts'

/** Syncs that are under way at the same time. */
const concurrentSyncs = 8

export async function syncIndexes(disk: Disk, logs: readonly PartitionLog[]): Promise<void> {
  const unsynced = logs.flatMap(log => log.segments.filter(segment => segment.hasUnsyncedIndexes))
  const directories = new Set(unsynced.map(segment => dirname(segment.path)))
  const work = [
    ...unsynced.map(segment => () => segment.syncIndexes()),
    ...[...directories].map(path => () => disk.syncDirectory(path)),
  ]
  const worker = async (): Promise<void> => {
    for (let next = work.pop(); next !== undefined; next = work.pop()) await next()
  }
  const outcomes = await Promise.allSettled(Array.from({ length: concurrentSyncs }, worker))
  const failed = outcomes.find(outcome => outcome.status === 'rejected')
  if (failed !== undefined) throw failed.reason
}

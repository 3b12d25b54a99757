/**
 * Syncs what closing logs has written, the indexes and histories of epochs, and the names of those that are new: the next
 * start believes what a clean stop has left.
 */
import { dirname } from 'node:path'
import type { Disk } from '../../platform/disk.ts'
import type { PartitionLog } from './partition-log.ts'
import { syncFile } from './sync-file.ts'

/** Syncs that are under way at the same time. */
const concurrentSyncs = 8

export async function syncWrittenByClose(disk: Disk, logs: readonly PartitionLog[]): Promise<void> {
  const indexed = logs.flatMap(log => log.segments.filter(segment => segment.hasUnsyncedIndexes))
  const epochs = logs
    .map(log => log.epochs)
    .filter(({ isUnsynced, mayBeUnsynced }) => isUnsynced || mayBeUnsynced)
  const directories = new Set([...indexed, ...epochs].map(({ path }) => dirname(path)))
  const work = [
    ...indexed.map(segment => () => segment.syncIndexes()),
    ...epochs.map(
      ({ path }) =>
        () =>
          syncFile(disk, path),
    ),
    ...[...directories].map(path => () => disk.syncDirectory(path)),
  ]
  const worker = async (): Promise<void> => {
    for (let next = work.pop(); next !== undefined; next = work.pop()) await next()
  }
  const outcomes = await Promise.allSettled(Array.from({ length: concurrentSyncs }, worker))
  const failed = outcomes.find(outcome => outcome.status === 'rejected')
  if (failed !== undefined) throw failed.reason
}

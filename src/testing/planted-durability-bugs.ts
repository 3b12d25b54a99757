/**
 * Bugs about what is on disk, to be planted into a broker that runs in this process, like those of `planted-bugs.ts`.
 *
 * - `skipped-sync`: of the syncs of a file, the journal's included, one in twenty is not done.
 * - `skipped-directory-sync`: names are never synced.
 * - `ack-before-sync`: who waits for a sync is answered when it begins.
 * - `forgetful-journal`: the journal lets go of a segment when it is full, and not when the logs are synced.
 */
import type { Disk } from '../platform/disk.ts'
import { Journal } from '../storage/local/journal.ts'
import { PartitionLog } from '../storage/local/partition-log.ts'

export const durabilityBugs = [
  'skipped-sync',
  'skipped-directory-sync',
  'ack-before-sync',
  'forgetful-journal',
] as const
export type DurabilityBug = (typeof durabilityBugs)[number]

const skippedShare = 0.05

/** Those of the disk; whatever records what is done belongs behind it. */
export function plantIntoDisk(disk: Disk, bug: DurabilityBug | undefined): Disk {
  if (bug === 'skipped-directory-sync') return { ...disk, syncDirectory: async () => {} }
  if (bug !== 'skipped-sync') return disk
  const sync = async (descriptor: number): Promise<void> => {
    if (Math.random() >= skippedShare) await disk.sync(descriptor)
  }
  return { ...disk, sync }
}

/** Those of the broker; they have their effect on every one that this process starts. */
export function plantIntoBroker(bug: DurabilityBug | undefined): void {
  if (bug === 'ack-before-sync') {
    PartitionLog.prototype.whenDurable = () => undefined
  } else if (bug === 'forgetful-journal') {
    const { roll } = Journal.prototype
    Journal.prototype.roll = function () {
      roll.call(this)
      const { parts } = this as unknown as { parts: { endOffsets: Map<unknown, number> }[] }
      for (const { endOffsets } of parts) endOffsets.clear()
    }
  }
}

/**
 * Bugs of a broker about what is on disk, to be planted where a run of `power-loss` is to notice them. Those of the
 * disk are between the broker and the recording, so that what was left out is not recorded either.
 */
import type { Disk } from '../../../src/platform/disk.ts'
import { Journal } from '../../../src/storage/local/journal.ts'
import { PartitionLog } from '../../../src/storage/local/partition-log.ts'
import type { ViolationKind } from '../record-ledger.ts'

/** What each is to be noticed as; whatever else follows from it may be reported, too. */
export const powerLossPlants = {
  /** Of the syncs of a log's file, the journal's included, one in twenty is not done. */
  'skipped-sync': 'acknowledged before its sync',
  /** Names are never synced. */
  'skipped-directory-sync': 'acknowledged before its sync',
  /** Who waits for a sync is answered when it begins. */
  'ack-before-sync': 'acknowledged before its sync',
  /** The journal lets go of its segments when they are full, and not when the logs are synced. */
  'forgetful-journal': 'lost',
} as const satisfies Record<string, ViolationKind>

export type PowerLossPlant = keyof typeof powerLossPlants

export function isPowerLossPlant(name: string | undefined): name is PowerLossPlant {
  return name !== undefined && name in powerLossPlants
}

const skippedShare = 0.05

export function plantIntoDisk(disk: Disk, plant: PowerLossPlant | undefined): Disk {
  if (plant === 'skipped-directory-sync') return { ...disk, syncDirectory: async () => {} }
  if (plant !== 'skipped-sync') return disk
  const sync = async (descriptor: number): Promise<void> => {
    if (Math.random() >= skippedShare) await disk.sync(descriptor)
  }
  return { ...disk, sync }
}

/** Has its effect on every broker that this process starts. */
export function plantIntoBroker(plant: PowerLossPlant | undefined): void {
  if (plant === 'ack-before-sync') {
    PartitionLog.prototype.whenDurable = () => undefined
  } else if (plant === 'forgetful-journal') {
    const { roll } = Journal.prototype
    Journal.prototype.roll = function () {
      roll.call(this)
      for (const part of (this as unknown as { parts: { endOffsets: Map<unknown, number> }[] }).parts) {
        part.endOffsets.clear()
      }
    }
  }
}

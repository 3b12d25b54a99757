/**
 * A disk that can lose its power, again and again: a recording one, and the model of what that leaves. Its syncs take a
 * turn or two and do nothing else, and its reads none, so what happens between them is the same whenever a run is repeated.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type Disk, systemDisk, unsyncedDisk } from '../platform/disk.ts'
import { CrashModel } from './crash-model.ts'
import { recordingDisk } from './recording-disk.ts'

export interface PowerLossDisk extends Disk {
  /** Writes what a power loss at this moment may leave into an empty folder. */
  loseInto(target: string, random: (below: number) => number): void
}

const styles = ['nothing', 'everything', 'in order', 'any', 'any', 'any'] as const

export function powerLossDisk(root: string): PowerLossDisk {
  const model = new CrashModel()
  const plain = unsyncedDisk(systemDisk())
  let syncCount = 0
  const sync = async (): Promise<void> => {
    for (let turns = syncCount++ % 3; turns >= 0; turns--) await nextTurn()
  }
  // What is replaced durably is so for the model, too, though not for the disk underneath.
  const readLater: Disk['readLater'] = async (...parameters) => plain.read(...parameters)
  const inner: Disk = { ...plain, readLater, sync, syncDirectory: sync }
  return {
    ...recordingDisk(inner, root, event => model.apply(event)),
    loseInto: (target, random) => model.writeImage(target, random, styles[random(styles.length)]),
  }
}

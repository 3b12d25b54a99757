/**
 * Bugs about faults, each to be noticed by one fault at least: in the broker of faulty-broker.ts, which is then used
 * everywhere.
 *
 * - `full-disk-is-fatal`: the partition that finds no room goes offline.
 * - `full-disk-ends-process`: so does the process.
 * - `retried-sync`: a sync that fails is tried again, and believed.
 * - `ack-before-write`: as in plants.ts; what a fault then keeps from being written is lost.
 * - `hidden-read-error`: where the disk cannot be read, readers get nothing, and no error.
 * - `unlocked-directory`: anybody may use the data directory.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { ErrorName } from '../../../protocol-codecs/error-codes.ts'
import type { Disk } from '../../../src/platform/disk.ts'
import { LocalLogs } from '../../../src/storage/local/local-logs.ts'
import { PartitionLog } from '../../../src/storage/local/partition-log.ts'
import type { ReadOutcome } from '../../../src/storage/partition-log.ts'
import { plant } from '../../../src/testing/planted-bugs.ts'
import type { ViolationKind } from '../record-ledger.ts'

export const faultPlants = {
  'full-disk-is-fatal': 'not healed',
  'full-disk-ends-process': 'crashed',
  'retried-sync': 'lost',
  'ack-before-write': 'lost',
  'hidden-read-error': 'not refused',
  'unlocked-directory': 'not as documented',
} as const satisfies Record<string, ViolationKind>

export type FaultPlant = keyof typeof faultPlants

export function plantIntoBroker(bug: string | undefined, directory: string): void {
  if (bug === 'ack-before-write') plant(bug)
  else if (bug === 'full-disk-is-fatal' || bug === 'full-disk-ends-process') failWhereFull(bug)
  else if (bug === 'hidden-read-error') {
    const { read } = LocalLogs.prototype
    LocalLogs.prototype.read = function (items, maxBytes) {
      const gathered = read.call(this, items, maxBytes)
      const hide = (outcome: ReadOutcome): ReadOutcome => {
        for (const result of outcome.results) (result as { error: ErrorName }).error = 'NONE'
        return outcome
      }
      return gathered instanceof Promise ? gathered.then(hide) : hide(gathered)
    }
  } else if (bug === 'unlocked-directory') {
    setInterval(() => rmSync(join(directory, '.lock'), { force: true }), 20)
  }
}

export function plantIntoDisk(disk: Disk, bug: string | undefined): Disk {
  if (bug !== 'retried-sync') return disk
  return { ...disk, sync: descriptor => disk.sync(descriptor).catch(() => disk.sync(descriptor)) }
}

function failWhereFull(bug: string): void {
  const { append } = PartitionLog.prototype
  PartitionLog.prototype.append = function (...batch) {
    try {
      return append.apply(this, batch)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
      if (bug === 'full-disk-ends-process') process.exit(1)
      this.goOffline(error as Error)
      throw error
    }
  }
}

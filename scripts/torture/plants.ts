/**
 * What can be planted to see whether a run notices it (`--plant`). Bugs sit in the broker, which then runs in a
 * process of the torture's own (`planted-broker.ts`); damage is done to what the checker is shown, and needs no
 * broker that errs.
 */
import { type PlantedBug, plantedBugs } from '../../src/testing/planted-bugs.ts'
import type { ReadBackCheck, ReadRecord, ViolationKind } from './record-ledger.ts'

const damages = {
  'lose-record': 'lost',
  'duplicate-record': 'duplicated',
  'reorder-records': 'reordered',
  'damage-value': 'damaged',
  'rewind-commit': 'commit moved back',
} as const satisfies Record<string, ViolationKind>

/** What each is to be noticed as; whatever else follows from it may be reported, too. */
export const noticedAs = {
  'ack-before-write': 'lost',
  'lost-commit': 'commit moved back',
  'skipped-sequence-check': 'duplicated',
  ...damages,
} as const satisfies Record<PlantedBug | keyof typeof damages, ViolationKind>

export type Plant = keyof typeof noticedAs

export const plants = Object.keys(noticedAs) as readonly Plant[]

export function isBug(plant: Plant | undefined): plant is PlantedBug {
  return plantedBugs.some(bug => bug === plant)
}

/** Records that pass before the damage is done, so that it lies somewhere inside. */
const recordsBefore = 1000

/** Shows a checker a log that was damaged in this way. */
export function damaged(check: ReadBackCheck, plant: Plant | undefined): ReadBackCheck {
  let count = 0
  let victim: ReadRecord | undefined
  const ends = new Map<number, number>()
  /** Waits for its neighbour, to change places with it. */
  let held: ReadRecord | undefined
  return {
    add(record) {
      ends.set(record.partition, record.offset + 1)
      if (++count === recordsBefore) {
        victim = record
        if (plant === 'lose-record') return
        if (plant === 'damage-value') {
          check.add({ ...record, value: `${record.value}!` })
          return
        }
        if (plant === 'reorder-records') {
          held = record
          return
        }
      }
      if (held !== undefined && held.partition === record.partition) {
        check.add({ ...record, offset: held.offset })
        check.add({ ...held, offset: record.offset })
        held = undefined
        return
      }
      check.add(record)
    },
    end() {
      if (plant === 'duplicate-record' && victim !== undefined) {
        check.add({ ...victim, offset: ends.get(victim.partition)! })
      }
      return check.end()
    },
  }
}

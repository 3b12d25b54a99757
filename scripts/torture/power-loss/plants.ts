/** What each bug is to be noticed as in a run of `power-loss`; whatever else follows from it may be reported, too. */
import type { DurabilityBug } from '../../../src/testing/planted-durability-bugs.ts'
import type { ViolationKind } from '../record-ledger.ts'

export const powerLossPlants = {
  'skipped-sync': 'acknowledged before its sync',
  'skipped-directory-sync': 'acknowledged before its sync',
  'ack-before-sync': 'acknowledged before its sync',
  'forgetful-journal': 'lost',
} as const satisfies Record<DurabilityBug, ViolationKind>

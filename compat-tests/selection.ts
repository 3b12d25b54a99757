/**
 * Which capabilities a part of the matrix consists of. Continuous integration has twenty minutes for what takes
 * several times as long in full, so its part has something of everything: for each client the first capability of
 * each area that it has, and what says of itself that it is in (`ci` of capability.ts). Where a machine is so slow
 * that even this takes longer, the rest is a counted skip with that reason.
 */
import { areaOf, type Capability } from './capability.ts'

export const parts = ['all', 'ci'] as const
export type Part = (typeof parts)[number]

/** How long a part may take, installing what its clients need included. */
export const partLimitMs: Readonly<Record<Part, number>> = { all: Number.POSITIVE_INFINITY, ci: 20 * 60_000 }

/**
 * Whether what has failed is tried once more. Clients that other people wrote have races of their own; they are for who
 * looks at the whole matrix, and are not to keep a change from landing. A failure of the broker's comes again.
 */
export const triesAgain: Readonly<Record<Part, boolean>> = { all: false, ci: true }

export function capabilitiesOf(part: Part, capabilities: readonly Capability[]): Capability[] {
  if (part === 'all') return [...capabilities]
  const shown = new Set<string>()
  return capabilities.filter(capability => {
    if (capability.ci !== undefined) return capability.ci
    const area = areaOf(capability)
    if (shown.has(area)) return false
    shown.add(area)
    return true
  })
}

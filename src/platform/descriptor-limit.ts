/**
 * How many descriptors this process may have open (`ulimit -n`), and how they are shared out: what is not kept back for
 * Node, and for files that are open for a moment, is half the segments' and half the connections'. So neither takes
 * what the other needs: a broker with more clients than it can have goes on to write.
 */
import { readFileSync } from 'node:fs'

export interface DescriptorShares {
  readonly segments: number
  readonly connections: number
}

/** Node's own, standard streams, listeners, and what syncs and checkpoints open and close again. */
const keptBack = 56
/** With less nothing would go on at all. */
const smallestShare = 8

export function shareDescriptors(limit: number | undefined): DescriptorShares {
  if (limit === undefined)
    return { segments: Number.POSITIVE_INFINITY, connections: Number.POSITIVE_INFINITY }
  const share = Math.max(smallestShare, Math.floor((limit - keptBack) / 2))
  return { segments: share, connections: share }
}

/** Node has raised the soft limit to the hard one by now. undefined: not known here, or there is none. */
export function descriptorLimit(): number | undefined {
  try {
    const limit = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1]
    return limit === undefined ? undefined : Number(limit)
  } catch {
    return undefined
  }
}

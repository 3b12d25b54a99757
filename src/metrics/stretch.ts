/**
 * Long work in short stretches: between two of its steps it asks whether it is time for others, and lets them go
 * first if so. Awaiting alone does not: promises and ticks are settled before the event loop goes on.
 */
import { performance } from 'node:perf_hooks'
import { setImmediate as nextTurn } from 'node:timers/promises'

/** The event loop is held no longer than this and one more step. */
const longestStretchMs = 2

export class Stretch {
  private sinceMs = performance.now()

  async breathe(): Promise<void> {
    if (performance.now() - this.sinceMs < longestStretchMs) return
    await nextTurn()
    this.sinceMs = performance.now()
  }
}

/** A clock that stands still until a test moves it; timers run in the order in which they are due. */
import type { Clock, Timer } from '../platform/clock.ts'

interface Due {
  readonly atMs: number
  readonly callback: () => void
}

export class ManualClock implements Clock {
  private nowMs: number
  private readonly timers = new Set<Due>()

  constructor(nowMs = 1_700_000_000_000) {
    this.nowMs = nowMs
  }

  /** Timers that have neither run nor been cancelled. */
  get pendingCount(): number {
    return this.timers.size
  }

  now(): number {
    return this.nowMs
  }

  after(delayMs: number, callback: () => void): Timer {
    const due = { atMs: this.nowMs + Math.max(0, delayMs), callback }
    this.timers.add(due)
    return { cancel: () => void this.timers.delete(due) }
  }

  /** Lets time pass, and what is due in it happen. */
  advance(durationMs: number): void {
    const endMs = this.nowMs + durationMs
    for (;;) {
      let next: Due | undefined
      for (const due of this.timers) {
        if (due.atMs <= endMs && (next === undefined || due.atMs < next.atMs)) next = due
      }
      if (next === undefined) break
      this.timers.delete(next)
      this.nowMs = next.atMs
      next.callback()
    }
    this.nowMs = endMs
  }
}

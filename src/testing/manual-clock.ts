/**
 * A clock that stands still until a test moves it; timers run in the order in which they are due. Both of its
 * times pass together, until a test sets the wall clock.
 */
import type { Clock, Timer } from '../platform/clock.ts'

interface Due {
  readonly atMs: number
  readonly callback: () => void
}

export class ManualClock implements Clock {
  private monotonicMs = 0
  private wallClockOffsetMs: number
  private readonly timers = new Set<Due>()

  constructor(nowMs = 1_700_000_000_000) {
    this.wallClockOffsetMs = nowMs
  }

  /** Timers that have neither run nor been cancelled. */
  get pendingCount(): number {
    return this.timers.size
  }

  now(): number {
    return this.monotonicMs + this.wallClockOffsetMs
  }

  monotonic(): number {
    return this.monotonicMs
  }

  /** Sets the wall clock forward (or back), as an administrator or a time server may; no time passes. */
  jump(changeMs: number): void {
    this.wallClockOffsetMs += changeMs
  }

  after(delayMs: number, callback: () => void): Timer {
    const due = { atMs: this.monotonicMs + Math.max(0, delayMs), callback }
    this.timers.add(due)
    return { cancel: () => void this.timers.delete(due) }
  }

  /** Lets time pass, and what is due in it happen. */
  advance(durationMs: number): void {
    const endMs = this.monotonicMs + durationMs
    for (;;) {
      let next: Due | undefined
      for (const due of this.timers) {
        if (due.atMs <= endMs && (next === undefined || due.atMs < next.atMs)) next = due
      }
      if (next === undefined) break
      this.timers.delete(next)
      this.monotonicMs = next.atMs
      next.callback()
    }
    this.monotonicMs = endMs
  }
}

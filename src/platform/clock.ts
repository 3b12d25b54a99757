/**
 * Time and timers as everything else in the broker sees them, so that a test or a simulation can put
 * its own in place. Milliseconds throughout; `now` is wall-clock time, as Kafka's timestamps are.
 */
export interface Timer {
  cancel(): void
}

export interface Clock {
  now(): number
  /** Calls once after at least `delayMs`; does not keep the process alive. */
  after(delayMs: number, callback: () => void): Timer
}

/** Longest delay that Node's timers take; a longer one would fire at once. */
const maxTimerDelayMs = 2 ** 31 - 1

export const systemClock: Clock = {
  now: Date.now,
  after(delayMs, callback) {
    const timer = setTimeout(callback, Math.min(Math.max(0, delayMs), maxTimerDelayMs))
    timer.unref()
    return { cancel: () => clearTimeout(timer) }
  },
}

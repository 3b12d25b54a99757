/**
 * Time and timers as everything else in the broker sees them, so that a test or a simulation can put
 * its own in place. Milliseconds throughout.
 *
 * There are two times. `now` is the wall clock, as Kafka's timestamps are: it means the same after a restart
 * and on another machine, and it jumps when somebody sets it. `monotonic` only ever goes forward, at the pace of
 * real time, and means nothing outside of this process: whatever waits for something measures with it, or a
 * clock that is set right would end every session at once.
 *
 * The system's clock is taken from Node's modules, not from globals: test frameworks put fakes in place of these, and
 * a broker that is embedded in a test has to go on.
 */
import { performance } from 'node:perf_hooks'
import { clearTimeout, setTimeout } from 'node:timers'

export interface Timer {
  cancel(): void
}

export interface Clock {
  now(): number
  monotonic(): number
  /** Calls once after at least `delayMs` of monotonic time; does not keep the process alive. */
  after(delayMs: number, callback: () => void): Timer
}

/** Longest delay that Node's timers take; a longer one would fire at once. */
const maxTimerDelayMs = 2 ** 31 - 1

export const systemClock: Clock = {
  now: Date.now,
  monotonic: () => performance.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, Math.min(Math.max(0, delayMs), maxTimerDelayMs))
    timer.unref()
    return { cancel: () => clearTimeout(timer) }
  },
}

/**
 * Waiting for something for a limited time. What is waited for goes on, whoever has stopped waiting. After a loop that
 * was busy for long, timers come before what the thread pool has done meanwhile: so when its time is over, a wait looks at
 * that once more.
 */
import { setImmediate } from 'node:timers'
import type { Clock } from './clock.ts'

/** Whether `promise` resolves in `maxWaitMs`; rejects with it. The timer is given back when it does. */
export function resolvesWithin(
  promise: Promise<unknown>,
  maxWaitMs: number,
  clock: Pick<Clock, 'after'>,
): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(maxWaitMs, () => setImmediate(() => resolve(false)))
    promise.then(
      () => {
        timer.cancel()
        resolve(true)
      },
      error => {
        timer.cancel()
        reject(error)
      },
    )
  })
}

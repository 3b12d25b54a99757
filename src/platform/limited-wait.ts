/** Waiting for something for a limited time. What is waited for goes on, whoever has stopped waiting. */
import type { Clock } from './clock.ts'

/** Whether `promise` resolves in `maxWaitMs`; rejects with it. The timer is given back when it does. */
export function resolvesWithin(
  promise: Promise<unknown>,
  maxWaitMs: number,
  clock: Pick<Clock, 'after'>,
): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(maxWaitMs, () => resolve(false))
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

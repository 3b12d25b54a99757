import { stat } from 'node:fs/promises'
import t from 'tap'
import { ManualClock } from '../testing/manual-clock.ts'
import { systemClock } from './clock.ts'
import { resolvesWithin } from './limited-wait.ts'

t.test('what comes in time is seen, what does not come is given up, and no timer is left', async t => {
  const clock = new ManualClock()
  t.equal(await resolvesWithin(Promise.resolve(), 10, clock), true)
  await t.rejects(resolvesWithin(Promise.reject(new Error('gone')), 10, clock), { message: 'gone' })
  t.equal(clock.pendingCount, 0)
  const late = resolvesWithin(new Promise(() => {}), 10, clock)
  clock.advance(10)
  t.equal(await late, false)
})

t.test('what was done while the loop was busy is in time, whatever the timers say', async t => {
  const inTime = resolvesWithin(stat('.'), 20, systemClock)
  const busyUntil = performance.now() + 200
  while (performance.now() < busyUntil);
  t.equal(await inTime, true)
})

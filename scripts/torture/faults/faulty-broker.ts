/**
 * The broker of `ottla start --override ...` in a process whose disk and clock err when they are told to: a message
 * over the channel says what is to fail from now on, or that all is well again, or how far the wall clock is to jump.
 * TORTURE_PLANT names a bug. What a failed sync has dropped is written to DROPPED_WRITES (dropped-writes.ts).
 */
import { parseArgs } from 'node:util'
import { openBroker } from '../../../src/broker.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { systemDisk } from '../../../src/platform/disk.ts'
import { createLogger } from '../../../src/platform/pino-logger.ts'
import { loadSettings } from '../../../src/settings/load-settings.ts'
import { type Fault, faultyDisk } from '../../../src/testing/faulty-disk.ts'
import { droppingDisk } from './dropped-writes.ts'
import { plantIntoBroker, plantIntoDisk } from './plants.ts'

/** What the broker can be told. */
export type Order =
  | { readonly fail: readonly (Omit<Fault, 'path'> & { readonly path: string })[] }
  | { readonly heal: true }
  | { readonly clockOffsetMs: number }

const { values } = parseArgs({
  allowPositionals: true,
  options: { override: { type: 'string', multiple: true, default: [] } },
})
const { settings, given } = loadSettings({ overrides: values.override })
let clockOffsetMs = 0
const clock = { ...systemClock, now: () => Date.now() + clockOffsetMs }
const faulty = faultyDisk(systemDisk())
let faults: { heal(): void }[] = []

process.on('message', (order: Order) => {
  if ('clockOffsetMs' in order) clockOffsetMs = order.clockOffsetMs
  if ('fail' in order) {
    for (const fault of order.fail) faults.push(faulty.inject({ ...fault, path: new RegExp(fault.path) }))
  }
  if ('heal' in order) {
    for (const fault of faults) fault.heal()
    faults = []
  }
  process.send!('done')
})
// Whoever played with it is gone.
process.on('disconnect', () => process.exit(1))

const bug = process.env.TORTURE_PLANT
plantIntoBroker(bug, settings['log.dirs'][0]!)
try {
  const broker = await openBroker(settings, {
    given,
    clock,
    disk: plantIntoDisk(droppingDisk(faulty, process.env.DROPPED_WRITES!), bug),
    logger: createLogger({ level: 'info', readable: false }),
  })
  const [listener] = broker.listeners
  console.log(`Ottla with faults, listening on ${listener!.host}:${listener!.port}`)
  await new Promise(resolve => process.once('SIGTERM', resolve))
  await broker.stop()
  process.exit(0)
} catch (error) {
  console.error(`ottla: ${(error as Error).message}`)
  process.exit(1)
}

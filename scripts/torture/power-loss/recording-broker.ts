/**
 * The broker of `ottla start --override ...` in a process that records what it does: RECORDING names the file. The
 * disk is the system's with a recording one in front; what is sent to clients is marked where it is given to the
 * socket, so nothing that is recorded behind a mark can have come before it. TORTURE_PLANT names a bug.
 */
import { Socket } from 'node:net'
import { parseArgs } from 'node:util'
import { openBroker } from '../../../src/broker.ts'
import { systemDisk } from '../../../src/platform/disk.ts'
import { createLogger } from '../../../src/platform/pino-logger.ts'
import { loadSettings } from '../../../src/settings/load-settings.ts'
import {
  durabilityBugs,
  plantIntoBroker,
  plantIntoDisk,
} from '../../../src/testing/planted-durability-bugs.ts'
import { recordingDisk } from '../../../src/testing/recording-disk.ts'
import { writeRecording } from './recording.ts'

const { values } = parseArgs({
  allowPositionals: true,
  options: { override: { type: 'string', multiple: true, default: [] } },
})
const { settings, given } = loadSettings({ overrides: values.override })
const recording = writeRecording(process.env.RECORDING!)

const sentBytes = new WeakMap<Socket, number>()
const { write } = Socket.prototype
Socket.prototype.write = function (this: Socket, chunk: Uint8Array | string, ...rest: unknown[]) {
  const port = this.remotePort
  if (port !== undefined) {
    const bytes = (sentBytes.get(this) ?? 0) + chunk.length
    sentBytes.set(this, bytes)
    recording.add({ type: 'sent', port, bytes })
  }
  return (write as (...all: unknown[]) => boolean).call(this, chunk, ...rest)
}

const bug = durabilityBugs.find(name => name === process.env.TORTURE_PLANT)
plantIntoBroker(bug)
const recorded = recordingDisk(systemDisk(), settings['log.dirs'][0]!, event => recording.add(event))
const broker = await openBroker(settings, {
  given,
  disk: plantIntoDisk(recorded, bug),
  logger: createLogger({ level: 'warn', readable: false }),
})
const [listener] = broker.listeners
console.log(`Ottla recorded, listening on ${listener!.host}:${listener!.port}`)
await new Promise(resolve => process.once('SIGTERM', resolve))
await broker.stop()
recording.close()
process.exit(0)

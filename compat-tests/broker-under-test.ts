/**
 * The broker that a suite talks to: an Ottla process of its own on a real disk, Apache Kafka in its place, or
 * one that already runs somewhere. The first two are this run's to kill and to start again on the same data.
 */

import { mkdir, mkdtemp, rm, statfs } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { startApacheKafka } from '../scripts/apache-kafka.ts'
import { freePort, type RunningBroker } from '../scripts/broker-process.ts'
import { startOttla } from '../scripts/ottla-process.ts'

export interface BrokerUnderTest {
  kind: BrokerChoice['kind']
  description: string
  bootstrap: string
  restart: (() => Promise<void>) | null
  /** One like it, on data and a port of its own. */
  startAnother: ((settings: Record<string, string>, port?: number) => Promise<BrokerUnderTest>) | null
  logTail(): string
  stop(): Promise<void>
}

export type BrokerChoice =
  | { kind: 'ottla'; main?: string }
  | { kind: 'apache-kafka'; version?: string }
  | { kind: 'external'; address: string }

/** statfs's f_type of tmpfs and ramfs: file systems that a kill of the machine would empty. */
const memoryFileSystems = new Set([0x01021994, 0x858458f6])

/** Of every suite's broker: no test should wait out the pause that gathers members of a new group. */
export const commonSettings = { 'group.initial.rebalance.delay.ms': '0' }

/** Killed and started again, Kafka's broker waits until its controller has given up its former self. */
const apacheKafkaSettings = {
  'broker.session.timeout.ms': '3000',
  'broker.heartbeat.interval.ms': '500',
}

export async function startBrokerUnderTest(
  choice: BrokerChoice,
  settings: Record<string, string> = {},
  wantedPort?: number,
): Promise<BrokerUnderTest> {
  if (choice.kind === 'external') return await useRunningBroker(choice.address)
  const directory = await directoryOnDisk()
  const port = wantedPort ?? (await freePort())
  const overrides = { ...commonSettings, ...settings }
  const start = () =>
    choice.kind === 'ottla'
      ? startOttla({
          port,
          directory,
          // As Apache Kafka's is, so that whoever describes the broker finds the same settings made.
          overrides: { 'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`, ...overrides },
          main: choice.main,
        })
      : startApacheKafka({
          port,
          directory,
          overrides: { ...apacheKafkaSettings, ...overrides },
          version: choice.version,
        })
  const removeDirectory = () => rm(directory, { recursive: true, force: true })
  let broker: RunningBroker
  try {
    broker = await start()
  } catch (error) {
    await removeDirectory()
    throw error
  }
  return {
    kind: choice.kind,
    description: choice.kind === 'ottla' ? 'Ottla' : 'Apache Kafka',
    bootstrap: broker.bootstrap,
    async restart() {
      await broker.kill9()
      broker = await start()
    },
    startAnother: (settings, port) => startBrokerUnderTest(choice, settings, port),
    logTail: () => broker.logTail(),
    async stop() {
      // What a suite leaves behind is thrown away, so there is nothing to shut down in an orderly way.
      await broker.kill9()
      await removeDirectory()
    },
  }
}

async function useRunningBroker(address: string): Promise<BrokerUnderTest> {
  const [, host, port] = /^(.+):(\d+)$/.exec(address) ?? []
  if (host === undefined) throw new Error(`--broker wants HOST:PORT, got ${address}`)
  await new Promise<void>((resolve, reject) => {
    const socket = connect(Number(port), host.replace(/^\[(.*)\]$/, '$1'), () => {
      socket.destroy()
      resolve()
    })
    socket.once('error', reject)
  })
  return {
    kind: 'external',
    description: `the broker at ${address}`,
    bootstrap: address,
    restart: null,
    startAnother: null,
    logTail: () => '(the broker was not started by this run; its log is where it was started)',
    stop: async () => undefined,
  }
}

/** A fresh directory that lies on a disk; where the system's temporary one is in memory, inside the project. */
async function directoryOnDisk(): Promise<string> {
  const { type } = await statfs(tmpdir())
  if (!memoryFileSystems.has(type)) return await mkdtemp(join(tmpdir(), 'ottla-compat-'))
  const base = resolve('.cache', 'compat')
  await mkdir(base, { recursive: true })
  return await mkdtemp(join(base, 'data-'))
}

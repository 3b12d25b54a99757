/** What `startBroker` gives a program that embeds a broker, and what it leaves behind in that program: nothing. */
import { spawn } from 'node:child_process'
import fs, { existsSync, readdirSync } from 'node:fs'
import { createRequire, syncBuiltinESMExports } from 'node:module'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { buildBatch } from '../protocol-codecs/build-batch.ts'
import { type EmbeddedBroker, type EmbeddedBrokerOptions, SettingsError, startBroker } from './ottla.ts'
import { fetch } from './requests/fetch.ts'
import { findCoordinator } from './requests/find-coordinator.ts'
import { joinGroup } from './requests/join-group.ts'
import { listOffsets } from './requests/list-offsets.ts'
import { metadata } from './requests/metadata.ts'
import { produce } from './requests/produce.ts'
import { RawClient } from './testing/raw-client.ts'

/** Temporary directories of these tests, in a place of their own, so that what is left is seen. */
const temporary = t.testdir({})
process.env.TMPDIR = temporary
const leftBehind = () => readdirSync(temporary)

async function started(t: Test, options?: EmbeddedBrokerOptions): Promise<EmbeddedBroker> {
  const broker = await startBroker(options)
  t.teardown(() => broker.stop())
  return broker
}

async function withTopic(broker: EmbeddedBroker, topic: string): Promise<RawClient> {
  const client = await RawClient.connect(broker)
  await client.send(metadata, 4, { topics: [{ name: topic }], allowAutoTopicCreation: true })
  return client
}

async function send(client: RawClient, topic: string, value: string, timestamp = Date.now()) {
  const records = buildBatch({ records: [{ value: Buffer.from(value) }], timestamp })
  const topicData = [{ name: topic, partitionData: [{ index: 0, records }] }]
  const { responses } = await client.send(produce, 7, {
    transactionalId: null,
    acks: -1,
    timeoutMs: 30_000,
    topicData,
  })
  return responses[0]!.partitionResponses[0]!.errorCode
}

async function endOffset(client: RawClient, topic: string): Promise<number> {
  const topics = [{ name: topic, partitions: [{ partitionIndex: 0, timestamp: -1n }] }]
  const response = await client.send(listOffsets, 1, { replicaId: -1, topics })
  return Number(response.topics[0]!.partitions[0]!.offset)
}

async function problemsOf(options: unknown): Promise<readonly string[]> {
  try {
    await startBroker(options as EmbeddedBrokerOptions)
  } catch (error) {
    if (error instanceof SettingsError) return error.problems
    throw error
  }
  return []
}

/** Counts the syncs of files while `work` runs. */
async function syncsDuring(work: () => Promise<unknown>): Promise<number> {
  let count = 0
  const { fdatasync, fdatasyncSync, fsync, fsyncSync } = fs
  const originals = { fdatasync, fdatasyncSync, fsync, fsyncSync }
  for (const [name, original] of Object.entries(originals)) {
    const counted = (...parameters: unknown[]) => {
      count++
      return (original as (...parameters: unknown[]) => unknown)(...parameters)
    }
    Object.assign(fs, { [name]: counted })
  }
  syncBuiltinESMExports()
  try {
    await work()
  } finally {
    Object.assign(fs, originals)
    syncBuiltinESMExports()
  }
  return count
}

t.test('without a word it serves a free port of this machine, and keeps nothing', async t => {
  const before = performance.now()
  const broker = await startBroker()
  t.comment(`the first start took ${(performance.now() - before).toFixed(0)} ms`)
  t.match(broker.bootstrapServers, /^127\.0\.0\.1:\d+$/)
  t.equal(broker.bootstrapServers, `${broker.host}:${broker.port}`)
  t.equal(broker.metricsPort, undefined)
  t.equal(leftBehind().length, 1)
  const client = await withTopic(broker, 'orders')
  t.equal(await send(client, 'orders', 'one'), 0)
  t.equal(await endOffset(client, 'orders'), 1)
  await client.send(findCoordinator, 3, { key: 'readers', keyType: 0 })
  const { topics } = await client.send(metadata, 4, { topics: null, allowAutoTopicCreation: false })
  t.same(
    topics.map(({ name, partitions }) => `${name} ${partitions.length}`).sort(),
    ['__consumer_offsets 1', 'orders 1'],
    'what a first group waits for is small',
  )
  const stopping = performance.now()
  await broker.stop()
  t.comment(`stop took ${(performance.now() - stopping).toFixed(0)} ms`)
  await broker.stop()
  await client.closed
  t.same(leftBehind(), [], 'its directory is gone')
})

t.test('brokers of one process share nothing, and one that stops disturbs no other', async t => {
  const [first, second] = await Promise.all([started(t), started(t)])
  t.not(first.port, second.port)
  t.not(first.clusterId, second.clusterId)
  t.not(first.dataDirectory, second.dataDirectory)
  const one = await withTopic(first, 'orders')
  const two = await withTopic(second, 'orders')
  await send(one, 'orders', 'only here')
  t.equal(await endOffset(one, 'orders'), 1)
  t.equal(await endOffset(two, 'orders'), 0)
  const waiting = two.send(fetch, 11, {
    maxWaitMs: 30_000,
    minBytes: 1,
    sessionEpoch: -1,
    topics: [
      { topic: 'orders', partitions: [{ partition: 0, fetchOffset: 0n, partitionMaxBytes: 1_000_000 }] },
    ],
    forgottenTopicsData: [],
  })
  await first.stop()
  await one.closed
  const again = await RawClient.connect(second)
  await send(again, 'orders', 'still served')
  const { responses } = await waiting
  t.ok(responses[0]!.partitions[0]!.records!.length > 0)
  await Promise.all([again.close(), two.close()])
})

t.test('a process is left as it was found', async t => {
  const state = () => ({
    environment: { ...process.env },
    listeners: Object.fromEntries(process.eventNames().map(name => [name, process.listenerCount(name)])),
    resources: process.getActiveResourcesInfo().filter(name => /^(TCP|Timeout|Immediate)/.test(name)),
    globals: Object.getOwnPropertyNames(globalThis),
    directory: process.cwd(),
  })
  const before = state()
  const broker = await startBroker({ settings: { 'metrics.port': 0 } })
  const running = state()
  t.same(running.listeners, before.listeners, 'no signal or exit handler')
  t.same(running.environment, before.environment)
  const client = await withTopic(broker, 'orders')
  await send(client, 'orders', 'one')
  await broker.stop()
  await client.closed
  await sleep(10)
  t.same(state(), before)
})

t.test('a running broker keeps the process alive, a stopped one lets it end', async t => {
  const module = new URL('./ottla.js', import.meta.url)
  const program = (rest: string) => `
    import { startBroker } from '${module}'
    const broker = await startBroker()
    console.log(broker.port)
    ${rest}`
  const run = (rest: string) =>
    spawn(process.execPath, ['--input-type=module', '-e', program(rest)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
  const stopped = run('await broker.stop()')
  const running = run('')
  const alive = new Promise<void>(resolve => running.stdout.once('data', () => resolve()))
  t.equal(await new Promise(resolve => stopped.once('exit', resolve)), 0)
  await alive
  await sleep(100)
  t.equal(running.exitCode, null)
  const ended = new Promise(resolve => running.once('exit', (_, signal) => resolve(signal)))
  running.kill('SIGTERM')
  t.equal(await ended, 'SIGTERM', 'signals are the business of the program')
  for (const name of leftBehind()) fs.rmSync(`${temporary}/${name}`, { recursive: true })
})

t.test('it goes on while a test has put fakes in place of timers', async t => {
  const { setTimeout, setInterval, setImmediate, queueMicrotask } = globalThis
  const originals = { setTimeout, setInterval, setImmediate, queueMicrotask, Date: globalThis.Date }
  const sentAtMs = Date.now()
  const broker = await started(t, { settings: { 'group.initial.rebalance.delay.ms': 50 } })
  const client = await withTopic(broker, 'orders')
  for (const name of Object.keys(originals)) {
    Object.assign(globalThis, { [name]: () => t.fail(`the broker called ${name} of the test`) })
  }
  try {
    t.equal(await send(client, 'orders', 'one', sentAtMs), 0)
    await client.send(findCoordinator, 3, { key: 'readers', keyType: 0 })
    const { errorCode } = await client.send(joinGroup, 3, {
      groupId: 'readers',
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 10_000,
      memberId: '',
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: Buffer.alloc(0) }],
    })
    t.equal(errorCode, 0, 'the delay of the rebalance has passed')
    await broker.stop()
    await (await startBroker()).stop()
  } finally {
    Object.assign(globalThis, originals)
  }
})

t.test('it can be disposed of by `await using`', async t => {
  let address: { host: string; port: number }
  {
    await using broker = await startBroker()
    address = broker
    await (await RawClient.connect(address)).close()
  }
  await t.rejects(RawClient.connect(address))
  t.same(leftBehind(), [])
})

t.test('a directory that is named keeps its data and is synced; a temporary one is not', async t => {
  const dataDirectory = t.testdir({})
  const sendTo = async (options: EmbeddedBrokerOptions) => {
    const broker = await startBroker(options)
    const client = await withTopic(broker, 'orders')
    t.equal(await send(client, 'orders', 'one'), 0)
    const end = await endOffset(client, 'orders')
    await broker.stop()
    return end
  }
  t.ok((await syncsDuring(async () => t.equal(await sendTo({ dataDirectory }), 1))) > 0)
  t.equal(
    await sendTo({ settings: { 'log.dirs': dataDirectory } }),
    2,
    'the same directory by its other name',
  )
  t.equal(await sendTo({ settings: { 'log.dir': dataDirectory } }), 3)
  t.ok(existsSync(dataDirectory))
  t.equal(await syncsDuring(async () => t.equal(await sendTo({}), 1)), 0)
  const durable = { settings: { 'write.caching.default': false } }
  t.equal(await sendTo(durable), 1, 'waiting for a disk that syncs nothing ends too')
})

t.test('settings are values or text; what is wrong is said before anything is started', async t => {
  const broker = await started(t, {
    settings: { 'num.partitions': '3', 'auto.create.topics.enable': true, 'broker.rack': undefined },
  })
  const client = await withTopic(broker, 'orders')
  const { topics } = await client.send(metadata, 4, { topics: null, allowAutoTopicCreation: false })
  t.equal(topics[0]!.partitions.length, 3)
  await client.close()

  t.same(
    await problemsOf({ settings: { 'num.partitions': 0, 'log.segment.bytes': '1 MB', 'num.partition': 1 } }),
    [
      "num.partitions cannot be '0' (option): Value must be at least 1. Allowed: int in [1,...].",
      "log.segment.bytes cannot be '1 MB' (option): Not a number of type INT. Allowed: int in [1048576,...].",
      'num.partition is no setting of the broker; did you mean num.partitions?.',
    ],
  )
  t.match(await problemsOf({ port: 70_000 }), [/port .* must be between 0 and 65535/i])
  t.same(await problemsOf({ 'num.partitions': 3 }), [
    'num.partitions is no option; options are port, dataDirectory, settings, logger.',
  ])
  t.same(
    await problemsOf({
      port: 1,
      dataDirectory: '/d',
      settings: { listeners: 'PLAINTEXT://:0', 'log.dirs': '/e' },
    }),
    [
      'port cannot be given together with the setting listeners.',
      'dataDirectory cannot be given together with the setting log.dirs.',
    ],
  )
  t.equal(leftBehind().length, 1, 'only the directory of the broker that runs')
})

t.test('a port can be asked for; one that is taken fails the start, which leaves nothing', async t => {
  const other = createServer()
  await new Promise<void>(resolve => other.listen(0, '127.0.0.1', resolve))
  const { port } = other.address() as { port: number }
  await t.rejects(startBroker({ port }), { message: /the port is in use/ })
  await t.rejects(startBroker({ settings: { 'metrics.port': port } }), {
    message: /^Cannot serve metrics on port/,
  })
  t.same(leftBehind(), [])
  await new Promise(resolve => other.close(resolve))
  const broker = await started(t, { port })
  t.equal(broker.port, port)
})

t.test('clients of this machine are given an address also where it listens on every interface', async t => {
  const everywhere = await started(t, { settings: { listeners: ['PLAINTEXT://0.0.0.0:0'] } })
  t.equal(everywhere.bootstrapServers, `127.0.0.1:${everywhere.port}`)
  await (await RawClient.connect(everywhere)).close()
  const six = await started(t, {
    settings: {
      listeners: ['PLAINTEXT://[::1]:0', 'OTHER://127.0.0.1:0'],
      'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,OTHER:PLAINTEXT',
    },
  })
  t.equal(six.bootstrapServers, `[::1]:${six.port}`)
  t.same(
    six.listeners.map(({ name }) => name),
    ['PLAINTEXT', 'OTHER'],
  )
})

t.test('it is quiet, unless a console or a pino logger is given', async t => {
  const lines: unknown[][] = []
  const note = (...parts: unknown[]) => lines.push(parts)
  const fake = { debug: note, info: note, warn: note, error: note }
  const original = { ...console }
  Object.assign(console, fake, { log: note })
  try {
    await (await startBroker({ settings: { 'num.io.threads': 3 } as object })).stop()
  } finally {
    Object.assign(console, original)
  }
  t.same(lines, [])
  await (await startBroker({ logger: fake, settings: { 'num.io.threads': 3 } as object })).stop()
  t.match(lines, [
    ['num.io.threads (option) has no effect: Ottla has an event loop where Kafka has thread pools'],
  ])

  const { pino } = createRequire(import.meta.url)('pino') as typeof import('pino')
  let text = ''
  const logger = pino(
    { base: null },
    {
      write: (line: string) => {
        text += line
      },
    },
  )
  await (await startBroker({ logger, settings: { 'num.io.threads': 3 } as object })).stop()
  t.match(JSON.parse(text.split('\n')[0]!), { msg: /has no effect/ })
})

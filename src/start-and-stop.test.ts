/** The ends of a broker's life: what it needs to start, what clients are told of it, and what stopping leaves. */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { buildBatch } from '../protocol-codecs/build-batch.ts'
import { type Broker, openBroker } from './broker.ts'
import { fetch } from './requests/fetch.ts'
import { joinGroup } from './requests/join-group.ts'
import { listOffsets } from './requests/list-offsets.ts'
import { metadata } from './requests/metadata.ts'
import { produce } from './requests/produce.ts'
import { type BrokerSettings, brokerSettings } from './settings/broker-settings.ts'
import { RawClient } from './testing/raw-client.ts'

function settingsIn(t: Test, changes: Partial<BrokerSettings> = {}): BrokerSettings {
  const directory = mkdtempSync(join(tmpdir(), 'ottla-test-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  return brokerSettings({ listeners: ['PLAINTEXT://127.0.0.1:0'], 'log.dirs': [directory], ...changes })
}

function produceOf(value: string) {
  const records = buildBatch({ records: [{ value: Buffer.from(value) }], timestamp: Date.now() })
  const topicData = [{ name: 'orders', partitionData: [{ index: 0, records }] }]
  return { transactionalId: null, acks: -1, timeoutMs: 30_000, topicData }
}

function fetchOf(offset: number, maxWaitMs: number) {
  const partitions = [{ partition: 0, fetchOffset: BigInt(offset), partitionMaxBytes: 1_000_000 }]
  const topics = [{ topic: 'orders', partitions }]
  return { maxWaitMs, minBytes: 1, sessionEpoch: -1, topics, forgottenTopicsData: [] }
}

async function connected(broker: Broker, host = '127.0.0.1'): Promise<RawClient> {
  return await RawClient.connect({ host, port: broker.listeners[0]!.port })
}

async function withTopic(broker: Broker): Promise<RawClient> {
  const client = await connected(broker)
  await client.send(metadata, 4, { topics: [{ name: 'orders' }], allowAutoTopicCreation: true })
  return client
}

async function durationOf(work: Promise<unknown>): Promise<number> {
  const before = performance.now()
  await work
  return performance.now() - before
}

t.test('stopping takes no time, whatever clients wait for, and leaves nothing open', async t => {
  const settings = settingsIn(t)
  const openBefore = process.getActiveResourcesInfo().filter(name => name.startsWith('TCP'))
  const broker = await openBroker(settings)
  const fetching = await withTopic(broker)
  const joining = await connected(broker)
  const idle = await Promise.all(Array.from({ length: 20 }, () => connected(broker)))
  const fetched = fetching.send(fetch, 11, fetchOf(0, 30_000)).catch(() => 'closed')
  const joined = joining
    .send(joinGroup, 5, {
      groupId: 'g',
      sessionTimeoutMs: 30_000,
      rebalanceTimeoutMs: 30_000,
      memberId: '',
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: Buffer.alloc(0) }],
    })
    .catch(() => 'closed')
  await sleep(100)
  const duration = await durationOf(broker.stop())
  t.comment(`${duration.toFixed(0)} ms`)
  t.ok(duration < 1000)
  await Promise.all([fetched, joined, ...[fetching, joining, ...idle].map(client => client.closed)])
  await broker.stop()
  await sleep(10)
  t.same(
    process.getActiveResourcesInfo().filter(name => name.startsWith('TCP')),
    openBefore,
  )
})

t.test('what a stopping broker has accepted it answers, and what it has answered it keeps', async t => {
  const settings = settingsIn(t)
  let broker = await openBroker(settings)
  const client = await withTopic(broker)
  const answered: Promise<number>[] = []
  for (let i = 0; i < 200; i++) {
    const answer = client.send(produce, 7, produceOf(`order ${i}`))
    answered.push(
      answer.then(
        ({ responses }) => Number(responses[0]!.partitionResponses[0]!.baseOffset),
        () => -1,
      ),
    )
  }
  await answered[0]
  const port = broker.listeners[0]!.port
  await broker.stop()
  const offsets = await Promise.all(answered)
  const count = offsets.filter(offset => offset >= 0).length
  t.ok(count > 0)
  t.comment(`${count} of 200 answered`)
  t.same(
    offsets.slice(0, count),
    Array.from({ length: count }, (_, i) => i),
  )

  broker = await openBroker({ ...settings, listeners: [`PLAINTEXT://127.0.0.1:${port}`] })
  t.teardown(() => broker.stop())
  const again = await connected(broker)
  const topics = [{ name: 'orders', partitions: [{ partitionIndex: 0, timestamp: -1n }] }]
  const ends = await again.send(listOffsets, 1, { replicaId: -1, topics })
  t.equal(Number(ends.topics[0]!.partitions[0]!.offset), count, 'nothing was written that was not answered')
  await again.close()
})

t.test('a broker that cannot listen says where, and lets go of its directory', async t => {
  const taken = createServer()
  await new Promise<void>(resolve => taken.listen(0, '127.0.0.1', resolve))
  t.teardown(() => taken.close())
  const { port } = taken.address() as { port: number }
  const settings = settingsIn(t)
  const listeners = ['PLAINTEXT://127.0.0.1:0', `OTHER://127.0.0.1:${port}`]
  const map = { 'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,OTHER:PLAINTEXT' }
  await t.rejects(openBroker({ ...settings, ...map, listeners }), {
    message: `Cannot listen on OTHER://127.0.0.1:${port}: the port is in use; is another broker running?`,
  })
  const broker = await openBroker(settings)
  await broker.stop()
})

t.test('clients are told the address that they reached, or the one that is advertised', async t => {
  const told = async (settings: BrokerSettings, host: string) => {
    const broker = await openBroker(settings)
    const client = await connected(broker, host)
    const { brokers } = await client.send(metadata, 9, { topics: [] })
    await client.close()
    await broker.stop()
    const { port } = broker.listeners[0]!
    return brokers.map(broker => `${broker.host} ${broker.port === port ? 'same port' : broker.port}`)
  }
  const everywhere = ['PLAINTEXT://:0']
  t.same(await told(settingsIn(t, { listeners: everywhere }), '127.0.0.1'), ['127.0.0.1 same port'])
  t.same(await told(settingsIn(t, { listeners: everywhere }), '::1'), ['::1 same port'])
  t.match(await told(settingsIn(t, { listeners: ['PLAINTEXT://localhost:0'] }), 'localhost'), [
    /^(127\.0\.0\.1|::1) same port$/,
  ])
  const advertised = { listeners: everywhere, 'advertised.listeners': ['PLAINTEXT://kafka.example:19092'] }
  t.same(await told(settingsIn(t, advertised), '127.0.0.1'), ['kafka.example 19092'])
  const several = ['PLAINTEXT://127.0.0.1:0', 'INTERNAL://127.0.0.1:0']
  const broker = await openBroker(
    settingsIn(t, {
      listeners: several,
      'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,INTERNAL:PLAINTEXT',
      'advertised.listeners': ['PLAINTEXT://kafka.example:19092', 'INTERNAL://inside.example:29092'],
    }),
  )
  const hosts: string[] = []
  for (const { port } of broker.listeners) {
    const client = await RawClient.connect({ host: '127.0.0.1', port })
    const { brokers } = await client.send(metadata, 9, { topics: [] })
    hosts.push(...brokers.map(({ host, port }) => `${host} ${port}`))
    await client.close()
  }
  await broker.stop()
  t.same(hosts, ['kafka.example 19092', 'inside.example 29092'], 'each through the listener that it came by')
  const anyPort = { listeners: everywhere, 'advertised.listeners': ['PLAINTEXT://kafka.example:0'] }
  t.same(await told(settingsIn(t, anyPort), '127.0.0.1'), ['kafka.example same port'])
})

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { buildBatch } from '../protocol-codecs/build-batch.ts'
import { decodeMessage } from '../protocol-codecs/compile-codec.ts'
import { errorName } from '../protocol-codecs/error-codes.ts'
import { apiVersionsRequest, apiVersionsResponse } from '../protocol-codecs/messages/api-versions.ts'
import { produceRequest } from '../protocol-codecs/messages/produce.ts'
import { type Broker, type BrokerOptions, openBroker } from './broker.ts'
import { apiVersions } from './requests/api-versions.ts'
import { createTopics } from './requests/create-topics.ts'
import { describeConfigs } from './requests/describe-configs.ts'
import { fetch } from './requests/fetch.ts'
import { handlers, handlersWithoutTelemetry } from './requests/handlers.ts'
import { incrementalAlterConfigs } from './requests/incremental-alter-configs.ts'
import { listOffsets } from './requests/list-offsets.ts'
import { metadata } from './requests/metadata.ts'
import { produce } from './requests/produce.ts'
import { type BrokerSettings, brokerSettings } from './settings/broker-settings.ts'
import { faultyDisk } from './testing/faulty-disk.ts'
import { encodeRequest, RawClient } from './testing/raw-client.ts'
import { until } from './testing/test-storage.ts'

async function running(
  t: Test,
  changes: Partial<BrokerSettings> = {},
  options: BrokerOptions = {},
): Promise<Broker> {
  const directory = mkdtempSync(join(tmpdir(), 'ottla-test-'))
  const settings = brokerSettings({
    listeners: ['PLAINTEXT://127.0.0.1:0'],
    'log.dirs': [directory],
    ...changes,
  })
  const broker = await openBroker(settings, options)
  t.teardown(async () => {
    await broker.stop()
    rmSync(directory, { recursive: true })
  })
  return broker
}

async function connected(t: Test, broker: Broker): Promise<RawClient> {
  const client = await RawClient.connect({ host: '127.0.0.1', port: broker.listeners[0]!.port })
  t.teardown(() => client.close())
  return client
}

function produceOf(topic: string, value: string, acks = -1) {
  const records = buildBatch({ records: [{ value: Buffer.from(value) }], timestamp: Date.now() })
  return {
    transactionalId: null,
    acks,
    timeoutMs: 30_000,
    topicData: [{ name: topic, partitionData: [{ index: 0, records }] }],
  }
}

function fetchOf(topic: string, offset: number, maxWaitMs: number) {
  return {
    maxWaitMs,
    minBytes: 1,
    sessionEpoch: -1,
    topics: [
      { topic, partitions: [{ partition: 0, fetchOffset: BigInt(offset), partitionMaxBytes: 1_000_000 }] },
    ],
    forgottenTopicsData: [],
  }
}

t.test('clients are asked for metrics where somebody may look at them', async t => {
  const unwatched = await connected(t, await running(t))
  const watched = await connected(t, await running(t, { 'metrics.port': 0 }, { metrics: {} }))
  const telemetryKeys = async (client: RawClient) => {
    const { apiKeys } = await client.send(apiVersions, 0, {})
    return apiKeys.map(({ apiKey }) => apiKey).filter(apiKey => apiKey === 71 || apiKey === 72)
  }
  t.same(await telemetryKeys(unwatched), [])
  t.same(await telemetryKeys(watched), [71, 72])
  const { apiKeys } = await watched.send(apiVersions, 0, {})
  t.equal(apiKeys.length, handlers.length)
})

t.test('a client that speaks the protocol', async t => {
  const broker = await running(t)
  const client = await connected(t, broker)

  await t.test('asks for versions first, in a version from the future if it likes', async t => {
    const request = encodeRequest(
      apiVersionsRequest,
      5,
      { clientSoftwareName: 'x', clientSoftwareVersion: '1' },
      77,
    )
    request.writeInt16BE(99, 2)
    const answer = await client.sendBytes(request)
    t.equal(answer.readInt32BE(0), 77)
    const { errorCode, apiKeys } = decodeMessage(apiVersionsResponse, 0, answer.subarray(4))
    t.equal(errorName(errorCode), 'UNSUPPORTED_VERSION')
    t.same(apiKeys, [{ apiKey: 18, minVersion: 0, maxVersion: 5 }])
  })

  await t.test('is served every version that is advertised to it', async t => {
    const advertised = await client.send(apiVersions, 0, {})
    t.equal(advertised.apiKeys.length, handlersWithoutTelemetry.length)
    for (let version = 0; version <= 5; version++) {
      const names = version < 3 ? {} : { clientSoftwareName: 'raw', clientSoftwareVersion: '1' }
      const { errorCode, apiKeys } = await client.send(apiVersions, version, names)
      t.equal(errorCode, 0)
      t.same(apiKeys, advertised.apiKeys)
    }
    // Produce 0-2 are advertised for old librdkafka, and refused, as by Kafka 4 (KAFKA-18659).
    t.match(
      advertised.apiKeys.find(({ apiKey }) => apiKey === 0),
      { minVersion: 0 },
    )
  })

  await t.test('finds no tags in the header of that answer, since it may not know of them yet', async t => {
    const names = { clientSoftwareName: 'raw', clientSoftwareVersion: '1' }
    for (const version of [3, 4, 5]) {
      const answer = await client.sendBytes(encodeRequest(apiVersionsRequest, version, names, 78))
      t.equal(answer.readInt32BE(0), 78)
      const { apiKeys } = decodeMessage(apiVersionsResponse, version, answer.subarray(4))
      t.equal(apiKeys.length, handlersWithoutTelemetry.length)
    }
  })

  await t.test('finds the broker where it has reached it', async t => {
    const { brokers } = await client.send(metadata, 9, { topics: [] })
    t.match(brokers, [{ host: '127.0.0.1', port: broker.listeners[0]!.port }])
  })

  await t.test('gets answers in the order of its requests, and effects in that order', async t => {
    await client.send(metadata, 4, { topics: [{ name: 'orders' }], allowAutoTopicCreation: true })
    const order: string[] = []
    const note = (name: string) => () => order.push(name)
    const waiting = client.send(fetch, 11, fetchOf('orders', 0, 100))
    const named = client.send(metadata, 9, { topics: null })
    const first = client.send(produce, 7, produceOf('orders', 'a'))
    const second = client.send(produce, 7, produceOf('orders', 'b'))
    const latest = client.send(listOffsets, 1, {
      replicaId: -1,
      topics: [{ name: 'orders', partitions: [{ partitionIndex: 0, timestamp: -1n }] }],
    })
    const fetched = client.send(fetch, 11, fetchOf('orders', 0, 0))
    void waiting.then(note('fetch'))
    void named.then(note('metadata'))
    await Promise.all([waiting, named, first, second, latest, fetched])
    t.same(order, ['fetch', 'metadata'])
    t.equal(
      (await waiting).responses[0]!.partitions[0]!.records!.length,
      0,
      'nothing overtakes what came before',
    )
    t.equal((await first).responses[0]!.partitionResponses[0]!.baseOffset, 0n)
    t.equal((await second).responses[0]!.partitionResponses[0]!.baseOffset, 1n)
    t.equal((await latest).topics[0]!.partitions[0]!.offset, 2n)
    t.equal((await fetched).responses[0]!.partitions[0]!.highWatermark, 2n)
  })

  await t.test('is acknowledged by the one replica there is, whatever min.insync.replicas says', async t => {
    const configs = [{ name: 'min.insync.replicas', value: '2' }]
    const topics = [{ name: 'brought', numPartitions: 1, replicationFactor: 1, assignments: [], configs }]
    await client.send(createTopics, 7, { topics, timeoutMs: 1000 })
    const { responses } = await client.send(produce, 9, produceOf('brought', 'x'))
    t.equal(errorName(responses[0]!.partitionResponses[0]!.errorCode), 'NONE')
  })

  await t.test('is not answered when it asks for no acknowledgement', async t => {
    client.sendUnanswered(produceRequest, 7, produceOf('orders', 'quiet', 0))
    const { responses } = await client.send(fetch, 11, fetchOf('orders', 2, 1000))
    t.equal(responses[0]!.partitions[0]!.highWatermark, 3n)
  })

  await t.test('wakes another one that waits', async t => {
    const other = await connected(t, broker)
    const waiting = other.send(fetch, 11, fetchOf('orders', 3, 10_000))
    await client.send(produce, 7, produceOf('orders', 'wake up'))
    const { records } = (await waiting).responses[0]!.partitions[0]!
    t.ok(records!.includes('wake up'))
  })
})

t.test('a connection is closed without an answer', async t => {
  const broker = await running(t)
  const closes = async (t: Test, write: (client: RawClient) => unknown) => {
    const client = await connected(t, broker)
    write(client)
    await client.closed
    t.pass('closed')
  }
  const frame = (apiKey: number, version: number) => {
    const bytes = Buffer.alloc(20)
    bytes.writeInt16BE(apiKey, 0)
    bytes.writeInt16BE(version, 2)
    return bytes
  }
  const int32 = (value: number) => {
    const bytes = Buffer.alloc(4)
    bytes.writeInt32BE(value)
    return bytes
  }
  const ignore = (promise: Promise<unknown>) => promise.catch(() => undefined)

  await t.test('when its frame is too large', t => closes(t, client => client.writeRaw(int32(104_857_601))))
  await t.test('when its frame has a negative size', t => closes(t, client => client.writeRaw(int32(-1))))
  await t.test('when it asks for an unknown API', t =>
    closes(t, client => ignore(client.sendBytes(frame(999, 0)))),
  )
  await t.test('when it asks for one that was removed', t =>
    closes(t, client => ignore(client.sendBytes(frame(4, 0)))),
  )
  await t.test('when it asks for a version that is not served', t =>
    closes(t, client => ignore(client.sendBytes(frame(1, 3)))),
  )
  const whole = encodeRequest(createTopics.request, 4, { topics: [], timeoutMs: 1 }, 1)
  await t.test('when its request cannot be read', t =>
    closes(t, client => ignore(client.sendBytes(whole.subarray(0, -1)))),
  )
  await t.test('when it wanted no answer and there is an error', t =>
    closes(t, client => client.sendUnanswered(produceRequest, 7, produceOf('no such topic', 'x', 0))),
  )
})

t.test('what was acknowledged is there after a restart', async t => {
  const directory = mkdtempSync(join(tmpdir(), 'ottla-test-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const settings = brokerSettings({ listeners: ['PLAINTEXT://127.0.0.1:0'], 'log.dirs': [directory] })
  let topicId = ''
  for (const round of [0, 1]) {
    const broker = await openBroker(settings)
    const client = await RawClient.connect({ port: broker.listeners[0]!.port })
    const { topics, clusterId } = await client.send(metadata, 10, {
      topics: [{ name: 'orders' }],
      allowAutoTopicCreation: true,
    })
    t.equal(clusterId, broker.clusterId)
    if (round === 1) t.equal(topics[0]!.topicId, topicId, 'the topic keeps its id')
    topicId = topics[0]!.topicId
    const { responses } = await client.send(produce, 7, produceOf('orders', `round ${round}`))
    t.equal(responses[0]!.partitionResponses[0]!.baseOffset, BigInt(round))
    await client.close()
    await broker.stop()
  }
})

const topicResource = 2
const brokerResource = 4

/** Sets what is given, takes away what is null. */
async function alter(
  client: RawClient,
  resourceType: number,
  resourceName: string,
  configs: Readonly<Record<string, string | null>>,
): Promise<string> {
  const steps = Object.entries(configs).map(([name, value]) => ({
    name,
    configOperation: value === null ? 1 : 0,
    value,
  }))
  const resources = [{ resourceType, resourceName, configs: steps }]
  const { responses } = await client.send(incrementalAlterConfigs, 1, { resources, validateOnly: false })
  return errorName(responses[0]!.errorCode)
}

async function producedSize(client: RawClient, topic: string, size: number): Promise<string> {
  const { responses } = await client.send(produce, 7, produceOf(topic, 'x'.repeat(size)))
  return errorName(responses[0]!.partitionResponses[0]!.errorCode)
}

t.test('a running producer meets the limits that are set meanwhile', async t => {
  const broker = await running(t)
  const producer = await connected(t, broker)
  const admin = await connected(t, broker)
  await producer.send(metadata, 10, { topics: [{ name: 'orders' }], allowAutoTopicCreation: true })
  t.equal(await producedSize(producer, 'orders', 5000), 'NONE')
  await alter(admin, topicResource, 'orders', { 'max.message.bytes': '2000' })
  t.equal(await producedSize(producer, 'orders', 5000), 'MESSAGE_TOO_LARGE')
  t.equal(await producedSize(producer, 'orders', 1000), 'NONE')
  await alter(admin, topicResource, 'orders', { 'max.message.bytes': null })
  t.equal(await producedSize(producer, 'orders', 5000), 'NONE')
  await alter(admin, brokerResource, '', { 'message.max.bytes': '3000' })
  t.equal(await producedSize(producer, 'orders', 5000), 'MESSAGE_TOO_LARGE', 'by the default of all brokers')
  await alter(admin, topicResource, 'orders', { 'max.message.bytes': '6000' })
  t.equal(await producedSize(producer, 'orders', 5000), 'NONE', 'which a topic may exceed')
})

t.test('connections are limited by what is set meanwhile, and those that are there may stay', async t => {
  const broker = await running(t)
  const admin = await connected(t, broker)
  await connected(t, broker)
  const isServed = async () => {
    const client = await RawClient.connect({ port: broker.listeners[0]!.port })
    const served = await client.send(metadata, 10, { topics: [] }).then(
      () => true,
      () => false,
    )
    await client.close()
    return served
  }
  t.ok(await isServed())
  t.equal(await alter(admin, brokerResource, '', { 'max.connections.per.ip': '1' }), 'NONE')
  t.notOk(await isServed())
  await alter(admin, brokerResource, '', { 'max.connections.per.ip.overrides': '127.0.0.1:5' })
  t.ok(await isServed())
  t.equal(await alter(admin, brokerResource, '1', { 'max.connections': '2' }), 'NONE')
  t.notOk(await isServed())
  await alter(admin, brokerResource, '1', { 'max.connections': null })
  t.ok(await isServed())
})

t.test('what is set while the broker runs holds over what it is started with', async t => {
  const directory = mkdtempSync(join(tmpdir(), 'ottla-test-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const restarted = async (maxBytes: number, work: (client: RawClient) => Promise<void>) => {
    const settings = brokerSettings({
      listeners: ['PLAINTEXT://127.0.0.1:0'],
      'log.dirs': [directory],
      'message.max.bytes': maxBytes,
    })
    const given = new Map([['message.max.bytes', { text: String(maxBytes) }]])
    const broker = await openBroker(settings, { given })
    const client = await RawClient.connect({ port: broker.listeners[0]!.port })
    await work(client)
    await client.close()
    await broker.stop()
  }
  await restarted(9000, async client => {
    await client.send(metadata, 10, { topics: [{ name: 'orders' }], allowAutoTopicCreation: true })
    await alter(client, brokerResource, '1', { 'message.max.bytes': '2000', 'max.connections.per.ip': '1' })
    await alter(client, brokerResource, '', { 'message.max.bytes': '3000' })
  })
  // The default, but somebody has said so.
  await restarted(1048588, async client => {
    t.equal(await producedSize(client, 'orders', 2500), 'MESSAGE_TOO_LARGE')
    const resources = [
      { resourceType: brokerResource, resourceName: '1', configurationKeys: ['message.max.bytes'] },
    ]
    const { results } = await client.send(describeConfigs, 4, { resources, includeSynonyms: true })
    t.match(results[0]!.configs, [{ value: '2000', configSource: 2 }])
    t.same(
      results[0]!.configs[0]!.synonyms.map(({ value, source }) => `${value}@${source}`),
      ['2000@2', '3000@3', '1048588@4', '1048588@5'],
    )
    const second = await RawClient.connect({ port: client.socket.remotePort! })
    await t.rejects(second.send(metadata, 10, { topics: [] }), 'limits of connections hold from the start')
  })
})

t.test(
  'when too much waits to be synced a producer waits, everybody else does not, and nothing is lost',
  async t => {
    const disk = faultyDisk()
    const broker = await running(t, { 'log.unflushed.max.bytes': 100_000 }, { disk })
    const [producer, reader] = [await connected(t, broker), await connected(t, broker)]
    await producer.send(metadata, 4, { topics: [{ name: 'orders' }], allowAutoTopicCreation: true })
    await producer.send(produce, 7, produceOf('orders', 'first'))
    const held = disk.hold('sync', /orders-0/)
    const values = Array.from({ length: 5 }, (_, n) => `${n}`.repeat(60_000))
    const answers = values.map(value => producer.send(produce, 7, produceOf('orders', value)))
    await until(() => held.count > 0)
    const written = () => disk.callsOf('write', /orders-0/).filter(({ size }) => size > 50_000).length
    await reader.send(apiVersions, 0, {})
    t.equal(written(), 2, 'the rest is not even begun')
    const { responses } = await reader.send(fetch, 11, fetchOf('orders', 0, 0))
    t.match(responses[0]!.partitions[0], { errorCode: 0, highWatermark: 1n })
    held.release()
    for (const [n, answer] of (await Promise.all(answers)).entries()) {
      t.match(answer.responses[0]!.partitionResponses[0], { errorCode: 0, baseOffset: BigInt(n + 1) })
    }
  },
)

/** DeleteRecords, and consumers while the log start moves: by a request, and by retention. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { buildBatch } from '../../protocol-codecs/build-batch.ts'
import { errorName } from '../../protocol-codecs/error-codes.ts'
import { recordsOf } from '../../protocol-codecs/read-records.ts'
import { batchesIn } from '../../protocol-codecs/record-batch.ts'
import { type Broker, openBroker } from '../broker.ts'
import { brokerSettings } from '../settings/broker-settings.ts'
import { ManualClock } from '../testing/manual-clock.ts'
import { RawClient } from '../testing/raw-client.ts'
import { call, type TestServices, testServices } from '../testing/test-services.ts'
import { createTopics } from './create-topics.ts'
import { deleteRecords } from './delete-records.ts'
import { fetch } from './fetch.ts'
import { listOffsets } from './list-offsets.ts'
import { produce } from './produce.ts'

async function servicesFor(t: Test): Promise<TestServices> {
  const services = await testServices()
  t.teardown(() => services.close())
  return services
}

type Wanted = [topic: string, partition: number, offset: number]

async function remove(services: TestServices, wanted: Wanted[], version = 2): Promise<string[]> {
  const topics = wanted.map(([name, partitionIndex, offset]) => ({
    name,
    partitions: [{ partitionIndex, offset: BigInt(offset) }],
  }))
  const response = await call(deleteRecords, version, { topics, timeoutMs: 1000 }, services)
  return response.topics.flatMap(({ name, partitions }) =>
    partitions.map(
      ({ partitionIndex, lowWatermark, errorCode }) =>
        `${name}-${partitionIndex} ${lowWatermark} ${errorName(errorCode)}`,
    ),
  )
}

t.test('the log start moves up, in every version, and never down', async t => {
  const services = await servicesFor(t)
  await services.createTopic('events', 2)
  services.append('events', 0, 'a', 'b', 'c', 'd', 'e', 'f', 'g')
  services.append('events', 1, 'x')
  for (const version of [0, 1, 2]) {
    t.same(await remove(services, [['events', 0, version + 1]], version), [`events-0 ${version + 1} NONE`])
  }
  t.same(await remove(services, [['events', 0, 1]]), ['events-0 3 NONE'])
  t.same(await remove(services, [['events', 0, 8]]), ['events-0 -1 OFFSET_OUT_OF_RANGE'])
  t.same(await remove(services, [['events', 0, -2]]), ['events-0 -1 OFFSET_OUT_OF_RANGE'])
  t.same(await remove(services, [['events', 0, Number.MAX_SAFE_INTEGER + 1]]), [
    'events-0 -1 OFFSET_OUT_OF_RANGE',
  ])
  t.same(
    await remove(services, [
      ['events', 0, -1],
      ['events', 1, 0],
      ['events', 2, 0],
      ['nowhere', 0, -1],
    ]),
    [
      'events-0 7 NONE',
      'events-1 0 NONE',
      'events-2 -1 UNKNOWN_TOPIC_OR_PARTITION',
      'nowhere-0 -1 UNKNOWN_TOPIC_OR_PARTITION',
    ],
  )
  t.equal(services.append('events', 0, 'h'), 7)
})

t.test('a policy of compact alone forbids it, and so does being internal', async t => {
  const services = await servicesFor(t)
  const create = async (name: string, policy: string) => {
    const configs = { 'cleanup.policy': policy }
    await services.catalog.change({ type: 'create-topic', name, partitionCount: 1, configs })
    services.append(name, 0, 'a', 'b')
  }
  await create('table', 'compact')
  await create('both', 'compact,delete')
  await create('neither', '')
  await create('__consumer_offsets', 'compact,delete')
  t.same(
    await remove(services, [
      ['table', 0, 1],
      ['both', 0, 1],
      ['neither', 0, 1],
      ['__consumer_offsets', 0, 1],
    ]),
    [
      'table-0 -1 POLICY_VIOLATION',
      'both-0 1 NONE',
      'neither-0 1 NONE',
      '__consumer_offsets-0 -1 INVALID_TOPIC_EXCEPTION',
    ],
  )
})

// Over the wire

interface Wire {
  readonly broker: Broker
  readonly client: RawClient
  readonly clock: ManualClock
  readonly directory: string
}

async function wire(t: Test, directory = mkdtempSync(join(tmpdir(), 'ottla-test-'))): Promise<Wire> {
  const clock = new ManualClock()
  const settings = brokerSettings({ listeners: ['PLAINTEXT://127.0.0.1:0'], 'log.dirs': [directory] })
  const broker = await openBroker(settings, { clock })
  const client = await RawClient.connect({ port: broker.listeners[0]!.port })
  t.teardown(async () => {
    await client.close()
    await broker.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  return { broker, client, clock, directory }
}

const createEvents = (client: RawClient, configs: Record<string, string> = {}) =>
  client.send(createTopics, 7, {
    topics: [
      {
        name: 'events',
        numPartitions: 1,
        replicationFactor: 1,
        assignments: [],
        configs: Object.entries(configs).map(([name, value]) => ({ name, value })),
      },
    ],
    timeoutMs: 1000,
  })

async function produceValues(
  client: RawClient,
  clock: ManualClock,
  values: readonly string[],
): Promise<void> {
  for (const value of values) {
    const records = buildBatch({ records: [{ value: Buffer.from(value) }], timestamp: clock.now() })
    const response = await client.send(produce, 9, {
      transactionalId: null,
      acks: -1,
      timeoutMs: 30_000,
      topicData: [{ name: 'events', partitionData: [{ index: 0, records }] }],
    })
    const { errorCode } = response.responses[0]!.partitionResponses[0]!
    if (errorCode !== 0) throw new Error(errorName(errorCode))
  }
}

async function deleteBefore(client: RawClient, offset: number): Promise<void> {
  const partitions = [{ partitionIndex: 0, offset: BigInt(offset) }]
  await client.send(deleteRecords, 2, { topics: [{ name: 'events', partitions }], timeoutMs: 1000 })
}

interface Fetching {
  readonly minBytes?: number
  readonly maxBytes?: number
  readonly session?: { readonly id: number; readonly epoch: number }
}

/** What a fetch brings: records as `offset:value`, or the error and the log start. */
async function fetchFrom(client: RawClient, offset: number, options: Fetching = {}) {
  const { minBytes = 0, maxBytes = 1e6, session = { id: 0, epoch: -1 } } = options
  const response = await client.send(fetch, 11, {
    maxWaitMs: 60_000,
    minBytes,
    maxBytes: 1e6,
    sessionId: session.id,
    sessionEpoch: session.epoch,
    topics: [
      {
        topic: 'events',
        partitions: [{ partition: 0, fetchOffset: BigInt(offset), partitionMaxBytes: maxBytes }],
      },
    ],
    forgottenTopicsData: [],
  })
  const partition = response.responses[0]?.partitions[0]
  const error = errorName(partition?.errorCode ?? 0)
  const records: string[] = []
  const bytes = partition?.records ?? Buffer.alloc(0)
  for (const at of batchesIn(bytes)) {
    for (const record of recordsOf(bytes, at)) records.push(`${record.offset}:${record.value}`)
  }
  return { error, records, sessionId: response.sessionId }
}

async function earliest(client: RawClient): Promise<number> {
  const partitions = [{ partitionIndex: 0, timestamp: -2n }]
  const response = await client.send(listOffsets, 5, {
    replicaId: -1,
    topics: [{ name: 'events', partitions }],
  })
  return Number(response.topics[0]!.partitions[0]!.offset)
}

t.test('a fetch that waits for more wakes when its offset is gone', async t => {
  const { broker, client, clock } = await wire(t)
  await createEvents(client)
  await produceValues(client, clock, ['a', 'b', 'c'])
  const other = await RawClient.connect({ port: broker.listeners[0]!.port })
  t.teardown(() => other.close())
  // One without a session, one that opens a session, one that goes on with it.
  const plain = fetchFrom(other, 1, { minBytes: 100_000 })
  await deleteBefore(client, 1)
  await deleteBefore(client, 2)
  t.match(await plain, { error: 'OFFSET_OUT_OF_RANGE', records: [] })
  const opened = await fetchFrom(other, 2, { session: { id: 0, epoch: 0 } })
  t.same(opened.records, ['2:c'])
  const session = { id: opened.sessionId, epoch: 1 }
  const waiting = fetchFrom(other, 2, { minBytes: 100_000, session })
  const atEnd = await RawClient.connect({ port: broker.listeners[0]!.port })
  t.teardown(() => atEnd.close())
  const tailing = fetchFrom(atEnd, 3, { minBytes: 1 })
  await deleteBefore(client, 3)
  t.match(await waiting, { error: 'OFFSET_OUT_OF_RANGE', records: [] })
  await produceValues(client, clock, ['d'])
  t.match(await tailing, { error: 'NONE', records: ['3:d'] }, 'one at the end goes on waiting')
})

t.test('a consumer reads on across segments that go while it reads', async t => {
  const { client, clock } = await wire(t)
  await createEvents(client, { 'internal.segment.bytes': '200', 'retention.bytes': '500' })
  const values = Array.from({ length: 60 }, (_, i) => `value ${i}`)
  await produceValues(client, clock, values.slice(0, 20))
  const seen: string[] = []
  let offset = 0
  let resets = 0
  for (let fetches = 0; offset < values.length; fetches++) {
    const { error, records } = await fetchFrom(client, offset, { maxBytes: 100 })
    if (error === 'OFFSET_OUT_OF_RANGE') {
      resets++
      offset = await earliest(client)
    } else {
      seen.push(...records)
      offset += records.length
    }
    if (fetches === 2) clock.advance(30_000)
    if (fetches === 6) {
      await produceValues(client, clock, values.slice(20))
      clock.advance(300_000)
    }
  }
  t.ok(resets === 2, `${resets} resets`)
  t.ok(seen.length < values.length)
  const offsets = seen.map(record => Number.parseInt(record, 10))
  t.same(
    seen,
    offsets.map(offset => `${offset}:${values[offset]}`),
    'every record is what was written there',
  )
  t.same(
    offsets,
    [...offsets].sort((a, b) => a - b),
  )
})

t.test('what was deleted stays deleted after a restart', async t => {
  const { broker, client, clock, directory } = await wire(t)
  await createEvents(client)
  await produceValues(client, clock, ['a', 'b', 'c'])
  await deleteBefore(client, 2)
  await broker.stop()
  const again = await wire(t, directory)
  t.equal(await earliest(again.client), 2)
  t.match(await fetchFrom(again.client, 1), { error: 'OFFSET_OUT_OF_RANGE' })
  t.same((await fetchFrom(again.client, 2)).records, ['2:c'])
})

import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { errorName } from '../../protocol-codecs/error-codes.ts'
import { openBroker } from '../broker.ts'
import { systemClock } from '../platform/clock.ts'
import { createPartitions } from '../requests/create-partitions.ts'
import { createTopics } from '../requests/create-topics.ts'
import { deleteTopics } from '../requests/delete-topics.ts'
import { describeTopicPartitions } from '../requests/describe-topic-partitions.ts'
import { metadata } from '../requests/metadata.ts'
import { offsetCommit } from '../requests/offset-commit.ts'
import { offsetFetch } from '../requests/offset-fetch.ts'
import { brokerSettings } from '../settings/broker-settings.ts'
import { faultyDisk } from '../testing/faulty-disk.ts'
import { RawClient } from '../testing/raw-client.ts'
import { call, type TestServices, testServices } from '../testing/test-services.ts'
import { append, openTestStorage, readAll, temporaryDirectory } from '../testing/test-storage.ts'

async function broker(t: Test): Promise<TestServices> {
  const services = await testServices()
  t.teardown(() => services.close())
  return services
}

/** A topic, the number of partitions that it is to have, and where the new ones are to be. */
type Growth = [name: string, count: number, assignments?: number[][]]

async function grow(
  services: TestServices,
  topics: Growth[],
  { validateOnly = false, version = 3, timeoutMs = 1000 } = {},
): Promise<[string, string][]> {
  const request = {
    topics: topics.map(([name, count, assignments]) => ({
      name,
      count,
      assignments: assignments?.map(brokerIds => ({ brokerIds })) ?? null,
    })),
    timeoutMs,
    validateOnly,
  }
  const { results } = await call(createPartitions, version, request, services)
  for (const { errorCode, errorMessage } of results) t.equal(errorCode === 0, errorMessage === null)
  return results.map(({ errorCode, name }) => [name, errorName(errorCode)])
}

const counts = (services: TestServices) =>
  Object.fromEntries(
    [...services.catalog.current().topics].map(([name, topic]) => [name, topic.partitions.length]),
  )

t.test('a topic grows, and everybody sees it at once', async t => {
  const services = await broker(t)
  await services.createTopic('orders', 2)
  services.append('orders', 1, 'kept')
  const before = services.catalog.current().topics.get('orders')!

  for (let version = 0; version <= 3; version++) {
    t.same(await grow(services, [['orders', 3 + version]], { version }), [['orders', 'NONE']])
  }
  const topic = services.catalog.current().topics.get('orders')!
  t.equal(topic.id, before.id)
  t.equal(topic.partitions.length, 6)
  t.equal(topic.partitions[1], before.partitions[1], 'a partition that was there is the same one')
  t.equal(services.append('orders', 5, 'new'), 0)
  t.equal(services.append('orders', 1, 'more'), 1)

  const names = [{ name: 'orders', topicId: topic.id }]
  const seen = await call(metadata, 12, { topics: names, allowAutoTopicCreation: false }, services)
  t.match(seen.topics[0]!.partitions[5], { partitionIndex: 5, leaderId: 1, leaderEpoch: 0, isrNodes: [1] })
  const request = { topics: [{ name: 'orders' }], cursor: null }
  const described = await call(describeTopicPartitions, 0, request, services)
  t.equal(described.topics[0]!.partitions.length, 6)
})

t.test('topics are refused one by one', async t => {
  const services = await broker(t)
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'twice'])
    await services.createTopic(name, 2)
  t.same(
    await grow(services, [
      ['a', 3],
      ['b', 2],
      ['c', 1],
      ['d', -1],
      ['nobody', 3],
      ['b a d', 3],
      ['__cluster_metadata', 3],
      ['twice', 3],
      ['twice', 4],
      ['e', 4, [[1]]],
      ['f', 4, [[1], []]],
      ['g', 4, [[1], [7]]],
      ['h', 3, [[1, 1]]],
      ['i', 4, [[1], [1]]],
    ]),
    [
      ['a', 'NONE'],
      ['b', 'INVALID_PARTITIONS'],
      ['c', 'INVALID_PARTITIONS'],
      ['d', 'INVALID_PARTITIONS'],
      ['nobody', 'UNKNOWN_TOPIC_OR_PARTITION'],
      ['b a d', 'UNKNOWN_TOPIC_OR_PARTITION'],
      ['__cluster_metadata', 'UNKNOWN_TOPIC_OR_PARTITION'],
      ['twice', 'INVALID_REQUEST'],
      ['e', 'INVALID_REPLICA_ASSIGNMENT'],
      ['f', 'INVALID_REPLICA_ASSIGNMENT'],
      ['g', 'INVALID_REPLICA_ASSIGNMENT'],
      ['h', 'INVALID_REPLICA_ASSIGNMENT'],
      ['i', 'NONE'],
    ],
  )
  t.same(counts(services), { a: 3, b: 2, c: 2, d: 2, e: 2, f: 2, g: 2, h: 2, i: 4, twice: 2 })
  t.same(await grow(services, []), [])

  await t.test('the number is looked at before the assignments', async t => {
    t.same(await grow(services, [['b', 2, [[7]]]]), [['b', 'INVALID_PARTITIONS']])
    t.same(await grow(services, [['b', 3, []]]), [['b', 'INVALID_REPLICA_ASSIGNMENT']])
  })

  await t.test('validateOnly makes every check and changes nothing', async t => {
    const topics: Growth[] = [
      ['b', 9],
      ['c', 2],
      ['d', 3, [[2]]],
    ]
    t.same(await grow(services, topics, { validateOnly: true }), [
      ['b', 'NONE'],
      ['c', 'INVALID_PARTITIONS'],
      ['d', 'INVALID_REPLICA_ASSIGNMENT'],
    ])
    t.match(counts(services), { b: 2, c: 2, d: 2 })
  })

  await t.test('more than 10000 new partitions at once are refused as a whole', async t => {
    const tooMany = { name: 'POLICY_VIOLATION' }
    await t.rejects(grow(services, [['b', 10_003]]), tooMany)
    await t.rejects(grow(services, [['b', 2_147_483_647, [[1]]]]), tooMany)
    await t.rejects(
      grow(services, [
        ['b', 6000],
        ['c', 6000],
        ['nobody', 3],
      ]),
      tooMany,
    )
    t.same(await grow(services, [['b', 10_002]], { validateOnly: true }), [['b', 'NONE']])
    t.same(await grow(services, [['nobody', 20_000]]), [['nobody', 'UNKNOWN_TOPIC_OR_PARTITION']])
  })

  await t.test('of two requests that come together the smaller one may find nothing to do', async t => {
    const results = await Promise.all([grow(services, [['c', 6]]), grow(services, [['c', 4]])])
    t.same(results, [[['c', 'NONE']], [['c', 'INVALID_PARTITIONS']]])
    t.match(counts(services), { c: 6 })
  })

  await t.test('a topic that is deleted meanwhile is unknown', async t => {
    const { id } = services.catalog.current().topics.get('h')!
    const deletion = services.catalog.change({ type: 'delete-topic', id })
    t.same(await grow(services, [['h', 6]]), [['h', 'UNKNOWN_TOPIC_OR_PARTITION']])
    await deletion
  })
})

t.test('a change of topics that has no time is not begun', async t => {
  const services = await broker(t)
  await services.createTopic('a')
  const timedOut = { name: 'REQUEST_TIMED_OUT' }
  const topic = { name: 'b', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }
  for (const timeoutMs of [0, -1]) {
    await t.rejects(grow(services, [['a', 2]], { timeoutMs }), timedOut)
    await t.rejects(call(createTopics, 7, { topics: [topic], timeoutMs }, services), timedOut)
    await t.rejects(call(deleteTopics, 5, { topicNames: ['a'], timeoutMs }, services), timedOut)
  }
  t.same(counts(services), { a: 1 })
  t.same(await grow(services, [['a', 2]], { timeoutMs: 1 }), [['a', 'NONE']])
})

t.test("the broker's own topics may grow, with a warning", async t => {
  const services = await broker(t)
  t.same(await grow(services, [['__consumer_offsets', 60]]), [
    ['__consumer_offsets', 'UNKNOWN_TOPIC_OR_PARTITION'],
  ])
  await services.topics.ensureInternalTopic('__consumer_offsets')
  t.same(await grow(services, [['__consumer_offsets', 60]]), [['__consumer_offsets', 'NONE']])
  t.equal(services.warnings.length, 1)
  t.match(services.warnings[0], 'committed offsets')
})

t.test('committed offsets are found where they were while the topic that holds them grows', async t => {
  const broker = await openBroker(
    brokerSettings({
      listeners: ['PLAINTEXT://127.0.0.1:0'],
      'log.dirs': [temporaryDirectory(t)],
      'offsets.topic.num.partitions': 3,
    }),
  )
  t.teardown(() => broker.stop())
  const client = await RawClient.connect(broker.listeners[0]!)
  t.teardown(() => client.close())
  const topic = { name: 'orders', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }
  await client.send(createTopics, 7, { topics: [topic], timeoutMs: 1000 })
  const groupIds = Array.from({ length: 12 }, (_, n) => `group-${n}`)
  const commit = (groupId: string, offset: bigint) => {
    const partitions = [{ partitionIndex: 0, committedOffset: offset, committedMetadata: null }]
    const topics = [{ name: 'orders', partitions }]
    return client.send(offsetCommit, 8, { groupId, generationIdOrMemberEpoch: -1, memberId: '', topics })
  }
  const committed = async (groupId: string) => {
    const { topics } = await client.send(offsetFetch, 7, { groupId, topics: null, requireStable: false })
    return topics[0]?.partitions[0]?.committedOffset
  }
  for (const groupId of groupIds) await commit(groupId, 1n)
  const wider = { topics: [{ name: '__consumer_offsets', count: 8, assignments: null }], validateOnly: false }
  const { results } = await client.send(createPartitions, 3, { ...wider, timeoutMs: 1000 })
  t.match(results, [{ errorCode: 0 }])
  for (const groupId of groupIds) t.equal(await committed(groupId), 1n, groupId)
  for (const groupId of groupIds) await commit(groupId, 2n)
  for (const groupId of groupIds) t.equal(await committed(groupId), 2n, groupId)
})

const grownTo = (id: string, partitionCount: number) => ({
  type: 'create-partitions' as const,
  id,
  partitionCount,
})

t.test('new partitions survive a restart, and a crash before their directories were made', async t => {
  const directory = temporaryDirectory(t)
  let storage = await openTestStorage({ directory })
  t.teardown(() => storage.close())
  const create = { type: 'create-topic' as const, name: 'orders', partitionCount: 1, configs: {} }
  const { id } = (await storage.catalog.change(create)).topics.get('orders')!
  await storage.catalog.change(grownTo(id, 40))
  const last = () => storage.catalog.current().topics.get('orders')!.partitions.at(-1)!
  await append(storage.logs, last(), { values: ['kept'] })
  await storage.close()

  storage = await openTestStorage({ directory })
  t.equal(last().index, 39)
  t.same(await readAll(storage.logs, last()), ['0:kept'])

  const broken = faultyDisk()
  await storage.close()
  storage = await openTestStorage({ directory, disk: broken })
  broken.inject({ operation: 'makeDirectory', path: /orders-4\d$/, code: 'ENOSPC' })
  await storage.catalog.change(grownTo(id, 42))
  t.notOk(existsSync(join(directory, 'orders-41')))
  t.same(await readAll(storage.logs, last()), ['KAFKA_STORAGE_ERROR'], 'the others are not concerned')
  await storage.close()

  storage = await openTestStorage({ directory })
  t.equal(last().index, 41)
  await append(storage.logs, last(), { values: ['at last'] })
  t.same(await readAll(storage.logs, last()), ['0:at last'])
})

t.test('checkpoints of an earlier topic of that name do not reach new partitions', async t => {
  const directory = temporaryDirectory(t)
  let storage = await openTestStorage({ directory })
  t.teardown(() => storage.close())
  const create = { type: 'create-topic' as const, name: 'orders', partitionCount: 1, configs: {} }
  await storage.catalog.change(create)
  await storage.close()
  // As it was written when another topic of this name had three partitions.
  writeFileSync(join(directory, 'log-start-offset-checkpoint'), '0\n1\norders 2 100\n')

  storage = await openTestStorage({ directory })
  const { id } = storage.catalog.current().topics.get('orders')!
  const { topics } = await storage.catalog.change(grownTo(id, 3))
  t.equal(storage.logs.offsets(topics.get('orders')!.partitions[2]!).logStartOffset, 0)
})

t.test('many new logs are made a few at a time, and nobody sees them before', async t => {
  const directory = temporaryDirectory(t)
  let looksAtClock = 0
  const clock = { ...systemClock, monotonic: () => looksAtClock++ }
  const storage = await openTestStorage({ directory, clock })
  t.teardown(() => storage.close())
  const create = { type: 'create-topic' as const, name: 'orders', partitionCount: 1, configs: {} }
  const { id } = (await storage.catalog.change(create)).topics.get('orders')!
  const made = () => readdirSync(directory).filter(name => name.startsWith('orders-')).length
  const seen = () => storage.catalog.current().topics.get('orders')!.partitions.length
  let growing = true
  const growth = storage.catalog.change(grownTo(id, 200)).finally(() => {
    growing = false
  })
  const other = storage.catalog.change({ ...create, name: 'behind' })
  let turns = 0
  let mostPerTurn = 0
  let seenEarly = 1
  let before = 1
  const look = () => {
    const now = made()
    mostPerTurn = Math.max(mostPerTurn, now - before)
    before = now
  }
  for (; growing; turns++) {
    seenEarly = Math.max(seenEarly, seen())
    look()
    await new Promise(resolve => setImmediate(resolve))
  }
  look()
  await growth
  t.equal(seenEarly, 1)
  t.equal(seen(), 200)
  t.ok(turns >= 10, `${turns} turns`)
  t.ok(mostPerTurn <= 32, `at most ${mostPerTurn} logs in a turn`)
  await other

  await t.test('closing waits until they are there', async t => {
    const late = storage.catalog.change(grownTo(id, 300))
    await new Promise(resolve => setImmediate(resolve))
    await Promise.all([late, storage.close()])
    t.ok(existsSync(join(directory, 'orders-299')))
    t.ok(existsSync(join(directory, '.kafka_cleanshutdown')))
  })
})

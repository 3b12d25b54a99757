import t, { type Test } from 'tap'
import { errorName } from '../../protocol-codecs/error-codes.ts'
import type { createTopicsRequest } from '../../protocol-codecs/messages/create-topics.ts'
import { type InferInput, zeroUuid } from '../../protocol-codecs/schema.ts'
import { createTopics } from '../requests/create-topics.ts'
import { deleteTopics } from '../requests/delete-topics.ts'
import { brokerSettings } from '../settings/broker-settings.ts'
import { DynamicSettings } from '../settings/dynamic-settings.ts'
import type { TopicCatalog } from '../storage/topic-catalog.ts'
import { call, type TestServices, type TestServicesOptions, testServices } from '../testing/test-services.ts'
import { topicAdministration } from './topic-administration.ts'
import { collisionKey, topicNameProblem } from './topic-names.ts'

type TopicRequest = InferInput<typeof createTopicsRequest>['topics'][number]

async function broker(t: Test, options: TestServicesOptions = {}): Promise<TestServices> {
  const services = await testServices(options)
  t.teardown(() => services.close())
  return services
}

function topic(name: string, changes: Partial<TopicRequest> = {}): TopicRequest {
  return { name, numPartitions: -1, replicationFactor: -1, assignments: [], configs: [], ...changes }
}

async function create(
  services: TestServices,
  topics: TopicRequest[],
  { version = 7, validateOnly = false } = {},
): Promise<Record<string, string>> {
  const request = { topics, timeoutMs: 1000, ...(version > 0 ? { validateOnly } : undefined) }
  const response = await call(createTopics, version, request, services)
  return Object.fromEntries(response.topics.map(({ name, errorCode }) => [name, errorName(errorCode)]))
}

t.test('names', async t => {
  for (const name of ['a', 'A.b_c-9', 'x'.repeat(249), '...', '__consumer_offsets']) {
    t.equal(topicNameProblem(name), undefined, name)
  }
  for (const name of ['', '.', '..', 'x'.repeat(250), 'a b', 'ä', 'a/b', 'a\n', 'a:b']) {
    t.type(topicNameProblem(name), 'string', JSON.stringify(name))
  }
  t.equal(collisionKey('a.b_c'), collisionKey('a_b.c'))
  t.not(collisionKey('a-b'), collisionKey('a_b'))
})

t.test('topics are created as they are described', async t => {
  const services = await broker(t, { settings: { 'num.partitions': 3, 'log.retention.hours': 1 } })
  const response = await call(
    createTopics,
    7,
    {
      topics: [
        topic('defaults'),
        topic('chosen', {
          numPartitions: 2,
          replicationFactor: 1,
          configs: [{ name: 'retention.ms', value: '5' }],
        }),
        topic('by-hand', { assignments: [1, 0].map(partitionIndex => ({ partitionIndex, brokerIds: [1] })) }),
      ],
      timeoutMs: 1000,
    },
    services,
  )
  const { topics } = services.catalog.current()
  t.same(
    response.topics.map(({ name, errorCode, numPartitions, replicationFactor, topicId }) => [
      name,
      errorCode,
      numPartitions,
      replicationFactor,
      topicId === topics.get(name)!.id,
    ]),
    [
      ['defaults', 0, 3, 1, true],
      ['chosen', 0, 2, 1, true],
      ['by-hand', 0, 2, 1, true],
    ],
  )
  t.equal(topics.get('chosen')!.partitions.length, 2)
  t.equal(topics.get('chosen')!.config.retentionMs, 5)

  const configOf = (index: number, name: string) => {
    const entry = response.topics[index]!.configs!.find(config => config.name === name)!
    return [entry.value, entry.configSource]
  }
  t.same(configOf(1, 'retention.ms'), ['5', 1], 'set on the topic')
  t.same(configOf(0, 'retention.ms'), ['3600000', 4], 'from the broker')
  t.same(configOf(0, 'cleanup.policy'), ['delete', 5], 'the default')
  t.notOk(response.topics[0]!.configs!.some(config => config.name === 'internal.segment.bytes'))

  for (let version = 0; version <= 7; version++) {
    const name = `version-${version}`
    t.same(await create(services, [topic(name, { numPartitions: 1, replicationFactor: 1 })], { version }), {
      [name]: 'NONE',
    })
  }
})

t.test('topics are refused one by one', async t => {
  const services = await broker(t)
  await services.createTopic('there.is')
  const hand = (...replicas: [index: number, brokerIds: number[]][]) =>
    replicas.map(([partitionIndex, brokerIds]) => ({ partitionIndex, brokerIds }))
  const config = (name: string, value: string | null) => ({ configs: [{ name, value }] })
  t.same(
    await create(services, [
      topic('fine'),
      topic('there.is'),
      topic('there_is'),
      topic('b a d'),
      topic('__cluster_metadata'),
      topic('twice'),
      topic('twice', { numPartitions: 2 }),
      topic('no-partitions', { numPartitions: 0 }),
      topic('fewer-partitions', { numPartitions: -2 }),
      topic('no-replicas', { replicationFactor: 0 }),
      topic('replicas', { replicationFactor: 2 }),
      topic('unknown-config', config('retention', '1')),
      topic('bad-config', config('retention.ms', 'long')),
      topic('null-config', config('retention.ms', null)),
      topic('hand-and-count', { numPartitions: 1, assignments: hand([0, [1]]) }),
      topic('hand-and-factor', { replicationFactor: 1, assignments: hand([0, [1]]) }),
      topic('hand-gap', { assignments: hand([0, [1]], [2, [1]]) }),
      topic('hand-stranger', { assignments: hand([0, [7]]) }),
      topic('hand-nobody', { assignments: hand([0, []]) }),
      topic('hand-again', { assignments: hand([0, [1]], [0, [1]]) }),
      topic('hand-double', { assignments: hand([0, [1, 1]]) }),
    ]),
    {
      fine: 'NONE',
      'there.is': 'TOPIC_ALREADY_EXISTS',
      there_is: 'INVALID_TOPIC_EXCEPTION',
      'b a d': 'INVALID_TOPIC_EXCEPTION',
      __cluster_metadata: 'INVALID_REQUEST',
      twice: 'INVALID_REQUEST',
      'no-partitions': 'INVALID_PARTITIONS',
      'fewer-partitions': 'INVALID_PARTITIONS',
      'no-replicas': 'INVALID_REPLICATION_FACTOR',
      replicas: 'INVALID_REPLICATION_FACTOR',
      'unknown-config': 'INVALID_CONFIG',
      'bad-config': 'INVALID_CONFIG',
      'null-config': 'INVALID_CONFIG',
      'hand-and-count': 'INVALID_REQUEST',
      'hand-and-factor': 'INVALID_REQUEST',
      'hand-gap': 'INVALID_REPLICA_ASSIGNMENT',
      'hand-stranger': 'INVALID_REPLICA_ASSIGNMENT',
      'hand-nobody': 'INVALID_REPLICA_ASSIGNMENT',
      'hand-again': 'INVALID_REPLICA_ASSIGNMENT',
      'hand-double': 'INVALID_REPLICA_ASSIGNMENT',
    },
  )
  t.same([...services.catalog.current().topics.keys()], ['there.is', 'fine'])

  await t.test('more than 10000 partitions at once are refused as a whole', async t => {
    const topics = [topic('x', { numPartitions: 6000 }), topic('y', { numPartitions: 6000 })]
    await t.rejects(create(services, topics), { name: 'POLICY_VIOLATION' })
    const huge = [topic('z', { numPartitions: 2_147_483_647 })]
    await t.rejects(create(services, huge), { name: 'POLICY_VIOLATION' })
  })

  await t.test('validateOnly makes every check and stores nothing', async t => {
    const topics = [topic('new'), topic('fine'), topic('replicas', { replicationFactor: 2 })]
    t.same(await create(services, topics, { validateOnly: true }), {
      new: 'NONE',
      fine: 'TOPIC_ALREADY_EXISTS',
      replicas: 'INVALID_REPLICATION_FACTOR',
    })
    t.notOk(services.catalog.current().topics.has('new'))
  })

  await t.test('of two requests for one name that come together one wins', async t => {
    const results = await Promise.all([create(services, [topic('race')]), create(services, [topic('race')])])
    t.same(results.map(({ race }) => race).sort(), ['NONE', 'TOPIC_ALREADY_EXISTS'])
  })
})

t.test('compaction is accepted with a warning, but not about the broker itself', async t => {
  const services = await broker(t, { settings: { 'offsets.topic.num.partitions': 4 } })
  await create(services, [topic('table', { configs: [{ name: 'cleanup.policy', value: 'compact' }] })])
  t.equal(services.warnings.length, 1)
  t.match(services.warnings[0], 'cleanup.policy=compact')

  const offsets = await services.topics.ensureInternalTopic('__consumer_offsets')
  t.equal(services.warnings.length, 1)
  t.equal(offsets.isInternal, true)
  t.equal(offsets.partitions.length, 4)
  t.same(offsets.overrides, {
    'cleanup.policy': 'compact',
    'compression.type': 'producer',
    'segment.bytes': '104857600',
  })
  await t.rejects(services.topics.ensureInternalTopic('__transaction_state'), {
    name: 'UNKNOWN_TOPIC_OR_PARTITION',
  })
})

t.test('a name that comes twice is answered for last', async t => {
  const services = await broker(t)
  const topics = [topic('twice'), topic('twice'), topic('once'), topic('twice')]
  t.same(Object.entries(await create(services, topics)), [
    ['once', 'NONE'],
    ['twice', 'INVALID_REQUEST'],
  ])
})

t.test('topics that are asked for come into being once', async t => {
  const services = await broker(t, { settings: { 'num.partitions': 2 } })
  let changes = 0
  services.catalog.onChange(() => changes++)
  const topics = await Promise.all([1, 2, 3].map(() => services.topics.ensureTopic('wanted')))
  t.equal(new Set(topics).size, 1)
  t.equal(topics[0]!.partitions.length, 2)
  t.equal(await services.topics.ensureTopic('wanted'), topics[0])
  t.equal(changes, 1)

  const [created, ensured] = await Promise.all([
    create(services, [topic('both')]),
    services.topics.ensureTopic('both'),
  ])
  t.same(created, { both: 'NONE' })
  t.equal(ensured.name, 'both')
  await t.rejects(services.topics.ensureTopic('b a d'), { name: 'INVALID_TOPIC_EXCEPTION' })

  // A catalogue that is never done.
  const catalog: TopicCatalog = {
    current: () => services.catalog.current(),
    onChange: () => undefined,
    change: () => new Promise(() => undefined),
    allocateProducerIds: () => new Promise(() => undefined),
    metadataLog: () => services.catalog.metadataLog(),
  }
  const many = topicAdministration({
    ...services,
    catalog,
    settings: new DynamicSettings(brokerSettings({ 'num.partitions': 4000 })),
  })
  const first = ['a', 'b', 'c'].map(name => many.ensureTopic(name))
  await t.rejects(
    many.ensureTopic('d'),
    { name: 'POLICY_VIOLATION' },
    'but not more than 10000 partitions at once',
  )
  t.equal(first.length, 3)

  const greedy = await broker(t, { settings: { 'default.replication.factor': 3 } })
  await t.rejects(greedy.topics.ensureTopic('wanted'), { name: 'INVALID_REPLICATION_FACTOR' })
})

t.test('topics are deleted', async t => {
  const services = await broker(t)
  for (const name of ['a', 'b', 'c', 'd']) await services.createTopic(name)
  const idOf = (name: string) => services.catalog.current().topics.get(name)!.id
  const remove = async (topics: { name: string | null; topicId: string }[]) => {
    const response = await call(deleteTopics, 6, { topics, timeoutMs: 1000 }, services)
    return response.responses.map(({ name, errorCode }) => [name, errorName(errorCode)])
  }

  const id = idOf('b')
  t.same(
    await remove([
      { name: 'a', topicId: zeroUuid },
      { name: null, topicId: id },
      { name: 'nobody', topicId: zeroUuid },
      { name: null, topicId: 'AAAAAAAAAAAAAAAAAAAAAg' },
      { name: 'c', topicId: idOf('c') },
      { name: null, topicId: zeroUuid },
      { name: 'd', topicId: zeroUuid },
      { name: null, topicId: idOf('d') },
    ]),
    [
      ['c', 'INVALID_REQUEST'],
      [null, 'INVALID_REQUEST'],
      ['d', 'INVALID_REQUEST'],
      ['a', 'NONE'],
      ['nobody', 'UNKNOWN_TOPIC_OR_PARTITION'],
      ['b', 'NONE'],
      [null, 'UNKNOWN_TOPIC_ID'],
    ],
  )
  t.same(
    await remove([
      { name: 'c', topicId: zeroUuid },
      { name: null, topicId: idOf('d') },
      { name: 'c', topicId: zeroUuid },
      { name: null, topicId: idOf('d') },
      { name: 'c', topicId: zeroUuid },
    ]),
    [
      ['c', 'INVALID_REQUEST'],
      [null, 'INVALID_REQUEST'],
    ],
    'what comes several times is refused once',
  )
  t.same([...services.catalog.current().topics.keys()], ['c', 'd'])
  t.same(await create(services, [topic('b')]), { b: 'NONE' }, 'the name is free again')
  t.not(idOf('b'), id, 'and stands for another topic')
  t.same(await create(services, [topic('a_x')]), { a_x: 'NONE' })
  await remove([{ name: 'a_x', topicId: zeroUuid }])
  t.same(await create(services, [topic('a.x')]), { 'a.x': 'NONE' }, 'nothing collides with what is gone')

  for (let version = 0; version <= 5; version++) {
    await services.createTopic('again')
    const response = await call(deleteTopics, version, { topicNames: ['again'], timeoutMs: 1 }, services)
    t.same(
      response.responses.map(({ name, errorCode }) => [name, errorCode]),
      [['again', 0]],
    )
  }
})

t.test('deletion can be switched off', async t => {
  const services = await broker(t, { settings: { 'delete.topic.enable': false } })
  await services.createTopic('a')
  const remove = (version: number) =>
    call(deleteTopics, version, { topicNames: ['a'], timeoutMs: 1 }, services)
  await t.rejects(remove(3), { name: 'TOPIC_DELETION_DISABLED' })
  await t.rejects(remove(2), { name: 'INVALID_REQUEST' })
  t.ok(services.catalog.current().topics.has('a'))
})

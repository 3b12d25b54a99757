/**
 * What the admin client of @platformatic/kafka relies on: topics, groups and their offsets, coordinators.
 */

import assert from 'node:assert/strict'
import { type Capability, inArea, type TestContext } from '../capability.ts'
import { texts } from '../record-values.ts'
import { eventually } from '../wait-for.ts'
import {
  collectFrom,
  createTopic,
  openAdmin,
  openConsumer,
  openProducer,
  readTopics,
  refusedWith,
  sendValues,
} from './client.ts'

async function createsTopics(context: TestContext): Promise<void> {
  const admin = openAdmin(context)
  const topics = [context.uniqueName('created'), context.uniqueName('created')]
  const configs = [{ name: 'max.message.bytes', value: '2000' }]
  const created = await admin.createTopics({ topics, partitions: 3, replicas: 1, configs })
  assert.deepEqual(
    created.map(({ name, partitions, replicas }) => ({ name, partitions, replicas })),
    topics.map(name => ({ name, partitions: 3, replicas: 1 })),
  )
  for (const { id, configuration } of created) {
    assert.match(id, /^[0-9a-f-]{36}$/)
    assert.equal(configuration['max.message.bytes'], '2000')
    assert.equal(configuration['cleanup.policy'], 'delete')
    assert.equal(configuration['segment.bytes'], '1073741824')
  }
  const listed = await eventually(
    'both topics to be listed',
    () => admin.listTopics(),
    names => topics.every(topic => names.includes(topic)),
  )
  assert.ok(!listed.some(name => name.startsWith('__')), 'internal topics are not marked as such')
  const metadata = await admin.metadata({ topics, forceUpdate: true })
  for (const { id, name } of created) {
    const topic = metadata.topics.get(name)!
    assert.equal(topic.id, id, 'CreateTopics and Metadata disagree about the topic id')
    assert.equal(topic.partitionsCount, 3)
    for (const { leader, replicas, isr, leaderEpoch } of topic.partitions) {
      assert.deepEqual([replicas, isr], [[leader], [leader]])
      assert.ok(leaderEpoch >= 0)
    }
  }
  const tooBig = openProducer(context).send({ messages: [{ topic: topics[0]!, value: Buffer.alloc(3_000) }] })
  await refusedWith(tooBig, 'MESSAGE_TOO_LARGE')
}

async function createsWithDefaultsAndAssignments(context: TestContext): Promise<void> {
  const admin = openAdmin(context)
  const byDefault = await admin.createTopics({ topics: [context.uniqueName('defaults')] })
  assert.deepEqual([byDefault[0]!.partitions, byDefault[0]!.replicas], [1, 1])
  const { brokers } = await admin.metadata({ topics: [] })
  const [node] = [...brokers.keys()]
  const assignments = [0, 1].map(partition => ({ partition, brokers: [node!] }))
  const assigned = await admin.createTopics({ topics: [context.uniqueName('assigned')], assignments })
  assert.deepEqual([assigned[0]!.partitions, assigned[0]!.replicas], [2, 1])
}

async function refusesBadTopics(context: TestContext): Promise<void> {
  const admin = openAdmin(context)
  const existing = await createTopic(context, 'exists')
  const name = () => context.uniqueName('bad')
  const create = (topic: string, options = {}) => admin.createTopics({ topics: [topic], ...options })
  await refusedWith(create(existing), 'TOPIC_ALREADY_EXISTS')
  await refusedWith(create('no+plus'), 'INVALID_TOPIC_EXCEPTION')
  await refusedWith(create(name(), { replicas: 100 }), 'INVALID_REPLICATION_FACTOR')
  await refusedWith(create(name(), { partitions: 0 }), 'INVALID_PARTITIONS')
  const configs = [{ name: 'retention.ms', value: 'soon' }]
  await refusedWith(create(name(), { configs }), 'INVALID_CONFIG')
  const unknownBroker = [{ partition: 0, brokers: [4711] }]
  await refusedWith(create(name(), { assignments: unknownBroker }), 'INVALID_REPLICA_ASSIGNMENT')
  const gap = [{ partition: 1, brokers: [1] }]
  await refusedWith(create(name(), { assignments: gap }), 'INVALID_REPLICA_ASSIGNMENT')
}

async function deletesTopics(context: TestContext): Promise<void> {
  const admin = openAdmin(context)
  const topic = await createTopic(context, 'deleted')
  const before = await admin.metadata({ topics: [topic], forceUpdate: true })
  await sendValues(openProducer(context), topic, ['gone'])
  await admin.deleteTopics({ topics: [topic] })
  await eventually(
    'the topic to be gone',
    () => admin.listTopics(),
    names => !names.includes(topic),
  )
  await refusedWith(admin.deleteTopics({ topics: [topic] }), 'UNKNOWN_TOPIC_OR_PARTITION')
  const [again] = await admin.createTopics({ topics: [topic] })
  assert.notEqual(again!.id, before.topics.get(topic)!.id, 'a topic created again has the old id')
  await sendValues(openProducer(context), topic, ['new'])
  assert.deepEqual(texts(await readTopics(context, [topic], 1)), ['new'])
}

async function listsOffsets(context: TestContext): Promise<void> {
  const admin = openAdmin(context)
  const topic = await createTopic(context, 'offsets')
  const producer = openProducer(context)
  const base = 1_700_000_000_000n
  for (const start of [0n, 10_000n]) {
    const messages = [0n, 5n].map(delta => ({
      topic,
      timestamp: base + start + delta,
      value: Buffer.from('v'),
    }))
    await producer.send({ acks: -1, messages })
  }
  const at = async (timestamp: bigint) => {
    const [found] = await admin.listOffsets({
      topics: [{ name: topic, partitions: [{ partitionIndex: 0, timestamp }] }],
    })
    const { offset, timestamp: time } = found!.partitions[0]!
    return [offset, time]
  }
  assert.deepEqual(await at(-2n), [0n, -1n])
  assert.deepEqual(await at(-1n), [4n, -1n])
  assert.deepEqual(await at(-3n), [3n, base + 10_005n])
  assert.deepEqual(await at(base + 1n), [1n, base + 5n])
  assert.deepEqual(await at(base + 6n), [2n, base + 10_000n])
  assert.deepEqual(await at(base + 20_000n), [-1n, -1n])
}

async function describesGroups(context: TestContext): Promise<void> {
  const admin = openAdmin(context)
  const topic = await createTopic(context, 'described', 2)
  const groupId = context.uniqueName('described-group')
  const consumer = openConsumer(context, { groupId, groupInstanceId: 'instance' })
  const stream = await consumer.consume({ topics: [topic], mode: 'earliest', autocommit: false })
  collectFrom(context, stream)
  const group = (await admin.describeGroups({ groups: [groupId] })).get(groupId)!
  assert.equal(group.state, 'STABLE')
  assert.equal(group.protocolType, 'consumer')
  assert.equal(group.protocol, 'roundrobin')
  const [member] = [...group.members.values()]
  assert.equal(group.members.size, 1)
  assert.equal(member!.id, consumer.memberId)
  assert.equal(member!.groupInstanceId, 'instance')
  assert.equal(member!.clientId, 'compat')
  assert.match(member!.clientHost, /^\/\d+\.\d+\.\d+\.\d+$/)
  assert.deepEqual(member!.metadata!.topics, [topic])
  assert.deepEqual(member!.assignments!.get(topic)!.partitions.sort(), [0, 1])

  const listed = await admin.listGroups()
  const { state, groupType, protocolType } = listed.get(groupId)!
  assert.deepEqual([state, groupType, protocolType], ['STABLE', 'classic', 'consumer'])
  assert.ok((await admin.listGroups({ states: ['STABLE'] })).has(groupId))
  assert.ok(
    !(await admin.listGroups({ states: ['EMPTY'] })).has(groupId),
    'listed in spite of the state filter',
  )
  assert.ok(
    !(await admin.listGroups({ types: ['consumer'] })).has(groupId),
    'listed in spite of the type filter',
  )
  await refusedWith(admin.deleteGroups({ groups: [groupId] }), 'NON_EMPTY_GROUP')
  await consumer.close(true)
  assert.equal((await admin.listGroups()).get(groupId)?.state, 'EMPTY')
  await admin.deleteGroups({ groups: [groupId] })
  assert.ok(!(await admin.listGroups()).has(groupId))
  await refusedWith(admin.deleteGroups({ groups: [groupId] }), 'GROUP_ID_NOT_FOUND')
}

async function altersGroupOffsets(context: TestContext): Promise<void> {
  const admin = openAdmin(context)
  const topic = await createTopic(context, 'altered', 2)
  const groupId = context.uniqueName('altered-group')
  const partitionOffsets = [
    { partition: 0, offset: 5n },
    { partition: 1, offset: 8n },
  ]
  await admin.alterConsumerGroupOffsets({ groupId, topics: [{ name: topic, partitionOffsets }] })
  const unknown = context.uniqueName('no-group')
  const listed = await admin.listConsumerGroupOffsets({ groups: [groupId, unknown] })
  const offsetsOf = (id: string) =>
    listed
      .find(group => group.groupId === id)!
      .topics.flatMap(({ name, partitions }) =>
        partitions.map(({ partitionIndex, committedOffset }) => ({ name, partitionIndex, committedOffset })),
      )
      .sort((one, other) => one.partitionIndex - other.partitionIndex)
  assert.deepEqual(offsetsOf(groupId), [
    { name: topic, partitionIndex: 0, committedOffset: 5n },
    { name: topic, partitionIndex: 1, committedOffset: 8n },
  ])
  assert.deepEqual(offsetsOf(unknown), [])
  await sendValues(
    openProducer(context),
    topic,
    Array.from({ length: 20 }, (_, index) => `v${index}`),
    2,
  )
  const consumer = openConsumer(context, { groupId })
  const stream = await consumer.consume({ topics: [topic], mode: 'committed', autocommit: false })
  const messages = collectFrom(context, stream)
  await messages.until(({ length }) => length >= 7, 'the records from the offsets set')
  assert.deepEqual(messages.items.map(({ partition, offset }) => `${partition}:${offset}`).sort(), [
    '0:5',
    '0:6',
    '0:7',
    '0:8',
    '0:9',
    '1:8',
    '1:9',
  ])
}

async function findsCoordinators(context: TestContext): Promise<void> {
  const admin = openAdmin(context)
  const keys = [context.uniqueName('a'), context.uniqueName('b')]
  const found = await admin.findCoordinator({ keyType: 0, keys })
  const address = ({ host, port }: { host: string; port: number }) => `${host}:${port}`
  assert.deepEqual(found.map(({ key }) => key).sort(), keys)
  assert.ok(found.every(coordinator => address(coordinator) === context.bootstrap))
  const { brokers, controllerId, id } = await admin.metadata({ topics: [] })
  assert.deepEqual([...brokers.values()].map(address), [context.bootstrap])
  assert.ok(brokers.has(controllerId))
  assert.match(id, /^[A-Za-z0-9_-]{10,}$/)
}

export const administerCapabilities: Capability[] = inArea('topics', [
  { name: 'createTopics with partitions and configs', test: createsTopics },
  { name: 'createTopics with defaults and with assignments', test: createsWithDefaultsAndAssignments },
  { name: 'createTopics with bad names, partitions, replicas, configs', test: refusesBadTopics },
  { name: 'deleteTopics, and the same name again', test: deletesTopics },
  { name: 'listOffsets: earliest, latest, max timestamp, by time', area: 'timestamps', test: listsOffsets },
  { name: 'describeGroups, listGroups, deleteGroups', area: 'group admin', test: describesGroups },
  {
    name: 'alterConsumerGroupOffsets, listConsumerGroupOffsets',
    area: 'group admin',
    test: altersGroupOffsets,
  },
  { name: 'findCoordinator and metadata', area: 'cluster', test: findsCoordinators },
])

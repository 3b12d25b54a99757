/**
 * What kafkajs's admin client relies on: topics, their offsets, groups and their offsets, the cluster.
 */

import assert from 'node:assert/strict'
import kafkajs, { type Admin } from 'kafkajs'
import { type Capability, inArea, type TestContext } from '../capability.ts'
import { texts } from '../record-values.ts'
import { collector, eventually } from '../wait-for.ts'
import {
  collectInto,
  committedOffsets,
  connectedAdmin,
  connectedConsumer,
  connectedProducer,
  createTopic,
  createTopicNamed,
  nextJoin,
  protocolError,
  readTopics,
  type StoredRecord,
} from './client.ts'

/** kafkajs wraps one error per topic in an aggregate; these are their types. */
async function topicErrors(promise: Promise<unknown>): Promise<string[]> {
  const error = await promise.then(
    () => assert.fail('the request should have been refused'),
    (error: kafkajs.KafkaJSAggregateError) => error,
  )
  return error.errors.map(one => (one as kafkajs.KafkaJSProtocolError).type)
}

async function createsTopics(context: TestContext): Promise<void> {
  const admin = await connectedAdmin(context)
  const topics = [context.uniqueName('created'), context.uniqueName('created')]
  const created = await admin.createTopics({
    waitForLeaders: false,
    topics: [
      { topic: topics[0]!, numPartitions: 5, replicationFactor: 1 },
      {
        topic: topics[1]!,
        numPartitions: 1,
        configEntries: [
          { name: 'retention.ms', value: '86400000' },
          { name: 'max.message.bytes', value: '2000' },
        ],
      },
    ],
  })
  assert.equal(created, true)
  await eventually(
    'both topics to be listed',
    () => admin.listTopics(),
    listed => topics.every(topic => listed.includes(topic)),
  )
  const { topics: metadata } = await admin.fetchTopicMetadata({ topics })
  const partitionsOf = (topic: string) => metadata.find(({ name }) => name === topic)!.partitions
  assert.deepEqual(
    partitionsOf(topics[0]!)
      .map(({ partitionId }) => partitionId)
      .sort(),
    [0, 1, 2, 3, 4],
  )
  for (const { partitionErrorCode, leader, replicas, isr } of partitionsOf(topics[0]!)) {
    assert.equal(partitionErrorCode, 0)
    assert.deepEqual(replicas, [leader])
    assert.deepEqual(isr, [leader])
  }
  assert.equal(partitionsOf(topics[1]!).length, 1)
  // The config that came with the topic is in force.
  const producer = await connectedProducer(context)
  const tooBig = producer.send({ topic: topics[1]!, messages: [{ value: 'x'.repeat(3_000) }] })
  assert.equal(await protocolError(tooBig), 'MESSAGE_TOO_LARGE')
}

async function refusesExisting(context: TestContext): Promise<void> {
  const topic = await createTopic(context, 'exists')
  const admin = await connectedAdmin(context)
  // kafkajs says "not created" instead of raising the error when a topic exists already.
  assert.equal(await admin.createTopics({ topics: [{ topic }] }), false)
  assert.equal((await admin.fetchTopicMetadata({ topics: [topic] })).topics[0]!.partitions.length, 1)
}

async function refusesBadTopics(context: TestContext): Promise<void> {
  const admin = await connectedAdmin(context)
  const name = () => context.uniqueName('bad')
  const create = (topic: kafkajs.ITopicConfig) => topicErrors(admin.createTopics({ topics: [topic] }))
  assert.deepEqual(await create({ topic: 'no spaces' }), ['INVALID_TOPIC_EXCEPTION'])
  assert.deepEqual(await create({ topic: '..' }), ['INVALID_TOPIC_EXCEPTION'])
  assert.deepEqual(await create({ topic: 'x'.repeat(250) }), ['INVALID_TOPIC_EXCEPTION'])
  assert.deepEqual(await create({ topic: name(), numPartitions: 0 }), ['INVALID_PARTITIONS'])
  assert.deepEqual(await create({ topic: name(), replicationFactor: 100 }), ['INVALID_REPLICATION_FACTOR'])
  const configEntries = [{ name: 'retention.ms', value: 'not a number' }]
  assert.deepEqual(await create({ topic: name(), configEntries }), ['INVALID_CONFIG'])
  const unknownKey = [{ name: 'no.such.config', value: '1' }]
  assert.deepEqual(await create({ topic: name(), configEntries: unknownKey }), ['INVALID_CONFIG'])
}

async function validatesOnly(context: TestContext): Promise<void> {
  const admin = await connectedAdmin(context)
  const topic = context.uniqueName('validated')
  // With waitForLeaders, its default, kafkajs would go on to look for the leader of a topic that is not there.
  const dryRun = { validateOnly: true, waitForLeaders: false }
  assert.equal(await admin.createTopics({ ...dryRun, topics: [{ topic }] }), true)
  assert.ok(!(await admin.listTopics()).includes(topic), 'validateOnly created the topic')
  const refused = admin.createTopics({ ...dryRun, topics: [{ topic: 'no spaces' }] })
  assert.deepEqual(await topicErrors(refused), ['INVALID_TOPIC_EXCEPTION'])
}

async function deletesTopics(context: TestContext): Promise<void> {
  const admin = await connectedAdmin(context)
  const topic = await createTopic(context, 'deleted', 2)
  const producer = await connectedProducer(context)
  await producer.send({ topic, messages: [{ value: 'gone' }] })
  await admin.deleteTopics({ topics: [topic] })
  await eventually(
    'the topic to be gone',
    () => admin.listTopics(),
    listed => !listed.includes(topic),
  )
  const oneTry = await connectedAdmin(context, { retries: 0 })
  assert.equal(await protocolError(oneTry.deleteTopics({ topics: [topic] })), 'UNKNOWN_TOPIC_OR_PARTITION')
  // The same name again is another topic, with nothing in it.
  await createTopicNamed(context, topic)
  const again = await connectedProducer(context)
  await again.send({ topic, messages: [{ value: 'new' }] })
  assert.deepEqual(texts(await readTopics(context, [topic], 1)), ['new'])
}

async function fetchesTopicOffsets(context: TestContext): Promise<void> {
  const admin = await connectedAdmin(context)
  const topic = await createTopic(context, 'offsets', 2)
  const producer = await connectedProducer(context)
  const timestamps = [1_700_000_000_000, 1_700_000_010_000, 1_700_000_020_000]
  for (const timestamp of timestamps) {
    const messages = Array.from({ length: 4 }, (_, index) => ({
      value: 'v',
      partition: 0,
      timestamp: String(timestamp + index),
    }))
    await producer.send({ topic, messages })
  }
  const byPartition = <T extends { partition: number }>(offsets: T[]) =>
    [...offsets].sort((one, other) => one.partition - other.partition)
  assert.deepEqual(byPartition(await admin.fetchTopicOffsets(topic)), [
    { partition: 0, offset: '12', high: '12', low: '0' },
    { partition: 1, offset: '0', high: '0', low: '0' },
  ])
  const at = async (timestamp?: number) =>
    byPartition(await admin.fetchTopicOffsetsByTimestamp(topic, timestamp)).map(({ offset }) => offset)
  assert.deepEqual(await at(timestamps[0]), ['0', '0'])
  assert.deepEqual(await at(timestamps[1]! - 5_000), ['4', '0'])
  // Inside a batch: the record, not its batch.
  assert.deepEqual(await at(timestamps[1]! + 2), ['6', '0'])
  // After the last record kafkajs falls back to the end.
  assert.deepEqual(await at(timestamps[2]! + 1_000_000), ['12', '0'])
  assert.deepEqual(await at(), ['12', '0'])
  const oneTry = await connectedAdmin(context, { retries: 0 })
  const ofUnknown = oneTry.fetchTopicOffsets(context.uniqueName('unknown'))
  assert.equal(await protocolError(ofUnknown), 'UNKNOWN_TOPIC_OR_PARTITION')
}

async function describesUnknownTopics(context: TestContext): Promise<void> {
  const admin = await connectedAdmin(context)
  const topic = context.uniqueName('unknown')
  await assert.rejects(admin.fetchTopicMetadata({ topics: [topic] }), { type: 'UNKNOWN_TOPIC_OR_PARTITION' })
  assert.ok(!(await admin.listTopics()).includes(topic), 'asking about a topic created it')
}

async function describesGroups(context: TestContext): Promise<void> {
  const admin = await connectedAdmin(context)
  const topic = await createTopic(context, 'described', 2)
  const groupId = context.uniqueName('described-group')
  const unknown = context.uniqueName('no-group')
  const consumer = await connectedConsumer(context, { groupId })
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  const joined = nextJoin(consumer)
  await collectInto(consumer, collector<StoredRecord>())
  await joined
  const describe = async () => (await admin.describeGroups([groupId, unknown])).groups
  const isThis = (group: { groupId: string }) => group.groupId === groupId
  const groups = await eventually('a stable group', describe, all => all.find(isThis)?.state === 'Stable')
  const group = groups.find(isThis)!
  assert.equal(group.protocolType, 'consumer')
  assert.equal(group.protocol, 'RoundRobinAssigner')
  assert.equal(group.members.length, 1)
  const [member] = group.members
  assert.equal(member!.clientId, 'compat')
  assert.match(member!.clientHost, /^\/\d+\.\d+\.\d+\.\d+$/)
  const { assignment } = kafkajs.AssignerProtocol.MemberAssignment.decode(member!.memberAssignment)!
  assert.deepEqual(assignment, { [topic]: [0, 1] })
  const { topics } = kafkajs.AssignerProtocol.MemberMetadata.decode(member!.memberMetadata)!
  assert.deepEqual(topics, [topic])
  assert.equal(groups.find(group => group.groupId === unknown)!.state, 'Dead')
  assert.deepEqual((await consumer.describeGroup()).state, 'Stable')
  const listed = (await admin.listGroups()).groups
  assert.deepEqual(
    listed.find(group => group.groupId === groupId),
    { groupId, protocolType: 'consumer' },
  )
  assert.ok(!listed.some(group => group.groupId === unknown))

  await consumer.disconnect()
  const [empty] = (await admin.describeGroups([groupId])).groups
  assert.deepEqual({ state: empty!.state, members: empty!.members.length }, { state: 'Empty', members: 0 })
}

async function deletesGroups(context: TestContext): Promise<void> {
  const admin = await connectedAdmin(context)
  const topic = await createTopic(context, 'group-deleted')
  const groupId = context.uniqueName('deleted-group')
  const consumer = await connectedConsumer(context, { groupId })
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  const joined = nextJoin(consumer)
  await collectInto(consumer, collector<StoredRecord>())
  await joined
  await consumer.commitOffsets([{ topic, partition: 0, offset: '0' }])
  assert.deepEqual(await deletionErrors(admin, [groupId]), ['NON_EMPTY_GROUP'])
  await consumer.disconnect()
  const [deleted] = await admin.deleteGroups([groupId])
  assert.deepEqual({ groupId: deleted!.groupId, errorCode: deleted!.errorCode }, { groupId, errorCode: 0 })
  assert.ok(!(await admin.listGroups()).groups.some(group => group.groupId === groupId))
  assert.deepEqual(await deletionErrors(admin, [groupId]), ['GROUP_ID_NOT_FOUND'])
  const offsets = await committedOffsets(admin, groupId, topic)
  assert.deepEqual(
    offsets.map(({ offset }) => offset),
    ['-1'],
  )
}

async function deletionErrors(admin: Admin, groups: string[]): Promise<string[]> {
  const error = await admin.deleteGroups(groups).then(
    () => assert.fail('the group should not have been deleted'),
    (error: kafkajs.KafkaJSDeleteGroupsError) => error,
  )
  return error.groups.map(({ error }) => error!.type)
}

async function setsGroupOffsets(context: TestContext): Promise<void> {
  const admin = await connectedAdmin(context)
  const topic = await createTopic(context, 'group-offsets', 2)
  const other = await createTopic(context, 'group-offsets')
  const producer = await connectedProducer(context)
  const messages = Array.from({ length: 20 }, (_, index) => ({ value: `v${index}`, partition: index % 2 }))
  await producer.send({ topic, messages })
  const groupId = context.uniqueName('offsets-group')
  const committed = async () => {
    return (await committedOffsets(admin, groupId, topic)).map(({ offset }) => offset)
  }
  assert.deepEqual(await committed(), ['-1', '-1'])
  await admin.setOffsets({
    groupId,
    topic,
    partitions: [
      { partition: 0, offset: '3' },
      { partition: 1, offset: '7' },
    ],
  })
  assert.deepEqual(await committed(), ['3', '7'])
  const everything = await admin.fetchOffsets({ groupId })
  assert.deepEqual(
    everything.map(({ topic }) => topic),
    [topic],
    'the offsets of all topics',
  )
  assert.ok(!everything.some(offsets => offsets.topic === other))

  const consumer = await connectedConsumer(context, { groupId })
  const records = collector<StoredRecord>()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await collectInto(consumer, records)
  await records.until(({ length }) => length === 10, 'the records from the offsets set')
  await consumer.disconnect()
  assert.equal(records.items.length, 10)
  assert.equal(Math.min(...records.items.filter(r => r.partition === 0).map(r => r.offset)), 3)
  assert.equal(Math.min(...records.items.filter(r => r.partition === 1).map(r => r.offset)), 7)
}

async function resetsGroupOffsets(context: TestContext): Promise<void> {
  const admin = await connectedAdmin(context)
  const otherAdmin = await connectedAdmin(context)
  const topic = await createTopic(context, 'reset-offsets', 2)
  const producer = await connectedProducer(context)
  const messages = Array.from({ length: 20 }, (_, index) => ({ value: `v${index}`, partition: index % 2 }))
  await producer.send({ topic, messages })
  const atStart = context.uniqueName('reset-group')
  const atEnd = context.uniqueName('reset-group')
  // Side by side, because kafkajs sits out a whole empty fetch for each of them.
  await Promise.all([
    admin.resetOffsets({ groupId: atStart, topic, earliest: true }),
    otherAdmin.resetOffsets({ groupId: atEnd, topic, earliest: false }),
  ])
  const resolved = async (groupId: string) => {
    const [offsets] = await admin.fetchOffsets({ groupId, topics: [topic], resolveOffsets: true })
    return offsets!.partitions.map(({ offset }) => offset)
  }
  assert.deepEqual(await resolved(atStart), ['0', '0'])
  assert.deepEqual(await resolved(atEnd), ['10', '10'])
}

async function refusesOffsetsOfLiveGroup(context: TestContext): Promise<void> {
  const admin = await connectedAdmin(context)
  const topic = await createTopic(context, 'live-offsets')
  const groupId = context.uniqueName('live-group')
  const consumer = await connectedConsumer(context, { groupId })
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  const joined = nextJoin(consumer)
  await collectInto(consumer, collector<StoredRecord>())
  await joined
  const set = admin.setOffsets({ groupId, topic, partitions: [{ partition: 0, offset: '0' }] })
  await assert.rejects(set, /consumer group must have no running instances/i)
}

async function describesCluster(context: TestContext): Promise<void> {
  const admin = await connectedAdmin(context)
  const { brokers, controller, clusterId } = await admin.describeCluster()
  assert.equal(brokers.length, 1)
  assert.equal(controller, brokers[0]!.nodeId)
  assert.equal(`${brokers[0]!.host}:${brokers[0]!.port}`, context.bootstrap)
  assert.match(clusterId, /^[A-Za-z0-9_-]{10,}$/)
  assert.equal((await admin.describeCluster()).clusterId, clusterId)
}

export const administerCapabilities: Capability[] = inArea('topics', [
  { name: 'createTopics with partitions and configs', test: createsTopics },
  { name: 'createTopics of a topic that exists', test: refusesExisting },
  { name: 'createTopics with bad names, partitions, replicas, configs', test: refusesBadTopics },
  { name: 'createTopics with validateOnly', test: validatesOnly },
  { name: 'deleteTopics, and the same name again', test: deletesTopics },
  {
    name: 'fetchTopicOffsets and fetchTopicOffsetsByTimestamp',
    area: 'timestamps',
    test: fetchesTopicOffsets,
  },
  { name: 'fetchTopicMetadata of an unknown topic', test: describesUnknownTopics },
  { name: 'describeGroups and listGroups', area: 'group admin', test: describesGroups },
  { name: 'deleteGroups', area: 'group admin', test: deletesGroups },
  { name: 'setOffsets and fetchOffsets', area: 'group admin', test: setsGroupOffsets },
  { name: 'resetOffsets to earliest and latest', area: 'group admin', test: resetsGroupOffsets },
  { name: 'setOffsets of a live group is refused', area: 'group admin', test: refusesOffsetsOfLiveGroup },
  { name: 'describeCluster', area: 'cluster', test: describesCluster },
])

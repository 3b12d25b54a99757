/**
 * What the admin client relies on: topics, their offsets and records, groups and their offsets.
 */

import assert from 'node:assert/strict'
import { type Capability, inArea, type TestContext } from '../capability.ts'
import { numberedValues, texts } from '../record-values.ts'
import { collector, eventually } from '../wait-for.ts'
import {
  collectInto,
  commit,
  connectedAdmin,
  connectedConsumer,
  connectedProducer,
  createTopic,
  errorCode,
  groupStates,
  readTopics,
  type StoredRecord,
} from './client.ts'
import type { Admin, Settings } from './package.ts'

const codes = {
  offsetOutOfRange: 1,
  unknownTopicOrPartition: 3,
  messageSizeTooLarge: 10,
  invalidTopic: 17,
  invalidPartitions: 37,
  invalidReplicationFactor: 38,
  invalidConfig: 40,
  nonEmptyGroup: 68,
  groupIdNotFound: 69,
}

/** The codes behind an error that gathers one for each topic, partition or group, or the only one. */
async function innerCodes(promise: Promise<unknown>): Promise<number[]> {
  type Inner = { code?: number; error?: { code: number } }
  type Gathered = Inner & Partial<Record<'errors' | 'groups' | 'partitions', Inner[]>>
  const error = await promise.then(
    () => assert.fail('the request should have been refused'),
    (error: Gathered) => error,
  )
  const inner = error.errors ?? error.groups ?? error.partitions ?? [error]
  return inner.map(one => one.code ?? one.error!.code)
}

async function createsTopics(context: TestContext): Promise<void> {
  const admin = await connectedAdmin(context)
  const topics = [context.uniqueName('created'), context.uniqueName('created')]
  const created = await admin.createTopics({
    topics: [
      { topic: topics[0]!, numPartitions: 5, replicationFactor: 1 },
      {
        topic: topics[1]!,
        numPartitions: 1,
        configEntries: [{ name: 'max.message.bytes', value: '2000' }],
      },
    ],
  })
  assert.equal(created, true)
  await eventually(
    'both topics to be listed',
    () => admin.listTopics(),
    listed => topics.every(topic => listed.includes(topic)),
  )
  const metadata = await admin.fetchTopicMetadata({ topics })
  const partitionsOf = (topic: string) => metadata.find(({ name }) => name === topic)!.partitions
  assert.deepEqual(
    partitionsOf(topics[0]!)
      .map(({ partitionId }) => partitionId)
      .sort(),
    [0, 1, 2, 3, 4],
  )
  for (const { leader, replicas, isr } of partitionsOf(topics[0]!)) {
    assert.deepEqual(replicas, [leader])
    assert.deepEqual(isr, [leader])
  }
  const producer = await connectedProducer(context)
  const tooBig = producer.send({ topic: topics[1]!, messages: [{ value: 'x'.repeat(3_000) }] })
  assert.equal(await errorCode(tooBig), codes.messageSizeTooLarge, 'the config is not in force')
  assert.equal(await admin.createTopics({ topics: [{ topic: topics[0]! }] }), false, 'it is there already')
}

async function refusesBadTopics(context: TestContext): Promise<void> {
  const admin = await connectedAdmin(context)
  const create = (settings: Settings & { topic?: string }) =>
    innerCodes(admin.createTopics({ topics: [{ topic: context.uniqueName('bad'), ...settings }] }))
  assert.deepEqual(await create({ topic: 'no spaces' }), [codes.invalidTopic])
  assert.deepEqual(await create({ topic: 'x'.repeat(250) }), [codes.invalidTopic])
  assert.deepEqual(await create({ replicationFactor: 100 }), [codes.invalidReplicationFactor])
  const configEntries = [{ name: 'retention.ms', value: 'not a number' }]
  assert.deepEqual(await create({ configEntries }), [codes.invalidConfig])
  const unknownKey = [{ name: 'no.such.config', value: '1' }]
  assert.deepEqual(await create({ configEntries: unknownKey }), [codes.invalidConfig])
}

async function deletesTopics(context: TestContext): Promise<void> {
  const admin = await connectedAdmin(context)
  const topic = await createTopic(context, 'deleted', 2)
  await admin.deleteTopics({ topics: [topic] })
  await eventually(
    'the topic to be gone',
    () => admin.listTopics(),
    listed => !listed.includes(topic),
  )
  assert.deepEqual(await innerCodes(admin.deleteTopics({ topics: [topic] })), [codes.unknownTopicOrPartition])
}

async function fetchesTopicOffsets(context: TestContext): Promise<void> {
  const admin = await connectedAdmin(context)
  const topic = await createTopic(context, 'offsets', 2)
  const producer = await connectedProducer(context)
  const messages = numberedValues(12).map(value => ({ value, partition: 0 }))
  await producer.send({ topic, messages })
  const offsets = await eventually(
    'the end of the topic',
    () => admin.fetchTopicOffsets(topic),
    found => found.some(({ high }) => high === '12'),
  )
  assert.deepEqual(offsets, [
    { partition: 0, offset: '12', low: '0', high: '12' },
    { partition: 1, offset: '0', low: '0', high: '0' },
  ])
  await assert.rejects(admin.fetchTopicOffsets(context.uniqueName('unknown')))
}

async function deletesRecords(context: TestContext): Promise<void> {
  const admin = await connectedAdmin(context)
  const topic = await createTopic(context, 'records-deleted', 2)
  const producer = await connectedProducer(context)
  const values = numberedValues(40)
  await producer.send({ topic, messages: values.map((value, index) => ({ value, partition: index % 2 })) })
  const remove = (offset: string) =>
    admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset }] })
  const [deleted] = await remove('15')
  assert.deepEqual([deleted!.partition, deleted!.lowWatermark], [0, 15])
  const offsets = await admin.fetchTopicOffsets(topic)
  assert.deepEqual(
    offsets.map(({ low }) => low),
    ['15', '0'],
  )
  const expected = values.filter((_, index) => index % 2 === 1 || index >= 30)
  assert.deepEqual(texts(await readTopics(context, [topic], 25)).sort(), expected.sort())
  assert.deepEqual(await innerCodes(remove('1000')), [codes.offsetOutOfRange])
}

/** A group of one member that reads the topic. */
async function runningGroup(context: TestContext, topic: string) {
  const groupId = context.uniqueName('group')
  const consumer = await connectedConsumer(context, { kafkaJS: { groupId } })
  const records = collector<StoredRecord>()
  await consumer.subscribe({ topics: [topic] })
  await collectInto(consumer, records)
  return { groupId, consumer, records }
}

async function describesGroups(context: TestContext): Promise<void> {
  const admin = await connectedAdmin(context)
  const topic = await createTopic(context, 'described', 2)
  const { groupId, consumer } = await runningGroup(context, topic)
  const unknown = context.uniqueName('no-group')
  const describe = async (id: string) => (await admin.describeGroups([id])).groups[0]!
  const group = await eventually(
    'a stable group',
    () => describe(groupId),
    ({ state }) => state === groupStates.stable,
  )
  assert.deepEqual([group.protocol, group.isSimpleConsumerGroup], ['roundrobin', false])
  assert.equal(group.members.length, 1)
  const [member] = group.members
  assert.equal(member!.clientId, 'compat')
  assert.match(member!.clientHost, /^\/\d+\.\d+\.\d+\.\d+$/)
  const owned = member!.assignment.topicPartitions.map(({ partition }) => partition)
  assert.deepEqual(owned.sort(), [0, 1])
  assert.equal((await describe(unknown)).state, groupStates.dead)
  const listed = await listedGroup(admin, groupId)
  assert.deepEqual([listed?.state, listed?.isSimpleConsumerGroup], [groupStates.stable, false])
  assert.equal(await listedGroup(admin, unknown), undefined)
  assert.equal(await listedGroup(admin, groupId, [groupStates.empty]), undefined, 'in another state')
  await consumer.disconnect()
  const empty = await describe(groupId)
  assert.deepEqual([empty.state, empty.members.length], [groupStates.empty, 0])
  assert.equal((await listedGroup(admin, groupId, [groupStates.empty]))?.groupId, groupId)
}

async function listedGroup(admin: Admin, groupId: string, states?: number[]) {
  const { groups, errors } = await admin.listGroups({ matchConsumerGroupStates: states })
  assert.deepEqual(errors, [])
  return groups.find(group => group.groupId === groupId)
}

async function deletesGroups(context: TestContext): Promise<void> {
  const admin = await connectedAdmin(context)
  const topic = await createTopic(context, 'group-deleted')
  const { groupId, consumer } = await runningGroup(context, topic)
  await eventually(
    'the member to have joined',
    () => listedGroup(admin, groupId),
    group => group?.state === groupStates.stable,
  )
  await commit(context, consumer, groupId, [{ topic, partition: 0, offset: '0' }])
  assert.deepEqual(await innerCodes(admin.deleteGroups([groupId])), [codes.nonEmptyGroup])
  await consumer.disconnect()
  const [deleted] = await admin.deleteGroups([groupId])
  assert.equal(deleted!.groupId, groupId)
  assert.deepEqual(await innerCodes(admin.deleteGroups([groupId])), [codes.groupIdNotFound])
  assert.equal(await listedGroup(admin, groupId), undefined)
}

export const administerCapabilities: Capability[] = inArea('topics', [
  { name: 'createTopics with partitions and configs', test: createsTopics },
  { name: 'createTopics with bad names, replicas, configs', test: refusesBadTopics },
  { name: 'deleteTopics', test: deletesTopics },
  { name: 'fetchTopicOffsets', test: fetchesTopicOffsets },
  { name: 'deleteTopicRecords', test: deletesRecords },
  { name: 'describeGroups and listGroups, by state', area: 'group admin', test: describesGroups },
  { name: 'deleteGroups', area: 'group admin', test: deletesGroups },
])

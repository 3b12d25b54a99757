/** The admin client of each age, with as much as it has. */

import assert from 'node:assert/strict'
import { type Capability, Skipped, type TestContext } from '../capability.ts'
import { numberedValues, texts } from '../record-values.ts'
import { eventually } from '../wait-for.ts'
import type { Age } from './ages.ts'
import { type AgeTest, capabilitiesOfAge } from './capability-of-age.ts'
import { type Admin, createTopic, openAdmin, openConsumer, openProducer, readTopic } from './clients.ts'
import type { JavaError } from './driver.ts'

const hourAgo = Date.now() - 3_600_000

const refusedWith = (type: string) => (error: JavaError) => {
  assert.equal(error.type, type, error.message)
  return true
}

async function topics(context: TestContext, age: Age): Promise<void> {
  const admin = await openAdmin(context, age)
  const topic = await createTopic(context, age, 'java-topic', 3)
  const described = await admin.call('describeTopic', topic)
  assert.deepEqual(
    described.filter((_, index) => index % 4 === 0),
    ['0', '1', '2'],
  )
  // Leader, replicas and replicas in sync are the one broker.
  for (let index = 0; index < described.length; index += 4)
    assert.equal(new Set(described.slice(index + 1, index + 4)).size, 1)
  assert.ok((await admin.call('listTopics')).includes(topic))
  await assert.rejects(admin.call('createTopic', topic, 1), refusedWith('TopicExistsException'))
  await assert.rejects(admin.call('createTopic', 'no spaces', 1), refusedWith('InvalidTopicException'))
  const none = context.uniqueName('java-none')
  await assert.rejects(admin.call('createTopic', none, 0), refusedWith('InvalidPartitionsException'))
  const nonsense = admin.call('createTopic', none, 1, 'retention.ms', 'long')
  await assert.rejects(nonsense, refusedWith('InvalidConfigurationException'))
  await assert.rejects(admin.call('describeTopic', none), refusedWith('UnknownTopicOrPartitionException'))

  if (age.deletesRecords) {
    await admin.call('createPartitions', topic, 5)
    const isSo = (fields: (string | null)[]) => fields.length === 5 * 4
    await eventually('five partitions', () => admin.call('describeTopic', topic), isSo)
    const fewer = admin.call('createPartitions', topic, 2)
    await assert.rejects(fewer, refusedWith('InvalidPartitionsException'))
  }
  await admin.call('deleteTopics', topic)
  await eventually(
    'the topic to be gone',
    () => admin.call('listTopics'),
    all => !all.includes(topic),
  )
  const again = admin.call('deleteTopics', topic)
  await assert.rejects(again, refusedWith('UnknownTopicOrPartitionException'))
}

/** Kafka 4.0 took DescribeConfigs 0 away, the only one that 0.11 speaks: against it that is not to be had. */
async function describeConfigs(admin: Admin, ...resource: [type: string, name: string]): Promise<Configs> {
  const described = admin.call('describeConfigs', ...resource)
  return configsOf(
    await described.catch((error: JavaError) => {
      if (error.type !== 'UnsupportedVersionException') throw error
      throw new Skipped(error.message)
    }),
  )
}

async function cluster(context: TestContext, age: Age): Promise<void> {
  const admin = await openAdmin(context, age)
  const [clusterId, controller, node, address, ...others] = await admin.call('describeCluster')
  assert.match(clusterId!, /^[\w-]{22}$/)
  assert.equal(controller, node)
  assert.equal(address, context.bootstrap)
  assert.deepEqual(others, [])
  const broker = await describeConfigs(admin, 'BROKER', node!)
  assert.equal(broker.get('group.initial.rebalance.delay.ms')?.value, '0')
  assert.equal(broker.get('socket.request.max.bytes')?.value, '104857600')
}

type Configs = Map<string, { value: string | null; isDefault: boolean }>

function configsOf(fields: (string | null)[]): Configs {
  const configs: Configs = new Map()
  for (let index = 0; index < fields.length; index += 3)
    configs.set(fields[index]!, { value: fields[index + 1]!, isDefault: fields[index + 2] === 'true' })
  return configs
}

async function configs(context: TestContext, age: Age): Promise<void> {
  const admin = await openAdmin(context, age)
  const topic = await createTopic(context, age, 'java-configs', 1, { 'retention.ms': '3600000' })
  const described = (isSo: (configs: Configs) => boolean) =>
    eventually('the configurations', () => describeConfigs(admin, 'TOPIC', topic), isSo)
  const first = await described(() => true)
  assert.deepEqual(first.get('retention.ms'), { value: '3600000', isDefault: false })
  assert.deepEqual(first.get('cleanup.policy'), { value: 'delete', isDefault: age.tellsDefaults })
  if (age.replacesConfigs) {
    // What is not named is as if it had never been set.
    await admin.call('replaceConfigs', 'TOPIC', topic, 'max.message.bytes', '2000')
    const replaced = await described(all => all.get('max.message.bytes')?.value === '2000')
    assert.deepEqual(replaced.get('retention.ms'), { value: '604800000', isDefault: age.tellsDefaults })
    await tooLargeNow(context, age, topic)
    const unknown = admin.call('replaceConfigs', 'TOPIC', topic, 'no.such.config', '1')
    await assert.rejects(unknown, refusedWith('InvalidConfigurationException'))
  }
  if (!age.altersConfigs) return
  const change = (...changes: string[]) => admin.call('alterConfigs', 'TOPIC', topic, ...changes)
  await change(
    'SET',
    'retention.ms',
    '7200000',
    'APPEND',
    'cleanup.policy',
    'compact',
    'SET',
    'max.message.bytes',
    '2000',
  )
  const altered = await described(all => all.get('retention.ms')?.value === '7200000')
  assert.deepEqual(altered.get('cleanup.policy'), { value: 'delete,compact', isDefault: false })
  await tooLargeNow(context, age, topic)
  await change(
    'DELETE',
    'retention.ms',
    '',
    'SUBTRACT',
    'cleanup.policy',
    'compact',
    'DELETE',
    'max.message.bytes',
    '',
  )
  const without = await described(all => all.get('retention.ms')?.isDefault === true)
  assert.deepEqual(without.get('cleanup.policy'), { value: 'delete', isDefault: false })
  await assert.rejects(change('SET', 'no.such.config', '1'), refusedWith('InvalidConfigurationException'))
  await assert.rejects(change('SET', 'retention.ms', 'long'), refusedWith('InvalidConfigurationException'))
}

async function tooLargeNow(context: TestContext, age: Age, topic: string): Promise<void> {
  const producer = await openProducer(context, age)
  const refused = producer.send(topic, [{ key: 'k', value: 'x'.repeat(3_000) }])
  await assert.rejects(refused, refusedWith('RecordTooLargeException'))
}

async function deletesRecords(context: TestContext, age: Age): Promise<void> {
  const admin = await openAdmin(context, age)
  const topic = await createTopic(context, age, 'java-delete-records')
  const producer = await openProducer(context, age)
  const values = numberedValues(20)
  await producer.send(
    topic,
    values.map(value => ({ value })),
  )
  assert.deepEqual(await admin.call('deleteRecords', topic, 0, 15), ['15'])
  assert.deepEqual(texts(await readTopic(context, age, topic, 1, 5)), values.slice(15))
  await assert.rejects(admin.call('deleteRecords', topic, 0, 21), refusedWith('OffsetOutOfRangeException'))
  assert.deepEqual(await admin.call('deleteRecords', topic, 0, -1), ['20'])
  const consumer = await openConsumer(context, age)
  assert.deepEqual(await consumer.call('beginningOffsets', topic, 0), ['20'])
}

async function groups(context: TestContext, age: Age): Promise<void> {
  const admin = await openAdmin(context, age)
  const topic = await createTopic(context, age, 'java-managed', 2)
  const producer = await openProducer(context, age)
  await producer.send(
    topic,
    [0, 1].map(partition => ({ value: 'value', partition })),
  )
  const groupId = context.uniqueName('java-managed')
  const consumer = await openConsumer(context, age, {
    'group.id': groupId,
    'partition.assignment.strategy': age.assignors.range!,
  })
  await consumer.subscribe(topic)
  await consumer.records.until(({ length }) => length === 2, 'the values')
  await consumer.call('commitSync', topic, 0, 1, 'here', topic, 1, 0, '')
  assert.ok((await admin.call('listGroups')).includes(groupId))
  const [state, assignor, coordinator, clientId, host, owned, ...others] = await describe(
    admin,
    groupId,
    'STABLE',
  )
  assert.deepEqual([assignor, clientId, host, owned], ['range', consumer.name, '/127.0.0.1', '2'])
  assert.deepEqual([state, others], ['STABLE', []])
  assert.match(coordinator!, /^\d+$/)
  assert.deepEqual(await admin.call('groupOffsets', groupId), ['0', '1', 'here', '1', '0', ''])
  // What has members cannot be taken from them.
  await assert.rejects(admin.call('deleteGroups', groupId), refusedWith('GroupNotEmptyException'))
  const alteration = admin.call('alterGroupOffset', groupId, topic, 0, 0)
  await assert.rejects(alteration, refusedWith('UnknownMemberIdException'))
  const deletion = admin.call('deleteGroupOffset', groupId, topic, 0)
  await assert.rejects(deletion, refusedWith('GroupSubscribedToTopicException'))

  await consumer.close()
  await describe(admin, groupId, 'EMPTY')
  await admin.call('alterGroupOffset', groupId, topic, 1, 1)
  await admin.call('deleteGroupOffset', groupId, topic, 0)
  assert.deepEqual(await admin.call('groupOffsets', groupId), ['1', '1', ''])
  await admin.call('deleteGroups', groupId)
  assert.ok(!(await admin.call('listGroups')).includes(groupId))
  await assert.rejects(admin.call('deleteGroups', groupId), refusedWith('GroupIdNotFoundException'))
}

async function describe(admin: Admin, groupId: string, state: string): Promise<(string | null)[]> {
  const isSo = (fields: (string | null)[]) => fields[0] === state
  return await eventually(`the group to be ${state}`, () => admin.call('describeGroup', groupId), isSo)
}

async function offsets(context: TestContext, age: Age): Promise<void> {
  const admin = await openAdmin(context, age)
  const topic = await createTopic(context, age, 'java-list-offsets')
  const producer = await openProducer(context, age)
  const records = [1, 3, 2].map(second => ({ value: 'value', timestamp: hourAgo + second * 1_000 }))
  await producer.send(topic, records)
  assert.deepEqual(await admin.call('listOffset', topic, 0, 'earliest'), ['0', '-1'])
  assert.deepEqual(await admin.call('listOffset', topic, 0, 'latest'), ['3', '-1'])
  assert.deepEqual(await admin.call('listOffset', topic, 0, hourAgo + 2_000), ['1', String(hourAgo + 3_000)])
  assert.deepEqual(await admin.call('listOffset', topic, 0, hourAgo + 9_000), ['-1', '-1'])
}

const recordTests: AgeTest[] = [['topics', 'admin: deleting records', deletesRecords]]
const groupTests: AgeTest[] = [
  ['group admin', 'admin: groups and their offsets', groups],
  ['timestamps', 'admin: offsets', offsets],
]

export function administerCapabilities(age: Age): Capability[] {
  return capabilitiesOfAge(age, [
    ['topics', 'admin: topics', topics],
    ['cluster', 'admin: the cluster and its broker', cluster],
    ['configs', 'admin: configurations', configs],
    ...(age.deletesRecords ? recordTests : []),
    ...(age.managesGroups ? groupTests : []),
  ])
}

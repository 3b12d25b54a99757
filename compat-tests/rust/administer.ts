/** What krafka's admin client relies on: topics, configurations, records, groups and their offsets, the cluster. */

import assert from 'node:assert/strict'
import { type Capability, inArea, type TestContext } from '../capability.ts'
import { numberedValues, texts } from '../record-values.ts'
import { eventually } from '../wait-for.ts'
import { createTopic, endOf, errorCode, openConsumer, openProducer, readTopic } from './client.ts'
import { type Driver, startDriver } from './driver.ts'

const codes = {
  offsetOutOfRange: 1,
  unknownTopicOrPartition: 3,
  unknownMemberId: 25,
  topicAlreadyExists: 36,
  invalidPartitions: 37,
  invalidReplicationFactor: 38,
  invalidConfig: 40,
  nonEmptyGroup: 68,
  groupIdNotFound: 69,
}

async function createsTopics(context: TestContext): Promise<void> {
  const driver = startDriver(context)
  const topic = await createTopic(context, driver, 'created', 5)
  const described = await driver.call<{ leader: number; replicas: number[]; isr: number[] }[]>(
    'admin.describeTopic',
    { topic },
  )
  assert.equal(described.length, 5)
  for (const { leader, replicas, isr } of described) assert.deepEqual([replicas, isr], [[leader], [leader]])
  const create = (settings: object) =>
    errorCode(
      driver.call('admin.createTopic', {
        topic: context.uniqueName('bad'),
        partitions: 1,
        replicationFactor: 1,
        ...settings,
      }),
    )
  assert.equal(await create({ topic }), codes.topicAlreadyExists)
  assert.equal(await create({ replicationFactor: 100 }), codes.invalidReplicationFactor)
  assert.equal(await create({ configs: { 'retention.ms': 'soon' } }), codes.invalidConfig)
  assert.equal(await create({ configs: { 'no.such.config': '1' } }), codes.invalidConfig)
  const validated = context.uniqueName('validated')
  const dryRun = { topic: validated, partitions: 1, replicationFactor: 1, validateOnly: true }
  await driver.call('admin.createTopic', dryRun)
  assert.ok(!(await driver.call<string[]>('admin.listTopics')).includes(validated))
}

async function addsPartitions(context: TestContext): Promise<void> {
  const driver = startDriver(context)
  const topic = await createTopic(context, driver, 'grown', 2)
  await driver.call('admin.createPartitions', { topic, partitions: 4 })
  await eventually(
    'the new partitions to be described',
    () => driver.call<object[]>('admin.describeTopic', { topic }),
    partitions => partitions.length === 4,
  )
  const shrink = driver.call('admin.createPartitions', { topic, partitions: 1 })
  assert.equal(await errorCode(shrink), codes.invalidPartitions)
}

async function deletesTopics(context: TestContext): Promise<void> {
  const driver = startDriver(context)
  const topic = await createTopic(context, driver, 'deleted', 2)
  await driver.call('admin.deleteTopic', { topic })
  await eventually(
    'the topic to be gone',
    () => driver.call<string[]>('admin.listTopics'),
    listed => !listed.includes(topic),
  )
  assert.equal(await errorCode(driver.call('admin.deleteTopic', { topic })), codes.unknownTopicOrPartition)
  const described = driver.call('admin.describeTopic', { topic })
  assert.equal(await errorCode(described), codes.unknownTopicOrPartition)
}

async function altersConfigs(context: TestContext): Promise<void> {
  const driver = startDriver(context)
  const topic = await createTopic(context, driver, 'configured', 1, { 'retention.ms': '3600000' })
  const configNames = ['retention.ms', 'segment.ms']
  const described = () => driver.call<Record<string, string>>('admin.describeConfigs', { topic, configNames })
  assert.deepEqual(await described(), { 'retention.ms': '3600000', 'segment.ms': '604800000' })
  const alter = (settings: object) => driver.call('admin.alterConfigs', { topic, ...settings })
  await alter({ configs: { 'segment.ms': '86400000' }, deletedConfigs: ['retention.ms'] })
  await eventually(
    'the topic to be altered',
    described,
    found => found['segment.ms'] === '86400000' && found['retention.ms'] === '604800000',
  )
  assert.equal(await errorCode(alter({ configs: { 'segment.ms': 'long' } })), codes.invalidConfig)
  await alter({ configs: { 'segment.ms': '1000000' }, validateOnly: true })
  assert.equal((await described())['segment.ms'], '86400000')
}

async function deletesRecords(context: TestContext): Promise<void> {
  const driver = startDriver(context)
  const topic = await createTopic(context, driver, 'records-deleted')
  const producer = await openProducer(driver)
  const values = numberedValues(40)
  await producer.send(values.map(value => ({ topic, value })))
  const remove = (offset: number) => driver.call('admin.deleteRecords', { topic, partition: 0, offset })
  await remove(15)
  const { offset } = await driver.call<{ offset: number }>('admin.listOffset', {
    topic,
    partition: 0,
    timestamp: -2,
  })
  assert.equal(offset, 15)
  assert.deepEqual(texts(await readTopic(driver, topic, 1, 25)), values.slice(15))
  assert.equal(await errorCode(remove(1_000)), codes.offsetOutOfRange)
  assert.equal(await endOf(driver, topic, 0), 40)
}

interface GroupDescription {
  state: string
  assignor: string
  members: { clientId: string; clientHost: string; owned: number[] }[]
}

async function administersGroups(context: TestContext): Promise<void> {
  const driver = startDriver(context)
  const topic = await createTopic(context, driver, 'administered', 2)
  const producer = await openProducer(driver)
  await producer.send([{ topic, value: 'one', partition: 0 }])
  const groupId = context.uniqueName('group')
  const consumer = await openConsumer(driver, { groupId })
  await consumer.call('subscribe', { topics: [topic] })
  await consumer.poll(1)
  await consumer.call('commit')
  const describe = () => driver.call<GroupDescription>('admin.describeGroup', { groupId, topic })
  const group = await describe()
  assert.deepEqual([group.state, group.assignor, group.members.length], ['Stable', 'range', 1])
  const [member] = group.members
  assert.deepEqual([member!.clientId, member!.owned.sort()], ['compat', [0, 1]])
  assert.match(member!.clientHost, /^\/\d+\.\d+\.\d+\.\d+$/)
  assert.deepEqual(await listed(driver, groupId, ['Stable']), {
    groupId,
    state: 'Stable',
    protocolType: 'consumer',
  })
  assert.equal(await listed(driver, groupId, ['Empty']), undefined)
  const remove = () => driver.call('admin.deleteGroup', { groupId })
  const set = (offset: number) =>
    driver.call('admin.setGroupOffset', { groupId, topic, partition: 0, offset })
  assert.equal(await errorCode(remove()), codes.nonEmptyGroup)
  assert.equal(await errorCode(set(0)), codes.unknownMemberId)
  await consumer.call('close')
  assert.equal((await describe()).state, 'Empty')
  await set(0)
  const offsets = await driver.call<{ partition: number; offset: number }[]>('admin.groupOffsets', {
    groupId,
  })
  assert.equal(offsets.find(({ partition }) => partition === 0)?.offset, 0)
  await remove()
  assert.equal(await errorCode(remove()), codes.groupIdNotFound)
  assert.equal(await listed(driver, groupId), undefined)
}

async function listed(driver: Driver, groupId: string, states: string[] = []): Promise<object | undefined> {
  const groups = await driver.call<{ groupId: string }[]>('admin.listGroups', { states })
  return groups.find(group => group.groupId === groupId)
}

async function describesCluster(context: TestContext): Promise<void> {
  const driver = startDriver(context)
  const cluster = await driver.call<{ clusterId: string; brokers: string[] }>('admin.describeCluster')
  assert.deepEqual(cluster.brokers, [context.bootstrap])
  assert.match(cluster.clusterId, /^[A-Za-z0-9_-]{10,}$/)
}

export const administerCapabilities: Capability[] = inArea('topics', [
  { name: 'create topics, validate them, be refused', test: createsTopics },
  { name: 'create partitions', test: addsPartitions },
  { name: 'delete topics', test: deletesTopics },
  { name: 'delete records', test: deletesRecords },
  { name: 'describe and alter configurations', area: 'configs', test: altersConfigs },
  {
    name: 'list, describe and delete groups, set their offsets',
    area: 'group admin',
    test: administersGroups,
  },
  { name: 'describe the cluster', area: 'cluster', test: describesCluster },
])

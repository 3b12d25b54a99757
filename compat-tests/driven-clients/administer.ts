/** What an administrator is relied on for: topics, configs, groups and their offsets, records, the cluster. */

import assert from 'node:assert/strict'
import { inArea, type TestContext } from '../capability.ts'
import { texts } from '../record-values.ts'
import { eventually } from '../wait-for.ts'
import type { DrivenCapability, Subject } from './driven-client.ts'
import type { DriverError, TopicToCreate } from './driver.ts'
import {
  createTopic,
  errorCodes,
  filledTopic,
  numberedValues,
  partitionsOf,
  readTopic,
  topicAnswers,
} from './topics.ts'

async function createsTopics(subject: Subject, context: TestContext): Promise<void> {
  const driver = subject.open(context)
  const [wide, configured] = [context.uniqueName('created'), context.uniqueName('created')]
  const topics: TopicToCreate[] = [
    { name: wide, partitions: 5 },
    { name: configured, partitions: 1, configs: { 'retention.ms': '86400000', 'max.message.bytes': '2000' } },
  ]
  const codes = await driver.call('createTopics', { topics, validateOnly: false })
  assert.deepEqual(codes, { [wide]: 0, [configured]: 0 })
  await eventually(
    'both topics to be listed',
    () => driver.call('listTopics', {}),
    listed => listed.includes(wide) && listed.includes(configured),
  )
  await topicAnswers(driver, wide, 5)
  const partitions = await driver.call('describeTopic', { topic: wide })
  assert.deepEqual(partitions.map(({ partition }) => partition).sort(), partitionsOf(5))
  for (const { leader, replicas, isr } of partitions) {
    assert.deepEqual(replicas, [leader])
    assert.deepEqual(isr, [leader])
  }
  const configs = await driver.call('describeConfigs', { type: 'topic', name: configured })
  assert.deepEqual(configs['retention.ms'], { value: '86400000', isDefault: false })
  assert.deepEqual(configs['max.message.bytes'], { value: '2000', isDefault: false })
  assert.deepEqual(configs['cleanup.policy'], { value: 'delete', isDefault: true })
}

async function refusesTopics(subject: Subject, context: TestContext): Promise<void> {
  const driver = subject.open(context)
  const create = async (topic: Partial<TopicToCreate>) => {
    const name = topic.name ?? context.uniqueName('bad')
    const codes = await driver.call('createTopics', {
      topics: [{ partitions: 1, ...topic, name }],
      validateOnly: false,
    })
    return codes[name]
  }
  const existing = await createTopic(context, driver, 'exists')
  assert.equal(await create({ name: existing }), errorCodes.TOPIC_ALREADY_EXISTS)
  assert.equal(await create({ name: 'no spaces' }), errorCodes.INVALID_TOPIC_EXCEPTION)
  assert.equal(await create({ name: 'x'.repeat(250) }), errorCodes.INVALID_TOPIC_EXCEPTION)
  assert.equal(await create({ replicationFactor: 100 }), errorCodes.INVALID_REPLICATION_FACTOR)
  assert.equal(await create({ configs: { 'retention.ms': 'not a number' } }), errorCodes.INVALID_CONFIG)
  assert.equal(await create({ configs: { 'no.such.config': '1' } }), errorCodes.INVALID_CONFIG)
}

async function validatesTopics(subject: Subject, context: TestContext): Promise<void> {
  const driver = subject.open(context)
  const name = context.uniqueName('validated')
  const validate = (name: string) =>
    driver.call('createTopics', { topics: [{ name, partitions: 1 }], validateOnly: true })
  assert.deepEqual(await validate(name), { [name]: 0 })
  assert.ok(!(await driver.call('listTopics', {})).includes(name), 'a dry run created the topic')
  assert.deepEqual(await validate('no spaces'), { 'no spaces': errorCodes.INVALID_TOPIC_EXCEPTION })
}

async function deletesTopics(subject: Subject, context: TestContext): Promise<void> {
  const driver = subject.open(context)
  const topic = await filledTopic(context, driver, 'deleted', numberedValues(10), 2)
  const unknown = context.uniqueName('never-was')
  const codes = await driver.call('deleteTopics', { names: [topic, unknown] })
  assert.deepEqual(codes, { [topic]: 0, [unknown]: errorCodes.UNKNOWN_TOPIC_OR_PARTITION })
  await eventually(
    'the topic to be gone',
    () => driver.call('listTopics', {}),
    listed => !listed.includes(topic),
  )
}

async function addsPartitions(subject: Subject, context: TestContext): Promise<void> {
  const driver = subject.open(context)
  const topic = await filledTopic(context, driver, 'grows', numberedValues(10))
  await driver.call('createPartitions', { topic, count: 4 })
  await eventually(
    'four partitions',
    () => driver.call('describeTopic', { topic }),
    ({ length }) => length === 4,
  )
  await assert.rejects(
    driver.call('createPartitions', { topic, count: 2 }),
    (error: DriverError) => error.code === errorCodes.INVALID_PARTITIONS,
  )
  assert.deepEqual(texts(await readTopic(subject, context, topic, 10, 4)), numberedValues(10))
}

async function altersConfigs(subject: Subject, context: TestContext): Promise<void> {
  const driver = subject.open(context)
  const topic = await createTopic(context, driver, 'altered', 1, { 'retention.ms': '86400000' })
  const configOf = async (key: string) =>
    (await driver.call('describeConfigs', { type: 'topic', name: topic }))[key]
  await driver.call('alterConfigs', { topic, set: { 'max.message.bytes': '3000' }, reset: ['retention.ms'] })
  await eventually(
    'the config to be altered',
    () => configOf('max.message.bytes'),
    config => config?.value === '3000' && !config.isDefault,
  )
  assert.deepEqual(await configOf('retention.ms'), { value: '604800000', isDefault: true })
  await driver.call('openProducer', { acks: 'all', compression: 'none', idempotent: false })
  await assert.rejects(
    driver.call('produce', { topic, records: [{ value: Buffer.alloc(5_000) }] }),
    (error: DriverError) => error.code === errorCodes.MESSAGE_TOO_LARGE,
  )
  await assert.rejects(
    driver.call('alterConfigs', { topic, set: { 'retention.ms': 'soon' }, reset: [] }),
    (error: DriverError) => error.code === errorCodes.INVALID_CONFIG,
  )
}

async function describesBroker(subject: Subject, context: TestContext): Promise<void> {
  const driver = subject.open(context)
  const topic = await createTopic(context, driver, 'leads')
  const [partition] = await driver.call('describeTopic', { topic })
  const name = String(partition!.leader)
  const configs = await driver.call('describeConfigs', { type: 'broker', name })
  assert.equal(configs['log.retention.hours']!.value, '168')
  assert.equal(configs['group.initial.rebalance.delay.ms']!.value, '0')
  assert.equal(configs['group.initial.rebalance.delay.ms']!.isDefault, false)
}

async function describesCluster(subject: Subject, context: TestContext): Promise<void> {
  const { brokers, controller } = await subject.open(context).call('describeCluster', {})
  assert.equal(brokers.length, 1)
  assert.equal(brokers[0]!.id, controller)
  const port = Number(/\d+$/.exec(context.bootstrap)![0])
  assert.equal(brokers[0]!.port, port)
}

/** A topic with forty records in two partitions, and a group without members that has committed all. */
async function finishedGroup(subject: Subject, context: TestContext) {
  const driver = subject.open(context)
  const topic = await filledTopic(context, driver, 'handled', numberedValues(40), 2)
  const group = context.uniqueName('group')
  const member = subject.open(context)
  await member.call('openConsumer', { topic, group, start: 'earliest', commit: 'each' })
  await member.records.until(({ length }) => length >= 40, 'all records')
  await member.call('closeConsumer', {})
  await member.kill9()
  return { driver, topic, group }
}

async function tellsOfGroups(subject: Subject, context: TestContext): Promise<void> {
  const { driver, topic, group } = await finishedGroup(subject, context)
  assert.ok((await driver.call('listGroups', {})).includes(group))
  const described = await eventually(
    'the group to be empty',
    () => driver.call('describeGroup', { group, topic }),
    ({ state }) => state.toLowerCase() === 'empty',
  )
  assert.deepEqual(described.members, [])
  assert.deepEqual((await driver.call('groupOffsets', { group, topic })).sort(), [
    [0, 20],
    [1, 20],
  ])
}

async function altersGroupOffsets(subject: Subject, context: TestContext): Promise<void> {
  const { driver, topic, group } = await finishedGroup(subject, context)
  const offsets: [number, number][] = [
    [0, 5],
    [1, 17],
  ]
  await driver.call('alterGroupOffsets', { group, topic, offsets })
  assert.deepEqual((await driver.call('groupOffsets', { group, topic })).sort(), offsets)
  const member = subject.open(context)
  await member.call('openConsumer', { topic, group, start: 'earliest', commit: 'each' })
  await member.records.until(({ length }) => length >= 18, 'the records after the offsets')
  assert.deepEqual(
    texts(member.records.items).sort(),
    numberedValues(40)
      .filter((_, index) => Math.floor(index / 2) >= offsets[index % 2]![1])
      .sort(),
  )
}

async function deletesGroupOffsets(subject: Subject, context: TestContext): Promise<void> {
  const { driver, topic, group } = await finishedGroup(subject, context)
  await driver.call('deleteGroupOffsets', { group, topic, partitions: [0] })
  assert.deepEqual(await driver.call('groupOffsets', { group, topic }), [[1, 20]])
}

async function deletesGroup(subject: Subject, context: TestContext): Promise<void> {
  const { driver, topic, group } = await finishedGroup(subject, context)
  await driver.call('deleteGroup', { group })
  assert.ok(!(await driver.call('listGroups', {})).includes(group))
  assert.deepEqual(await driver.call('groupOffsets', { group, topic }), [])
}

async function deletesRecords(subject: Subject, context: TestContext): Promise<void> {
  const driver = subject.open(context)
  const topic = await filledTopic(context, driver, 'trimmed', numberedValues(40))
  assert.equal(await driver.call('deleteRecords', { topic, partition: 0, offset: 15 }), 15)
  assert.equal(await driver.call('listOffset', { topic, partition: 0, at: 'earliest' }), 15)
  assert.deepEqual(texts(await readTopic(subject, context, topic, 25)), numberedValues(40).slice(15))
}

export const administerCapabilities: DrivenCapability[] = inArea('topics', [
  { name: 'create, list and describe topics', test: createsTopics },
  { name: 'bad topics are refused with the error of Kafka', test: refusesTopics },
  { name: 'validate a topic without creating it', test: validatesTopics },
  { name: 'delete topics', test: deletesTopics },
  { name: 'add partitions', test: addsPartitions },
  {
    name: 'alter and reset configs of a topic',
    area: 'configs',
    test: altersConfigs,
  },
  { name: 'describe configs of a broker', area: 'configs', test: describesBroker },
  { name: 'describe the cluster', area: 'cluster', test: describesCluster },
  { name: 'list and describe groups, and list their offsets', area: 'group admin', test: tellsOfGroups },
  {
    name: 'alter offsets of a group',
    area: 'group admin',
    needs: ['altering group offsets'],
    test: altersGroupOffsets,
  },
  {
    name: 'delete offsets of a group',
    area: 'group admin',
    needs: ['deleting group offsets'],
    test: deletesGroupOffsets,
  },
  { name: 'delete a group', area: 'group admin', needs: ['deleting groups'], test: deletesGroup },
  { name: 'delete records', needs: ['deleting records'], test: deletesRecords },
])

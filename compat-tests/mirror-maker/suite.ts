/**
 * MirrorMaker 2, both ways between the broker under test and an Apache Kafka: records with all that they carry,
 * topics with their configurations, where groups have read to; and MirrorMaker killed and started again.
 */
import assert from 'node:assert/strict'
import kafkajs from 'kafkajs'
import { type Capability, inArea, requireRestart, type TestContext } from '../capability.ts'
import {
  committedOffsets,
  connectedAdmin,
  connectedConsumer,
  connectedProducer,
  createTopicNamed,
  readTopics,
  type StoredRecord,
} from '../kafkajs/client.ts'
import { collector, eventually } from '../wait-for.ts'
import { Mirror, mirrorMakerProgram, type Side } from './mirror.ts'

const partitions = 3
const startedAt = Date.now()

export async function prepare(): Promise<void> {
  await mirrorMakerProgram()
}

/** Values with keys, headers and timestamps; the label tells where and when they were sent. */
async function send(context: TestContext, topic: string, label: string, count: number): Promise<void> {
  const producer = await connectedProducer(context, { retry: { retries: 100, maxRetryTime: 1_000 } })
  const messages = Array.from({ length: count }, (_, index) => ({
    partition: index % partitions,
    key: `key ${index % 7}`,
    value: `${label} ${index}`,
    headers: { index: String(index), label },
    timestamp: String(startedAt - 1_000 * index),
  }))
  await producer.send({ topic, acks: -1, messages })
  await producer.disconnect()
}

const otherThan = (side: Side): Side => (side === 'tested' ? 'other' : 'tested')

/** Until the mirror of a topic holds as many records as the topic. */
async function mirrored(mirror: Mirror, side: Side, topic: string, count: number): Promise<void> {
  const admin = await connectedAdmin(mirror.sides[otherThan(side)])
  await eventually(
    `${count} records of ${topic} from ${side}`,
    () => admin.fetchTopicOffsets(`${side}.${topic}`).catch(() => []),
    ends => ends.reduce((sum, { high }) => sum + Number(high), 0) >= count,
    90_000,
  )
}

/** What a mirror must keep of a record: everything but its offset and the name of its topic. */
function essence({ partition, key, value, timestamp, headers }: StoredRecord): string {
  const texts = Object.entries(headers).map(([name, header]) => `${name}=${header}`)
  return [partition, key, value, timestamp, ...texts.sort()].join(' | ')
}

async function bothWays(context: TestContext): Promise<void> {
  const mirror = await Mirror.prepare(context)
  const topic = mirror.name('orders')
  for (const side of ['tested', 'other'] as const) {
    await createTopicNamed(mirror.sides[side], topic, partitions, { 'max.message.bytes': '500000' })
    await send(mirror.sides[side], topic, `before, at ${side}`, 300)
  }
  await mirror.start()
  for (const side of ['tested', 'other'] as const) await mirrored(mirror, side, topic, 300)
  for (const side of ['tested', 'other'] as const) {
    await send(mirror.sides[side], topic, `meanwhile, at ${side}`, 300)
    await mirrored(mirror, side, topic, 600)
    const original = await readTopics(mirror.sides[side], [topic], 600)
    const copy = await readTopics(mirror.sides[otherThan(side)], [`${side}.${topic}`], 600)
    assert.deepEqual(copy.map(essence).sort(), original.map(essence).sort())
    for (let partition = 0; partition < partitions; partition++) {
      const inOrder = (records: StoredRecord[]) =>
        records.filter(one => one.partition === partition).map(essence)
      assert.deepEqual(inOrder(copy), inOrder(original))
    }
  }
  for (const side of ['tested', 'other'] as const) {
    await eventually(
      `the topic's configuration from ${side}`,
      () => maxMessageBytes(mirror.sides[otherThan(side)], `${side}.${topic}`),
      value => value === '500000',
      30_000,
    )
    // No mirror of a mirror.
    const topics = await (await connectedAdmin(mirror.sides[side])).listTopics()
    assert.ok(!topics.includes(`${otherThan(side)}.${side}.${topic}`))
  }
}

async function maxMessageBytes(context: TestContext, name: string): Promise<string> {
  const admin = await connectedAdmin(context)
  const configNames = ['max.message.bytes']
  const resource = { type: kafkajs.ConfigResourceTypes.TOPIC, name, configNames }
  const { resources } = await admin.describeConfigs({ resources: [resource], includeSynonyms: false })
  await admin.disconnect()
  return resources[0]!.configEntries[0]!.configValue
}

/** A group that moves to the other cluster goes on behind what it had read. */
async function groupsMove(context: TestContext): Promise<void> {
  const mirror = await Mirror.prepare(context)
  const topic = mirror.name('letters')
  for (const side of ['tested', 'other'] as const) {
    await createTopicNamed(mirror.sides[side], topic, partitions)
    await send(mirror.sides[side], topic, 'read', 90)
  }
  await mirror.start()
  for (const side of ['tested', 'other'] as const) {
    const groupId = mirror.name(`readers-at-${side}`)
    const copy = `${side}.${topic}`
    const reader = await connectedConsumer(mirror.sides[side], { groupId })
    await reader.subscribe({ topics: [topic], fromBeginning: true })
    const read = collector<string>()
    await reader.run({ eachMessage: async ({ message }) => read.add(String(message.value)) })
    await read.until(({ length }) => length === 90, 'what there is')
    await reader.disconnect()
    await mirrored(mirror, side, topic, 90)
    const admin = await connectedAdmin(mirror.sides[otherThan(side)])
    await eventually(
      `the offsets of ${groupId} at the other side`,
      () => committedOffsets(admin, groupId, copy),
      offsets => offsets.length === partitions && offsets.every(({ offset }) => offset === '30'),
      60_000,
    )
    await send(mirror.sides[side], topic, 'unread', 30)
    await mirrored(mirror, side, topic, 120)
    const successor = await connectedConsumer(mirror.sides[otherThan(side)], { groupId })
    await successor.subscribe({ topics: [copy], fromBeginning: true })
    const rest = collector<string>()
    await successor.run({ eachMessage: async ({ message }) => rest.add(String(message.value)) })
    await rest.until(({ length }) => length >= 30, 'what was not read')
    assert.ok(rest.items.every(value => value.startsWith('unread')))
  }
}

async function killed(context: TestContext): Promise<void> {
  const mirror = await Mirror.prepare(context)
  const topic = mirror.name('events')
  for (const side of ['tested', 'other'] as const) {
    await createTopicNamed(mirror.sides[side], topic, partitions)
    await send(mirror.sides[side], topic, 'first', 90)
  }
  const first = await mirror.start()
  for (const side of ['tested', 'other'] as const) await mirrored(mirror, side, topic, 90)
  await first.kill9()
  for (const side of ['tested', 'other'] as const) await send(mirror.sides[side], topic, 'second', 90)
  await mirror.start()
  for (const side of ['tested', 'other'] as const)
    await nothingMissing(mirror, side, topic, ['first', 'second'])
}

async function brokerRestarts(context: TestContext): Promise<void> {
  const restart = requireRestart(context)
  const mirror = await Mirror.prepare(context)
  const topic = mirror.name('events')
  for (const side of ['tested', 'other'] as const) {
    await createTopicNamed(mirror.sides[side], topic, partitions)
    await send(mirror.sides[side], topic, 'first', 90)
  }
  await mirror.start()
  for (const side of ['tested', 'other'] as const) await mirrored(mirror, side, topic, 90)
  await restart()
  for (const side of ['tested', 'other'] as const) await send(mirror.sides[side], topic, 'second', 90)
  for (const side of ['tested', 'other'] as const)
    await nothingMissing(mirror, side, topic, ['first', 'second'])
}

/** Each value is in the mirror; what was under way at a kill may be there twice. */
async function nothingMissing(mirror: Mirror, side: Side, topic: string, labels: string[]): Promise<void> {
  const consumer = await connectedConsumer(mirror.sides[otherThan(side)])
  await consumer.subscribe({ topics: [`${side}.${topic}`], fromBeginning: true })
  const values = new Set<string>()
  await consumer.run({ eachMessage: async ({ message }) => void values.add(String(message.value)) })
  const wanted = labels.flatMap(label => Array.from({ length: 90 }, (_, index) => `${label} ${index}`))
  await eventually(
    `all values from ${side}`,
    async () => wanted.filter(value => !values.has(value)),
    missing => missing.length === 0,
    90_000,
  )
}

export const capabilities: Capability[] = inArea('frameworks', [
  { name: 'records, topics and configurations, both ways', timeLimitMs: 240_000, test: bothWays },
  { name: 'groups go on at the other cluster', timeLimitMs: 240_000, test: groupsMove },
  { name: 'MirrorMaker killed and started again', timeLimitMs: 240_000, test: killed },
  {
    name: 'kill -9 of the broker, lived through',
    area: 'restart',
    ci: false,
    timeLimitMs: 240_000,
    test: brokerRestarts,
  },
])

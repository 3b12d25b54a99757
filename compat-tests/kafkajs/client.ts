/**
 * How these tests use kafkajs: clients that log into the test's notes and are closed when the test ends, records
 * in one comparable form, and "read the whole topic" as every test's last word on what the broker stored.
 */
import assert from 'node:assert/strict'
import kafkajs, {
  type Admin,
  type Consumer,
  type ConsumerConfig,
  type KafkaMessage,
  type Producer,
  type ProducerConfig,
} from 'kafkajs'
import type { TestContext } from '../capability.ts'
import { type Collector, collector } from '../wait-for.ts'

/** A consumed record with everything that a producer can have said about it. */
export interface StoredRecord {
  topic: string
  partition: number
  offset: number
  timestamp: string
  key: Buffer | null
  value: Buffer | null
  headers: Record<string, Buffer | string | (Buffer | string)[] | undefined>
}

export function kafkaClient(context: TestContext, clientId = 'compat'): kafkajs.Kafka {
  return new kafkajs.Kafka({
    clientId,
    brokers: [context.bootstrap],
    connectionTimeout: 5_000,
    requestTimeout: 20_000,
    retry: { initialRetryTime: 50, maxRetryTime: 1_000, retries: 8 },
    logLevel: kafkajs.logLevel.WARN,
    logCreator: () => entry => {
      const { message, error, groupId, memberId } = entry.log
      const rest = [error, groupId, memberId].filter(part => part !== undefined).join(' ')
      context.note(`kafkajs ${entry.label} ${entry.namespace} ${message} ${rest}`)
    },
  })
}

export async function connectedAdmin(context: TestContext): Promise<Admin> {
  const admin = kafkaClient(context).admin()
  context.cleanUp(() => admin.disconnect())
  await admin.connect()
  return admin
}

export async function connectedProducer(
  context: TestContext,
  config: ProducerConfig = {},
): Promise<Producer> {
  const producer = kafkaClient(context).producer({
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
    ...config,
  })
  context.cleanUp(() => producer.disconnect())
  await producer.connect()
  return producer
}

/** A consumer with short waits; `groupId` is made up unless given. */
export async function connectedConsumer(
  context: TestContext,
  config: Partial<ConsumerConfig> = {},
): Promise<Consumer> {
  const consumer = kafkaClient(context).consumer({
    groupId: context.uniqueName('group'),
    sessionTimeout: 10_000,
    heartbeatInterval: 500,
    maxWaitTimeInMs: 200,
    ...config,
  })
  context.cleanUp(() => consumer.disconnect())
  await consumer.connect()
  return consumer
}

export async function createTopic(
  context: TestContext,
  label: string,
  numPartitions = 1,
  config: Record<string, string> = {},
): Promise<string> {
  const topic = context.uniqueName(label)
  const admin = await connectedAdmin(context)
  const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }))
  assert.equal(
    await admin.createTopics({ topics: [{ topic, numPartitions, replicationFactor: 1, configEntries }] }),
    true,
  )
  return topic
}

export function storedRecord(topic: string, partition: number, message: KafkaMessage): StoredRecord {
  const { key, value, timestamp, offset, headers = {} } = message
  return { topic, partition, offset: Number(offset), timestamp, key, value, headers }
}

/** Runs the consumer so that every record goes into the collector; `joined` counts its group joins. */
export async function collectInto(consumer: Consumer, records: Collector<StoredRecord>): Promise<void> {
  await consumer.run({
    eachMessage: async ({ topic, partition, message }) =>
      records.add(storedRecord(topic, partition, message)),
  })
}

/** Reads topics from their beginning, with a group of its own, until `count` records have come, and no more. */
export async function readTopics(
  context: TestContext,
  topics: string[],
  count: number,
): Promise<StoredRecord[]> {
  const consumer = await connectedConsumer(context)
  const records = collector<StoredRecord>()
  await consumer.subscribe({ topics, fromBeginning: true })
  await collectInto(consumer, records)
  await records.until(({ length }) => length >= count, `${count} records of ${topics.join(', ')}`)
  await consumer.stop()
  await consumer.disconnect()
  assert.equal(records.items.length, count, 'more records than were produced')
  const offsets = new Map<string, number>()
  for (const { topic, partition, offset } of records.items) {
    const last = offsets.get(`${topic}/${partition}`) ?? -1
    assert.ok(offset > last, `offset ${offset} of ${topic}/${partition} came after ${last}`)
    offsets.set(`${topic}/${partition}`, offset)
  }
  return records.items
}

/** `count` values of different lengths, each recognisable. */
export function numberedValues(count: number, label = 'value'): string[] {
  return Array.from({ length: count }, (_, index) => `${label}-${index}-${'x'.repeat((index * 37) % 400)}`)
}

export function texts(records: StoredRecord[]): string[] {
  return records.map(({ value }) => String(value))
}

/** Resolves when the consumer has joined its group the next time, with its partitions by topic. */
export function nextJoin(consumer: Consumer): Promise<Record<string, number[]>> {
  return new Promise(resolve => {
    const remove = consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      remove()
      resolve(payload.memberAssignment)
    })
  })
}

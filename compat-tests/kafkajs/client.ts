/**
 * How these tests use kafkajs: clients that log into the test's notes and are closed when the test ends, records
 * in one comparable form, and "read the whole topic" as every test's last word on what the broker stored.
 */
import assert from 'node:assert/strict'
import kafkajs, {
  type Admin,
  type Consumer,
  type ConsumerConfig,
  type FetchOffsetsPartition,
  type KafkaMessage,
  type Producer,
  type ProducerConfig,
  type RetryOptions,
} from 'kafkajs'
import type { TestContext } from '../capability.ts'
import { type Collector, collector, eventually } from '../wait-for.ts'

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

/** Gives up within a second or two: nothing but a restart keeps a broker longer. */
const impatient: RetryOptions = { initialRetryTime: 50, maxRetryTime: 1_000, retries: 8 }

export function kafkaClient(context: TestContext, retry = impatient): kafkajs.Kafka {
  return new kafkajs.Kafka({
    clientId: 'compat',
    brokers: [context.bootstrap],
    connectionTimeout: 5_000,
    requestTimeout: 20_000,
    retry,
    logLevel: kafkajs.logLevel.WARN,
    logCreator: () => entry => {
      const { message, error, groupId, memberId } = entry.log
      const rest = [error, groupId, memberId].filter(part => part !== undefined).join(' ')
      context.note(`kafkajs ${entry.label} ${entry.namespace} ${message} ${rest}`)
    },
  })
}

export async function connectedAdmin(context: TestContext, retry?: RetryOptions): Promise<Admin> {
  const admin = kafkaClient(context, retry).admin()
  context.cleanUp(() => admin.disconnect())
  await admin.connect()
  return admin
}

export async function connectedProducer(
  context: TestContext,
  config: ProducerConfig = {},
): Promise<Producer> {
  const producer = kafkaClient(context, config.retry).producer({
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
  const consumer = kafkaClient(context, config.retry).consumer({
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
  await createTopicNamed(context, topic, numPartitions, config)
  return topic
}

/** Creates a topic and waits until every partition of it answers; Kafka creates them after it has said so. */
export async function createTopicNamed(
  context: TestContext,
  topic: string,
  numPartitions = 1,
  config: Record<string, string> = {},
): Promise<void> {
  const admin = await connectedAdmin(context, { retries: 0 })
  const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }))
  const created = await admin.createTopics({
    // Left on, kafkajs gives up when its first look finds the topic not yet there.
    waitForLeaders: false,
    topics: [{ topic, numPartitions, replicationFactor: 1, configEntries }],
  })
  assert.equal(created, true)
  await eventually(
    `${topic} to have ${numPartitions} partitions that answer`,
    () => admin.fetchTopicOffsets(topic).catch((error: Error) => error.message),
    offsets => Array.isArray(offsets) && offsets.length === numPartitions,
  )
  await admin.disconnect()
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

/** The type of the protocol error behind a failure, which kafkajs wraps when it has tried often enough. */
export async function protocolError(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => assert.fail('the request should have been refused'),
    (error: kafkajs.KafkaJSProtocolError) => error,
  )
  return error.type ?? (error.cause as kafkajs.KafkaJSProtocolError | undefined)?.type ?? error.message
}

/** What a group has committed for a topic, by partition; asked again while a new coordinator gets ready. */
export async function committedOffsets(
  admin: Admin,
  groupId: string,
  topic: string,
): Promise<FetchOffsetsPartition[]> {
  const passing = ['NOT_COORDINATOR_FOR_GROUP', 'GROUP_LOAD_IN_PROGRESS', 'GROUP_COORDINATOR_NOT_AVAILABLE']
  const offsets = await eventually(
    `the offsets of ${groupId}`,
    () =>
      admin.fetchOffsets({ groupId, topics: [topic] }).catch((error: kafkajs.KafkaJSProtocolError) => {
        if (passing.includes(error.type)) return error.type
        throw error
      }),
    found => typeof found !== 'string',
  )
  assert.ok(typeof offsets !== 'string')
  return [...offsets[0]!.partitions].sort((one, other) => one.partition - other.partition)
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

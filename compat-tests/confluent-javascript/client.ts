/**
 * How these tests use @confluentinc/kafka-javascript, by the API that it shares with kafkajs: clients that log into the
 * test's notes and are closed when the test ends, and "read the whole topic" as every test's last word on what the
 * broker stored.
 */
import assert from 'node:assert/strict'
import type { TestContext } from '../capability.ts'
import { type Collector, collector, eventually } from '../wait-for.ts'
import {
  type Admin,
  type Consumer,
  type KafkaMessage,
  type KafkaNamespace,
  loadKafka,
  type Producer,
  type Settings,
} from './package.ts'

/** A consumed record with everything that a producer can have said about it. */
export interface StoredRecord {
  topic: string
  partition: number
  offset: number
  timestamp: string
  key: Buffer | null
  value: Buffer | null
  headers: KafkaMessage['headers']
}

/** Settings of the client's two vocabularies: kafkajs's, and librdkafka's around it. */
export interface ClientSettings {
  kafkaJS?: Settings
  librdkafka?: Settings
}

export async function connectedAdmin(context: TestContext): Promise<Admin> {
  const { Kafka } = await loadKafka()
  const admin = new Kafka({ kafkaJS: kafkaSettings(context, await loadKafka()) }).admin()
  await connect(context, admin)
  return admin
}

/** A producer that does not wait for more to send along, so that each send is awaited in little time. */
export async function connectedProducer(
  context: TestContext,
  { kafkaJS = {}, librdkafka = {} }: ClientSettings = {},
): Promise<Producer> {
  const namespace = await loadKafka()
  const kafka = new namespace.Kafka({ kafkaJS: kafkaSettings(context, namespace) })
  const producer = kafka.producer({ kafkaJS, 'linger.ms': 0, ...librdkafka })
  await connect(context, producer)
  return producer
}

/** A consumer from the beginning, with short waits; `groupId` is made up unless given. */
export async function connectedConsumer(
  context: TestContext,
  { kafkaJS = {}, librdkafka = {} }: ClientSettings = {},
): Promise<Consumer> {
  const namespace = await loadKafka()
  const kafka = new namespace.Kafka({ kafkaJS: kafkaSettings(context, namespace) })
  const consumer = kafka.consumer({
    kafkaJS: {
      groupId: context.uniqueName('group'),
      fromBeginning: true,
      sessionTimeout: 10_000,
      heartbeatInterval: 500,
      maxWaitTimeInMs: 100,
      ...kafkaJS,
    },
    ...librdkafka,
  })
  await connect(context, consumer)
  return consumer
}

async function connect(context: TestContext, client: Admin | Producer | Consumer): Promise<void> {
  context.cleanUp(() => client.disconnect())
  await client.connect()
}

function kafkaSettings(context: TestContext, { logLevel }: KafkaNamespace): Settings {
  return {
    clientId: 'compat',
    brokers: [context.bootstrap],
    logLevel: logLevel.WARN,
    logger: notesOf(context),
  }
}

interface Logger {
  namespace(): Logger
  setLogLevel(): void
  debug(message: string): void
  info(message: string): void
  warn(message: string): void
  error(message: string): void
}

function notesOf(context: TestContext): Logger {
  const note = (level: string) => (message: string) => context.note(`${level} ${message}`)
  const ignore = () => undefined
  const logger: Logger = {
    namespace: () => logger,
    setLogLevel: ignore,
    debug: ignore,
    info: ignore,
    warn: note('warn'),
    error: note('error'),
  }
  return logger
}

/** Creates a topic and waits until every partition of it answers; Kafka creates them after it has said so. */
export async function createTopic(
  context: TestContext,
  label: string,
  numPartitions = 1,
  config: Record<string, string> = {},
): Promise<string> {
  const topic = context.uniqueName(label)
  const admin = await connectedAdmin(context)
  const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }))
  const topics = [{ topic, numPartitions, replicationFactor: 1, configEntries }]
  assert.equal(await admin.createTopics({ topics }), true)
  await eventually(
    `${topic} to have ${numPartitions} partitions that answer`,
    () => admin.fetchTopicOffsets(topic).catch((error: Error) => error.message),
    offsets => Array.isArray(offsets) && offsets.length === numPartitions,
  )
  await admin.disconnect()
  return topic
}

export function storedRecord(topic: string, partition: number, message: KafkaMessage): StoredRecord {
  const { key, value, timestamp, offset, headers } = message
  return { topic, partition, offset: Number(offset), timestamp, key, value, headers }
}

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
  await consumer.subscribe({ topics })
  await collectInto(consumer, records)
  await records.until(({ length }) => length >= count, `${count} records of ${topics.join(', ')}`)
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

/** Kafka's code of the error with which a request was refused. */
export async function errorCode(promise: Promise<unknown>): Promise<number> {
  const error = await promise.then(
    () => assert.fail('the request should have been refused'),
    (error: { code: number }) => error,
  )
  return error.code
}

/** What a group has committed for a topic, in the order of partitions; nothing where it has not. */
export async function committedOffsets(admin: Admin, groupId: string, topic: string): Promise<number[]> {
  const [offsets] = await admin.fetchOffsets({ groupId, topics: [topic] })
  return [...(offsets?.partitions ?? [])]
    .sort((one, other) => one.partition - other.partition)
    .map(({ offset }) => Number(offset))
}

/** Commits, and waits until the broker has it: the promise of the client's own commit is kept when it has been sent. */
export async function commit(
  context: TestContext,
  consumer: Consumer,
  groupId: string,
  offsets: { topic: string; partition: number; offset: string; metadata?: string }[],
): Promise<void> {
  await consumer.commitOffsets(offsets)
  const admin = await connectedAdmin(context)
  const wanted = offsets.map(({ offset }) => Number(offset))
  await eventually(
    `offsets ${wanted.join(', ')} to be committed`,
    () => committedOffsets(admin, groupId, offsets[0]!.topic),
    found => found.join() === wanted.join(),
  )
}

/** How the client numbers the states of a group. */
export const groupStates = { stable: 3, dead: 4, empty: 5 }

/**
 * How these tests use @platformatic/kafka: clients that are closed when the test ends, records as the client's own
 * messages, and "read the whole topic" as every test's last word on what the broker stored.
 */
import assert from 'node:assert/strict'
import {
  Admin,
  type BaseOptions,
  type CompressionAlgorithmValue,
  Consumer,
  type ConsumerOptions,
  type Message,
  type MessagesStream,
  Producer,
  type ProducerOptions,
} from '@platformatic/kafka'
import type { TestContext } from '../capability.ts'
import { type Collector, collector, eventually } from '../wait-for.ts'

export type Bytes = Message<Buffer, Buffer, Buffer, Buffer>
export type BytesConsumer = Consumer<Buffer, Buffer, Buffer, Buffer>
export type BytesStream = MessagesStream<Buffer, Buffer, Buffer, Buffer>

export function clientOptions(bootstrap: string): BaseOptions {
  return { clientId: 'compat', bootstrapBrokers: [bootstrap], timeout: 10_000, retries: 20, retryDelay: 100 }
}

export function openAdmin(context: TestContext): Admin {
  const admin = new Admin(clientOptions(context.bootstrap))
  context.cleanUp(() => admin.close())
  return admin
}

export function openProducer(
  context: TestContext,
  options: Partial<ProducerOptions<Buffer, Buffer, Buffer, Buffer>> = {},
): Producer {
  const producer = new Producer({ ...clientOptions(context.bootstrap), ...options })
  context.cleanUp(() => producer.close(true))
  return producer
}

/** A consumer with short waits; its group is made up unless given. */
export function openConsumer(
  context: TestContext,
  options: Partial<ConsumerOptions<Buffer, Buffer, Buffer, Buffer>> = {},
): BytesConsumer {
  const consumer = new Consumer({
    ...clientOptions(context.bootstrap),
    groupId: context.uniqueName('group'),
    sessionTimeout: 10_000,
    rebalanceTimeout: 15_000,
    heartbeatInterval: 500,
    maxWaitTime: 200,
    ...options,
  } as ConsumerOptions<Buffer, Buffer, Buffer, Buffer>)
  context.cleanUp(() => consumer.close(true))
  return consumer
}

/** Creates a topic and waits until every partition of it answers. */
export async function createTopic(
  context: TestContext,
  label: string,
  partitions = 1,
  configs: { name: string; value: string }[] = [],
): Promise<string> {
  const topic = context.uniqueName(label)
  const admin = openAdmin(context)
  await admin.createTopics({ topics: [topic], partitions, replicas: 1, configs })
  const all = Array.from({ length: partitions }, (_, partitionIndex) => ({ partitionIndex, timestamp: -2n }))
  await eventually(
    `${topic} to have ${partitions} partitions that answer`,
    () =>
      admin
        .listOffsets({ topics: [{ name: topic, partitions: all }] })
        .catch((error: Error) => error.message),
    offsets => Array.isArray(offsets),
  )
  await admin.close()
  return topic
}

export function collectFrom(context: TestContext, stream: BytesStream): Collector<Bytes> {
  const messages = collector<Bytes>()
  stream.on('data', message => messages.add(message))
  stream.on('error', error => context.note(`stream: ${error.stack}`))
  return messages
}

/** Reads topics from their beginning, with a group of its own, until `count` records have come, and no more. */
export async function readTopics(context: TestContext, topics: string[], count: number): Promise<Bytes[]> {
  const consumer = openConsumer(context)
  const stream = await consumer.consume({ topics, mode: 'earliest', autocommit: false })
  const messages = collectFrom(context, stream)
  await messages.until(({ length }) => length >= count, `${count} records of ${topics.join(', ')}`)
  await consumer.close(true)
  assert.equal(messages.items.length, count, 'more records than were produced')
  const offsets = new Map<string, bigint>()
  for (const { topic, partition, offset } of messages.items) {
    const last = offsets.get(`${topic}/${partition}`) ?? -1n
    assert.ok(offset > last, `offset ${offset} of ${topic}/${partition} came after ${last}`)
    offsets.set(`${topic}/${partition}`, offset)
  }
  return messages.items
}

/**
 * Sends values to one topic, by turns to its partitions. Waits for acks=-1 unless told otherwise: what is asked about
 * afterwards must be there, and the client's own default is 1.
 */
export async function sendValues(
  producer: Producer,
  topic: string,
  values: string[],
  partitions = 1,
  options: { acks?: number; compression?: CompressionAlgorithmValue } = {},
): Promise<void> {
  await producer.send({
    acks: -1,
    ...options,
    messages: values.map((value, index) => ({
      topic,
      value: Buffer.from(value),
      partition: index % partitions,
    })),
  })
}

interface Findable extends Error {
  findBy?(property: string, value: unknown): unknown
}

/** Fails unless the promise is rejected with an error that contains this protocol error. */
export async function refusedWith(promise: Promise<unknown>, apiId: string, what?: string): Promise<void> {
  const error = await promise.then(
    () => assert.fail(what ?? `expected ${apiId}, but the request went through`),
    (error: Findable) => error,
  )
  if (error.findBy?.('apiId', apiId) == null) throw error
}

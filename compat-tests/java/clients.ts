/**
 * The Java client's producers, consumers and admins as the tests use them: opened for one test, closed at its end,
 * records in one comparable form.
 */

import assert from 'node:assert/strict'
import type { TestContext } from '../capability.ts'
import { connectedAdmin } from '../kafkajs/client.ts'
import { type Collector, collector, eventually } from '../wait-for.ts'
import type { Age } from './ages.ts'
import { type Driver, driverOf, type Field } from './driver.ts'

export interface JavaRecord {
  topic: string
  partition: number
  offset: number
  timestamp: number
  key: Buffer | null
  value: Buffer | null
  headers: [name: string, value: Buffer | null][]
}

/** What is to be sent; what is left out is the client's to choose. */
export interface Outgoing {
  partition?: number
  timestamp?: number
  key?: string | Buffer
  value: string | Buffer | null
  headers?: [name: string, value: string | Buffer | null][]
}

export interface Place {
  partition: number
  offset: number
  timestamp: number
}

export type Properties = Record<string, string | number>

export class Producer {
  readonly #driver: Driver
  readonly #name: string

  constructor(driver: Driver, name: string) {
    this.#driver = driver
    this.#name = name
  }

  /** Resolves when all of them have been acknowledged. */
  async send(topic: string, records: Outgoing[]): Promise<Place[]> {
    const fields: Field[] = records.flatMap(({ partition, timestamp, key, value, headers = [] }) => [
      ...[partition ?? null, timestamp ?? null, key ?? null, value],
      ...[headers.length, ...headers.flat()],
    ])
    const answer = (await this.#driver.call('producer.send', this.#name, topic, ...fields)).map(Number)
    return records.map((_, index) => {
      const [partition, offset, timestamp] = answer.slice(index * 3, index * 3 + 3)
      return { partition: partition!, offset: offset!, timestamp: timestamp! }
    })
  }

  async partitions(topic: string): Promise<number> {
    const [count] = await this.#driver.call('producer.partitions', this.#name, topic)
    return Number(count)
  }

  async close(): Promise<void> {
    await this.#driver.call('producer.close', this.#name)
  }
}

export class Consumer {
  readonly name: string
  readonly driver: Driver
  readonly records: Collector<JavaRecord> = collector()
  readonly failures: Collector<string> = collector()
  /** What it was told about rebalances: `assigned 0 1`, `revoked 1`. */
  readonly rebalances: Collector<string> = collector()
  readonly owned = new Set<number>()

  constructor(context: TestContext, driver: Driver, name: string) {
    this.driver = driver
    this.name = name
    driver.listen(name, (kind, fields) => {
      if (kind === 'record') return this.records.add(recordOf(fields))
      const texts = fields.map(String)
      context.note(`${name} ${kind} ${texts.join(' ')}`)
      if (kind === 'failed') return this.failures.add(texts.join(': '))
      const partitions = texts.flatMap((text, index) => (index % 2 === 1 ? [Number(text)] : []))
      for (const partition of partitions) {
        if (kind === 'assigned') this.owned.add(partition)
        else this.owned.delete(partition)
      }
      this.rebalances.add(`${kind} ${partitions.join(' ')}`.trim())
    })
  }

  async subscribe(...topics: string[]): Promise<void> {
    await this.call('subscribe', ...topics)
    await this.call('start')
  }

  /** Takes the partitions 0 to `partitions`, and starts at their beginning, or where `auto.offset.reset` says. */
  async assign(topic: string, partitions: number): Promise<void> {
    await this.call('assign', ...partitionsOf(topic, partitions))
    await this.call('start')
  }

  call(command: string, ...fields: Field[]): Promise<(string | null)[]> {
    return this.driver.texts(`consumer.${command}`, this.name, ...fields)
  }

  async close(): Promise<void> {
    await this.call('close')
    this.owned.clear()
  }
}

export function partitionsOf(topic: string, partitions: number): Field[] {
  return Array.from({ length: partitions }, (_, partition) => [topic, partition]).flat()
}

/**
 * A producer that waits for the disk unless told otherwise: what was acknowledged with acks=1 may for a moment lie
 * behind the high watermark of Ottla, and these tests ask for offsets right away.
 */
export async function openProducer(
  context: TestContext,
  age: Age,
  properties: Properties = {},
): Promise<Producer> {
  const driver = await driverOf(context, age)
  const name = context.uniqueName('producer')
  const all = {
    'bootstrap.servers': context.bootstrap,
    'client.id': name,
    acks: 'all',
    'linger.ms': 5,
    ...properties,
  }
  await driver.call('producer.open', name, ...Object.entries(all).flat())
  const producer = new Producer(driver, name)
  context.cleanUp(() => producer.close())
  return producer
}

/** A consumer that commits nothing by itself and begins at the beginning, unless told otherwise. */
export async function openConsumer(
  context: TestContext,
  age: Age,
  properties: Properties = {},
  process?: Driver,
): Promise<Consumer> {
  const driver = process ?? (await driverOf(context, age))
  const name = context.uniqueName('consumer')
  const all = {
    'bootstrap.servers': context.bootstrap,
    'client.id': name,
    'group.id': `group-of-${name}`,
    'auto.offset.reset': 'earliest',
    'enable.auto.commit': 'false',
    'fetch.max.wait.ms': 100,
    'session.timeout.ms': 6_000,
    'heartbeat.interval.ms': 200,
    ...properties,
  }
  const consumer = new Consumer(context, driver, name)
  await driver.call('consumer.open', name, ...Object.entries(all).flat())
  context.cleanUp(() => consumer.close())
  return consumer
}

export interface Admin {
  call(command: string, ...fields: Field[]): Promise<(string | null)[]>
}

export async function openAdmin(context: TestContext, age: Age): Promise<Admin> {
  const driver = await driverOf(context, age)
  const name = context.uniqueName('admin')
  const properties = {
    'bootstrap.servers': context.bootstrap,
    'client.id': name,
    'request.timeout.ms': 20_000,
  }
  await driver.call('admin.open', name, ...Object.entries(properties).flat())
  context.cleanUp(() => driver.call('admin.close', name))
  return { call: (command, ...fields) => driver.texts(`admin.${command}`, name, ...fields) }
}

/**
 * Creates a topic and waits until its partitions answer; Kafka creates them after it has said so. (A producer of 1.1
 * whose first idempotent batches come too early gets its sequences out of order and tries for ever.)
 */
export async function createTopic(
  context: TestContext,
  age: Age,
  label: string,
  partitions = 1,
  configs: Record<string, string> = {},
): Promise<string> {
  const admin = await openAdmin(context, age)
  const topic = context.uniqueName(label)
  await admin.call('createTopic', topic, partitions, ...Object.entries(configs).flat())
  const answering = await connectedAdmin(context, { retries: 0 })
  await eventually(
    `${topic} to have ${partitions} partitions that answer`,
    () => answering.fetchTopicOffsets(topic).catch((error: Error) => error.message),
    offsets => Array.isArray(offsets) && offsets.length === partitions,
  )
  return topic
}

/** Reads all partitions of a topic from the beginning until `count` records have come, and no more. */
export async function readTopic(
  context: TestContext,
  age: Age,
  topic: string,
  partitions: number,
  count: number,
  properties: Properties = {},
): Promise<JavaRecord[]> {
  const consumer = await openConsumer(context, age, properties)
  await consumer.assign(topic, partitions)
  await consumer.records.until(({ length }) => length >= count, `${count} records of ${topic}`)
  const ends = await consumer.call('endOffsets', ...partitionsOf(topic, partitions))
  await consumer.close()
  const end = ends.reduce((sum, offset) => sum + Number(offset), 0)
  assert.ok(end >= count, `the ends of ${topic} add up to ${end}`)
  assert.equal(consumer.records.items.length, count, 'more records than were produced')
  for (let partition = 0; partition < partitions; partition++) {
    const offsets = consumer.records.items
      .filter(record => record.partition === partition)
      .map(({ offset }) => offset)
    assert.deepEqual(
      offsets,
      [...offsets].sort((one, other) => one - other),
      'offsets out of order',
    )
  }
  return consumer.records.items
}

function recordOf(fields: (Buffer | null)[]): JavaRecord {
  const [topic, partition, offset, timestamp, key, value, ...rest] = fields
  const headers: [string, Buffer | null][] = []
  for (let index = 0; index < rest.length; index += 2) headers.push([String(rest[index]), rest[index + 1]!])
  return {
    topic: String(topic),
    partition: Number(partition),
    offset: Number(offset),
    timestamp: Number(timestamp),
    key: key!,
    value: value!,
    headers,
  }
}

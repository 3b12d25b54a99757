/**
 * How these tests use krafka, through the driver: producers and consumers by name, records in one comparable form, and
 * "read the whole topic" as every test's last word on what the broker stored.
 */
import assert from 'node:assert/strict'
import type { TestContext } from '../capability.ts'
import { eventually } from '../wait-for.ts'
import { type Driver, DriverError } from './driver.ts'

export type Headers = [name: string, value: Buffer | null][]

export interface SentRecord {
  topic: string
  partition?: number
  key?: Buffer | string | null
  value: Buffer | string | null
  timestamp?: number
  headers?: Headers
}

export interface StoredRecord {
  topic: string
  partition: number
  offset: number
  timestamp: number
  key: Buffer | null
  value: Buffer | null
  headers: Headers
}

export interface Acknowledged {
  partition: number
  offset: number
}

export interface ProducerSettings {
  acks?: number
  compression?: string
  idempotent?: boolean
  lingerMs?: number
  maxRequestSize?: number
}

export interface Producer {
  send(records: SentRecord[]): Promise<Acknowledged[]>
}

/** An idempotent producer with acks=all, as krafka's is by itself, unless told otherwise. */
export async function openProducer(driver: Driver, settings: ProducerSettings = {}): Promise<Producer> {
  const name = nextName()
  const { acks = -1, compression = 'none', idempotent = acks === -1, lingerMs = 0, maxRequestSize } = settings
  await driver.call('producer.open', { name, acks, compression, idempotent, lingerMs, maxRequestSize })
  return {
    send: records =>
      driver.call<Acknowledged[]>('producer.send', {
        name,
        records: records.map(({ key, value, headers, ...rest }) => ({
          ...rest,
          key: toBase64(key ?? null),
          value: toBase64(value),
          headers: headers?.map(([header, of]) => [header, toBase64(of)]),
        })),
      }),
  }
}

export interface ConsumerSettings {
  groupId?: string
  fromBeginning?: boolean
  autoCommit?: boolean
  maxWaitMs?: number
  minBytes?: number
  maxBytes?: number
}

export interface Consumer {
  /** Any command of consume.rs, with its arguments. */
  call<T = null>(command: string, args?: object): Promise<T>
  /** Records until so many have come; fewer when the time is over. */
  poll(count: number, timeLimitMs?: number): Promise<StoredRecord[]>
}

export async function openConsumer(driver: Driver, settings: ConsumerSettings = {}): Promise<Consumer> {
  const name = nextName()
  const defaults = {
    fromBeginning: true,
    autoCommit: false,
    maxWaitMs: 100,
    minBytes: 1,
    maxBytes: 1_048_576,
  }
  await driver.call('consumer.open', { name, ...defaults, ...settings })
  return {
    call: (command, args = {}) => driver.call(`consumer.${command}`, { name, ...args }),
    async poll(count, timeLimitMs = 20_000) {
      const records = await driver.call<WireRecord[]>('consumer.poll', { name, count, timeLimitMs })
      return records.map(storedRecord)
    },
  }
}

type WireRecord = Omit<StoredRecord, 'key' | 'value' | 'headers'> & {
  key: string | null
  value: string | null
  headers: [string, string | null][]
}

function storedRecord({ key, value, headers, ...rest }: WireRecord): StoredRecord {
  return {
    ...rest,
    key: fromBase64(key),
    value: fromBase64(value),
    headers: headers.map(([name, of]) => [name, fromBase64(of)]),
  }
}

function toBase64(bytes: Buffer | string | null): string | null {
  return bytes === null ? null : Buffer.from(bytes).toString('base64')
}

function fromBase64(text: string | null): Buffer | null {
  return text === null ? null : Buffer.from(text, 'base64')
}

let namesGiven = 0

function nextName(): string {
  return `client-${++namesGiven}`
}

/** Creates a topic and waits until every partition of it answers; Kafka creates them after it has said so. */
export async function createTopic(
  context: TestContext,
  driver: Driver,
  label: string,
  partitions = 1,
  configs: Record<string, string> = {},
): Promise<string> {
  const topic = context.uniqueName(label)
  await driver.call('admin.createTopic', { topic, partitions, replicationFactor: 1, configs })
  for (let partition = 0; partition < partitions; partition++) {
    await eventually(
      `partition ${partition} of ${topic} to answer`,
      () => endOf(driver, topic, partition).catch((error: Error) => error.message),
      found => typeof found === 'number',
    )
  }
  return topic
}

export async function endOf(driver: Driver, topic: string, partition: number): Promise<number> {
  return (await driver.call<{ offset: number }>('admin.listOffset', { topic, partition, timestamp: -1 }))
    .offset
}

/** Reads topics from their beginning, by their partitions, until `count` records have come, and no more. */
export async function readTopic(
  driver: Driver,
  topic: string,
  partitions: number,
  count: number,
): Promise<StoredRecord[]> {
  const consumer = await openConsumer(driver)
  await consumer.call('assign', {
    topic,
    partitions: Array.from({ length: partitions }, (_, index) => index),
  })
  const records = await consumer.poll(count)
  records.push(...(await consumer.poll(1, 300)))
  await consumer.call('close')
  assert.equal(records.length, count, 'the topic holds another number of records')
  const offsets = new Map<number, number>()
  for (const { partition, offset } of records) {
    const last = offsets.get(partition) ?? -1
    assert.ok(offset > last, `offset ${offset} of partition ${partition} came after ${last}`)
    offsets.set(partition, offset)
  }
  return records
}

/** Kafka's code of the error with which something was refused. */
export async function errorCode(promise: Promise<unknown>): Promise<number | null> {
  const error = await promise.then(
    () => assert.fail('it should have been refused'),
    (error: Error) => error,
  )
  if (!(error instanceof DriverError)) throw error
  return error.code
}

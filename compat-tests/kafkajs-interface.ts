/**
 * What clients with the interface of kafkajs, of which there are several, are tried with in the same way. Where they
 * differ in what they take or tell, each has tests of its own.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { TestContext } from './capability.ts'
import { assertOrderWithinKeys } from './record-values.ts'

interface Message {
  key?: string
  value: Buffer | string
  partition?: number
}

export interface KafkajsInterface {
  createTopic(context: TestContext, label: string, partitions?: number): Promise<string>
  connectedProducer(context: TestContext): Promise<{
    send(batch: { topic: string; messages: Message[] }): Promise<unknown>
    disconnect(): Promise<void>
  }>
  readTopics(
    context: TestContext,
    topics: string[],
    count: number,
  ): Promise<{ partition: number; key: Buffer | null; value: Buffer | null }[]>
}

/** A topic that holds these values, ten to a batch, round-robin over the partitions. */
export async function filledTopic(
  client: Pick<KafkajsInterface, 'createTopic' | 'connectedProducer'>,
  context: TestContext,
  label: string,
  values: string[],
  partitions = 1,
): Promise<string> {
  const topic = await client.createTopic(context, label, partitions)
  const producer = await client.connectedProducer(context)
  const messages = values.map((value, index) => ({ value, partition: index % partitions }))
  for (let start = 0; start < messages.length; start += 10) {
    await producer.send({ topic, messages: messages.slice(start, start + 10) })
  }
  await producer.disconnect()
  return topic
}

export async function carriesBigMessages(client: KafkajsInterface, context: TestContext): Promise<void> {
  const topic = await client.createTopic(context, 'big', 2)
  const producer = await client.connectedProducer(context)
  const values = Array.from({ length: 6 }, () => randomBytes(900_000))
  for (const [index, value] of values.entries()) {
    await producer.send({ topic, messages: [{ key: String(index), value, partition: index % 2 }] })
  }
  const records = await client.readTopics(context, [topic], values.length)
  for (const { key, value } of records) {
    assert.ok(value!.equals(values[Number(String(key))]!), `the value of key ${key} came back different`)
  }
}

export async function partitionsByKey(client: KafkajsInterface, context: TestContext): Promise<void> {
  const topic = await client.createTopic(context, 'keys', 6)
  const producer = await client.connectedProducer(context)
  const keys = Array.from({ length: 40 }, (_, index) => `customer-${index}`)
  for (let round = 0; round < 10; round++) {
    await producer.send({ topic, messages: keys.map(key => ({ key, value: `${key} ${round}` })) })
  }
  const records = await client.readTopics(context, [topic], keys.length * 10)
  assertOrderWithinKeys(records, keys, 10)
  assert.ok(new Set(records.map(({ partition }) => partition)).size > 1, 'all keys in one partition')
}

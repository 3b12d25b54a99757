/**
 * The broker killed with -9 in the middle of work and started again on the same data: what was acknowledged is there,
 * once and in order where that was promised, and groups go on where they had committed. The clients live through it.
 */

import assert from 'node:assert/strict'
import { type Capability, inArea, requireRestart, type TestContext } from '../capability.ts'
import { committedOffsets, connectedAdmin as connectedKafkajsAdmin } from '../kafkajs/client.ts'
import { texts } from '../record-values.ts'
import { collector } from '../wait-for.ts'
import {
  collectInto,
  commit,
  connectedConsumer,
  connectedProducer,
  createTopic,
  readTopics,
  type StoredRecord,
} from './client.ts'

/** librdkafka waits up to ten seconds before it connects again, and kafkajs's vocabulary has it give up after five tries. */
const patient = { 'reconnect.backoff.ms': 50, 'reconnect.backoff.max.ms': 500, retries: 1_000 }

async function idempotentProducerGoesOn(context: TestContext): Promise<void> {
  const restart = requireRestart(context)
  const topic = await createTopic(context, 'idempotent-restart', 2)
  const producer = await connectedProducer(context, { kafkaJS: { idempotent: true }, librdkafka: patient })
  const values = Array.from({ length: 600 }, (_, index) => `value ${index}`)
  let restarted: Promise<void> | undefined
  const sends: Promise<unknown>[] = []
  for (const [index, value] of values.entries()) {
    if (index === 300) restarted = restart()
    const send = producer.send({ topic, messages: [{ value, partition: index % 2 }] })
    sends.push(send)
    // Some at once, so that requests are under way when the broker goes.
    if (index % 20 === 19) await send
  }
  await Promise.all(sends)
  await restarted
  const records = await readTopics(context, [topic], values.length)
  for (const partition of [0, 1]) {
    assert.deepEqual(
      texts(records.filter(record => record.partition === partition)),
      values.filter((_, index) => index % 2 === partition),
    )
  }
}

async function groupGoesOn(context: TestContext): Promise<void> {
  const restart = requireRestart(context)
  const topic = await createTopic(context, 'group-restart', 2)
  const groupId = context.uniqueName('restarted-group')
  const producer = await connectedProducer(context, { librdkafka: patient })
  const produce = (label: string) =>
    producer.send({
      topic,
      messages: Array.from({ length: 40 }, (_, index) => ({
        value: `${label} ${index}`,
        partition: index % 2,
      })),
    })
  await produce('before')
  const settings = { kafkaJS: { groupId, autoCommit: false }, librdkafka: consuming(patient) }
  const consumer = await connectedConsumer(context, settings)
  const records = collector<StoredRecord>()
  await consumer.subscribe({ topics: [topic] })
  await collectInto(consumer, records)
  await records.until(({ length }) => length === 40, 'the records before the restart')
  const offsets = [0, 1].map(partition => ({ topic, partition, offset: '12' }))
  await commit(context, consumer, groupId, offsets)
  await restart()
  // Not with this client, which does not stand the answer that a coordinator is not ready (FINDINGS.md).
  const kafkajs = await connectedKafkajsAdmin(context)
  const committed = await committedOffsets(kafkajs, groupId, topic)
  assert.deepEqual(
    committed.map(({ offset }) => offset),
    ['12', '12'],
  )
  // The consumer that was running gets what comes now.
  await produce('after')
  await records.until(
    items => texts(items).filter(value => value.startsWith('after')).length >= 40,
    'the records after the restart, in the consumer that lived through it',
    30_000,
  )
  await consumer.disconnect()
  // And who takes over starts at what had been committed.
  const successor = await connectedConsumer(context, settings)
  const rest = collector<StoredRecord>()
  await successor.subscribe({ topics: [topic] })
  await collectInto(successor, rest)
  await rest.until(({ length }) => length >= 56, 'the records that were not committed')
  for (const partition of [0, 1]) {
    const offsets = rest.items.filter(record => record.partition === partition).map(({ offset }) => offset)
    assert.deepEqual(
      offsets,
      Array.from({ length: 28 }, (_, index) => 12 + index),
    )
  }
}

/** The settings that a consumer knows, too. */
function consuming({ retries: _, ...settings }: typeof patient) {
  return settings
}

export const restartCapabilities: Capability[] = inArea('restart', [
  { name: 'kill -9: an idempotent producer goes on', timeLimitMs: 90_000, test: idempotentProducerGoesOn },
  { name: 'kill -9: a group goes on where it committed', timeLimitMs: 90_000, test: groupGoesOn },
])

/**
 * The broker killed with -9 in the middle of work and started again on the same data: what an idempotent producer sent
 * is there once and in order, and a consumer goes on.
 */

import assert from 'node:assert/strict'
import { type Capability, inArea, requireRestart, type TestContext } from '../capability.ts'
import { texts } from '../record-values.ts'
import { eventually } from '../wait-for.ts'
import { createTopic, openConsumer, openProducer, readTopic } from './client.ts'
import { startDriver } from './driver.ts'

async function idempotentProducerGoesOn(context: TestContext): Promise<void> {
  const restart = requireRestart(context)
  const driver = startDriver(context)
  const topic = await createTopic(context, driver, 'idempotent-restart', 2)
  const producer = await openProducer(driver)
  const values = Array.from({ length: 600 }, (_, index) => `value ${index}`)
  let restarted: Promise<void> | undefined
  for (let start = 0; start < values.length; start += 100) {
    const sent = producer.send(
      values.slice(start, start + 100).map((value, index) => ({ topic, value, partition: index % 2 })),
    )
    if (start === 300) restarted = restart()
    await sent
  }
  await restarted
  const records = await readTopic(driver, topic, 2, values.length)
  for (const partition of [0, 1]) {
    assert.deepEqual(
      texts(records.filter(record => record.partition === partition)),
      values.filter((_, index) => index % 2 === partition),
    )
  }
}

async function groupGoesOn(context: TestContext): Promise<void> {
  const restart = requireRestart(context)
  const driver = startDriver(context)
  const topic = await createTopic(context, driver, 'group-restart', 2)
  const groupId = context.uniqueName('restarted-group')
  const producer = await openProducer(driver)
  const valuesOf = (label: string) => Array.from({ length: 40 }, (_, index) => `${label} ${index}`)
  const produce = (label: string) =>
    producer.send(valuesOf(label).map((value, index) => ({ topic, value, partition: index % 2 })))
  await produce('before')
  const consumer = await openConsumer(driver, { groupId })
  await consumer.call('subscribe', { topics: [topic] })
  await consumer.poll(40)
  for (const partition of [0, 1]) await consumer.call('commitOffset', { topic, partition, offset: 12 })
  await restart()
  await eventually(
    'what was committed',
    () => consumer.call<number[]>('committed', { topic, partitions: [0, 1] }).catch(() => []),
    committed => committed.join() === '12,12',
  )
  await produce('after')
  // The consumer that was running gets what comes now; who joins anew may be given what was not committed once more.
  const seen = new Set<string>()
  while (!valuesOf('after').every(value => seen.has(value))) {
    const polled = texts(await consumer.poll(1))
    assert.ok(polled.length > 0, `only ${seen.size} values came after the restart`)
    for (const value of polled) seen.add(value)
  }
  await consumer.call('close')
  const successor = await openConsumer(driver, { groupId })
  await successor.call('subscribe', { topics: [topic] })
  const rest = await successor.poll(56)
  for (const partition of [0, 1]) {
    const offsets = rest.filter(record => record.partition === partition).map(({ offset }) => offset)
    assert.deepEqual(
      offsets,
      Array.from({ length: 28 }, (_, index) => 12 + index),
    )
  }
}

export const restartCapabilities: Capability[] = inArea('restart', [
  { name: 'kill -9: an idempotent producer goes on', timeLimitMs: 90_000, test: idempotentProducerGoesOn },
  { name: 'kill -9: a group goes on where it committed', timeLimitMs: 90_000, test: groupGoesOn },
])

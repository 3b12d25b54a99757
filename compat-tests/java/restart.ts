/** The broker killed with -9 while clients of each age produce and consume; they live through it. */

import assert from 'node:assert/strict'
import { type Capability, requireRestart, type TestContext } from '../capability.ts'
import { texts } from '../record-values.ts'
import { eventually } from '../wait-for.ts'
import type { Age } from './ages.ts'
import { capabilitiesOfAge } from './capability-of-age.ts'
import { createTopic, openConsumer, openProducer, type Place, readTopic } from './clients.ts'

/**
 * Enough to live through a restart, however slow the broker starts. What a producer has not sent it gives up after the
 * request's time-out until 2.1, and after the delivery's from then on; what an age does not know it ignores.
 */
const patient = {
  retries: 1_000,
  'retry.backoff.ms': 100,
  'reconnect.backoff.max.ms': 500,
  'max.block.ms': 60_000,
  'request.timeout.ms': 60_000,
  'delivery.timeout.ms': 80_000,
}

async function livesThrough(context: TestContext, age: Age): Promise<void> {
  const restart = requireRestart(context)
  const topic = await createTopic(context, age, 'java-restart', 2)
  const properties = { 'group.id': context.uniqueName('java-restart'), 'enable.auto.commit': 'true' }
  const consumer = await openConsumer(context, age, {
    ...properties,
    'auto.commit.interval.ms': 100,
    'session.timeout.ms': 10_000,
    'request.timeout.ms': 15_000,
    'reconnect.backoff.max.ms': 500,
  })
  await consumer.subscribe(topic)
  const producer = await openProducer(context, age, { ...patient, 'enable.idempotence': 'true' })
  const sent: string[] = []
  const places: Place[] = []
  let isOver = false
  const producing = (async () => {
    while (!isOver) {
      const values = Array.from({ length: 5 }, (_, index) => `value ${sent.length + index}`)
      sent.push(...values)
      places.push(
        ...(await producer.send(
          topic,
          values.map((value, index) => ({ value, partition: index % 2 })),
        )),
      )
    }
  })()
  context.cleanUp(() => {
    isOver = true
  })
  const acknowledged = (count: number) =>
    eventually(
      'acknowledgements',
      async () => places.length,
      length => length >= count,
      60_000,
    )
  await Promise.race([acknowledged(200), producing])
  await restart()
  await Promise.race([acknowledged(places.length + 200), producing])
  isOver = true
  await producing

  // The consumer that was running gets all of it; what it had not committed may come twice.
  const handled = () => new Set(texts(consumer.records.items))
  const isThere = (missing: string[]) => missing.length === 0
  await eventually(
    'the consumer that lived through it to have everything',
    async () => sent.filter(value => !handled().has(value)),
    isThere,
    30_000,
  )
  // In the log each value is once, in order, where the producer was told.
  const records = await readTopic(context, age, topic, 2, sent.length)
  for (const [index, { partition, offset }] of places.entries()) {
    const record = records.find(one => one.partition === partition && one.offset === offset)
    assert.equal(String(record?.value), sent[index])
  }
  const order = records
    .filter(({ partition }) => partition === 0)
    .map(({ value }) => Number(String(value).slice(6)))
  assert.deepEqual(
    order,
    [...order].sort((one, other) => one - other),
  )
  await consumer.close()
  const successor = await openConsumer(context, age, properties)
  const committed = await successor.call('committed', topic, 0, topic, 1)
  assert.equal(
    Number(committed[0]) + Number(committed[2]),
    sent.length,
    'the closing consumer committed everything',
  )
}

export function restartCapabilities(age: Age): Capability[] {
  return capabilitiesOfAge(age, [['restart', 'kill -9 of the broker, lived through', livesThrough]])
}

/** A consumer of each age by itself: seeking, times, commits, pausing, what happens outside of the log. */

import assert from 'node:assert/strict'
import type { Capability, TestContext } from '../capability.ts'
import { numberedValues, texts } from '../record-values.ts'
import { eventually } from '../wait-for.ts'
import type { Age } from './ages.ts'
import { capabilitiesOfAge } from './capability-of-age.ts'
import { type Consumer, createTopic, openConsumer, openProducer, partitionsOf } from './clients.ts'
import type { JavaError } from './driver.ts'

/** Within the retention, which would take older records away in the middle of a test. */
const firstTimestamp = Date.now() - 3_600_000

/** A topic of one partition with these values, a second apart. */
async function filledTopic(context: TestContext, age: Age, values: string[]): Promise<string> {
  const topic = await createTopic(context, age, 'java-filled')
  const producer = await openProducer(context, age)
  await producer.send(
    topic,
    values.map((value, index) => ({ value, timestamp: firstTimestamp + index * 1_000 })),
  )
  await producer.close()
  return topic
}

async function received(consumer: Consumer, values: string[]): Promise<void> {
  await consumer.records.until(({ length }) => length >= values.length, `${values.length} records`)
  assert.deepEqual(texts(consumer.records.items), values)
}

async function seeks(context: TestContext, age: Age): Promise<void> {
  const values = numberedValues(50)
  const topic = await filledTopic(context, age, values)
  const consumer = await openConsumer(context, age)
  await consumer.call('assign', topic, 0)
  await consumer.call('seek', topic, 0, 20)
  assert.deepEqual(await consumer.call('position', topic, 0), ['20'])
  await consumer.call('start')
  await received(consumer, values.slice(20))
  await consumer.call('seekToBeginning', topic, 0)
  await received(consumer, [...values.slice(20), ...values])
  await consumer.call('seekToEnd', topic, 0)
  assert.deepEqual(await consumer.call('position', topic, 0), ['50'])
  assert.deepEqual(await consumer.call('beginningOffsets', topic, 0), ['0'])
  assert.deepEqual(await consumer.call('endOffsets', topic, 0), ['50'])
}

async function offsetsForTimes(context: TestContext, age: Age): Promise<void> {
  const topic = await filledTopic(context, age, numberedValues(50))
  const consumer = await openConsumer(context, age)
  const placeOf = (timestamp: number) => consumer.call('offsetsForTimes', topic, 0, timestamp)
  const at = (index: number) => [String(index), String(firstTimestamp + index * 1_000)]
  assert.deepEqual(await placeOf(firstTimestamp - 1), at(0))
  assert.deepEqual(await placeOf(firstTimestamp + 20_000), at(20))
  assert.deepEqual(await placeOf(firstTimestamp + 20_001), at(21))
  assert.deepEqual(await placeOf(firstTimestamp + 49_001), [null, null])
}

async function outOfRange(context: TestContext, age: Age): Promise<void> {
  const values = numberedValues(10)
  const topic = await filledTopic(context, age, values)
  for (const [reset, expected] of [
    ['earliest', values],
    ['latest', []],
  ] as const) {
    const consumer = await openConsumer(context, age, { 'auto.offset.reset': reset })
    await consumer.call('assign', topic, 0)
    await consumer.call('seek', topic, 0, 1_000)
    await consumer.call('start')
    const isReset = ([position]: (string | null)[]) => position === '10'
    await eventually('the position to be reset', () => consumer.call('position', topic, 0), isReset)
    assert.deepEqual(texts(consumer.records.items), expected)
  }
  const consumer = await openConsumer(context, age, { 'auto.offset.reset': 'none' })
  await consumer.call('assign', topic, 0)
  await consumer.call('seek', topic, 0, 1_000)
  await consumer.call('start')
  const [failure] = await consumer.failures.until(({ length }) => length > 0, 'the consumer to be told')
  assert.match(failure!, /^OffsetOutOfRangeException/)
}

async function commits(context: TestContext, age: Age): Promise<void> {
  const values = numberedValues(30)
  const topic = await filledTopic(context, age, values)
  const properties = { 'group.id': context.uniqueName('java-committing') }
  const consumer = await openConsumer(context, age, properties)
  assert.deepEqual(await consumer.call('committed', topic, 0), [null, null])
  await consumer.subscribe(topic)
  await received(consumer, values)
  await consumer.call('commitSync', topic, 0, 7, 'seven ü')
  assert.deepEqual(await consumer.call('committed', topic, 0), ['7', 'seven ü'])
  await consumer.call('commitAsync', topic, 0, 12, '')
  assert.deepEqual(await consumer.call('committed', topic, 0), ['12', ''])
  await consumer.close()
  const next = await openConsumer(context, age, properties)
  await next.subscribe(topic)
  await received(next, values.slice(12))
  await next.close()

  // Without a say, a closing consumer commits what it has handed out.
  const automatic = await openConsumer(context, age, { ...properties, 'enable.auto.commit': 'true' })
  await automatic.subscribe(topic)
  await received(automatic, values.slice(12))
  await automatic.close()
  const last = await openConsumer(context, age, properties)
  assert.deepEqual((await last.call('committed', topic, 0))[0], '30')
  const tooMuch = last.call('commitSync', topic, 0, 7, 'x'.repeat(5_000))
  await assert.rejects(tooMuch, (error: JavaError) => error.type === 'OffsetMetadataTooLarge')
}

async function pausesAndGrows(context: TestContext, age: Age): Promise<void> {
  const topic = await createTopic(context, age, 'java-paused', 2)
  const producer = await openProducer(context, age)
  const consumer = await openConsumer(context, age)
  await consumer.assign(topic, 2)
  const send = async (label: string) => {
    await producer.send(topic, [
      { value: `${label} 0`, partition: 0 },
      { value: `${label} 1`, partition: 1 },
    ])
  }
  const until = (count: number) =>
    consumer.records.until(({ length }) => length >= count, `${count} records`).then(texts)
  await send('first')
  assert.deepEqual((await until(2)).sort(), ['first 0', 'first 1'])
  await consumer.call('pause', topic, 0)
  await send('second')
  await send('third')
  assert.deepEqual((await until(4)).slice(2), ['second 1', 'third 1'])
  await consumer.call('resume', topic, 0)
  assert.deepEqual((await until(6)).slice(4), ['second 0', 'third 0'])
  // At the end of the log a fetch waits, and what comes wakes it.
  const longWait = await openConsumer(context, age, { 'fetch.max.wait.ms': 20_000 })
  await longWait.call('assign', ...partitionsOf(topic, 2))
  await longWait.call('seekToEnd', ...partitionsOf(topic, 2))
  await longWait.call('position', topic, 0)
  await longWait.call('position', topic, 1)
  await longWait.call('start')
  const startedAt = performance.now()
  await send('fourth')
  await longWait.records.until(({ length }) => length >= 2, 'what came while it waited', 15_000)
  assert.ok(performance.now() - startedAt < 15_000)
  assert.deepEqual(texts(longWait.records.items).sort(), ['fourth 0', 'fourth 1'])
}

async function subscribesToPattern(context: TestContext, age: Age): Promise<void> {
  const prefix = context.uniqueName('java-pattern')
  const first = await createTopic(context, age, `${prefix}-one`)
  const consumer = await openConsumer(context, age, {
    'metadata.max.age.ms': 500,
    'enable.auto.commit': 'true',
  })
  await consumer.call('subscribePattern', `${prefix}-.*`)
  await consumer.call('start')
  const producer = await openProducer(context, age, { 'metadata.max.age.ms': 500 })
  await producer.send(first, [{ value: 'old' }])
  await consumer.records.until(({ length }) => length === 1, 'a record of the topic that was there')
  const second = await createTopic(context, age, `${prefix}-two`)
  await producer.send(second, [{ value: 'new' }])
  const records = await consumer.records.until(({ length }) => length === 2, 'a record of a new topic')
  assert.deepEqual(
    records.map(({ topic, value }) => [topic, String(value)]),
    [
      [first, 'old'],
      [second, 'new'],
    ],
  )
}

async function longLog(context: TestContext, age: Age): Promise<void> {
  const topic = await createTopic(context, age, 'java-long', 3)
  const producer = await openProducer(context, age, { 'compression.type': 'lz4', 'batch.size': 32_000 })
  const values = numberedValues(30_000)
  for (let start = 0; start < values.length; start += 5_000) {
    const part = values.slice(start, start + 5_000)
    await producer.send(
      topic,
      part.map((value, index) => ({ value, partition: index % 3 })),
    )
  }
  const consumer = await openConsumer(context, age, { 'max.partition.fetch.bytes': 100_000 })
  await consumer.assign(topic, 3)
  const records = await consumer.records.until(({ length }) => length >= values.length, 'all values', 40_000)
  assert.deepEqual(texts(records).sort(), [...values].sort())
  for (let partition = 0; partition < 3; partition++) {
    const ofPartition = records.filter(record => record.partition === partition)
    assert.deepEqual(
      ofPartition.map(({ offset }) => offset),
      ofPartition.map((_, index) => index),
    )
  }
}

export function consumeCapabilities(age: Age): Capability[] {
  return capabilitiesOfAge(age, [
    ['seek', 'seek to an offset, the beginning, the end', seeks],
    ['timestamps', 'offsetsForTimes', offsetsForTimes],
    ['seek', 'auto.offset.reset outside of the log', outOfRange],
    ['commit', 'commitSync, commitAsync, automatic commits', commits],
    ['consume', 'pausing, and waiting at the end of a log', pausesAndGrows],
    ['consume', 'topics by a pattern, and a new one', subscribesToPattern],
    ['consume', '30 000 records of three partitions', longLog],
  ])
}

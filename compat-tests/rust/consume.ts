/**
 * What krafka's consumer relies on, one member at a time: where it starts, where it goes on, how it is steered.
 */

import assert from 'node:assert/strict'
import { type Capability, inArea, type TestContext } from '../capability.ts'
import { numberedValues, texts } from '../record-values.ts'
import { createTopic, openConsumer, openProducer } from './client.ts'
import { type Driver, startDriver } from './driver.ts'

/** A topic that holds these values, in batches of ten, round-robin over the partitions. */
async function filledTopic(
  context: TestContext,
  driver: Driver,
  values: string[],
  partitions = 1,
): Promise<string> {
  const topic = await createTopic(context, driver, 'filled', partitions)
  const producer = await openProducer(driver)
  for (let start = 0; start < values.length; start += 10) {
    await producer.send(
      values
        .slice(start, start + 10)
        .map((value, index) => ({ topic, value, partition: (start + index) % partitions })),
    )
  }
  return topic
}

async function readsInGroup(context: TestContext): Promise<void> {
  const driver = startDriver(context)
  const topics = [
    await filledTopic(context, driver, numberedValues(100, 'a'), 3),
    await filledTopic(context, driver, numberedValues(100, 'b'), 2),
  ]
  const consumer = await openConsumer(driver, { groupId: context.uniqueName('group') })
  await consumer.call('subscribe', { topics })
  const records = await consumer.poll(200)
  const assignment = await consumer.call<Record<string, number[]>>('assignment')
  assert.deepEqual(
    topics.map(topic => assignment[topic]?.sort()),
    [
      [0, 1, 2],
      [0, 1],
    ],
  )
  assert.deepEqual(texts(records).sort(), [...numberedValues(100, 'a'), ...numberedValues(100, 'b')].sort())
}

async function readsOnlyNew(context: TestContext): Promise<void> {
  const driver = startDriver(context)
  const topic = await filledTopic(context, driver, numberedValues(30, 'old'))
  const consumer = await openConsumer(driver, { fromBeginning: false })
  await consumer.call('assign', { topic, partitions: [0] })
  assert.deepEqual(await consumer.poll(1, 500), [])
  const producer = await openProducer(driver)
  const values = numberedValues(20, 'new')
  await producer.send(values.map(value => ({ topic, value })))
  const records = await consumer.poll(20)
  assert.deepEqual([texts(records), records[0]!.offset], [values, 30])
}

async function seeks(context: TestContext): Promise<void> {
  const driver = startDriver(context)
  const values = numberedValues(100)
  const topic = await filledTopic(context, driver, values)
  const consumer = await openConsumer(driver)
  await consumer.call('assign', { topic, partitions: [0] })
  for (const offset of [60, 25, 99, 0]) {
    await consumer.call('seek', { topic, partition: 0, offset })
    assert.deepEqual(texts(await consumer.poll(100 - offset)), values.slice(offset))
  }
  await consumer.call('seekToEnd', { topic, partition: 0 })
  assert.deepEqual(await consumer.poll(1, 300), [])
}

async function seeksByTime(context: TestContext): Promise<void> {
  const driver = startDriver(context)
  const topic = await createTopic(context, driver, 'by-time', 2)
  const producer = await openProducer(driver)
  const start = 1_700_000_000_000
  const records = Array.from({ length: 40 }, (_, index) => ({
    topic,
    value: `v${index}`,
    partition: index % 2,
    timestamp: start + index * 1_000,
  }))
  await producer.send(records)
  const consumer = await openConsumer(driver)
  const partitions = [0, 1]
  await consumer.call('assign', { topic, partitions })
  const at = (timestamp: number) =>
    consumer.call<number[]>('offsetsForTime', { topic, partitions, timestamp })
  assert.deepEqual(await at(start), [0, 0])
  assert.deepEqual(await at(start + 20_500), [11, 10])
  assert.deepEqual(await at(start + 1_000_000), [-1, -1])
  for (const partition of partitions) {
    await consumer.call('seekToTime', { topic, partition, timestamp: start + 30_000 })
  }
  const expected = records.slice(30).map(({ value }) => value)
  assert.deepEqual(texts(await consumer.poll(10)).sort(), expected.sort())
  const list = (timestamp: number) =>
    driver.call<{ offset: number }>('admin.listOffset', { topic, partition: 1, timestamp })
  const offsets = []
  for (const timestamp of [-2, -1, -3]) offsets.push((await list(timestamp)).offset)
  assert.deepEqual(offsets, [0, 20, 19], 'earliest, latest, of the largest timestamp')
}

async function pausesAndResumes(context: TestContext): Promise<void> {
  const driver = startDriver(context)
  const values = numberedValues(40)
  const topic = await filledTopic(context, driver, values, 2)
  const consumer = await openConsumer(driver)
  await consumer.call('assign', { topic, partitions: [0, 1] })
  await consumer.call('pause', { topic, partitions: [1] })
  const first = await consumer.poll(20)
  assert.ok(first.every(({ partition }) => partition === 0))
  assert.deepEqual(await consumer.poll(1, 500), [])
  await consumer.call('resume', { topic, partitions: [1] })
  const second = await consumer.poll(20)
  assert.deepEqual(texts([...first, ...second]).sort(), [...values].sort())
}

async function commitsByHand(context: TestContext): Promise<void> {
  const driver = startDriver(context)
  const values = numberedValues(60)
  const topic = await filledTopic(context, driver, values)
  const groupId = context.uniqueName('group')
  const first = await openConsumer(driver, { groupId })
  await first.call('subscribe', { topics: [topic] })
  await first.poll(60)
  const committed = () => first.call<(number | null)[]>('committed', { topic, partitions: [0] })
  assert.deepEqual(await committed(), [null], 'committed although nobody asked for it')
  await first.call('commit')
  assert.deepEqual(await committed(), [60])
  await first.call('commitOffset', { topic, partition: 0, offset: 22, metadata: 'halfway ✓' })
  assert.deepEqual(await committed(), [22])
  await first.call('close')
  assert.deepEqual(await driver.call('admin.groupOffsets', { groupId }), [
    { topic, partition: 0, offset: 22, metadata: 'halfway ✓' },
  ])
  const second = await openConsumer(driver, { groupId })
  await second.call('subscribe', { topics: [topic] })
  assert.deepEqual(texts(await second.poll(38)), values.slice(22))
}

async function commitsByItself(context: TestContext): Promise<void> {
  const driver = startDriver(context)
  const topic = await filledTopic(context, driver, numberedValues(50))
  const groupId = context.uniqueName('group')
  const first = await openConsumer(driver, { groupId, autoCommit: true })
  await first.call('subscribe', { topics: [topic] })
  await first.poll(50)
  await first.call('close')
  const producer = await openProducer(driver)
  await producer.send([{ topic, value: 'after' }])
  const second = await openConsumer(driver, { groupId })
  await second.call('subscribe', { topics: [topic] })
  assert.deepEqual(texts(await second.poll(1)), ['after'])
}

async function waitsForData(context: TestContext): Promise<void> {
  const driver = startDriver(context)
  const topic = await createTopic(context, driver, 'long-poll')
  const consumer = await openConsumer(driver, { maxWaitMs: 8_000 })
  await consumer.call('assign', { topic, partitions: [0] })
  const producer = await openProducer(driver)
  for (let round = 0; round < 5; round++) {
    const polled = consumer.poll(1)
    const sentAt = performance.now()
    await producer.send([{ topic, value: `woken ${round}` }])
    assert.deepEqual(texts(await polled), [`woken ${round}`])
    const afterMs = performance.now() - sentAt
    assert.ok(afterMs < 2_000, `the record took ${afterMs} ms to reach a waiting consumer`)
  }
}

async function readsMoreThanFits(context: TestContext): Promise<void> {
  const driver = startDriver(context)
  const values = Array.from({ length: 12 }, (_, index) => String(index).repeat(50_000))
  const topic = await filledTopic(context, driver, values, 2)
  // Every single record is larger than all limits, and still the consumer must get ahead.
  const consumer = await openConsumer(driver, { maxBytes: 1_000 })
  await consumer.call('assign', { topic, partitions: [0, 1] })
  assert.deepEqual(texts(await consumer.poll(12)).sort(), [...values].sort())
}

export const consumeCapabilities: Capability[] = inArea('consume', [
  { name: 'a group of one, several topics', test: readsInGroup },
  { name: 'only what is new', test: readsOnlyNew },
  { name: 'seek forward, back and to the end', area: 'seek', test: seeks },
  { name: 'seek to a time, and offsets by time', area: 'timestamps', test: seeksByTime },
  { name: 'pause and resume a partition', test: pausesAndResumes },
  { name: 'commit by hand, with metadata', area: 'commit', test: commitsByHand },
  { name: 'automatic commits, and going on from them', area: 'commit', test: commitsByItself },
  { name: 'a fetch that waits until data arrives', test: waitsForData },
  { name: 'records larger than the limits of a fetch', area: 'sizes', test: readsMoreThanFits },
])

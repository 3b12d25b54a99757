/**
 * What the consumer relies on, one member at a time: where it starts, where it goes on, how it is steered. Groups of
 * several members are in groups.ts.
 */

import assert from 'node:assert/strict'
import { type Capability, inArea, type TestContext } from '../capability.ts'
import { filledTopic } from '../kafkajs-interface.ts'
import { numberedValues, texts } from '../record-values.ts'
import { collector, eventually } from '../wait-for.ts'
import {
  collectInto,
  commit,
  committedOffsets,
  connectedAdmin,
  connectedConsumer,
  connectedProducer,
  createTopic,
  type StoredRecord,
  storedRecord,
} from './client.ts'
import type { Consumer } from './package.ts'

const client = { createTopic, connectedProducer }

function untilAssigned(consumer: Consumer, count: number): Promise<unknown> {
  return eventually(
    `${count} partitions to be assigned`,
    async () => consumer.assignment().length,
    found => found === count,
  )
}

async function readsFromBeginning(context: TestContext): Promise<void> {
  const values = numberedValues(300)
  const topic = await filledTopic(client, context, 'from-beginning', values, 3)
  const consumer = await connectedConsumer(context)
  const records = collector<StoredRecord>()
  await consumer.subscribe({ topics: [topic] })
  await collectInto(consumer, records)
  await records.until(({ length }) => length === values.length, 'all records')
  assert.deepEqual(texts(records.items).sort(), [...values].sort())
}

async function readsOnlyNew(context: TestContext): Promise<void> {
  const topic = await filledTopic(client, context, 'only-new', numberedValues(50, 'old'))
  const groupId = context.uniqueName('group')
  const consumer = await connectedConsumer(context, { kafkaJS: { groupId, fromBeginning: false } })
  const records = collector<StoredRecord>()
  await consumer.subscribe({ topics: [topic] })
  await collectInto(consumer, records)
  await untilAssigned(consumer, 1)
  const producer = await connectedProducer(context)
  // Where "new" begins is settled some time after the assignment: values are sent until the first has come.
  const sent: string[] = []
  await eventually(
    'a new record',
    async () => {
      sent.push(`new-${sent.length}`)
      await producer.send({ topic, messages: [{ value: sent.at(-1)! }] })
      return records.items.length
    },
    count => count > 0,
  )
  await producer.send({ topic, messages: [{ value: 'the last' }] })
  await records.until(items => texts(items).includes('the last'), 'the last record')
  const seen = texts(records.items)
  assert.deepEqual(seen, [...sent, 'the last'].slice(-seen.length), 'old records, or not all of the new ones')
}

async function resolvesBatches(context: TestContext): Promise<void> {
  const values = numberedValues(100)
  const topic = await filledTopic(client, context, 'batches', values)
  const groupId = context.uniqueName('group')
  const first = await connectedConsumer(context, { kafkaJS: { groupId, autoCommit: false } })
  const resolved = collector<StoredRecord>()
  const highWatermarks = new Set<string>()
  await first.subscribe({ topics: [topic] })
  await first.run({
    eachBatchAutoResolve: false,
    eachBatch: async ({ batch, resolveOffset, isRunning, isStale }) => {
      highWatermarks.add(batch.highWatermark)
      for (const message of batch.messages) {
        // Stops in the middle of a batch: what was not resolved must come again.
        if (!isRunning() || isStale() || resolved.items.length === 45) break
        resolved.add(storedRecord(batch.topic, batch.partition, message))
        resolveOffset(message.offset)
      }
    },
  })
  await resolved.until(({ length }) => length === 45, '45 resolved records')
  await commit(context, first, groupId, [{ topic, partition: 0, offset: '45' }])
  await first.disconnect()
  assert.deepEqual([...highWatermarks].pop(), '100')

  const second = await connectedConsumer(context, { kafkaJS: { groupId } })
  const rest = collector<StoredRecord>()
  await second.subscribe({ topics: [topic] })
  await collectInto(second, rest)
  await rest.until(({ length }) => length === 55, 'the other 55 records')
  assert.deepEqual([...texts(resolved.items), ...texts(rest.items)], values)
}

async function seeks(context: TestContext): Promise<void> {
  const values = numberedValues(100)
  const topic = await filledTopic(client, context, 'seek', values)
  const consumer = await connectedConsumer(context)
  const records = collector<StoredRecord>()
  await consumer.subscribe({ topics: [topic] })
  await collectInto(consumer, records)
  consumer.seek({ topic, partition: 0, offset: '60' })
  await records.until(items => items.at(-1)?.offset === 99, 'the end after seeking forward')
  assert.deepEqual(texts(records.items), values.slice(60))
  records.items.length = 0
  consumer.seek({ topic, partition: 0, offset: '25' })
  await records.until(items => items.at(-1)?.offset === 99, 'the end after seeking back')
  assert.deepEqual(texts(records.items), values.slice(25))
}

async function recoversFromOutOfRange(context: TestContext): Promise<void> {
  const values = numberedValues(30)
  const topic = await filledTopic(client, context, 'out-of-range', values)
  const consumer = await connectedConsumer(context)
  const records = collector<StoredRecord>()
  await consumer.subscribe({ topics: [topic] })
  await collectInto(consumer, records)
  await records.until(({ length }) => length === 30, 'all records')
  records.items.length = 0
  consumer.seek({ topic, partition: 0, offset: '1000000' })
  await records.until(({ length }) => length === 30, 'all records again, from the start')
  assert.deepEqual(texts(records.items), values)
}

async function seeksByTime(context: TestContext): Promise<void> {
  const topic = await createTopic(context, 'seek-by-time', 2)
  const producer = await connectedProducer(context)
  const start = 1_700_000_000_000
  const messages = Array.from({ length: 40 }, (_, index) => ({
    value: `v${index}`,
    partition: index % 2,
    timestamp: String(start + index * 1_000),
  }))
  await producer.send({ topic, messages })
  const admin = await connectedAdmin(context)
  const at = async (timestamp?: number) =>
    (await admin.fetchTopicOffsetsByTimestamp(topic, timestamp)).map(({ offset }) => Number(offset))
  assert.deepEqual(await at(start), [0, 0])
  assert.deepEqual(await at(start + 20_500), [11, 10])
  assert.deepEqual(await at(start + 1_000_000), [20, 20], 'behind the last record it is the end')
  assert.deepEqual(await at(), [20, 20])
  const consumer = await connectedConsumer(context)
  const records = collector<StoredRecord>()
  await consumer.subscribe({ topics: [topic] })
  await collectInto(consumer, records)
  for (const [partition, offset] of (await at(start + 30_000)).entries()) {
    consumer.seek({ topic, partition, offset: String(offset) })
  }
  await records.until(({ length }) => length === 10, 'the records since then')
  const expected = Array.from({ length: 10 }, (_, index) => `v${30 + index}`)
  assert.deepEqual(texts(records.items).sort(), expected.sort())
}

async function pausesAndResumes(context: TestContext): Promise<void> {
  const values = numberedValues(40)
  const topic = await createTopic(context, 'pause', 2)
  const consumer = await connectedConsumer(context)
  const records = collector<StoredRecord>()
  const partitionOne = [{ topic, partitions: [1] }]
  await consumer.subscribe({ topics: [topic] })
  await collectInto(consumer, records)
  await untilAssigned(consumer, 2)
  consumer.pause(partitionOne)
  assert.deepEqual(consumer.paused(), partitionOne)
  const producer = await connectedProducer(context)
  const messages = values.map((value, index) => ({ value, partition: index % 2 }))
  await producer.send({ topic, messages })
  await records.until(items => items.filter(r => r.partition === 0).length === 20, 'the partition not paused')
  // One more round through the broker for the partition that goes on.
  await producer.send({ topic, messages: [{ value: 'one more', partition: 0 }] })
  await records.until(items => texts(items).includes('one more'), 'one more record')
  assert.ok(records.items.every(({ partition }) => partition === 0))
  consumer.resume(partitionOne)
  await records.until(({ length }) => length === 41, 'the partition that was paused')
  assert.deepEqual(texts(records.items).sort(), [...values, 'one more'].sort())
}

async function commitsByHand(context: TestContext): Promise<void> {
  const values = numberedValues(60)
  const topic = await filledTopic(client, context, 'manual-commit', values)
  const groupId = context.uniqueName('group')
  const first = await connectedConsumer(context, { kafkaJS: { groupId, autoCommit: false } })
  const seen = collector<StoredRecord>()
  await first.subscribe({ topics: [topic] })
  await collectInto(first, seen)
  await seen.until(({ length }) => length === 60, 'all records')
  const admin = await connectedAdmin(context)
  assert.deepEqual(await committedOffsets(admin, groupId, topic), [], 'committed although autoCommit is off')
  await commit(context, first, groupId, [{ topic, partition: 0, offset: '22', metadata: 'halfway ✓' }])
  const [committed] = await first.committed([{ topic, partition: 0 }])
  assert.equal(committed!.offset, '22')
  await first.disconnect()
  const [stored] = await admin.fetchOffsets({ groupId, topics: [topic] })
  assert.equal(stored!.partitions[0]!.metadata, 'halfway ✓')
  const second = await connectedConsumer(context, { kafkaJS: { groupId } })
  const rest = collector<StoredRecord>()
  await second.subscribe({ topics: [topic] })
  await collectInto(second, rest)
  await rest.until(({ length }) => length === 38, 'what was not committed')
  assert.deepEqual(texts(rest.items), values.slice(22))
}

async function commitsByItself(context: TestContext): Promise<void> {
  const values = numberedValues(50)
  const topic = await filledTopic(client, context, 'auto-commit', values)
  const groupId = context.uniqueName('group')
  const first = await connectedConsumer(context, { kafkaJS: { groupId, autoCommitInterval: 200 } })
  const seen = collector<StoredRecord>()
  await first.subscribe({ topics: [topic] })
  await collectInto(first, seen)
  await seen.until(({ length }) => length === 50, 'all records')
  const admin = await connectedAdmin(context)
  await eventually(
    'the end to be committed',
    () => committedOffsets(admin, groupId, topic),
    ([offset]) => offset === 50,
  )
  await first.disconnect()
  const producer = await connectedProducer(context)
  await producer.send({ topic, messages: [{ value: 'after' }] })
  const second = await connectedConsumer(context, { kafkaJS: { groupId } })
  const rest = collector<StoredRecord>()
  await second.subscribe({ topics: [topic] })
  await collectInto(second, rest)
  await rest.until(({ length }) => length >= 1, 'the record after the committed ones')
  assert.deepEqual(texts(rest.items), ['after'])
}

async function subscribesByRegex(context: TestContext): Promise<void> {
  const stem = context.uniqueName('regex')
  const wanted = [`${stem}-orders-eu`, `${stem}-orders-us`]
  const other = `${stem}-invoices`
  const admin = await connectedAdmin(context)
  await admin.createTopics({ topics: [...wanted, other].map(topic => ({ topic, numPartitions: 2 })) })
  const producer = await connectedProducer(context)
  const topicMessages = [...wanted, other].map(topic => ({ topic, messages: [{ value: `in ${topic}` }] }))
  await producer.sendBatch({ topicMessages })
  const consumer = await connectedConsumer(context)
  const records = collector<StoredRecord>()
  await consumer.subscribe({ topics: [new RegExp(`^${stem}-orders-.*$`)] })
  await collectInto(consumer, records)
  await records.until(({ length }) => length === 2, 'a record of each topic')
  await untilAssigned(consumer, 4)
  assert.deepEqual(texts(records.items).sort(), wanted.map(topic => `in ${topic}`).sort())
}

async function readsSeveralTopics(context: TestContext): Promise<void> {
  const topics = [
    await filledTopic(client, context, 'several-a', numberedValues(30, 'a'), 2),
    await filledTopic(client, context, 'several-b', numberedValues(40, 'b'), 1),
    await filledTopic(client, context, 'several-c', numberedValues(50, 'c'), 3),
  ]
  const consumer = await connectedConsumer(context)
  const records = collector<StoredRecord>()
  for (const topic of topics) await consumer.subscribe({ topics: [topic] })
  await consumer.run({
    partitionsConsumedConcurrently: 3,
    eachMessage: async ({ topic, partition, message }) =>
      records.add(storedRecord(topic, partition, message)),
  })
  await records.until(({ length }) => length === 120, 'the records of all topics')
  const expected = [numberedValues(30, 'a'), numberedValues(40, 'b'), numberedValues(50, 'c')].flat()
  assert.deepEqual(texts(records.items).sort(), expected.sort())
}

async function waitsForData(context: TestContext): Promise<void> {
  const topic = await createTopic(context, 'long-poll')
  const consumer = await connectedConsumer(context, {
    kafkaJS: { groupId: context.uniqueName('group'), maxWaitTimeInMs: 8_000 },
  })
  const records = collector<StoredRecord>()
  await consumer.subscribe({ topics: [topic] })
  await collectInto(consumer, records)
  await untilAssigned(consumer, 1)
  const producer = await connectedProducer(context)
  for (let round = 1; round <= 5; round++) {
    const sentAt = performance.now()
    await producer.send({ topic, messages: [{ value: `woken ${round}` }] })
    await records.until(({ length }) => length === round, 'the record')
    const afterMs = performance.now() - sentAt
    // The first may come before the consumer has a fetch under way; the others end one that waits.
    if (round > 1) assert.ok(afterMs < 2_000, `the record took ${afterMs} ms to reach a waiting consumer`)
  }
}

async function readsMoreThanFits(context: TestContext): Promise<void> {
  const values = Array.from({ length: 12 }, (_, index) => String(index).repeat(50_000))
  const topic = await filledTopic(client, context, 'small-fetches', values, 2)
  // Every single record is larger than all limits, and still the consumer must get ahead.
  const consumer = await connectedConsumer(context, {
    librdkafka: { 'fetch.message.max.bytes': 1_000, 'fetch.max.bytes': 2_000, 'message.max.bytes': 1_000 },
  })
  const records = collector<StoredRecord>()
  await consumer.subscribe({ topics: [topic] })
  await collectInto(consumer, records)
  await records.until(({ length }) => length === values.length, 'all records')
  assert.deepEqual(texts(records.items).sort(), [...values].sort())
}

export const consumeCapabilities: Capability[] = inArea('consume', [
  { name: 'eachMessage from the beginning', test: readsFromBeginning },
  { name: 'only what is new (fromBeginning false)', test: readsOnlyNew },
  { name: 'eachBatch with resolveOffset', area: 'commit', test: resolvesBatches },
  { name: 'seek forward and back', area: 'seek', test: seeks },
  { name: 'a seek out of range starts over', area: 'seek', test: recoversFromOutOfRange },
  { name: 'seek to a time', area: 'timestamps', test: seeksByTime },
  { name: 'pause and resume a partition', test: pausesAndResumes },
  { name: 'manual commit with metadata, autoCommit off', area: 'commit', test: commitsByHand },
  { name: 'autoCommit and going on where it stopped', area: 'commit', test: commitsByItself },
  { name: 'subscription by regular expression', test: subscribesByRegex },
  { name: 'several topics at once, three partitions side by side', test: readsSeveralTopics },
  { name: 'a fetch that waits until data arrives', test: waitsForData },
  { name: 'records larger than the limits of a fetch', area: 'sizes', test: readsMoreThanFits },
])

/**
 * What kafkajs's consumer relies on, one member at a time: where it starts, where it goes on, how it is steered.
 * Groups of several members are in groups.ts.
 */

import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import type { Consumer } from 'kafkajs'
import { type Capability, inArea, type TestContext } from '../capability.ts'
import { filledTopic } from '../kafkajs-interface.ts'
import { numberedValues, texts } from '../record-values.ts'
import { collector } from '../wait-for.ts'
import {
  collectInto,
  committedOffsets,
  connectedAdmin,
  connectedConsumer,
  connectedProducer,
  createTopic,
  nextJoin,
  type StoredRecord,
  storedRecord,
} from './client.ts'

const client = { createTopic, connectedProducer }

async function committedOffset(context: TestContext, groupId: string, topic: string): Promise<number> {
  const [first] = await committedOffsets(await connectedAdmin(context), groupId, topic)
  return Number(first!.offset)
}

async function readsFromBeginning(context: TestContext): Promise<void> {
  const values = numberedValues(200)
  const topic = await filledTopic(client, context, 'from-beginning', values, 3)
  const consumer = await connectedConsumer(context)
  const records = collector<StoredRecord>()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await collectInto(consumer, records)
  await records.until(({ length }) => length === values.length, 'all records')
  assert.deepEqual(texts(records.items).sort(), [...values].sort())
}

async function readsOnlyNew(context: TestContext): Promise<void> {
  const topic = await filledTopic(client, context, 'only-new', numberedValues(50, 'old'))
  const consumer = await connectedConsumer(context)
  const records = collector<StoredRecord>()
  await consumer.subscribe({ topics: [topic], fromBeginning: false })
  const fetching = new Promise(resolve => consumer.on(consumer.events.FETCH_START, resolve))
  await collectInto(consumer, records)
  await fetching
  const producer = await connectedProducer(context)
  const values = numberedValues(20, 'new')
  // The first fetch has been sent, its offset is known; what comes now is new.
  await producer.send({ topic, messages: values.map(value => ({ value })) })
  await records.until(({ length }) => length >= values.length, 'the new records')
  assert.deepEqual(texts(records.items), values)
  assert.equal(records.items[0]!.offset, 50)
}

async function resolvesBatches(context: TestContext): Promise<void> {
  const values = numberedValues(100)
  const topic = await filledTopic(client, context, 'batches', values)
  const groupId = context.uniqueName('group')
  const first = await connectedConsumer(context, { groupId, maxBytesPerPartition: 2_000 })
  const resolved = collector<StoredRecord>()
  const highWatermarks = new Set<string>()
  await first.subscribe({ topics: [topic], fromBeginning: true })
  await first.run({
    eachBatchAutoResolve: false,
    autoCommitThreshold: 1,
    eachBatch: async ({ batch, resolveOffset, heartbeat, commitOffsetsIfNecessary, isRunning, isStale }) => {
      highWatermarks.add(batch.highWatermark)
      for (const message of batch.messages) {
        // Stops in the middle of a batch: what was not resolved must come again.
        if (!isRunning() || isStale() || resolved.items.length === 45) break
        resolved.add(storedRecord(batch.topic, batch.partition, message))
        resolveOffset(message.offset)
        await heartbeat()
        await commitOffsetsIfNecessary()
      }
    },
  })
  await resolved.until(({ length }) => length === 45, '45 resolved records')
  await first.disconnect()
  assert.equal(await committedOffset(context, groupId, topic), 45)
  assert.deepEqual([...highWatermarks], ['100'])

  const second = await connectedConsumer(context, { groupId })
  const rest = collector<StoredRecord>()
  await second.subscribe({ topics: [topic], fromBeginning: true })
  await collectInto(second, rest)
  await rest.until(({ length }) => length === 55, 'the other 55 records')
  assert.deepEqual([...texts(resolved.items), ...texts(rest.items)], values)
}

async function seeks(context: TestContext): Promise<void> {
  const values = numberedValues(100)
  const topic = await filledTopic(client, context, 'seek', values)
  const consumer = await connectedConsumer(context)
  const records = collector<StoredRecord>()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
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
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await collectInto(consumer, records)
  await records.until(({ length }) => length === 30, 'all records')
  records.items.length = 0
  consumer.seek({ topic, partition: 0, offset: '1000000' })
  await records.until(({ length }) => length === 30, 'all records again, from the start')
  assert.deepEqual(texts(records.items), values)
}

async function pausesAndResumes(context: TestContext): Promise<void> {
  const values = numberedValues(40)
  const topic = await filledTopic(client, context, 'pause', values, 2)
  const consumer = await connectedConsumer(context)
  const records = collector<StoredRecord>()
  const partitionOne = [{ topic, partitions: [1] }]
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await collectInto(consumer, records)
  consumer.pause(partitionOne)
  await records.until(items => items.filter(r => r.partition === 0).length === 20, 'the partition not paused')
  // Two more rounds of fetches that must not touch the paused partition.
  for (let round = 0; round < 2; round++) await nextFetch(consumer)
  assert.ok(records.items.every(({ partition }) => partition === 0))
  assert.deepEqual(consumer.paused(), partitionOne)
  consumer.resume(partitionOne)
  await records.until(({ length }) => length === 40, 'the partition that was paused')
  assert.deepEqual(texts(records.items).sort(), [...values].sort())
}

function nextFetch(consumer: Consumer): Promise<void> {
  return new Promise(resolve => {
    const remove = consumer.on(consumer.events.FETCH, () => {
      remove()
      resolve()
    })
  })
}

async function commitsByHand(context: TestContext): Promise<void> {
  const values = numberedValues(60)
  const topic = await filledTopic(client, context, 'manual-commit', values)
  const groupId = context.uniqueName('group')
  const first = await connectedConsumer(context, { groupId })
  const seen = collector<StoredRecord>()
  await first.subscribe({ topics: [topic], fromBeginning: true })
  await first.run({
    autoCommit: false,
    eachMessage: async ({ partition, message }) => seen.add(storedRecord(topic, partition, message)),
  })
  await seen.until(({ length }) => length === 60, 'all records')
  assert.equal(await committedOffset(context, groupId, topic), -1, 'committed although autoCommit is off')
  await first.commitOffsets([{ topic, partition: 0, offset: '22', metadata: 'halfway ✓' }])
  await first.disconnect()

  const admin = await connectedAdmin(context)
  const [committed] = await committedOffsets(admin, groupId, topic)
  const { offset, metadata } = committed!
  assert.deepEqual({ offset, metadata }, { offset: '22', metadata: 'halfway ✓' })
  const second = await connectedConsumer(context, { groupId })
  const rest = collector<StoredRecord>()
  await second.subscribe({ topics: [topic], fromBeginning: true })
  await collectInto(second, rest)
  await rest.until(({ length }) => length === 38, 'what was not committed')
  assert.deepEqual(texts(rest.items), values.slice(22))
}

async function commitsByItself(context: TestContext): Promise<void> {
  const values = numberedValues(50)
  const topic = await filledTopic(client, context, 'auto-commit', values)
  const groupId = context.uniqueName('group')
  const first = await connectedConsumer(context, { groupId })
  const seen = collector<StoredRecord>()
  await first.subscribe({ topics: [topic], fromBeginning: true })
  await collectInto(first, seen)
  await seen.until(({ length }) => length === 50, 'all records')
  await first.disconnect()
  assert.equal(await committedOffset(context, groupId, topic), 50)
  const producer = await connectedProducer(context)
  await producer.send({ topic, messages: [{ value: 'after' }] })
  const second = await connectedConsumer(context, { groupId })
  const rest = collector<StoredRecord>()
  await second.subscribe({ topics: [topic], fromBeginning: true })
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
  await consumer.subscribe({ topics: [new RegExp(`^${stem}-orders-.*$`)], fromBeginning: true })
  const joined = nextJoin(consumer)
  await collectInto(consumer, records)
  assert.deepEqual(Object.keys(await joined).sort(), wanted)
  await records.until(({ length }) => length === 2, 'a record of each topic')
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
  for (const topic of topics) await consumer.subscribe({ topics: [topic], fromBeginning: true })
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
  const consumer = await connectedConsumer(context, { maxWaitTimeInMs: 4_000, minBytes: 1 })
  const records = collector<StoredRecord>()
  const emptyFetches = collector<number>()
  consumer.on(consumer.events.FETCH, ({ payload }) => emptyFetches.add(payload.duration))
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await collectInto(consumer, records)
  const [idleMs] = await emptyFetches.until(({ length }) => length === 1, 'a fetch without data', 8_000)
  assert.ok(idleMs! > 3_500 && idleMs! < 5_500, `a fetch with nothing to bring came back after ${idleMs} ms`)
  // The next fetch is parked by now; data must end it.
  await delay(500)
  const producer = await connectedProducer(context)
  const sentAt = performance.now()
  await producer.send({ topic, messages: [{ value: 'woken' }] })
  await records.until(({ length }) => length === 1, 'the record')
  const wokenAfterMs = performance.now() - sentAt
  assert.ok(wokenAfterMs < 1_500, `the record took ${wokenAfterMs} ms to reach a waiting consumer`)
  assert.deepEqual(texts(records.items), ['woken'])
}

async function readsMoreThanFits(context: TestContext): Promise<void> {
  const topic = await createTopic(context, 'small-fetches', 2)
  const producer = await connectedProducer(context)
  const values = Array.from({ length: 12 }, (_, index) => String(index).repeat(50_000))
  for (const [index, value] of values.entries()) {
    await producer.send({ topic, messages: [{ value, partition: index % 2 }] })
  }
  // Every single record is larger than all limits, and still the consumer must get ahead.
  const consumer = await connectedConsumer(context, { maxBytesPerPartition: 1_000, maxBytes: 2_000 })
  const records = collector<StoredRecord>()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await collectInto(consumer, records)
  await records.until(({ length }) => length === values.length, 'all records')
  assert.deepEqual(texts(records.items).sort(), [...values].sort())
}

async function waitsForMinBytes(context: TestContext): Promise<void> {
  const topic = await createTopic(context, 'min-bytes')
  const consumer = await connectedConsumer(context, { maxWaitTimeInMs: 6_000, minBytes: 20_000 })
  const records = collector<StoredRecord>()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  const fetching = new Promise(resolve => consumer.on(consumer.events.FETCH_START, resolve))
  await collectInto(consumer, records)
  await fetching
  const producer = await connectedProducer(context)
  await producer.send({ topic, messages: [{ value: 'small' }] })
  await delay(700)
  assert.equal(records.items.length, 0, 'a fetch was answered below its minimum of bytes')
  const sentAt = performance.now()
  await producer.send({ topic, messages: [{ value: 'x'.repeat(30_000) }] })
  await records.until(({ length }) => length === 2, 'both records')
  assert.ok(performance.now() - sentAt < 2_000, 'the fetch was not answered when enough bytes were there')
}

export const consumeCapabilities: Capability[] = inArea('consume', [
  { name: 'eachMessage from the beginning', test: readsFromBeginning },
  { name: 'only what is new (fromBeginning false)', test: readsOnlyNew },
  {
    name: 'eachBatch with resolveOffset, heartbeat and commit inside a batch',
    area: 'commit',
    test: resolvesBatches,
  },
  { name: 'seek forward and back', area: 'seek', test: seeks },
  { name: 'a seek out of range starts over', area: 'seek', test: recoversFromOutOfRange },
  { name: 'pause and resume a partition', test: pausesAndResumes },
  { name: 'manual commit with metadata, autoCommit off', area: 'commit', test: commitsByHand },
  { name: 'autoCommit and going on where it stopped', area: 'commit', test: commitsByItself },
  { name: 'subscription by regular expression', test: subscribesByRegex },
  { name: 'several topics at once', test: readsSeveralTopics },
  { name: 'a fetch that waits until data arrives', test: waitsForData },
  { name: 'records larger than the limits of a fetch', area: 'sizes', test: readsMoreThanFits },
  { name: 'a fetch that waits for its minimum of bytes', test: waitsForMinBytes },
])

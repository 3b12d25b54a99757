/**
 * What the producer relies on. Everything sent is read back and compared, byte for byte where bytes are the point;
 * acknowledgements are checked for the offsets that they promise, and compressed batches are read by kafkajs as well,
 * which shows that they were compressed.
 */

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { type Capability, inArea, type TestContext } from '../capability.ts'
import {
  connectedProducer as connectedKafkajsProducer,
  readTopics as readWithKafkajs,
} from '../kafkajs/client.ts'
import { type CodecName, useCodec } from '../kafkajs/codecs.ts'
import { carriesBigMessages, partitionsByKey } from '../kafkajs-interface.ts'
import { numberedValues, texts } from '../record-values.ts'
import { connectedAdmin, connectedProducer, createTopic, errorCode, readTopics } from './client.ts'
import { loadKafka } from './package.ts'

const client = { createTopic, connectedProducer, readTopics }

/** Each codec of the client, and what kafkajs reads it with. */
const codecs = [
  ['GZIP', 'gzip'],
  ['SNAPPY', 'kafkajs-snappy'],
  ['LZ4', 'lz4-napi'],
  ['ZSTD', 'zstd-codec'],
] as const satisfies [string, CodecName][]

const messageSizeTooLarge = 10

async function producesWithAcks(context: TestContext, acks: number): Promise<void> {
  const topic = await createTopic(context, 'acks')
  const producer = await connectedProducer(context, { kafkaJS: { acks } })
  const values = numberedValues(100)
  for (let start = 0; start < values.length; start += 20) {
    const messages = values.slice(start, start + 20).map(value => ({ value, partition: 0 }))
    const [metadata] = await producer.send({ topic, messages })
    assert.equal(metadata!.errorCode, 0)
    if (acks !== 0) assert.equal(metadata!.baseOffset, String(start), 'the offset acknowledged')
  }
  assert.deepEqual(texts(await readTopics(context, [topic], values.length)), values)
}

async function producesCompressed(
  context: TestContext,
  codec: (typeof codecs)[number][0],
  readBy: CodecName,
): Promise<void> {
  const { CompressionTypes } = await loadKafka()
  const { decompressions } = await useCodec(readBy)
  const topic = await createTopic(context, 'compressed')
  // Easily compressed, incompressible and tiny batches, with every acks.
  const values = [...numberedValues(200), randomBytes(100_000).toString('base64'), 'x'.repeat(300_000), '-']
  const batches = [values.slice(0, 120), values.slice(120, 201), values.slice(201)]
  for (const [index, batch] of batches.entries()) {
    const acks = [-1, 1, 0][index]
    const settings = {
      kafkaJS: { acks, compression: CompressionTypes[codec] },
      librdkafka: { 'linger.ms': 50 },
    }
    const producer = await connectedProducer(context, settings)
    await producer.send({ topic, messages: batch.map(value => ({ value, headers: { codec } })) })
    await producer.disconnect()
  }
  const records = await readTopics(context, [topic], values.length)
  assert.deepEqual(texts(records), values)
  assert.ok(records.every(({ headers }) => String(headers?.codec) === codec))
  assert.deepEqual(texts(await readWithKafkajs(context, [topic], values.length)), values)
  assert.ok(decompressions() >= batches.length - 1, `only ${decompressions()} batches were compressed`)
}

async function producesIdempotently(context: TestContext): Promise<void> {
  const topic = await createTopic(context, 'idempotent', 3)
  const producer = await connectedProducer(context, { kafkaJS: { idempotent: true } })
  const values = numberedValues(600)
  // All at once: up to five requests of a partition are under way.
  await Promise.all(
    values.map((value, index) => producer.send({ topic, messages: [{ value, partition: index % 3 }] })),
  )
  const records = await readTopics(context, [topic], values.length)
  for (const partition of [0, 1, 2]) {
    const expected = values.filter((_, index) => index % 3 === partition)
    assert.deepEqual(texts(records.filter(record => record.partition === partition)), expected)
  }
}

async function sendsBatchOverTopics(context: TestContext): Promise<void> {
  const topics = [
    await createTopic(context, 'batch-a'),
    await createTopic(context, 'batch-b', 4),
    await createTopic(context, 'batch-c', 2),
  ]
  const producer = await connectedProducer(context)
  const valuesOf = (topic: string) => numberedValues(60, topic)
  const metadata = await producer.sendBatch({
    topicMessages: topics.map(topic => ({
      topic,
      messages: valuesOf(topic).map((value, index) => ({ key: String(index), value })),
    })),
  })
  assert.deepEqual([...new Set(metadata.map(({ topicName }) => topicName))].sort(), [...topics].sort())
  const records = await readTopics(context, topics, 180)
  for (const topic of topics) {
    const stored = records.filter(record => record.topic === topic)
    assert.deepEqual(texts(stored).sort(), valuesOf(topic).sort())
    assert.ok(stored.every(({ key, value }) => String(value).startsWith(`${topic}-${String(key)}-`)))
  }
}

async function keepsHeaders(context: TestContext): Promise<void> {
  const topic = await createTopic(context, 'headers')
  const producer = await connectedProducer(context)
  const binary = Buffer.from([0, 255, 1, 254, 0x80])
  const sent: Record<string, Buffer | string | (Buffer | string)[]>[] = [
    { text: 'plain', 'with-ümlaut ✓': 'größer 日本語' },
    { many: ['one', 'two', Buffer.from('three')] },
    { binary, empty: '', emptyBinary: Buffer.alloc(0) },
    {},
    { big: 'h'.repeat(20_000) },
  ]
  await producer.send({ topic, messages: sent.map(headers => ({ value: 'v', headers, partition: 0 })) })
  const records = await readTopics(context, [topic], sent.length)
  const asBytes = (headers: object = {}) =>
    Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, [value].flat().map(one => Buffer.from(one))]),
    )
  assert.deepEqual(
    records.map(({ headers }) => asBytes(headers)),
    sent.map(asBytes),
  )
}

async function keepsBytes(context: TestContext): Promise<void> {
  const topic = await createTopic(context, 'bytes')
  const producer = await connectedProducer(context)
  const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
  const messages = [
    { key: null, value: Buffer.from('null key') },
    { key: Buffer.from('null value'), value: null },
    { key: null, value: null },
    { key: Buffer.from('empty value'), value: Buffer.alloc(0) },
    { key: everyByte, value: randomBytes(5_000) },
    { key: Buffer.from([0]), value: everyByte },
  ]
  await producer.send({ topic, messages: messages.map(message => ({ ...message, partition: 0 })) })
  const pairs = (records: { key: Buffer | null; value: Buffer | null }[]) =>
    records.map(({ key, value }) => ({ key, value }))
  // The client's own producer makes no value of an empty one.
  const sent = messages.map(({ key, value }) => ({ key, value: value?.length === 0 ? null : value }))
  assert.deepEqual(pairs(await readWithKafkajs(context, [topic], messages.length)), sent)
  assert.deepEqual(pairs(await readTopics(context, [topic], messages.length)), sent)
  const other = await createTopic(context, 'empty-value')
  const kafkajs = await connectedKafkajsProducer(context)
  await kafkajs.send({ topic: other, messages: [{ key: '', value: '' }] })
  const empty = Buffer.alloc(0)
  assert.deepEqual(pairs(await readTopics(context, [other], 1)), [{ key: empty, value: empty }])
}

async function refusesTooBig(context: TestContext): Promise<void> {
  const topic = await createTopic(context, 'too-big')
  // The client has a limit of its own, which would keep the message from the broker.
  const producer = await connectedProducer(context, { librdkafka: { 'message.max.bytes': 5_000_000 } })
  const tooBig = producer.send({ topic, messages: [{ value: Buffer.alloc(1_200_000) }] })
  assert.equal(await errorCode(tooBig), messageSizeTooLarge)
  await producer.send({ topic, messages: [{ value: 'fits' }] })
  const records = await readTopics(context, [topic], 1)
  assert.deepEqual(texts(records), ['fits'])
  assert.equal(records[0]!.offset, 0, 'the refused record took an offset')
}

async function keepsTimestamps(context: TestContext): Promise<void> {
  const created = await createTopic(context, 'create-time')
  const appended = await createTopic(context, 'append-time', 1, { 'message.timestamp.type': 'LogAppendTime' })
  const producer = await connectedProducer(context)
  const before = Date.now()
  const timestamps = [before - 100_000, before - 50_000, before - 75_000].map(String)
  const messages = timestamps.map(timestamp => ({ value: 'v', timestamp }))
  await producer.send({ topic: created, messages })
  await producer.send({ topic: appended, messages })
  const records = await readTopics(context, [created, appended], 6)
  const stored = (topic: string) =>
    records.filter(record => record.topic === topic).map(({ timestamp }) => timestamp)
  assert.deepEqual(stored(created), timestamps)
  for (const timestamp of stored(appended)) {
    assert.ok(Number(timestamp) >= before - 1_000 && Number(timestamp) <= Date.now() + 1_000)
  }
}

async function sendsConcurrently(context: TestContext): Promise<void> {
  const topic = await createTopic(context, 'pipelined', 4)
  const producer = await connectedProducer(context)
  const values = numberedValues(400)
  const sends = values.map((value, index) =>
    producer.send({ topic, messages: [{ value, partition: index % 4 }] }),
  )
  await producer.flush({ timeout: 10_000 })
  const results = await Promise.all(sends)
  const records = await readTopics(context, [topic], values.length)
  for (const [index, [metadata]] of results.entries()) {
    const stored = records.find(r => r.partition === index % 4 && r.offset === Number(metadata!.baseOffset))
    assert.equal(String(stored?.value), values[index], 'another record stands at the acknowledged offset')
  }
}

async function createsTopicOnSend(context: TestContext): Promise<void> {
  const topic = context.uniqueName('auto-created')
  const producer = await connectedProducer(context, { kafkaJS: { allowAutoTopicCreation: true } })
  await producer.send({ topic, messages: [{ value: 'first' }] })
  assert.deepEqual(texts(await readTopics(context, [topic], 1)), ['first'])
  assert.ok((await (await connectedAdmin(context)).listTopics()).includes(topic))
}

export const produceCapabilities: Capability[] = inArea('produce', [
  ...inArea(
    'acks',
    [0, 1, -1].map(acks => ({
      name: `produce with acks=${acks}`,
      test: (context: TestContext) => producesWithAcks(context, acks),
    })),
  ),
  ...inArea(
    'compression',
    codecs.map(([codec, readBy]) => ({
      name: `produce with ${codec}, every acks, and have kafkajs read it, too`,
      timeLimitMs: 60_000,
      test: (context: TestContext) => producesCompressed(context, codec, readBy),
    })),
  ),
  { name: 'produce idempotently, five requests under way', area: 'idempotence', test: producesIdempotently },
  { name: 'send one batch over several topics', test: sendsBatchOverTopics },
  { name: 'headers: several values, binary, empty', area: 'headers', test: keepsHeaders },
  { name: 'null, empty and binary keys and values', test: keepsBytes },
  { name: 'messages of 900 KB', area: 'sizes', test: context => carriesBigMessages(client, context) },
  { name: 'a message over the limit is refused', area: 'sizes', test: refusesTooBig },
  { name: 'the order within a key and its one partition', test: context => partitionsByKey(client, context) },
  { name: 'CreateTime and LogAppendTime timestamps', area: 'timestamps', test: keepsTimestamps },
  { name: 'many sends at once, each acknowledged with its own offset', test: sendsConcurrently },
  { name: 'a topic created by the first send', area: 'topics', test: createsTopicOnSend },
])

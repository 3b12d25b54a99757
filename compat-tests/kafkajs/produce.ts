/**
 * What kafkajs's producer relies on. Everything sent is read back and compared, byte for byte where bytes are
 * the point; acknowledgements are checked for the offsets that they promise.
 */

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { type Capability, inArea, type TestContext } from '../capability.ts'
import { carriesBigMessages, partitionsByKey } from '../kafkajs-interface.ts'
import { numberedValues, texts } from '../record-values.ts'
import { connectedAdmin, connectedProducer, createTopic, protocolError, readTopics } from './client.ts'
import { type CodecName, useCodec } from './codecs.ts'

const client = { createTopic, connectedProducer, readTopics }

const codecNames: CodecName[] = ['gzip', 'kafkajs-snappy', 'kafkajs-lz4', 'lz4-napi', 'zstd-codec']

async function producesWithAcks(context: TestContext, acks: number): Promise<void> {
  const topic = await createTopic(context, 'acks')
  const producer = await connectedProducer(context)
  const values = numberedValues(100)
  for (let start = 0; start < values.length; start += 20) {
    const messages = values.slice(start, start + 20).map(value => ({ value }))
    const metadata = await producer.send({ topic, acks, messages })
    if (acks === 0) continue
    assert.equal(metadata.length, 1)
    assert.equal(metadata[0]!.errorCode, 0)
    assert.equal(metadata[0]!.baseOffset, String(start), 'the offset acknowledged')
  }
  assert.deepEqual(texts(await readTopics(context, [topic], values.length)), values)
}

async function producesCompressed(context: TestContext, name: CodecName): Promise<void> {
  const { type, decompressions } = await useCodec(name)
  const topic = await createTopic(context, 'compressed')
  const producer = await connectedProducer(context)
  // Easily compressed, incompressible and tiny batches, with every acks.
  const values = [...numberedValues(200), randomBytes(100_000).toString('base64'), 'x'.repeat(300_000), '']
  const batches = [values.slice(0, 120), values.slice(120, 201), values.slice(201, 202), values.slice(202)]
  for (const [index, batch] of batches.entries()) {
    const messages = batch.map(value => ({ value, key: `key-${index}`, headers: { codec: name } }))
    await producer.send({ topic, acks: [-1, 1, 0, -1][index], compression: type, messages })
  }
  const records = await readTopics(context, [topic], values.length)
  assert.deepEqual(texts(records), values)
  assert.ok(records.every(({ headers }) => String(headers.codec) === name))
  assert.ok(decompressions() >= batches.length, `only ${decompressions()} batches came back compressed`)
}

async function producesIdempotently(context: TestContext): Promise<void> {
  const topic = await createTopic(context, 'idempotent', 3)
  const producer = await connectedProducer(context, { idempotent: true, maxInFlightRequests: 1 })
  const values = numberedValues(300)
  for (let start = 0; start < values.length; start += 30) {
    const messages = values.slice(start, start + 30).map((value, index) => ({ value, partition: index % 3 }))
    await producer.send({ topic, messages })
  }
  const records = await readTopics(context, [topic], values.length)
  assert.deepEqual(texts(records).sort(), [...values].sort())
  for (const partition of [0, 1, 2]) {
    const expected = values.filter((_, index) => (index % 30) % 3 === partition)
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
  assert.ok(metadata.every(({ errorCode, baseOffset }) => errorCode === 0 && baseOffset === '0'))
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
  const sent = [
    { text: 'plain', 'with-ümlaut ✓': 'größer 日本語' },
    { many: ['one', 'two', Buffer.from('three')] },
    { binary, empty: '', emptyBinary: Buffer.alloc(0), '': 'empty name' },
    {},
    { big: 'h'.repeat(20_000) },
  ]
  await producer.send({ topic, messages: sent.map(headers => ({ value: 'v', headers })) })
  const records = await readTopics(context, [topic], sent.length)
  const asBytes = (headers: object) =>
    Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, [value].flat().map(one => Buffer.from(one))]),
    )
  assert.deepEqual(
    records.map(({ headers }) => asBytes(headers)),
    sent.map(asBytes),
  )
}

async function keepsNullAndEmpty(context: TestContext): Promise<void> {
  const topic = await createTopic(context, 'nulls')
  const producer = await connectedProducer(context)
  const messages = [
    { key: null, value: 'null key' },
    { key: 'null value', value: null },
    { key: null, value: null },
    { key: 'empty value', value: '' },
    { key: '', value: 'empty key' },
    { key: '', value: '' },
    { value: 'no key' },
  ]
  await producer.send({ topic, messages })
  const records = await readTopics(context, [topic], messages.length)
  const bytes = (text: string | null | undefined) => (typeof text === 'string' ? Buffer.from(text) : null)
  assert.deepEqual(
    records.map(({ key, value }) => ({ key, value })),
    messages.map(({ key, value }) => ({ key: bytes(key), value: bytes(value) })),
  )
}

async function keepsBinaryValues(context: TestContext): Promise<void> {
  const topic = await createTopic(context, 'binary')
  const producer = await connectedProducer(context)
  const values = [
    Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)),
    randomBytes(5_000),
    Buffer.alloc(3),
  ]
  await producer.send({
    topic,
    messages: values.map((value, index) => ({ key: Buffer.from([0, index, 255]), value })),
  })
  const records = await readTopics(context, [topic], values.length)
  assert.deepEqual(
    records.map(({ value }) => value),
    values,
  )
  assert.deepEqual(
    records.map(({ key }) => key),
    values.map((_, index) => Buffer.from([0, index, 255])),
  )
}

async function refusesTooBig(context: TestContext): Promise<void> {
  const topic = await createTopic(context, 'too-big')
  const producer = await connectedProducer(context)
  const tooBig = producer.send({ topic, messages: [{ value: Buffer.alloc(1_200_000) }] })
  assert.equal(await protocolError(tooBig), 'MESSAGE_TOO_LARGE')
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
  const [createdMetadata] = await producer.send({ topic: created, messages })
  const [appendedMetadata] = await producer.send({ topic: appended, messages })
  assert.equal(createdMetadata!.logAppendTime, '-1')
  const logAppendTime = Number(appendedMetadata!.logAppendTime)
  assert.ok(
    logAppendTime >= before - 1_000 && logAppendTime <= Date.now() + 1_000,
    `appended at ${logAppendTime}`,
  )
  const records = await readTopics(context, [created, appended], 6)
  const stored = (topic: string) =>
    records.filter(record => record.topic === topic).map(({ timestamp }) => timestamp)
  assert.deepEqual(stored(created), timestamps)
  assert.deepEqual(stored(appended), Array(3).fill(String(logAppendTime)))
}

async function sendsConcurrently(context: TestContext): Promise<void> {
  const topic = await createTopic(context, 'pipelined', 4)
  const producer = await connectedProducer(context)
  const values = numberedValues(400)
  const results = await Promise.all(
    values.map((value, index) => producer.send({ topic, messages: [{ value, partition: index % 4 }] })),
  )
  const records = await readTopics(context, [topic], values.length)
  for (const [index, [metadata]] of results.entries()) {
    const stored = records.find(r => r.partition === index % 4 && r.offset === Number(metadata!.baseOffset))
    assert.equal(String(stored?.value), values[index], 'another record stands at the acknowledged offset')
  }
}

async function createsTopicOnSend(context: TestContext): Promise<void> {
  const topic = context.uniqueName('auto-created')
  const producer = await connectedProducer(context, { allowAutoTopicCreation: true })
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
    codecNames.map(name => ({
      name: `produce and consume with ${name}, every acks`,
      timeLimitMs: 60_000,
      test: (context: TestContext) => producesCompressed(context, name),
    })),
  ),
  { name: 'produce idempotently', area: 'idempotence', test: producesIdempotently },
  { name: 'send one batch over several topics', test: sendsBatchOverTopics },
  { name: 'headers: several values, binary, empty', area: 'headers', test: keepsHeaders },
  { name: 'null and empty keys and values', test: keepsNullAndEmpty },
  { name: 'binary keys and values', test: keepsBinaryValues },
  { name: 'messages of 900 KB', area: 'sizes', test: context => carriesBigMessages(client, context) },
  { name: 'a message over the limit is refused', area: 'sizes', test: refusesTooBig },
  { name: 'the order within a key and its one partition', test: context => partitionsByKey(client, context) },
  { name: 'CreateTime and LogAppendTime timestamps', area: 'timestamps', test: keepsTimestamps },
  { name: 'many sends at once, each acknowledged with its own offset', test: sendsConcurrently },
  { name: 'a topic created by the first send', area: 'topics', test: createsTopicOnSend },
])

/**
 * What krafka's producer relies on. Everything sent is read back and compared; acknowledgements are checked for the
 * offsets that they promise; compressed batches are read by kafkajs as well, which shows that they were compressed.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { type Capability, inArea, type TestContext } from '../capability.ts'
import { readTopics as readWithKafkajs } from '../kafkajs/client.ts'
import { type CodecName, useCodec } from '../kafkajs/codecs.ts'
import { assertOrderWithinKeys, numberedValues, texts } from '../record-values.ts'
import { createTopic, errorCode, type Headers, openProducer, readTopic } from './client.ts'
import { startDriver } from './driver.ts'

/** Each codec of the client, and what kafkajs reads it with. */
const codecs = [
  ['gzip', 'gzip'],
  ['snappy', 'kafkajs-snappy'],
  ['lz4', 'lz4-napi'],
  ['zstd', 'zstd-codec'],
] as const satisfies [string, CodecName][]

const messageTooLarge = 10

async function producesWithAcks(context: TestContext, acks: number): Promise<void> {
  const driver = startDriver(context)
  const topic = await createTopic(context, driver, 'acks')
  const producer = await openProducer(driver, { acks })
  const values = numberedValues(100)
  for (let start = 0; start < values.length; start += 20) {
    const acknowledged = await producer.send(
      values.slice(start, start + 20).map(value => ({ topic, value, partition: 0 })),
    )
    const expected = Array.from({ length: 20 }, (_, index) => (acks === 0 ? -1 : start + index))
    assert.deepEqual(
      acknowledged.map(({ offset }) => offset),
      expected,
    )
  }
  assert.deepEqual(texts(await readTopic(driver, topic, 1, values.length)), values)
}

async function producesCompressed(
  context: TestContext,
  compression: string,
  readBy: CodecName,
): Promise<void> {
  const driver = startDriver(context)
  const { decompressions } = await useCodec(readBy)
  const topic = await createTopic(context, driver, 'compressed')
  // Easily compressed, incompressible and tiny batches, with every acks.
  const values = [...numberedValues(200), randomBytes(100_000).toString('base64'), 'x'.repeat(300_000), '']
  const batches = [values.slice(0, 120), values.slice(120, 201), values.slice(201)]
  for (const [index, batch] of batches.entries()) {
    const producer = await openProducer(driver, { acks: [-1, 1, 0][index], compression, lingerMs: 20 })
    const headers: Headers = [['codec', Buffer.from(compression)]]
    await producer.send(batch.map(value => ({ topic, value, headers })))
  }
  const records = await readTopic(driver, topic, 1, values.length)
  assert.deepEqual(texts(records), values)
  assert.ok(records.every(({ headers }) => String(headers[0]?.[1]) === compression))
  assert.deepEqual(texts(await readWithKafkajs(context, [topic], values.length)), values)
  assert.ok(decompressions() >= batches.length, `only ${decompressions()} batches were compressed`)
}

async function producesIdempotently(context: TestContext): Promise<void> {
  const driver = startDriver(context)
  const topic = await createTopic(context, driver, 'idempotent', 3)
  const producer = await openProducer(driver, { idempotent: true })
  const values = numberedValues(900)
  const sends = []
  for (let start = 0; start < values.length; start += 30) {
    const some = values.slice(start, start + 30)
    sends.push(producer.send(some.map((value, index) => ({ topic, value, partition: (start + index) % 3 }))))
  }
  await Promise.all(sends)
  const records = await readTopic(driver, topic, 3, values.length)
  assert.deepEqual(texts(records).sort(), [...values].sort())
}

async function keepsHeaders(context: TestContext): Promise<void> {
  const driver = startDriver(context)
  const topic = await createTopic(context, driver, 'headers')
  const producer = await openProducer(driver)
  const sent: Headers[] = [
    [['text', Buffer.from('plain')]],
    [
      ['many', Buffer.from('one')],
      ['between', Buffer.alloc(0)],
      ['many', Buffer.from('two')],
      ['none', null],
    ],
    [['with-ümlaut ✓', Buffer.from([0, 255, 1, 254, 0x80])]],
    [],
    [['big', Buffer.alloc(20_000, 'h')]],
  ]
  await producer.send(sent.map(headers => ({ topic, value: 'v', headers, partition: 0 })))
  const records = await readTopic(driver, topic, 1, sent.length)
  assert.deepEqual(
    records.map(({ headers }) => headers),
    sent,
    'several values of one name, in their order, and none as none',
  )
}

async function keepsBytes(context: TestContext): Promise<void> {
  const driver = startDriver(context)
  const topic = await createTopic(context, driver, 'bytes')
  const producer = await openProducer(driver)
  const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
  const sent = [
    { key: null, value: Buffer.from('null key') },
    { key: Buffer.from('null value'), value: null },
    { key: null, value: null },
    { key: Buffer.alloc(0), value: Buffer.alloc(0) },
    { key: everyByte, value: randomBytes(5_000) },
  ]
  await producer.send(sent.map(record => ({ ...record, topic, partition: 0 })))
  const records = await readTopic(driver, topic, 1, sent.length)
  assert.deepEqual(
    records.map(({ key, value }) => ({ key, value })),
    sent,
  )
}

async function carriesBigMessages(context: TestContext): Promise<void> {
  const driver = startDriver(context)
  const topic = await createTopic(context, driver, 'big', 2)
  const producer = await openProducer(driver)
  const values = Array.from({ length: 6 }, () => randomBytes(900_000))
  await producer.send(
    values.map((value, index) => ({ topic, key: String(index), value, partition: index % 2 })),
  )
  const records = await readTopic(driver, topic, 2, values.length)
  for (const { key, value } of records) {
    assert.ok(value!.equals(values[Number(String(key))]!), `the value of key ${key} came back different`)
  }
}

async function refusesTooBig(context: TestContext): Promise<void> {
  const driver = startDriver(context)
  const topic = await createTopic(context, driver, 'too-big', 1, { 'max.message.bytes': '2000' })
  const producer = await openProducer(driver)
  const tooBig = producer.send([{ topic, value: Buffer.alloc(5_000) }])
  assert.equal(await errorCode(tooBig), messageTooLarge)
  const another = await openProducer(driver)
  await another.send([{ topic, value: 'fits' }])
  const records = await readTopic(driver, topic, 1, 1)
  assert.deepEqual([texts(records), records[0]!.offset], [['fits'], 0], 'the refused record took an offset')
}

async function partitionsByKey(context: TestContext): Promise<void> {
  const driver = startDriver(context)
  const topic = await createTopic(context, driver, 'keys', 6)
  const producer = await openProducer(driver)
  const keys = Array.from({ length: 40 }, (_, index) => `customer-${index}`)
  for (let round = 0; round < 10; round++) {
    await producer.send(keys.map(key => ({ topic, key, value: `${key} ${round}` })))
  }
  const records = await readTopic(driver, topic, 6, keys.length * 10)
  assertOrderWithinKeys(records, keys, 10)
  assert.ok(new Set(records.map(({ partition }) => partition)).size > 1, 'all keys in one partition')
}

async function keepsTimestamps(context: TestContext): Promise<void> {
  const driver = startDriver(context)
  const created = await createTopic(context, driver, 'create-time')
  const appended = await createTopic(context, driver, 'append-time', 1, {
    'message.timestamp.type': 'LogAppendTime',
  })
  const producer = await openProducer(driver)
  const before = Date.now()
  const timestamps = [before - 100_000, before - 50_000, before - 75_000]
  for (const topic of [created, appended]) {
    await producer.send(timestamps.map(timestamp => ({ topic, value: 'v', timestamp })))
  }
  const stored = (records: { timestamp: number | string }[]) =>
    records.map(({ timestamp }) => Number(timestamp))
  assert.deepEqual(stored(await readTopic(driver, created, 1, 3)), timestamps)
  // krafka gives the time that the producer said where the log has its own (FINDINGS.md).
  for (const timestamp of stored(await readWithKafkajs(context, [appended], 3))) {
    assert.ok(timestamp >= before - 1_000 && timestamp <= Date.now() + 1_000, `appended at ${timestamp}`)
  }
}

async function sendsConcurrently(context: TestContext): Promise<void> {
  const driver = startDriver(context)
  const topic = await createTopic(context, driver, 'pipelined', 4)
  const producer = await openProducer(driver)
  const values = numberedValues(400)
  const acknowledged = await Promise.all(
    values.map((value, index) => producer.send([{ topic, value, partition: index % 4 }])),
  )
  const records = await readTopic(driver, topic, 4, values.length)
  for (const [index, [place]] of acknowledged.entries()) {
    const stored = records.find(r => r.partition === index % 4 && r.offset === place!.offset)
    assert.equal(String(stored?.value), values[index], 'another record stands at the acknowledged offset')
  }
}

async function createsTopicOnSend(context: TestContext): Promise<void> {
  const driver = startDriver(context)
  const topic = context.uniqueName('auto-created')
  const producer = await openProducer(driver)
  await producer.send([{ topic, value: 'first' }])
  assert.deepEqual(texts(await readTopic(driver, topic, 1, 1)), ['first'])
  assert.ok((await driver.call<string[]>('admin.listTopics')).includes(topic))
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
  {
    name: 'produce idempotently, several requests under way',
    area: 'idempotence',
    test: producesIdempotently,
  },
  { name: 'headers: several values, binary, empty, null', area: 'headers', test: keepsHeaders },
  { name: 'null, empty and binary keys and values', test: keepsBytes },
  { name: 'messages of 900 KB', area: 'sizes', test: carriesBigMessages },
  { name: 'a message over the limit is refused', area: 'sizes', test: refusesTooBig },
  { name: 'the order within a key and its one partition', test: partitionsByKey },
  { name: 'CreateTime and LogAppendTime timestamps', area: 'timestamps', test: keepsTimestamps },
  { name: 'many sends at once, each acknowledged with its own offset', test: sendsConcurrently },
  { name: 'a topic created by the first send', area: 'topics', test: createsTopicOnSend },
])

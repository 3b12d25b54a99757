/**
 * What the producer of @platformatic/kafka relies on, in the newest versions of the protocol that it speaks.
 * Everything sent is read back and compared; acknowledgements are checked for the offsets that they promise.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { CompressionAlgorithmValue } from '@platformatic/kafka'
import { type Capability, inArea, type TestContext } from '../capability.ts'
import { assertOrderWithinKeys, numberedValues, texts } from '../record-values.ts'
import {
  createTopic,
  openAdmin,
  openConsumer,
  openProducer,
  readTopics,
  refusedWith,
  sendValues,
} from './client.ts'
import { hasZstd, tryWithNewerNode } from './newer-node.ts'

const codecs: CompressionAlgorithmValue[] = ['gzip', 'snappy', 'lz4', 'zstd']

async function producesWithAcks(context: TestContext, acks: number): Promise<void> {
  const topic = await createTopic(context, 'acks')
  // Given to the constructor it would be ignored (FINDINGS.md).
  const producer = openProducer(context)
  const values = numberedValues(100)
  for (let start = 0; start < values.length; start += 20) {
    const messages = values.slice(start, start + 20).map(value => ({ topic, value: Buffer.from(value) }))
    const { offsets } = await producer.send({ acks, messages })
    if (acks !== 0) assert.deepEqual(offsets, [{ topic, partition: 0, offset: BigInt(start) }])
  }
  assert.deepEqual(texts(await readTopics(context, [topic], values.length)), values)
}

async function producesCompressed(
  context: TestContext,
  compression: CompressionAlgorithmValue,
): Promise<void> {
  const topic = await createTopic(context, 'compressed')
  const producer = openProducer(context)
  const values = [...numberedValues(200), randomBytes(100_000).toString('base64'), 'x'.repeat(300_000)]
  const batches = [values.slice(0, 120), values.slice(120, 201), values.slice(201)]
  for (const [index, batch] of batches.entries()) {
    await sendValues(producer, topic, batch, 1, { acks: [-1, 1, 0][index], compression })
  }
  assert.deepEqual(texts(await readTopics(context, [topic], values.length)), values)
}

async function producesIdempotently(context: TestContext): Promise<void> {
  const topic = await createTopic(context, 'idempotent', 3)
  const producer = openProducer(context, { idempotent: true })
  const values = numberedValues(300)
  for (let start = 0; start < values.length; start += 30) {
    await sendValues(producer, topic, values.slice(start, start + 30), 3)
  }
  assert.ok(producer.producerId! >= 0n)
  assert.equal(producer.producerEpoch, 0)
  const records = await readTopics(context, [topic], values.length)
  for (const partition of [0, 1, 2]) {
    const expected = values.filter((_, index) => (index % 30) % 3 === partition)
    assert.deepEqual(texts(records.filter(record => record.partition === partition)), expected)
  }
  const second = openProducer(context, { idempotent: true })
  await sendValues(second, topic, ['of another producer'])
  assert.notEqual(second.producerId, producer.producerId, 'two producers got one producer id')
}

async function sendsOverTopics(context: TestContext): Promise<void> {
  const topics = [await createTopic(context, 'one', 2), await createTopic(context, 'two', 3)]
  const producer = openProducer(context)
  const values = numberedValues(120)
  const messages = values.map((value, index) => ({
    topic: topics[index % 2]!,
    partition: index % 2,
    value: Buffer.from(value),
  }))
  const { offsets } = await producer.send({ messages })
  assert.deepEqual(
    [...offsets!].sort((one, other) => one.partition - other.partition),
    [
      { topic: topics[0], partition: 0, offset: 0n },
      { topic: topics[1], partition: 1, offset: 0n },
    ],
  )
  const records = await readTopics(context, topics, values.length)
  for (const [index, topic] of topics.entries()) {
    const expected = values.filter((_, each) => each % 2 === index)
    assert.deepEqual(texts(records.filter(record => record.topic === topic)), expected)
  }
}

async function keepsHeadersAndNulls(context: TestContext): Promise<void> {
  const topic = await createTopic(context, 'headers')
  const producer = openProducer(context)
  const bytes = (text: string) => Buffer.from(text)
  const binary = Buffer.from([0, 255, 1, 254, 0x80])
  const sent = [
    { key: bytes('key'), value: bytes('value'), headers: new Map([[bytes('text'), bytes('größer ✓')]]) },
    { value: bytes('no key'), headers: new Map([[binary, binary]]) },
    { key: bytes('tombstone'), headers: new Map([[bytes('empty'), Buffer.alloc(0)]]) },
    { key: Buffer.alloc(0), value: Buffer.alloc(0) },
    { key: bytes('big header'), value: binary, headers: new Map([[bytes('big'), randomBytes(20_000)]]) },
  ]
  await producer.send({ messages: sent.map(message => ({ topic, ...message })) })
  const records = await readTopics(context, [topic], sent.length)
  const shape = (message: { key?: Buffer; value?: Buffer; headers?: Map<Buffer, Buffer> }) => ({
    key: message.key?.toString('hex'),
    value: message.value?.toString('hex'),
    headers: [...(message.headers ?? [])].map(pair => pair.map(part => part.toString('hex'))),
  })
  assert.deepEqual(records.map(shape), sent.map(shape))
}

async function carriesBigMessages(context: TestContext): Promise<void> {
  const topic = await createTopic(context, 'big')
  const producer = openProducer(context)
  const values = Array.from({ length: 5 }, () => randomBytes(900_000))
  for (const value of values) await producer.send({ messages: [{ topic, value }] })
  const records = await readTopics(context, [topic], values.length)
  assert.ok(records.every(({ value }, index) => value.equals(values[index]!)))
}

async function refusesTooBig(context: TestContext): Promise<void> {
  const topic = await createTopic(context, 'too-big')
  const producer = openProducer(context)
  const tooBig = producer.send({ messages: [{ topic, value: Buffer.alloc(1_200_000) }] })
  await refusedWith(tooBig, 'MESSAGE_TOO_LARGE')
  await sendValues(producer, topic, ['fits'])
  const records = await readTopics(context, [topic], 1)
  assert.deepEqual([records[0]!.offset, texts(records)], [0n, ['fits']])
}

async function partitionsByKey(context: TestContext): Promise<void> {
  const topic = await createTopic(context, 'keys', 6)
  const producer = openProducer(context)
  const keys = Array.from({ length: 40 }, (_, index) => `customer-${index}`)
  for (let round = 0; round < 10; round++) {
    const messages = keys.map(key => ({
      topic,
      key: Buffer.from(key),
      value: Buffer.from(`${key} ${round}`),
    }))
    await producer.send({ messages })
  }
  const records = await readTopics(context, [topic], keys.length * 10)
  assertOrderWithinKeys(records, keys, 10)
}

async function keepsTimestamps(context: TestContext): Promise<void> {
  const topic = await createTopic(context, 'timestamps')
  const producer = openProducer(context)
  const now = BigInt(Date.now())
  const timestamps = [now - 100_000n, now - 50_000n, now - 75_000n]
  await producer.send({
    messages: timestamps.map(timestamp => ({ topic, timestamp, value: Buffer.from('v') })),
  })
  const records = await readTopics(context, [topic], 3)
  assert.deepEqual(
    records.map(({ timestamp }) => timestamp),
    timestamps,
  )
  const consumer = openConsumer(context)
  const found = await consumer.listOffsetsWithTimestamps({ topics: [topic], timestamp: now - 60_000n })
  assert.deepEqual(found.get(topic)!.get(0), { offset: 1n, timestamp: now - 50_000n })
}

async function streams(context: TestContext): Promise<void> {
  const topic = await createTopic(context, 'stream', 2)
  const producer = openProducer(context)
  const stream = producer.asStream({ batchSize: 50, batchTime: 5 })
  const values = numberedValues(500)
  for (const [index, value] of values.entries()) {
    stream.write({ topic, partition: index % 2, value: Buffer.from(value) })
  }
  await stream.close()
  const records = await readTopics(context, [topic], values.length)
  for (const partition of [0, 1]) {
    const expected = values.filter((_, index) => index % 2 === partition)
    assert.deepEqual(texts(records.filter(record => record.partition === partition)), expected)
  }
}

async function createsTopicOnSend(context: TestContext): Promise<void> {
  const topic = context.uniqueName('auto-created')
  const producer = openProducer(context, { autocreateTopics: true })
  await producer.send({ messages: [{ topic, value: Buffer.from('first') }] })
  assert.deepEqual(texts(await readTopics(context, [topic], 1)), ['first'])
  assert.ok((await openAdmin(context).listTopics()).includes(topic))
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
    codecs.map(codec => {
      const name = `produce and consume with ${codec}, every acks`
      const isHad = codec !== 'zstd' || hasZstd
      return {
        name,
        // In CI it shows that the other Node, which is prepared anyway, can be had.
        ci: codec === 'zstd' ? true : undefined,
        test: (context: TestContext) =>
          isHad ? producesCompressed(context, codec) : tryWithNewerNode(context, name),
      }
    }),
  ),
  { name: 'produce idempotently', area: 'idempotence', test: producesIdempotently },
  { name: 'send one batch over several topics', test: sendsOverTopics },
  { name: 'headers, null and empty keys and values', area: 'headers', test: keepsHeadersAndNulls },
  { name: 'messages of 900 KB', area: 'sizes', test: carriesBigMessages },
  { name: 'a message over the limit is refused', area: 'sizes', test: refusesTooBig },
  { name: 'the order within a key and its one partition', test: partitionsByKey },
  { name: 'timestamps, and offsets by timestamp', area: 'timestamps', test: keepsTimestamps },
  { name: 'a producer stream', test: streams },
  { name: 'a topic created by the first send', area: 'topics', test: createsTopicOnSend },
])

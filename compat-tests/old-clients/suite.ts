/**
 * Clients from before record batches: each writes and reads message sets of magic 0 or 1, by the oldest versions of the
 * protocol, on the same topics as kafkajs. Kafka 4 serves none of them; the control is Kafka 3.9.
 */
import assert from 'node:assert/strict'
import { type Capability, inArea, type TestContext } from '../capability.ts'
import {
  committedOffsets,
  connectedAdmin,
  connectedProducer,
  createTopic,
  readTopics,
} from '../kafkajs/client.ts'
import { type CodecName, useCodec } from '../kafkajs/codecs.ts'
import { consumeInGroupWith, consumeWith, type OldClient, type OldRecord, produceWith } from './old-client.ts'
import { javaClient, kafkaNode, sarama } from './programs.ts'

const untilLz4 = ['none', 'gzip', 'snappy'] as const
const all = [...untilLz4, 'lz4'] as const

const clients: OldClient[] = [
  ...['0.8.2.0', '0.9.0.0'].map(version => ({
    name: `sarama 1.22 as ${version}`,
    version,
    compressions: untilLz4,
    writesTimestamps: false,
    readsTimestamps: false,
    prepare: sarama,
  })),
  ...['0.10.0.0', '0.10.2.0'].map(version => ({
    name: `sarama 1.22 as ${version}`,
    version,
    compressions: all,
    writesTimestamps: true,
    readsTimestamps: true,
    prepare: sarama,
  })),
  {
    name: 'kafka-node 5',
    version: '5.0.0',
    compressions: untilLz4,
    writesTimestamps: true,
    readsTimestamps: false,
    prepare: kafkaNode,
  },
  ...['0.9.0.1', '0.10.0.1'].map(version => ({
    name: `kafka-clients ${version}`,
    version,
    compressions: all,
    writesTimestamps: version !== '0.9.0.1',
    readsTimestamps: version !== '0.9.0.1',
    prepare: javaClient(version),
  })),
]

/** Those that kafkajs needs for what the old client wrote, or is to read. */
const codecs: Record<string, CodecName> = { gzip: 'gzip', snappy: 'kafkajs-snappy', lz4: 'lz4-napi' }

const bytes = (text: string) => Buffer.from(text)

/** Every combination of null, empty and full that a client can write, and enough to be worth compressing. */
function someRecords(): OldRecord[] {
  const parts = [null, bytes(''), bytes('größe 🦦'), Buffer.from([0, 255, 128])]
  const edges = parts.flatMap(key => parts.map(value => ({ key, value })))
  const many = Array.from({ length: 40 }, (_, index) => ({
    key: bytes(`user-${index % 7}`),
    value: bytes(JSON.stringify({ index, text: 'x'.repeat(index * 10) })),
  }))
  return [...edges, ...many]
}

const plain = ({ key, value }: OldRecord) => ({ key, value })

async function writes(context: TestContext, client: OldClient, compression: string): Promise<void> {
  const codec = compression === 'none' ? undefined : await useCodec(codecs[compression]!)
  const topic = await createTopic(context, 'old-writes')
  const records = someRecords()
  const before = Date.now()
  await produceWith(context, client, topic, records, { compression })
  const read = await readTopics(context, [topic], records.length)
  assert.deepEqual(read.map(plain), records)
  for (const { timestamp, headers } of read) {
    assert.deepEqual(headers, {})
    if (!client.writesTimestamps) assert.equal(timestamp, '-1')
    else if (!client.name.startsWith('sarama')) assert.ok(Number(timestamp) >= before - 1_000)
    else assert.equal(timestamp, '1700000000000')
  }
  if (codec !== undefined) assert.ok(codec.decompressions() > 0, 'the batches are stored compressed')
  const own = await consumeWith(context, client, topic, 0, records.length)
  assert.deepEqual(own.map(plain), records)
  assert.deepEqual(
    own.map(({ offset }) => offset),
    records.map((_, index) => index),
  )
}

async function reads(context: TestContext, client: OldClient, compression: string): Promise<void> {
  const topic = await createTopic(context, 'old-reads')
  const producer = await connectedProducer(context)
  const type = compression === 'none' ? 0 : (await useCodec(codecs[compression]!)).type
  const records = someRecords()
  const timestamp = 1_600_000_000_000
  const headers = { trace: 'abc', twice: ['one', 'two'], empty: '' }
  for (let start = 0; start < records.length; start += 20) {
    const messages = records
      .slice(start, start + 20)
      .map(record => ({ ...record, headers, timestamp: String(timestamp) }))
    await producer.send({ topic, messages, compression: type })
  }
  for (const from of [0, 19, 33]) {
    const read = await consumeWith(context, client, topic, from, records.length - from)
    assert.deepEqual(read.map(plain), records.slice(from), `from offset ${from}`)
    for (const [index, record] of read.entries()) {
      assert.equal(record.offset, from + index)
      assert.equal(record.timestamp, client.readsTimestamps ? timestamp : -1)
    }
  }
}

async function acknowledgements(context: TestContext, client: OldClient): Promise<void> {
  const topic = await createTopic(context, 'old-acks')
  for (const acks of ['0', '1', 'all']) {
    await produceWith(context, client, topic, [{ key: null, value: bytes(acks) }], { acks })
  }
  const read = await readTopics(context, [topic], 3)
  assert.deepEqual(read.map(({ value }) => String(value)).sort(), ['0', '1', 'all'])
}

async function largeMessages(context: TestContext, client: OldClient): Promise<void> {
  const topic = await createTopic(context, 'old-large')
  const value = Buffer.alloc(900_000, 'large ')
  await produceWith(context, client, topic, [{ key: null, value }])
  await produceWith(context, client, topic, [{ key: null, value }], { compression: 'gzip' })
  const read = await consumeWith(context, client, topic, 0, 2)
  assert.ok(read.every(record => record.value!.equals(value)))
}

async function refusals(context: TestContext, client: OldClient): Promise<void> {
  const topic = await createTopic(context, 'old-refused', 1, { 'max.message.bytes': '1000' })
  const value = Buffer.alloc(2_000, 'x')
  await assert.rejects(
    produceWith(context, client, topic, [{ key: null, value }]),
    /too large|larger|TooLarge/i,
  )
  await produceWith(context, client, topic, [{ key: null, value }], { compression: 'gzip' })
  const read = await readTopics(context, [topic], 1)
  assert.deepEqual(read[0]!.value, value)
}

async function groups(context: TestContext, client: OldClient): Promise<void> {
  const topic = await createTopic(context, 'old-group')
  const group = context.uniqueName('old-group')
  const producer = await connectedProducer(context)
  const values = Array.from({ length: 20 }, (_, index) => `v${index}`)
  await producer.send({ topic, messages: values.slice(0, 10).map(value => ({ value })) })
  await producer.send({ topic, messages: values.slice(10).map(value => ({ value })) })
  const admin = await connectedAdmin(context)
  for (const [from, to] of [
    [0, 7],
    [7, 15],
  ] as const) {
    const read = await consumeInGroupWith(context, client, topic, group, to - from)
    assert.deepEqual(
      read.map(({ value }) => String(value)),
      values.slice(from, to),
    )
    const [committed] = await committedOffsets(admin, group, topic)
    assert.equal(committed!.offset, String(to))
    assert.match(committed!.metadata ?? '', /^by /)
  }
}

/** A client is started anew for everything that it does. */
const timeLimitMs = 90_000

export const capabilities: Capability[] = clients.flatMap(client => {
  const { name, compressions } = client
  const abilities = inArea<Capability>('compression', [
    ...compressions.map(compression => ({
      name: `${name}: ${compression} written, read by kafkajs and by itself`,
      test: (context: TestContext) => writes(context, client, compression),
    })),
    ...compressions.map(compression => ({
      name: `${name}: ${compression} of kafkajs read, without the headers`,
      test: (context: TestContext) => reads(context, client, compression),
    })),
    { name: `${name}: acks 0, 1 and all`, area: 'acks', test: context => acknowledgements(context, client) },
    { name: `${name}: messages of 900 KB`, area: 'sizes', test: context => largeMessages(context, client) },
    {
      name: `${name}: a message over the limit is refused`,
      area: 'sizes',
      test: context => refusals(context, client),
    },
    { name: `${name}: goes on where it committed`, area: 'commit', test: context => groups(context, client) },
  ])
  return abilities.map(ability => ({ ...ability, timeLimitMs }))
})

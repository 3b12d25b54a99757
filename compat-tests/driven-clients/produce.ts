/**
 * What a producer is relied on for. Everything sent is read back by a reader of its own and compared, byte for byte
 * where bytes are the point; acknowledgements are checked for the offsets that they promise.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { inArea, type TestContext } from '../capability.ts'
import { assertOrderWithinKeys, texts } from '../record-values.ts'
import { collector, eventually } from '../wait-for.ts'
import type { DrivenCapability, Subject } from './driven-client.ts'
import {
  type Acks,
  type Compression,
  type Driver,
  type DriverError,
  everyAcks,
  type RecordToProduce,
} from './driver.ts'
import {
  asTold,
  createTopic,
  errorCodes,
  numberedValues,
  partitionsOf,
  readTopic,
  valuesOnly,
} from './topics.ts'

const compressions: Compression[] = ['gzip', 'snappy', 'lz4', 'zstd']

/** Of what nobody acknowledges, Kafka may store what another connection brings first, or lose it with the connection. */
async function arrived(driver: Driver, topic: string, count: number): Promise<void> {
  await eventually(
    `${count} records to have arrived`,
    () => driver.call('listOffset', { topic, partition: 0, at: 'latest' }),
    end => end === count,
  )
}

async function producesWithAcks(subject: Subject, context: TestContext, acks: Acks): Promise<void> {
  const driver = subject.open(context)
  const topic = await createTopic(context, driver, 'acks')
  await driver.call('openProducer', { acks, compression: 'none', idempotent: false })
  const values = numberedValues(100)
  for (let start = 0; start < values.length; start += 20) {
    const stored = await driver.call('produce', {
      topic,
      records: valuesOnly(values.slice(start, start + 20)),
    })
    if (acks === 'none') continue
    assert.deepEqual(
      stored.map(({ offset }) => offset),
      Array.from({ length: 20 }, (_, index) => start + index),
      'the offsets acknowledged',
    )
  }
  if (acks === 'none') await arrived(driver, topic, values.length)
  await driver.call('closeProducer', {})
  assert.deepEqual(texts(await readTopic(subject, context, topic, values.length)), values)
}

async function producesCompressed(
  subject: Subject,
  context: TestContext,
  compression: Compression,
): Promise<void> {
  const driver = subject.open(context)
  // The broker counts what a batch takes compressed: so what is easily compressed passes only if it was.
  const topic = await createTopic(context, driver, 'compressed', 1, { 'max.message.bytes': '150000' })
  const values = [
    ...numberedValues(100),
    randomBytes(75_000).toString('base64'),
    'x'.repeat(300_000),
    'ü ✓ 日本語',
  ]
  const sent: string[] = []
  for (const acks of everyAcks) {
    await driver.call('openProducer', { acks, compression, idempotent: false })
    const batches = [values.slice(0, 100), values.slice(100, 101), values.slice(101, 102), values.slice(102)]
    for (const batch of batches) {
      await driver.call('produce', {
        topic,
        records: batch.map(value => ({
          key: Buffer.from(acks),
          value: Buffer.from(value),
          headers: [['codec', Buffer.from(compression)]],
        })),
      })
      sent.push(...batch)
    }
    if (acks === 'none') await arrived(driver, topic, sent.length)
    await driver.call('closeProducer', {})
  }
  const records = await readTopic(subject, context, topic, sent.length)
  assert.deepEqual(texts(records), sent)
  assert.ok(records.every(({ headers }) => String(headers[0]?.[1]) === compression))
}

async function refusesWhatStaysTooBig(subject: Subject, context: TestContext): Promise<void> {
  const driver = subject.open(context)
  const topic = await createTopic(context, driver, 'too-big', 1, { 'max.message.bytes': '2000' })
  await driver.call('openProducer', { acks: 'all', compression: 'none', idempotent: false })
  await assert.rejects(
    driver.call('produce', { topic, records: [{ value: Buffer.alloc(5_000) }] }),
    (error: DriverError) => error.code === errorCodes.MESSAGE_TOO_LARGE,
  )
  const [stored] = await driver.call('produce', { topic, records: valuesOnly(['fits']) })
  assert.equal(stored!.offset, 0, 'the refused record took an offset')
  assert.deepEqual(texts(await readTopic(subject, context, topic, 1)), ['fits'])
}

async function producesIdempotently(subject: Subject, context: TestContext): Promise<void> {
  const driver = subject.open(context)
  const topic = await createTopic(context, driver, 'idempotent', 3)
  await driver.call('openProducer', { acks: 'all', compression: 'none', idempotent: true })
  const values = numberedValues(300)
  for (let start = 0; start < values.length; start += 30) {
    const records = values
      .slice(start, start + 30)
      .map((value, index) => ({ value: Buffer.from(value), partition: index % 3 }))
    await driver.call('produce', { topic, records })
  }
  const records = await readTopic(subject, context, topic, values.length, 3)
  for (const partition of partitionsOf(3)) {
    const expected = values.filter((_, index) => (index % 30) % 3 === partition)
    assert.deepEqual(texts(records.filter(record => record.partition === partition)), expected)
  }
}

async function keepsHeaders(
  subject: Subject,
  context: TestContext,
  sent: [string, Buffer | null][][],
): Promise<void> {
  const driver = subject.open(context)
  const topic = await createTopic(context, driver, 'headers')
  await driver.call('openProducer', { acks: 'all', compression: 'none', idempotent: false })
  await driver.call('produce', {
    topic,
    records: sent.map(headers => ({ value: Buffer.from('v'), headers })),
  })
  const records = await readTopic(subject, context, topic, sent.length)
  assert.deepEqual(
    records.map(({ headers }) => headers),
    sent.map(headers => headers.map(([name, content]) => [name, asTold(subject, content)])),
  )
}

const manyHeaders: [string, Buffer][][] = [
  [
    ['text', Buffer.from('plain')],
    ['with-ümlaut ✓', Buffer.from('größer 日本語')],
  ],
  [
    ['many', Buffer.from('one')],
    ['many', Buffer.from('two')],
    ['other', Buffer.from([0, 255, 1, 254, 0x80])],
    ['many', Buffer.from('three')],
  ],
  [['empty', Buffer.alloc(0)]],
  [],
  [['big', Buffer.alloc(20_000, 'h')]],
]

const some = Buffer.from('some')
const empty = Buffer.alloc(0)
const pairs = [some, empty, null].flatMap(key => [some, empty, null].map(value => ({ key, value })))

async function keepsPairs(
  subject: Subject,
  context: TestContext,
  pairs: { key: Buffer | null; value: Buffer | null }[],
): Promise<void> {
  const driver = subject.open(context)
  const topic = await createTopic(context, driver, 'nulls')
  await driver.call('openProducer', { acks: 'all', compression: 'none', idempotent: false })
  await driver.call('produce', { topic, records: pairs.map(pair => ({ ...pair, partition: 0 })) })
  const records = await readTopic(subject, context, topic, pairs.length)
  assert.deepEqual(
    records.map(({ key, value }) => ({ key, value })),
    pairs.map(({ key, value }) => ({ key: asTold(subject, key), value: asTold(subject, value) })),
  )
}

async function keepsBinary(subject: Subject, context: TestContext): Promise<void> {
  const driver = subject.open(context)
  const topic = await createTopic(context, driver, 'binary')
  await driver.call('openProducer', { acks: 'all', compression: 'none', idempotent: false })
  const values = [
    Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)),
    randomBytes(5_000),
    Buffer.alloc(3),
  ]
  const sent = values.map((value, index) => ({ key: Buffer.from([0, index, 255]), value }))
  await driver.call('produce', { topic, records: sent })
  const records = await readTopic(subject, context, topic, values.length)
  assert.deepEqual(
    records.map(({ key, value }) => ({ key, value })),
    sent,
  )
}

async function carriesBigMessages(subject: Subject, context: TestContext): Promise<void> {
  const driver = subject.open(context)
  const topic = await createTopic(context, driver, 'big', 2)
  await driver.call('openProducer', { acks: 'all', compression: 'none', idempotent: false })
  const values = Array.from({ length: 4 }, () => randomBytes(900_000))
  for (const [index, value] of values.entries()) {
    const record = { key: Buffer.from(String(index)), value, partition: index % 2 }
    await driver.call('produce', { topic, records: [record] })
  }
  for (const { key, value } of await readTopic(subject, context, topic, values.length, 2))
    assert.ok(value!.equals(values[Number(String(key))]!), `the value of key ${key} came back different`)
}

async function partitionsByKey(subject: Subject, context: TestContext): Promise<void> {
  const driver = subject.open(context)
  const topic = await createTopic(context, driver, 'keys', 6)
  await driver.call('openProducer', { acks: 'all', compression: 'none', idempotent: false })
  const keys = numberedValues(40, 'customer')
  for (let round = 0; round < 10; round++) {
    const records = keys.map(key => ({ key: Buffer.from(key), value: Buffer.from(`${key} ${round}`) }))
    await driver.call('produce', { topic, records })
  }
  const records = await readTopic(subject, context, topic, keys.length * 10, 6)
  assertOrderWithinKeys(records, keys, 10)
  assert.ok(new Set(records.map(({ partition }) => partition)).size > 1, 'all keys in one partition')
}

async function stampsOf(subject: Subject, context: TestContext, type: string, timestamps: number[]) {
  const driver = subject.open(context)
  const topic = await createTopic(context, driver, 'timestamps', 1, { 'message.timestamp.type': type })
  await driver.call('openProducer', { acks: 'all', compression: 'none', idempotent: false })
  const records: RecordToProduce[] = timestamps.map(timestamp => ({ value: Buffer.from('v'), timestamp }))
  await driver.call('produce', { topic, records })
  return (await readTopic(subject, context, topic, 3)).map(({ timestamp }) => timestamp)
}

async function keepsTimestamps(subject: Subject, context: TestContext): Promise<void> {
  const timestamps = [100_000, 50_000, 75_000].map(agoMs => Date.now() - agoMs)
  assert.deepEqual(await stampsOf(subject, context, 'CreateTime', timestamps), timestamps)
}

async function stampsAppends(subject: Subject, context: TestContext): Promise<void> {
  const before = Date.now()
  for (const stamp of await stampsOf(subject, context, 'LogAppendTime', [1, 2, 3]))
    assert.ok(stamp >= before - 1_000 && stamp <= Date.now() + 1_000, `appended at ${stamp}`)
}

async function acknowledgesEach(subject: Subject, context: TestContext): Promise<void> {
  const driver = subject.open(context)
  const topic = await createTopic(context, driver, 'acknowledged', 4)
  await driver.call('openProducer', { acks: 'all', compression: 'none', idempotent: false })
  const values = numberedValues(2_000)
  const records = values.map((value, index) => ({ value: Buffer.from(value), partition: index % 4 }))
  const stored = await driver.call('produce', { topic, records })
  const read = await readTopic(subject, context, topic, values.length, 4)
  const valueAt = new Map(
    read.map(({ partition, offset, value }) => [`${partition} ${offset}`, String(value)]),
  )
  assert.deepEqual(
    stored.map(({ partition, offset }) => valueAt.get(`${partition} ${offset}`)),
    values,
    'another record stands at the acknowledged offset',
  )
}

async function createsTopicOnSend(subject: Subject, context: TestContext): Promise<void> {
  const driver = subject.open(context)
  const topic = context.uniqueName('auto-created')
  await driver.call('openProducer', { acks: 'all', compression: 'none', idempotent: false })
  // Kafka makes the topic after it has said that it is unknown; not every client asks once more by itself.
  const tryOnce = () =>
    driver.call('produce', { topic, records: valuesOnly(['first']) }).catch((error: DriverError) => {
      if (error.code !== errorCodes.UNKNOWN_TOPIC_OR_PARTITION) throw error
    })
  await eventually('the first send to succeed', tryOnce, stored => stored !== undefined)
  assert.deepEqual(texts(await readTopic(subject, context, topic, 1)), ['first'])
}

async function deliversWhileWaiting(subject: Subject, context: TestContext): Promise<void> {
  const driver = subject.open(context)
  const topic = await createTopic(context, driver, 'waiting')
  await driver.call('openProducer', { acks: 'all', compression: 'none', idempotent: false })
  await driver.call('openConsumer', { topic, partitions: [0], start: 'earliest' })
  const rounds = collector<number>()
  for (const value of numberedValues(10)) {
    await driver.call('produce', { topic, records: valuesOnly([value]) })
    const sentAt = performance.now()
    await driver.records.until(items => items.some(record => String(record.value) === value), value, 5_000)
    rounds.add(performance.now() - sentAt)
  }
  assert.equal(driver.records.items.length, 10)
}

export const produceCapabilities: DrivenCapability[] = inArea('produce', [
  ...everyAcks.map(
    (acks): DrivenCapability => ({
      name: `produce with acks=${{ none: '0', leader: '1', all: 'all' }[acks]}`,
      area: 'acks',
      test: (subject, context) => producesWithAcks(subject, context, acks),
    }),
  ),
  ...compressions.map(
    (compression): DrivenCapability => ({
      name: `produce and consume with ${compression}, every acks`,
      area: 'compression',
      test: (subject, context) => producesCompressed(subject, context, compression),
    }),
  ),
  { name: 'produce idempotently', area: 'idempotence', needs: ['idempotence'], test: producesIdempotently },
  {
    name: 'headers: several of one name, binary, empty',
    area: 'headers',
    test: (subject, context) => keepsHeaders(subject, context, manyHeaders),
  },
  {
    name: 'a header without a value',
    area: 'headers',
    needs: ['null header values'],
    test: (subject, context) => keepsHeaders(subject, context, [[['null', null]]]),
  },
  {
    name: 'null and empty keys and values',
    test: (subject, context) => keepsPairs(subject, context, pairs.slice(0, -1)),
  },
  {
    name: 'a record with neither key nor value',
    needs: ['records of nothing'],
    test: (subject, context) => keepsPairs(subject, context, pairs.slice(-1)),
  },
  { name: 'binary keys and values', test: keepsBinary },
  { name: 'messages of 900 KB', area: 'sizes', test: carriesBigMessages },
  { name: 'a message over the limit is refused', area: 'sizes', test: refusesWhatStaysTooBig },
  { name: 'the order within a key and its one partition', test: partitionsByKey },
  {
    name: 'timestamps of CreateTime',
    area: 'timestamps',
    test: keepsTimestamps,
  },
  { name: 'timestamps of LogAppendTime', area: 'timestamps', needs: ['append time'], test: stampsAppends },
  { name: 'many records at once, each acknowledged with its own offset', test: acknowledgesEach },
  {
    name: 'a topic created by the first send',
    area: 'topics',
    test: createsTopicOnSend,
  },
  {
    name: 'a consumer that waits is given each record as it comes',
    area: 'consume',
    test: deliversWhileWaiting,
  },
])

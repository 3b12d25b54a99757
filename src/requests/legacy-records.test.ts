/** Produce 0-2 and Fetch 0-3: clients of message formats 0 and 1 beside those of today, on the same log. */
import t, { type Test } from 'tap'
import { buildBatch } from '../../protocol-codecs/build-batch.ts'
import { prepareCompression } from '../../protocol-codecs/compression/compression.ts'
import type { CompressionName } from '../../protocol-codecs/compression/compression-names.ts'
import { errorName } from '../../protocol-codecs/error-codes.ts'
import { downConvert } from '../../protocol-codecs/message-sets/down-convert.ts'
import { type Magic, readMessage } from '../../protocol-codecs/message-sets/message.ts'
import { upConvert } from '../../protocol-codecs/message-sets/up-convert.ts'
import { recordsOf } from '../../protocol-codecs/read-records.ts'
import { batchesIn, batchMagic, readBatchHeader } from '../../protocol-codecs/record-batch.ts'
import { nextBatchSize } from '../../protocol-codecs/validate-batch.ts'
import {
  call,
  type TestServices,
  type TestServicesOptions,
  testContext,
  testServices,
} from '../testing/test-services.ts'
import { fetch } from './fetch.ts'
import { closeConnection, handleOf, noResponse } from './handler.ts'
import { produce } from './produce.ts'

t.before(prepareCompression)

async function broker(t: Test, options: TestServicesOptions = {}): Promise<TestServices> {
  const services = await testServices(options)
  t.teardown(() => services.close())
  await services.createTopic('orders', 4)
  return services
}

/** The message set that Kafka would make of these values; its makers are held against Kafka's bytes elsewhere. */
function messageSet(magic: Magic, compression: CompressionName, ...values: string[]): Buffer {
  const records = values.map(value => ({ key: null, value: Buffer.from(value), timestamp: 1_000 }))
  return downConvert(buildBatch({ records, compression }), 0, magic, 0).messages
}

interface Sent {
  topic?: string
  index?: number
  records: Buffer | null
}

const requestOf = (sent: Sent[], acks: number) => ({
  acks,
  timeoutMs: 1_000,
  topicData: sent.map(({ topic = 'orders', index = 0, records }) => ({
    name: topic,
    partitionData: [{ index, records }],
  })),
})

async function send(services: TestServices, version: number, ...sent: Sent[]): Promise<string[]> {
  const { responses } = await call(produce, version, requestOf(sent, 1), services)
  return responses.flatMap(({ name, partitionResponses }) =>
    partitionResponses.map(
      ({ index, errorCode, baseOffset }) => `${name}-${index} ${errorName(errorCode)} ${baseOffset}`,
    ),
  )
}

function fetchOf(offset: number, maxBytes = 1_000_000) {
  const partitions = [{ partition: 0, fetchOffset: BigInt(offset), partitionMaxBytes: maxBytes }]
  return {
    maxWaitMs: 0,
    minBytes: 1,
    topics: [{ topic: 'orders', partitions }],
    forgottenTopicsData: [],
  }
}

async function receive(services: TestServices, version: number, offset = 0, maxBytes?: number) {
  const { responses } = await call(fetch, version, fetchOf(offset, maxBytes), services)
  const { errorCode, highWatermark, records } = responses[0]!.partitions[0]!
  return { error: errorName(errorCode), highWatermark, records: records! }
}

/** The messages of a set with their offsets; what a wrapper holds in parentheses, read by the other direction. */
function told(set: Buffer): string[] {
  const messages: string[] = []
  for (let at = 0, size = nextBatchSize(set, 0); size > 0; at += size, size = nextBatchSize(set, at)) {
    const message = readMessage(set, at, size)
    if ((message.attributes & 7) === 0) messages.push(`${message.offset} ${message.value}`)
    else {
      const batch = upConvert(set.subarray(at, at + size), {
        maxMessageBytes: 1_000_000,
        compressionFor: source => source,
      })!
      const values = [...recordsOf(batch, 0)].map(({ value }) => String(value))
      messages.push(`${message.offset} (${values.join(' ')})`)
    }
  }
  return messages
}

async function stored(services: TestServices) {
  const { responses } = await call(fetch, 4, fetchOf(0), services)
  const { records } = responses[0]!.partitions[0]!
  return [...batchesIn(records!)].map(at => ({
    ...readBatchHeader(records!, at),
    records: [...recordsOf(records!, at)].map(
      ({ offset, value, timestamp }) => `${offset} ${value} @${timestamp}`,
    ),
  }))
}

t.test('message sets are stored as batches, with offsets, times and compression', async t => {
  for (const [version, magic] of [
    [0, 0],
    [1, 0],
    [2, 1],
  ] as const) {
    for (const compression of ['none', 'gzip', 'snappy', 'lz4'] as const) {
      const services = await broker(t)
      const records = messageSet(magic, compression, 'a', 'b')
      t.same(await send(services, version, { records }), ['orders-0 NONE 0'])
      t.same(await send(services, version, { records }), ['orders-0 NONE 2'])
      const time = magic === 0 ? -1 : 1_000
      const batches = await stored(services)
      t.same(
        batches.map(batch => batch.records),
        [
          [`0 a @${time}`, `1 b @${time}`],
          [`2 a @${time}`, `3 b @${time}`],
        ],
        `version ${version}, ${compression}`,
      )
      t.match(batches[0], { magic: 2, compression: ['none', 'gzip', 'snappy', 'lz4'].indexOf(compression) })
      t.equal(
        services.logs.traffic(services.catalog.current().topics.get('orders')!.partitions[0]!)!
          .producedConversions,
        4,
      )
    }
  }
})

t.test('no version is held to a format: any carries messages of either, and batches', async t => {
  const services = await broker(t)
  for (const version of [0, 1, 2]) {
    for (const magic of [0, 1] as const)
      await send(services, version, { records: messageSet(magic, 'none', `${version}${magic}`) })
    await send(services, version, {
      records: buildBatch({ records: [{ value: Buffer.from(`${version}2`) }] }),
    })
  }
  const values = (await stored(services)).flatMap(({ records }) =>
    records.map(record => record.split(' ')[1]),
  )
  t.same(values, ['00', '01', '02', '10', '11', '12', '20', '21', '22'])
})

t.test('version 3 takes record batches only', async t => {
  const services = await broker(t)
  t.same(await send(services, 3, { records: messageSet(1, 'none', 'a') }), ['orders-0 INVALID_RECORD -1'])
})

t.test('partitions are answered in their order, each for itself', async t => {
  const services = await broker(t)
  const good = messageSet(1, 'none', 'a')
  const bad = Buffer.from(good)
  bad[12] = bad[12]! ^ 1
  const answer = await send(
    services,
    2,
    { index: 2, records: bad },
    { index: 0, records: good },
    { index: 1, records: good.subarray(0, 20) },
    { index: 7, records: good },
    { index: 3, records: null },
    { topic: 'unknown', records: bad },
  )
  t.same(answer, [
    'orders-2 CORRUPT_MESSAGE -1',
    'orders-0 NONE 0',
    'orders-1 NONE -1',
    'orders-7 UNKNOWN_TOPIC_OR_PARTITION -1',
    'orders-3 INVALID_RECORD -1',
    'unknown-0 UNKNOWN_TOPIC_OR_PARTITION -1',
  ])
})

t.test('acks=0 is not answered, and closes the connection where something was refused', async t => {
  const services = await broker(t)
  const good = messageSet(0, 'none', 'a')
  const bad = Buffer.from(good)
  bad[12] = bad[12]! ^ 1
  const handle = async (...sets: Buffer[]) =>
    await handleOf(produce, 0)(
      {
        ...requestOf(
          sets.map((records, index) => ({ index: sets.length - 1 - index, records })),
          0,
        ),
        transactionalId: null,
      } as never,
      services,
      testContext(0),
    )
  t.equal(await handle(good), noResponse)
  t.equal(await handle(good.subarray(0, 5)), noResponse, 'nothing to append is no error')
  t.equal(await handle(bad, good), closeConnection)
  t.equal((await stored(services)).length, 2, 'the good one beside the bad one is stored')
})

t.test('acks other than 0, 1 and all are refused before anything is looked at', async t => {
  const services = await broker(t)
  const { responses } = await call(produce, 2, requestOf([{ records: Buffer.alloc(30) }], 2), services)
  t.equal(errorName(responses[0]!.partitionResponses[0]!.errorCode), 'INVALID_REQUIRED_ACKS')
})

t.test("a topic's rules are those for batches", async t => {
  const services = await broker(t)
  const configs = {
    'max.message.bytes': '300',
    'message.timestamp.type': 'LogAppendTime',
    'compression.type': 'gzip',
  }
  await services.catalog.change({ type: 'create-topic', name: 'small', partitionCount: 1, configs })
  const of = (records: Buffer) => ({ topic: 'small', records })
  t.same(await send(services, 2, of(messageSet(1, 'none', 'x'.repeat(300)))), [
    'small-0 MESSAGE_TOO_LARGE -1',
  ])
  const many = messageSet(1, 'none', ...Array.from({ length: 20 }, () => 'same'))
  const { responses } = await call(produce, 2, requestOf([of(many)], 1), services)
  t.match(responses[0]!.partitionResponses[0], {
    errorCode: 0,
    baseOffset: 0n,
    logAppendTimeMs: BigInt(services.clock.now()),
  })
  await services.catalog.change({
    type: 'create-topic',
    name: 'compacted',
    partitionCount: 1,
    configs: { 'cleanup.policy': 'compact' },
  })
  t.same(await send(services, 0, { topic: 'compacted', records: messageSet(0, 'gzip', 'no key') }), [
    'compacted-0 INVALID_RECORD -1',
  ])
})

t.test('batches are given as message sets of the format that the version reads', async t => {
  const services = await broker(t)
  services.append('orders', 0, { value: Buffer.from('a'), headers: [{ key: 'h', value: null }] }, 'b')
  services.appendBatch(
    'orders',
    0,
    buildBatch({ compression: 'gzip', records: ['c', 'd'].map(value => ({ value: Buffer.from(value) })) }),
  )
  for (const [version, magic] of [
    [0, 0],
    [1, 0],
    [2, 1],
    [3, 1],
  ] as const) {
    const { error, highWatermark, records } = await receive(services, version)
    t.same(
      [error, highWatermark, told(records)],
      ['NONE', 4n, ['0 a', '1 b', '3 (c d)']],
      `version ${version}`,
    )
    t.equal(batchMagic(records, 0), magic)
    t.same(
      told((await receive(services, version, 1)).records),
      ['1 b', '3 (c d)'],
      'from an offset in a batch',
    )
    t.same(told((await receive(services, version, 3)).records), ['3 (c d)'], 'from an offset in a wrapper')
    t.equal((await receive(services, version, 9)).error, 'OFFSET_OUT_OF_RANGE')
  }
  t.equal(
    services.logs.traffic(services.catalog.current().topics.get('orders')!.partitions[0]!)!
      .fetchedConversions,
    36,
  )
})

t.test('what there is not is answered last, and no other is taken for it', async t => {
  const services = await broker(t)
  services.append('orders', 0, 'a', 'b')
  const { topics, ...terms } = fetchOf(1)
  const unknown = { topic: 'unknown', partitions: fetchOf(0).topics[0]!.partitions }
  const { responses } = await call(fetch, 1, { ...terms, topics: [unknown, ...topics] }, services)
  t.same(
    responses.map(({ topic }) => topic),
    ['orders', 'unknown'],
  )
  t.same(told(Buffer.from(responses[0]!.partitions[0]!.records!)), ['1 b'])
})

t.test(
  'the first batch is given whole, further ones while they are no larger than what was read',
  async t => {
    const services = await broker(t)
    services.append('orders', 0, 'x'.repeat(500))
    const tiny = Array.from({ length: 50 }, (_, index) => `${index}`)
    services.append('orders', 0, ...tiny)
    services.append('orders', 0, ...tiny)
    t.equal(told((await receive(services, 1, 0, 10)).records).length, 1, 'above partition_max_bytes')
    t.equal(told((await receive(services, 3, 1)).records).length, 50, 'short records grow on their way')
    t.equal(
      told((await receive(services, 3, 51)).records).length,
      50,
      'and the rest is there for the next fetch',
    )
  },
)

t.test('zstd is an error where it comes first, and ends the answer where it comes later', async t => {
  const services = await broker(t)
  services.append('orders', 0, 'a')
  services.appendBatch(
    'orders',
    0,
    buildBatch({ compression: 'zstd', records: [{ value: Buffer.from('b') }] }),
  )
  services.append('orders', 0, 'c')
  for (const version of [0, 3]) {
    t.same(told((await receive(services, version)).records), ['0 a'])
    const refused = await receive(services, version, 1)
    t.same(
      [refused.error, refused.highWatermark, refused.records.length],
      ['UNSUPPORTED_COMPRESSION_TYPE', -1n, 0],
    )
    t.same(told((await receive(services, version, 2)).records), ['2 c'])
  }
})

t.test('control batches come to nothing', async t => {
  const services = await broker(t)
  services.append('orders', 0, 'a')
  const partition = services.catalog.current().topics.get('orders')!.partitions[0]!
  const marker = buildBatch({
    isControl: true,
    isTransactional: true,
    producerId: 1,
    producerEpoch: 0,
    records: [{ key: Buffer.from([0, 0, 0, 1]), value: Buffer.alloc(6) }],
  })
  const appended = await services.logs.append(
    [{ partition, batch: marker, origin: 'coordinator' }],
    'written',
  )
  t.equal(appended[0]!.error, 'NONE')
  services.append('orders', 0, 'b')
  t.same(told((await receive(services, 2)).records), ['0 a', '2 b'])
})

/** Produce, as clients see it: what is refused with which error, what is stored, and when it is answered. */
import t, { type Test } from 'tap'
import { type BatchToBuild, buildBatch } from '../../protocol-codecs/build-batch.ts'
import { prepareCompression } from '../../protocol-codecs/compression/compression.ts'
import { errorName } from '../../protocol-codecs/error-codes.ts'
import { recordsOf } from '../../protocol-codecs/read-records.ts'
import {
  batchBaseSequence,
  batchCompression,
  batchCrcIsValid,
  batchField,
  batchProducerEpoch,
  batchProducerId,
  batchTimestampType,
} from '../../protocol-codecs/record-batch.ts'
import { faultyDisk } from '../testing/faulty-disk.ts'
import {
  call,
  type TestContext,
  type TestServicesOptions,
  testContext,
  testServices,
} from '../testing/test-services.ts'
import { turn, until } from '../testing/test-storage.ts'
import { closeConnection, noResponse } from './handler.ts'
import { produce } from './produce.ts'

t.before(() => prepareCompression())

const value = Buffer.from('v')

async function broker(t: Test, options?: TestServicesOptions) {
  const services = await testServices(options)
  t.teardown(() => services.close())
  await services.createTopic('orders', 2)
  const batch = (changes: Partial<BatchToBuild> = {}) =>
    buildBatch({ timestamp: services.clock.now(), records: [{ value }], ...changes })
  const create = async (name: string, configs: Record<string, string>) => {
    await services.catalog.change({ type: 'create-topic', name, partitionCount: 1, configs })
  }
  const offsets = (topic: string, index = 0) =>
    services.logs.offsets(services.catalog.current().topics.get(topic)!.partitions[index]!)
  /** Produces to partitions of topics, each from 0 on; gives for each error and base offset, or the error alone. */
  const send = async (topics: Topics, changes = {}, version = 9, context?: TestContext) => {
    const { responses } = await call(produce, version, requestOf(topics, changes), services, context)
    return responses.flatMap(({ partitionResponses }) =>
      partitionResponses.map(({ baseOffset, errorCode }) =>
        errorCode === 0 ? Number(baseOffset) : errorName(errorCode),
      ),
    )
  }
  return { services, batch, create, offsets, send }
}

type Topics = Record<string, readonly (Buffer | null)[]>

function requestOf(topics: Topics, changes = {}) {
  const topicData = Object.entries(topics).map(([name, batches]) => ({
    name,
    partitionData: batches.map((records, index) => ({ index, records })),
  }))
  return { transactionalId: null, acks: -1, timeoutMs: 1000, topicData, ...changes }
}

t.test('what acks asks for', async t => {
  const { services, batch, send } = await broker(t)

  await t.test(
    'is nothing, the leader or all; anything else refuses every partition that there is',
    async t => {
      for (const acks of [2, -2, 32767]) {
        t.same(await send({ orders: [batch(), batch()], nobody: [batch()] }, { acks }), [
          'INVALID_REQUIRED_ACKS',
          'INVALID_REQUIRED_ACKS',
          'UNKNOWN_TOPIC_OR_PARTITION',
        ])
      }
      const two = Buffer.concat([batch(), batch()])
      t.same(
        await send({ orders: [two] }, { acks: 2 }),
        ['INVALID_RECORD'],
        'what nobody may send comes first',
      )
      t.same(await send({ orders: [batch()] }, { acks: 1 }), [0], 'nothing was appended before')
    },
  )

  await t.test('with 0 there is no answer, and any error closes the connection', async t => {
    const answer = (topics: Topics) =>
      produce.handle(
        { ...requestOf(topics, { acks: 0 }), topicData: topicDataOf(topics) },
        services,
        testContext(9),
      )
    t.equal(answer({ orders: [batch(), batch()] }), noResponse)
    t.equal(answer({ orders: [batch(), null] }), closeConnection)
    t.equal(answer({ orders: [batch()], nobody: [batch()] }), closeConnection)
    t.same(await send({ orders: [batch(), batch()] }), [4, 1], 'what was sound was appended')
  })
})

function topicDataOf(topics: Topics) {
  return requestOf(topics).topicData.map(topic => ({ ...topic, topicId: '' }))
}

t.test('partitions fail one by one', async t => {
  const { services, batch, send } = await broker(t)
  const corrupt = batch()
  corrupt[corrupt.length - 1]! ^= 1

  await t.test('and a topic or partition that does not exist is not created', async t => {
    t.same(await send({ orders: [corrupt, batch(), batch()], nobody: [batch()] }), [
      'CORRUPT_MESSAGE',
      0,
      'UNKNOWN_TOPIC_OR_PARTITION',
      'UNKNOWN_TOPIC_OR_PARTITION',
    ])
    t.notOk(services.catalog.current().topics.has('nobody'))
  })

  await t.test(
    'from version 13 on topics go by their ids, and an unknown one is UNKNOWN_TOPIC_ID',
    async t => {
      const partitionData = [
        { index: 0, records: batch() },
        { index: 7, records: batch() },
      ]
      const topicData = [
        { topicId: services.catalog.current().topics.get('orders')!.id, partitionData },
        { topicId: 'AAAAAAAAAAAAAAAAAAAAZg', partitionData },
      ]
      t.same(await send({}, { topicData }, 13), [
        0,
        'UNKNOWN_TOPIC_OR_PARTITION',
        'UNKNOWN_TOPIC_ID',
        'UNKNOWN_TOPIC_ID',
      ])
    },
  )
})

t.test('the topics of the broker are written to by the admin client only', async t => {
  const { services, batch, send } = await broker(t)
  await services.topics.ensureInternalTopic('__consumer_offsets')
  const topics = { __consumer_offsets: [batch({ records: [{ key: value, value }] })] }
  t.same(await send(topics), ['INVALID_TOPIC_EXCEPTION'])
  t.same(await send(topics, {}, 9, { ...testContext(9), clientId: '__admin_client' }), [0])
})

t.test('each version carries one batch of magic 2, and zstd from version 7 on', async t => {
  const { batch, send } = await broker(t)
  const old = batch()
  old[batchField.magic] = 1
  for (let version = 3; version <= 12; version++) {
    t.same(await send({ orders: [old, Buffer.concat([batch(), batch()])] }, {}, version), [
      'INVALID_RECORD',
      'INVALID_RECORD',
    ])
    const [zstd] = await send({ orders: [batch({ compression: 'zstd' })] }, {}, version)
    t.equal(zstd, version < 7 ? 'UNSUPPORTED_COMPRESSION_TYPE' : version - 7)
  }
})

t.test('a batch that is too large is refused: for its topic, or for a segment', async t => {
  const { services, batch, create, offsets, send } = await broker(t)
  await create('small', { 'max.message.bytes': '200' })
  const records = (size: number) => batch({ records: [{ value: Buffer.alloc(size) }] })
  t.same(await send({ small: [records(100)] }), [0])
  t.same(await send({ small: [records(200)] }), ['MESSAGE_TOO_LARGE'])
  const shrunk = batch({ records: [{ value: Buffer.alloc(500) }], compression: 'gzip' })
  await create('plain', { 'max.message.bytes': '200', 'compression.type': 'uncompressed' })
  t.same(
    await send({ small: [shrunk], plain: [shrunk] }),
    [1, 'MESSAGE_TOO_LARGE'],
    'after decompression, too',
  )
  await create('short', { 'segment.bytes': '1048576', 'max.message.bytes': '3000000' })
  t.same(await send({ short: [records(1_048_576)] }), ['RECORD_LIST_TOO_LARGE'])
  t.equal(offsets('short').logEndOffset, 0)
  t.equal(services.warnings.length, 0)
})

t.test('a batch is stored as it came, or in the codec of its topic with all else as it was', async t => {
  const { services, batch, create, send } = await broker(t)
  const names = ['producer', 'gzip', 'uncompressed'] as const
  for (const name of names) await create(name, { 'compression.type': name })
  const records = Array.from({ length: 9 }, (_, n) => ({ key: Buffer.from([n]), value: Buffer.alloc(99) }))
  const sent = batch({ records, compression: 'snappy', producerId: 7, producerEpoch: 3, baseSequence: 40 })
  t.same(await send(Object.fromEntries(names.map(name => [name, [Buffer.from(sent)]]))), [0, 0, 0])
  const stored = async (name: string) => {
    const partition = services.catalog.current().topics.get(name)!.partitions[0]!
    const item = { partition, offset: 0, maxBytes: 5000, isolation: 'read_uncommitted' as const }
    const read = await services.logs.read([item], 5000)
    const bytes = Buffer.concat(read.results[0]!.chunks)
    read.release()
    return bytes
  }
  const behindStamps = (bytes: Buffer) => bytes.subarray(batchField.magic)
  t.ok(behindStamps(await stored('producer')).equals(behindStamps(sent)))
  for (const [name, codec] of [
    ['gzip', 1],
    ['uncompressed', 0],
  ] as const) {
    const bytes = await stored(name)
    t.equal(batchCompression(bytes, 0), codec)
    t.same([batchProducerId(bytes, 0), batchProducerEpoch(bytes, 0), batchBaseSequence(bytes, 0)], [7, 3, 40])
    t.ok(batchCrcIsValid(bytes, 0))
    t.same(
      [...recordsOf(bytes, 0)].map(({ key }) => key?.[0]),
      [0, 1, 2, 3, 4, 5, 6, 7, 8],
    )
  }
})

t.test('times of records', async t => {
  const { services, batch, create, offsets, send } = await broker(t)
  const now = services.clock.now()
  const hour = 3_600_000

  await t.test('too far ahead refuse the whole batch, and version 8 names the records', async t => {
    const late = batch({
      records: [
        { value, timestamp: now },
        { value, timestamp: now + hour + 1 },
      ],
    })
    const { responses } = await call(produce, 8, requestOf({ orders: [late] }), services)
    const [answer] = responses[0]!.partitionResponses
    t.equal(errorName(answer!.errorCode), 'INVALID_TIMESTAMP')
    t.same(
      answer!.recordErrors.map(({ batchIndex }) => batchIndex),
      [1],
    )
    t.match(answer!.recordErrors[0]!.batchIndexErrorMessage, /is outside/)
    t.ok(answer!.errorMessage)
    t.same(
      await send({ orders: [late] }, {}, 7),
      ['INVALID_TIMESTAMP'],
      'older versions only say that it is so',
    )
    t.equal(offsets('orders').logEndOffset, 0)
  })

  await t.test('too old refuse it where message.timestamp.before.max.ms says so', async t => {
    await create('recent', { 'message.timestamp.before.max.ms': String(hour) })
    const old = batch({ timestamp: now - hour - 1 })
    t.same(await send({ recent: [old], orders: [old] }), ['INVALID_TIMESTAMP', 0])
    t.same(await send({ recent: [batch({ timestamp: -1 })] }), [0], 'no time is no wrong time')
  })

  await t.test('are those of the append with LogAppendTime, and the answer tells it', async t => {
    await create('stamped', { 'message.timestamp.type': 'LogAppendTime' })
    const answerOf = async (topic: string, records: Buffer) => {
      const { responses } = await call(produce, 9, requestOf({ [topic]: [records] }), services)
      return responses[0]!.partitionResponses[0]!
    }
    const sent = batch({ timestamp: now - 5 })
    t.match(await answerOf('stamped', sent), { errorCode: 0, logAppendTimeMs: BigInt(now) })
    t.match(await answerOf('orders', sent), { errorCode: 0, logAppendTimeMs: -1n })
    const partition = services.catalog.current().topics.get('stamped')!.partitions[0]!
    const item = { partition, offset: 0, maxBytes: 1000, isolation: 'read_uncommitted' as const }
    const read = await services.logs.read([item], 1000)
    t.equal(batchTimestampType(read.results[0]!.chunks[0]!, 0), 'LogAppendTime')
    read.release()
    t.match(await services.logs.maxTimestamp(partition), { timestampMs: now })
  })
})

t.test('an idempotent producer', async t => {
  const { services, batch, offsets } = await broker(t)
  const answerOf = async (baseSequence: number, changes: Partial<BatchToBuild> = {}) => {
    const records = batch({ producerId: 7, producerEpoch: 0, baseSequence, ...changes })
    const { responses } = await call(produce, 9, requestOf({ orders: [records] }), services)
    const { baseOffset, errorCode, logAppendTimeMs } = responses[0]!.partitionResponses[0]!
    return errorCode === 0 ? [Number(baseOffset), Number(logAppendTimeMs)] : errorName(errorCode)
  }

  await t.test('that sends a batch again is told where and of when it is, and it is stored once', async t => {
    const sentAt = services.clock.now()
    t.same(await answerOf(0), [0, -1])
    services.clock.advance(10)
    t.same(await answerOf(0, { timestamp: sentAt }), [0, sentAt])
    t.equal(offsets('orders').logEndOffset, 1)
  })

  await t.test('that left something out, or began an epoch in its middle, is out of order', async t => {
    t.equal(await answerOf(2), 'OUT_OF_ORDER_SEQUENCE_NUMBER')
    t.equal(await answerOf(1, { producerEpoch: 1 }), 'OUT_OF_ORDER_SEQUENCE_NUMBER')
    t.same(await answerOf(0, { producerEpoch: 1 }), [1, -1])
    t.equal(await answerOf(1), 'INVALID_PRODUCER_EPOCH', 'and one of an epoch that is over is fenced')
  })

  await t.test('without a sequence is refused', async t => {
    t.equal(await answerOf(-1), 'INVALID_RECORD')
  })
})

t.test(
  'a transactional batch is refused with the whole request; a transactional id alone is none',
  async t => {
    const { batch, send } = await broker(t)
    const transactional = batch({ isTransactional: true, producerId: 1, producerEpoch: 0, baseSequence: 0 })
    for (const transactionalId of [null, 'shop']) {
      t.same(await send({ orders: [batch(), transactional], nobody: [batch()] }, { transactionalId }), [
        'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
        'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
        'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
      ])
    }
    t.same(await send({ orders: [batch()] }, { transactionalId: 'shop' }), [0])
  },
)

t.test('the time that a request gives', async t => {
  async function onHeldDisk(t: Test) {
    const disk = faultyDisk()
    const made = await broker(t, {
      disk,
      engineSharesClock: true,
      settings: { 'write.caching.default': false },
    })
    await made.create('cached', { 'write.caching': 'true' })
    const held = disk.hold('sync', /orders-0|journal/)
    t.teardown(() => held.release())
    return { ...made, held, clock: made.services.clock }
  }

  await t.test(
    'may be over before the disk is done: REQUEST_TIMED_OUT, where there was something to do',
    async t => {
      const { clock, held, offsets, send, batch } = await onHeldDisk(t)
      const timers = clock.pendingCount
      const producer = { producerId: 1, producerEpoch: 0, baseSequence: 0 }
      const answer = send({ orders: [batch(producer)], cached: [batch()] }, { timeoutMs: 500 })
      await until(() => held.count > 0)
      let isAnswered = false
      void answer.then(() => {
        isAnswered = true
      })
      clock.advance(499)
      await turn()
      t.notOk(isAnswered)
      clock.advance(1)
      t.same(await answer, ['REQUEST_TIMED_OUT', 0])
      t.match(offsets('orders'), { logEndOffset: 1, highWatermark: 0 }, 'it is appended all the same')
      held.release()
      t.same(await send({ orders: [batch(producer)] }), [0], 'and whoever sends it again is told where')
      t.equal(clock.pendingCount, timers, 'and no timer is left')
    },
  )

  await t.test(
    'is without end where there is none, since Kafka with one replica has nothing to wait for',
    async t => {
      for (const timeoutMs of [0, -1]) {
        const { batch, clock, held, send } = await onHeldDisk(t)
        const answer = send({ orders: [batch()] }, { timeoutMs })
        await until(() => held.count > 0)
        clock.advance(1e9)
        held.release()
        t.same(await answer, [0])
      }
    },
  )

  await t.test('does not matter to who waits for the leader alone', async t => {
    const { batch, send } = await onHeldDisk(t)
    t.same(await send({ orders: [batch()] }, { acks: 1, timeoutMs: 1 }), [0])
  })
})

import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { type BatchToBuild, buildBatch, type RecordToBuild } from './build-batch.ts'
import { prepareCompression } from './compression/compression.ts'
import { compressionNames } from './compression/compression-names.ts'
import { ProtocolError } from './error-codes.ts'
import { type KafkaRecord, recordsOf } from './read-records.ts'
import { recompressBatch } from './rebuild-batch.ts'
import * as view from './record-batch.ts'
import { readJsonLines } from './vectors/read-vectors.ts'
import { createRecordFacts, walkRecords } from './walk-records.ts'

const seed = Math.floor(Math.random() * 0x7fffffff)

t.before(() => prepareCompression())

t.test('the header of a built batch reads back, field by field and at any position', async t => {
  const batch = buildBatch({
    records: [{ value: Buffer.from('a'), timestamp: 1_700_000_000_000 }, { timestamp: 1_700_000_000_500 }],
    baseOffset: 2 ** 40 + 5,
    partitionLeaderEpoch: 3,
    producerId: 2 ** 33,
    producerEpoch: 32_767,
    baseSequence: 0x7fffffff,
    isTransactional: true,
  })
  const expected: Partial<view.BatchHeader> = {
    baseOffset: 2 ** 40 + 5,
    lastOffset: 2 ** 40 + 6,
    size: batch.length,
    partitionLeaderEpoch: 3,
    magic: 2,
    compression: 0,
    timestampType: 'CreateTime',
    isTransactional: true,
    isControl: false,
    hasDeleteHorizon: false,
    lastOffsetDelta: 1,
    baseTimestamp: 1_700_000_000_000,
    maxTimestamp: 1_700_000_000_500,
    producerId: 2 ** 33,
    producerEpoch: 32_767,
    baseSequence: 0x7fffffff,
    lastSequence: 0,
    recordCount: 2,
  }
  t.match(view.readBatchHeader(batch, 0), expected)
  const shifted = Buffer.concat([randomBytes(33), batch, randomBytes(9)])
  t.match(view.readBatchHeader(shifted, 33), expected)
  t.equal(view.batchCrcIsValid(shifted, 33), true)

  const horizon = { hasDeleteHorizon: true, baseTimestamp: 77 }
  const empty = buildBatch({ records: [], isControl: true, compression: 'gzip', ...horizon })
  t.match(view.readBatchHeader(empty, 0), {
    baseOffset: 0,
    partitionLeaderEpoch: -1,
    compression: 1,
    isControl: true,
    hasDeleteHorizon: true,
    baseTimestamp: 77,
    maxTimestamp: -1,
    producerId: -1,
    producerEpoch: -1,
    baseSequence: -1,
    lastSequence: -1,
    recordCount: 0,
  })
})

const javaBatch = [
  '000000000000002a000000c800000007026bde305a0000000000020000018bcfe568000000018bcfe74a4000000000b2',
  'd05e000005000000090000000338000000066b65790a76616c7565040c736f7572636504010204c3a901da010080890f',
  '0201c8010000000000000000000000000000000000000000000000000000000000000000000000000000000000000000',
  '000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000',
  '0000000000000000001400010408676f6e650100',
].join('')

const javaBatchHeader: Partial<view.BatchHeader> = {
  baseOffset: 42,
  lastOffset: 44,
  size: 212,
  partitionLeaderEpoch: 7,
  magic: 2,
  compression: 0,
  lastOffsetDelta: 2,
  baseTimestamp: 1_700_000_000_000,
  maxTimestamp: 1_700_000_123_456,
  producerId: 3_000_000_000,
  producerEpoch: 5,
  baseSequence: 9,
  lastSequence: 11,
  recordCount: 3,
}

const javaBatchRecords: KafkaRecord[] = [
  {
    offset: 42,
    timestamp: 1_700_000_000_000,
    key: Buffer.from('key'),
    value: Buffer.from('value'),
    headers: [
      { key: 'source', value: Buffer.from([1, 2]) },
      { key: 'é', value: null },
    ],
  },
  { offset: 43, timestamp: 1_700_000_123_456, key: null, value: Buffer.alloc(100), headers: [] },
  { offset: 44, timestamp: 1_699_999_999_999, key: Buffer.from('gone'), value: null, headers: [] },
]

t.test('literal bytes: a batch that kafka-clients 4.4.0 wrote', async t => {
  // MemoryRecords.withIdempotentRecords(2, 42, Compression.NONE, 3000000000, 5, 9, 7, ...) with the records below.
  const batch = Buffer.from(javaBatch, 'hex')
  t.equal(view.wholeBatchSize(batch, 0), batch.length)
  t.equal(view.batchCrcIsValid(batch, 0), true)
  t.match(view.readBatchHeader(batch, 0), javaBatchHeader)
  const records = [...recordsOf(batch, 0)]
  t.same(records, javaBatchRecords)
  const { baseOffset, partitionLeaderEpoch, producerId, producerEpoch, baseSequence } = view.readBatchHeader(
    batch,
    0,
  )
  const rebuilt = buildBatch({
    records: records.map(({ key, value, timestamp, headers }) => ({ key, value, timestamp, headers })),
    baseOffset,
    partitionLeaderEpoch,
    producerId,
    producerEpoch,
    baseSequence,
  })
  t.equal(rebuilt.toString('hex'), batch.toString('hex'), 'and our builder writes the same bytes')
})

t.test('stamping touches what lies outside the checksum, and LogAppendTime renews it', async t => {
  const batch = buildBatch({
    records: [{ key: Buffer.from('k'), timestamp: 5 }, { timestamp: 9 }],
    isControl: true,
  })
  view.stampBatch(batch, 0, Number.MAX_SAFE_INTEGER - 1, 0x7ffffffe)
  t.equal(view.batchBaseOffset(batch, 0), Number.MAX_SAFE_INTEGER - 1)
  t.equal(batch.readBigInt64BE(0), BigInt(Number.MAX_SAFE_INTEGER - 1))
  t.equal(view.batchLeaderEpoch(batch, 0), 0x7ffffffe)
  t.equal(view.batchCrcIsValid(batch, 0), true)

  const crc = view.batchCrc(batch, 0)
  view.setMaxTimestamp(batch, 0, 'CreateTime', 9)
  t.equal(view.batchCrc(batch, 0), crc, 'nothing changes where nothing differs')
  view.setLogAppendTime(batch, 0, 1_700_000_000_123)
  t.match(view.readBatchHeader(batch, 0), {
    timestampType: 'LogAppendTime',
    maxTimestamp: 1_700_000_000_123,
    isControl: true,
  })
  t.equal(view.batchCrcIsValid(batch, 0), true)
  t.same(
    [...recordsOf(batch, 0)].map(record => record.timestamp),
    [1_700_000_000_123, 1_700_000_000_123],
  )
  view.setMaxTimestamp(batch, 0, 'CreateTime', -1)
  t.equal(view.batchMaxTimestamp(batch, 0), -1)
  t.same(
    [...recordsOf(batch, 0)].map(record => record.timestamp),
    [5, 9],
  )
  batch[batch.length - 1]! ^= 1
  t.equal(view.batchCrcIsValid(batch, 0), false)
})

t.test('batches follow each other up to an incomplete one; nonsense is an error', async t => {
  const one = buildBatch({ records: [{ value: randomBytes(10) }] })
  const two = buildBatch({ records: [{ value: randomBytes(300) }], compression: 'lz4' })
  const both = Buffer.concat([one, two])
  t.same([...view.batchesIn(both)], [0, one.length])
  t.same([...view.batchesIn(both, one.length)], [one.length])
  for (let end = 0; end < both.length; end++) {
    t.same([...view.batchesIn(both, 0, end)], end < one.length ? [] : [0])
    t.same([...view.batchesIn(both.subarray(0, end))], end < one.length ? [] : [0])
  }
  const wrongMagic = Buffer.from(one)
  wrongMagic[view.batchField.magic] = 1
  t.throws(() => [...view.batchesIn(wrongMagic)], { name: 'CORRUPT_MESSAGE', recordIndex: -1 })
  const tooShort = Buffer.from(one)
  tooShort.writeInt32BE(48, view.batchField.batchLength)
  t.throws(() => [...view.batchesIn(tooShort)], { name: 'CORRUPT_MESSAGE' })
  tooShort.writeInt32BE(-12, view.batchField.batchLength)
  t.throws(() => [...view.batchesIn(tooShort)], { name: 'CORRUPT_MESSAGE' })
  t.equal(view.batchCrcIsValid(tooShort, 0), false)
  t.equal(view.batchCrcIsValid(one.subarray(0, 60), 0), false)
  t.equal(view.batchCrcIsValid(one, -1), false)
  t.throws(() => view.readBatchHeader(one, one.length - 60), { name: 'CORRUPT_MESSAGE' })
  t.throws(() => [...recordsOf(one.subarray(0, one.length - 1), 0)], { name: 'CORRUPT_MESSAGE' })
  const unknownCodec = Buffer.from(one)
  unknownCodec[view.batchField.attributes + 1] = 6
  t.throws(() => [...recordsOf(unknownCodec, 0)], { name: 'UNSUPPORTED_COMPRESSION_TYPE' })
  const farOffset = Buffer.from(one)
  farOffset.writeBigInt64BE(2n ** 60n)
  t.throws(() => view.batchBaseOffset(farOffset, 0), { name: 'INVALID_RECORD' })
})

const bytesOrNull = fc.option(fc.uint8Array({ maxLength: 300 }), { nil: null })
const anyRecord: fc.Arbitrary<RecordToBuild> = fc.record({
  key: bytesOrNull,
  value: bytesOrNull,
  timestamp: fc.oneof(
    fc.constant(-1),
    fc.integer({ min: 0, max: 2 ** 45 }),
    fc.integer({ min: 1e12, max: 1e12 + 9_000 }),
  ),
  headers: fc.array(fc.record({ key: fc.string({ unit: 'grapheme', maxLength: 9 }), value: bytesOrNull }), {
    maxLength: 3,
  }),
})
const anyBatch: fc.Arbitrary<BatchToBuild> = fc.record({
  records: fc.array(anyRecord, { maxLength: 70 }),
  compression: fc.constantFrom(...compressionNames),
  baseOffset: fc.integer({ min: 0, max: 2 ** 50 }),
})

t.test('any records come back as they were built, in every codec', async t => {
  t.comment(`seed ${seed}`)
  fc.assert(
    fc.property(anyBatch, batch => {
      const bytes = buildBatch(batch)
      if (!view.batchCrcIsValid(bytes, 0)) throw new Error('wrong checksum')
      const records = [...recordsOf(bytes, 0)]
      if (records.length !== batch.records.length) throw new Error(`${records.length} records`)
      for (const [index, record] of records.entries())
        requireSame(record, batch.records[index]!, batch.baseOffset! + index)
    }),
    { seed, numRuns: 300 },
  )
})

function requireSame(read: KafkaRecord, built: RecordToBuild, offset: number): void {
  const same = (left: Uint8Array | null, right: Uint8Array | null): boolean =>
    left === null || right === null ? left === right : Buffer.compare(left, right) === 0
  const isSame =
    read.offset === offset &&
    read.timestamp === built.timestamp &&
    same(read.key, built.key!) &&
    same(read.value, built.value!) &&
    read.headers.length === built.headers!.length &&
    read.headers.every((header, index) => {
      const expected = built.headers![index]!
      return header.key === expected.key && same(header.value, expected.value)
    })
  if (!isSame) throw new Error(`${JSON.stringify(read)} is not ${JSON.stringify(built)}`)
}

t.test('the walk gathers what the records say', async t => {
  const facts = createRecordFacts()
  const walk = (batch: Buffer): typeof facts => {
    walkRecords(batch, view.batchHeaderSize, batch.length, view.batchRecordCount(batch, 0), facts)
    return { ...facts }
  }
  const key = Buffer.from('k')
  t.same(
    walk(
      buildBatch({
        records: [
          { key, timestamp: 100 },
          { key, timestamp: 50_000_000_000 },
          { key, timestamp: -1 },
        ],
      }),
    ),
    {
      offsetsAreSequential: true,
      hasNullKey: false,
      minTimestampDelta: -101,
      maxTimestampDelta: 49_999_999_900,
    },
  )
  t.match(walk(buildBatch({ records: [{ key }, { value: key }] })), {
    hasNullKey: true,
    minTimestampDelta: 0,
  })
  t.match(walk(buildBatch({ records: [{ key }, { key, offsetDelta: 2 }] })), { offsetsAreSequential: false })
  const many = Array.from({ length: 9_000 }, (_, index) => ({
    key,
    value: Buffer.alloc(index),
    timestamp: 7 * index,
  }))
  t.match(walk(buildBatch({ records: many })), { offsetsAreSequential: true, maxTimestampDelta: 7 * 8_999 })
  t.same(walk(buildBatch({ records: [] })).offsetsAreSequential, true)
})

t.test('walk and reader agree on every cut-off and mutated body, and fail cleanly', async t => {
  t.comment(`seed ${seed}`)
  const outcomes = { accepted: 0, refused: 0 }
  const base = buildBatch({
    records: [
      {
        key: Buffer.from('key'),
        value: randomBytes(70),
        timestamp: 1e12,
        headers: [{ key: 'h', value: randomBytes(3) }],
      },
      { value: randomBytes(200), timestamp: 1e12 + 80_000 },
      {
        key: randomBytes(130),
        headers: [
          { key: '', value: null },
          { key: 'é', value: randomBytes(0) },
        ],
        timestamp: 1e12,
      },
    ],
  })
  const requireAgreement = (bytes: Buffer, count: number): void => {
    const batch = Buffer.from(bytes)
    batch.writeInt32BE(batch.length - view.batchLengthEnd, view.batchField.batchLength)
    batch.writeInt32BE(count, view.batchField.recordCount)
    const walked = outcomeOf(() => {
      walkRecords(batch, view.batchHeaderSize, batch.length, count, createRecordFacts())
      return count
    })
    const read = outcomeOf(() => [...recordsOf(batch, 0)].length)
    if (walked !== read)
      throw new Error(`walk: ${walked}, reader: ${read}, ${count} of ${batch.toString('hex')}`)
    outcomes[walked === 'INVALID_RECORD' ? 'refused' : 'accepted']++
  }
  for (let length = view.batchHeaderSize; length < base.length; length++) {
    for (const count of [1, 2, 3]) requireAgreement(base.subarray(0, length), count)
  }
  for (let at = view.batchHeaderSize; at < base.length; at++) {
    for (const value of [0, 1, 2, 0x7e, 0x7f, 0x80, 0xfe, 0xff]) {
      const bytes = Buffer.from(base)
      bytes[at] = value
      requireAgreement(bytes, 3)
    }
  }
  const changes = fc.array(fc.tuple(fc.integer({ min: 61, max: base.length - 1 }), fc.nat(255)), {
    maxLength: 5,
  })
  fc.assert(
    fc.property(changes, fc.integer({ min: 1, max: 5 }), (changed, count) => {
      const bytes = Buffer.from(base)
      for (const [at, value] of changed) bytes[at] = value
      requireAgreement(bytes, count)
    }),
    { seed, numRuns: 5_000 },
  )
  t.ok(outcomes.accepted > 500 && outcomes.refused > 500, JSON.stringify(outcomes))
})

function outcomeOf(read: () => number): string {
  try {
    return `${read()} records`
  } catch (error) {
    if (error instanceof ProtocolError) return error.name
    throw error
  }
}

t.test('mutated compressed batches fail cleanly too', async t => {
  t.comment(`seed ${seed}`)
  const records = Array.from({ length: 20 }, (_, index) => ({
    value: Buffer.alloc(40, index),
    timestamp: index,
  }))
  for (const compression of compressionNames) {
    const good = buildBatch({ records, compression })
    const changes = fc.array(fc.tuple(fc.integer({ min: 16, max: good.length - 1 }), fc.nat(255)), {
      maxLength: 4,
    })
    fc.assert(
      fc.property(changes, changed => {
        const bytes = Buffer.from(good)
        for (const [at, value] of changed) bytes[at] = value
        outcomeOf(() => [...recordsOf(bytes, 0, 1_000_000)].length)
      }),
      { seed, numRuns: 800 },
    )
  }
})

t.test('every batch of the Java vectors survives a change of codec', async t => {
  for (const vector of readJsonLines<{ case: string; base64: string }>('record-batches.jsonl.gz')) {
    const bytes = Buffer.from(vector.base64, 'base64')
    if (bytes[view.batchField.magic] !== 2) continue
    for (const at of view.batchesIn(bytes)) {
      const records = JSON.stringify([...recordsOf(bytes, at)])
      for (const compression of compressionNames) {
        const rebuilt = recompressBatch(bytes, at, compression)
        t.ok(view.batchCrcIsValid(rebuilt, 0), `${vector.case} in ${compression}`)
        t.ok(JSON.stringify([...recordsOf(rebuilt, 0)]) === records, `${vector.case} in ${compression}`)
      }
    }
  }
})

t.test('kafkajs reads our batches and we read its', async t => {
  type Encode = (fields: object) => { buffer: Buffer }
  const encoderIn = async (path: string): Promise<Encode & { RecordBatch: Encode }> =>
    (await import(`kafkajs/src/protocol/recordBatch/${path}/index.js`)).default
  const encodeBatch = (await encoderIn('v0')).RecordBatch
  const encodeRecord = await encoderIn('record/v0')
  const now = 1_700_000_000_000
  const encoded = (
    await encodeBatch({
      firstTimestamp: now,
      maxTimestamp: now + 1,
      lastOffsetDelta: 1,
      producerEpoch: -1,
      firstSequence: -1,
      records: [
        encodeRecord({
          timestampDelta: 0,
          key: Buffer.from('k'),
          value: Buffer.from('v'),
          headers: { h: Buffer.from('x') },
        }),
        encodeRecord({ offsetDelta: 1, timestampDelta: 1, key: null, value: null }),
      ],
    })
  ).buffer
  t.equal(view.batchCrcIsValid(encoded, 0), true)
  const records = [...recordsOf(encoded, 0)]
  t.same(records, [
    {
      offset: 0,
      timestamp: now,
      key: Buffer.from('k'),
      value: Buffer.from('v'),
      headers: [{ key: 'h', value: Buffer.from('x') }],
    },
    { offset: 1, timestamp: now + 1, key: null, value: null, headers: [] },
  ])
  const ours = buildBatch({ records, partitionLeaderEpoch: 0 })
  t.equal(ours.toString('hex'), encoded.toString('hex'))
})

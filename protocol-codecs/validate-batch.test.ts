import fc from 'fast-check'
import t from 'tap'
import { type BatchToBuild, buildBatch } from './build-batch.ts'
import { compress, prepareCompression } from './compression/compression.ts'
import { type CompressionId, compressionNames } from './compression/compression-names.ts'
import type { ErrorName } from './error-codes.ts'
import { recordsOf } from './read-records.ts'
import { applyTopicSettings, type TopicBatchSettings } from './rebuild-batch.ts'
import * as view from './record-batch.ts'
import { type ValidationOptions, type ValidBatch, validateProducedBatch } from './validate-batch.ts'

const now = 1_700_000_000_000
const hour = 3_600_000
const seed = Math.floor(Math.random() * 0x7fffffff)

const defaults: ValidationOptions = {
  now,
  timestampType: 'CreateTime',
  timestampBeforeMaxMs: Number.POSITIVE_INFINITY,
  timestampAfterMaxMs: hour,
  maxMessageBytes: 1_048_588,
  isCompacted: false,
  zstdIsAllowed: true,
  origin: 'client',
}

const key = Buffer.from('key')
const value = Buffer.from('value')
const twoRecords = {
  records: [
    { key, value, timestamp: now },
    { key, value, timestamp: now - 7 },
  ],
}

/** A batch whose header was changed after building, with a checksum that fits. */
function batchWith(change: (batch: Buffer) => void, fields: BatchToBuild = twoRecords): Buffer {
  const batch = buildBatch(fields)
  change(batch)
  view.updateBatchCrc(batch, 0)
  return batch
}

t.before(() => prepareCompression())

t.test('a sound batch is accepted in every codec, with what the log needs to know of it', async t => {
  for (const compression of compressionNames) {
    const batch = buildBatch({
      ...twoRecords,
      compression,
      producerId: 9,
      producerEpoch: 2,
      baseSequence: 3,
      isTransactional: true,
    })
    const expected: ValidBatch = {
      error: null,
      size: batch.length,
      recordCount: 2,
      lastOffsetDelta: 1,
      maxTimestamp: now,
      producerId: 9,
      producerEpoch: 2,
      baseSequence: 3,
      isTransactional: true,
      isControl: false,
      offsetsAreSequential: true,
    }
    t.same(validateProducedBatch(batch, defaults), expected, compression)
    const behind = Buffer.concat([batch, batch.subarray(0, batch.length - 1)])
    t.same(validateProducedBatch(behind, defaults), expected, 'an incomplete second batch is ignored')
  }
})

t.test('each fault has the error code that Kafka gives it', async t => {
  const zstd = buildBatch({ ...twoRecords, compression: 'zstd' })
  const good = buildBatch(twoRecords)
  const faults: [string, ErrorName, Buffer, Partial<ValidationOptions>?][] = [
    ['nothing at all', 'INVALID_RECORD', Buffer.alloc(0)],
    ['the beginning of a batch', 'INVALID_RECORD', good.subarray(0, good.length - 1)],
    ['an impossible length', 'CORRUPT_MESSAGE', batchWithLength(good, 13)],
    ['an unknown magic', 'CORRUPT_MESSAGE', withByte(good, view.batchField.magic, 3)],
    ['message format 1', 'INVALID_RECORD', withByte(good, view.batchField.magic, 1)],
    ['no room for a header', 'CORRUPT_MESSAGE', batchWithLength(good, 20).subarray(0, 32)],
    ['two batches', 'INVALID_RECORD', Buffer.concat([good, good])],
    ['garbage behind the batch', 'CORRUPT_MESSAGE', Buffer.concat([good, Buffer.alloc(20)])],
    ['zstd below Produce version 7', 'UNSUPPORTED_COMPRESSION_TYPE', zstd, { zstdIsAllowed: false }],
    ['a codec that does not exist', 'UNKNOWN_SERVER_ERROR', batchWith(batch => batch.writeInt16BE(5, 21))],
    ['a base offset', 'INVALID_RECORD', buildBatch({ ...twoRecords, baseOffset: 1 })],
    ['more bytes than the topic allows', 'MESSAGE_TOO_LARGE', good, { maxMessageBytes: good.length - 1 }],
    ['a flipped bit', 'CORRUPT_MESSAGE', withByte(good, good.length - 3, 0x41)],
    ['a negative offset range', 'INVALID_RECORD', buildBatch({ ...twoRecords, lastOffsetDelta: -1 })],
    ['no records', 'INVALID_RECORD', buildBatch({ records: [], lastOffsetDelta: 0 })],
    ['more offsets than records', 'INVALID_RECORD', buildBatch({ ...twoRecords, lastOffsetDelta: 2 })],
    ['a control batch', 'INVALID_RECORD', buildBatch({ ...twoRecords, isControl: true })],
    ['a producer id without a sequence', 'INVALID_RECORD', buildBatch({ ...twoRecords, producerId: 1 })],
    ['fewer records than it says', 'INVALID_RECORD', withCount(3)],
    ['more records than it says', 'INVALID_RECORD', withCount(1)],
    ['a body that does not inflate', 'UNKNOWN_SERVER_ERROR', batchWith(batch => batch.writeInt16BE(1, 21))],
  ]
  for (const [title, error, batch, options] of faults) {
    const result = validateProducedBatch(batch, { ...defaults, ...options })
    t.equal(result.error, error, title)
    t.same(Reflect.get(result, 'recordErrors'), [], `${title} names no records`)
  }
})

function withByte(batch: Buffer, at: number, byte: number): Buffer {
  const changed = Buffer.from(batch)
  changed[at] = byte
  return changed
}

function batchWithLength(batch: Buffer, length: number): Buffer {
  const changed = Buffer.from(batch)
  changed.writeInt32BE(length, view.batchField.batchLength)
  return changed
}

function withCount(count: number): Buffer {
  return batchWith(batch => {
    batch.writeInt32BE(count, view.batchField.recordCount)
    batch.writeInt32BE(count - 1, view.batchField.lastOffsetDelta)
  })
}

t.test('what is wrong in two ways gets the code of the check that comes first', async t => {
  const tooLargeAndCorrupt = withByte(buildBatch(twoRecords), 70, 0xee)
  t.equal(
    validateProducedBatch(tooLargeAndCorrupt, { ...defaults, maxMessageBytes: 10 }).error,
    'MESSAGE_TOO_LARGE',
  )
  t.equal(validateProducedBatch(tooLargeAndCorrupt, defaults).error, 'CORRUPT_MESSAGE')
  const offsetAndTooLarge = buildBatch({ ...twoRecords, baseOffset: 5 })
  t.equal(
    validateProducedBatch(offsetAndTooLarge, { ...defaults, maxMessageBytes: 10 }).error,
    'INVALID_RECORD',
  )
})

t.test('records without a key are refused on a compacted topic, and named', async t => {
  for (const compression of compressionNames) {
    const batch = buildBatch({
      records: [{ key }, { value }, { key: Buffer.alloc(0) }, { value }],
      compression,
    })
    t.match(validateProducedBatch(batch, { ...defaults, isCompacted: true }), {
      error: 'INVALID_RECORD',
      recordErrors: [{ batchIndex: 1 }, { batchIndex: 3 }],
    })
    t.equal(validateProducedBatch(batch, defaults).error, null)
  }
})

t.test('a timestamp out of range refuses the batch; -1 is exempt; LogAppendTime does not care', async t => {
  const records = [
    { timestamp: now },
    { timestamp: now + hour + 1 },
    { timestamp: -1 },
    { timestamp: now - hour - 1 },
  ]
  for (const compression of compressionNames) {
    const batch = buildBatch({ records, compression })
    const both = validateProducedBatch(batch, { ...defaults, timestampBeforeMaxMs: hour })
    t.match(both, { error: 'INVALID_TIMESTAMP', recordErrors: [{ batchIndex: 1 }, { batchIndex: 3 }] })
    const late = validateProducedBatch(batch, defaults)
    t.match(late, { error: 'INVALID_TIMESTAMP', recordErrors: [{ batchIndex: 1 }] })
    const appended = validateProducedBatch(batch, { ...defaults, timestampType: 'LogAppendTime' })
    t.match(appended, { error: null, maxTimestamp: now })
  }
  const edges = [{ timestamp: now + hour }, { timestamp: now - hour }, { timestamp: -1 }]
  const inRange = validateProducedBatch(buildBatch({ records: edges }), {
    ...defaults,
    timestampBeforeMaxMs: hour,
  })
  t.match(inRange, { error: null, maxTimestamp: now + hour })
  const none = validateProducedBatch(buildBatch({ records: [{ value }] }), {
    ...defaults,
    timestampBeforeMaxMs: hour,
  })
  t.match(none, { error: null, maxTimestamp: -1 })

  const mixed = [{ timestamp: now + 2 * hour, key }, { value }]
  t.match(validateProducedBatch(buildBatch({ records: mixed }), { ...defaults, isCompacted: true }), {
    error: 'INVALID_TIMESTAMP',
    recordErrors: [{ batchIndex: 0 }, { batchIndex: 1, message: /key/ }],
  })
  const nanoseconds = batchWith(batch => batch.writeBigInt64BE(1_700_000_000_000_000_000n, 27))
  t.equal(
    validateProducedBatch(nanoseconds, { ...defaults, timestampAfterMaxMs: 2 ** 63 }).error,
    'INVALID_TIMESTAMP',
  )
  t.equal(validateProducedBatch(nanoseconds, { ...defaults, timestampType: 'LogAppendTime' }).error, null)
})

t.test(
  'a producer that claims LogAppendTime is believed where the topic takes the time it gives',
  async t => {
    const stamped = (maxTimestamp: number) =>
      buildBatch({ ...twoRecords, timestampType: 'LogAppendTime', maxTimestamp })
    const ofTopic = (timestampType: view.TimestampType, maxTimestamp: number) =>
      validateProducedBatch(stamped(maxTimestamp), { ...defaults, timestampType })
    const refused = { error: 'INVALID_TIMESTAMP', recordErrors: [{ batchIndex: 0 }, { batchIndex: 1 }] }
    t.match(ofTopic('CreateTime', now - hour), { error: null, maxTimestamp: now - hour })
    t.match(ofTopic('CreateTime', now + hour + 1), refused, 'too late')
    t.match(ofTopic('CreateTime', view.noTimestamp), refused, 'no time')
    t.match(ofTopic('LogAppendTime', now), refused, 'a topic that stamps its records itself')
  },
)

t.test('the list of record errors ends somewhere', async t => {
  const batch = buildBatch({ records: Array.from({ length: 5_000 }, () => ({ value })) })
  const result = validateProducedBatch(batch, { ...defaults, isCompacted: true })
  t.equal(result.error === null ? 0 : result.recordErrors.length, 1_000)
})

t.test('a coordinator may write control batches at offsets of its own', async t => {
  const batch = buildBatch({
    records: [{ key, value }],
    baseOffset: 5,
    isControl: true,
    producerId: 3,
    producerEpoch: 0,
  })
  t.match(validateProducedBatch(batch, { ...defaults, origin: 'coordinator' }), {
    error: null,
    isControl: true,
  })
  t.equal(
    validateProducedBatch(withByte(batch, 70, 1), { ...defaults, origin: 'coordinator' }).error,
    'CORRUPT_MESSAGE',
  )
})

t.test('a small batch that inflates without end is refused', async t => {
  const body = Buffer.alloc(3_000_000)
  for (const [codec, name] of compressionNames.entries()) {
    if (codec === 0) continue
    const bomb = Buffer.concat([buildBatch({ records: [] }), compress(codec as CompressionId, body)])
    bomb.writeInt32BE(bomb.length - 12, view.batchField.batchLength)
    bomb.writeInt16BE(codec, view.batchField.attributes)
    bomb.writeInt32BE(1, view.batchField.recordCount)
    view.updateBatchCrc(bomb, 0)
    t.equal(
      validateProducedBatch(bomb, { ...defaults, maxInflatedBytes: 1_000_000 }).error,
      'MESSAGE_TOO_LARGE',
      name,
    )
    t.equal(validateProducedBatch(bomb, defaults).error, 'INVALID_RECORD', name)
  }
})

t.test('whatever the bytes, the answer is a value', async t => {
  t.comment(`seed ${seed}`)
  let accepted = 0
  for (const compression of compressionNames) {
    const good = buildBatch({ ...twoRecords, compression })
    const changes = fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 4 })
    fc.assert(
      fc.property(changes, fc.boolean(), fc.nat(good.length), (changed, keepsChecksum, length) => {
        const bytes = Buffer.from(good)
        for (const [at, byte] of changed) bytes[at] = byte
        if (!keepsChecksum && view.batchSize(bytes, 0) === good.length) view.updateBatchCrc(bytes, 0)
        if (validateProducedBatch(bytes, defaults).error === null) {
          accepted++
          if ([...recordsOf(bytes, 0)].length !== 2) throw new Error('accepted what it should not')
        }
        validateProducedBatch(bytes.subarray(0, length), { ...defaults, isCompacted: true })
      }),
      { seed, numRuns: 1_500 },
    )
  }
  t.ok(accepted > 50, `${accepted} accepted`)
})

const settings: TopicBatchSettings = {
  compressionType: 'producer',
  timestampType: 'CreateTime',
  maxMessageBytes: 1_048_588,
}

function validBatch(batch: Buffer, options: Partial<ValidationOptions> = {}): ValidBatch {
  const result = validateProducedBatch(batch, { ...defaults, ...options })
  if (result.error !== null) throw new Error(`${result.error}: ${result.message}`)
  return result
}

t.test('a batch is stored as it came unless its topic asks for something else', async t => {
  const batch = buildBatch({ ...twoRecords, compression: 'gzip' })
  const copy = Buffer.from(batch)
  t.equal(applyTopicSettings(batch, validBatch(batch), settings), batch)
  t.equal(applyTopicSettings(batch, validBatch(batch), { ...settings, compressionType: 'gzip' }), batch)
  t.same(batch, copy)
  const withTail = Buffer.concat([batch, Buffer.from([0, 0])])
  t.same(applyTopicSettings(withTail, validBatch(withTail), settings), copy, 'a tail is cut off')
})

t.test('recompression keeps all but the codec, between any two codecs', async t => {
  const fields: BatchToBuild = {
    records: Array.from({ length: 50 }, (_, index) => ({
      key,
      value: Buffer.alloc(index * 3, 97),
      timestamp: now - index,
      headers: [{ key: 'header', value }],
    })),
    producerId: 77,
    producerEpoch: 3,
    baseSequence: 0x7ffffff0,
    isTransactional: true,
  }
  for (const from of compressionNames) {
    const batch = buildBatch({ ...fields, compression: from })
    for (const to of compressionNames) {
      const compressionType = to === 'none' ? 'uncompressed' : to
      const stored = applyTopicSettings(batch, validBatch(batch), { ...settings, compressionType })
      const { size, crc, compression, ...kept } = view.readBatchHeader(stored, 0)
      t.equal(compressionNames[compression], to)
      t.equal(size, stored.length)
      t.ok(view.batchCrcIsValid(stored, 0), `${crc}`)
      t.match(view.readBatchHeader(batch, 0), kept)
      t.same([...recordsOf(stored, 0)], [...recordsOf(batch, 0)])
      t.match(validateProducedBatch(stored, defaults), { error: null, recordCount: 50 })
    }
  }
})

t.test('LogAppendTime and a wrong maximum timestamp change the header only', async t => {
  const wrongMaximum = buildBatch({ ...twoRecords, maxTimestamp: now + 999 })
  const corrected = applyTopicSettings(wrongMaximum, validBatch(wrongMaximum), settings)
  t.equal(corrected, wrongMaximum, 'in place')
  t.equal(view.batchMaxTimestamp(corrected, 0), now)
  t.ok(view.batchCrcIsValid(corrected, 0))

  for (const compressionType of ['producer', 'lz4'] as const) {
    const batch = buildBatch(twoRecords)
    const valid = validBatch(batch, { timestampType: 'LogAppendTime', now: now + 5 })
    const stored = applyTopicSettings(batch, valid, {
      ...settings,
      timestampType: 'LogAppendTime',
      compressionType,
    })
    t.match(view.readBatchHeader(stored, 0), {
      timestampType: 'LogAppendTime',
      maxTimestamp: now + 5,
      baseTimestamp: now,
    })
    t.ok(view.batchCrcIsValid(stored, 0))
  }
})

t.test('offset deltas that are not 0, 1, 2 are put right', async t => {
  for (const compression of compressionNames) {
    const records = [
      { key, timestamp: now, offsetDelta: 0 },
      { value, timestamp: now + 3, offsetDelta: 0, headers: [{ key: 'h', value: null }] },
    ]
    const batch = buildBatch({
      records,
      lastOffsetDelta: 1,
      compression,
      producerId: 4,
      producerEpoch: 1,
      baseSequence: 8,
    })
    const valid = validBatch(batch)
    t.equal(valid.offsetsAreSequential, false)
    const stored = applyTopicSettings(batch, valid, settings)
    t.same(
      [...recordsOf(stored, 0)].map(record => [record.offset, record.timestamp, record.headers.length]),
      [
        [0, now, 0],
        [1, now + 3, 1],
      ],
    )
    t.match(validateProducedBatch(stored, defaults), {
      error: null,
      offsetsAreSequential: true,
      producerId: 4,
      baseSequence: 8,
    })
    t.equal(compressionNames[view.batchCompression(stored, 0)], compression)
  }
})

t.test('a batch that outgrows its topic when it is rebuilt is refused; a marker is not rebuilt', async t => {
  const batch = buildBatch({ records: [{ value: Buffer.alloc(50_000) }], compression: 'gzip' })
  const narrow = { ...settings, maxMessageBytes: 40_000, compressionType: 'uncompressed' } as const
  t.throws(() => applyTopicSettings(batch, validBatch(batch), narrow), { name: 'MESSAGE_TOO_LARGE' })
  const marker = buildBatch({ records: [{ key, value }], isControl: true })
  const valid = validBatch(marker, { origin: 'coordinator' })
  t.equal(applyTopicSettings(marker, valid, { ...settings, compressionType: 'zstd' }), marker)
})

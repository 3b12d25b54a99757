/**
 * Message sets of Kafka's own classes (vectors/README.md says which) become batches with the same records, and batches
 * become the message sets that Kafka makes of them. Damaged sets are refused as Kafka 3.9 refuses them.
 */
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import t from 'tap'
import { buildBatch } from '../build-batch.ts'
import { compress, prepareCompression } from '../compression/compression.ts'
import { type CompressionName, compressionNames } from '../compression/compression-names.ts'
import { compressLz4ForMagic0 } from '../compression/lz4-frame.ts'
import { ProtocolError } from '../error-codes.ts'
import { recordsOf } from '../read-records.ts'
import { batchCompression, batchCrcIsValid, batchesIn, readBatchHeader } from '../record-batch.ts'
import { nextBatchSize } from '../validate-batch.ts'
import { readJsonLines } from '../vectors/read-vectors.ts'
import { downConvert } from './down-convert.ts'
import { crc32, crc32InJavaScript, type Magic, type Message, messageSize, writeMessage } from './message.ts'
import { upConvert } from './up-convert.ts'

interface SetVector {
  case: string
  base64: string
  batches: { magic: number; compression: CompressionName; timestampType: string; records: VectorRecord[] }[]
}
interface VectorRecord {
  offset: string
  timestamp: string
  key: string | null
  value: string | null
}
interface ConversionVector {
  case: string
  from: string
  magic: Magic
  firstOffset: string
  base64: string
  recordCount: number
}

const sets = readJsonLines<SetVector>('record-batches.jsonl.gz').filter(
  ({ batches }) => batches[0]!.magic < 2,
)
const conversions = readJsonLines<ConversionVector>('message-sets.jsonl.gz')
const seed = Math.floor(Math.random() * 0x7fffffff)

t.before(prepareCompression)

const asTheyCame = { maxMessageBytes: 1_000_000, compressionFor: (source: CompressionName) => source }

function up(set: Buffer, options = asTheyCame): Buffer {
  return upConvert(set, options)!
}

/** What is told of a record on either side. */
function shown(batch: Buffer): Omit<VectorRecord, 'offset'>[] {
  return [...recordsOf(batch, 0)].map(({ timestamp, key, value, headers }) => {
    if (headers.length > 0) throw new Error('a message has no headers')
    return {
      timestamp: String(timestamp),
      key: key?.toString('base64') ?? null,
      value: value?.toString('base64') ?? null,
    }
  })
}

function errorOf(action: () => unknown): string {
  try {
    action()
    return 'NONE'
  } catch (error) {
    if (error instanceof ProtocolError) return error.name
    throw error
  }
}

interface MessageToBuild extends Partial<Omit<Message, 'key' | 'value'>> {
  key?: string | null
  value?: string | Buffer | null
}

function messageSet(...messages: MessageToBuild[]): Buffer {
  return Buffer.concat(
    messages.map(message => {
      const { magic = 1, offset = 0, attributes = 0, timestamp = 5 } = message
      const bytes = (of: string | Buffer | null | undefined) => (of == null ? null : Buffer.from(of))
      const [key, value] = [bytes(message.key), bytes(message.value)]
      const buffer = Buffer.alloc(messageSize(magic, key, value))
      writeMessage(buffer, 0, { magic, offset, attributes, timestamp, key, value })
      return buffer
    }),
  )
}

function wrapper(inner: Buffer, rest: MessageToBuild = {}): MessageToBuild {
  return { attributes: 1, value: gzipSync(inner), ...rest }
}

t.test('message sets that Kafka wrote become one batch with the same records', async t => {
  t.ok(sets.length >= 35)
  for (const { case: name, base64, batches } of sets) {
    const set = Buffer.from(base64, 'base64')
    if (batches[0]!.timestampType === 'LogAppendTime') {
      t.equal(
        errorOf(() => up(set)),
        'INVALID_TIMESTAMP',
        `${name}: no producer may say when it was appended`,
      )
      continue
    }
    const batch = up(set)
    const expected = batches
      .flatMap(({ records }) => records)
      .map(({ timestamp, key, value }) => ({ timestamp, key, value }))
    t.same(shown(batch), expected, name)
    t.ok(batchCrcIsValid(batch, 0), name)
    const { baseOffset, lastOffsetDelta, producerId, compression } = readBatchHeader(batch, 0)
    t.same(
      { baseOffset, lastOffsetDelta, producerId, compression: compressionNames[compression] },
      {
        baseOffset: 0,
        lastOffsetDelta: expected.length - 1,
        producerId: -1,
        compression: batches[0]!.compression,
      },
      name,
    )
  }
})

t.test('batches become the message sets that Kafka makes of them', async t => {
  t.ok(conversions.length > 60)
  for (const { case: name, from, magic, firstOffset, base64, recordCount } of conversions) {
    const batches = Buffer.from(from, 'base64')
    const converted = [...batchesIn(batches)].map(at => downConvert(batches, at, magic, Number(firstOffset)))
    const bytes = Buffer.concat(converted.map(({ messages }) => messages))
    const expected = Buffer.from(base64, 'base64')
    const title = `${name} to magic ${magic}`
    t.equal(
      converted.reduce((sum, { recordCount }) => sum + recordCount, 0),
      recordCount,
      title,
    )
    // Compressed bytes are the library's; what they hold, and all around them, must agree.
    t.same(told(bytes), told(expected), title)
  }
})

/** The messages of a set: a plain one as its bytes, a wrapper as what it holds and the rest of its fields. */
function told(set: Buffer): unknown[] {
  const messages: unknown[] = []
  for (let at = 0, size = nextBatchSize(set, 0); size > 0; at += size, size = nextBatchSize(set, at)) {
    const message = Buffer.from(set.subarray(at, at + size))
    if ((message[17]! & 7) === 0) {
      messages.push(message)
      continue
    }
    const fields = Buffer.from(message.subarray(16, message[16] === 0 ? 22 : 30))
    // The append time bit is what producers must not set; here it is part of what is compared.
    message[17] = message[17]! & 7
    message.writeUInt32BE(crc32(message, 16, size), 12)
    messages.push([message.readBigInt64BE(0), fields, shown(up(message))])
  }
  return messages
}

t.test('magic 0 has its own lz4, and producers that wrote the right one are read too', async t => {
  const inner = messageSet({ magic: 0, value: 'a' }, { magic: 0, offset: 1, value: 'b' })
  for (const value of [compressLz4ForMagic0(inner), compress(3, inner)]) {
    const batch = up(messageSet({ magic: 0, attributes: 3, value }))
    t.equal(shown(batch).length, 2)
  }
  const wrongForMagic1 = messageSet({
    attributes: 3,
    value: compressLz4ForMagic0(messageSet({ value: 'a' })),
  })
  t.equal(
    errorOf(() => up(wrongForMagic1)),
    'UNKNOWN_SERVER_ERROR',
  )
})

t.test('offsets inside a wrapper are not believed, but must not lie behind its own', async t => {
  const inner = messageSet({ offset: 7, value: 'a' }, { offset: 3, value: 'b' })
  t.same(shown(up(messageSet(wrapper(inner)))).length, 2, 'a wrapper of offset 0, as librdkafka wrote it')
  t.equal(
    errorOf(() => up(messageSet(wrapper(inner, { offset: 2 })))),
    'INVALID_RECORD',
  )
  t.equal(
    errorOf(() => up(messageSet(wrapper(inner, { offset: 3 })))),
    'NONE',
  )
})

t.test('what Kafka 3.9 refuses is refused with its error', async t => {
  const a = messageSet({ value: 'a' })
  const refused: [string, string, Buffer, object?][] = [
    ['another checksum', 'CORRUPT_MESSAGE', flipped(a, 13)],
    ['another byte', 'CORRUPT_MESSAGE', flipped(a, a.length - 1)],
    ['another checksum inside', 'CORRUPT_MESSAGE', messageSet(wrapper(flipped(a, 13)))],
    [
      'a size below any message',
      'CORRUPT_MESSAGE',
      Buffer.concat([Buffer.alloc(8), Buffer.from([0, 0, 0, 13]), a]),
    ],
    ['a magic of the future', 'CORRUPT_MESSAGE', flipped(a, 16, 2)],
    ['two magics', 'INVALID_RECORD', messageSet({ value: 'a' }, { magic: 0, value: 'b' })],
    ['a batch behind a message', 'INVALID_RECORD', Buffer.concat([a, buildBatch({ records: [{}] })])],
    ['two wrappers', 'INVALID_RECORD', messageSet(wrapper(a), wrapper(a))],
    ['a message beside a wrapper', 'INVALID_RECORD', messageSet({ value: 'a' }, wrapper(a))],
    ['a wrapper in a wrapper', 'INVALID_RECORD', messageSet(wrapper(messageSet(wrapper(a))))],
    ['another magic inside', 'INVALID_RECORD', messageSet(wrapper(messageSet({ magic: 0, value: 'a' })))],
    ['nothing inside', 'INVALID_RECORD', messageSet(wrapper(Buffer.alloc(0)))],
    ['no value to inflate', 'INVALID_RECORD', messageSet(wrapper(a, { value: null }))],
    ['what does not inflate', 'UNKNOWN_SERVER_ERROR', messageSet(wrapper(a, { value: 'not gzip' }))],
    ['zstd', 'INVALID_RECORD', messageSet(wrapper(a, { attributes: 4 }))],
    ['a codec that there is not', 'UNKNOWN_SERVER_ERROR', messageSet(wrapper(a, { attributes: 5 }))],
    ['the append time', 'INVALID_TIMESTAMP', messageSet({ attributes: 8, value: 'a' })],
    ['a time before any', 'INVALID_TIMESTAMP', messageSet({ timestamp: -2, value: 'a' })],
    [
      'a large message',
      'MESSAGE_TOO_LARGE',
      messageSet({ value: 'x'.repeat(200) }),
      { maxMessageBytes: 100 },
    ],
    [
      'many small messages that make a large batch',
      'MESSAGE_TOO_LARGE',
      messageSet(...Array.from({ length: 20 }, () => ({ value: 'a' }))),
      { maxMessageBytes: 100 },
    ],
    ['a bomb', 'MESSAGE_TOO_LARGE', messageSet(wrapper(Buffer.alloc(9_999))), { maxInflatedBytes: 1_000 }],
  ]
  for (const [name, error, set, options] of refused) {
    t.equal(
      errorOf(() => up(set, { ...asTheyCame, ...options })),
      error,
      name,
    )
  }
})

function flipped(bytes: Buffer, at: number, bits = 1): Buffer {
  const copy = Buffer.from(bytes)
  copy[at] = copy[at]! ^ bits
  return copy
}

t.test('a set may end anywhere, and be empty', async t => {
  const set = messageSet({ value: 'a' }, { value: 'b' })
  t.equal(shown(up(set.subarray(0, set.length - 1))).length, 1)
  for (const size of [0, 11, 12, 16, 34])
    t.equal(upConvert(set.subarray(0, size), asTheyCame), undefined, `${size} bytes`)
  const cut = messageSet(wrapper(set.subarray(0, set.length - 1)))
  t.equal(shown(up(cut)).length, 1, 'also inside a wrapper')
})

t.test('a set that starts with a batch is left as it is', async t => {
  const batch = buildBatch({ records: [{}] })
  t.equal(up(batch), batch)
})

t.test('the compression of the batch is what the topic makes of that of the messages', async t => {
  const set = messageSet(wrapper(messageSet({ value: 'a' })))
  const asked: string[] = []
  const batch = up(set, {
    ...asTheyCame,
    compressionFor(source) {
      asked.push(source)
      return 'snappy'
    },
  })
  t.same(asked, ['gzip'])
  t.equal(batchCompression(batch, 0), 2)
})

t.test('of a batch without compression only what was asked for is converted', async t => {
  const batch = buildBatch({ baseOffset: 10, records: [0, 1, 2].map(() => ({ value: Buffer.from('v') })) })
  t.equal(downConvert(batch, 0, 1, 11).recordCount, 2)
  t.equal(downConvert(batch, 0, 1, 13).messages.length, 0)
  t.equal(
    errorOf(() => downConvert(buildBatch({ records: [{}], compression: 'zstd' }), 0, 1, 0)),
    'UNSUPPORTED_COMPRESSION_TYPE',
  )
})

t.test('there and back again nothing is lost but headers', async t => {
  const bytes = fc.option(fc.uint8Array({ maxLength: 40 }), { nil: null })
  const record = fc.record({ key: bytes, value: bytes, timestamp: fc.integer({ min: -1, max: 2 ** 40 }) })
  fc.assert(
    fc.property(
      fc.array(record, { minLength: 1, maxLength: 20 }),
      fc.constantFrom<Magic>(0, 1),
      fc.constantFrom<CompressionName>('none', 'gzip', 'snappy', 'lz4'),
      (records, magic, compression) => {
        const batch = buildBatch({ records, compression, baseOffset: 1_000 })
        const { messages } = downConvert(batch, 0, magic, 0)
        const expected = shown(batch).map(one => (magic === 0 ? { ...one, timestamp: '-1' } : one))
        t.same(shown(up(messages)), expected)
      },
    ),
    { seed, numRuns: 100 },
  )
  t.comment(`seed ${seed}`)
})

t.test('damaged sets are an error or other messages, never a crash', async t => {
  for (const { case: name, base64 } of sets) {
    const set = Buffer.from(base64, 'base64')
    const step = Math.max(1, Math.floor(set.length / 40))
    for (let at = 0; at < set.length; at += step) {
      const damaged = flipped(set, at, 1 << (at % 8))
      // With the checksum mended, what lies behind it is looked at too.
      if (at > 16) damaged.writeUInt32BE(crc32(damaged, 16, 12 + damaged.readInt32BE(8)), 12)
      try {
        upConvert(damaged, asTheyCame)
      } catch (error) {
        if (!(error instanceof ProtocolError)) t.fail(`${name}, byte ${at}: ${error}`)
      }
    }
  }
})

t.test('the checksum is the same with and without node:zlib', async t => {
  const bytes = Buffer.from('123456789')
  t.equal(crc32InJavaScript(bytes), 0xcbf43926)
  t.equal(crc32(bytes, 0, 9), 0xcbf43926)
})

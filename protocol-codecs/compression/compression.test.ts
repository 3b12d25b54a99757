import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import t from 'tap'
import { ProtocolError } from '../error-codes.ts'
import { loadOptional } from '../load-optional.ts'
import { compress, decompress, prepareCompression } from './compression.ts'
import { type CompressionId, compressionId, compressionNames, isCompressionId } from './compression-names.ts'
import { compressLz4ForMagic0, decompressLz4ForMagic0 } from './lz4-frame.ts'
import { xxhash32 } from './xxhash32.ts'

const text = Buffer.from(`${'The quick brown fox jumps over the lazy dog. '.repeat(20)}Ottla kept the house.`)
const plenty = 10_000_000
const seed = Math.floor(Math.random() * 0x7fffffff)
const codecs: CompressionId[] = [1, 2, 3, 4]
const nameOf = (codec: CompressionId): string => compressionNames[codec]

/** `text` as org.apache.kafka.common.compress.Compression of kafka-clients 4.4.0 writes it. */
const writtenByJava: Record<string, string> = {
  gzip: 'H4sIAAAAAAAA/wvJSFUoLM1MzlZIKsovz1NIy69QyCrNLShWyC9LLVIoAUrnJFZVKqTkp+sphIwqHlU8qpjaiv1LSnISFbJTC0rAEhn5pcWpegDUjVPumQMAAA==',
  snappy:
    'glNOQVBQWQAAAAABAAAAAQAAAHCZB7BUaGUgcXVpY2sgYnJvd24gZm94IGp1bXBzIG92ZXIgdGhlIGxhenkgZG9nLiD+LQD+LQD+LQD+LQD+LQD+LQD+LQD+LQD+LQD+LQD+LQD+LQD+LQBaLQBQT3R0bGEga2VwdCB0aGUgaG91c2Uu',
  lz4: 'BCJNGGBAgkwAAAD/HlRoZSBxdWljayBicm93biBmb3gganVtcHMgb3ZlciB0aGUgbGF6eSBkb2cuIC0A////R/AGT3R0bGEga2VwdCB0aGUgaG91c2UuAAAAAA==',
  zstd: 'KLUv/QBYTAIA1ANUaGUgcXVpY2sgYnJvd24gZm94IGp1bXBzIG92ZXIgdGhlIGxhenkgZG9nLiBPdHRsYSBrZXB0aG91c2UuAgBzhYBKFVaqDAEAAA==',
}
const lz4ForMagic0WrittenByJava =
  'BCJNGGBAGkwAAAD/HlRoZSBxdWljayBicm93biBmb3gganVtcHMgb3ZlciB0aGUgbGF6eSBkb2cuIC0A////R/AGT3R0bGEga2VwdCB0aGUgaG91c2UuAAAAAA=='

t.before(() => prepareCompression())

t.test('codec ids and names are those of the attributes and of compression.type', async t => {
  t.same(compressionNames.map(compressionId), [0, 1, 2, 3, 4])
  t.same([-1, 0, 4, 5, 7, 1.5].map(isCompressionId), [false, true, true, false, false, false])
})

t.test('what the Java client writes is read', async t => {
  for (const codec of codecs) {
    const written = Buffer.from(writtenByJava[nameOf(codec)]!, 'base64')
    t.ok(decompress(codec, written, plenty).equals(text), nameOf(codec))
    t.ok(
      decompress(codec, written, text.length).equals(text),
      `${nameOf(codec)}, with not a byte of room too much`,
    )
    t.throws(() => decompress(codec, written, text.length - 1), { name: 'MESSAGE_TOO_LARGE' }, nameOf(codec))
  }
})

t.test('what other encoders write is read', async t => {
  // The lz4 tool with content size, block checksums and content checksum: librdkafka sets the first.
  const lz4 =
    'BCJNGHxAmQMAAAAAAAAjTAAAAP8eVGhlIHF1aWNrIGJyb3duIGZveCBqdW1wcyBvdmVyIHRoZSBsYXp5IGRvZy4gLQD///9H8AZPdHRsYSBrZXB0IHRoZSBob3VzZS6UPi5AAAAAAA7VCq0='
  t.ok(decompress(3, Buffer.from(lz4, 'base64'), plenty).equals(text), 'lz4 with every checksum')
  // The zstd tool: a frame with its content size, a skippable one, an empty one... and the text again.
  const zstd =
    'KLUv/WSZAk0CANQDVGhlIHF1aWNrIGJyb3duIGZveCBqdW1wcyBvdmVyIHRoZSBsYXp5IGRvZy4gT3R0bGEga2VwdGhvdXNlLgIAc4WAShVWqgxeuHT+UCpNGAMAAABhYmMotS/9BABNAgDUA1RoZSBxdWljayBicm93biBmb3gganVtcHMgb3ZlciB0aGUgbGF6eSBkb2cuIE90dGxhIGtlcHRob3VzZS4CAHOFgEoVVqoMXrh0/ii1L/0EWE0CANQDVGhlIHF1aWNrIGJyb3duIGZveCBqdW1wcyBvdmVyIHRoZSBsYXp5IGRvZy4gT3R0bGEga2VwdGhvdXNlLgIAc4WAShVWqgxeuHT+'
  const inflated = decompress(4, Buffer.from(zstd, 'base64'), plenty)
  t.ok(inflated.equals(Buffer.concat([text, text, text])), 'zstd frames in a row, a skippable one among them')
  t.throws(() => decompress(4, Buffer.from(zstd, 'base64'), 3 * text.length - 1), {
    name: 'MESSAGE_TOO_LARGE',
  })
  // Raw snappy, which librdkafka writes: one literal, then copies with each size of distance.
  const raw = Buffer.from([
    13,
    2 << 2,
    97,
    98,
    99,
    (1 << 2) | 1,
    3,
    (2 << 2) | 2,
    3,
    0,
    (1 << 2) | 3,
    3,
    0,
    0,
    0,
  ])
  t.equal(decompress(2, raw, plenty).toString(), 'abcabcabcabca')
  const twice = Buffer.from(writtenByJava.snappy!, 'base64')
  t.ok(
    decompress(2, Buffer.concat([twice, twice]), plenty).equals(Buffer.concat([text, text])),
    'two snappy streams',
  )
  const members = Buffer.concat([gzipSync(text), gzipSync(text)])
  t.ok(decompress(1, members, plenty).equals(Buffer.concat([text, text])), 'two gzip members')
})

t.test('the lz4 frames that the Java client cannot read are refused', async t => {
  const linkedBlocks =
    'BCJNGGRAp0wAAAD/HlRoZSBxdWljayBicm93biBmb3gganVtcHMgb3ZlciB0aGUgbGF6eSBkb2cuIC0A////R/AGT3R0bGEga2VwdCB0aGUgaG91c2UuAAAAAA7VCq0='
  const refusal = { name: 'INVALID_RECORD', message: /depend/ }
  t.throws(() => decompress(3, withLz4Flags(Buffer.from(linkedBlocks, 'base64'), 0x44), plenty), refusal)
  t.throws(() => decompress(3, withLz4Flags(compress(3, text), 0x61), plenty), { message: /dictionary/ })
  t.throws(() => decompress(3, withLz4Flags(compress(3, text), 0xe0), plenty), { message: /version/ })
})

/** The frame with other flags under a checksum that fits them. */
function withLz4Flags(frame: Buffer, flags: number): Buffer {
  const changed = Buffer.from(frame)
  changed[4] = flags
  changed[6] = xxhash32(changed, 4, 6) >>> 8
  return changed
}

t.test('message format 0 has the lz4 header checksum that Kafka once got wrong', async t => {
  const written = Buffer.from(lz4ForMagic0WrittenByJava, 'base64')
  t.ok(decompressLz4ForMagic0(written, plenty).equals(text))
  t.throws(() => decompress(3, written, plenty), { name: 'INVALID_RECORD', message: /checksum/ })
  t.same(compressLz4ForMagic0(text).subarray(0, 7), written.subarray(0, 7))
  t.ok(decompressLz4ForMagic0(compress(3, text), plenty).equals(text), 'the right one is read too')
})

t.test('everything comes back, of every size and entropy', async t => {
  const native = await loadOptional<{
    decompressFrameSync(frame: Buffer): Buffer
    compressFrameSync(data: Buffer): Buffer
  }>('lz4-napi')
  t.comment(`seed ${seed}; lz4-napi ${native ? 'compared' : 'absent'}`)
  const inputs = fc.tuple(fc.integer({ min: 0, max: 200_000 }), fc.integer({ min: 1, max: 64 }), fc.integer())
  fc.assert(
    fc.property(inputs, ([size, alphabet, start]) => {
      const input = pseudoRandom(size, alphabet, start)
      for (const codec of codecs) {
        const compressed = compress(codec, input)
        if (!decompress(codec, compressed, size).equals(input))
          throw new Error(`${nameOf(codec)} lost something`)
      }
      if (native !== null) {
        if (!native.decompressFrameSync(compress(3, input)).equals(input))
          throw new Error('lz4-napi reads another')
        if (!decompress(3, native.compressFrameSync(input), size).equals(input))
          throw new Error('lz4-napi unread')
      }
    }),
    {
      seed,
      numRuns: 60,
      endOnFailure: true,
      examples: [[[0, 1, 1]], [[1, 1, 1]], [[65_536, 2, 1]], [[65_548, 1, 1]]],
    },
  )
})

/** Bytes from a small generator: with few letters they compress well, with many hardly. */
function pseudoRandom(size: number, alphabet: number, start: number): Buffer {
  const bytes = Buffer.allocUnsafe(size)
  let state = start | 1
  for (let index = 0; index < size; index++) {
    state = Math.imul(state, 1_103_515_245) + 12_345
    bytes[index] = ((state >>> 16) % alphabet) * 3
  }
  return bytes
}

t.test('cut-off and mutated bytes give a typed error or a result within bounds, soon', async t => {
  t.comment(`seed ${seed}`)
  const maxSize = 4 * text.length
  for (const codec of codecs) {
    const good = Buffer.from(writtenByJava[nameOf(codec)]!, 'base64')
    for (let length = 0; length < good.length; length++)
      requireCleanEnd(codec, good.subarray(0, length), maxSize)
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 }),
        changes => {
          const bytes = Buffer.from(good)
          for (const [at, value] of changes) bytes[at] = value
          requireCleanEnd(codec, bytes, maxSize)
        },
      ),
      { seed, numRuns: 3_000 },
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), bytes =>
        requireCleanEnd(codec, Buffer.from(bytes), maxSize),
      ),
      { seed, numRuns: 500 },
    )
    t.ok(decompress(codec, good, plenty).equals(text), `${nameOf(codec)} still works afterwards`)
  }
})

function requireCleanEnd(codec: CompressionId, bytes: Buffer, maxSize: number): void {
  const began = performance.now()
  try {
    const inflated = decompress(codec, bytes, maxSize)
    if (inflated.length > maxSize) throw new Error(`${nameOf(codec)} gave ${inflated.length} bytes`)
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
  }
  const elapsed = performance.now() - began
  if (elapsed > 2_000) throw new Error(`${nameOf(codec)} took ${elapsed} ms for ${bytes.toString('hex')}`)
}

t.test('a bomb stops at the bound', async t => {
  const zeroes = Buffer.alloc(8_000_000)
  for (const codec of codecs) {
    const bomb = compress(codec, zeroes)
    t.throws(() => decompress(codec, bomb, 1_000_000), { name: 'MESSAGE_TOO_LARGE' }, nameOf(codec))
    t.ok(decompress(codec, bomb, 8_000_000).equals(zeroes), nameOf(codec))
  }
  // Headers that promise what their bytes cannot hold are refused before memory is taken for the promise.
  t.throws(() => decompress(2, Buffer.from('ffffffff0f00', 'hex'), 2 ** 32), { name: 'INVALID_RECORD' })
  t.throws(() => decompress(4, Buffer.from('28b52ffda0ffffff7f010000', 'hex'), 2 ** 32), {
    name: 'INVALID_RECORD',
  })
})

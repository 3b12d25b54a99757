import { randomBytes, randomInt } from 'node:crypto'
import t from 'tap'
import { crc32c, crc32cInJavaScript, prepareCrc32c } from './crc32c.ts'

const vectors: [string, Uint8Array, number][] = [
  ['nothing', new Uint8Array(0), 0],
  ['the check string 123456789', Buffer.from('123456789'), 0xe3069283],
  ['32 bytes of zeroes (RFC 3720)', new Uint8Array(32), 0x8a9136aa],
  ['32 bytes of ones (RFC 3720)', new Uint8Array(32).fill(0xff), 0x62a8ab43],
  ['32 incrementing bytes (RFC 3720)', Uint8Array.from({ length: 32 }, (_, index) => index), 0x46dd794e],
  ['32 decrementing bytes (RFC 3720)', Uint8Array.from({ length: 32 }, (_, index) => 31 - index), 0x113fdb5c],
  [
    'an iSCSI read command (RFC 3720)',
    Buffer.from(
      '01c000000000000000000000000000001400000000000400000000140000001828000000000000000200000000000000',
      'hex',
    ),
    0xd9963a56,
  ],
]

t.test('the published vectors hold, before and after the native implementation is loaded', async t => {
  for (const [name, bytes, expected] of vectors) t.equal(crc32c(bytes), expected, name)
  t.type(await prepareCrc32c(), 'boolean')
  for (const [name, bytes, expected] of vectors) t.equal(crc32c(bytes), expected, name)
})

t.test('both implementations agree on every range of random bytes', async t => {
  const hasNative = await prepareCrc32c()
  t.comment(
    hasNative ? 'comparing with the native implementation' : 'no native implementation on this machine',
  )
  const bytes = randomBytes(70_000)
  let differing = 0
  for (let round = 0; round < 400; round++) {
    const start = randomInt(0, 2_000)
    const end = start + randomInt(0, round % 20 === 0 ? 68_000 : 3_000)
    if (crc32c(bytes, start, end) !== crc32cInJavaScript(bytes, start, end)) {
      differing++
      t.fail('the implementations disagree', { bytes: bytes.subarray(start, end).toString('base64') })
    }
  }
  t.equal(differing, 0)
})

t.test('a range of a larger buffer has the checksum of a copy of it', async t => {
  const bytes = randomBytes(5_000)
  const copy = Uint8Array.from(bytes.subarray(17, 4_017))
  t.equal(crc32c(bytes, 17, 4_017), crc32c(copy))
  t.equal(crc32c(bytes.subarray(17), 0, 4_000), crc32c(copy))
})

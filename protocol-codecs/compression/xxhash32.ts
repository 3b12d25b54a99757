/**
 * XXH32 with seed 0, the checksum of the LZ4 frame format: of its header (one byte of it), and optionally of its
 * blocks and its content.
 */
const prime1 = 0x9e3779b1 | 0
const prime2 = 0x85ebca77 | 0
const prime3 = 0xc2b2ae3d | 0
const prime4 = 0x27d4eb2f | 0
const prime5 = 0x165667b1 | 0

const rotate = (value: number, bits: number): number => (value << bits) | (value >>> (32 - bits))

const littleEndian = (buffer: Uint8Array, at: number): number =>
  buffer[at]! | (buffer[at + 1]! << 8) | (buffer[at + 2]! << 16) | (buffer[at + 3]! << 24)

const round = (lane: number, input: number): number =>
  Math.imul(rotate((lane + Math.imul(input, prime2)) | 0, 13), prime1)

/** The hash of buffer[start, end) as an unsigned number. */
export function xxhash32(buffer: Uint8Array, start = 0, end = buffer.length): number {
  let at = start
  let hash: number
  if (end - start >= 16) {
    let lane1 = (prime1 + prime2) | 0
    let lane2 = prime2
    let lane3 = 0
    let lane4 = -prime1 | 0
    for (const last = end - 16; at <= last; at += 16) {
      lane1 = round(lane1, littleEndian(buffer, at))
      lane2 = round(lane2, littleEndian(buffer, at + 4))
      lane3 = round(lane3, littleEndian(buffer, at + 8))
      lane4 = round(lane4, littleEndian(buffer, at + 12))
    }
    hash = (rotate(lane1, 1) + rotate(lane2, 7) + rotate(lane3, 12) + rotate(lane4, 18)) | 0
  } else hash = prime5
  hash = (hash + (end - start)) | 0
  for (; at + 4 <= end; at += 4) {
    hash = Math.imul(rotate((hash + Math.imul(littleEndian(buffer, at), prime3)) | 0, 17), prime4)
  }
  for (; at < end; at++) hash = Math.imul(rotate((hash + Math.imul(buffer[at]!, prime5)) | 0, 11), prime1)
  hash = Math.imul(hash ^ (hash >>> 15), prime2)
  hash = Math.imul(hash ^ (hash >>> 13), prime3)
  return (hash ^ (hash >>> 16)) >>> 0
}

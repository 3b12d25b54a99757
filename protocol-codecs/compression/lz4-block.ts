/**
 * The LZ4 block format. A block is a row of sequences: token (literal count in the high four bits, match length - 4 in the low
 * four, 15 meaning that bytes follow to be added until one is below 255), literals, distance uint16 little-endian.
 * The last sequence is literals only; its last five bytes are always literals, and no match starts within
 * the last twelve (decoders that copy in words rely on both).
 *
 * lz4js, the obvious library, neither checks what it reads nor keeps that end-of-block rule.
 */
import { malformed } from './compression-error.ts'

const minMatch = 4
const lastLiterals = 5
const matchFindLimit = 12
const maxDistance = 0xffff
const hashBits = 14

/** Position + 1 of the last place where four bytes with that hash were seen; 0 is none. */
const hashTable = new Int32Array(1 << hashBits)

/** The most that `size` bytes can become. */
export function lz4BlockBound(size: number): number {
  return size + Math.ceil(size / 255) + 16
}

const readWord = (buffer: Uint8Array, at: number): number =>
  buffer[at]! | (buffer[at + 1]! << 8) | (buffer[at + 2]! << 16) | (buffer[at + 3]! << 24)

/** Compresses input[start, end) to `output` from `outputStart`, which has `lz4BlockBound` room; returns its end. */
export function compressLz4Block(
  input: Uint8Array,
  start: number,
  end: number,
  output: Uint8Array,
  outputStart: number,
): number {
  let to = outputStart
  let anchor = start
  let at = start
  const matchStartLimit = end - matchFindLimit
  const matchEndLimit = end - lastLiterals
  hashTable.fill(0)
  let misses = 0
  while (at <= matchStartLimit) {
    const word = readWord(input, at)
    const hash = Math.imul(word, -1640531535) >>> (32 - hashBits)
    const candidate = hashTable[hash]! - 1
    hashTable[hash] = at + 1
    if (candidate < start || at - candidate > maxDistance || readWord(input, candidate) !== word) {
      at += 1 + (misses++ >> 6)
      continue
    }
    misses = 0
    let matchEnd = at + minMatch
    for (let from = candidate + minMatch; matchEnd < matchEndLimit && input[matchEnd] === input[from]; from++)
      matchEnd++
    to = writeSequence(input, anchor, at, output, to, matchEnd - at - minMatch)
    const distance = at - candidate
    // The distance stands between the token's literals and the extra length bytes of the match.
    output[to++] = distance
    output[to++] = distance >>> 8
    to = writeExtraLength(output, to, matchEnd - at - minMatch)
    at = matchEnd
    anchor = matchEnd
  }
  return writeSequence(input, anchor, end, output, to, 0)
}

/** Token, extra literal length and literals; the match's part of the token is set from `matchCode`. */
function writeSequence(
  input: Uint8Array,
  start: number,
  end: number,
  output: Uint8Array,
  outputStart: number,
  matchCode: number,
): number {
  const literals = end - start
  let to = outputStart
  output[to++] = (Math.min(literals, 15) << 4) | Math.min(matchCode, 15)
  to = writeExtraLength(output, to, literals)
  for (let from = start; from < end; ) output[to++] = input[from++]!
  return to
}

function writeExtraLength(output: Uint8Array, outputStart: number, length: number): number {
  if (length < 15) return outputStart
  let to = outputStart
  let rest = length - 15
  for (; rest >= 255; rest -= 255) output[to++] = 255
  output[to++] = rest
  return to
}

/** What `decompressLz4Block` answers if there is more to come than room for it. */
export const overflow = -1

/**
 * Inflates the block input[start, end) to output[outputStart, outputEnd); returns where its output ends, or
 * `overflow` if it does not fit. A block may refer back as far as its own beginning only.
 */
export function decompressLz4Block(
  input: Uint8Array,
  start: number,
  end: number,
  output: Uint8Array,
  outputStart: number,
  outputEnd: number,
): number {
  let from = start
  let to = outputStart
  for (;;) {
    if (from >= end) throw malformed('lz4', 'a block ends within a sequence')
    const token = input[from++]!
    let literals = token >>> 4
    if (literals === 15) {
      let extra: number
      do {
        if (from >= end) throw malformed('lz4', 'a literal length is cut off')
        extra = input[from++]!
        literals += extra
      } while (extra === 255)
    }
    if (literals > end - from) throw malformed('lz4', 'literals are cut off')
    if (literals > outputEnd - to) return overflow
    if (literals < 32) for (const stop = to + literals; to < stop; ) output[to++] = input[from++]!
    else {
      output.set(input.subarray(from, from + literals), to)
      from += literals
      to += literals
    }
    if (from === end) return to

    if (end - from < 2) throw malformed('lz4', 'a distance is cut off')
    const distance = input[from]! | (input[from + 1]! << 8)
    from += 2
    if (distance === 0 || distance > to - outputStart)
      throw malformed('lz4', `a match from ${distance} bytes back`)
    let length = (token & 15) + minMatch
    if (length === 15 + minMatch) {
      let extra: number
      do {
        if (from >= end) throw malformed('lz4', 'a match length is cut off')
        extra = input[from++]!
        length += extra
      } while (extra === 255)
    }
    if (length > outputEnd - to) return overflow
    if (length >= 48 && distance >= length) {
      output.copyWithin(to, to - distance, to - distance + length)
      to += length
    } else for (const stop = to + length; to < stop; to++) output[to] = output[to - distance]!
  }
}

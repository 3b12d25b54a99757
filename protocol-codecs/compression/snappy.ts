/**
 * Snappy, raw and in the framing of the xerial snappy-java library, which Kafka's Java client writes; librdkafka and
 * kafkajs codecs write either. The framing is
 *
 *   magic 82 'SNAPPY' 00, version int32, compatible version int32 (both 1), then blocks: length int32, raw snappy
 *
 * all big-endian. The header may occur again in place of a block: concatenated streams. A raw block starts with its
 * inflated length as a varint. We write framed, in blocks of 32 KB as snappy-java does.
 *
 * Inflating is our own: snappyjs does not check its output's bounds, and a literal of negative length sends it
 * through two billion rounds. Sizes are added up and checked before anything is allocated, and since three bytes of
 * snappy can give at most 64, a short input cannot claim a large output.
 */
import * as snappyjs from 'snappyjs'
import { malformed, tooLarge } from './compression-error.ts'

const xerialMagic = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0])
const xerialHeader = Buffer.concat([xerialMagic, Buffer.from([0, 0, 0, 1, 0, 0, 0, 1])])
const xerialBlockSize = 32 * 1_024
const maxExpansion = 22

export function compressSnappy(buffer: Buffer): Buffer {
  const parts: Uint8Array[] = [xerialHeader]
  for (let start = 0; start < buffer.length; start += xerialBlockSize) {
    const block = snappyjs.compress(buffer.subarray(start, start + xerialBlockSize))
    const length = Buffer.allocUnsafe(4)
    length.writeInt32BE(block.length)
    parts.push(length, block)
  }
  return Buffer.concat(parts)
}

export function decompressSnappy(buffer: Buffer, maxSize: number): Buffer {
  if (!isXerialHeader(buffer, 0)) {
    const output = allocate(inflatedLength(buffer, 0, buffer.length), buffer.length, maxSize)
    inflateBlock(buffer, 0, buffer.length, output, 0)
    return output
  }
  let inflated = 0
  forEachBlock(buffer, (start, end) => {
    inflated += inflatedLength(buffer, start, end)
  })
  const output = allocate(inflated, buffer.length, maxSize)
  let written = 0
  forEachBlock(buffer, (start, end) => {
    written = inflateBlock(buffer, start, end, output, written)
  })
  return output
}

function isXerialHeader(buffer: Buffer, at: number): boolean {
  return (
    buffer.length - at >= xerialHeader.length &&
    xerialMagic.equals(buffer.subarray(at, at + xerialMagic.length))
  )
}

function forEachBlock(buffer: Buffer, visit: (start: number, end: number) => void): void {
  let at = 0
  while (at < buffer.length) {
    if (isXerialHeader(buffer, at)) {
      at += xerialHeader.length
      continue
    }
    if (buffer.length - at < 4) throw malformed('snappy', 'a block length is cut off')
    const length = buffer.readInt32BE(at)
    at += 4
    if (length < 0 || length > buffer.length - at) throw malformed('snappy', `block length ${length}`)
    visit(at, at + length)
    at += length
  }
}

function allocate(size: number, compressedSize: number, maxSize: number): Buffer {
  if (size > maxSize) throw tooLarge('snappy', maxSize)
  if (size > compressedSize * maxExpansion)
    throw malformed('snappy', `${compressedSize} bytes cannot give ${size}`)
  return Buffer.allocUnsafe(size)
}

/** Where the varint that was read last ended. */
let varintEnd = 0

function inflatedLength(buffer: Buffer, start: number, end: number): number {
  let length = 0
  let scale = 1
  for (let at = start; at < end && at < start + 5; at++, scale *= 128) {
    const byte = buffer[at]!
    length += (byte & 0x7f) * scale
    if (byte < 0x80) {
      varintEnd = at + 1
      return length
    }
  }
  throw malformed('snappy', 'a block without a length')
}

/** Inflates the raw block input[start, end) to `output` from `outputStart` on; returns where its output ends. */
function inflateBlock(
  input: Buffer,
  start: number,
  end: number,
  output: Buffer,
  outputStart: number,
): number {
  const outputEnd = outputStart + inflatedLength(input, start, end)
  let from = varintEnd
  let to = outputStart
  while (from < end) {
    const tag = input[from++]!
    let length: number
    if ((tag & 3) === 0) {
      length = (tag >>> 2) + 1
      if (length > 60) {
        const lengthBytes = length - 60
        if (from + lengthBytes > end) throw malformed('snappy', 'a literal is cut off')
        length = 1
        for (let index = 0, scale = 1; index < lengthBytes; index++, scale *= 256)
          length += input[from++]! * scale
      }
      if (length > end - from || length > outputEnd - to)
        throw malformed('snappy', `a literal of ${length} bytes`)
      if (length < 32) for (const stop = to + length; to < stop; ) output[to++] = input[from++]!
      else {
        input.copy(output, to, from, from + length)
        to += length
        from += length
      }
      continue
    }
    let distance: number
    if ((tag & 3) === 1) {
      if (from + 1 > end) throw malformed('snappy', 'a copy is cut off')
      length = ((tag >>> 2) & 7) + 4
      distance = ((tag >>> 5) << 8) | input[from]!
      from += 1
    } else if ((tag & 3) === 2) {
      if (from + 2 > end) throw malformed('snappy', 'a copy is cut off')
      length = (tag >>> 2) + 1
      distance = input[from]! | (input[from + 1]! << 8)
      from += 2
    } else {
      if (from + 4 > end) throw malformed('snappy', 'a copy is cut off')
      length = (tag >>> 2) + 1
      distance = input.readUInt32LE(from)
      from += 4
    }
    if (distance === 0 || distance > to - outputStart)
      throw malformed('snappy', `a copy from ${distance} bytes back`)
    if (length > outputEnd - to) throw malformed('snappy', `a copy of ${length} bytes`)
    // The copied range may overlap what it writes: that is how runs are expressed, so byte by byte.
    for (const stop = to + length; to < stop; to++) output[to] = output[to - distance]!
  }
  if (to !== outputEnd)
    throw malformed('snappy', `a block of ${to - outputStart} bytes that announced another size`)
  return to
}

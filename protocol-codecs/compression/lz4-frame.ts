/**
 * The LZ4 frame format (version 1), as far as Apache Kafka speaks it:
 *
 *   magic 04 22 4d 18, FLG, BD, [content size uint64], header checksum = second byte of XXH32(FLG .. content size),
 *   blocks: size uint32 (top bit: stored as is), bytes, [XXH32 of those bytes]; end mark 0, [XXH32 of the content]
 *
 * little-endian. FLG: bits 7-6 version 01, 5 blocks independent, 4 block checksums, 3 content size, 2 content
 * checksum, 0 dictionary id. BD: bits 6-4 maximum block size 64 KB (4) to 4 MB (7).
 *
 * The Java client neither writes nor reads frames whose blocks depend on each other, or that name a dictionary; so
 * both are refused here: storing one would hand its consumers a record that they cannot read. Bytes after the first
 * frame are ignored, as the Java client does. We write 64 KB independent blocks without checksums, as it does.
 *
 * Magic 0 has its own header checksum: Kafka's first implementation hashed the frame's magic too (KIP-31, KAFKA-3160).
 *
 * All of it is JavaScript: measured on batches of 16 to 150 KB the native package lz4-napi is twice as fast at best
 * and five to twelve times slower at worst (its output buffers are fresh memory each time), and it knows no limit.
 */
import { malformed, tooLarge } from './compression-error.ts'
import { compressLz4Block, decompressLz4Block, lz4BlockBound, overflow } from './lz4-block.ts'
import { xxhash32 } from './xxhash32.ts'

/** The two ways to sum up a header: the format's, and that of Kafka's message format 0. */
type HeaderChecksum = 'standard' | 'magic0'

const frameMagic = 0x184d2204
const headerStart = 4
const storedBit = 0x80000000
const writtenBlockSize = 64 * 1_024
/** A byte of input adds at most 255 bytes to a match, so no block can claim more than this much. */
const maxExpansion = 255

const flag = {
  versionMask: 0xc0,
  version: 0x40,
  independentBlocks: 0x20,
  blockChecksums: 0x10,
  contentSize: 0x08,
  contentChecksum: 0x04,
  reserved: 0x02,
  dictionaryId: 0x01,
} as const

export function compressLz4(buffer: Buffer): Buffer {
  return writeFrame(buffer, 'standard')
}

export function decompressLz4(buffer: Buffer, maxSize: number): Buffer {
  return readFrame(buffer, maxSize, 'standard')
}

/** For messages of magic 0, whose readers expect the wrong header checksum. */
export function compressLz4ForMagic0(buffer: Buffer): Buffer {
  return writeFrame(buffer, 'magic0')
}

/** For messages of magic 0: takes any header checksum, since clients wrote both. */
export function decompressLz4ForMagic0(buffer: Buffer, maxSize: number): Buffer {
  return readFrame(buffer, maxSize, 'magic0')
}

function writeFrame(buffer: Buffer, checksum: HeaderChecksum): Buffer {
  const blockCount = Math.ceil(buffer.length / writtenBlockSize)
  const output = Buffer.allocUnsafe(11 + blockCount * 4 + lz4BlockBound(buffer.length) + blockCount * 16)
  output.writeUInt32LE(frameMagic, 0)
  output[4] = flag.version | flag.independentBlocks
  output[5] = 4 << 4
  output[6] = xxhash32(output, checksum === 'magic0' ? 0 : headerStart, 6) >>> 8
  let to = 7
  for (let start = 0; start < buffer.length; start += writtenBlockSize) {
    const end = Math.min(start + writtenBlockSize, buffer.length)
    const blockEnd = compressLz4Block(buffer, start, end, output, to + 4)
    const size = blockEnd - to - 4
    if (size < end - start) {
      output.writeUInt32LE(size, to)
      to = blockEnd
    } else {
      output.writeUInt32LE((storedBit | (end - start)) >>> 0, to)
      buffer.copy(output, to + 4, start, end)
      to += 4 + end - start
    }
  }
  output.writeUInt32LE(0, to)
  return output.subarray(0, to + 4)
}

interface Frame {
  flags: number
  maxBlockSize: number
  /** -1 if the header does not say. */
  contentSize: number
  firstBlock: number
  /** The end of the frame, checksums included. */
  end: number
  /** No more than this can come out of its blocks. */
  inflatedBound: number
}

function parseFrame(buffer: Buffer, checksum: HeaderChecksum): Frame {
  if (buffer.length < 7) throw malformed('lz4', 'the frame header is cut off')
  if (buffer.readUInt32LE(0) !== frameMagic) throw malformed('lz4', 'no frame magic')
  const flags = buffer[4]!
  const descriptor = buffer[5]!
  if ((flags & flag.versionMask) !== flag.version) throw malformed('lz4', 'unknown frame version')
  if (flags & flag.reserved || descriptor & 0x8f) throw malformed('lz4', 'reserved bits are set')
  if ((flags & flag.independentBlocks) === 0) throw malformed('lz4', 'blocks that depend on each other')
  if (flags & flag.dictionaryId) throw malformed('lz4', 'a frame with a dictionary')
  if (descriptor >>> 4 < 4) throw malformed('lz4', `block size id ${descriptor >>> 4}`)
  const maxBlockSize = 1 << (8 + 2 * (descriptor >>> 4))

  let at = 6
  let contentSize = -1
  if (flags & flag.contentSize) {
    if (buffer.length < 15) throw malformed('lz4', 'the frame header is cut off')
    contentSize = buffer.readUInt32LE(6) + buffer.readUInt32LE(10) * 0x1_0000_0000
    at = 14
  }
  if (checksum === 'standard' && buffer[at] !== ((xxhash32(buffer, headerStart, at) >>> 8) & 0xff)) {
    throw malformed('lz4', 'the header does not match its checksum')
  }
  at++

  const firstBlock = at
  let inflatedBound = 0
  for (;;) {
    if (buffer.length - at < 4) throw malformed('lz4', 'the end mark is missing')
    const word = buffer.readUInt32LE(at)
    at += 4
    if (word === 0) break
    const size = word & ~storedBit
    if (size > maxBlockSize) throw malformed('lz4', `a block of ${size} bytes`)
    inflatedBound += word & storedBit ? size : Math.min(maxBlockSize, size * maxExpansion)
    at += size + (flags & flag.blockChecksums ? 4 : 0)
    if (at > buffer.length) throw malformed('lz4', 'a block is cut off')
  }
  if (flags & flag.contentChecksum) at += 4
  if (at > buffer.length) throw malformed('lz4', 'the content checksum is cut off')
  return { flags, maxBlockSize, contentSize, firstBlock, end: at, inflatedBound }
}

function readFrame(buffer: Buffer, maxSize: number, checksum: HeaderChecksum): Buffer {
  const frame = parseFrame(buffer, checksum)
  if (frame.contentSize > frame.inflatedBound)
    throw malformed('lz4', `a content size of ${frame.contentSize}`)
  if (frame.contentSize > maxSize) throw tooLarge('lz4', maxSize)
  const inflated = inflateFrame(buffer, frame, maxSize)
  if (frame.contentSize >= 0 && frame.contentSize !== inflated.length) {
    throw malformed('lz4', `${inflated.length} bytes instead of ${frame.contentSize}`)
  }
  return inflated
}

function inflateFrame(buffer: Buffer, frame: Frame, maxSize: number): Buffer {
  const output = Buffer.allocUnsafe(Math.min(frame.inflatedBound, maxSize))
  const hasBlockChecksums = (frame.flags & flag.blockChecksums) !== 0
  let at = frame.firstBlock
  let to = 0
  for (;;) {
    const word = buffer.readUInt32LE(at)
    at += 4
    if (word === 0) break
    const size = word & ~storedBit
    if (hasBlockChecksums && xxhash32(buffer, at, at + size) !== buffer.readUInt32LE(at + size)) {
      throw malformed('lz4', 'a block does not match its checksum')
    }
    if (word & storedBit) {
      if (size > output.length - to) throw tooLarge('lz4', maxSize)
      buffer.copy(output, to, at, at + size)
      to += size
    } else {
      const limit = Math.min(output.length, to + frame.maxBlockSize)
      const end = decompressLz4Block(buffer, at, at + size, output, to, limit)
      if (end === overflow)
        throw limit === maxSize ? tooLarge('lz4', maxSize) : malformed('lz4', 'a block too large')
      to = end
    }
    at += size + (hasBlockChecksums ? 4 : 0)
  }
  const inflated = output.subarray(0, to)
  if (frame.flags & flag.contentChecksum && xxhash32(inflated) !== buffer.readUInt32LE(at)) {
    throw malformed('lz4', 'the content does not match its checksum')
  }
  return inflated
}

/**
 * zstd (RFC 8878) by node:zlib where it has it (Node 22.15 and later), else by @bokuweb/zstd-wasm.
 *
 * Neither is asked before the frames have been walked here. The walk finds where each frame ends (Java's client
 * reads concatenated frames, so we must) and adds up how much its blocks can give, which is what the output buffer
 * is made for: the WebAssembly memory never shrinks, and a failed allocation there would be written to regardless.
 *
 *   magic fd2fb528, descriptor, [window], [dictionary id], [content size], blocks, [checksum uint32]
 *   block: uint24 little-endian = last (bit 0), type (bits 1-2: raw, repeated byte, compressed), size (bits 3-23)
 */
import * as zlib from 'node:zlib'
import { loadOptional } from '../load-optional.ts'
import { malformed, tooLarge, unavailable } from './compression-error.ts'

interface NodeZstd {
  zstdCompressSync?: (buffer: Buffer) => Buffer
  zstdDecompressSync?: (buffer: Buffer, options: { maxOutputLength: number }) => Buffer
}

interface WasmZstd {
  init(): Promise<void>
  compress(buffer: Uint8Array, level?: number): Uint8Array
  decompress(buffer: Uint8Array, options: { defaultHeapSize: number }): Uint8Array
}

const nodeZstd = zlib as unknown as NodeZstd
let wasm: WasmZstd | null = null
let preparing: Promise<void> | null = null

export function prepareZstd(): Promise<void> {
  if (nodeZstd.zstdDecompressSync !== undefined) return Promise.resolve()
  preparing ??= loadWasm()
  return preparing
}

async function loadWasm(): Promise<void> {
  const loaded = await loadOptional<WasmZstd>('@bokuweb/zstd-wasm')
  await loaded?.init()
  wasm = loaded
}

/** Kafka's default level (compression.zstd.level). */
const level = 3

export function compressZstd(buffer: Buffer): Buffer {
  if (nodeZstd.zstdCompressSync !== undefined) return nodeZstd.zstdCompressSync(buffer)
  const compressed = requireWasm().compress(buffer, level)
  return Buffer.from(compressed.buffer, compressed.byteOffset, compressed.length)
}

export function decompressZstd(buffer: Buffer, maxSize: number): Buffer {
  const parts: Buffer[] = []
  let inflated = 0
  let at = 0
  while (at < buffer.length) {
    const frame = parseFrame(buffer, at)
    if (frame.isSkippable) {
      at = frame.end
      continue
    }
    const room = maxSize - inflated
    if (frame.contentSize > frame.inflatedBound)
      throw malformed('zstd', `a content size of ${frame.contentSize}`)
    if (frame.contentSize > room) throw tooLarge('zstd', maxSize)
    const part = inflateFrame(buffer.subarray(at, frame.end), frame.inflatedBound, room, maxSize)
    if (frame.contentSize >= 0 && frame.contentSize !== part.length) {
      throw malformed('zstd', `${part.length} bytes instead of ${frame.contentSize}`)
    }
    parts.push(part)
    inflated += part.length
    at = frame.end
  }
  if (parts.length === 0) throw malformed('zstd', 'no frame')
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts, inflated)
}

function inflateFrame(frame: Buffer, bound: number, room: number, maxSize: number): Buffer {
  const size = Math.max(1, Math.min(bound, room))
  try {
    if (nodeZstd.zstdDecompressSync !== undefined) {
      return nodeZstd.zstdDecompressSync(frame, { maxOutputLength: size })
    }
    const inflated = requireWasm().decompress(frame, { defaultHeapSize: size })
    return Buffer.from(inflated.buffer, inflated.byteOffset, inflated.length)
  } catch (error) {
    if (wasm === null && nodeZstd.zstdDecompressSync === undefined) throw error
    if (bound > room && isOverflow(error)) throw tooLarge('zstd', maxSize)
    throw malformed('zstd', (error as Error).message)
  }
}

/** node:zlib has a code for it; the library's own number for "destination too small" is 70, negated by wasm. */
function isOverflow(error: unknown): boolean {
  const { code, message } = error as NodeJS.ErrnoException
  return code === 'ERR_BUFFER_TOO_LARGE' || message.endsWith('code -70')
}

function requireWasm(): WasmZstd {
  if (wasm === null) throw unavailable('zstd', 'prepareCompression() has not been awaited, or found no codec')
  return wasm
}

interface Frame {
  isSkippable: boolean
  end: number
  /** -1 if the header does not say. */
  contentSize: number
  /** No more than this can come out of its blocks. */
  inflatedBound: number
}

const maxBlockSize = 128 * 1_024

function parseFrame(buffer: Buffer, start: number): Frame {
  const requireBytes = (at: number, count: number): void => {
    if (count > buffer.length - at) throw malformed('zstd', 'a frame is cut off')
  }
  requireBytes(start, 8)
  const magic = buffer.readUInt32LE(start)
  if (magic >>> 4 === 0x184d2a5) {
    const size = buffer.readUInt32LE(start + 4)
    requireBytes(start + 8, size)
    return { isSkippable: true, end: start + 8 + size, contentSize: -1, inflatedBound: 0 }
  }
  if (magic !== 0xfd2fb528) throw malformed('zstd', 'no frame magic')

  const descriptor = buffer[start + 4]!
  const isSingleSegment = (descriptor & 0x20) !== 0
  const dictionaryIdSize = [0, 1, 2, 4][descriptor & 3]!
  const contentSizeSize = descriptor >>> 6 === 0 ? (isSingleSegment ? 1 : 0) : 1 << (descriptor >>> 6)
  let at = start + 5 + (isSingleSegment ? 0 : 1) + dictionaryIdSize
  requireBytes(at, contentSizeSize)
  let contentSize = -1
  if (contentSizeSize === 1) contentSize = buffer[at]!
  else if (contentSizeSize === 2) contentSize = buffer.readUInt16LE(at) + 256
  else if (contentSizeSize === 4) contentSize = buffer.readUInt32LE(at)
  else if (contentSizeSize === 8) contentSize = Number(buffer.readBigUInt64LE(at))
  at += contentSizeSize

  let inflatedBound = 0
  for (let isLast = false; !isLast; ) {
    requireBytes(at, 3)
    const header = buffer.readUIntLE(at, 3)
    at += 3
    isLast = (header & 1) === 1
    const type = (header >>> 1) & 3
    const size = header >>> 3
    if (type === 3 || size > maxBlockSize) throw malformed('zstd', 'an impossible block')
    const storedSize = type === 1 ? 1 : size
    requireBytes(at, storedSize)
    at += storedSize
    inflatedBound += type === 2 ? maxBlockSize : size
  }
  if (descriptor & 4) {
    requireBytes(at, 4)
    at += 4
  }
  return { isSkippable: false, end: at, contentSize, inflatedBound }
}

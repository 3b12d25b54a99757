/**
 * One message of the formats 0 and 1, in which Kafka stored and sent records before record batches (magic 2, Kafka
 * 0.11). A message set is such messages one after the other, without a frame. All integers are big-endian:
 *
 *    0  offset       int64
 *    8  messageSize  int32   bytes after this field
 *   12  crc          uint32  CRC32, not CRC32C, of everything from magic to the end
 *   16  magic        int8    at the same place as in a record batch
 *   17  attributes   int8    bits 0-2 compression, bit 3 (magic 1) the timestamp is the append time
 *   18  timestamp    int64   magic 1 only; -1 is "none"
 *       keyLength    int32 or -1, key
 *       valueLength  int32 or -1, value
 *
 * A message whose attributes name a compression is a wrapper: its value is a compressed message set, and its offset
 * that of the last message inside. Offsets inside are absolute in magic 0; in magic 1 they count from the first
 * message (KIP-31).
 */
import * as zlib from 'node:zlib'
import { RecordError } from '../record-error.ts'

export type Magic = 0 | 1

/** Bytes before those that messageSize counts. */
export const messageSizeEnd = 12
export const crcAt = 12
export const magicAt = 16
export const attributesAt = 17
export const timestampAt = 18
export const compressionMask = 0x07
export const logAppendTimeBit = 0x08

/** Where the key's length stands. */
export const keyLengthAt = (magic: Magic): number => (magic === 0 ? timestampAt : timestampAt + 8)

/** Size of a whole message without the bytes of key and value. */
export const emptyMessageSize = (magic: Magic): number => keyLengthAt(magic) + 8

/** CRC32 (IEEE 802.3) of buffer[start, end) as an unsigned number. */
export function crc32(buffer: Buffer, start: number, end: number): number {
  return checksum(buffer.subarray(start, end))
}

const table = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
  return crc
})

/** The fallback, exported so that a test can compare it with the other. */
export function crc32InJavaScript(bytes: Uint8Array): number {
  let crc = -1
  for (const byte of bytes) crc = (crc >>> 8) ^ table[(crc ^ byte) & 0xff]!
  return ~crc >>> 0
}

/** node:zlib has it since Node 20.15. */
const checksum = (zlib as { crc32?: (bytes: Uint8Array) => number }).crc32 ?? crc32InJavaScript

/** A message's fields; key and value are views. `at` is where it starts, `size` counts from there. */
export interface Message {
  readonly offset: number
  readonly magic: Magic
  readonly attributes: number
  /** -1 in magic 0. */
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
}

/** Reads the message in buffer[at, at + size), whose checksum must be right. */
export function readMessage(buffer: Buffer, at: number, size: number): Message {
  const magic = buffer[at + magicAt]!
  if (magic !== 0 && magic !== 1) {
    throw new RecordError('INVALID_RECORD', `A message of magic ${magic} where 0 or 1 is expected`)
  }
  const end = at + size
  if (size < emptyMessageSize(magic)) throw corrupt(`a message of ${size} bytes`)
  if (buffer.readUInt32BE(at + crcAt) !== crc32(buffer, at + magicAt, end)) {
    throw corrupt('a message does not match its checksum')
  }
  let next = at + keyLengthAt(magic)
  const bytes = (field: string): Buffer | null => {
    if (end - next < 4) throw invalid(`its ${field} is cut off`)
    const length = buffer.readInt32BE(next)
    next += 4
    if (length < 0) return null
    if (length > end - next) throw invalid(`a ${field} of ${length} bytes`)
    next += length
    return buffer.subarray(next - length, next)
  }
  return {
    offset: int64(buffer, at, 'offset'),
    magic,
    attributes: buffer[at + attributesAt]!,
    timestamp: magic === 0 ? -1 : int64(buffer, at + timestampAt, 'timestamp'),
    key: bytes('key'),
    value: bytes('value'),
  }
}

/** The size that a message of these parts will have. */
export function messageSize(magic: Magic, key: Uint8Array | null, value: Uint8Array | null): number {
  return emptyMessageSize(magic) + (key?.length ?? 0) + (value?.length ?? 0)
}

/** Writes a message with its checksum; gives the position behind it. */
export function writeMessage(buffer: Buffer, at: number, message: Message): number {
  const { magic, key, value } = message
  buffer.writeBigInt64BE(BigInt(message.offset), at)
  buffer[at + magicAt] = magic
  buffer[at + attributesAt] = message.attributes
  if (magic === 1) buffer.writeBigInt64BE(BigInt(message.timestamp), at + timestampAt)
  let end = at + keyLengthAt(magic)
  for (const bytes of [key, value]) {
    end = buffer.writeInt32BE(bytes?.length ?? -1, end)
    if (bytes === null) continue
    buffer.set(bytes, end)
    end += bytes.length
  }
  buffer.writeInt32BE(end - at - messageSizeEnd, at + messageSizeEnd - 4)
  buffer.writeUInt32BE(crc32(buffer, at + magicAt, end), at + crcAt)
  return end
}

function int64(buffer: Buffer, at: number, field: string): number {
  const value = Number(buffer.readBigInt64BE(at))
  if (Number.isSafeInteger(value)) return value
  const name = field === 'timestamp' ? 'INVALID_TIMESTAMP' : 'INVALID_RECORD'
  throw new RecordError(name, `A message's ${field} is beyond 2^53`)
}

function corrupt(what: string): RecordError {
  return new RecordError('CORRUPT_MESSAGE', `Corrupt message set: ${what}`)
}

function invalid(what: string): RecordError {
  return new RecordError('INVALID_RECORD', `Malformed message: ${what}`)
}

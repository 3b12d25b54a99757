/**
 * A view over record batches of magic 2 (KIP-98, KIP-360; DefaultRecordBatch in Kafka), read and stamped in place,
 * straight from the bytes, without building anything. All integers are big-endian.
 *
 *    0  baseOffset            int64   stamped by the log; outside the checksum
 *    8  batchLength           int32   bytes after this field: batch size = 12 + batchLength
 *   12  partitionLeaderEpoch  int32   stamped by the log; outside the checksum
 *   16  magic                 int8    2
 *   17  crc                   uint32  CRC32C of everything from attributes to the end
 *   21  attributes            int16   bits 0-2 compression, 3 timestamp type, 4 transactional, 5 control,
 *                                     6 baseTimestamp is the delete horizon (KIP-534)
 *   23  lastOffsetDelta       int32   lastOffset - baseOffset; stays when compaction removes records
 *   27  baseTimestamp         int64   -1 is "no timestamp"
 *   35  maxTimestamp          int64
 *   43  producerId            int64   -1 is "no producer"
 *   51  producerEpoch         int16
 *   53  baseSequence          int32   -1 is "no sequence"
 *   57  recordCount           int32
 *   61  records, compressed as a whole if the attributes say so
 *
 * The readers trust their caller that a whole header lies at `at`: `wholeBatchSize` or `batchesIn` establish that.
 * int64 fields come as numbers; one beyond 2^53 is a RecordError, because no offset or timestamp of ours gets there.
 */
import { type CompressionId, isCompressionId } from './compression/compression-names.ts'
import { crc32c } from './crc32c.ts'
import { RecordError } from './record-error.ts'

export const batchField = {
  baseOffset: 0,
  batchLength: 8,
  partitionLeaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  recordCount: 57,
} as const

/** Size of the header, that is the position of the first record. */
export const batchHeaderSize = 61
/** The bytes before those that batchLength counts (LOG_OVERHEAD in Kafka). */
export const batchLengthEnd = 12

export const noTimestamp = -1
export const noProducerId = -1
export const noProducerEpoch = -1
export const noSequence = -1

/** The values of message.timestamp.type. */
export type TimestampType = 'CreateTime' | 'LogAppendTime'

export const attributeBit = {
  compression: 0x07,
  logAppendTime: 0x08,
  transactional: 0x10,
  control: 0x20,
  deleteHorizon: 0x40,
} as const

function readInt32(buffer: Buffer, at: number): number {
  return (buffer[at]! << 24) | (buffer[at + 1]! << 16) | (buffer[at + 2]! << 8) | buffer[at + 3]!
}

function readInt64(buffer: Buffer, at: number, field: string): number {
  const high = readInt32(buffer, at)
  const low = readInt32(buffer, at + 4) >>> 0
  if (high > 0x1fffff || high < -0x200000) {
    throw new RecordError('INVALID_RECORD', `${field} ${buffer.readBigInt64BE(at)} is out of range`)
  }
  return high * 0x1_0000_0000 + low
}

function writeInt32(buffer: Buffer, at: number, value: number): void {
  buffer[at] = value >>> 24
  buffer[at + 1] = value >>> 16
  buffer[at + 2] = value >>> 8
  buffer[at + 3] = value
}

function writeInt64(buffer: Buffer, at: number, value: number): void {
  writeInt32(buffer, at, Math.floor(value / 0x1_0000_0000))
  writeInt32(buffer, at + 4, value % 0x1_0000_0000)
}

export const batchBaseOffset = (buffer: Buffer, at: number): number =>
  readInt64(buffer, at + batchField.baseOffset, 'baseOffset')

/** Size of the whole batch in bytes, from its baseOffset to its last record. */
export const batchSize = (buffer: Buffer, at: number): number =>
  batchLengthEnd + readInt32(buffer, at + batchField.batchLength)

export const batchLeaderEpoch = (buffer: Buffer, at: number): number =>
  readInt32(buffer, at + batchField.partitionLeaderEpoch)

export const batchMagic = (buffer: Buffer, at: number): number => (buffer[at + batchField.magic]! << 24) >> 24

export const batchCrc = (buffer: Buffer, at: number): number => readInt32(buffer, at + batchField.crc) >>> 0

/** The attribute bits in use: Kafka reads and writes the lower byte only. */
export const batchAttributes = (buffer: Buffer, at: number): number => buffer[at + batchField.attributes + 1]!

/** The codec, or a RecordError for the three numbers that name none. */
export function batchCompression(buffer: Buffer, at: number): CompressionId {
  const id = batchAttributes(buffer, at) & attributeBit.compression
  if (isCompressionId(id)) return id
  throw new RecordError('UNSUPPORTED_COMPRESSION_TYPE', `Unknown compression type id ${id}`)
}

export const batchTimestampType = (buffer: Buffer, at: number): TimestampType =>
  batchAttributes(buffer, at) & attributeBit.logAppendTime ? 'LogAppendTime' : 'CreateTime'

export const batchIsTransactional = (buffer: Buffer, at: number): boolean =>
  (batchAttributes(buffer, at) & attributeBit.transactional) !== 0

export const batchIsControl = (buffer: Buffer, at: number): boolean =>
  (batchAttributes(buffer, at) & attributeBit.control) !== 0

/** Whether baseTimestamp is the time from which tombstones may be removed (records still count from it). */
export const batchHasDeleteHorizon = (buffer: Buffer, at: number): boolean =>
  (batchAttributes(buffer, at) & attributeBit.deleteHorizon) !== 0

export const batchLastOffsetDelta = (buffer: Buffer, at: number): number =>
  readInt32(buffer, at + batchField.lastOffsetDelta)

export const batchLastOffset = (buffer: Buffer, at: number): number =>
  batchBaseOffset(buffer, at) + batchLastOffsetDelta(buffer, at)

export const batchBaseTimestamp = (buffer: Buffer, at: number): number =>
  readInt64(buffer, at + batchField.baseTimestamp, 'baseTimestamp')

export const batchMaxTimestamp = (buffer: Buffer, at: number): number =>
  readInt64(buffer, at + batchField.maxTimestamp, 'maxTimestamp')

export const batchProducerId = (buffer: Buffer, at: number): number =>
  readInt64(buffer, at + batchField.producerId, 'producerId')

export const batchProducerEpoch = (buffer: Buffer, at: number): number =>
  ((buffer[at + batchField.producerEpoch]! << 24) >> 16) | buffer[at + batchField.producerEpoch + 1]!

export const batchBaseSequence = (buffer: Buffer, at: number): number =>
  readInt32(buffer, at + batchField.baseSequence)

/** The sequence of the last record; sequences wrap from 2147483647 to 0, also inside a batch. */
export function batchLastSequence(buffer: Buffer, at: number): number {
  const baseSequence = batchBaseSequence(buffer, at)
  return baseSequence === noSequence
    ? noSequence
    : addToSequence(baseSequence, batchLastOffsetDelta(buffer, at))
}

export function addToSequence(sequence: number, increment: number): number {
  const sum = sequence + increment
  return sum > 0x7fffffff ? sum - 0x80000000 : sum
}

export const batchRecordCount = (buffer: Buffer, at: number): number =>
  readInt32(buffer, at + batchField.recordCount)

/** Every header field at once, for tools, recovery and tests; hot code reads the one field that it needs. */
export interface BatchHeader {
  baseOffset: number
  lastOffset: number
  size: number
  partitionLeaderEpoch: number
  magic: number
  crc: number
  compression: CompressionId
  timestampType: TimestampType
  isTransactional: boolean
  isControl: boolean
  hasDeleteHorizon: boolean
  lastOffsetDelta: number
  baseTimestamp: number
  maxTimestamp: number
  producerId: number
  producerEpoch: number
  baseSequence: number
  lastSequence: number
  recordCount: number
}

export function readBatchHeader(buffer: Buffer, at: number): BatchHeader {
  requireHeader(buffer, at)
  return {
    baseOffset: batchBaseOffset(buffer, at),
    lastOffset: batchLastOffset(buffer, at),
    size: batchSize(buffer, at),
    partitionLeaderEpoch: batchLeaderEpoch(buffer, at),
    magic: batchMagic(buffer, at),
    crc: batchCrc(buffer, at),
    compression: batchCompression(buffer, at),
    timestampType: batchTimestampType(buffer, at),
    isTransactional: batchIsTransactional(buffer, at),
    isControl: batchIsControl(buffer, at),
    hasDeleteHorizon: batchHasDeleteHorizon(buffer, at),
    lastOffsetDelta: batchLastOffsetDelta(buffer, at),
    baseTimestamp: batchBaseTimestamp(buffer, at),
    maxTimestamp: batchMaxTimestamp(buffer, at),
    producerId: batchProducerId(buffer, at),
    producerEpoch: batchProducerEpoch(buffer, at),
    baseSequence: batchBaseSequence(buffer, at),
    lastSequence: batchLastSequence(buffer, at),
    recordCount: batchRecordCount(buffer, at),
  }
}

/** Throws unless a whole header lies at `at`. */
export function requireHeader(buffer: Buffer, at: number): void {
  if (at < 0 || at + batchHeaderSize > buffer.length) {
    throw new RecordError('CORRUPT_MESSAGE', `No whole batch header at ${at} in ${buffer.length} bytes`)
  }
}

/**
 * The size of the batch at `at` if it lies wholly before `end`, 0 if its end is missing (a torn tail, or a fetch
 * that was cut off). A length or magic that no batch can have is a RecordError.
 */
export function wholeBatchSize(buffer: Buffer, at: number, end = buffer.length): number {
  if (end - at < batchLengthEnd) return 0
  const size = batchSize(buffer, at)
  if (size < batchHeaderSize) {
    throw new RecordError(
      'CORRUPT_MESSAGE',
      `Record batch size ${size} is below the minimum ${batchHeaderSize}`,
    )
  }
  if (end - at <= batchField.magic) return 0
  if (batchMagic(buffer, at) !== 2) {
    throw new RecordError('CORRUPT_MESSAGE', `Record batch has magic ${batchMagic(buffer, at)} instead of 2`)
  }
  return size <= end - at ? size : 0
}

/** The positions of the whole batches in buffer[start, end), in order; an incomplete last one is left out. */
export function* batchesIn(buffer: Buffer, start = 0, end = buffer.length): Generator<number, void> {
  let at = start
  for (let size = wholeBatchSize(buffer, at, end); size > 0; size = wholeBatchSize(buffer, at, end)) {
    yield at
    at += size
  }
}

/** Whether a whole batch lies at `at` and its bytes are those that its producer summed up. */
export function batchCrcIsValid(buffer: Buffer, at: number): boolean {
  if (at < 0 || at + batchHeaderSize > buffer.length) return false
  const size = batchSize(buffer, at)
  if (size < batchHeaderSize || at + size > buffer.length) return false
  return crc32c(buffer, at + batchField.attributes, at + size) === batchCrc(buffer, at)
}

/** Writes the two fields that the log assigns; both lie outside the checksum. */
export function stampBatch(buffer: Buffer, at: number, baseOffset: number, leaderEpoch: number): void {
  writeInt64(buffer, at + batchField.baseOffset, baseOffset)
  writeInt32(buffer, at + batchField.partitionLeaderEpoch, leaderEpoch)
}

/** Sums the batch up anew after a change to anything from the attributes on. */
export function updateBatchCrc(buffer: Buffer, at: number): void {
  const end = at + batchSize(buffer, at)
  writeInt32(buffer, at + batchField.crc, crc32c(buffer, at + batchField.attributes, end))
}

/** Sets timestamp type and maximum timestamp, and the checksum only if either was different. */
export function setMaxTimestamp(buffer: Buffer, at: number, type: TimestampType, maxTimestamp: number): void {
  // An unreadable maxTimestamp (beyond 2^53) differs from any that we set, and so is replaced.
  const position = at + batchField.maxTimestamp
  const current = readInt32(buffer, position) * 0x1_0000_0000 + (readInt32(buffer, position + 4) >>> 0)
  if (batchTimestampType(buffer, at) === type && current === maxTimestamp) return
  const otherBits = batchAttributes(buffer, at) & ~attributeBit.logAppendTime
  buffer[at + batchField.attributes + 1] =
    type === 'LogAppendTime' ? otherBits | attributeBit.logAppendTime : otherBits
  writeInt64(buffer, position, maxTimestamp)
  updateBatchCrc(buffer, at)
}

/** What message.timestamp.type=LogAppendTime does to a batch: every record now reads as appended at `nowMs`. */
export function setLogAppendTime(buffer: Buffer, at: number, nowMs: number): void {
  setMaxTimestamp(buffer, at, 'LogAppendTime', nowMs)
}

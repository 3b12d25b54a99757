/**
 * Builds a record batch of magic 2 from records: what coordinators append, what tools and tests produce. The hot
 * path never comes here, since a producer's batch is stored as it arrived.
 *
 * A record is (all lengths and deltas zigzag varints):
 *   length, attributes int8 (unused), timestampDelta, offsetDelta, keyLength or -1, key, valueLength or -1, value,
 *   headerCount, then per header keyLength, key (UTF-8), valueLength or -1, value.
 */
import { compress } from './compression/compression.ts'
import { type CompressionName, compressionId } from './compression/compression-names.ts'
import {
  attributeBit,
  batchField,
  batchHeaderSize,
  batchLengthEnd,
  noProducerEpoch,
  noProducerId,
  noSequence,
  noTimestamp,
  stampBatch,
  type TimestampType,
  updateBatchCrc,
} from './record-batch.ts'
import { RecordError } from './record-error.ts'

export interface RecordToBuild {
  key?: Uint8Array | null
  value?: Uint8Array | null
  /** Default: the batch's `timestamp`. */
  timestamp?: number
  /** Default: the record's place in the list. Larger gaps are what compaction leaves behind. */
  offsetDelta?: number
  headers?: readonly { key: string; value: Uint8Array | null }[]
}

export interface BatchToBuild {
  records: readonly RecordToBuild[]
  baseOffset?: number
  partitionLeaderEpoch?: number
  compression?: CompressionName
  /** For records that bring none; default -1, "no timestamp". */
  timestamp?: number
  timestampType?: TimestampType
  /** Default: the latest timestamp of the records; the append time in a LogAppendTime batch. */
  maxTimestamp?: number
  /** Default: the first record's. Compaction puts the delete horizon here. */
  baseTimestamp?: number
  hasDeleteHorizon?: boolean
  /** Default: that of the last record. */
  lastOffsetDelta?: number
  producerId?: number
  producerEpoch?: number
  baseSequence?: number
  isTransactional?: boolean
  isControl?: boolean
}

export function buildBatch(batch: BatchToBuild): Buffer {
  const { records } = batch
  const fallbackTimestamp = batch.timestamp ?? noTimestamp
  const baseTimestamp = batch.baseTimestamp ?? records[0]?.timestamp ?? fallbackTimestamp
  let maxTimestamp = noTimestamp
  let lastOffsetDelta = -1

  let bodySize = 0
  const recordSizes = new Array<number>(records.length)
  for (let index = 0; index < records.length; index++) {
    const record = records[index]!
    const timestamp = record.timestamp ?? fallbackTimestamp
    if (timestamp > maxTimestamp) maxTimestamp = timestamp
    lastOffsetDelta = record.offsetDelta ?? index
    const size = sizeOfRecord(record, timestamp - baseTimestamp, lastOffsetDelta)
    recordSizes[index] = size
    bodySize += sizeOfVarint(size) + size
  }
  if (batchHeaderSize + bodySize > 0x7fffffff) {
    throw new RecordError('MESSAGE_TOO_LARGE', `A record batch cannot hold ${bodySize} bytes`)
  }

  const codec = compressionId(batch.compression ?? 'none')
  const plain = Buffer.allocUnsafe(batchHeaderSize + bodySize)
  let at = batchHeaderSize
  for (let index = 0; index < records.length; index++) {
    const record = records[index]!
    const timestampDelta = (record.timestamp ?? fallbackTimestamp) - baseTimestamp
    at = writeVarint(plain, at, recordSizes[index]!)
    at = writeRecord(plain, at, record, timestampDelta, record.offsetDelta ?? index)
  }
  const buffer =
    codec === 0
      ? plain
      : Buffer.concat([plain.subarray(0, batchHeaderSize), compress(codec, plain.subarray(batchHeaderSize))])

  let attributes: number = codec
  if (batch.timestampType === 'LogAppendTime') attributes |= attributeBit.logAppendTime
  if (batch.isTransactional) attributes |= attributeBit.transactional
  if (batch.isControl) attributes |= attributeBit.control
  if (batch.hasDeleteHorizon) attributes |= attributeBit.deleteHorizon

  buffer.writeInt32BE(buffer.length - batchLengthEnd, batchField.batchLength)
  buffer[batchField.magic] = 2
  buffer.writeInt16BE(attributes, batchField.attributes)
  buffer.writeInt32BE(batch.lastOffsetDelta ?? Math.max(lastOffsetDelta, 0), batchField.lastOffsetDelta)
  buffer.writeBigInt64BE(BigInt(baseTimestamp), batchField.baseTimestamp)
  buffer.writeBigInt64BE(BigInt(batch.maxTimestamp ?? maxTimestamp), batchField.maxTimestamp)
  buffer.writeBigInt64BE(BigInt(batch.producerId ?? noProducerId), batchField.producerId)
  buffer.writeInt16BE(batch.producerEpoch ?? noProducerEpoch, batchField.producerEpoch)
  buffer.writeInt32BE(batch.baseSequence ?? noSequence, batchField.baseSequence)
  buffer.writeInt32BE(records.length, batchField.recordCount)
  stampBatch(buffer, 0, batch.baseOffset ?? 0, batch.partitionLeaderEpoch ?? -1)
  updateBatchCrc(buffer, 0)
  return buffer
}

/** Above this the zigzag of a delta is no longer exact as a number; it is 140,000 years. */
const maxTimestampDelta = 2 ** 52

const byteSize = (bytes: Uint8Array | null | undefined): number => bytes?.length ?? 0
const lengthOrNull = (bytes: Uint8Array | null | undefined): number => bytes?.length ?? -1

function sizeOfRecord(record: RecordToBuild, timestampDelta: number, offsetDelta: number): number {
  if (Math.abs(timestampDelta) > maxTimestampDelta) {
    throw new RecordError('INVALID_TIMESTAMP', `Timestamps ${timestampDelta} ms apart do not fit one batch`)
  }
  const headers = record.headers ?? []
  let size =
    1 +
    sizeOfVarint(timestampDelta) +
    sizeOfVarint(offsetDelta) +
    sizeOfVarint(lengthOrNull(record.key)) +
    byteSize(record.key) +
    sizeOfVarint(lengthOrNull(record.value)) +
    byteSize(record.value) +
    sizeOfVarint(headers.length)
  for (const header of headers) {
    const keySize = Buffer.byteLength(header.key)
    size +=
      sizeOfVarint(keySize) + keySize + sizeOfVarint(lengthOrNull(header.value)) + byteSize(header.value)
  }
  return size
}

function writeRecord(
  buffer: Buffer,
  start: number,
  record: RecordToBuild,
  timestampDelta: number,
  offsetDelta: number,
): number {
  let at = start
  buffer[at++] = 0
  at = writeVarint(buffer, at, timestampDelta)
  at = writeVarint(buffer, at, offsetDelta)
  at = writeBytes(buffer, at, record.key)
  at = writeBytes(buffer, at, record.value)
  const headers = record.headers ?? []
  at = writeVarint(buffer, at, headers.length)
  for (const header of headers) {
    const keySize = Buffer.byteLength(header.key)
    at = writeVarint(buffer, at, keySize)
    at += buffer.write(header.key, at, 'utf8')
    at = writeBytes(buffer, at, header.value)
  }
  return at
}

function writeBytes(buffer: Buffer, start: number, bytes: Uint8Array | null | undefined): number {
  const at = writeVarint(buffer, start, lengthOrNull(bytes))
  if (bytes == null) return at
  buffer.set(bytes, at)
  return at + bytes.length
}

/** Zigzag of a safe integer, as a number that may exceed 32 bits: timestamp deltas do. */
const zigzag = (value: number): number => (value >= 0 ? value * 2 : value * -2 - 1)

function sizeOfVarint(value: number): number {
  let size = 1
  for (let rest = zigzag(value); rest >= 0x80; rest = Math.floor(rest / 0x80)) size++
  return size
}

function writeVarint(buffer: Buffer, start: number, value: number): number {
  let at = start
  let rest = zigzag(value)
  while (rest >= 0x80) {
    buffer[at++] = (rest % 0x80) | 0x80
    rest = Math.floor(rest / 0x80)
  }
  buffer[at++] = rest
  return at
}

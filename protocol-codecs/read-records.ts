/**
 * Reads the records of a batch one by one, on demand: for look-ups by timestamp, coordinators that replay their
 * partition, compaction, tools and tests. Keys, values and header values are views into the batch (or into its
 * inflated body), so whoever keeps one copies it.
 *
 * Layout of a record: see build-batch.ts. Everything is checked against the end of its record, and records
 * must fill the body exactly; anything else is a RecordError with the index of the record at fault.
 */
import { decompress } from './compression/compression.ts'
import {
  batchBaseOffset,
  batchBaseTimestamp,
  batchCompression,
  batchHeaderSize,
  batchMaxTimestamp,
  batchRecordCount,
  batchTimestampType,
  wholeBatchSize,
} from './record-batch.ts'
import { RecordError } from './record-error.ts'

/**
 * No body inflates beyond this unless the caller says so: the default of socket.request.max.bytes, so whatever a
 * client could have sent uncompressed still fits, while a decompression bomb ends here.
 */
export const defaultMaxInflatedBytes = 104_857_600

/** A record has at least attributes, two deltas, two lengths and a header count, of a byte each. */
export const minRecordLength = 6

export interface RecordHeader {
  key: string
  value: Buffer | null
}

export interface KafkaRecord {
  offset: number
  /** The append time where the batch says so, else what the producer set; -1 is "none". */
  timestamp: number
  key: Buffer | null
  value: Buffer | null
  headers: RecordHeader[]
}

/** The records of the batch at `at`, which must lie wholly in the buffer. */
export function* recordsOf(
  buffer: Buffer,
  at: number,
  maxInflatedBytes = defaultMaxInflatedBytes,
): Generator<KafkaRecord, void> {
  if (wholeBatchSize(buffer, at) === 0) {
    throw new RecordError('CORRUPT_MESSAGE', `No whole record batch at ${at} in ${buffer.length} bytes`)
  }
  const recordCount = batchRecordCount(buffer, at)
  if (recordCount < 0) throw new RecordError('INVALID_RECORD', `Negative record count ${recordCount}`)
  if (recordCount === 0) return
  const baseOffset = batchBaseOffset(buffer, at)
  const isLogAppendTime = batchTimestampType(buffer, at) === 'LogAppendTime'
  const logAppendTime = isLogAppendTime ? batchMaxTimestamp(buffer, at) : 0
  const baseTimestamp = isLogAppendTime ? 0 : batchBaseTimestamp(buffer, at)
  const reader = new RecordReader(batchBody(buffer, at, maxInflatedBytes))
  for (let index = 0; index < recordCount; index++) {
    const record = reader.next(index)
    record.offset += baseOffset
    record.timestamp = isLogAppendTime ? logAppendTime : baseTimestamp + record.timestamp
    yield record
  }
  if (!reader.isAtEnd())
    throw new RecordError('INVALID_RECORD', 'Bytes remain after the last record of the batch')
}

/** The bytes of the records: a view for an uncompressed batch, else the inflated body. */
export function batchBody(buffer: Buffer, at: number, maxInflatedBytes = defaultMaxInflatedBytes): Buffer {
  const size = wholeBatchSize(buffer, at)
  if (size === 0) {
    throw new RecordError('CORRUPT_MESSAGE', `No whole record batch at ${at} in ${buffer.length} bytes`)
  }
  const stored = buffer.subarray(at + batchHeaderSize, at + size)
  return decompress(batchCompression(buffer, at), stored, maxInflatedBytes)
}

/** Walks a body of records. A record's offset and timestamp come out as deltas; `recordsOf` adds the bases. */
class RecordReader {
  readonly #body: Buffer
  #at = 0
  /** The end of the record being read: nothing may be read beyond it. */
  #end = 0
  #index = 0

  constructor(body: Buffer) {
    this.#body = body
  }

  isAtEnd(): boolean {
    return this.#at === this.#body.length
  }

  next(index: number): KafkaRecord {
    this.#index = index
    this.#end = this.#body.length
    const length = this.#varint('record length')
    if (length < minRecordLength || length > this.#body.length - this.#at) {
      throw this.#invalid(`record length ${length} with ${this.#body.length - this.#at} bytes left`)
    }
    this.#end = this.#at + length
    this.#at++ // attributes: all unused
    const timestamp = this.#varlong('timestamp delta')
    const offset = this.#varint('offset delta')
    const key = this.#bytes('key')
    const value = this.#bytes('value')
    const headers = this.#headers()
    if (this.#at !== this.#end) throw this.#invalid(`${this.#end - this.#at} bytes left over in the record`)
    return { offset, timestamp, key, value, headers }
  }

  #headers(): RecordHeader[] {
    const count = this.#varint('header count')
    // A header takes two bytes at least, so a count can be refused before anything is allocated for it.
    if (count < 0 || count > (this.#end - this.#at) / 2) throw this.#invalid(`header count ${count}`)
    const headers: RecordHeader[] = []
    for (let header = 0; header < count; header++) {
      const key = this.#bytes('header key')
      if (key === null) throw this.#invalid('null header key')
      headers.push({ key: key.toString('utf8'), value: this.#bytes('header value') })
    }
    return headers
  }

  #bytes(field: string): Buffer | null {
    const length = this.#varint(`${field} length`)
    if (length < 0) return null
    const start = this.#at
    if (length > this.#end - start) throw this.#invalid(`${field} of ${length} bytes`)
    this.#at = start + length
    return this.#body.subarray(start, this.#at)
  }

  #varint(field: string): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      if (this.#at >= this.#end) throw this.#invalid(`${field} is cut off`)
      const byte = this.#body[this.#at++]!
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return (value >>> 1) ^ -(value & 1)
    }
    throw this.#invalid(`${field} takes more than 5 bytes`)
  }

  #varlong(field: string): number {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      if (this.#at >= this.#end) throw this.#invalid(`${field} is cut off`)
      const byte = this.#body[this.#at++]!
      if (byte < 0x80 && shift === 0n) return (byte >>> 1) ^ -(byte & 1)
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) {
        // Beyond 2^53 inexact: such a delta only gets into a LogAppendTime batch, where nobody reads it.
        return Number(BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n)))
      }
    }
    throw this.#invalid(`${field} takes more than 10 bytes`)
  }

  #invalid(what: string): RecordError {
    return new RecordError('INVALID_RECORD', `Record ${this.#index} is malformed: ${what}`, this.#index)
  }
}

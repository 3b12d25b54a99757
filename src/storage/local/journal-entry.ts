/**
 * One entry of the journal as bytes: a record batch with a record for each log, whose key is `<topic id>:<partition>`
 * and whose value is batches as they lie in that log. It is built in place, values read straight from the logs'
 * files, because at every sync it would be a megabyte of fresh memory otherwise. The layout of a record is in
 * build-batch.ts; those here have no time and no headers of their own.
 */
import { recordsOf } from '../../../protocol-codecs/read-records.ts'
import {
  batchField,
  batchHeaderSize,
  batchLengthEnd,
  noProducerEpoch,
  noProducerId,
  noSequence,
  updateBatchCrc,
} from '../../../protocol-codecs/record-batch.ts'

/** More than a record needs besides key and value: attributes, two deltas, header count, and three lengths. */
export const maxRecordOverhead = 24

export class JournalEntry {
  recordCount = 0
  private readonly buffer: Buffer
  private at = batchHeaderSize

  /** `buffer` has room for the header and all records that are added. */
  constructor(buffer: Buffer) {
    this.buffer = buffer
  }

  /** Adds a record whose value is filled in by `fill`; if that throws, the entry is as it was. */
  add(key: Buffer, valueSize: number, fill: (value: Buffer) => void): void {
    const { buffer, recordCount } = this
    const recordSize =
      3 +
      sizeOfVarint(recordCount) +
      sizeOfVarint(key.length) +
      key.length +
      sizeOfVarint(valueSize) +
      valueSize
    let at = this.writeVarint(this.at, recordSize)
    buffer[at++] = 0
    buffer[at++] = 0
    at = this.writeVarint(at, recordCount)
    at = this.writeVarint(at, key.length)
    at += key.copy(buffer, at)
    at = this.writeVarint(at, valueSize)
    fill(buffer.subarray(at, at + valueSize))
    at += valueSize
    buffer[at++] = 0
    this.at = at
    this.recordCount++
  }

  /** The whole batch, a view of the buffer. */
  finish(timestampMs: number): Buffer {
    const batch = this.buffer.subarray(0, this.at)
    batch.fill(0, 0, batchHeaderSize)
    batch.writeInt32BE(batch.length - batchLengthEnd, batchField.batchLength)
    batch[batchField.magic] = 2
    batch.writeInt32BE(this.recordCount - 1, batchField.lastOffsetDelta)
    batch.writeBigInt64BE(BigInt(timestampMs), batchField.baseTimestamp)
    batch.writeBigInt64BE(BigInt(timestampMs), batchField.maxTimestamp)
    batch.writeBigInt64BE(BigInt(noProducerId), batchField.producerId)
    batch.writeInt16BE(noProducerEpoch, batchField.producerEpoch)
    batch.writeInt32BE(noSequence, batchField.baseSequence)
    batch.writeInt32BE(this.recordCount, batchField.recordCount)
    updateBatchCrc(batch, 0)
    return batch
  }

  private writeVarint(start: number, value: number): number {
    let at = start
    let rest = value * 2
    while (rest >= 0x80) {
      this.buffer[at++] = (rest % 0x80) | 0x80
      rest = Math.floor(rest / 0x80)
    }
    this.buffer[at++] = rest
    return at
  }
}

function sizeOfVarint(value: number): number {
  let size = 1
  for (let rest = value * 2; rest >= 0x80; rest = Math.floor(rest / 0x80)) size++
  return size
}

export interface JournaledTail {
  /** `<topic id>:<partition>` */
  readonly key: string
  /** Batches of that log, one behind the other. */
  readonly batches: Buffer
}

const keyPattern = /^[\w-]{22}:\d{1,10}$/

/**
 * What a batch holds if it is an entry; views of it. undefined: it is none, as those in the values of an entry are none,
 * which come up as batches where the entry around them is damaged.
 */
export function tailsOf(batch: Buffer): JournaledTail[] | undefined {
  const isPlain = batch.readInt16BE(batchField.attributes) === 0
  if (!isPlain || batch.readBigInt64BE(batchField.producerId) !== BigInt(noProducerId)) return undefined
  const tails: JournaledTail[] = []
  for (const { key, value } of recordsOf(batch, 0)) {
    const name = key?.toString('latin1') ?? ''
    if (value === null || !keyPattern.test(name)) return undefined
    tails.push({ key: name, batches: value })
  }
  return tails
}

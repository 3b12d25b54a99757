/**
 * Checks a body of records as fast as possible: one pass, nothing allocated, no byte of a key or value touched.
 * It establishes that exactly `recordCount` well-formed records fill the range exactly, and gathers what the
 * validation of a produced batch asks next, so that it need not look at the records again.
 *
 * The numbers come out in one object that belongs to the caller and is reused. Varints of one and two bytes, nearly
 * all of them, are read inline; longer ones take a slower road. Layout of a record: see build-batch.ts.
 */
import { minRecordLength } from './read-records.ts'
import { RecordError } from './record-error.ts'

export interface RecordFacts {
  /** Whether the offset deltas are 0, 1, 2, ... */
  offsetsAreSequential: boolean
  hasNullKey: boolean
  /** The extremes over all records; a number beyond 2^53 is inexact but keeps its place in comparisons. */
  minTimestampDelta: number
  maxTimestampDelta: number
}

export function createRecordFacts(): RecordFacts {
  return { offsetsAreSequential: true, hasNullKey: false, minTimestampDelta: 0, maxTimestampDelta: 0 }
}

/** Where the last long varint ended: a second result without an allocation. */
let varintEnd = 0

/** Throws a RecordError unless body[start, end) holds exactly `recordCount` records; fills in `facts`. */
export function walkRecords(
  body: Buffer,
  start: number,
  end: number,
  recordCount: number,
  facts: RecordFacts,
): void {
  let minTimestampDelta = Number.POSITIVE_INFINITY
  let maxTimestampDelta = Number.NEGATIVE_INFINITY
  let hasNullKey = false
  let offsetsAreSequential = true
  let at = start
  for (let index = 0; index < recordCount; index++) {
    // Six bytes is the least that a record needs after its length, so these may be read without a check.
    if (end - at <= minRecordLength) throw invalid(index, 'the batch ends before its last record')
    let length = body[at++]!
    if (length > 0x7f) {
      const second = body[at]!
      if (second < 0x80) {
        at++
        length = (length & 0x7f) | (second << 7)
      } else {
        length = longVarint(body, at - 1, end, index)
        at = varintEnd
      }
    }
    length = (length >>> 1) ^ -(length & 1)
    if (length < minRecordLength || length > end - at) {
      throw invalid(index, `record length ${length} with ${end - at} bytes left`)
    }
    const recordEnd = at + length

    at++ // attributes: all unused
    let timestampDelta = body[at++]!
    if (timestampDelta > 0x7f) {
      const second = body[at]!
      if (second < 0x80) {
        at++
        timestampDelta = (timestampDelta & 0x7f) | (second << 7)
        timestampDelta = (timestampDelta >>> 1) ^ -(timestampDelta & 1)
      } else {
        timestampDelta = longVarlong(body, at - 1, recordEnd, index)
        at = varintEnd
      }
    } else timestampDelta = (timestampDelta >>> 1) ^ -(timestampDelta & 1)
    if (timestampDelta > maxTimestampDelta) maxTimestampDelta = timestampDelta
    if (timestampDelta < minTimestampDelta) minTimestampDelta = timestampDelta

    if (at >= recordEnd) throw invalid(index, 'it ends before its offset delta')
    let offsetDelta = body[at++]!
    if (offsetDelta > 0x7f) {
      const second = at < recordEnd ? body[at]! : 0xff
      if (second < 0x80) {
        at++
        offsetDelta = (offsetDelta & 0x7f) | (second << 7)
      } else {
        offsetDelta = longVarint(body, at - 1, recordEnd, index)
        at = varintEnd
      }
    }
    if (((offsetDelta >>> 1) ^ -(offsetDelta & 1)) !== index) offsetsAreSequential = false

    if (at >= recordEnd) throw invalid(index, 'it ends before its key')
    let keyLength = body[at++]!
    if (keyLength > 0x7f) {
      keyLength = longVarint(body, at - 1, recordEnd, index)
      at = varintEnd
    }
    if (keyLength & 1) hasNullKey = true
    else at += keyLength >>> 1

    if (at >= recordEnd) throw invalid(index, 'it ends before its value')
    let valueLength = body[at++]!
    if (valueLength > 0x7f) {
      const second = at < recordEnd ? body[at]! : 0xff
      if (second < 0x80) {
        at++
        valueLength = (valueLength & 0x7f) | (second << 7)
      } else {
        valueLength = longVarint(body, at - 1, recordEnd, index)
        at = varintEnd
      }
    }
    if ((valueLength & 1) === 0) at += valueLength >>> 1

    // The usual end: no headers, and the byte that says so is the record's last.
    if (at === recordEnd - 1 && body[at] === 0) at++
    else at = walkHeaders(body, at, recordEnd, index)
  }
  if (at !== end) throw new RecordError('INVALID_RECORD', 'Bytes remain after the last record of the batch')
  facts.offsetsAreSequential = offsetsAreSequential
  facts.hasNullKey = hasNullKey
  facts.minTimestampDelta = recordCount === 0 ? 0 : minTimestampDelta
  facts.maxTimestampDelta = recordCount === 0 ? 0 : maxTimestampDelta
}

/** Checks the header count and the headers, which must end with the record. */
function walkHeaders(body: Buffer, start: number, recordEnd: number, index: number): number {
  const count = decodeZigzag(longVarint(body, start, recordEnd, index))
  let at = varintEnd
  if (count < 0 || count > (recordEnd - at) / 2) throw invalid(index, `header count ${count}`)
  for (let header = 0; header < count; header++) {
    const keyLength = decodeZigzag(longVarint(body, at, recordEnd, index))
    if (keyLength < 0) throw invalid(index, 'null header key')
    at = varintEnd + keyLength
    const valueLength = decodeZigzag(longVarint(body, at, recordEnd, index))
    at = valueLength > 0 ? varintEnd + valueLength : varintEnd
  }
  if (at !== recordEnd) throw invalid(index, 'its fields do not add up to its length')
  return at
}

/** A varint of any legal length, still zigzag; moves `varintEnd` behind it. */
function longVarint(body: Buffer, start: number, limit: number, index: number): number {
  let at = start
  let value = 0
  for (let shift = 0; shift < 35; shift += 7) {
    if (at >= limit) throw invalid(index, 'a varint is cut off')
    const byte = body[at++]!
    value |= (byte & 0x7f) << shift
    if (byte < 0x80) {
      varintEnd = at
      return value
    }
  }
  throw invalid(index, 'a varint takes more than 5 bytes')
}

const decodeZigzag = (value: number): number => (value >>> 1) ^ -(value & 1)

/** A decoded varlong; beyond 2^53 only its magnitude is right. */
function longVarlong(body: Buffer, start: number, limit: number, index: number): number {
  let at = start
  let value = 0
  let isNegative = false
  for (let scale = 1, count = 0; count < 10; count++) {
    if (at >= limit) throw invalid(index, 'a varint is cut off')
    const byte = body[at++]!
    const bits = byte & 0x7f
    if (count === 0) {
      isNegative = (bits & 1) === 1
      value = bits >>> 1
      scale = 64
    } else {
      value += bits * scale
      scale *= 128
    }
    if (byte < 0x80) {
      varintEnd = at
      return isNegative ? -value - 1 : value
    }
  }
  throw invalid(index, 'a timestamp delta takes more than 10 bytes')
}

function invalid(index: number, what: string): RecordError {
  return new RecordError('INVALID_RECORD', `Record ${index} is malformed: ${what}`, index)
}

/**
 * The checks that a produced batch must pass before it may be appended, in the order and with the error codes of
 * Apache Kafka 4.x (ProduceRequest.validateRecords, UnifiedLog.analyzeAndValidateRecords, LogValidator). Pure, and on
 * the hot path: one checksum, a few header fields, one walk over the records; an accepted uncompressed batch costs
 * one small object.
 *
 * What it does not decide: sequences, epochs and transactions (they need the producer's state, inside `append`) and
 * what the topic does to the batch afterwards (rebuild-batch.ts).
 *
 * A client's LogAppendTime bit is believed as far as Kafka believes it: every record has the batch's maxTimestamp then,
 * and with one that a CreateTime topic takes the batch is stored, without the bit.
 *
 * Where we differ from Kafka, on purpose: a body that inflates beyond `maxInflatedBytes` is MESSAGE_TOO_LARGE (Kafka
 * inflates for as long as it takes); at most `maxRecordErrors` record errors are listed.
 */
import { type ErrorName, ProtocolError } from './error-codes.ts'
import { inflateProduced } from './inflate-produced.ts'
import { batchBody, defaultMaxInflatedBytes, recordsOf } from './read-records.ts'
import * as view from './record-batch.ts'
import { createRecordFacts, walkRecords } from './walk-records.ts'

export interface ValidationOptions {
  now: number
  /** message.timestamp.type, message.timestamp.before.max.ms and message.timestamp.after.max.ms of the topic. */
  timestampType: view.TimestampType
  timestampBeforeMaxMs: number
  timestampAfterMaxMs: number
  /** max.message.bytes of the topic. */
  maxMessageBytes: number
  /** Whether cleanup.policy contains compact: every record needs a key then. */
  isCompacted: boolean
  /** False for Produce below version 7, whose clients could not read zstd back. */
  zstdIsAllowed: boolean
  /** Coordinators may write control batches and choose offsets; clients may not. */
  origin: 'client' | 'coordinator'
  maxInflatedBytes?: number
}

/** What the log needs to know of a batch that it may append. */
export interface ValidBatch {
  error: null
  /** Bytes of the batch; an incomplete second batch behind it is to be ignored. */
  size: number
  recordCount: number
  lastOffsetDelta: number
  /**
   * The latest timestamp of its records, whatever its header claims; -1 if they have none. On a LogAppendTime topic
   * the append time.
   */
  maxTimestamp: number
  producerId: number
  producerEpoch: number
  baseSequence: number
  isTransactional: boolean
  isControl: boolean
  /** False: the batch must be rebuilt before it is stored, or consumers would see wrong offsets. */
  offsetsAreSequential: boolean
}

/** Why it may not: `error` and `message` for the partition, the offending records where there are any. */
export interface RefusedBatch {
  error: ErrorName
  message: string
  recordErrors: { batchIndex: number; message: string }[]
  /** In Kafka the log itself refuses it, and the answer tells where that log starts. */
  isOfLog: boolean
}

/** The smallest length that any Kafka message can declare (LegacyRecord.RECORD_OVERHEAD_V0). */
const minBatchLength = 14

/** A response must not outgrow its request: a client learns enough from so many. */
const maxRecordErrors = 1_000

/** Kafka's log throws these where it does not know yet where it starts. */
const beforeItsLog: ReadonlySet<ErrorName> = new Set(['MESSAGE_TOO_LARGE', 'CORRUPT_MESSAGE'])

const facts = createRecordFacts()

export function validateProducedBatch(buffer: Buffer, options: ValidationOptions): ValidBatch | RefusedBatch {
  try {
    return validate(buffer, options)
  } catch (error) {
    if (error instanceof ProtocolError) return refuse(error.name, error.message)
    throw error
  }
}

function validate(buffer: Buffer, options: ValidationOptions): ValidBatch | RefusedBatch {
  const { origin, now } = options
  const size = nextBatchSize(buffer, 0)
  if (size === 0)
    return refuseRequest('INVALID_RECORD', 'A partition of a produce request needs a record batch')
  if (view.batchMagic(buffer, 0) !== 2) {
    return refuseRequest(
      'INVALID_RECORD',
      `The record batch has magic ${view.batchMagic(buffer, 0)} instead of 2`,
    )
  }
  const codec =
    size < view.batchHeaderSize ? 0 : view.batchAttributes(buffer, 0) & view.attributeBit.compression
  if (codec === 4 && !options.zstdIsAllowed) {
    return refuseRequest('UNSUPPORTED_COMPRESSION_TYPE', 'Produce below version 7 must not carry zstd')
  }
  if (codec > 4 && !options.zstdIsAllowed) return refuseRequest('UNKNOWN_SERVER_ERROR', unknownCodec(codec))
  if (nextBatchSize(buffer, size) !== 0) {
    return refuseRequest(
      'INVALID_RECORD',
      'A partition of a produce request must hold exactly one record batch',
    )
  }
  if (size < view.batchHeaderSize) return refuse('CORRUPT_MESSAGE', `The record batch has only ${size} bytes`)

  if (origin === 'client' && view.batchBaseOffset(buffer, 0) !== 0) {
    return refuse('INVALID_RECORD', `The base offset should be 0, but is ${view.batchBaseOffset(buffer, 0)}`)
  }
  if (size > options.maxMessageBytes) {
    const excess = `is ${size} bytes, more than the ${options.maxMessageBytes} that max.message.bytes allows`
    return refuse('MESSAGE_TOO_LARGE', `The record batch ${excess}`)
  }
  if (!view.batchCrcIsValid(buffer, 0)) {
    return refuse(
      'CORRUPT_MESSAGE',
      `The record batch does not match its checksum ${view.batchCrc(buffer, 0)}`,
    )
  }

  if (codec > 4) return refuse('UNKNOWN_SERVER_ERROR', unknownCodec(codec))

  const lastOffsetDelta = view.batchLastOffsetDelta(buffer, 0)
  const recordCount = view.batchRecordCount(buffer, 0)
  const producerId = view.batchProducerId(buffer, 0)
  const baseSequence = view.batchBaseSequence(buffer, 0)
  const isControl = view.batchIsControl(buffer, 0)
  if (origin === 'client') {
    if (lastOffsetDelta < 0) return refuse('INVALID_RECORD', `Negative last offset delta ${lastOffsetDelta}`)
    if (recordCount <= 0) return refuse('INVALID_RECORD', `Invalid record count ${recordCount}`)
    if (recordCount !== lastOffsetDelta + 1) {
      return refuse('INVALID_RECORD', `${recordCount} records cannot span ${lastOffsetDelta + 1} offsets`)
    }
    if (isControl) return refuse('INVALID_RECORD', 'Clients must not write control records')
    if (producerId >= 0 && baseSequence < 0) {
      return refuse('INVALID_RECORD', `Invalid sequence ${baseSequence} with producer id ${producerId}`)
    }
  }
  if (recordCount < 0) return refuse('INVALID_RECORD', `Invalid record count ${recordCount}`)

  if (codec === 0) {
    walkRecords(buffer, view.batchHeaderSize, size, recordCount, facts)
  } else {
    const maxInflatedBytes = options.maxInflatedBytes ?? defaultMaxInflatedBytes
    const body = inflateProduced(() => batchBody(buffer, 0, maxInflatedBytes))
    walkRecords(body, 0, body.length, recordCount, facts)
  }

  let maxTimestamp = now
  let mayHaveRecordErrors = facts.hasNullKey && options.isCompacted
  const saysStamped = view.batchTimestampType(buffer, 0) === 'LogAppendTime'
  if (saysStamped) mayHaveRecordErrors = true
  if (options.timestampType === 'CreateTime') {
    const baseTimestamp = readTimestamp(
      buffer,
      saysStamped ? view.batchMaxTimestamp : view.batchBaseTimestamp,
    )
    maxTimestamp = Math.max(view.noTimestamp, baseTimestamp + (saysStamped ? 0 : facts.maxTimestampDelta))
    const minTimestamp = baseTimestamp + (saysStamped ? 0 : facts.minTimestampDelta)
    if (!Number.isSafeInteger(minTimestamp) || !Number.isSafeInteger(maxTimestamp)) {
      return refuse('INVALID_TIMESTAMP', 'Timestamps beyond 2^53 milliseconds are not supported')
    }
    mayHaveRecordErrors ||=
      now - minTimestamp > options.timestampBeforeMaxMs || maxTimestamp - now > options.timestampAfterMaxMs
  }
  if (mayHaveRecordErrors) {
    const refused = findRecordErrors(buffer, options)
    if (refused !== null) return refused
  }

  return {
    error: null,
    size,
    recordCount,
    lastOffsetDelta,
    maxTimestamp,
    producerId,
    producerEpoch: view.batchProducerEpoch(buffer, 0),
    baseSequence,
    isTransactional: view.batchIsTransactional(buffer, 0),
    isControl,
    offsetsAreSequential: facts.offsetsAreSequential,
  }
}

/** The size of a whole message of any magic at `at`, 0 if its end is missing; Kafka's ByteBufferLogInputStream. */
export function nextBatchSize(buffer: Buffer, at: number): number {
  const remaining = buffer.length - at
  if (remaining < view.batchLengthEnd) return 0
  const size = view.batchSize(buffer, at)
  if (size < view.batchLengthEnd + minBatchLength) {
    throw new ProtocolError('CORRUPT_MESSAGE', `A record batch cannot have ${size} bytes`)
  }
  if (remaining <= view.batchField.magic) return 0
  const magic = view.batchMagic(buffer, at)
  if (magic < 0 || magic > 2) throw new ProtocolError('CORRUPT_MESSAGE', `No record batch has magic ${magic}`)
  return size <= remaining ? size : 0
}

function readTimestamp(buffer: Buffer, field: (buffer: Buffer, at: number) => number): number {
  try {
    return field(buffer, 0)
  } catch {
    return Number.NaN // beyond 2^53: the caller refuses it
  }
}

/** The slow road, taken only when some record may be at fault: names each of them, or null if none is. */
function findRecordErrors(buffer: Buffer, options: ValidationOptions): RefusedBatch | null {
  const { now, timestampBeforeMaxMs, timestampAfterMaxMs } = options
  const hasLogAppendTime = view.batchTimestampType(buffer, 0) === 'LogAppendTime'
  const recordErrors: RefusedBatch['recordErrors'] = []
  let hasTimestampError = false
  let batchIndex = -1
  for (const record of recordsOf(buffer, 0, options.maxInflatedBytes)) {
    batchIndex++
    let message: string
    if (options.isCompacted && record.key === null) {
      message = 'A compacted topic cannot accept a record without a key'
    } else if (options.timestampType === 'CreateTime' && record.timestamp !== view.noTimestamp) {
      if (now - record.timestamp <= timestampBeforeMaxMs && record.timestamp - now <= timestampAfterMaxMs)
        continue
      hasTimestampError = true
      const range = `[${now - timestampBeforeMaxMs}, ${now + timestampAfterMaxMs}]`
      message = `Timestamp ${record.timestamp} is outside ${range}`
    } else if (hasLogAppendTime) {
      hasTimestampError = true
      message = 'A producer must not set the timestamp type to LogAppendTime'
    } else continue
    if (recordErrors.length < maxRecordErrors) recordErrors.push({ batchIndex, message })
  }
  if (recordErrors.length === 0) return null
  return hasTimestampError
    ? { error: 'INVALID_TIMESTAMP', message: 'Records have invalid timestamps', recordErrors, isOfLog: true }
    : { error: 'INVALID_RECORD', message: recordErrors[0]!.message, recordErrors, isOfLog: true }
}

function unknownCodec(codec: number): string {
  return `No codec has the number ${codec}`
}

function refuse(error: ErrorName, message: string): RefusedBatch {
  return { error, message, recordErrors: [], isOfLog: !beforeItsLog.has(error) }
}

/** What Kafka sees before it looks for the log. */
function refuseRequest(error: ErrorName, message: string): RefusedBatch {
  return { error, message, recordErrors: [], isOfLog: false }
}

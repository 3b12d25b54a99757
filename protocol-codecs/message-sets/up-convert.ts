/**
 * Makes the record batch of a produced message set of magic 0 or 1, with the checks and error codes of Apache Kafka
 * 3.9, the last release that took them (UnifiedLog.analyzeAndValidateRecords, LogValidator, DeepRecordsIterator):
 *
 * - every message that stands for itself is checked against its CRC32 and max.message.bytes; an incomplete one at the
 *   end is ignored, as old brokers and clients cut message sets anywhere;
 * - messages without compression, however many, become one batch; of compressed ones there may be one, alone;
 * - inside a wrapper offsets are not believed (librdkafka and others got them wrong), but a wrapper's own offset
 *   other than 0 must not be below that of its last message.
 *
 * Topic rules (keys of a compacted topic, timestamps in range) are those of validate-batch.ts,
 * which checks the result as it does any batch. A set that starts with a record batch is left to it, too.
 *
 * Where we differ from Kafka: a key or value longer than its message, and a timestamp below -1, are errors with a name
 * (Kafka: UNKNOWN_SERVER_ERROR).
 */
import { buildBatch, type RecordToBuild } from '../build-batch.ts'
import { decompress } from '../compression/compression.ts'
import { type CompressionName, compressionNames } from '../compression/compression-names.ts'
import { decompressLz4ForMagic0 } from '../compression/lz4-frame.ts'
import { inflateProduced } from '../inflate-produced.ts'
import { defaultMaxInflatedBytes } from '../read-records.ts'
import { batchCrcIsValid, batchMagic } from '../record-batch.ts'
import { RecordError } from '../record-error.ts'
import { nextBatchSize } from '../validate-batch.ts'
import { compressionMask, logAppendTimeBit, type Message, readMessage } from './message.ts'

export interface UpConversion {
  /** max.message.bytes: no message, compressed as it came, may be larger. */
  readonly maxMessageBytes: number
  /** The compression that the batch is to have, by the one that the messages came in. */
  readonly compressionFor: (source: CompressionName) => CompressionName
  readonly maxInflatedBytes?: number
}

/** The batch of all messages; the very buffer if it starts with a batch; undefined if no message is whole. */
export function upConvert(buffer: Buffer, options: UpConversion): Buffer | undefined {
  const messages: Message[] = []
  let first = -1
  let isMixed = false
  for (let at = 0, size = nextBatchSize(buffer, 0); size > 0; at += size, size = nextBatchSize(buffer, at)) {
    requireSize('A message', size, options)
    const magic = batchMagic(buffer, at)
    if (first === -1) first = magic
    if (first === 2) return buffer
    if (magic !== first) isMixed = true
    if (magic !== 2) messages.push(readMessage(buffer, at, size))
    else if (!batchCrcIsValid(buffer, at)) {
      throw new RecordError('CORRUPT_MESSAGE', 'A record batch does not match its checksum')
    }
  }
  if (messages.length === 0) return undefined
  if (isMixed) throw invalid('messages of different magic in one set')
  const wrapper = messages.find(message => (message.attributes & compressionMask) !== 0)
  if (wrapper !== undefined && messages.length > 1) throw invalid('a compressed message that is not alone')
  const source = wrapper === undefined ? 'none' : sourceOf(wrapper)
  const inner =
    wrapper === undefined ? messages : unwrap(wrapper, options.maxInflatedBytes ?? defaultMaxInflatedBytes)
  if (messages.some(({ magic, attributes }) => magic === 1 && (attributes & logAppendTimeBit) !== 0)) {
    throw new RecordError('INVALID_TIMESTAMP', 'A producer must not set the timestamp type to LogAppendTime')
  }
  const batch = buildBatch({ records: inner.map(toRecord), compression: options.compressionFor(source) })
  requireSize('The batch of the messages', batch.length, options)
  return batch
}

/** Checked here, though the batch will be checked again: a request must not hold many large ones until then. */
function requireSize(what: string, size: number, { maxMessageBytes }: UpConversion): void {
  if (size <= maxMessageBytes) return
  const limit = `the ${maxMessageBytes} that max.message.bytes allows`
  throw new RecordError('MESSAGE_TOO_LARGE', `${what} is ${size} bytes, more than ${limit}`)
}

function sourceOf({ attributes }: Message): CompressionName {
  const source = compressionNames[attributes & compressionMask]
  if (source === 'zstd') throw invalid('zstd in a message set')
  if (source !== undefined) return source
  throw new RecordError('UNKNOWN_SERVER_ERROR', `Unknown compression type id ${attributes & compressionMask}`)
}

/** The messages inside a wrapper. */
function unwrap(wrapper: Message, maxInflatedBytes: number): Message[] {
  const { value, magic } = wrapper
  if (value === null) throw invalid('a compressed message without a value')
  const body = inflate(wrapper, value, maxInflatedBytes)
  const inner: Message[] = []
  for (let at = 0, size = nextBatchSize(body, 0); size > 0; at += size, size = nextBatchSize(body, at)) {
    const message = readMessage(body, at, size)
    if (message.magic !== magic) throw invalid(`magic ${message.magic} inside a message of magic ${magic}`)
    if ((message.attributes & compressionMask) !== 0)
      throw invalid('a compressed message inside a compressed message')
    inner.push(message)
  }
  const last = inner.at(-1)
  if (last === undefined) throw invalid('a compressed message with no messages inside')
  if (magic === 1 && wrapper.offset !== 0 && wrapper.offset < last.offset) {
    throw invalid(`offset ${last.offset} inside a message of offset ${wrapper.offset}`)
  }
  return inner
}

function inflate({ magic, attributes }: Message, value: Buffer, maxInflatedBytes: number): Buffer {
  const compression = attributes & compressionMask
  return inflateProduced(() =>
    compression === 3 && magic === 0
      ? decompressLz4ForMagic0(value, maxInflatedBytes)
      : decompress(compression as 1 | 2 | 3, value, maxInflatedBytes),
  )
}

function toRecord({ key, value, timestamp }: Message): RecordToBuild {
  if (timestamp < -1) throw new RecordError('INVALID_TIMESTAMP', `A message of the time ${timestamp}`)
  return { key, value, timestamp }
}

function invalid(what: string): RecordError {
  return new RecordError('INVALID_RECORD', `Not a message set that can be stored: ${what}`)
}

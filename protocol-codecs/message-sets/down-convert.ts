/**
 * Makes a message set of magic 0 or 1 of a record batch, for consumers that read no other, as Apache Kafka 3.9 does
 * (RecordsUtil.downConvert). Offsets stay, with the gaps that they have; headers are dropped, and so are timestamps in
 * magic 0. A batch that is compressed becomes one wrapper in the same compression, whole; of one that is not, only the
 * records from the offset that was asked for on. Control batches mean nothing to such consumers and become nothing.
 */
import { compress } from '../compression/compression.ts'
import { compressLz4ForMagic0 } from '../compression/lz4-frame.ts'
import { type KafkaRecord, recordsOf } from '../read-records.ts'
import { batchCompression, batchIsControl, batchTimestampType } from '../record-batch.ts'
import { RecordError } from '../record-error.ts'
import { logAppendTimeBit, type Magic, type Message, messageSize, writeMessage } from './message.ts'

export interface DownConverted {
  /** Empty if nothing of the batch is left. */
  readonly messages: Buffer
  readonly recordCount: number
}

const nothing: DownConverted = { messages: Buffer.alloc(0), recordCount: 0 }

/** Converts the batch at `at`; `firstOffset` is the offset that the consumer asked for. */
export function downConvert(buffer: Buffer, at: number, magic: Magic, firstOffset: number): DownConverted {
  if (batchIsControl(buffer, at)) return nothing
  const compression = batchCompression(buffer, at)
  if (compression === 4) {
    throw new RecordError('UNSUPPORTED_COMPRESSION_TYPE', 'zstd cannot be told to consumers of message sets')
  }
  const records = [...recordsOf(buffer, at)].filter(
    ({ offset }) => compression !== 0 || offset >= firstOffset,
  )
  if (records.length === 0) return nothing
  const isAppendTime = batchTimestampType(buffer, at) === 'LogAppendTime'
  const attributes = magic === 1 && isAppendTime ? logAppendTimeBit : 0
  const recordCount = records.length
  if (compression === 0) return { messages: messageSet(records, magic, attributes, 0), recordCount }

  // Inside a wrapper offsets count from the first message in magic 1, and are themselves in magic 0.
  const body = messageSet(records, magic, attributes, magic === 0 ? 0 : records[0]!.offset)
  const value = compression === 3 && magic === 0 ? compressLz4ForMagic0(body) : compress(compression, body)
  const wrapper: Message = {
    offset: records.at(-1)!.offset,
    magic,
    attributes: attributes | compression,
    timestamp: records.reduce((latest, { timestamp }) => Math.max(latest, timestamp), -1),
    key: null,
    value,
  }
  const messages = Buffer.allocUnsafe(messageSize(magic, null, value))
  writeMessage(messages, 0, wrapper)
  return { messages, recordCount }
}

function messageSet(records: KafkaRecord[], magic: Magic, attributes: number, baseOffset: number): Buffer {
  let size = 0
  for (const { key, value } of records) size += messageSize(magic, key, value)
  const buffer = Buffer.allocUnsafe(size)
  let at = 0
  for (const { offset, timestamp, key, value } of records) {
    at = writeMessage(buffer, at, { offset: offset - baseOffset, magic, attributes, timestamp, key, value })
  }
  return buffer
}

/**
 * What a topic's settings do to a valid batch before the log stamps it: `compression.type` other than `producer`
 * recompresses its body, `message.timestamp.type=LogAppendTime` and a wrong maxTimestamp change its header, and
 * offset deltas other than 0, 1, 2, ... (some old clients) are put right. Producer id, epoch, sequence, timestamps
 * and the transactional bit stay. Nearly always there is nothing to do, and the producer's own bytes are returned.
 */

import { buildBatch, type RecordToBuild } from './build-batch.ts'
import { compress } from './compression/compression.ts'
import { type CompressionName, compressionId, compressionNames } from './compression/compression-names.ts'
import { batchBody, defaultMaxInflatedBytes, recordsOf } from './read-records.ts'
import {
  attributeBit,
  batchAttributes,
  batchCompression,
  batchField,
  batchHeaderSize,
  batchLengthEnd,
  readBatchHeader,
  setMaxTimestamp,
  type TimestampType,
  updateBatchCrc,
} from './record-batch.ts'
import { RecordError } from './record-error.ts'
import type { ValidBatch } from './validate-batch.ts'

export interface TopicBatchSettings {
  /** compression.type, where `uncompressed` is Kafka's word for none. */
  compressionType: 'producer' | 'uncompressed' | Exclude<CompressionName, 'none'>
  timestampType: TimestampType
  maxMessageBytes: number
  maxInflatedBytes?: number
}

/**
 * The batch that is to be stored: the first `valid.size` bytes of `buffer`, changed in place where its header has to
 * change, or a new buffer. Throws MESSAGE_TOO_LARGE if rebuilding made it too large.
 */
export function applyTopicSettings(buffer: Buffer, valid: ValidBatch, settings: TopicBatchSettings): Buffer {
  const original = buffer.length === valid.size ? buffer : buffer.subarray(0, valid.size)
  const current = batchCompression(original, 0)
  const wanted = wantedCompression(settings.compressionType, compressionNames[current], valid.isControl)
  let stored = original
  if (!valid.offsetsAreSequential) stored = renumberBatch(original, 0, wanted, settings.maxInflatedBytes)
  else if (compressionId(wanted) !== current)
    stored = recompressBatch(original, 0, wanted, settings.maxInflatedBytes)
  if (stored !== original && stored.length > settings.maxMessageBytes) {
    const limit = `the ${settings.maxMessageBytes} that max.message.bytes allows`
    throw new RecordError(
      'MESSAGE_TOO_LARGE',
      `The rebuilt record batch is ${stored.length} bytes, more than ${limit}`,
    )
  }
  setMaxTimestamp(stored, 0, settings.timestampType, valid.maxTimestamp)
  return stored
}

export function wantedCompression(
  compressionType: TopicBatchSettings['compressionType'],
  current: CompressionName,
  isControl: boolean,
): CompressionName {
  // A marker written uncompressed stays so: Kafka's own tools read its key in place.
  if (compressionType === 'producer' || (isControl && current === 'none')) return current
  return compressionType === 'uncompressed' ? 'none' : compressionType
}

/** A copy of the batch at `at` with its body in another codec; every other field but length and checksum stays. */
export function recompressBatch(
  buffer: Buffer,
  at: number,
  compression: CompressionName,
  maxInflatedBytes = defaultMaxInflatedBytes,
): Buffer {
  const codec = compressionId(compression)
  const body = compress(codec, batchBody(buffer, at, maxInflatedBytes))
  const rebuilt = Buffer.allocUnsafe(batchHeaderSize + body.length)
  buffer.copy(rebuilt, 0, at, at + batchHeaderSize)
  rebuilt.set(body, batchHeaderSize)
  rebuilt.writeInt32BE(rebuilt.length - batchLengthEnd, batchField.batchLength)
  rebuilt[batchField.attributes + 1] = (batchAttributes(buffer, at) & ~attributeBit.compression) | codec
  updateBatchCrc(rebuilt, 0)
  return rebuilt
}

/** A copy of the batch at `at` whose records have the offset deltas 0, 1, 2, ... */
export function renumberBatch(
  buffer: Buffer,
  at: number,
  compression: CompressionName,
  maxInflatedBytes = defaultMaxInflatedBytes,
): Buffer {
  const header = readBatchHeader(buffer, at)
  const records: RecordToBuild[] = []
  for (const record of recordsOf(buffer, at, maxInflatedBytes)) {
    const { key, value, headers, timestamp } = record
    records.push({ key, value, headers, timestamp })
  }
  return buildBatch({
    records,
    baseOffset: header.baseOffset,
    partitionLeaderEpoch: header.partitionLeaderEpoch,
    compression,
    timestampType: header.timestampType,
    producerId: header.producerId,
    producerEpoch: header.producerEpoch,
    baseSequence: header.baseSequence,
    isTransactional: header.isTransactional,
    isControl: header.isControl,
  })
}

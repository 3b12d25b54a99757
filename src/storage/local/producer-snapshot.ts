/**
 * A partition's `.snapshot` file: the producers' state at the offset in its name, in Kafka's form
 * (ProducerSnapshot v1). Of each producer's batches only the last is kept, as in Kafka.
 *
 *     int16 version (1)   uint32 CRC32C of all that follows it   int32 count, then for each producer:
 *     int64 id, int16 epoch, int32 last sequence, int64 last offset, int32 offset delta,
 *     int64 timestamp, int32 coordinator epoch, int64 first offset of the open transaction
 */
import { crc32c } from '../../../protocol-codecs/crc32c.ts'
import type { ProducerEntry } from '../producer-state.ts'

const headerSize = 10
const entrySize = 46

export function encodeProducerSnapshot(entries: Iterable<ProducerEntry>, count: number): Buffer {
  const bytes = Buffer.alloc(headerSize + count * entrySize)
  bytes.writeInt16BE(1, 0)
  bytes.writeInt32BE(count, 6)
  let at = headerSize
  for (const entry of entries) {
    const last = entry.batches.at(-1)
    bytes.writeBigInt64BE(BigInt(entry.producerId), at)
    bytes.writeInt16BE(entry.epoch, at + 8)
    bytes.writeInt32BE(last?.lastSequence ?? -1, at + 10)
    bytes.writeBigInt64BE(BigInt(last?.lastOffset ?? -1), at + 14)
    bytes.writeInt32BE(last?.offsetDelta ?? 0, at + 22)
    bytes.writeBigInt64BE(BigInt(entry.lastTimestampMs), at + 26)
    bytes.writeInt32BE(entry.coordinatorEpoch, at + 34)
    bytes.writeBigInt64BE(BigInt(entry.transactionFirstOffset), at + 38)
    at += entrySize
  }
  bytes.writeUInt32BE(crc32c(bytes, 6), 2)
  return bytes
}

/** The producers in a snapshot; undefined when it is damaged, and an older one or the log itself must do. */
export function decodeProducerSnapshot(bytes: Buffer): ProducerEntry[] | undefined {
  if (bytes.length < headerSize || bytes.readInt16BE(0) !== 1) return undefined
  const count = bytes.readInt32BE(6)
  if (count < 0 || bytes.length !== headerSize + count * entrySize) return undefined
  if (crc32c(bytes, 6) !== bytes.readUInt32BE(2)) return undefined
  const entries: ProducerEntry[] = []
  for (let at = headerSize; at < bytes.length; at += entrySize) {
    const lastSequence = bytes.readInt32BE(at + 10)
    const lastOffset = Number(bytes.readBigInt64BE(at + 14))
    const offsetDelta = bytes.readInt32BE(at + 22)
    const timestampMs = Number(bytes.readBigInt64BE(at + 26))
    const batch = {
      firstSequence:
        lastSequence < offsetDelta ? lastSequence - offsetDelta + 2 ** 31 : lastSequence - offsetDelta,
      lastSequence,
      lastOffset,
      offsetDelta,
      timestampMs,
    }
    entries.push({
      producerId: Number(bytes.readBigInt64BE(at)),
      epoch: bytes.readInt16BE(at + 8),
      batches: lastOffset >= 0 ? [batch] : [],
      lastTimestampMs: timestampMs,
      coordinatorEpoch: bytes.readInt32BE(at + 34),
      transactionFirstOffset: Number(bytes.readBigInt64BE(at + 38)),
    })
  }
  return entries
}

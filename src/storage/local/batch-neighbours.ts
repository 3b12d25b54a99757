/**
 * Base offset, leader epoch, length and magic of a batch lie outside its checksum, so no client can tell when one of
 * them is damaged. Here they are held against the neighbours: offsets do not overlap, and where they leave a gap
 * (compaction does) the next batch must lie behind it; epochs do not go down. Whoever reads batches compares what it
 * expects with what it finds and asks here only if they differ, which in a sound log without gaps is never.
 */
import {
  batchBaseOffset,
  batchHeaderSize,
  batchLastOffset,
  batchLeaderEpoch,
  batchMagic,
  batchSize,
} from '../../../protocol-codecs/record-batch.ts'
import { RecordError } from '../../../protocol-codecs/record-error.ts'
import { DamagedLogError } from './damaged-log.ts'
import type { PartitionLog } from './partition-log.ts'
import type { Segment } from './segment.ts'

/** What is known of what comes before a batch; -1: nothing. */
export interface Before {
  /** The offset behind the previous batch. */
  readonly nextOffset: number
  readonly leaderEpoch: number
}

/** Whether a batch has this base offset; any bytes may be there. */
export function startsAt(buffer: Buffer, at: number, offset: number): boolean {
  return buffer.readInt32BE(at) * 0x1_0000_0000 + buffer.readUInt32BE(at + 4) === offset
}

const header = Buffer.allocUnsafeSlow(batchHeaderSize)

/**
 * Throws a DamagedLogError unless the batch whose header lies at `at` of `buffer`, and at `position` of its segment,
 * fits what comes before and behind it.
 */
export function requireFit(
  log: PartitionLog,
  segment: Segment,
  position: number,
  buffer: Buffer,
  at: number,
  before: Before,
): void {
  const refuse = (what: string) => new DamagedLogError(segment.path, position, what)
  try {
    if (batchMagic(buffer, at) !== 2) throw refuse(`magic ${batchMagic(buffer, at)}`)
    const size = batchSize(buffer, at)
    if (size < batchHeaderSize || position + size > segment.size) throw refuse(`a size of ${size} bytes`)
    const baseOffset = batchBaseOffset(buffer, at)
    const lastOffset = batchLastOffset(buffer, at)
    const leaderEpoch = batchLeaderEpoch(buffer, at)
    const { nextOffset } = before
    if (baseOffset < Math.max(nextOffset, segment.baseOffset) || lastOffset < baseOffset) {
      throw refuse(`offsets ${baseOffset} to ${lastOffset}, and offset ${nextOffset} follows`)
    }
    if (leaderEpoch < before.leaderEpoch && leaderEpoch !== -1) {
      throw refuse(`leader epoch ${leaderEpoch}, behind epoch ${before.leaderEpoch}`)
    }
    const next = follower(log, segment, position + size)
    if (lastOffset >= next.baseOffset) {
      throw refuse(`offsets ${baseOffset} to ${lastOffset}, and the next batch begins at ${next.baseOffset}`)
    }
    if (leaderEpoch < -1 || (next.leaderEpoch >= 0 && leaderEpoch > next.leaderEpoch)) {
      throw refuse(`leader epoch ${leaderEpoch}, and the next batch has ${next.leaderEpoch}`)
    }
  } catch (error) {
    throw error instanceof RecordError ? refuse(error.message) : error
  }
}

/** What the batch behind says of itself; at the end of a segment, what is known without reading. */
function follower(
  log: PartitionLog,
  segment: Segment,
  position: number,
): { baseOffset: number; leaderEpoch: number } {
  const hasBatch = position + batchHeaderSize <= segment.size && !segment.isClosed
  if (hasBatch && segment.readNow(header, 0, batchHeaderSize, position) === batchHeaderSize) {
    return { baseOffset: batchBaseOffset(header, 0), leaderEpoch: batchLeaderEpoch(header, 0) }
  }
  const next = log.segments[log.segments.indexOf(segment) + 1]
  return { baseOffset: next?.baseOffset ?? log.logEndOffset, leaderEpoch: log.leaderEpoch }
}

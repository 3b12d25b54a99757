/** Walks the batches of a segment's file from a position on: what recovery, start-up and searches read by. */
import {
  batchCrcIsValid,
  batchHeaderSize,
  batchMagic,
  batchSize,
} from '../../../protocol-codecs/record-batch.ts'
import type { Segment } from './segment.ts'

const chunkSize = 1024 * 1024

/**
 * Calls `visit` with each whole batch between `from` and `to` until it says `false`. Gives the position
 * behind the last batch that was sound: `to` when all were. With `verify` a batch must carry a right
 * checksum, else only its header is looked at.
 */
export function scanBatches(
  segment: Segment,
  from: number,
  to: number,
  verify: boolean,
  visit: (buffer: Buffer, at: number, position: number) => boolean,
): number {
  let buffer = Buffer.allocUnsafe(Math.min(chunkSize, Math.max(batchHeaderSize, to - from)))
  let position = from
  while (position < to) {
    const available = segment.readNow(buffer, 0, Math.min(buffer.length, to - position), position)
    let at = 0
    let needed = 0
    while (at < available) {
      if (available - at < batchHeaderSize) {
        needed = batchHeaderSize
        break
      }
      const size = batchSize(buffer, at)
      if (size < batchHeaderSize || batchMagic(buffer, at) !== 2 || position + at + size > to) {
        return position + at
      }
      if (at + size > available) {
        needed = size
        break
      }
      if (verify && !batchCrcIsValid(buffer, at)) return position + at
      if (!visit(buffer, at, position + at)) return position + at
      at += size
    }
    position += at
    if (at === 0) {
      // Not one whole batch in the buffer: it is larger than the buffer, or the file ends in it.
      if (available < Math.min(needed, to - position) || needed > to - position) return position
      buffer = Buffer.allocUnsafe(needed)
    }
  }
  return position
}

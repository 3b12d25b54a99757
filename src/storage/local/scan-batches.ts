/**
 * Walks the batches of a segment's file from a position on: what recovery, start-up and searches read by. A walk is a
 * run of steps, each of which wants a read: who searches has it done at once (`scanBatches`), who recovers many logs
 * side by side has the thread pool do it (`inTheBackground`), since nobody knows how far a disk has to go for it.
 */
import {
  batchBaseOffset,
  batchCrcIsValid,
  batchHeaderSize,
  batchLastOffsetDelta,
  batchMagic,
  batchMaxTimestamp,
  batchProducerId,
  batchSize,
} from '../../../protocol-codecs/record-batch.ts'
import { RecordError } from '../../../protocol-codecs/record-error.ts'
import type { Segment } from './segment.ts'

/** Reads start small, because many scans end at their first batch, and grow while they go on. */
export const firstChunkSize = 16 * 1024
const maxChunkSize = 1024 * 1024

/** A read that a step wants. */
export interface WantedRead {
  readonly segment: Segment
  /** Filled from its beginning, with as much as there is. */
  readonly buffer: Buffer
  readonly length: number
  readonly position: number
}

/** Work that reads; it goes on with the number of bytes that were read. */
export type Steps<T> = Generator<WantedRead, T, number>

/** Does every read at once. */
export function now<T>(steps: Steps<T>): T {
  for (let step = steps.next(); ; ) {
    if (step.done === true) return step.value
    const { segment, buffer, length, position } = step.value
    step = steps.next(segment.readNow(buffer, 0, length, position))
  }
}

/** Has the thread pool read; `read` is told of each number of bytes. */
export async function inTheBackground<T>(steps: Steps<T>, read: (bytes: number) => void): Promise<T> {
  for (let step = steps.next(); ; ) {
    if (step.done === true) return step.value
    const { segment, buffer, length, position } = step.value
    const available = await segment.readLater(buffer, 0, length, position)
    read(available)
    step = steps.next(available)
  }
}

export function scanBatches(...parameters: Parameters<typeof scanSteps>): number {
  return now(scanSteps(...parameters))
}

/**
 * Calls `visit` with each whole batch between `from` and `to` until it says `false`. Gives the position
 * behind the last batch that was sound: `to` when all were. With `verify` a batch must carry a right
 * checksum, else only its header is looked at: its size, magic, offset and producer are possible ones.
 */
export function* scanSteps(
  segment: Segment,
  from: number,
  to: number,
  verify: boolean,
  visit: (buffer: Buffer, at: number, position: number) => boolean,
): Steps<number> {
  let buffer = Buffer.allocUnsafe(Math.min(firstChunkSize, Math.max(batchHeaderSize, to - from)))
  let position = from
  while (position < to) {
    const length = Math.min(buffer.length, to - position)
    const available = yield { segment, buffer, length, position }
    let at = 0
    let needed = 0
    while (at < available) {
      if (available - at < batchHeaderSize) {
        needed = batchHeaderSize
        break
      }
      const size = batchSize(buffer, at)
      if (size < batchHeaderSize || position + at + size > to || !isHeader(buffer, at)) return position + at
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
      // Not one whole batch in the buffer: either the file ends here, or the batch is larger than the buffer.
      if (available < Math.min(buffer.length, to - position) || needed > to - position) return position
      buffer = Buffer.allocUnsafe(needed)
    } else if (buffer.length < maxChunkSize && to - position > buffer.length) {
      buffer = Buffer.allocUnsafe(Math.min(maxChunkSize, 8 * buffer.length, to - position))
    }
  }
  return position
}

function isHeader(buffer: Buffer, at: number): boolean {
  if (batchMagic(buffer, at) !== 2 || batchLastOffsetDelta(buffer, at) < 0) return false
  try {
    return batchBaseOffset(buffer, at) >= 0 && batchProducerId(buffer, at) >= -1
  } catch (error) {
    if (error instanceof RecordError) return false
    throw error
  }
}

/** The first header of a segment; undefined when there is no whole one. */
export function firstHeader(segment: Segment): Buffer | undefined {
  return headerAt(segment, 0)
}

export function headerAt(segment: Segment, position: number): Buffer | undefined {
  if (segment.size < position + batchHeaderSize) return undefined
  const header = Buffer.allocUnsafe(batchHeaderSize)
  const available = segment.readNow(header, 0, batchHeaderSize, position)
  return available === batchHeaderSize && isHeader(header, 0) ? header : undefined
}

/** A batch's largest timestamp for an index; one beyond 2^53 - 1, which nobody can ask for, counts as that. */
export function indexableTimestamp(buffer: Buffer, at: number): number {
  try {
    return batchMaxTimestamp(buffer, at)
  } catch (error) {
    if (error instanceof RecordError) return Number.MAX_SAFE_INTEGER
    throw error
  }
}

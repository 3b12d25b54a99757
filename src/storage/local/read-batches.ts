/**
 * Reads whole batches of one log into pooled memory. What was appended lately is in the page cache and
 * is read on the event loop; older stretches may stall on the disk and go to the thread pool.
 */
import {
  batchBaseOffset,
  batchHeaderSize,
  batchLastOffsetDelta,
  batchLeaderEpoch,
  batchMagic,
  batchSize,
} from '../../../protocol-codecs/record-batch.ts'
import type { BufferPool } from '../../platform/buffer-pool.ts'
import { type Before, requireFit, startsAt } from './batch-neighbours.ts'
import { DamagedLogError } from './damaged-log.ts'
import { locate } from './find-batch.ts'
import type { PartitionLog } from './partition-log.ts'
import type { Segment } from './segment.ts'

/** Bytes at a log's end that are taken to be in the page cache. */
const warmBytes = 32 * 1024 * 1024
const scratch = Buffer.allocUnsafeSlow(batchHeaderSize)

export interface ReadPlan {
  readonly log: PartitionLog
  readonly segment: Segment
  readonly position: number
  /** As in ReadCursor. */
  readonly startOffset: number
  readonly length: number
  readonly isWarm: boolean
}

/** What `BufferPool` memory holds after a read: whole batches from the start of `buffer` up to `size`. */
export interface BatchesRead {
  readonly buffer: Buffer
  readonly size: number
}

/**
 * Plans a read of at most `maxBytes` from `offset`; undefined when nothing fits or nothing is there.
 * With `atLeastOne` the first batch is read whole, however large.
 */
export function planRead(
  log: PartitionLog,
  offset: number,
  maxBytes: number,
  atLeastOne: boolean,
): ReadPlan | undefined {
  const start = locate(log, offset)
  if (start === undefined) return undefined
  const { segment, position, startOffset } = start
  const limit = log.readLimit(segment)
  let length = Math.min(maxBytes, limit - position)
  if (length < limit - position) {
    // The first batch may be larger than that, which only its header tells.
    if (segment.readNow(scratch, 0, batchHeaderSize, position) < batchHeaderSize) {
      throw new DamagedLogError(segment.path, position, 'no whole header')
    }
    const first = batchSize(scratch, 0)
    if (first > length) {
      // Nothing is torn before the high watermark.
      if (first > limit - position)
        throw new DamagedLogError(segment.path, position, `a size of ${first} bytes`)
      if (!atLeastOne) return undefined
      length = first
    }
  }
  if (length <= 0) return undefined
  const isWarm = segment === log.activeSegment && segment.size - position <= warmBytes
  return { log, segment, position, startOffset, length, isWarm }
}

export function readWarm(plan: ReadPlan, pool: BufferPool): BatchesRead {
  const buffer = pool.acquire(plan.length)
  try {
    const read = plan.segment.readNow(buffer, 0, plan.length, plan.position)
    return finish(plan, buffer, read)
  } catch (error) {
    pool.release(buffer)
    throw error
  }
}

export async function readCold(plan: ReadPlan, pool: BufferPool): Promise<BatchesRead> {
  const buffer = pool.acquire(plan.length)
  try {
    const read = await plan.segment.readLater(buffer, 0, plan.length, plan.position)
    return finish(plan, buffer, read)
  } catch (error) {
    pool.release(buffer)
    throw error
  }
}

/**
 * Cuts off the batch that the range's end cut in two, and remembers where the next one starts. Ends before a batch
 * that cannot be what was written; throws when that is the first.
 */
function finish(plan: ReadPlan, buffer: Buffer, read: number): BatchesRead {
  const { log, segment, position } = plan
  let size = 0
  // Looked for through the index, the first was held against what is before it.
  let nextOffset = plan.startOffset
  const firstOffset = nextOffset < 0 && read >= batchHeaderSize ? batchBaseOffset(buffer, 0) : nextOffset
  let leaderEpoch = log.epochs.epochAt(firstOffset)
  while (read - size >= batchHeaderSize) {
    const isExpected =
      (nextOffset < 0 || startsAt(buffer, size, nextOffset)) &&
      batchLeaderEpoch(buffer, size) === leaderEpoch &&
      batchMagic(buffer, size) === 2
    if (!isExpected) {
      const before = { nextOffset, leaderEpoch: size === 0 ? -1 : leaderEpoch }
      if (!fits(plan, buffer, size, before)) break
      leaderEpoch = batchLeaderEpoch(buffer, size)
    }
    const length = batchSize(buffer, size)
    if (length < batchHeaderSize || size + length > read) break
    nextOffset = batchBaseOffset(buffer, size) + batchLastOffsetDelta(buffer, size) + 1
    size += length
  }
  // The plan covers a whole batch, and before the high watermark nothing is torn.
  if (size === 0)
    throw new DamagedLogError(segment.path, position, `more than the ${read} bytes that are there`)
  if (!segment.isClosed) log.remember(nextOffset, segment, position + size)
  return { buffer, size }
}

/** Throws when it is the first batch of the read that does not fit; else that is for the next read to say. */
function fits({ log, position, segment }: ReadPlan, buffer: Buffer, at: number, before: Before): boolean {
  try {
    requireFit(log, segment, position + at, buffer, at, before)
    return true
  } catch (error) {
    if (at === 0 || !(error instanceof DamagedLogError)) throw error
    return false
  }
}

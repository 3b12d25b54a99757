/**
 * Reads whole batches of one log into pooled memory. What was appended lately is in the page cache and
 * is read on the event loop; older stretches may stall on the disk and go to the thread pool.
 */
import { batchHeaderSize, batchLastOffset, batchSize } from '../../../protocol-codecs/record-batch.ts'
import type { BufferPool } from '../../platform/buffer-pool.ts'
import type { PartitionLog } from './partition-log.ts'
import type { Segment } from './segment.ts'

/** Bytes at a log's end that are taken to be in the page cache. */
const warmBytes = 32 * 1024 * 1024
const scratch = Buffer.allocUnsafeSlow(batchHeaderSize)

export interface ReadPlan {
  readonly log: PartitionLog
  readonly segment: Segment
  readonly position: number
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
  const start = log.locate(offset)
  if (start === undefined) return undefined
  const { segment, position } = start
  const limit = log.readLimit(segment)
  let length = Math.min(maxBytes, limit - position)
  if (length < limit - position) {
    // The first batch may be larger than that, which only its header tells.
    if (segment.readNow(scratch, 0, batchHeaderSize, position) < batchHeaderSize) return undefined
    const first = batchSize(scratch, 0)
    if (first > length) {
      if (!atLeastOne || first > limit - position) return undefined
      length = first
    }
  }
  if (length <= 0) return undefined
  const isWarm = segment === log.activeSegment && segment.size - position <= warmBytes
  return { log, segment, position, length, isWarm }
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

/** Cuts off the batch that the range's end cut in two, and remembers where the next one starts. */
function finish(plan: ReadPlan, buffer: Buffer, read: number): BatchesRead {
  let size = 0
  let nextOffset = -1
  while (read - size >= batchHeaderSize) {
    const length = batchSize(buffer, size)
    if (length < batchHeaderSize || size + length > read) break
    nextOffset = batchLastOffset(buffer, size) + 1
    size += length
  }
  // The plan covers a whole batch, and before the high watermark nothing is torn.
  if (nextOffset < 0) throw new Error(`no whole batch at ${plan.position} of ${plan.segment.path}`)
  if (!plan.segment.isClosed) plan.log.remember(nextOffset, plan.segment, plan.position + size)
  return { buffer, size }
}

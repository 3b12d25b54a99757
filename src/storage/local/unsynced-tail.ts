/** What a log holds behind its durable end: whole batches, in one or several segments. */
import type { LogPoint } from './durable-end.ts'
import type { PartitionLog } from './partition-log.ts'

export interface UnsyncedTail {
  readonly log: PartitionLog
  readonly from: LogPoint
  /** The log's end when this was asked for. */
  readonly to: LogPoint
  readonly size: number
}

/** undefined when there is nothing, or when it cannot be read in one piece because its beginning was removed. */
export function unsyncedTail(log: PartitionLog): UnsyncedTail | undefined {
  const from = log.durable.point
  if (from === undefined || log.isOffline || from.offset >= log.logEndOffset) return undefined
  if (from.segment.isClosed) return undefined
  return { log, from, to: log.end, size: log.appendedBytes - from.bytes }
}

/** Reads it, from the page cache where it was written a moment ago, into all of `target`. Throws the disk's error. */
export function readTail({ log, from, to, size }: UnsyncedTail, target: Buffer): void {
  let filled = 0
  for (let i = log.segmentIndex(from.segment.baseOffset); i < log.segments.length; i++) {
    const segment = log.segments[i]!
    const start = segment === from.segment ? from.position : 0
    const end = segment === to.segment ? to.position : segment.size
    if (end > start) filled += segment.readNow(target, filled, end - start, start)
    if (segment === to.segment) break
  }
  if (filled < size)
    throw new Error(`${log.directory}: ${size - filled} bytes are missing behind ${from.offset}`)
}

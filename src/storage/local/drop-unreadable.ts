/**
 * What happens to the files of a log whose sync has failed: what nobody was promised and no reader has seen is taken
 * away. The kernel goes on to show it, though it may be gone when the power is: the next start would find it whole, and
 * build on it. (Where acks do not wait for the disk readers have seen everything, and all stays.)
 */
import type { PartitionLog } from './partition-log.ts'

export function dropUnreadable(log: PartitionLog): void {
  while (log.activeSegment.baseOffset > log.highWatermark) {
    const segment = log.segments.pop()!
    segment.remove()
    for (const kind of ['log', 'index', 'timeindex'] as const) {
      log.environment.disk.remove(segment.filePath(kind))
    }
  }
  const last = log.activeSegment
  const readable = log.readLimit(last)
  if (readable < last.size) last.truncate(readable, log.highWatermark)
}

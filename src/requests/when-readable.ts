/**
 * An append with acks=1 is answered when it is written, and can be read when it is on disk. A Kafka node by itself lets
 * readers see it at once, so a program that produces and then asks where the log ends, or has the records deleted, would
 * notice the difference. Whoever tells where a log ends therefore waits until what was appended before can be read; the
 * sync that makes it so is on its way. It waits for a disk that hangs only so long, and then tells what is so.
 */
import type { PartitionLogs, PartitionRef } from '../storage/partition-log.ts'
import type { Services } from './services.ts'

const longestWaitMs = 5_000

/** undefined: all that is in the log can be read. Throws as `offsets` of the logs does. */
export function whenReadable(
  partition: PartitionRef,
  { logs, clock }: Pick<Services, 'logs' | 'clock'>,
): Promise<void> | undefined {
  const { highWatermark, logEndOffset } = logs.offsets(partition)
  if (highWatermark >= logEndOffset) return undefined
  return new Promise(resolve => {
    const end = () => {
      watch.cancel()
      timer.cancel()
      resolve()
    }
    const watch = logs.watch([partition], () => {
      if (isReadable(partition, logEndOffset, logs)) end()
    })
    const timer = clock.after(longestWaitMs, end)
  })
}

/** A log that is gone or offline has nothing to wait for any more. */
function isReadable(partition: PartitionRef, end: number, logs: PartitionLogs): boolean {
  try {
    return logs.offsets(partition).highWatermark >= end
  } catch {
    return true
  }
}

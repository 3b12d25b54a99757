/**
 * A disk that times what it does. Writes, and reads near the log's end, are made by the event loop itself: while one
 * takes long, because the kernel throttles who has written too much, nobody is served. How long that was is known
 * only here. Syncs and reads of old records are the thread pool's.
 */
import type { Disk } from '../platform/disk.ts'
import { microsBetween, microsNow, TimeBuckets } from './time-buckets.ts'

export class DiskTimes {
  /** Of the event loop. */
  readonly writes = new TimeBuckets()
  readonly reads = new TimeBuckets()
  /** Of the thread pool, the wait for a thread included. */
  readonly coldReads = new TimeBuckets()
  readonly syncs = new TimeBuckets()
}

export function measuredDisk(disk: Disk, times: DiskTimes): Disk {
  return {
    ...disk,
    write(descriptor, bytes, position) {
      const startedMicros = microsNow()
      disk.write(descriptor, bytes, position)
      times.writes.add(microsBetween(startedMicros, microsNow()))
    },
    read(descriptor, target, offset, length, position) {
      const startedMicros = microsNow()
      const count = disk.read(descriptor, target, offset, length, position)
      times.reads.add(microsBetween(startedMicros, microsNow()))
      return count
    },
    async readLater(descriptor, target, offset, length, position) {
      const startedMicros = microsNow()
      const count = await disk.readLater(descriptor, target, offset, length, position)
      times.coldReads.add(microsBetween(startedMicros, microsNow()))
      return count
    },
    async sync(descriptor) {
      const startedMicros = microsNow()
      await disk.sync(descriptor)
      times.syncs.add(microsBetween(startedMicros, microsNow()))
    },
  }
}

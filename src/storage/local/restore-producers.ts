/**
 * Restores what a log knows of its producers when it is opened, from the newest snapshot that is sound and from the
 * batches behind that.
 */
import { join } from 'node:path'
import {
  batchBaseOffset,
  batchBaseSequence,
  batchIsControl,
  batchLastOffset,
  batchLastOffsetDelta,
  batchProducerEpoch,
  batchProducerId,
} from '../../../protocol-codecs/record-batch.ts'
import { segmentFileName } from './log-files.ts'
import type { PartitionLog } from './partition-log.ts'
import { decodeProducerSnapshot } from './producer-snapshot.ts'
import { indexableTimestamp, type Steps, scanSteps } from './scan-batches.ts'

/**
 * Producers' state at the log end as it is known by now, which is at `position` in the segment with this index: from the
 * newest sound snapshot up to `limit` and the batches since. Where the snapshot is behind the log end, whoever reads the
 * log on only has to note what it does not know. Where some of the batches since are gone, as those below the log start may
 * be, what was known before says nothing: producers would be held to it although they have written since.
 */
export function* restoreProducers(
  log: PartitionLog,
  snapshots: readonly number[],
  index: number,
  position: number,
  limit = log.logEndOffset,
): Steps<void> {
  restoreSnapshot(log, snapshots, limit)
  const from = log.snapshots.newest
  let next = from
  const noteLoss = (before: number): void => {
    if (next < before && !log.config.cleanupPolicy.compact) log.producers.clear()
  }
  for (let i = log.segmentIndex(from); i <= index && from < log.logEndOffset; i++) {
    const segment = log.segments[i]!
    const relativeOffset = Math.min(from - segment.baseOffset, 0x7fffffff)
    const start = relativeOffset <= 0 ? 0 : segment.offsets.positionBefore(relativeOffset)
    const end = i < index ? segment.size : position
    yield* scanSteps(segment, start, end, false, (buffer, at) => {
      if (batchBaseOffset(buffer, at) < from) return true
      noteLoss(batchBaseOffset(buffer, at))
      noteProducer(log, buffer, at)
      next = batchLastOffset(buffer, at) + 1
      return true
    })
  }
  noteLoss(log.logEndOffset)
}

function restoreSnapshot(log: PartitionLog, snapshots: readonly number[], limit: number): void {
  const { disk, logger } = log.environment
  log.producers.clear()
  log.snapshots.newest = -1
  for (const offset of snapshots.filter(candidate => candidate <= limit).reverse()) {
    const path = join(log.directory, segmentFileName(offset, 'snapshot'))
    const entries = decodeProducerSnapshot(disk.readFile(path) ?? Buffer.alloc(0))
    if (entries === undefined) {
      logger.warn({ path }, 'producer snapshot is damaged; using an older one')
      disk.remove(path)
      continue
    }
    for (const entry of entries) log.producers.restore(entry)
    log.snapshots.newest = offset
    return
  }
}

/** Takes note of a batch that is in the log, unless the snapshot that was restored knows it. */
export function noteProducer(log: PartitionLog, buffer: Buffer, at: number): void {
  const producerId = batchProducerId(buffer, at)
  if (producerId < 0 || batchIsControl(buffer, at) || batchBaseOffset(buffer, at) < log.snapshots.newest)
    return
  log.producers.appended(
    {
      producerId,
      producerEpoch: batchProducerEpoch(buffer, at),
      baseSequence: batchBaseSequence(buffer, at),
      lastOffsetDelta: batchLastOffsetDelta(buffer, at),
      maxTimestampMs: indexableTimestamp(buffer, at),
    },
    batchBaseOffset(buffer, at),
  )
}

/** Keeps the snapshots that recovery may start from: those at the start of segments, and the one in use. */
export function removeStraySnapshots(log: PartitionLog, snapshots: readonly number[]): void {
  const bases = new Set(log.segments.map(segment => segment.baseOffset))
  const isBase = (offset: number) => bases.has(offset)
  removeSnapshots(
    log,
    snapshots,
    offset => offset > log.logEndOffset || (offset !== log.snapshots.newest && !isBase(offset)),
  )
  log.snapshots.restored(log.snapshots.newest, isBase(log.snapshots.newest))
}

export function removeSnapshots(
  log: PartitionLog,
  snapshots: readonly number[],
  isDoomed: (offset: number) => boolean,
): void {
  for (const offset of snapshots) {
    if (!isDoomed(offset)) continue
    // What is ahead of the log must not come back when the log has got there in another way.
    if (offset > log.logEndOffset) log.namesAreUnsynced = true
    if (offset === log.snapshots.newest) log.snapshots.newest = -1
    log.environment.disk.remove(join(log.directory, segmentFileName(offset, 'snapshot')))
  }
}

/**
 * Recovers a log after a crash. What lies below the recovery point was on disk when the checkpoint was written, so
 * neither is it torn nor has it to be read: recovery begins at the last batch below it that the index files name, if
 * they prove themselves (they are not synced with every checkpoint), and with the newest snapshot of the producers up to
 * it. From the recovery point on checksums are verified; the log is cut off at the first byte that is not part of a
 * sound batch, later segments are removed, and indexes and producers' state are rebuilt. Where the indexes do not prove
 * themselves, the segment that holds the recovery point is read from its beginning.
 */
import {
  batchBaseOffset,
  batchCrcIsValid,
  batchLastOffset,
  batchLeaderEpoch,
  batchSize,
} from '../../../protocol-codecs/record-batch.ts'
import type { Checkpoints } from './compare-checkpoints.ts'
import type { PartitionLog } from './partition-log.ts'
import { restoreEpochs } from './restore-epochs.ts'
import { noteProducer, restoreProducers } from './restore-producers.ts'
import { headerAt, indexableTimestamp, type Steps, scanSteps } from './scan-batches.ts'
import type { Segment } from './segment.ts'

/** Verifies a log from the recovery point on, and cuts off what is not sound; gives whether there was anything. */
export function* recover(
  log: PartitionLog,
  checkpoints: Checkpoints,
  snapshots: readonly number[],
): Steps<boolean> {
  const { recoveryPoint } = checkpoints
  // Nobody reads what is below the log start; it may have been on its way out.
  const soundUpTo = Math.max(recoveryPoint, log.logStartOffset)
  let first = log.segmentIndex(soundUpTo)
  const scanFrom = log.segments[first]!.baseOffset
  // Where a log starts is stored before what lies below goes, unless that is below the recovery point.
  if (isBehindLoss(log, soundUpTo, scanFrom, checkpoints)) {
    cutOff(log, 0, 0, 'the first segments are missing')
    log.logEndOffset = soundUpTo
    log.recoveryPoint = Math.min(recoveryPoint, soundUpTo)
    return true
  }
  // What was cut off the segment before may be back, as long as no sync has come to the end of this one.
  if (first > 0 && recoveryPoint <= scanFrom && log.logStartOffset < scanFrom) first--
  let isCutOff = false
  let letGo = log.segments[first]!.keepOpen()
  try {
    let position = resume(log, log.segments[first]!, recoveryPoint)
    // What is below the recovery point is kept, so a snapshot up to there is of this log.
    yield* restoreProducers(log, snapshots, first, position, Math.max(recoveryPoint, log.logEndOffset))
    for (let i = first; i < log.segments.length; i++, position = 0) {
      const segment = log.segments[i]!
      letGo()
      letGo = segment.keepOpen()
      // A segment that overlaps its predecessor cannot have been written by an append.
      const isMisplaced =
        i > first &&
        (segment.baseOffset < log.logEndOffset ||
          isBehindLoss(log, Math.max(log.logEndOffset, soundUpTo), segment.baseOffset, checkpoints))
      const end = isMisplaced ? 0 : yield* recoverSegment(log, segment, position, checkpoints)
      if (!isMisplaced && end < segment.size && log.logEndOffset === log.segments[i + 1]?.baseOffset) {
        // The log has gone on behind a cut, which was not synced; or what lies before the end is not what it was.
        const { path, size } = segment
        const { logEndOffset } = log
        log.environment.logger.warn(
          { segment: path, position: end, bytesRemoved: size - end, logEndOffset },
          'a segment goes on behind the offset that the next one begins with; cutting it off there',
        )
        segment.truncate(end, logEndOffset)
      } else if (isMisplaced || end < segment.size) {
        const isDamage = log.logEndOffset < recoveryPoint
        cutOff(log, i, end, isDamage ? 'the log is damaged where it was known to be on disk' : 'a torn tail')
        isCutOff = true
        break
      }
      if (i < log.segments.length - 1) segment.finishIndexes()
    }
  } finally {
    letGo()
  }
  if (log.logEndOffset < log.snapshots.newest && log.segments.length > 0) {
    yield* restoreProducers(log, snapshots, log.segments.length - 1, log.activeSegment.size)
  }
  // Where retention has left nothing, nothing has to be synced.
  log.recoveryPoint = log.size === 0 ? log.logEndOffset : Math.min(recoveryPoint, log.logEndOffset)
  return isCutOff
}

/**
 * Whether a power loss has kept what lies between two offsets, and the segment that begins at the second came to disk
 * before it. Then nobody was promised more from here on than the journal gives back. Gaps of compaction, or of damage
 * that was reported, are below the recovery point as far as that is known.
 */
function isBehindLoss(
  log: PartitionLog,
  from: number,
  to: number,
  { journaled, recoveryPointIsKnown = false }: Checkpoints,
): boolean {
  if (to <= from) return false
  if (journaled?.cover(from, to) === true) return true
  return recoveryPointIsKnown && !log.config.cleanupPolicy.compact
}

/** Ends the log at a position in the segment with this index. */
function cutOff(log: PartitionLog, index: number, position: number, why: string): void {
  const segment = log.segments[index]!
  log.environment.logger.warn(
    {
      segment: segment.path,
      position,
      bytesRemoved: segment.size - position,
      segmentsRemoved: log.segments.length - index - 1,
      logEndOffset: log.logEndOffset,
    },
    `${why}; cutting off the log there`,
  )
  if (position > 0 || segment.baseOffset === log.logEndOffset) {
    segment.truncate(position, log.logEndOffset)
    index++
  }
  dropSegmentsFrom(log, index)
}

/**
 * Where to begin in the segment that holds the recovery point: at the last batch below that which its indexes know, if
 * they prove themselves; else at its beginning. The log ends there, for now.
 */
function resume(log: PartitionLog, segment: Segment, recoveryPoint: number): number {
  log.logEndOffset = segment.baseOffset
  // Without its history of epochs a log is read as a whole, to find out where each of them began.
  if (recoveryPoint <= segment.baseOffset || log.epochs.firstOffset() === undefined) return 0
  const position = segment.resumeIndexes(recoveryPoint)
  const header = position > 0 ? headerAt(segment, position) : undefined
  if (header === undefined) return 0
  const baseOffset = batchBaseOffset(header, 0)
  if (baseOffset < segment.baseOffset || log.epochs.epochAt(baseOffset) !== batchLeaderEpoch(header, 0))
    return 0
  log.logEndOffset = baseOffset
  return position
}

/**
 * Reads a segment from a position on into its indexes and the producers' state; gives the end of what is sound.
 * Below the recovery point batches were on disk and only have to hang together. From there on their
 * checksums must be right, and, because offset and epoch are outside the checksum, their offsets must
 * follow each other; only compaction leaves gaps.
 */
function* recoverSegment(
  log: PartitionLog,
  segment: Segment,
  from: number,
  checkpoints: Checkpoints,
): Steps<number> {
  const { recoveryPoint, journaled } = checkpoints
  if (from === 0) segment.resetIndexes()
  let expected = Math.max(log.logEndOffset, segment.baseOffset)
  const mayHaveGaps = log.config.cleanupPolicy.compact
  const knownEpoch = (log.partition as { leaderEpoch?: number }).leaderEpoch ?? 0x7fffffff
  const end = yield* scanSteps(segment, from, segment.size, false, (buffer, at, position) => {
    const baseOffset = batchBaseOffset(buffer, at)
    const lastOffset = batchLastOffset(buffer, at)
    if (baseOffset < expected || lastOffset - segment.baseOffset > 0x7fffffff) return false
    if (baseOffset >= recoveryPoint) {
      if (baseOffset > expected && !mayHaveGaps) return false
      if (!batchCrcIsValid(buffer, at)) return false
      // Who was promised these records was so because of the journal, which is about to let go of them.
      if (log.hasFailedSync || journaled?.cover(baseOffset, lastOffset + 1) === true) {
        segment.rewrite(buffer.subarray(at, at + batchSize(buffer, at)), position)
      }
    }
    segment.indexBatch(
      position,
      batchSize(buffer, at),
      lastOffset,
      indexableTimestamp(buffer, at),
      log.config.indexIntervalBytes,
    )
    noteProducer(log, buffer, at)
    const leaderEpoch = batchLeaderEpoch(buffer, at)
    if (log.epochs.epochAt(baseOffset) > leaderEpoch) {
      log.environment.logger.warn(
        { path: log.epochs.path },
        "a log's history of epochs is not what its batches say",
      )
      log.epochs.forget()
      restoreEpochs(log)
    }
    if (leaderEpoch <= knownEpoch) log.epochs.assign(leaderEpoch, baseOffset)
    expected = lastOffset + 1
    return true
  })
  log.logEndOffset = expected
  return end
}

export function dropSegmentsFrom(log: PartitionLog, index: number): void {
  for (const segment of log.segments.splice(index)) {
    removeSegmentFiles(log, segment)
    log.namesWereRemoved = true
  }
}

function removeSegmentFiles(log: PartitionLog, segment: Segment): void {
  segment.close()
  for (const kind of ['log', 'index', 'timeindex', 'txnindex'] as const) {
    log.environment.disk.remove(segment.filePath(kind))
  }
}

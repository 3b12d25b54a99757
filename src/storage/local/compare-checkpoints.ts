/**
 * Holds what several files say of a log against each other when it is opened. None of them has a checksum, but after a
 * clean stop they agree: the log's end, the recovery point and the high watermark are one offset, and the first epoch
 * begins where the log does. Where one differs it is damaged. Two that agree are believed; where that leaves a doubt,
 * what hides the fewest records is, and the end never moves back, so that no offset is given to two records.
 */
import {
  batchLastOffset,
  batchLastOffsetDelta,
  batchLeaderEpoch,
} from '../../../protocol-codecs/record-batch.ts'
import type { JournaledOffsets } from './journaled-offsets.ts'
import type { PartitionLog } from './partition-log.ts'
import { epochsFitBatches } from './restore-epochs.ts'
import { firstHeader, scanBatches } from './scan-batches.ts'

/** What checkpoints say of one log. */
export interface Checkpoints {
  readonly wasShutDownCleanly: boolean
  /** A sync may have failed that could not be noted beside the log. */
  readonly hasFailedSync?: boolean
  readonly recoveryPoint: number
  /** That is what the last run has stored, and not a guess because that is lost. */
  readonly recoveryPointIsKnown?: boolean
  /** What the journal, if there is one, can give the log after a crash. */
  readonly journaled?: JournaledOffsets | undefined
  readonly logStartOffset: number
  /** As the last run has stored it. */
  readonly highWatermark?: number | undefined
}

/** After a clean stop, once the log's end was found. */
export function compareEnds(
  log: PartitionLog,
  { highWatermark, recoveryPoint, recoveryPointIsKnown }: Checkpoints,
): void {
  const { directory, environment, logEndOffset, logStartOffset } = log
  if (logStartOffset > Math.max(logEndOffset, recoveryPoint)) {
    const details = { directory, logStartOffset, logEndOffset }
    environment.logger.error(details, 'a log start offset is behind the end of its log; it does not count')
    log.logStartOffset = log.epochs.firstOffset() ?? 0
  }
  if (!recoveryPointIsKnown || logEndOffset === recoveryPoint) return
  const details = { directory, logEndOffset, recoveryPoint, highWatermark }
  if (logEndOffset === highWatermark) {
    environment.logger.error(
      details,
      'a recovery point is not the end that the log and its high watermark have',
    )
    return
  }
  environment.logger.error(
    details,
    'a log does not end where a clean stop has left it; records at its end are damaged or lost',
  )
  if (recoveryPoint > logEndOffset) {
    log.goOnAt(recoveryPoint)
    log.recoveryPoint = recoveryPoint
  } else if (recoveryPoint === highWatermark && wouldEndAt(log) === recoveryPoint) {
    log.logEndOffset = recoveryPoint
  }
}

/**
 * After a crash, once the journal has given back what it has. What was on disk and is gone leaves its offsets unused:
 * nobody who has read them is to find other records there.
 */
export function compareRecoveryPoint(log: PartitionLog, recoveryPoint: number): void {
  const { directory, environment, isOffline, logEndOffset } = log
  if (isOffline || logEndOffset >= recoveryPoint) return
  environment.logger.error(
    { directory, logEndOffset, recoveryPoint },
    'a log ends before what was known to be on disk; records at its end are damaged or lost',
  )
  log.goOnAt(recoveryPoint)
  log.recoveryPoint = recoveryPoint
  log.becameDurable(log.end)
}

/** Where the log would end if its last batch began where the one before it ends. */
function wouldEndAt(log: PartitionLog): number {
  const segment = log.activeSegment
  let beforeLast = segment.baseOffset
  let end = segment.baseOffset
  let lastCount = 0
  scanBatches(segment, 0, segment.size, false, (buffer, at) => {
    beforeLast = end
    end = batchLastOffset(buffer, at) + 1
    lastCount = batchLastOffsetDelta(buffer, at) + 1
    return true
  })
  return beforeLast + lastCount
}

/** Once log start and end are known. What the log's batches say of epochs is nearer to the truth than the file. */
export function compareEpochs(log: PartitionLog, wasShutDownCleanly: boolean): void {
  const { directory, environment, epochs } = log
  const first = epochs.firstOffset()
  if (first === undefined) return
  const start = Math.max(log.logStartOffset, log.segments[0]?.baseOffset ?? 0)
  // Where a log starts is stored before anything below goes, so a crash may leave only this file behind that.
  const mayLag = !wasShutDownCleanly && start === log.storedStartOffset
  if (first > start || (first < start && !mayLag)) {
    environment.logger.error(
      { directory, logStartOffset: start, firstEpochOffset: first },
      'a log does not start where its first epoch does; records at its start are damaged or lost, or were deleted and are back',
    )
    if (first < log.logStartOffset) log.logStartOffset = first
  }
  const fits = epochs.latest() <= epochs.starts()[0]!.epoch || epochsFitBatches(log)
  if (!fits)
    environment.logger.warn({ path: epochs.path }, "a log's history of epochs is not what its batches say")
  if (!fits || first > start || (wasShutDownCleanly && !isEpochOfActive(log, first))) epochs.forget()
}

/** After a crash recovery looks at the epochs of what it reads. */
function isEpochOfActive(log: PartitionLog, first: number): boolean {
  const header = log.segments.length === 0 ? undefined : firstHeader(log.activeSegment)
  const { baseOffset } = log.segments.at(-1) ?? { baseOffset: 0 }
  if (header === undefined || baseOffset < first) return true
  if (log.epochs.epochAt(baseOffset) === batchLeaderEpoch(header, 0)) return true
  log.environment.logger.warn(
    { path: log.epochs.path },
    "a log's history of epochs is not what its batches say",
  )
  return false
}

/**
 * Opens a partition's directory, whatever state it was left in.
 *
 * After a clean shutdown the files are as they were closed: only the tail behind the last index entry
 * is walked, to find the log end. After a crash the segment that holds the recovery point and those
 * behind it are read, with checksums from the recovery point on; the log is cut off at the first byte
 * that is not part of a sound batch, later segments are removed, and indexes and producers' state are
 * rebuilt. Nothing below the recovery point can be torn: it was on disk when the checkpoint was written.
 */
import { join } from 'node:path'
import {
  batchBaseOffset,
  batchBaseSequence,
  batchCrcIsValid,
  batchIsControl,
  batchLastOffset,
  batchLastOffsetDelta,
  batchLeaderEpoch,
  batchProducerEpoch,
  batchProducerId,
  batchSize,
} from '../../../protocol-codecs/record-batch.ts'
import type { TopicConfig } from '../../settings/topic-config.ts'
import type { PartitionRef } from '../partition-log.ts'
import { compareEnds, compareEpochs } from './compare-checkpoints.ts'
import { failedSyncFileName } from './failed-sync.ts'
import { finishInterruptedSwap } from './interrupted-swap.ts'
import type { JournaledOffsets } from './journaled-offsets.ts'
import { deletedSuffix, parseSegmentFileName, segmentFileName } from './log-files.ts'
import { PartitionLog, type PartitionLogEnvironment } from './partition-log.ts'
import { readTopicId, writeTopicId } from './partition-metadata.ts'
import { decodeProducerSnapshot } from './producer-snapshot.ts'
import { firstHeader, indexableTimestamp, scanBatches } from './scan-batches.ts'
import { Segment } from './segment.ts'

export interface Checkpoints {
  readonly wasShutDownCleanly: boolean
  readonly recoveryPoint: number
  /** That is what the last run has stored, and not a guess because that is lost. */
  readonly recoveryPointIsKnown?: boolean
  /** What the journal, if there is one, can give the log after a crash. */
  readonly journaled?: JournaledOffsets | undefined
  readonly logStartOffset: number
  /** Segments stand for themselves, as the journal's do: one that is torn, or missing, says nothing of those behind it. */
  readonly segmentsAreIndependent?: boolean
  /** As the last run has stored it. */
  readonly highWatermark?: number | undefined
}

export function openLog(
  partition: PartitionRef,
  directory: string,
  config: TopicConfig,
  environment: PartitionLogEnvironment,
  checkpoints: Checkpoints,
): PartitionLog {
  const { disk, logger } = environment
  const log = new PartitionLog(partition, directory, config, environment)
  log.epochs.load()
  log.epochs.mayBeUnsynced = !checkpoints.wasShutDownCleanly && log.epochs.latest() >= 0
  const found = tidyDirectory(log)
  for (const baseOffset of found.segments) {
    const size = disk.sizeOf(join(directory, segmentFileName(baseOffset, 'log')))
    log.segments.push(new Segment({ ...environment, directory }, baseOffset, size, false))
  }
  log.logStartOffset = checkpoints.logStartOffset
  log.storedStartOffset = checkpoints.logStartOffset
  log.logEndOffset = checkpoints.logStartOffset

  if (log.segments.length > 0) {
    const { recoveryPoint } = checkpoints
    if (!checkpoints.wasShutDownCleanly) {
      recover(log, checkpoints, found.snapshots)
    } else if (findLogEnd(log)) {
      log.recoveryPoint = log.logEndOffset
      restoreProducers(log, found.snapshots, log.logEndOffset)
    } else {
      const soundUpTo = Math.min(recoveryPoint, log.activeSegment.baseOffset)
      recover(log, { ...checkpoints, recoveryPoint: soundUpTo }, found.snapshots)
    }
    // What was synced has its name on disk; a file without content may have been found by luck.
    log.namesAreUnsynced = log.recoveryPoint < log.logEndOffset || log.size === 0
    for (const segment of log.segments)
      segment.isNew = segment.size === 0 || segment.baseOffset >= log.recoveryPoint
  }

  const last = log.segments.at(-1)
  if (last !== undefined && !checkpoints.wasShutDownCleanly) last.mayHaveUnsyncedCut = true

  if (checkpoints.wasShutDownCleanly) compareEnds(log, checkpoints)
  if (log.logEndOffset < log.logStartOffset) {
    logger.warn(
      { directory, logEndOffset: log.logEndOffset, logStartOffset: log.logStartOffset },
      'the log ends before its start offset; starting empty there',
    )
    dropSegmentsFrom(log, 0)
    log.producers.clear()
    log.logEndOffset = log.logStartOffset
    log.recoveryPoint = log.logEndOffset
    log.namesAreUnsynced = true
    removeSnapshots(log, found.snapshots, () => true)
  }
  // Where nothing is left, the epoch that wrote last is the one that begins at the end.
  const startOffset = Math.max(log.logStartOffset, log.segments[0]?.baseOffset ?? 0)
  log.epochs.truncateTo(log.logEndOffset + (startOffset > 0 && log.logEndOffset === startOffset ? 1 : 0))
  compareEpochs(log, checkpoints.wasShutDownCleanly)
  if (log.epochs.latest() < 0) restoreEpochs(log)
  log.opened()
  log.epochs.truncateStart(log.logStartOffset)
  removeStraySnapshots(log, found.snapshots)
  if (readTopicId(disk, directory) === undefined) {
    writeTopicId(disk, directory, partition.topicId)
    log.namesAreUnsynced = true
  }
  return log
}

/** Removes what half-done work left behind; gives the base offsets of segments and snapshots in order. */
function tidyDirectory(log: PartitionLog): { segments: number[]; snapshots: number[] } {
  const { disk } = log.environment
  let names = disk.list(log.directory)
  for (const name of names) {
    const path = join(log.directory, name)
    if (name.endsWith('.tmp')) disk.remove(path)
    else if (name.endsWith(deletedSuffix)) log.environment.discard(path)
    else if (name === failedSyncFileName) log.hasFailedSync = true
  }
  if (finishInterruptedSwap(disk, log.environment.logger, log.directory, names)) {
    names = disk.list(log.directory)
  }
  const segments: number[] = []
  const snapshots: number[] = []
  for (const name of names) {
    const file = parseSegmentFileName(name)
    if (file?.kind === 'log') segments.push(file.baseOffset)
    if (file?.kind === 'snapshot') snapshots.push(file.baseOffset)
  }
  segments.sort((a, b) => a - b)
  snapshots.sort((a, b) => a - b)
  for (const name of names) {
    const file = parseSegmentFileName(name)
    if (file === undefined || file.kind === 'log' || file.kind === 'snapshot') continue
    if (!segments.includes(file.baseOffset)) disk.remove(join(log.directory, name))
  }
  return { segments, snapshots }
}

/**
 * Clean start: the files are sound, only what lies behind the last index entry is unknown. Gives
 * `false` when that is not a run of batches up to the end of the file, so that more must be wrong.
 */
function findLogEnd(log: PartitionLog): boolean {
  const active = log.activeSegment
  const from = active.offsets.last()?.position ?? 0
  log.logEndOffset = active.baseOffset
  const end = scanBatches(active, from, active.size, false, (buffer, at) => {
    if (batchBaseOffset(buffer, at) < log.logEndOffset) return false
    log.logEndOffset = batchLastOffset(buffer, at) + 1
    const maxTimestampMs = indexableTimestamp(buffer, at)
    if (maxTimestampMs > active.maxTimestampMs) {
      active.maxTimestampMs = maxTimestampMs
      active.maxTimestampOffset = log.logEndOffset - 1
    }
    return true
  })
  if (end < active.size) {
    log.environment.logger.error(
      { segment: active.path, position: end },
      'a segment is damaged although the shutdown was clean; recovering the log',
    )
    return false
  }
  active.bytesSinceIndexEntry = end - from
  const first = firstHeader(active)
  if (first !== undefined) active.firstTimestampMs = indexableTimestamp(first, 0)
  return true
}

/** After a crash: verify from the recovery point on, cut off what is not sound. */
function recover(log: PartitionLog, checkpoints: Checkpoints, snapshots: readonly number[]): void {
  const { recoveryPoint } = checkpoints
  // Nobody reads what is below the log start; it may have been on its way out.
  const soundUpTo = Math.max(recoveryPoint, log.logStartOffset)
  const first = log.segmentIndex(soundUpTo)
  const scanFrom = log.segments[first]!.baseOffset
  if (scanFrom > soundUpTo && checkpoints.journaled?.cover(soundUpTo, scanFrom) === true) {
    cutOff(log, 0, 0, 'the first segments are missing')
    log.logEndOffset = soundUpTo
    log.recoveryPoint = Math.min(recoveryPoint, soundUpTo)
    return
  }
  restoreProducers(log, snapshots, scanFrom)
  log.logEndOffset = scanFrom
  for (let i = first; i < log.segments.length; i++) {
    const segment = log.segments[i]!
    if (checkpoints.segmentsAreIndependent) {
      const end = recoverSegment(log, segment, checkpoints)
      if (end < segment.size) segment.truncate(end, log.logEndOffset)
      continue
    }
    // A segment that overlaps its predecessor cannot have been written by an append.
    const isMisplaced =
      segment.baseOffset < log.logEndOffset ||
      isBehindLoss(log, Math.max(log.logEndOffset, soundUpTo), segment.baseOffset, checkpoints)
    const end = isMisplaced ? 0 : recoverSegment(log, segment, checkpoints)
    if (isMisplaced || end < segment.size) {
      const isDamage = log.logEndOffset < recoveryPoint
      cutOff(log, i, end, isDamage ? 'the log is damaged where it was known to be on disk' : 'a torn tail')
      break
    }
    if (i < log.segments.length - 1) segment.finishIndexes()
  }
  // Where retention has left nothing, nothing has to be synced.
  log.recoveryPoint = log.size === 0 ? log.logEndOffset : Math.min(recoveryPoint, log.logEndOffset)
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
 * Reads a whole segment into fresh indexes and the producers' state; gives the end of what is sound.
 * Below the recovery point batches were on disk and only have to hang together. From there on their
 * checksums must be right, and, because offset and epoch are outside the checksum, their offsets must
 * follow each other; only compaction leaves gaps.
 */
function recoverSegment(log: PartitionLog, segment: Segment, checkpoints: Checkpoints): number {
  const { recoveryPoint, journaled } = checkpoints
  segment.resetIndexes()
  let expected = Math.max(log.logEndOffset, segment.baseOffset)
  const mayHaveGaps = log.config.cleanupPolicy.compact
  const knownEpoch = (log.partition as { leaderEpoch?: number }).leaderEpoch ?? 0x7fffffff
  const end = scanBatches(segment, 0, segment.size, false, (buffer, at, position) => {
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

function noteProducer(log: PartitionLog, buffer: Buffer, at: number): void {
  const producerId = batchProducerId(buffer, at)
  if (producerId < 0 || batchIsControl(buffer, at)) return
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

/**
 * Producers' state at `endOffset`: the newest sound snapshot at or below it, and the batches since. Where some of these
 * are gone, as those below the log start may be, what was known before says nothing: producers would be held to it
 * although they have written since.
 */
function restoreProducers(log: PartitionLog, snapshots: readonly number[], endOffset: number): void {
  const { disk, logger } = log.environment
  let from = log.segments[0]!.baseOffset
  log.producers.clear()
  for (const offset of snapshots.filter(candidate => candidate <= endOffset).reverse()) {
    const path = join(log.directory, segmentFileName(offset, 'snapshot'))
    const entries = decodeProducerSnapshot(disk.readFile(path) ?? Buffer.alloc(0))
    if (entries === undefined) {
      logger.warn({ path }, 'producer snapshot is damaged; using an older one')
      disk.remove(path)
      continue
    }
    for (const entry of entries) log.producers.restore(entry)
    log.snapshotOffset = offset
    from = offset
    break
  }
  let next = from
  const noteLoss = (before: number): void => {
    if (next < before && !log.config.cleanupPolicy.compact) log.producers.clear()
  }
  for (let i = log.segmentIndex(from); i < log.segments.length && from < endOffset; i++) {
    const segment = log.segments[i]!
    if (segment.baseOffset >= endOffset) break
    const relativeOffset = Math.min(from - segment.baseOffset, 0x7fffffff)
    const position = relativeOffset <= 0 ? 0 : segment.offsets.positionBefore(relativeOffset)
    scanBatches(segment, position, segment.size, false, (buffer, at) => {
      const baseOffset = batchBaseOffset(buffer, at)
      if (baseOffset >= endOffset) return false
      if (baseOffset < from) return true
      noteLoss(baseOffset)
      noteProducer(log, buffer, at)
      next = batchLastOffset(buffer, at) + 1
      return true
    })
  }
  noteLoss(endOffset)
}

/** Without its file the history of epochs is known as far as the segments' first batches tell. */
function restoreEpochs(log: PartitionLog): void {
  for (const segment of log.segments) {
    const first = firstHeader(segment)
    if (first !== undefined) log.epochs.assign(batchLeaderEpoch(first, 0), batchBaseOffset(first, 0))
  }
}

/** Keeps the snapshots that recovery may start from: those at the start of segments, and the one in use. */
function removeStraySnapshots(log: PartitionLog, snapshots: readonly number[]): void {
  const bases = new Set(log.segments.map(segment => segment.baseOffset))
  removeSnapshots(
    log,
    snapshots,
    offset => offset > log.logEndOffset || (offset !== log.snapshotOffset && !bases.has(offset)),
  )
}

function removeSnapshots(
  log: PartitionLog,
  snapshots: readonly number[],
  isDoomed: (offset: number) => boolean,
): void {
  for (const offset of snapshots) {
    if (!isDoomed(offset)) continue
    if (offset === log.snapshotOffset) log.snapshotOffset = -1
    log.environment.disk.remove(join(log.directory, segmentFileName(offset, 'snapshot')))
  }
}

function dropSegmentsFrom(log: PartitionLog, index: number): void {
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

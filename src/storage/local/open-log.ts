/**
 * Opens a partition's directory, whatever state it was left in.
 *
 * After a clean shutdown the files are as they were closed: only the tail behind the last index entry
 * is walked, to find the log end. After a crash what lies behind the recovery point is read (recover-log.ts).
 */
import { join } from 'node:path'
import { batchBaseOffset, batchLastOffset } from '../../../protocol-codecs/record-batch.ts'
import type { TopicConfig } from '../../settings/topic-config.ts'
import type { PartitionRef } from '../partition-log.ts'
import { type Checkpoints, compareEnds, compareEpochs } from './compare-checkpoints.ts'
import { failedSyncFileName } from './failed-sync.ts'
import { lastIndexedPosition } from './index-trust.ts'
import { finishInterruptedSwap } from './interrupted-swap.ts'
import {
  deletedSuffix,
  parseSegmentFileName,
  partitionMetadataFileName,
  segmentFileName,
} from './log-files.ts'
import { PartitionLog, type PartitionLogEnvironment } from './partition-log.ts'
import { writeTopicId } from './partition-metadata.ts'
import { dropSegmentsFrom, recover } from './recover-log.ts'
import { restoreEpochs } from './restore-epochs.ts'
import { removeSnapshots, removeStraySnapshots, restoreProducers } from './restore-producers.ts'
import {
  firstChunkSize,
  firstHeader,
  indexableTimestamp,
  now,
  type Steps,
  scanBatches,
} from './scan-batches.ts'
import { Segment } from './segment.ts'

export function openLog(...parameters: Parameters<typeof openSteps>): PartitionLog {
  return now(openSteps(...parameters))
}

/** The work of opening a log, which may have to read much. */
export function* openSteps(
  partition: PartitionRef,
  directory: string,
  config: TopicConfig,
  environment: PartitionLogEnvironment,
  checkpoints: Checkpoints,
): Steps<PartitionLog> {
  const { disk, logger } = environment
  const log = new PartitionLog(partition, directory, config, environment)
  log.epochs.load()
  log.epochs.mayBeUnsynced = !checkpoints.wasShutDownCleanly && log.epochs.latest() >= 0
  const found = tidyDirectory(log)
  if (checkpoints.hasFailedSync) log.hasFailedSync = true
  for (const baseOffset of found.segments) {
    const size = disk.sizeOf(join(directory, segmentFileName(baseOffset, 'log')))
    log.segments.push(new Segment({ ...environment, directory }, baseOffset, size, false))
  }
  log.logStartOffset = checkpoints.logStartOffset
  log.storedStartOffset = checkpoints.logStartOffset
  log.logEndOffset = checkpoints.logStartOffset

  if (log.segments.length > 0) {
    const { recoveryPoint } = checkpoints
    let isCutOff = false
    if (!checkpoints.wasShutDownCleanly) {
      isCutOff = yield* recover(log, checkpoints, found.snapshots)
    } else if (findLogEnd(log)) {
      log.recoveryPoint = log.logEndOffset
      yield* restoreProducers(log, found.snapshots, log.segments.length - 1, log.activeSegment.size)
    } else {
      const soundUpTo = Math.min(recoveryPoint, log.activeSegment.baseOffset)
      isCutOff = yield* recover(log, { ...checkpoints, recoveryPoint: soundUpTo }, found.snapshots)
    }
    // What was synced has its name on disk; a file without content may have been found by luck.
    log.namesAreUnsynced = isCutOff || log.recoveryPoint < log.logEndOffset || log.size === 0
    for (const segment of log.segments)
      segment.isNew = segment.size === 0 || segment.baseOffset >= log.recoveryPoint
  }

  if (!checkpoints.wasShutDownCleanly) {
    for (const [i, segment] of log.segments.entries()) {
      const endOffset = log.segments[i + 1]?.baseOffset ?? log.logEndOffset
      segment.mayHaveUnsyncedCut = endOffset >= checkpoints.recoveryPoint
    }
  }

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
  if (log.epochs.latest() < 0 && log.size > 0 && checkpoints.recoveryPoint > 0)
    logger.warn({ path: log.epochs.path }, "a log's history of epochs is missing or damaged; making it anew")
  // Where nothing is left, the epoch that wrote last is the one that begins at the end.
  const startOffset = Math.max(log.logStartOffset, log.segments[0]?.baseOffset ?? 0)
  log.epochs.truncateTo(log.logEndOffset + (startOffset > 0 && log.logEndOffset === startOffset ? 1 : 0))
  compareEpochs(log, checkpoints.wasShutDownCleanly)
  if (log.epochs.latest() < 0) restoreEpochs(log)
  log.opened()
  log.epochs.truncateStart(log.logStartOffset)
  removeStraySnapshots(log, found.snapshots)
  if (!found.hasOwner) {
    writeTopicId(disk, directory, partition.topicId)
    log.namesAreUnsynced = true
  }
  // Most logs of a start are not used soon.
  if (checkpoints.wasShutDownCleanly) log.activeSegment.closeIfUnindexed()
  return log
}

interface FoundFiles {
  readonly segments: number[]
  readonly snapshots: number[]
  /** There is a file that says whose directory it is. */
  readonly hasOwner: boolean
}

/** Removes what half-done work left behind; gives the base offsets of segments and snapshots in order. */
function tidyDirectory(log: PartitionLog): FoundFiles {
  const { disk } = log.environment
  let names = disk.list(log.directory)
  if (names.length === 0) disk.makeDirectory(log.directory)
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
  return { segments, snapshots, hasOwner: names.includes(partitionMetadataFileName) }
}

/**
 * Clean start: the files are sound, only what lies behind the last index entry is unknown. Gives
 * `false` when that is not a run of batches up to the end of the file, so that more must be wrong.
 */
function findLogEnd(log: PartitionLog): boolean {
  const active = log.activeSegment
  // One read shows all of a short segment.
  const from = active.size <= firstChunkSize ? 0 : lastIndexedPosition(log.environment.disk, active)
  log.logEndOffset = active.baseOffset
  const end = scanBatches(active, from, active.size, false, (buffer, at, position) => {
    if (batchBaseOffset(buffer, at) < log.logEndOffset) return false
    log.logEndOffset = batchLastOffset(buffer, at) + 1
    const timestampMs = indexableTimestamp(buffer, at)
    if (position === 0) active.firstTimestampMs = timestampMs
    if (from === 0) active.noteTimestamp(timestampMs, log.logEndOffset - 1)
    return true
  })
  if (end < active.size) {
    log.environment.logger.error(
      { segment: active.path, position: end },
      'a segment is damaged although the shutdown was clean; recovering the log',
    )
    return false
  }
  const first = from === 0 ? undefined : firstHeader(active)
  if (first !== undefined) active.firstTimestampMs = indexableTimestamp(first, 0)
  return true
}

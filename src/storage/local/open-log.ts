/**
 * Opens a partition's directory, whatever state it was left in.
 *
 * After a clean shutdown the files are as they were closed: only the tail behind the last index entry
 * is walked, to find the log end. After a crash everything from the recovery point on is read and its
 * checksums verified; the log is cut off at the first byte that is not part of a sound batch, later
 * segments are removed, and indexes and producers' state are rebuilt. Nothing below the recovery point
 * can be torn: it was on disk when the checkpoint was written.
 */
import { join } from 'node:path'
import {
  batchBaseOffset,
  batchBaseSequence,
  batchIsControl,
  batchLastOffset,
  batchLastOffsetDelta,
  batchLeaderEpoch,
  batchMaxTimestamp,
  batchProducerEpoch,
  batchProducerId,
  batchSize,
} from '../../../protocol-codecs/record-batch.ts'
import type { TopicConfig } from '../../settings/topic-config.ts'
import type { PartitionRef } from '../partition-log.ts'
import { deletedSuffix, parseSegmentFileName, segmentFileName } from './log-files.ts'
import { PartitionLog, type PartitionLogEnvironment } from './partition-log.ts'
import { decodeProducerSnapshot } from './producer-snapshot.ts'
import { scanBatches } from './scan-batches.ts'
import { Segment } from './segment.ts'

export interface Checkpoints {
  readonly wasShutDownCleanly: boolean
  readonly recoveryPoint: number
  readonly logStartOffset: number
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
  const found = tidyDirectory(log)
  for (const baseOffset of found.segments) {
    const size = disk.sizeOf(join(directory, segmentFileName(baseOffset, 'log')))
    log.segments.push(new Segment({ ...environment, directory }, baseOffset, size, false))
  }
  log.logStartOffset = checkpoints.logStartOffset

  if (log.segments.length > 0) {
    const last = log.activeSegment
    if (checkpoints.wasShutDownCleanly) {
      findLogEnd(log)
      log.recoveryPoint = log.logEndOffset
      restoreProducers(log, found.snapshots, log.logEndOffset)
    } else {
      recover(log, checkpoints.recoveryPoint, found.snapshots)
    }
    if (log.activeSegment !== last) logger.warn({ directory }, 'segments behind a damaged batch were removed')
  } else {
    log.logEndOffset = checkpoints.logStartOffset
  }

  if (log.logEndOffset < log.logStartOffset) {
    logger.warn(
      { directory, logEndOffset: log.logEndOffset, logStartOffset: log.logStartOffset },
      'the log ends before its start offset; starting empty there',
    )
    for (const segment of log.segments) removeSegmentFiles(log, segment)
    log.segments.length = 0
    log.producers.clear()
    log.logEndOffset = log.logStartOffset
  }
  log.epochs.truncateTo(log.logEndOffset)
  log.opened()
  return log
}

/** Removes what half-done work left behind; gives the base offsets of segments and snapshots in order. */
function tidyDirectory(log: PartitionLog): { segments: number[]; snapshots: number[] } {
  const { disk } = log.environment
  const names = disk.list(log.directory)
  const segments: number[] = []
  const snapshots: number[] = []
  for (const name of names) {
    if (name.endsWith(deletedSuffix) || name.endsWith('.cleaned') || name.endsWith('.tmp')) {
      disk.remove(join(log.directory, name))
      continue
    }
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

/** Clean start: the files are sound, only what lies behind the last index entry is unknown. */
function findLogEnd(log: PartitionLog): void {
  const { disk } = log.environment
  for (const segment of log.segments) {
    const isIndexed =
      disk.readFile(segment.filePath('index')) !== undefined || segment.size <= log.config.indexIntervalBytes
    if (!isIndexed) {
      log.environment.logger.warn({ segment: segment.path }, 'index is missing; rebuilding it')
      indexSegment(log, segment, 0, false)
      if (segment !== log.activeSegment) segment.writeIndexes(true)
    }
  }
  const active = log.activeSegment
  const from = active.offsets.positionBefore(0x7fffffff)
  log.logEndOffset = active.baseOffset
  const end = scanBatches(active, from, active.size, false, (buffer, at) => {
    log.logEndOffset = batchLastOffset(buffer, at) + 1
    const maxTimestampMs = batchMaxTimestamp(buffer, at)
    if (maxTimestampMs > active.maxTimestampMs) {
      active.maxTimestampMs = maxTimestampMs
      active.maxTimestampOffset = log.logEndOffset - 1
    }
    return true
  })
  active.bytesSinceIndexEntry = end - from
  if (end < active.size) active.truncate(end, log.logEndOffset)
  readFirstTimestamp(active)
}

/** Rolling by time counts from the first batch. */
function readFirstTimestamp(segment: Segment): void {
  scanBatches(segment, 0, segment.size, false, (buffer, at) => {
    segment.firstTimestampMs = batchMaxTimestamp(buffer, at)
    return false
  })
}

/** After a crash: verify from the recovery point on, cut off what is not sound. */
function recover(log: PartitionLog, recoveryPoint: number, snapshots: readonly number[]): void {
  const { logger } = log.environment
  const first = log.segmentIndex(recoveryPoint)
  const scanFrom = log.segments[first]!.baseOffset
  restoreProducers(log, snapshots, scanFrom)
  log.logEndOffset = scanFrom
  for (let i = first; i < log.segments.length; i++) {
    const segment = log.segments[i]!
    if (segment.baseOffset < log.logEndOffset) {
      // A segment that overlaps its predecessor cannot have been written by an append.
      dropSegmentsFrom(log, i)
      break
    }
    const fileSize = segment.size
    const end = indexSegment(log, segment, log.logEndOffset, true)
    if (end < fileSize) {
      logger.warn(
        { segment: segment.path, position: end, bytesRemoved: fileSize - end },
        'cutting off a torn tail',
      )
      segment.truncate(end, log.logEndOffset)
      dropSegmentsFrom(log, i + 1)
      break
    }
    if (i < log.segments.length - 1) segment.writeIndexes(true)
  }
  const { disk, directory } = { disk: log.environment.disk, directory: log.directory }
  for (const offset of snapshots) {
    if (offset > log.logEndOffset) disk.remove(join(directory, segmentFileName(offset, 'snapshot')))
  }
  log.recoveryPoint = Math.min(recoveryPoint, log.logEndOffset)
}

/** Reads a whole segment into fresh indexes and the producers' state; gives the end of what is sound. */
function indexSegment(log: PartitionLog, segment: Segment, nextOffset: number, verify: boolean): number {
  segment.resetIndexes()
  let expected = nextOffset
  const end = scanBatches(segment, 0, segment.size, verify, (buffer, at, position) => {
    if (batchBaseOffset(buffer, at) < Math.max(expected, segment.baseOffset)) return false
    const lastOffset = batchLastOffset(buffer, at)
    segment.indexBatch(
      position,
      batchSize(buffer, at),
      lastOffset,
      batchMaxTimestamp(buffer, at),
      log.config.indexIntervalBytes,
    )
    if (verify) {
      noteProducer(log, buffer, at)
      log.epochs.assign(batchLeaderEpoch(buffer, at), batchBaseOffset(buffer, at))
    }
    expected = lastOffset + 1
    return true
  })
  if (verify) log.logEndOffset = Math.max(expected, segment.baseOffset)
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
      timestampMs: batchMaxTimestamp(buffer, at),
    },
    batchBaseOffset(buffer, at),
  )
}

/** Producers' state at `endOffset`: the newest sound snapshot at or below it, and the batches since. */
function restoreProducers(log: PartitionLog, snapshots: readonly number[], endOffset: number): void {
  const { disk, logger } = log.environment
  let from = log.segments[0]!.baseOffset
  for (const offset of snapshots.filter(candidate => candidate <= endOffset).reverse()) {
    const path = join(log.directory, segmentFileName(offset, 'snapshot'))
    const entries = decodeProducerSnapshot(disk.readFile(path) ?? Buffer.alloc(0))
    if (entries === undefined) {
      logger.warn({ path }, 'producer snapshot is damaged; using an older one')
      disk.remove(path)
      continue
    }
    for (const entry of entries) log.producers.restore(entry)
    from = offset
    break
  }
  for (let i = log.segmentIndex(from); i < log.segments.length; i++) {
    const segment = log.segments[i]!
    if (segment.baseOffset >= endOffset) break
    scanBatches(segment, 0, segment.size, false, (buffer, at) => {
      if (batchBaseOffset(buffer, at) >= endOffset) return false
      if (batchBaseOffset(buffer, at) >= from) noteProducer(log, buffer, at)
      return true
    })
    if (from >= endOffset) break
  }
}

function dropSegmentsFrom(log: PartitionLog, index: number): void {
  for (const segment of log.segments.splice(index)) removeSegmentFiles(log, segment)
}

function removeSegmentFiles(log: PartitionLog, segment: Segment): void {
  segment.close()
  for (const kind of ['log', 'index', 'timeindex', 'txnindex'] as const) {
    log.environment.disk.remove(segment.filePath(kind))
  }
}

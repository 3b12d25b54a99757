/**
 * The journal: where acks=all of many partitions become durable with one sync. To sync a file costs the same
 * whether one record is new in it or a thousand. So when several logs have a little to be synced each, what is new
 * in all of them is written here as one batch and synced once; their own files, which have the same bytes in the
 * page cache, are synced later and side by side. (docs/decisions/0001-journal.md has the measurements.)
 *
 * It is a log like any other, in the directory `__journal-0`: a batch for each time it is used, in that a record
 * for each log (key: `<topic id>:<partition>`; value: record batches as they lie in that log). It is there only
 * while it is needed. A clean stop leaves none, so a directory that was left in order is in Kafka's form.
 *
 * Invariant: what was acknowledged as durable is in its log's own file, synced, or in a journal segment that is
 * still there. A segment goes when every log that it stands for has been synced beyond it. After a crash the logs
 * are recovered first and then get from here what they lack; batches that they have are passed over, so doing it
 * twice does no harm.
 */

import { join } from 'node:path'
import { buildBatch } from '../../../protocol-codecs/build-batch.ts'
import { recordsOf } from '../../../protocol-codecs/read-records.ts'
import {
  batchBaseOffset,
  batchesIn,
  batchIsControl,
  batchLastOffset,
  batchLeaderEpoch,
  batchSize,
} from '../../../protocol-codecs/record-batch.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Logger } from '../../platform/logger.ts'
import type { TopicConfig } from '../../settings/topic-config.ts'
import { journalTopic } from '../internal-topic-names.ts'
import { factsOf } from './batch-facts.ts'
import { parseSegmentFileName } from './log-files.ts'
import type { PartitionLog } from './partition-log.ts'
import { scanBatches } from './scan-batches.ts'
import type { Segment } from './segment.ts'
import { readTail, type UnsyncedTail, unsyncedTail } from './unsynced-tail.ts'

export const journalPartition = { topicId: 'AAAAAAAAAAAAAAAAAAAAAg', topic: journalTopic, index: 0 }
/** So much is written before the logs' own files are synced: it bounds what a start after a crash has to read. */
const segmentBytes = 64 * 1024 * 1024

/** Only its size ends a segment of the journal, and an acknowledgement always waits for the disk. */
export function journalConfig(config: TopicConfig): TopicConfig {
  return { ...config, segmentBytes, segmentMs: Number.POSITIVE_INFINITY, writeCaching: false }
}

/** With more to write per log, syncing each file costs less than writing everything twice. */
const maxMeanTailBytes = 64 * 1024
const maxEntryBytes = 4 * 1024 * 1024
/** With so many segments that wait for their logs to be synced, nothing is added until some are. */
const maxSegments = 4

/** A segment of the journal, and for each log the offset up to which it stands for it. */
interface JournalPart {
  readonly segment: Segment
  readonly endOffsets: Map<PartitionLog, number>
}

export class Journal {
  private readonly open: () => PartitionLog
  private readonly clock: Clock
  private opened: PartitionLog | undefined
  private parts: JournalPart[] = []

  /** `open` opens the journal's own log, at its first use. */
  constructor(open: () => PartitionLog, clock: Clock) {
    this.open = open
    this.clock = clock
  }

  /** The journal's own log; syncing it is the caller's. */
  get log(): PartitionLog {
    this.opened ??= this.open()
    return this.opened
  }

  /** Whether one entry for so many logs, with so many bytes in all, costs less than a sync of each. */
  pays(logCount: number, byteCount: number): boolean {
    if (logCount < 2 || byteCount > logCount * maxMeanTailBytes) return false
    return this.parts.length <= maxSegments && this.opened?.isOffline !== true
  }

  /**
   * Writes what the logs have behind their durable ends, as far as it goes into one entry; gives what that was.
   * Nothing is synced yet. Throws the disk's error with nothing written.
   */
  write(logs: Iterable<PartitionLog>): UnsyncedTail[] {
    const tails: UnsyncedTail[] = []
    const records: { key: Buffer; value: Buffer }[] = []
    let byteCount = 0
    for (const log of logs) {
      const tail = unsyncedTail(log)
      if (tail === undefined || byteCount + tail.size > maxEntryBytes) continue
      byteCount += tail.size
      records.push({ key: keyOf(log), value: readTail(tail) })
      tails.push(tail)
    }
    if (tails.length === 0) return tails
    const batch = buildBatch({ records, timestamp: this.clock.now() })
    this.log.append(batch, factsOf(batch, 'coordinator'), 0)
    const { endOffsets } = this.currentPart()
    for (const { log, to } of tails) endOffsets.set(log, to.offset)
    return tails
  }

  private currentPart(): JournalPart {
    const segment = this.log.activeSegment
    const last = this.parts.at(-1)
    if (last?.segment === segment) return last
    const part = { segment, endOffsets: new Map() }
    this.parts.push(part)
    return part
  }

  /** Ends the segment that is being written, so that it can go as soon as its logs are synced. */
  roll(): void {
    if (this.opened !== undefined && !this.opened.isOffline) this.opened.roll()
  }

  /** The logs whose own files must be synced before the segments that are full can go. */
  unsettled(): Set<PartitionLog> {
    const logs = new Set<PartitionLog>()
    for (const { segment, endOffsets } of this.parts) {
      // What is being written is left alone, unless that has come to its end.
      if (segment === this.opened?.activeSegment && !this.opened.isOffline) break
      for (const [log, endOffset] of endOffsets) if (!isSettled(log, endOffset)) logs.add(log)
    }
    return logs
  }

  /** Removes the oldest segments, as long as nothing in them is needed. */
  removeSettled(): void {
    let settled = 0
    for (const part of this.parts) {
      if (part.segment === this.opened?.activeSegment || !isPartSettled(part)) break
      settled++
    }
    if (settled === 0) return
    this.parts = this.parts.slice(settled)
    const { log } = this
    log.removeOldest(log.segments.indexOf(this.parts[0]?.segment ?? log.activeSegment))
    log.retiring.length = 0
    const { disk, discard } = log.environment
    for (const name of disk.list(log.directory)) {
      const file = parseSegmentFileName(name)
      if (file !== undefined && file.baseOffset < log.logStartOffset) discard(join(log.directory, name))
    }
  }

  /**
   * Closes the journal; its directory goes when everything in it is in its log's own files, synced. Gives whether
   * it is gone.
   */
  async close(): Promise<boolean> {
    if (this.opened === undefined) return true
    this.opened.close()
    if (!this.parts.every(isPartSettled)) return false
    await this.opened.environment.disk.removeLater(this.opened.directory)
    return true
  }

  /**
   * After a crash: gives the logs what they lack, without syncing it. `find` gives the log of a partition;
   * undefined where its topic is gone. What an offline log may lack stays here for a start that can open it.
   */
  replay(find: (topicId: string, index: number) => PartitionLog | undefined, logger: Logger): void {
    let appendedCount = 0
    for (const segment of this.log.segments) {
      const part: JournalPart = { segment, endOffsets: new Map() }
      this.parts.push(part)
      scanBatches(segment, 0, segment.size, false, (buffer, at) => {
        for (const { key, value } of recordsOf(buffer, at)) {
          const [topicId, index] = String(key).split(':')
          const log = find(topicId!, Number(index))
          if (log === undefined || value === null) continue
          for (const batchAt of batchesIn(value)) {
            const batch = value.subarray(batchAt, batchAt + batchSize(value, batchAt))
            part.endOffsets.set(log, batchLastOffset(batch, 0) + 1)
            if (appendIfMissing(log, batch, logger)) appendedCount++
          }
        }
        return true
      })
    }
    if (appendedCount > 0)
      logger.info({ batches: appendedCount }, 'logs got from the journal what they lacked')
  }
}

const keyOf = ({ partition }: PartitionLog): Buffer =>
  Buffer.from(`${partition.topicId}:${partition.index}`, 'latin1')

function isSettled(log: PartitionLog, endOffset: number): boolean {
  return log.isDeleted || log.recoveryPoint >= endOffset
}

function isPartSettled({ endOffsets }: JournalPart): boolean {
  for (const [log, endOffset] of endOffsets) if (!isSettled(log, endOffset)) return false
  return true
}

function appendIfMissing(log: PartitionLog, batch: Buffer, logger: Logger): boolean {
  const baseOffset = batchBaseOffset(batch, 0)
  if (log.isOffline || batchLastOffset(batch, 0) < log.logEndOffset) return false
  try {
    if (baseOffset > log.logEndOffset) {
      const { directory, logEndOffset } = log
      const lost = { directory, from: logEndOffset, to: baseOffset - 1 }
      logger.error(lost, 'a log was damaged where it was known to be on disk; these offsets are lost')
      startSegmentAt(log, baseOffset)
    }
    const facts = factsOf(batch, batchIsControl(batch, 0) ? 'marker' : 'coordinator')
    log.append(batch, facts, batchLeaderEpoch(batch, 0))
    return true
  } catch (error) {
    logger.error({ err: error, directory: log.directory }, 'a log could not be completed; it is offline')
    log.goOffline(error as Error)
    return false
  }
}

/** Leaves a gap up to `offset`: between segments recovery takes one for what it is. */
function startSegmentAt(log: PartitionLog, offset: number): void {
  log.roll()
  const empty = log.segments.pop()!
  empty.close()
  log.environment.disk.remove(empty.path)
  log.logEndOffset = offset
  log.createSegment(offset)
}

/**
 * The journal: where acks=all of many partitions become durable with one sync. To sync a file costs the same
 * whether one record is new in it or a thousand. So when several logs have a little to be synced each, what is new
 * in all of them is written here as one batch and synced once; their own files, which have the same bytes in the
 * page cache, are synced later and side by side. (docs/decisions/0001-journal.md has the measurements.)
 *
 * It is a log like any other, in the directory `__journal-0`: a batch for each time it is used (journal-entry.ts).
 * It is there only while it is needed. A clean stop leaves none, so a directory that was left in order is in
 * Kafka's form.
 *
 * Invariant: what was acknowledged as durable is in its log's own file, synced, or in a journal segment that is
 * still there. A segment goes when every log that it stands for has been synced beyond it. After a crash the logs
 * are recovered first and then get from here what they lack; batches that they have are passed over, so doing it
 * twice does no harm.
 *
 * An error while writing costs nothing but time: the logs are synced by themselves. Where it may pass, the journal
 * rests for a while; else it is given up until the broker is started again.
 */

import { join } from 'node:path'
import {
  batchBaseOffset,
  batchCrcIsValid,
  batchesIn,
  batchHeaderSize,
  batchIsControl,
  batchLastOffset,
  batchLeaderEpoch,
  batchSize,
} from '../../../protocol-codecs/record-batch.ts'
import type { BufferPool } from '../../platform/buffer-pool.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Logger } from '../../platform/logger.ts'
import type { TopicConfig } from '../../settings/topic-config.ts'
import { journalTopic } from '../internal-topic-names.ts'
import { factsOf } from './batch-facts.ts'
import { JournalEntry, maxRecordOverhead, tailsOf } from './journal-entry.ts'
import { JournaledOffsets } from './journaled-offsets.ts'
import { parseSegmentFileName } from './log-files.ts'
import { isDiskFailure, type PartitionLog } from './partition-log.ts'
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

/** With more to write than that, syncing a log's own file costs less than writing everything twice. */
const maxTailBytes = 64 * 1024
const maxEntryBytes = 4 * 1024 * 1024
/** With so many segments that wait for their logs to be synced, nothing is added until some are. */
const maxSegments = 4
/** After an error that may pass. */
const restMs = 10_000

/** A segment of the journal, and for each log the offset up to which it stands for it. */
interface JournalPart {
  readonly segment: Segment
  readonly endOffsets: Map<PartitionLog, number>
  /** Somebody has been told to sync its logs. */
  isSettling: boolean
}

export class Journal {
  private readonly open: () => PartitionLog
  private readonly pool: BufferPool
  private readonly clock: Clock
  private readonly logger: Logger
  private opened: PartitionLog | undefined
  private parts: JournalPart[] = []
  private isGivenUp = false
  private restsUntilMs = Number.NEGATIVE_INFINITY
  private readonly keys = new WeakMap<PartitionLog, Buffer>()

  /** `open` opens the journal's own log, at its first use. */
  constructor(open: () => PartitionLog, pool: BufferPool, clock: Clock, logger: Logger) {
    this.open = open
    this.pool = pool
    this.clock = clock
    this.logger = logger
  }

  /** The journal's own log; syncing it is the caller's. */
  get log(): PartitionLog {
    this.opened ??= this.open()
    return this.opened
  }

  /** Whether anything can be written now. */
  get isUsable(): boolean {
    if (this.isGivenUp || this.opened?.isOffline === true || this.parts.length > maxSegments) return false
    return this.clock.monotonic() >= this.restsUntilMs
  }

  /** Whether a log's news may go into an entry, and cost less there than a sync of its own file. */
  takes(log: PartitionLog): boolean {
    return log.isJournaled && this.tailOf(log) !== undefined
  }

  private tailOf(log: PartitionLog): UnsyncedTail | undefined {
    const tail = unsyncedTail(log)
    return tail === undefined || tail.size > maxTailBytes ? undefined : tail
  }

  /**
   * Writes what the logs have behind their durable ends, as far as it goes into one entry, and gives what that was;
   * nothing is synced yet. `refuse` is told of those that it cannot take. After an error, which is in the broker's
   * log, nothing is written.
   */
  write(logs: Iterable<PartitionLog>, refuse: (log: PartitionLog) => void): UnsyncedTail[] {
    const wanted: UnsyncedTail[] = []
    let size = batchHeaderSize
    for (const log of logs) {
      const tail = this.tailOf(log)
      if (tail === undefined) {
        refuse(log)
        continue
      }
      size += maxRecordOverhead + this.keyOf(log).length + tail.size
      if (size > maxEntryBytes && wanted.length > 0) break
      wanted.push(tail)
    }
    if (wanted.length === 0) return wanted
    const buffer = this.pool.acquire(Math.max(size, maxTailBytes))
    try {
      return this.writeEntry(new JournalEntry(buffer), wanted, refuse)
    } catch (error) {
      this.failed(error as Error)
      return []
    } finally {
      this.pool.release(buffer)
    }
  }

  private writeEntry(
    entry: JournalEntry,
    wanted: readonly UnsyncedTail[],
    refuse: (log: PartitionLog) => void,
  ): UnsyncedTail[] {
    const tails = wanted.filter(tail => {
      try {
        entry.add(this.keyOf(tail.log), tail.size, value => readTail(tail, value))
        return true
      } catch {
        // Whether the log is any good shows when it is synced, or read by those who it is for.
        refuse(tail.log)
        return false
      }
    })
    if (tails.length === 0) return tails
    const batch = entry.finish(this.clock.now())
    this.log.append(batch, factsOf(batch, 'coordinator'), 0)
    const { endOffsets } = this.currentPart()
    for (const { log, to } of tails) endOffsets.set(log, to.offset)
    return tails
  }

  /** What to do after an error of the journal's own files; who waited for it is the caller's. */
  failed(error: Error): void {
    if (isDiskFailure(error)) {
      this.isGivenUp = true
      this.opened?.goOffline(error)
    } else {
      this.restsUntilMs = this.clock.monotonic() + restMs
    }
    this.logger.warn({ err: error }, 'the journal could not be written; each log is synced by itself')
  }

  private keyOf(log: PartitionLog): Buffer {
    let key = this.keys.get(log)
    if (key === undefined) {
      key = Buffer.from(keyOf(log.partition), 'latin1')
      this.keys.set(log, key)
    }
    return key
  }

  private currentPart(): JournalPart {
    const segment = this.log.activeSegment
    const last = this.parts.at(-1)
    if (last?.segment === segment) return last
    const part = { segment, endOffsets: new Map(), isSettling: false }
    this.parts.push(part)
    return part
  }

  /** Whether it has records of this log, needed or not. */
  has(log: PartitionLog): boolean {
    return this.parts.some(({ endOffsets }) => endOffsets.has(log))
  }

  /** Ends the segment that is being written, so that it can go as soon as its logs are synced. */
  roll(): void {
    if (this.opened !== undefined && !this.opened.isOffline) this.opened.roll()
  }

  /** The logs whose own files must be synced before the segments that are full can go; each time what is new of it. */
  takeUnsettled(): Set<PartitionLog> {
    const logs = new Set<PartitionLog>()
    for (const part of this.parts) {
      // What is being written is left alone, unless that has come to its end.
      if (part.segment === this.opened?.activeSegment && !this.opened.isOffline) break
      if (part.isSettling) continue
      part.isSettling = true
      for (const [log, endOffset] of part.endOffsets) if (!isSettled(log, endOffset)) logs.add(log)
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
    try {
      for (const name of disk.list(log.directory)) {
        const file = parseSegmentFileName(name)
        if (file !== undefined && file.baseOffset < log.logStartOffset) discard(join(log.directory, name))
      }
    } catch (error) {
      this.logger.warn(
        { err: error },
        'old segments of the journal could not be removed; they are tried again',
      )
    }
  }

  /** Removes the journal when nothing in it is needed, and gives whether it is gone. It begins anew when it is used. */
  async removeIfSettled(): Promise<boolean> {
    const { opened } = this
    if (opened === undefined) return true
    if (!this.parts.every(isPartSettled)) return false
    // So that closing it writes nothing.
    opened.isDeleted = true
    opened.close()
    try {
      await opened.environment.disk.removeLater(opened.directory)
    } catch (error) {
      this.logger.error(
        { err: error },
        'the journal could not be removed; it is not used until the next start',
      )
      return false
    }
    this.opened = undefined
    this.parts = []
    return true
  }

  /** Closes the journal and leaves it where it is. */
  close(): void {
    this.opened?.close()
  }

  /** After a crash, before the logs are opened: which offsets are here, by `keyOf`. */
  offsets(): Map<string, JournaledOffsets> {
    const offsets = new Map<string, JournaledOffsets>()
    this.eachTail((key, batches) => {
      let ofLog = offsets.get(key)
      if (ofLog === undefined) {
        ofLog = new JournaledOffsets()
        offsets.set(key, ofLog)
      }
      for (const at of batchesIn(batches)) {
        ofLog.add(batchBaseOffset(batches, at), batchLastOffset(batches, at) + 1)
      }
    })
    return offsets
  }

  /**
   * After a crash, when the logs are open: gives them what they lack, without syncing it. `find` gives the log of a
   * partition; undefined where its topic is gone. What an offline log may lack stays here for a start that can open it.
   */
  replay(find: (topicId: string, index: number) => PartitionLog | undefined): void {
    let appendedCount = 0
    this.eachTail((key, batches, segment) => {
      const [topicId, index] = key.split(':')
      const log = find(topicId!, Number(index))
      let part = this.parts.at(-1)
      if (part?.segment !== segment) {
        part = { segment, endOffsets: new Map(), isSettling: false }
        this.parts.push(part)
      }
      if (log === undefined) return
      for (const at of batchesIn(batches)) {
        const batch = batches.subarray(at, at + batchSize(batches, at))
        part.endOffsets.set(log, batchLastOffset(batch, 0) + 1)
        if (appendIfMissing(log, batch, this.logger)) appendedCount++
      }
    })
    if (appendedCount > 0)
      this.logger.info({ batches: appendedCount }, 'logs got from the journal what they lacked')
  }

  private eachTail(visit: (key: string, batches: Buffer, segment: Segment) => void): void {
    for (const segment of this.log.segments) {
      scanBatches(segment, 0, segment.size, false, (buffer, at) => {
        for (const { key, batches } of tailsOf(buffer, at)) visit(key, batches, segment)
        return true
      })
    }
  }
}

export function keyOf({ topicId, index }: { readonly topicId: string; readonly index: number }): string {
  return `${topicId}:${index}`
}

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
    if (!batchCrcIsValid(batch, 0))
      throw new Error(`the batch at ${baseOffset} is damaged in the journal, too`)
    if (baseOffset > log.logEndOffset) {
      const { directory, logEndOffset } = log
      const lost = { directory, from: logEndOffset, to: baseOffset - 1 }
      logger.error(lost, 'a log was damaged where it was known to be on disk; these offsets are lost')
      startSegmentAt(log, baseOffset)
    } else if (baseOffset < log.logEndOffset) {
      // The log starts inside of this batch, and nothing was left of it.
      if (log.size > 0) throw new Error(`the batch at ${baseOffset} in the journal does not follow the log`)
      startSegmentAt(log, baseOffset)
    }
    const facts = factsOf(batch, batchIsControl(batch, 0) ? 'marker' : 'coordinator')
    log.append(batch, facts, batchLeaderEpoch(batch, 0))
    if (baseOffset < log.logStartOffset) log.epochs.truncateStart(log.logStartOffset)
    return true
  } catch (error) {
    logger.error({ err: error, directory: log.directory }, 'a log could not be completed; it is offline')
    log.goOffline(error as Error)
    return false
  }
}

/** Has the log go on at `offset`. A gap in front of it lies between segments, where recovery takes it for what it is. */
function startSegmentAt(log: PartitionLog, offset: number): void {
  log.roll()
  const empty = log.segments.pop()!
  empty.close()
  log.environment.disk.remove(empty.path)
  log.logEndOffset = offset
  log.createSegment(offset)
}

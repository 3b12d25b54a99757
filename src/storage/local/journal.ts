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
 * still there. A segment goes when every log that it stands for has been synced beyond it. One that only offline logs
 * keep from going is held for the start that can open them, beside those that are in use. After a crash the logs are
 * recovered first and then get from here what they lack (journal-remains.ts); batches that they have are passed over, so
 * doing it twice does no harm.
 *
 * An error while writing costs nothing but time: the logs are synced by themselves. Where it may pass, the journal
 * rests for a while; else it is given up until the broker is started again.
 */

import { basename, join } from 'node:path'
import { batchHeaderSize } from '../../../protocol-codecs/record-batch.ts'
import type { BufferPool } from '../../platform/buffer-pool.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Disk } from '../../platform/disk.ts'
import type { Logger } from '../../platform/logger.ts'
import type { TopicConfig } from '../../settings/topic-config.ts'
import { journalTopic } from '../internal-topic-names.ts'
import { factsOf } from './batch-facts.ts'
import { isDiskFailure } from './disk-failure.ts'
import { JournalEntry, maxRecordOverhead } from './journal-entry.ts'
import { isPartSettled, isSettled, type JournalPart, waitsForStart } from './journal-part.ts'
import { parseSegmentFileName } from './log-files.ts'
import { PartitionLog, type PartitionLogEnvironment } from './partition-log.ts'
import { readTopicId, writeTopicId } from './partition-metadata.ts'
import { readTail, type UnsyncedTail, unsyncedTail } from './unsynced-tail.ts'

export const journalPartition = { topicId: 'AAAAAAAAAAAAAAAAAAAAAg', topic: journalTopic, index: 0 }
/** So much is written before the logs' own files are synced: it bounds what a start after a crash has to read. */
const segmentBytes = 64 * 1024 * 1024

/** Only its size ends a segment of the journal, and an acknowledgement always waits for the disk. */
export function journalConfig(config: TopicConfig): TopicConfig {
  return { ...config, segmentBytes, segmentMs: Number.POSITIVE_INFINITY, writeCaching: false }
}

/** A new log for the journal, at `offset`; what else is in its directory is left alone. */
export function createJournalLog(
  directory: string,
  config: TopicConfig,
  environment: PartitionLogEnvironment,
  offset: number,
): PartitionLog {
  const { disk } = environment
  disk.makeDirectory(directory)
  if (readTopicId(disk, directory) === undefined) writeTopicId(disk, directory, journalPartition.topicId)
  const log = new PartitionLog(journalPartition, directory, config, environment)
  log.logEndOffset = offset
  log.opened()
  return log
}

/** With more to write than that, syncing a log's own file costs less than writing everything twice. */
const maxTailBytes = 64 * 1024
const maxEntryBytes = 4 * 1024 * 1024
/** With so many segments that wait for their logs to be synced, nothing is added until some are. */
const maxSegments = 4
/** And so many may be held for logs that are offline; then they count. */
const maxHeldSegments = 16
/** After an error that may pass. */
const restMs = 10_000

export class Journal {
  /** Set by the owner: told when the disk has failed under the journal. */
  diskFailed: (error: Error) => void = () => {}
  private readonly directory: string
  private readonly disk: Disk
  private readonly open: (offset: number) => PartitionLog
  private readonly pool: BufferPool
  private readonly clock: Clock
  private readonly logger: Logger
  private opened: PartitionLog | undefined
  /** Of `opened`, the last one growing. */
  private parts: JournalPart[] = []
  /** Full, and kept for logs that are offline. */
  private held: JournalPart[] = []
  private startOffset = 0
  private isGivenUp = false
  private restsUntilMs = Number.NEGATIVE_INFINITY
  private readonly keys = new WeakMap<PartitionLog, Buffer>()

  /** `open` makes the journal's own log, at its first use. */
  constructor(
    directory: string,
    disk: Disk,
    open: (offset: number) => PartitionLog,
    pool: BufferPool,
    clock: Clock,
    logger: Logger,
  ) {
    this.directory = directory
    this.disk = disk
    this.open = open
    this.pool = pool
    this.clock = clock
    this.logger = logger
  }

  /** The journal's own log; syncing it is the caller's. */
  get log(): PartitionLog {
    this.opened ??= this.open(this.startOffset)
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
    if (this.isGivenUp) this.diskFailed(error)
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
    const { path } = this.log.activeSegment
    const last = this.parts.at(-1)
    if (last?.path === path) return last
    const part = { path, endOffsets: new Map(), isSettling: false }
    this.parts.push(part)
    return part
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
      if (this.isActive(part) && this.opened?.isOffline === false) break
      if (part.isSettling) continue
      part.isSettling = true
      for (const [log, endOffset] of part.endOffsets) if (!isSettled(log, endOffset)) logs.add(log)
    }
    return logs
  }

  private isActive({ path }: JournalPart): boolean {
    return path === this.opened?.activeSegment.path
  }

  /** Takes over what a crash has left, and `JournalRemains` has given to the logs; the journal goes on at `offset`. */
  hold(remains: readonly JournalPart[], offset: number): void {
    this.held = [...remains]
    this.startOffset = offset
  }

  /** Removes the oldest segments, as long as nothing in them is needed by a log that can still be synced. */
  removeSettled(): void {
    const heldBefore = this.held.length
    this.held = this.held.filter(part => !isPartSettled(part))
    let leaving = 0
    for (const part of this.parts) {
      if (this.isActive(part)) break
      if (!isPartSettled(part)) {
        if (!waitsForStart(part) || this.held.length >= maxHeldSegments) break
        this.held.push(part)
      }
      leaving++
    }
    if (leaving === 0 && this.held.length === heldBefore) return
    if (this.opened !== undefined && leaving > 0) {
      const { opened } = this
      this.parts = this.parts.slice(leaving)
      const [oldest] = this.parts
      const kept = opened.segments.findIndex(({ path }) => path === oldest?.path)
      opened.removeOldest(kept < 0 ? opened.segments.length : kept)
      opened.retiring.length = 0
    }
    this.discardFiles()
  }

  /** Removes all files of segments that are neither held nor the log's. */
  private discardFiles(): void {
    const { directory, disk, opened } = this
    if (opened === undefined) return
    const kept = new Set(this.held.map(({ path }) => parseSegmentFileName(basename(path))?.baseOffset))
    try {
      for (const name of disk.list(directory)) {
        const file = parseSegmentFileName(name)
        if (file === undefined || file.baseOffset >= opened.logStartOffset || kept.has(file.baseOffset))
          continue
        opened.environment.discard(join(directory, name))
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
    const { directory, disk, opened } = this
    if (!this.parts.every(isPartSettled) || !this.held.every(isPartSettled)) return false
    if (opened !== undefined) {
      // So that closing it writes nothing.
      opened.isDeleted = true
      opened.close()
    }
    try {
      if (disk.isDirectory(directory)) await disk.removeLater(directory)
    } catch (error) {
      this.isGivenUp = true
      this.logger.error(
        { err: error },
        'the journal could not be removed; it is not used until the next start',
      )
      return false
    }
    this.opened = undefined
    this.parts = []
    this.held = []
    this.startOffset = 0
    return true
  }

  /** Closes the journal and leaves it where it is. */
  close(): void {
    this.opened?.close()
  }
}

export function keyOf({ topicId, index }: { readonly topicId: string; readonly index: number }): string {
  return `${topicId}:${index}`
}

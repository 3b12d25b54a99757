/**
 * Carries out what `retention.ts` finds, for all logs of a data directory, now and then.
 *
 * A segment goes in three steps, each of which may be the last before a crash. It is taken out of its log, which
 * then starts behind it: from here on nobody begins to read it, and who is reading finishes, since its files
 * stay open until then. Its files are renamed to `.deleted`, the oldest segment first, so that a crash leaves a
 * log without a gap; a start that finds them under their old names has them again, until the next check. After
 * `file.delete.delay.ms` they are removed.
 *
 * Before any name is taken, where the logs start is stored. A power loss may bring a segment back that was never
 * synced in its own file, only in the journal; below the log start nobody minds how much of it is there. One that was
 * never synced is not even taken out before: syncs would pass over it, and recovery end the log there.
 *
 * The log end offset must survive: when all records go, the empty segment that tells it is on disk, and its
 * name is safe, before the files of the others lose theirs.
 *
 * Kafka runs the same rules, except that it looks at logs that are compacted after each round of the cleaner.
 */

import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock } from '../../platform/clock.ts'
import type { Disk } from '../../platform/disk.ts'
import type { Logger } from '../../platform/logger.ts'
import type { FileRemoval } from './file-removal.ts'
import { deletedSuffix, parseSegmentFileName } from './log-files.ts'
import type { PartitionLog } from './partition-log.ts'
import { judgeSegments } from './retention.ts'
import type { Segment } from './segment.ts'

/** For so long the event loop is kept at a time. */
const turnMs = 5

export interface RetentionCheckOptions {
  readonly disk: Disk
  readonly clock: Clock
  readonly logger: Logger
  readonly removal: FileRemoval
  /** Makes the log start offsets durable. */
  storeLogStarts(): Promise<void>
  /**
   * Whether a start would miss segments that are retiring as long as nothing says that the log starts behind them: the
   * recovery point that is stored is below what is left.
   */
  isNeeded(log: PartitionLog): boolean
}

export class RetentionCheck {
  private readonly options: RetentionCheckOptions
  private readonly logs: () => Iterable<PartitionLog>
  private running: Promise<void> | undefined
  private turnStartedMs = 0
  private isClosed = false
  /** Logs whose oldest segments, up to an offset, can be taken out when it is stored that the logs start there. */
  private readonly waiting = new Map<PartitionLog, number>()

  constructor(logs: () => Iterable<PartitionLog>, options: RetentionCheckOptions) {
    this.logs = logs
    this.options = options
  }

  /** Looks at every log once; at most one round runs at a time. */
  run(): Promise<void> {
    this.running ??= this.checkAll().finally(() => {
      this.running = undefined
    })
    return this.running
  }

  /** Resolves when no round is under way. */
  async idle(): Promise<void> {
    await this.running
  }

  /** Lets what is under way finish; no round begins any more. */
  async close(): Promise<void> {
    this.isClosed = true
    await this.running
  }

  private async checkAll(): Promise<void> {
    const { clock, logger } = this.options
    this.turnStartedMs = clock.monotonic()
    // Logs come and go while this goes on.
    const retiring: PartitionLog[] = []
    for (const log of [...this.logs()]) {
      if (this.isClosed) return
      await this.yieldIfLong()
      if (log.isOffline) continue
      await this.attempt(log, () => this.takeOutExpired(log))
      if (log.retiring.length > 0 || this.waiting.has(log)) retiring.push(log)
    }
    if (retiring.length === 0) return
    try {
      await this.options.storeLogStarts()
    } catch (error) {
      logger.error({ err: error }, 'log start offsets could not be stored')
    }
    for (const [log, startOffset] of this.waiting) {
      if (log.storedStartOffset < startOffset) continue
      log.removeOldest(log.segments.findIndex(({ baseOffset }) => baseOffset >= startOffset))
    }
    this.waiting.clear()
    for (const log of retiring) {
      if (this.isClosed) return
      if (log.isOffline) continue
      // On a full disk what the stored recovery point stands for goes nevertheless: it makes room.
      if (this.options.isNeeded(log) && log.storedStartOffset < log.logStartOffset) continue
      await this.attempt(log, () => this.retire(log))
    }
  }

  private async attempt(log: PartitionLog, work: () => void | Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      this.options.logger.error({ err: error, directory: log.directory }, 'old segments could not be removed')
    }
  }

  private async yieldIfLong(): Promise<void> {
    const { clock } = this.options
    if (clock.monotonic() - this.turnStartedMs < turnMs) return
    await nextTurn()
    this.turnStartedMs = clock.monotonic()
  }

  private takeOutExpired(log: PartitionLog): void {
    const { clock, logger } = this.options
    const { expired, fromTheFuture } = judgeSegments<Segment>(log, log.config, clock.now())
    if (fromTheFuture !== undefined) {
      logger.warn(
        { segment: fromTheFuture.path, maxTimestampMs: fromTheFuture.maxTimestampMs },
        'a segment contains timestamps in the future, so it cannot be deleted by age, nor can those behind it',
      )
    }
    let count = expired.length
    if (count > 0 && log.segments.slice(count).every(({ size }) => size === 0)) {
      try {
        log.roll()
        // The end of an empty log is the name of a file.
        log.activeSegment.file()
      } catch (error) {
        // A disk that is full may have no room even for that; removing the others makes some.
        logger.error(
          { err: error, directory: log.directory },
          'no segment could be begun; the last one stays',
        )
        count--
      }
    }
    if (count === 0) return
    for (const { segment, reason } of expired.slice(0, count)) {
      const { path, size, maxTimestampMs } = segment
      log.traffic.deletedSegments++
      log.traffic.deletedBytes += size
      logger.info({ segment: path, size, maxTimestampMs }, `deleting a segment due to ${reason}`)
    }
    const startOffset = log.segments[count]!.baseOffset
    if (log.recoveryPoint >= startOffset) log.removeOldest(count)
    else {
      log.moveStart(startOffset)
      this.waiting.set(log, startOffset)
    }
    logger.info(
      { directory: log.directory, logStartOffset: log.logStartOffset },
      'incremented the log start offset due to segment deletion',
    )
  }

  /** Takes their names from the files of segments that are out of the log, and has them removed later. */
  private async retire(log: PartitionLog): Promise<void> {
    const { disk, removal } = this.options
    const { directory, retiring } = log
    if (log.segments[0]!.isNew) await disk.syncDirectory(directory)
    const renamed: string[] = []
    try {
      const files = filesByBaseOffset(disk.list(directory))
      for (let segment = retiring[0]; segment !== undefined; segment = retiring[0]) {
        await this.yieldIfLong()
        // Its directory may have another name by now, or belong to a new topic of the same name.
        if (log.isDeleted) return
        for (const name of files.get(segment.baseOffset) ?? []) {
          const path = join(directory, name)
          disk.rename(path, path + deletedSuffix)
          renamed.push(path + deletedSuffix)
        }
        retiring.shift()
      }
    } finally {
      // With a topic goes its directory, and a new one of the same name may have files of the same names.
      removal.removeAfter(log.config.fileDeleteDelayMs, renamed, () => log.isDeleted)
    }
  }
}

/** Names of segments' files; what holds the records comes first, for without it the others mean nothing. */
function filesByBaseOffset(names: readonly string[]): Map<number, string[]> {
  const files = new Map<number, string[]>()
  for (const name of names) {
    const file = parseSegmentFileName(name)
    if (file === undefined) continue
    const ofSegment = files.get(file.baseOffset) ?? []
    if (file.kind === 'log') ofSegment.unshift(name)
    else ofSegment.push(name)
    files.set(file.baseOffset, ofSegment)
  }
  return files
}

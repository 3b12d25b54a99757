/**
 * What a crash has left of the journal, from when it is found until the logs have it. Nothing is written to the journal
 * meanwhile. What is damaged in it (journal-reading.ts) is lost unless the logs have it in their own files, which is
 * said; what lies behind is given to the logs all the same. A torn tail is cut off.
 */
import { basename } from 'node:path'
import {
  batchBaseOffset,
  batchCrcIsValid,
  batchesIn,
  batchIsControl,
  batchLastOffset,
  batchLeaderEpoch,
  batchSize,
} from '../../../protocol-codecs/record-batch.ts'
import type { Disk } from '../../platform/disk.ts'
import type { Logger } from '../../platform/logger.ts'
import { factsOf } from './batch-facts.ts'
import type { JournalPart } from './journal-part.ts'
import { journalFiles, readJournal } from './journal-reading.ts'
import { JournaledOffsets } from './journaled-offsets.ts'
import { parseSegmentFileName } from './log-files.ts'
import type { PartitionLog } from './partition-log.ts'

export class JournalRemains {
  /** Behind everything that is here: where a journal may begin that goes on beside it. */
  endOffset = 0
  private readonly disk: Disk
  private readonly directory: string
  private readonly logger: Logger

  constructor(disk: Disk, directory: string, logger: Logger) {
    this.disk = disk
    this.directory = directory
    this.logger = logger
  }

  /** Before the logs are opened: which offsets are here, by `keyOf`. Says what is damaged, and cuts off a torn tail. */
  async offsets(): Promise<Map<string, JournaledOffsets>> {
    const { directory, disk, logger } = this
    const offsets = new Map<string, JournaledOffsets>()
    for (const path of journalFiles(disk, directory)) {
      this.endOffset = parseSegmentFileName(basename(path))!.baseOffset + 1
    }
    for await (const place of readJournal(disk, directory)) {
      const { path, position } = place
      if (place.kind === 'damage') {
        logger.error(
          { path, position, problem: `the entry here ${place.problem}` },
          'the journal is damaged, and sound entries follow; acknowledged records that only this place had are lost',
        )
      } else if (place.kind === 'torn tail') this.cutOff(path, position)
      else {
        this.endOffset = Math.max(this.endOffset, place.nextOffset)
        for (const { batches, key } of place.tails) {
          let ofLog = offsets.get(key)
          if (ofLog === undefined) {
            ofLog = new JournaledOffsets()
            offsets.set(key, ofLog)
          }
          for (const at of batchesIn(batches)) {
            ofLog.add(batchBaseOffset(batches, at), batchLastOffset(batches, at) + 1)
          }
        }
      }
    }
    return offsets
  }

  /**
   * When the logs are open: gives them what they lack, without syncing it. `find` gives the log of a partition;
   * undefined where its topic is gone. Gives what the journal's files stand for; an offline log may lack some of it.
   */
  async replay(
    find: (topicId: string, index: number) => PartitionLog | undefined,
  ): Promise<readonly JournalPart[]> {
    const { directory, disk, logger } = this
    const parts = new Map<string, JournalPart>()
    for (const path of journalFiles(disk, directory)) {
      parts.set(path, { path, endOffsets: new Map(), isSettling: false })
    }
    let appendedCount = 0
    for await (const place of readJournal(disk, directory)) {
      if (place.kind !== 'entry') continue
      const { endOffsets } = parts.get(place.path)!
      for (const { batches, key } of place.tails) {
        const [topicId, index] = key.split(':')
        const log = find(topicId!, Number(index))
        if (log === undefined) continue
        for (const at of batchesIn(batches)) {
          const batch = batches.subarray(at, at + batchSize(batches, at))
          endOffsets.set(log, batchLastOffset(batch, 0) + 1)
          if (appendIfMissing(log, batch, logger)) appendedCount++
        }
      }
    }
    if (appendedCount > 0)
      logger.info({ batches: appendedCount }, 'logs got from the journal what they lacked')
    return [...parts.values()]
  }

  private cutOff(path: string, position: number): void {
    this.logger.info({ path, position }, 'the journal ends in an entry that was not finished; cutting it off')
    const descriptor = this.disk.openForWrite(path, false)
    try {
      this.disk.truncate(descriptor, position)
    } finally {
      this.disk.close(descriptor)
    }
  }
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
      logger.error(lost, 'neither a log nor the journal has these offsets any more; they are lost')
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

/**
 * One partition as a plain array of batches, with what was promised of it: how much of it survives a power loss, where
 * it starts, and what readers may see. The batches are kept below the log start, too, since a crash may bring them
 * back. Everything that the engine says of the partition is held against this.
 */
import type { TopicConfig } from '../../settings/topic-config.ts'
import type { LogOffsets, ReadResult } from '../../storage/partition-log.ts'
import type { CatalogPartition } from '../../storage/topic-catalog.ts'
import { type ProducedBatch, type ProducerModel, producersOf } from './producer-model.ts'
import { expect } from './violation.ts'

export interface ModelBatch extends ProducedBatch {
  /** As they lie in the log, stamped. */
  readonly bytes: Buffer
  readonly timestamps: readonly number[]
  readonly maxTimestampMs: number
}

export interface ReadTerms {
  readonly room: number
  /** Nothing was read before it, so that the first batch is given whole. */
  readonly isFirst: boolean
  readonly seenStart: number
  readonly seenEnd: number
}

/** How the process ended before the log was opened. */
export type Ending = 'power loss' | 'kill' | 'clean close'

export class PartitionModel {
  readonly partition: CatalogPartition
  batches: ModelBatch[] = []
  end = 0
  /** Where the log starts, as it said last, and where it may start after a crash at most and at least. */
  start = 0
  highestStart = 0
  promisedStart = 0
  /** What lies below survives a power loss, and the end of the process. */
  promisedEnd = 0
  writtenEnd = 0
  highWatermark = 0
  /** Up to here readers may have seen what was not on disk. */
  relaxedEnd = 0
  producers = new Map<number, ProducerModel>()
  /** It was made, or opened, while the disk failed. */
  mayBeOffline = false

  constructor(partition: CatalogPartition) {
    this.partition = partition
  }

  get name(): string {
    return `${this.partition.topic}-${this.partition.index}`
  }

  appended(batch: ModelBatch, isCertain: boolean): void {
    this.batches.push(batch)
    this.end = batch.nextOffset
    if (isCertain) this.writtenEnd = this.end
  }

  promise(endOffset: number): void {
    this.promisedEnd = Math.max(this.promisedEnd, endOffset)
  }

  /** Index of the first batch that reaches `offset`. */
  indexAt(offset: number): number {
    let low = 0
    let high = this.batches.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.batches[middle]!.nextOffset <= offset) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Takes what the log says of itself at any moment; `configs` are those that may have held lately. */
  observe(offsets: LogOffsets, configs: readonly TopicConfig[], nowMs: number): void {
    const { highWatermark, logEndOffset, logStartOffset } = offsets
    if (this.mayBeOffline && logEndOffset === 0 && this.writtenEnd === 0) this.madeLate()
    const { name, end } = this
    expect(logEndOffset === end, logEndOffset < end ? 'lost' : 'never sent', () => {
      return `${name} ends at ${logEndOffset} instead of ${end}`
    })
    const isSane = highWatermark >= this.highWatermark && highWatermark <= end
    expect(isSane, 'delivered, then gone', () => {
      return `${name}: high watermark ${highWatermark} after ${this.highWatermark}, end ${end}`
    })
    this.highWatermark = highWatermark
    const isRelaxed = configs.some(({ writeCaching }) => writeCaching)
    if (isRelaxed) this.relaxedEnd = Math.max(this.relaxedEnd, highWatermark)
    else if (highWatermark > this.relaxedEnd) this.promise(highWatermark)
    if (isRelaxed && configs.every(({ writeCaching }) => writeCaching)) {
      expect(highWatermark === end, 'send failed', () => `${name}: readers see ${highWatermark} of ${end}`)
    }
    if (logStartOffset === this.start) return
    const mayGo = configs.some(config => this.mayRetain(logStartOffset, config, nowMs))
    expect(mayGo, 'wrong log start', () => `${name} starts at ${logStartOffset} after ${this.start}`)
    this.start = logStartOffset
    this.highestStart = Math.max(this.highestStart, logStartOffset)
  }

  /** A log that could not be made when its topic was is made when it can be, and has nothing of what was sent before. */
  private madeLate(): void {
    this.batches = []
    this.end = 0
    this.producers.clear()
  }

  /** Whether retention may have let everything go that is below `offset`. */
  private mayRetain(offset: number, { retentionBytes, retentionMs }: TopicConfig, nowMs: number): boolean {
    if (offset < this.start || offset > this.highWatermark) return false
    let i = this.indexAt(offset)
    if (i < this.batches.length && this.batches[i]!.baseOffset !== offset) return false
    // By age from somewhere on; what is before that must have gone by size.
    if (retentionMs >= 0) while (i > 0 && nowMs - this.batches[i - 1]!.maxTimestampMs > retentionMs) i--
    if (i === 0 || this.batches[i - 1]!.nextOffset <= this.start) return true
    return retentionBytes >= 0 && this.bytesFrom(i) >= retentionBytes
  }

  private bytesFrom(index: number): number {
    let size = 0
    for (let i = index; i < this.batches.length; i++) size += this.batches[i]!.bytes.length
    return size
  }

  /** What a read gave, which was asked for with so much room, and when readers saw what is between two offsets. */
  checkRead(offset: number, result: ReadResult, { room, isFirst, seenStart, seenEnd }: ReadTerms): void {
    const { name } = this
    const title = () => `${name}: read from ${offset} with room for ${room}: `
    // It may have gone while it was read.
    const isGoing = offset >= seenStart && result.error === 'NONE'
    if ((offset < result.logStartOffset && !isGoing) || offset > result.logEndOffset) {
      expect(result.error === 'OFFSET_OUT_OF_RANGE', 'never sent', () => title() + result.error)
      return
    }
    expect(result.error === 'NONE', 'damaged', () => title() + result.error)
    const first = this.indexAt(offset)
    const mustFit = isFirst || (this.batches[first]?.bytes.length ?? 0) <= room
    const isEnough = result.size > 0 || offset >= seenEnd || !mustFit
    expect(isEnough, 'lost', () => `${title()}nothing, and readers may see ${seenEnd}`)
    let at = 0
    for (let i = first; at < result.size; i++) {
      const batch = this.batches[i]
      expect(batch !== undefined && batch.nextOffset <= result.highWatermark, 'never sent', () => {
        return `${title()}more than readers may see, ${result.highWatermark}`
      })
      const found = bytesAt(result.chunks, at, batch.bytes.length)
      expect(found.equals(batch.bytes), 'damaged', () => `${title()}not the batch at ${batch.baseOffset}`)
      at += batch.bytes.length
      expect(at <= room || (isFirst && i === first), 'never sent', () => `${title()}${result.size} bytes`)
    }
    expect(at === result.size, 'damaged', () => `${title()}${result.size} bytes`)
  }

  /** The first record at or after a timestamp, among those that readers see. */
  offsetAt(timestampMs: number): number {
    return this.findRecord(timestamp => timestamp >= timestampMs)
  }

  maxTimestamp(): number {
    let largest = -1
    this.findRecord(timestamp => {
      largest = Math.max(largest, timestamp)
      return false
    })
    return largest < 0 ? -1 : this.offsetAt(largest)
  }

  private findRecord(isIt: (timestamp: number) => boolean): number {
    for (let i = this.indexAt(this.start); i < this.batches.length; i++) {
      const { baseOffset, timestamps } = this.batches[i]!
      if (baseOffset >= this.highWatermark) break
      for (let k = Math.max(0, this.start - baseOffset); k < timestamps.length; k++) {
        if (isIt(timestamps[k]!)) return baseOffset + k
      }
    }
    return -1
  }

  /** What was only in the page cache may be gone, also where the next start cannot open the log. */
  powerLost(): void {
    this.writtenEnd = Math.min(this.writtenEnd, this.promisedEnd)
  }

  /** Takes the state that the log was opened with, if it keeps what was promised. Its records are read by the caller. */
  reopened({ highWatermark, logEndOffset, logStartOffset }: LogOffsets, ending: Ending): void {
    const { name } = this
    const least = Math.max(this.promisedEnd, this.writtenEnd)
    expect(logEndOffset >= least, 'lost', () => `${name} ends at ${logEndOffset}, and ${least} was promised`)
    expect(logEndOffset <= this.end, 'never sent', () => `${name} ends at ${logEndOffset} of ${this.end}`)
    // Segments at the beginning may be missing whose records nobody was promised.
    const mayStartLater = ending === 'power loss' && this.promisedEnd <= this.highestStart
    const isStart =
      logStartOffset >= this.promisedStart && (logStartOffset <= this.highestStart || mayStartLater)
    expect(isStart, 'wrong log start', () => {
      return `${name} starts at ${logStartOffset}, not between ${this.promisedStart} and ${this.highestStart}`
    })
    const isSame = ending !== 'clean close' || logStartOffset === this.start
    expect(isSame, 'wrong log start', () => `${name} starts at ${logStartOffset}, not at ${this.start}`)
    // Whatever a crash has left is synced before it is shown.
    expect(highWatermark === logEndOffset, 'lost', () => `${name}: ${highWatermark} of ${logEndOffset}`)
    this.batches = this.batches.filter(({ nextOffset }) => nextOffset <= logEndOffset)
    const last = this.batches.at(-1)?.nextOffset ?? 0
    const isWhole = last === logEndOffset || logStartOffset === logEndOffset
    expect(isWhole, 'damaged', () => `${name} ends at ${logEndOffset}, in a batch`)
    this.start = logStartOffset
    this.highestStart = logStartOffset
    this.end = logEndOffset
    this.promisedEnd = logEndOffset
    this.writtenEnd = logEndOffset
    this.highWatermark = logEndOffset
    this.relaxedEnd = 0
    this.producers = producersOf(this.batches, logStartOffset)
  }
}

function bytesAt(chunks: readonly Buffer[], from: number, length: number): Buffer {
  let at = from
  for (const chunk of chunks) {
    if (at < chunk.length) return chunk.subarray(at, at + length)
    at -= chunk.length
  }
  return Buffer.alloc(0)
}

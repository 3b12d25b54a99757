/**
 * Holds a segment's two indexes against its log, batch by batch in the order of the walk. An offset entry must name a
 * batch that begins at its position by its last offset. A time entry must name a batch by an offset in it and by the
 * batch's largest timestamp, which nothing before it exceeds; a finished segment's last entry is the largest of all.
 */
import { join } from 'node:path'
import type { Disk } from '../platform/disk.ts'
import { segmentFileName } from '../storage/local/log-files.ts'
import { offsetEntrySize, offsetIndex, timeEntrySize, timeIndex } from '../storage/local/sparse-index.ts'
import type { Finding } from './findings.ts'

export interface IndexedBatch {
  readonly position: number
  readonly baseOffset: number
  readonly lastOffset: number
  readonly maxTimestampMs: number
}

export interface IndexCheckOptions {
  readonly disk: Disk
  readonly directory: string
  readonly baseOffset: number
  readonly logSize: number
  /** A segment that nothing is appended to any more. */
  readonly isFinished: boolean
  /** What is wrong here is made good by the next start, which rebuilds the index anyway. */
  readonly isRebuiltAnyway: boolean
}

export class IndexCheck {
  private readonly options: IndexCheckOptions
  private readonly offsets: IndexEntries
  private readonly times: IndexEntries
  private largestMs = -1
  private hasUnknown = false

  constructor(options: IndexCheckOptions) {
    const { disk, directory, baseOffset } = options
    this.options = options
    const read = (kind: 'index' | 'timeindex') =>
      disk.readFile(join(directory, segmentFileName(baseOffset, kind)))
    const index = read('index')
    const times = read('timeindex')
    this.offsets = new IndexEntries(index, offsetEntrySize, bytes => offsetIndex(bytes))
    this.times = new IndexEntries(times, timeEntrySize, bytes => timeIndex(bytes))
  }

  batch({ position, baseOffset, lastOffset, maxTimestampMs }: IndexedBatch): void {
    const { offsets, times } = this
    const base = this.options.baseOffset
    while (offsets.hasMore && offsets.second < position)
      offsets.wrong(`names position ${offsets.second}, where no batch begins`)
    if (offsets.hasMore && offsets.second === position) {
      const named = base + offsets.first
      if (named === lastOffset) offsets.right()
      else offsets.wrong(`names the batch at ${position} by offset ${named}, and it ends at ${lastOffset}`)
    }
    while (times.hasMore && base + times.second < baseOffset) {
      times.wrong(`names offset ${base + times.second}, which no batch has`)
    }
    if (times.hasMore && base + times.second <= lastOffset) {
      if (times.first !== maxTimestampMs) {
        times.wrong(
          `has timestamp ${times.first} for offset ${base + times.second}, whose batch has ${maxTimestampMs}`,
        )
      } else if (times.first < this.largestMs) {
        times.wrong(`has timestamp ${times.first}, and an earlier batch has ${this.largestMs}`)
      } else times.right()
    }
    if (maxTimestampMs > this.largestMs) this.largestMs = maxTimestampMs
  }

  /** A stretch that cannot be read: what indexes say of it is passed over. */
  unknown(end: number, nextOffset: number): void {
    const { offsets, times } = this
    this.hasUnknown = true
    while (offsets.hasMore && offsets.second < end) offsets.right()
    while (times.hasMore && this.options.baseOffset + times.second < nextOffset) times.right()
  }

  *finish(): Iterable<Finding> {
    const { offsets, times } = this
    const { isFinished, isRebuiltAnyway, logSize } = this.options
    if (logSize === 0) return
    while (offsets.hasMore) offsets.wrong(`names position ${offsets.second}, behind the last batch`)
    while (times.hasMore) times.wrong('names an offset behind the last batch')
    if (isFinished && !this.hasUnknown && this.largestMs > times.lastFirst && !times.isMissing) {
      times.wrong(`does not know the largest timestamp, ${this.largestMs}`)
    }
    for (const [entries, kind] of [
      [offsets, 'index'],
      [times, 'timeindex'],
    ] as const) {
      const problem = entries.problem()
      if (problem === undefined || (isRebuiltAnyway && entries.isMissing)) continue
      const path = join(this.options.directory, segmentFileName(this.options.baseOffset, kind))
      const severity = isRebuiltAnyway ? 'note' : 'damage'
      const meaning = isRebuiltAnyway ? 'the next start rebuilds it' : 'readers may be sent to a wrong place'
      const position = entries.wrongAt
      const remedy = isRebuiltAnyway ? undefined : ({ type: 'rebuild' } as const)
      yield { severity, kind: 'index', path, position, message: `${problem}; ${meaning}`, remedy }
    }
  }
}

/** The entries of an index file, one after the other, and what was wrong with them. */
class IndexEntries {
  first = 0
  second = 0
  hasMore = false
  readonly isMissing: boolean
  /** Of the first wrong entry. */
  wrongAt: number | undefined
  /** Of the last entry. */
  lastFirst = -1
  private readonly bytes: Buffer
  private readonly entrySize: number
  private readonly count: number
  private next = 0
  private wrongCount = 0
  private firstProblem: string | undefined

  constructor(
    stored: Buffer | undefined,
    entrySize: number,
    parse: (bytes: Buffer) => { count: number; isDamaged: boolean },
  ) {
    this.isMissing = stored === undefined
    this.bytes = stored ?? Buffer.alloc(0)
    this.entrySize = entrySize
    const { count, isDamaged } = parse(this.bytes)
    this.count = count
    this.read()
    if (this.isMissing) this.note('the file is missing', undefined)
    else if (isDamaged)
      this.note('the file is no index: its entries do not ascend, or it is cut off', count * entrySize)
  }

  right(): void {
    this.read()
  }

  wrong(what: string): void {
    this.note(`entry ${Math.max(0, this.next - 1)} ${what}`, Math.max(0, this.next - 1) * this.entrySize)
    if (this.hasMore) this.read()
  }

  problem(): string | undefined {
    if (this.firstProblem === undefined || this.wrongCount <= 1) return this.firstProblem
    return `${this.firstProblem} (and ${this.wrongCount - 1} more)`
  }

  private note(problem: string, position: number | undefined): void {
    this.wrongCount++
    if (this.firstProblem !== undefined) return
    this.firstProblem = problem
    this.wrongAt = position
  }

  private read(): void {
    this.hasMore = this.next < this.count
    if (!this.hasMore) return
    const at = this.next++ * this.entrySize
    const isLong = this.entrySize === timeEntrySize
    this.first = isLong ? Number(this.bytes.readBigInt64BE(at)) : this.bytes.readInt32BE(at)
    this.second = this.bytes.readInt32BE(at + (isLong ? 8 : 4))
    this.lastFirst = this.first
  }
}

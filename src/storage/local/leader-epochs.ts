/**
 * Which leader epoch wrote which stretch of a log: pairs of (epoch, first offset), ascending in both,
 * kept in Kafka's `leader-epoch-checkpoint`. It answers OffsetForLeaderEpoch, by which a consumer
 * finds out that records it has seen were cut off.
 */
import type { Disk } from '../../platform/disk.ts'
import { readCheckpoint, writeCheckpoint } from './checkpoint-file.ts'

export interface EpochStart {
  readonly epoch: number
  readonly startOffset: number
}

export class LeaderEpochs {
  readonly path: string
  /** The file was written and is not known to be on disk. */
  isUnsynced = false
  /** Whoever was killed may have written it; only a clean stop, after which it is believed, has to be sure. */
  mayBeUnsynced = false
  private readonly disk: Disk
  private entries: EpochStart[] = []
  /** The file says what is in memory. */
  private isStored = true

  constructor(disk: Disk, path: string) {
    this.disk = disk
    this.path = path
  }

  /** Reads the file. A log that cannot be opened does without. */
  load(): this {
    this.entries = (readCheckpoint(this.disk, this.path) ?? []).map(([epoch, startOffset]) => ({
      epoch: Number(epoch),
      startOffset: Number(startOffset),
    }))
    // Kafka's never hold anything else; a file of nonsense is as good as none.
    if (!this.entries.every(isAscending)) this.entries = []
    return this
  }

  latest(): number {
    return this.entries.at(-1)?.epoch ?? -1
  }

  /** Where the first epoch that is known began; undefined: none is. */
  firstOffset(): number | undefined {
    return this.entries[0]?.startOffset
  }

  /** All that are known, in order. */
  starts(): readonly EpochStart[] {
    return this.entries
  }

  /** Forgets everything, because it is not the history of this log; the file follows with the next epoch. */
  forget(): void {
    this.entries = []
    this.isStored = false
  }

  /** Takes note that `epoch` wrote at `startOffset`; only a new epoch costs anything. */
  assign(epoch: number, startOffset: number): void {
    if (epoch <= this.latest()) return
    // An epoch that could not be stored is not known: the next append tries again.
    const earlier = this.entries.filter(entry => entry.startOffset < startOffset)
    this.replace([...earlier, { epoch, startOffset }])
  }

  /** Largest epoch at or below the one asked for, and where the next one starts; (-1, -1): none, or not yet known. */
  endOf(epoch: number, logEndOffset: number): { epoch: number; endOffset: number } {
    const last = this.entries.at(-1)
    if (last === undefined || epoch === -1 || epoch > last.epoch) return { epoch: -1, endOffset: -1 }
    if (epoch === last.epoch) return { epoch, endOffset: logEndOffset }
    const next = this.entries.findIndex(entry => entry.epoch > epoch)
    if (next === 0) return { epoch, endOffset: this.entries[0]!.startOffset }
    return { epoch: this.entries[next - 1]!.epoch, endOffset: this.entries[next]!.startOffset }
  }

  epochAt(offset: number): number {
    let found = -1
    for (const entry of this.entries) {
      if (entry.startOffset > offset) break
      found = entry.epoch
    }
    return found
  }

  /** Forgets epochs that start at or behind `endOffset`. */
  truncateTo(endOffset: number): void {
    const kept = this.entries.filter(entry => entry.startOffset < endOffset)
    if (kept.length === this.entries.length) return
    this.replace(kept)
  }

  /**
   * Forgets what was before the log's start: the epoch that wrote there begins there now. The file follows with
   * `store` or the next epoch; until then opening the log does the same again.
   */
  truncateStart(startOffset: number): void {
    const kept = this.entries.filter(entry => entry.startOffset > startOffset)
    const last = this.entries[this.entries.length - kept.length - 1]
    if (last === undefined || (last === this.entries[0] && last.startOffset === startOffset)) return
    this.entries = [{ epoch: last.epoch, startOffset }, ...kept]
    this.isStored = false
  }

  /** Brings the file up to date. */
  store(): void {
    if (!this.isStored) this.replace(this.entries)
  }

  private replace(entries: EpochStart[]): void {
    writeCheckpoint(
      this.disk,
      this.path,
      entries.map(entry => [entry.epoch, entry.startOffset]),
      false,
    )
    this.entries = entries
    this.isStored = true
    this.isUnsynced = true
  }
}

function isAscending({ epoch, startOffset }: EpochStart, index: number, all: readonly EpochStart[]): boolean {
  const previous = index === 0 ? { epoch: -1, startOffset: -1 } : all[index - 1]!
  return (
    Number.isInteger(epoch) &&
    Number.isSafeInteger(startOffset) &&
    epoch > previous.epoch &&
    startOffset > previous.startOffset
  )
}

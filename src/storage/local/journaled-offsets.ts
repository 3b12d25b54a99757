/**
 * Which offsets of which logs a journal has, as far as one start needs to know. By it recovery tells what a power
 * loss has kept from a log's files, and the journal will give back, from what is missing for another reason, such as
 * retention, compaction or damage of long ago.
 */

/** Offsets from `from` up to, not including, `to`. */
interface OffsetRange {
  readonly from: number
  to: number
}

export class JournaledOffsets {
  /** Ascending as they were written; those that touch or overlap are one. */
  private readonly ranges: OffsetRange[] = []

  add(from: number, to: number): void {
    const last = this.ranges.at(-1)
    if (last !== undefined && from >= last.from && from <= last.to) last.to = Math.max(last.to, to)
    else this.ranges.push({ from, to })
  }

  /** Whether everything between the two is there. */
  cover(from: number, to: number): boolean {
    return this.ranges.some(range => range.from <= from && to <= range.to)
  }
}

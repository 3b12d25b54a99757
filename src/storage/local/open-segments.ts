/**
 * How many segments have their files open. Above the limit one that was not used since it was last
 * looked at is closed, if nothing is in flight there; it opens again when somebody needs it. Use is noted
 * by a flag on the segment, which costs its readers nothing (the "clock" form of least recently used).
 */
export interface ClosableSegment {
  /** Set by every use. */
  wasUsed: boolean
  /** Closes its files for now; `false` when it cannot. */
  closeForNow(): boolean
}

export class OpenSegments {
  private readonly limit: number
  /** In the order in which they are looked at. */
  private readonly segments = new Set<ClosableSegment>()

  constructor(limit: number) {
    this.limit = limit
  }

  get count(): number {
    return this.segments.size
  }

  opened(segment: ClosableSegment): void {
    this.segments.add(segment)
    if (this.segments.size > this.limit) this.makeRoom(segment)
  }

  private makeRoom(opened: ClosableSegment): void {
    // Twice around: the first round takes the flags away, unless all are in use.
    let looks = 2 * this.segments.size
    for (const candidate of this.segments) {
      if (this.segments.size <= this.limit || looks-- === 0) return
      const wasUsed = candidate.wasUsed
      candidate.wasUsed = false
      if (!wasUsed && candidate !== opened && candidate.closeForNow()) continue
      // A Set's iteration comes to what is added meanwhile.
      this.segments.delete(candidate)
      this.segments.add(candidate)
    }
  }

  closed(segment: ClosableSegment): void {
    this.segments.delete(segment)
  }
}

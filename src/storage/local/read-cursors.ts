/**
 * Where batches begin that a reader will ask for next: the last few that were appended, and the ends of
 * the last few reads. A ring, made when it is first needed; the oldest entry is overwritten. Only a
 * short cut: what it does not know is found by the index.
 */
import type { Segment } from './segment.ts'

/** A batch's place. */
export interface ReadCursor {
  readonly segment: Segment
  readonly position: number
  /** The batch starts there or, if that was removed, behind it; -1: it starts anywhere before what was looked for. */
  readonly startOffset: number
}

const size = 32

export class ReadCursors {
  private offsets: Float64Array | undefined
  private positions: Float64Array | undefined
  private segments: (Segment | undefined)[] = []
  private next = 0

  /** Notes that the batch that starts at `offset` lies, or will lie, at `position`. */
  add(offset: number, segment: Segment, position: number): void {
    if (this.offsets === undefined) {
      this.offsets = new Float64Array(size).fill(-1)
      this.positions = new Float64Array(size)
      this.segments = new Array(size).fill(undefined)
    }
    this.offsets[this.next] = offset
    this.positions![this.next] = position
    this.segments[this.next] = segment
    this.next = (this.next + 1) % size
  }

  /** The place noted last for the batch that starts at `offset`. */
  find(offset: number): ReadCursor | undefined {
    if (this.offsets === undefined) return undefined
    for (let back = 1; back <= size; back++) {
      const slot = (this.next + size - back) % size
      if (this.offsets[slot] === offset) {
        return { segment: this.segments[slot]!, position: this.positions![slot]!, startOffset: offset }
      }
    }
    return undefined
  }

  clear(): void {
    this.offsets = undefined
    this.positions = undefined
    this.segments = []
    this.next = 0
  }
}

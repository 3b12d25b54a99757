/**
 * How many segments have their files open. Above the limit the one used least recently is closed, if
 * it has nothing in flight; it opens again when somebody reads it.
 */
export interface ClosableSegment {
  readonly isClosable: boolean
  close(): void
}

export class OpenSegments {
  private readonly limit: number
  /** In the order of use: the oldest first. */
  private readonly segments = new Set<ClosableSegment>()

  constructor(limit: number) {
    this.limit = limit
  }

  get count(): number {
    return this.segments.size
  }

  opened(segment: ClosableSegment): void {
    this.segments.add(segment)
    if (this.segments.size <= this.limit) return
    for (const oldest of this.segments) {
      if (this.segments.size <= this.limit) return
      if (oldest !== segment && oldest.isClosable) oldest.close()
    }
  }

  used(segment: ClosableSegment): void {
    if (this.segments.delete(segment)) this.segments.add(segment)
  }

  closed(segment: ClosableSegment): void {
    this.segments.delete(segment)
  }
}

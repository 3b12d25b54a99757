/**
 * The bound on memory that unanswered requests hold over all connections (`queued.max.request.bytes`). A
 * connection asks before it receives the rest of a frame that did not come in one piece, and is not read
 * from until there is room. Room is given as in Kafka: as long as less than the bound is held, a frame of any
 * size may come in; so the bound is passed by one frame at most, and a frame that was let in is always
 * received to its end. Who was refused first is let in first.
 */
export class RequestMemory {
  private readonly maxBytes: number
  private heldBytes = 0
  private readonly waiting = new Set<RequestMemoryShare>()

  /** A negative bound is none. */
  constructor(maxBytes: number) {
    this.maxBytes = maxBytes < 0 ? Number.POSITIVE_INFINITY : maxBytes
  }

  /** What all connections hold together. */
  get size(): number {
    return this.heldBytes
  }

  /** One connection's part; `roomAgain` is called after a refusal, when asking again is worthwhile. */
  share(roomAgain: () => void): RequestMemoryShare {
    return new RequestMemoryShare(this, roomAgain)
  }

  /** For shares only. */
  admit(share: RequestMemoryShare, size: number): boolean {
    if (this.heldBytes >= this.maxBytes && share.size === 0) {
      this.waiting.add(share)
      return false
    }
    this.waiting.delete(share)
    this.heldBytes += size
    return true
  }

  /** For shares only. */
  giveBack(share: RequestMemoryShare, size: number): void {
    this.heldBytes -= size
    this.waiting.delete(share)
    for (const next of this.waiting) {
      if (this.heldBytes >= this.maxBytes) return
      this.waiting.delete(next)
      next.roomAgain()
    }
  }
}

export class RequestMemoryShare {
  readonly roomAgain: () => void
  private readonly memory: RequestMemory
  private heldBytes = 0

  constructor(memory: RequestMemory, roomAgain: () => void) {
    this.memory = memory
    this.roomAgain = roomAgain
  }

  get size(): number {
    return this.heldBytes
  }

  /** Holds `size` bytes from now on, in place of what was held; false: there is no room yet. */
  hold(size: number): boolean {
    if (size <= this.heldBytes) {
      if (size === 0) this.release()
      return true
    }
    if (!this.memory.admit(this, size - this.heldBytes)) return false
    this.heldBytes = size
    return true
  }

  release(): void {
    const size = this.heldBytes
    this.heldBytes = 0
    this.memory.giveBack(this, size)
  }
}

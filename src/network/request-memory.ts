/**
 * The bound on memory that requests hold over all connections while they arrive and while they wait for those
 * before them (`queued.max.request.bytes`). What is counted is memory, not what a frame announces of itself, so
 * announcing costs nobody anything. Beyond the bound a connection whose frame needs more memory than it has is
 * not read from, until others are done. One goes on regardless, the one that has held memory for longest: if all
 * waited, none would ever be done. A frame for which there is memory already is always received to its end, so
 * requests of ordinary size never wait; the bound is passed by what they hold, and by one large frame.
 */
export class RequestMemory {
  private readonly maxBytes: number
  private heldBytes = 0
  /** In the order in which they began to hold. */
  private readonly holders = new Set<RequestMemoryShare>()
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

  /** For shares only: `share` held `before` and holds `now`. */
  changed(share: RequestMemoryShare, before: number, now: number): void {
    this.heldBytes += now - before
    if (now > 0) this.holders.add(share)
    else {
      this.holders.delete(share)
      this.waiting.delete(share)
    }
    if (now > before) return
    for (const next of [...this.waiting]) if (this.mayGrow(next)) next.roomAgain()
  }

  /** For shares only. */
  mayGrow(share: RequestMemoryShare): boolean {
    const may = this.heldBytes <= this.maxBytes || this.holders.values().next().value === share
    if (may) this.waiting.delete(share)
    else this.waiting.add(share)
    return may
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

  /** Says how much is held from now on. */
  hold(size: number): void {
    const before = this.heldBytes
    if (size === before) return
    this.heldBytes = size
    this.memory.changed(this, before, size)
  }

  /** Whether more may be held; if not, `roomAgain` is called later. */
  mayGrow(): boolean {
    return this.memory.mayGrow(this)
  }
}

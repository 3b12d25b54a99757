/**
 * The deadlines of a state machine: who is to be called when a time has come. Made for many deadlines
 * that are pushed back over and over and hardly ever reached (member sessions): setting one is O(1).
 * `earliestMs` is therefore a lower bound: it is exact after `due`, and may be too early in between,
 * which costs a needless wake-up that makes it exact again.
 */
export class Deadline {
  atMs = Number.POSITIVE_INFINITY
  readonly expire: (nowMs: number) => void

  constructor(expire: (nowMs: number) => void) {
    this.expire = expire
  }
}

export class Deadlines {
  readonly #set = new Set<Deadline>()
  earliestMs = Number.POSITIVE_INFINITY

  get size(): number {
    return this.#set.size
  }

  set(deadline: Deadline, atMs: number): void {
    deadline.atMs = atMs
    this.#set.add(deadline)
    if (atMs < this.earliestMs) this.earliestMs = atMs
  }

  cancel(deadline: Deadline): void {
    this.#set.delete(deadline)
  }

  isSet(deadline: Deadline): boolean {
    return this.#set.has(deadline)
  }

  /** Calls every deadline that has come, in order of time; one that is pushed back or cancelled by another is not called. */
  expireDue(nowMs: number): void {
    const due: Deadline[] = []
    for (const deadline of this.#set) if (deadline.atMs <= nowMs) due.push(deadline)
    due.sort((a, b) => a.atMs - b.atMs)
    for (const deadline of due) {
      if (deadline.atMs > nowMs || !this.#set.delete(deadline)) continue
      deadline.expire(nowMs)
    }
    let earliestMs = Number.POSITIVE_INFINITY
    for (const deadline of this.#set) if (deadline.atMs < earliestMs) earliestMs = deadline.atMs
    this.earliestMs = earliestMs
  }
}

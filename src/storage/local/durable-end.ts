/**
 * How far a log is durable, and who waits until it is. Durable means: found again after a power loss, because the
 * log's own file was synced so far, or the journal that stands for it. It never moves back.
 */
import type { Segment } from './segment.ts'

/** A point between two batches of a log. */
export interface LogPoint {
  readonly offset: number
  /** Bytes appended up to here since the log was opened. */
  readonly bytes: number
  readonly segment: Segment
  readonly position: number
}

interface Waiter {
  readonly offset: number
  settle(error?: Error): void
}

export class DurableEnd {
  /** undefined: the log is not open yet. */
  point: LogPoint | undefined
  private waiters: Waiter[] = []
  private failure: Error | undefined

  get offset(): number {
    return this.point?.offset ?? 0
  }

  /** Resolves when everything below `offset` is durable; rejects when that will not come about any more. */
  waitFor(offset: number): Promise<void> {
    if (this.failure !== undefined) return Promise.reject(this.failure)
    return new Promise((resolve, reject) => {
      this.waiters.push({ offset, settle: error => (error === undefined ? resolve() : reject(error)) })
    })
  }

  moveTo(point: LogPoint): void {
    if (point.offset >= this.offset) this.point = point
    if (this.waiters.length === 0) return
    const waiters = this.waiters
    this.waiters = []
    for (const waiter of waiters) {
      if (waiter.offset <= this.offset) waiter.settle()
      else this.waiters.push(waiter)
    }
  }

  /** Nothing becomes durable any more. */
  fail(error: Error): void {
    this.failure ??= error
    const waiters = this.waiters
    this.waiters = []
    for (const waiter of waiters) waiter.settle(error)
  }
}

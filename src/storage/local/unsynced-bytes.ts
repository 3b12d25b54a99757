/**
 * The bound on bytes that were appended and are not known to be on disk in the logs' own files, over all logs of
 * the broker. Without it they grow until the kernel makes the writer wait, which here is the event loop, and a
 * crash of the machine leaves all of them to be recovered.
 *
 * At half of the bound, and at every further quarter, all logs that hold such bytes are synced in the background. At the
 * bound `room` holds clients' appends back until a sync has made room; one that has begun is never refused, so the
 * bound is passed by what one request brings. Coordinators' own records are not held back: they are few, and
 * the requests that cause them are bounded.
 *
 * Invariant: `size` is the sum of the logs' `unsyncedBytes`, and `logs` has those for which that is not 0, the one
 * that has waited for longest first.
 */
import type { PartitionLog } from './partition-log.ts'

export class UnsyncedBytes {
  size = 0
  readonly maxBytes: number
  private readonly logs = new Set<PartitionLog>()
  private readonly settle: (log: PartitionLog) => void
  /** The size at which logs are synced next. */
  private settleAt: number
  private waiting: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined

  /** `settle` asks for a sync of a log's own files that nobody waits for. */
  constructor(maxBytes: number, settle: (log: PartitionLog) => void) {
    this.maxBytes = maxBytes
    this.settle = settle
    this.settleAt = maxBytes / 2
  }

  /** For logs only: `size` bytes were appended to `log`, which counts them already. */
  written(log: PartitionLog, size: number): void {
    if (log.unsyncedBytes === size) this.logs.add(log)
    this.size += size
    if (this.size >= this.settleAt) this.settleAll()
  }

  /** For logs only: `size` of the bytes in `log` are on disk, or nobody's concern any more. */
  synced(log: PartitionLog, size: number): void {
    this.size -= size
    this.logs.delete(log)
    // What is left came while it was synced.
    if (log.unsyncedBytes > 0) this.logs.add(log)
    this.settleAt = Math.max(this.maxBytes / 2, Math.min(this.settleAt, this.size + this.maxBytes / 4))
    if (this.waiting === undefined || this.size >= this.maxBytes) return
    this.waiting.resolve()
    this.waiting = undefined
  }

  private settleAll(): void {
    this.settleAt = this.size + this.maxBytes / 4
    for (const log of this.logs) this.settle(log)
  }

  /** undefined: a client may append now; else resolves when it is worthwhile to ask again. */
  room(): Promise<void> | undefined {
    if (this.size < this.maxBytes) return undefined
    if (this.waiting === undefined) {
      let resolve = (): void => undefined
      const promise = new Promise<void>(settle => {
        resolve = settle
      })
      this.waiting = { promise, resolve }
    }
    return this.waiting.promise
  }
}

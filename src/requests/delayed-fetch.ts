/**
 * A fetch that found too little and waits (KIP-227 calls it long polling): until enough bytes have
 * become readable, a partition is gone, or its time is over. It holds a timer and the connection's
 * close callback, gives both back when it wakes, and wakes once. Who watches the logs tells it.
 */
import type { Clock, Timer } from '../platform/clock.ts'
import type { LogChange } from '../storage/partition-log.ts'
import type { RequestContext } from './handler.ts'

/** Why a fetch stopped waiting. */
export type Wake = 'changed' | 'timeout' | 'closed'

export class DelayedFetch {
  readonly woken: Promise<Wake>
  private missingBytes: number
  private readonly timer: Timer
  private readonly forgetClose: (() => void) | undefined
  private resolve: ((wake: Wake) => void) | undefined

  constructor(missingBytes: number, waitMs: number, clock: Clock, context: Pick<RequestContext, 'onClose'>) {
    this.missingBytes = missingBytes
    this.woken = new Promise(resolve => {
      this.resolve = resolve
    })
    this.timer = clock.after(waitMs, () => this.finish('timeout'))
    this.forgetClose = context.onClose(() => this.finish('closed'))
  }

  /** Somebody or something has woken it. */
  get isOver(): boolean {
    return this.resolve === undefined
  }

  /** Hears of a change in one of the partitions that it waits for. */
  changed(change: LogChange): void {
    this.missingBytes -= change.readableBytes
    if (this.missingBytes <= 0 || change.deleted) this.finish('changed')
  }

  /** Lets the fetch look again although nothing that it waits for has happened. */
  wake(): void {
    this.finish('changed')
  }

  private finish(wake: Wake): void {
    const resolve = this.resolve
    if (resolve === undefined) return
    this.resolve = undefined
    this.timer.cancel()
    this.forgetClose?.()
    resolve(wake)
  }
}

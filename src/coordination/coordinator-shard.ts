/**
 * One partition of an internal topic and the state machine that lives on it: append -> replay -> answer.
 *
 * An event is applied at once, in the caller's turn. The records of all events of a turn become one
 * batch (or several, where one would be too large), appended when the turn ends; the shard does not
 * wait for it and applies what comes next. A reply leaves when everything that was applied before it
 * is durable, so nobody is told of a state that a crash could take back; with nothing on its way to
 * the disk it leaves at once.
 *
 * Life: loading -> ready -> (failed append) -> settling -> loading ... and stopped from anywhere.
 * When an append fails the state in memory is ahead of the log and is thrown away: what waits is
 * refused with an error that clients retry after, appends under way are awaited, the log is replayed.
 * If that keeps failing, the reloads are spaced out, and requests are refused without waiting.
 */
import { type ErrorName, ProtocolError } from '../../protocol-codecs/error-codes.ts'
import type { Clock, Timer } from '../platform/clock.ts'
import type { AppendResult, PartitionLogs, PartitionRef } from '../storage/partition-log.ts'
import { batchesOf } from './batches-of.ts'
import { clientError } from './client-error.ts'
import { loadShard } from './load-shard.ts'
import type { EncodedRecord, RequestId, StateMachine } from './state-machine.ts'

export interface ShardParts<Event, LogRecord, Response> {
  readonly logs: PartitionLogs
  readonly clock: Clock
  /** Runs a callback when the sockets that have data have been read: Node's setImmediate. */
  readonly afterSockets: (callback: () => void) => void
  readonly createState: () => StateMachine<Event, LogRecord, Response>
  readonly encode: (records: readonly LogRecord[]) => readonly EncodedRecord[]
  /** Applied when `wakeAtMs` has come. */
  readonly timerEvent: Event
  /** Applied first after every load; undefined: nothing. */
  readonly loadedEvent: () => Event | undefined
  /** Makes sure that the partition exists and takes the role: what `load` needs. */
  readonly claim: () => Promise<{ partition: PartitionRef; ownerEpoch: number }>
  /** Runs a load when its turn has come: shards share the memory that loading takes. */
  readonly inLoadSlot: (load: () => Promise<void>) => Promise<void>
  readonly loadBufferBytes: number
  /** Records are cut into batches of at most this size, a single larger record aside. */
  readonly maxBatchBytes: number
  /** Events that may wait for the load. */
  readonly maxQueued: number
  readonly onTrouble: (what: string, error: unknown) => void
}

interface Waiting<Response> {
  resolve(response: Response): void
  reject(error: ProtocolError): void
}

/** A batch on its way to the disk, and the replies that wait for it. */
interface Flush<Response> {
  readonly replies: (readonly [RequestId, Response])[]
  isDurable: boolean
}

const firstReloadDelayMs = 100
const longestReloadDelayMs = 5_000
/** A shard that has been well for so long is reloaded without delay again. */
const recoveredAfterMs = 10_000
const settleRetryMs = 50
const settleRetryCount = 100

export class CoordinatorShard<Event, LogRecord, Response> {
  readonly #parts: ShardParts<Event, LogRecord, Response>
  /** Resolves when the first load has ended, whichever way. */
  readonly firstLoad: Promise<void>
  #phase: 'loading' | 'ready' | 'settling' | 'stopped' = 'loading'
  #state: StateMachine<Event, LogRecord, Response>
  #partition: PartitionRef | undefined
  #ownerEpoch = 0
  #queue: (() => void)[] = []
  readonly #waiting = new Map<RequestId, Waiting<Response>>()
  #gathered: LogRecord[] = []
  #gatheredReplies: (readonly [RequestId, Response])[] = []
  #flushes: Flush<Response>[] = []
  #isFlushPlanned = false
  #appendsUnderWay = 0
  #replay: Promise<unknown> | undefined
  #timer: Timer | undefined
  #timerAtMs = Number.POSITIVE_INFINITY
  #failedAtMs = Number.NEGATIVE_INFINITY
  #reloadDelayMs = 0
  #onIdle: (() => void)[] = []

  constructor(parts: ShardParts<Event, LogRecord, Response>) {
    this.#parts = parts
    this.#state = parts.createState()
    this.firstLoad = this.#load()
  }

  /** The state, once loaded. */
  get state(): StateMachine<Event, LogRecord, Response> | undefined {
    return this.#phase === 'ready' ? this.#state : undefined
  }

  /** Applies a request's event, at once or when the shard is loaded; throws or rejects with a ProtocolError. */
  request(requestId: RequestId, event: Event): Response | Promise<Response> {
    if (this.#phase === 'ready') {
      const answer = this.#apply(event, requestId)
      if (answer !== undefined) return answer.response
      return new Promise((resolve, reject) => this.#waiting.set(requestId, { resolve, reject }))
    }
    if (this.#phase === 'stopped') throw new ProtocolError('COORDINATOR_NOT_AVAILABLE')
    if (this.#reloadDelayMs > 0 || this.#queue.length >= this.#parts.maxQueued) {
      throw new ProtocolError('COORDINATOR_LOAD_IN_PROGRESS')
    }
    return new Promise((resolve, reject) => {
      this.#waiting.set(requestId, { resolve, reject })
      this.#queue.push(() => {
        // Refused in the meantime, or its client has gone.
        if (!this.#waiting.has(requestId)) return
        const answer = this.#apply(event, requestId)
        if (answer !== undefined) this.#settle(requestId, answer.response)
      })
    })
  }

  /** Applies an event that nobody waits for; one that comes before the load is covered by `loadedEvent`. */
  notify(event: Event): void {
    if (this.#phase === 'ready') this.#apply(event, undefined)
  }

  /** The client of this request is gone: whoever holds its promise is let go. */
  abandon(requestId: RequestId): void {
    this.#refuse(requestId, 'COORDINATOR_NOT_AVAILABLE')
  }

  /** Appends what has gathered, awaits it, refuses what waits beyond that, and does nothing more: neither writes nor reads. */
  async stop(): Promise<void> {
    if (this.#phase === 'stopped') return
    if (this.#phase === 'ready') this.#flush()
    this.#phase = 'stopped'
    this.#cancelTimer()
    this.#queue = []
    this.#refuseWaiting('COORDINATOR_NOT_AVAILABLE')
    if (this.#appendsUnderWay > 0) await new Promise<void>(resolve => this.#onIdle.push(resolve))
    await this.#replay?.catch(() => undefined)
  }

  /** Gives the answer if it may leave at once; else it waits for what is on its way to the disk. */
  #apply(event: Event, requestId: RequestId | undefined): { response: Response } | undefined {
    let effects: ReturnType<StateMachine<Event, LogRecord, Response>['apply']>
    try {
      const { clock } = this.#parts
      effects = this.#state.apply(event, { nowMs: clock.monotonic(), timestampMs: clock.now() })
    } catch (error) {
      // A bug, and a state that may be half changed: the log is the way back.
      if (requestId !== undefined) this.#refuse(requestId, 'UNKNOWN_SERVER_ERROR')
      this.#parts.onTrouble('a coordinator event failed', error)
      this.#fail('COORDINATOR_NOT_AVAILABLE')
      throw new ProtocolError('UNKNOWN_SERVER_ERROR')
    }
    for (const record of effects.records) this.#gathered.push(record)
    this.#wakeAt(effects.wakeAtMs)
    let answer: { response: Response } | undefined
    if (this.#gathered.length > 0) {
      this.#planFlush()
      for (const reply of effects.replies) this.#gatheredReplies.push(reply)
    } else if (this.#flushes.length > 0) {
      const last = this.#flushes[this.#flushes.length - 1]!
      for (const reply of effects.replies) last.replies.push(reply)
    } else {
      for (const [id, response] of effects.replies) {
        if (id === requestId) answer = { response }
        else this.#settle(id, response)
      }
    }
    return answer
  }

  #planFlush(): void {
    if (this.#isFlushPlanned) return
    this.#isFlushPlanned = true
    this.#parts.afterSockets(() => {
      this.#isFlushPlanned = false
      if (this.#phase === 'ready') this.#flush()
    })
  }

  #flush(): void {
    if (this.#gathered.length === 0) return
    const records = this.#gathered
    const flush: Flush<Response> = { replies: this.#gatheredReplies, isDurable: false }
    this.#gathered = []
    this.#gatheredReplies = []
    this.#flushes.push(flush)
    this.#appendsUnderWay++
    const { clock, encode, logs, maxBatchBytes } = this.#parts
    let results: AppendResult[] | Promise<AppendResult[]>
    try {
      const items = batchesOf(encode(records), maxBatchBytes, clock.now()).map(batch => ({
        partition: this.#partition!,
        batch,
        origin: 'coordinator' as const,
        ownerEpoch: this.#ownerEpoch,
      }))
      results = logs.append(items, 'durable')
    } catch (error) {
      this.#appended(flush, error)
      return
    }
    if (Array.isArray(results)) this.#appended(flush, undefined, results)
    else {
      results.then(
        settled => this.#appended(flush, undefined, settled),
        error => this.#appended(flush, error),
      )
    }
  }

  #appended(flush: Flush<Response>, error: unknown, results: readonly AppendResult[] = []): void {
    this.#appendsUnderWay--
    const refused = results.find(result => result.error !== 'NONE')
    if (error === undefined && refused === undefined) {
      flush.isDurable = true
      this.#release()
    } else if (this.#flushes.includes(flush)) {
      const name = refused?.error ?? (error instanceof ProtocolError ? error.name : 'UNKNOWN_SERVER_ERROR')
      this.#parts.onTrouble(`an append of a coordinator failed with ${name}`, error ?? refused)
      this.#fail(clientError(name), flush)
    }
    if (this.#appendsUnderWay > 0) return
    for (const callback of this.#onIdle.splice(0)) callback()
    if (this.#phase === 'settling') this.#planReload()
  }

  /** Sends the replies whose records, and all records before them, are durable. */
  #release(): void {
    let count = 0
    while (this.#flushes[count]?.isDurable) count++
    for (const flush of this.#flushes.splice(0, count)) {
      for (const [id, response] of flush.replies) this.#settle(id, response)
    }
  }

  /** What `failed` holds and everything applied since is not in the log, or is not known to be. */
  #fail(error: ErrorName, failed?: Flush<Response>): void {
    if (this.#phase === 'ready') {
      this.#phase = 'settling'
      this.#cancelTimer()
      const nowMs = this.#parts.clock.monotonic()
      const isRelapse = nowMs - this.#failedAtMs < recoveredAfterMs
      this.#reloadDelayMs = isRelapse
        ? Math.min(Math.max(2 * this.#reloadDelayMs, firstReloadDelayMs), longestReloadDelayMs)
        : 0
      this.#failedAtMs = nowMs
    }
    const from = failed === undefined ? this.#flushes.length : this.#flushes.indexOf(failed)
    this.#flushes.splice(from)
    this.#gathered = []
    this.#gatheredReplies = []
    this.#queue = []
    this.#refuseWaiting(error)
    if (this.#phase === 'settling' && this.#appendsUnderWay === 0 && failed === undefined) this.#planReload()
  }

  #planReload(): void {
    this.#phase = 'loading'
    this.#state = this.#parts.createState()
    if (this.#reloadDelayMs === 0) {
      void this.#load()
      return
    }
    this.#timer = this.#parts.clock.after(this.#reloadDelayMs, () => {
      this.#timer = undefined
      if (this.#phase === 'loading') void this.#load()
    })
  }

  async #load(): Promise<void> {
    const isCancelled = () => this.#phase !== 'loading'
    for (let attempt = 0; ; attempt++) {
      try {
        await this.#parts.inLoadSlot(() => this.#replayLog(isCancelled))
        break
      } catch (error) {
        if (isCancelled()) return
        const name = error instanceof ProtocolError ? error.name : 'UNKNOWN_SERVER_ERROR'
        this.#state = this.#parts.createState()
        if (name === 'COORDINATOR_LOAD_IN_PROGRESS' && attempt < settleRetryCount) {
          await new Promise<void>(resolve => this.#parts.clock.after(settleRetryMs, resolve))
          if (isCancelled()) return
          continue
        }
        this.#parts.onTrouble(`loading a coordinator's log failed with ${name}`, error)
        // Not loaded, and nothing to wait for: the next try comes after a delay of its own.
        this.#queue = []
        this.#refuseWaiting(clientError(name))
        this.#reloadDelayMs = Math.min(
          Math.max(2 * this.#reloadDelayMs, firstReloadDelayMs),
          longestReloadDelayMs,
        )
        this.#failedAtMs = this.#parts.clock.monotonic()
        this.#planReload()
        return
      }
    }
    if (isCancelled()) return
    this.#phase = 'ready'
    // The delay is remembered while the shard is not yet trusted (see `recoveredAfterMs`).
    const queue = this.#queue
    this.#queue = []
    const loaded = this.#parts.loadedEvent()
    try {
      if (loaded !== undefined) this.#apply(loaded, undefined)
      for (const apply of queue) apply()
    } catch {
      // The event that failed has refused everything that waits, and the shard is loading again.
    }
  }

  async #replayLog(isCancelled: () => boolean): Promise<void> {
    const { afterSockets, claim, clock, loadBufferBytes: bufferBytes, logs } = this.#parts
    if (isCancelled()) return
    const { ownerEpoch, partition } = await claim()
    this.#partition = partition
    this.#ownerEpoch = ownerEpoch
    const nextTurn = () => new Promise<void>(resolve => afterSockets(resolve))
    this.#replay = loadShard(logs, partition, this.#state, {
      bufferBytes,
      clock,
      nextTurn,
      isCancelled,
      onUnreadable: (offset, error) =>
        this.#parts.onTrouble(
          `the coordinator's record at offset ${offset} cannot be read and is skipped`,
          error,
        ),
    })
    await this.#replay
  }

  #wakeAt(atMs: number): void {
    if (atMs >= this.#timerAtMs) return
    this.#cancelTimer()
    this.#timerAtMs = atMs
    const { clock, afterSockets, timerEvent } = this.#parts
    const delayMs = Math.max(0, atMs - clock.monotonic())
    this.#timer = clock.after(delayMs, () => {
      this.#timer = undefined
      this.#timerAtMs = Number.POSITIVE_INFINITY
      // Node runs timers before it reads sockets: after a pause, what members sent in time is still
      // unread, so they get one turn before any of them is taken for dead.
      afterSockets(() => {
        if (this.#phase !== 'ready') return
        try {
          this.#apply(timerEvent, undefined)
        } catch {
          // Already reported; the shard is loading again.
        }
      })
    })
  }

  #cancelTimer(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#timerAtMs = Number.POSITIVE_INFINITY
  }

  #settle(requestId: RequestId, response: Response): void {
    const waiting = this.#waiting.get(requestId)
    this.#waiting.delete(requestId)
    waiting?.resolve(response)
  }

  #refuse(requestId: RequestId, error: ErrorName): void {
    const waiting = this.#waiting.get(requestId)
    this.#waiting.delete(requestId)
    waiting?.reject(new ProtocolError(error))
  }

  /** Refuses all but those whose answer waits for an append that may still succeed. */
  #refuseWaiting(error: ErrorName): void {
    const answered = new Set<RequestId>()
    for (const flush of this.#flushes) for (const [id] of flush.replies) answered.add(id)
    for (const id of [...this.#waiting.keys()]) if (!answered.has(id)) this.#refuse(id, error)
  }
}

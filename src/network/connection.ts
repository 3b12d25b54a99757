/**
 * One client connection. Requests start in the order they arrived and their effects are in that order;
 * responses leave in that order too. A pipelined request may start while earlier pipelined ones wait for
 * their disk; a sequential one waits until everything before it was answered.
 *
 * Everything is bounded: requests in flight, bytes that wait to be sent (a client that does not read is not
 * read from either), bytes received ahead (one read; then the socket is paused), and together with all other
 * connections the bytes of requests that did not come in one piece. All responses that are ready at the end
 * of a turn leave in one write.
 *
 * A connection ends in two steps. Closing: nothing more is started or answered, and what was answered is sent.
 * The socket is not closed before the client has seen that: closing one with bytes unread takes back what was
 * sent (RST), so they are read and dropped meanwhile. Gone: the socket is closed, and only now is memory given
 * back that the operating system may have been reading or writing.
 */
import type { Socket } from 'node:net'
import { WireWriter } from '../../protocol-codecs/wire-writer.ts'
import { microsNow } from '../metrics/time-buckets.ts'
import { SocketTraffic } from '../metrics/traffic.ts'
import type { BufferPool } from '../platform/buffer-pool.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/logger.ts'
import { atEndOfTurn } from '../platform/turn.ts'
import type {
  ClientConnection,
  ConnectionFacts,
  Outcome,
  RequestProcessor,
} from '../requests/request-processor.ts'
import { FrameBuffer, wholeFramesIn } from './frame-buffer.ts'
import type { RequestMemory, RequestMemoryShare } from './request-memory.ts'

export interface ConnectionLimits {
  readonly maxFrameSize: number
  readonly maxInFlight: number
  /** From this many unsent bytes on no further request is started. */
  readonly maxQueuedBytes: number
}

export interface ConnectionTools {
  readonly pool: BufferPool
  readonly memory: RequestMemory
  readonly clock: Clock
  readonly logger: Logger
  readonly traffic?: SocketTraffic
}

interface InFlight {
  outcome: Outcome | undefined
  readonly isPipelined: boolean
}

const frameHeaderSize = 4
const nobody: readonly (() => void)[] = []
/** How long a client may take to read the last answers before its connection is cut. */
const lastSendTimeoutMs = 5000
/** How long it may then take to close its side; after so long since the last answer nobody waits for it. */
const lingerMs = 1000

export class Connection implements ClientConnection {
  readonly facts: ConnectionFacts
  clientSoftware: ClientConnection['clientSoftware']
  receivedMicros = 0
  private lastActiveMs: number
  private lastSentMs = Number.NEGATIVE_INFINITY
  private readonly socket: Socket
  private readonly processor: RequestProcessor
  private readonly limits: ConnectionLimits
  private readonly logger: Logger
  private readonly clock: Clock
  private readonly traffic: SocketTraffic
  private readonly frames: FrameBuffer
  private readonly memory: RequestMemoryShare
  private readonly writer = new WireWriter(4096)
  private readonly inFlight: InFlight[] = []
  private readonly closeListeners = new Set<() => void>()
  /** To be called when what is in the writer has been sent. */
  private sendListeners: (() => void)[] = []
  /** The same for what the socket has not sent yet, by write. */
  private readonly unsentListeners = new Set<readonly (() => void)[]>()
  /** Bytes received but not started, because an earlier request must be answered first. */
  private backlog: { buffer: Buffer; position: number } | undefined
  /** Bytes that the socket has not sent yet. */
  private queuedBytes = 0
  private isFlushScheduled = false
  /** The next request waits until the processor has room for it. */
  private isWaitingForRoom = false
  /** The socket was told to receive no more, until there is room. */
  private isPaused = false
  /** Starts nothing more: it is being stopped, or a request in flight ends it. */
  private isFinishing = false
  /** Closes as soon as everything that was started is answered. */
  private isStopping = false
  private isClosing = false
  /** The memory that `receiveTarget` gave last, if it was a frame's own. */
  private target: Buffer | undefined

  constructor(
    socket: Socket,
    facts: ConnectionFacts,
    processor: RequestProcessor,
    limits: ConnectionLimits,
    tools: ConnectionTools,
  ) {
    this.socket = socket
    this.facts = facts
    this.processor = processor
    this.limits = limits
    this.logger = tools.logger
    this.clock = tools.clock
    this.traffic = tools.traffic ?? new SocketTraffic()
    this.lastActiveMs = tools.clock.monotonic()
    this.frames = new FrameBuffer(tools.pool, limits.maxFrameSize)
    this.memory = tools.memory.share(() => this.receiveAgain())
    socket.on('error', error =>
      this.logger.debug({ client: facts.clientHost, err: error }, 'connection failed'),
    )
    socket.once('close', () => this.gone())
  }

  onClose(callback: () => void): () => void {
    this.closeListeners.add(callback)
    return () => this.closeListeners.delete(callback)
  }

  get inFlightCount(): number {
    return this.inFlight.length
  }

  /** How many whole requests wait for those before them. */
  get waitingCount(): number {
    if (this.backlog === undefined) return 0
    return wholeFramesIn(this.backlog.buffer, this.backlog.position)
  }

  /** Where received bytes are wanted; undefined: in shared memory. */
  receiveTarget(): Buffer | undefined {
    this.target = this.isClosing ? undefined : this.frames.target()
    return this.target
  }

  /** Takes bytes that were received into `receiveTarget()` or elsewhere. False: receive no more until resumed. */
  received(buffer: Buffer, size: number): boolean {
    if (this.isClosing) return true
    if (this.isFinishing) return false
    this.lastActiveMs = this.clock.monotonic()
    // Bytes that come while others wait belong to a request that is counted from when those came.
    if (this.backlog === undefined) this.receivedMicros = microsNow()
    this.traffic.incomingBytes += size
    if (buffer === this.target) this.continueFrame(size)
    else this.takeForeign(buffer, size)
    this.flush()
    if (this.isClosing) return true
    this.isPaused = !this.mayReceive()
    return !this.isPaused
  }

  /** Takes bytes from memory that is valid for this call only. */
  private takeForeign(buffer: Buffer, size: number): void {
    let position = 0
    for (let target = this.frames.target(); target !== undefined; target = this.frames.target()) {
      const count = Math.min(target.length, size - position)
      buffer.copy(target, 0, position, position + count)
      position += count
      this.continueFrame(count)
      if (this.isClosing) return
      if (this.backlog !== undefined) {
        const rest = buffer.subarray(position, size)
        if (rest.length > 0) this.keepBacklog(Buffer.concat([this.backlog.buffer, rest]), 0)
        return
      }
      if (position === size) return
    }
    this.takeBytes(buffer, position, size, false)
  }

  private continueFrame(size: number): void {
    const frame = this.frames.received(size)
    if (frame === undefined) return
    if (frame === 'bad size') {
      this.refuseFrame()
      return
    }
    if (this.mayStart(frame, frameHeaderSize, frame.length)) {
      this.startRequest(frame, frameHeaderSize, frame.length)
      this.frames.releaseFrame()
      return
    }
    this.keepBacklog(frame, 0)
  }

  /** Keeps bytes until their turn; they are this connection's own. */
  private keepBacklog(buffer: Buffer, position: number): void {
    this.backlog = { buffer, position }
  }

  /** Starts the whole frames in a range of bytes and keeps what is left; bytes that are not `owned` are copied. */
  private takeBytes(buffer: Buffer, from: number, end: number, owned: boolean): void {
    let position = from
    while (end - position >= frameHeaderSize) {
      const size = buffer.readInt32BE(position)
      if (!this.frames.isAcceptable(size)) {
        this.refuseFrame()
        return
      }
      const start = position + frameHeaderSize
      if (end - start < size) break
      if (!this.mayStart(buffer, start, start + size)) {
        if (owned) this.keepBacklog(buffer, position)
        else this.keepBacklog(Buffer.from(buffer.subarray(position, end)), 0)
        return
      }
      this.startRequest(buffer, start, start + size)
      if (this.isClosing) return
      position = start + size
    }
    // The pooled frame, if the bytes lie in it, is complete: only its successor's beginning can be left.
    if (position === end) {
      this.frames.releaseFrame()
      return
    }
    const rest = owned ? Buffer.from(buffer.subarray(position, end)) : buffer.subarray(position, end)
    this.frames.releaseFrame()
    if (this.frames.begin(rest) === 'bad size') this.refuseFrame()
  }

  private mayStart(frame: Buffer, start: number, end: number): boolean {
    if (this.isFinishing) return false
    if (this.queuedBytes + this.writer.size >= this.limits.maxQueuedBytes) return false
    const count = this.inFlight.length
    if (count > 0) {
      if (count >= this.limits.maxInFlight) return false
      if (!this.inFlight[count - 1]!.isPipelined || !this.processor.isPipelined(frame, start, end))
        return false
    }
    const room = this.processor.room(frame, start, end)
    if (room !== undefined) this.waitForRoom(room)
    return room === undefined
  }

  private waitForRoom(room: Promise<void>): void {
    if (this.isWaitingForRoom) return
    this.isWaitingForRoom = true
    void room.then(() => {
      this.isWaitingForRoom = false
      this.scheduleFlush()
    })
  }

  private startRequest(frame: Buffer, start: number, end: number): void {
    let outcome: Outcome | Promise<Outcome>
    try {
      outcome = this.processor.start(this, frame, start, end)
    } catch (error) {
      outcome = this.failed(error)
    }
    if (!(outcome instanceof Promise)) {
      if (outcome.closes) this.isFinishing = true
      if (this.inFlight.length === 0) this.finish(outcome)
      else this.inFlight.push({ outcome, isPipelined: true })
      return
    }
    const isPipelined = this.processor.isPipelined(frame, start, end)
    const entry: InFlight = { outcome: undefined, isPipelined }
    this.inFlight.push(entry)
    const settle = (result: Outcome): void => {
      entry.outcome = result
      this.finishInOrder()
    }
    outcome.then(settle, error => settle(this.failed(error)))
  }

  /** For what must not happen: a request that ends in an exception has no answer, and its successors cannot have one. */
  private failed(error: unknown): Outcome {
    const details = { client: this.facts.clientHost, err: error }
    this.logger.error(details, 'a request failed; closing the connection')
    return { write: undefined, closes: true, sent: nobody }
  }

  private finishInOrder(): void {
    while (this.inFlight[0]?.outcome !== undefined) this.finish(this.inFlight.shift()!.outcome!)
    this.scheduleFlush()
  }

  private finish(outcome: Outcome): void {
    if (this.isClosing) {
      for (const listener of outcome.sent) listener()
      return
    }
    if (outcome.sent.length > 0) this.sendListeners.push(...outcome.sent)
    if (outcome.write !== undefined) {
      const before = this.writer.size
      try {
        outcome.write(this.writer)
      } catch (error) {
        this.writer.truncate(before)
        this.finish(this.failed(error))
        return
      }
    }
    if (outcome.closes) this.close()
  }

  private scheduleFlush(): void {
    if (this.isFlushScheduled || this.isClosing) return
    this.isFlushScheduled = true
    atEndOfTurn(() => {
      this.isFlushScheduled = false
      this.goOn()
    })
  }

  private flush(): void {
    if (this.isClosing) return
    const size = this.writer.size
    let listeners = nobody
    if (this.sendListeners.length > 0) {
      listeners = this.sendListeners
      this.sendListeners = []
    }
    if (size === 0) {
      for (const listener of listeners) listener()
      return
    }
    if (listeners.length > 0) this.unsentListeners.add(listeners)
    this.queuedBytes += size
    this.traffic.outgoingBytes += size
    const sent = (): void => {
      this.queuedBytes -= size
      if (this.unsentListeners.delete(listeners)) for (const listener of listeners) listener()
      this.lastActiveMs = this.clock.monotonic()
      this.lastSentMs = this.lastActiveMs
      this.goOn()
    }
    const chunks = this.writer.drain()
    const last = chunks.length - 1
    if (last > 0) this.socket.cork()
    for (let i = 0; i < last; i++) this.socket.write(chunks[i]!)
    this.socket.write(chunks[last]!, sent)
    if (last > 0) this.socket.uncork()
  }

  /** Starts what had to wait, sends what was answered, and receives again when nothing is left that waits. */
  private goOn(): void {
    if (this.isClosing) return
    const { backlog } = this
    if (backlog !== undefined && !this.isFinishing) {
      this.backlog = undefined
      this.takeBytes(backlog.buffer, backlog.position, backlog.buffer.length, true)
    }
    this.flush()
    if (this.isStopping && this.inFlight.length === 0) this.close()
    else this.receiveAgain()
  }

  private receiveAgain(): void {
    if (!this.isPaused || !this.mayReceive()) return
    this.isPaused = false
    this.lastActiveMs = this.clock.monotonic()
    this.socket.resume()
  }

  /** Whether all that came was started, and there is room for what is still to come of an unfinished frame. */
  private mayReceive(): boolean {
    if (this.isClosing || this.isFinishing) return false
    const { frames, backlog } = this
    this.memory.hold(frames.memorySize || (backlog?.buffer.length ?? 0))
    return backlog === undefined && (!frames.mustGrow || this.memory.mayGrow())
  }

  private refuseFrame(): void {
    this.logger.warn({ client: this.facts.clientHost }, 'frame size is out of bounds; closing the connection')
    this.close()
  }

  /** Closes if nothing happened since `limitMs` that a client or this broker should have gone on with. */
  closeIfIdleSince(limitMs: number): void {
    if (this.isClosing || this.inFlight.length > 0 || this.lastActiveMs > limitMs) return
    // Whoever has not read what waits for him in all this time is not given more of it.
    if (this.queuedBytes > 0) this.socket.destroy()
    else this.close()
  }

  /** Starts nothing more, lets what was started finish and be sent, and resolves when the socket is closed. */
  finishAndClose(timeoutMs: number): Promise<void> {
    return new Promise(resolve => {
      if (this.socket.closed) {
        resolve()
        return
      }
      const timer = this.clock.after(timeoutMs, () => this.socket.destroy())
      this.socket.once('close', () => {
        timer.cancel()
        resolve()
      })
      if (this.isClosing) return
      this.isFinishing = true
      this.isStopping = true
      this.isPaused = true
      this.socket.pause()
      this.notifyCloseListeners()
      if (this.inFlight.length === 0) this.close()
    })
  }

  /** Sends what was answered, then closes. */
  close(): void {
    if (this.isClosing) return
    this.flush()
    this.isClosing = true
    this.backlog = undefined
    this.notifyCloseListeners()
    if (this.queuedBytes === 0 && this.clock.monotonic() - this.lastSentMs > lingerMs) {
      this.socket.destroy()
      return
    }
    this.socket.end()
    this.socket.resume()
    let timer = this.clock.after(lastSendTimeoutMs, () => this.socket.destroy())
    this.socket.once('finish', () => {
      timer.cancel()
      timer = this.clock.after(lingerMs, () => this.socket.destroy())
    })
    this.socket.once('close', () => timer.cancel())
  }

  /** The socket is closed, by whichever side. */
  private gone(): void {
    this.isClosing = true
    this.backlog = undefined
    this.frames.releaseFrame()
    this.memory.hold(0)
    this.notifyCloseListeners()
    for (const listeners of [this.sendListeners, ...this.unsentListeners]) {
      for (const listener of listeners) listener()
    }
    this.sendListeners = []
    this.unsentListeners.clear()
  }

  private notifyCloseListeners(): void {
    const listeners = [...this.closeListeners]
    this.closeListeners.clear()
    for (const listener of listeners) listener()
  }
}

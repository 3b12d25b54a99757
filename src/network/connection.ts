/**
 * One client connection. Requests start in the order they arrived and their effects are in that order;
 * responses leave in that order too. A pipelined request may start while earlier pipelined ones wait for
 * their disk; a sequential one waits until everything before it was answered.
 *
 * Everything is bounded: requests in flight, bytes that wait to be sent (a client that does not read is not
 * read from either), and bytes received ahead (one read; then the socket is paused). All responses that
 * are ready at the end of a turn leave in one write.
 */
import type { Socket } from 'node:net'
import { WireWriter } from '../../protocol-codecs/wire-writer.ts'
import type { BufferPool } from '../platform/buffer-pool.ts'
import type { Logger } from '../platform/logger.ts'
import { FrameBuffer } from './frame-buffer.ts'

/** How a request ended. */
export interface Outcome {
  /** Writes the response with its header; undefined: nothing is answered. */
  readonly write: ((writer: WireWriter) => void) | undefined
  /** The connection is closed in place of an answer. */
  readonly closes: boolean
  /** Called when the response has left, or never will. */
  readonly sent: readonly (() => void)[]
}

/** What the network asks of the layer above for each frame. */
export interface RequestProcessor {
  /** Whether the request in this frame may start while pipelined ones are in flight. */
  isPipelined(frame: Buffer, start: number, end: number): boolean
  /** Starts a request. The bytes are valid until the call returns. */
  start(connection: Connection, frame: Buffer, start: number, end: number): Outcome | Promise<Outcome>
}

export interface ConnectionLimits {
  readonly maxFrameSize: number
  readonly maxInFlight: number
  /** Above this many unsent bytes no further request is started. */
  readonly maxQueuedBytes: number
}

export interface ConnectionFacts {
  readonly id: string
  readonly listenerName: string
  readonly clientHost: string
  readonly localAddress: string
  readonly localPort: number
}

interface InFlight {
  outcome: Outcome | undefined
  isPipelined: boolean
}

const frameHeaderSize = 4

export class Connection {
  readonly facts: ConnectionFacts
  lastActiveMs: number
  private readonly socket: Socket
  private readonly processor: RequestProcessor
  private readonly limits: ConnectionLimits
  private readonly logger: Logger
  private readonly now: () => number
  private readonly frames: FrameBuffer
  private readonly writer = new WireWriter(4096)
  private readonly inFlight: InFlight[] = []
  private readonly closeListeners = new Set<() => void>()
  private sendListeners: (() => void)[] = []
  /** Bytes received but not started, because an earlier request must be answered first. */
  private backlog: { buffer: Buffer; position: number } | undefined
  private queuedBytes = 0
  private isFlushScheduled = false
  private isClosed = false
  private drained: (() => void) | undefined
  /** The memory that `receiveTarget` gave last, if it was a frame's own. */
  private target: Buffer | undefined

  constructor(
    socket: Socket,
    facts: ConnectionFacts,
    processor: RequestProcessor,
    limits: ConnectionLimits,
    tools: { pool: BufferPool; logger: Logger; now: () => number },
  ) {
    this.socket = socket
    this.facts = facts
    this.processor = processor
    this.limits = limits
    this.logger = tools.logger
    this.now = tools.now
    this.lastActiveMs = tools.now()
    this.frames = new FrameBuffer(tools.pool, limits.maxFrameSize)
  }

  get isIdle(): boolean {
    return this.inFlight.length === 0 && this.queuedBytes === 0
  }

  onClose(callback: () => void): () => void {
    this.closeListeners.add(callback)
    return () => this.closeListeners.delete(callback)
  }

  /** Where received bytes are wanted; undefined: in shared memory. */
  receiveTarget(): Buffer | undefined {
    this.target = this.frames.target()
    return this.target
  }

  /** Takes bytes that were received into `receiveTarget()` or elsewhere. False: receive no more until resumed. */
  received(buffer: Buffer, size: number): boolean {
    if (this.isClosed) return false
    this.lastActiveMs = this.now()
    if (buffer === this.target) this.continueFrame(size)
    else this.takeForeign(buffer, size)
    this.flush()
    return !this.isClosed && this.backlog === undefined
  }

  /** Takes bytes from memory that is valid for this call only. */
  private takeForeign(buffer: Buffer, size: number): void {
    let position = 0
    for (let target = this.frames.target(); target !== undefined; target = this.frames.target()) {
      const count = Math.min(target.length, size - position)
      buffer.copy(target, 0, position, position + count)
      position += count
      this.continueFrame(count)
      if (this.isClosed) return
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
      if (this.isClosed) return
      position = start + size
    }
    if (position === end) return
    // The pooled frame, if the bytes lie in it, is complete: only its successor's beginning can be left.
    const rest = owned ? Buffer.from(buffer.subarray(position, end)) : buffer.subarray(position, end)
    this.frames.releaseFrame()
    if (this.frames.begin(rest) === 'bad size') this.refuseFrame()
  }

  private mayStart(frame: Buffer, start: number, end: number): boolean {
    if (this.queuedBytes > this.limits.maxQueuedBytes) return false
    const count = this.inFlight.length
    if (count === 0) return true
    if (count >= this.limits.maxInFlight) return false
    return this.inFlight[count - 1]!.isPipelined && this.processor.isPipelined(frame, start, end)
  }

  private startRequest(frame: Buffer, start: number, end: number): void {
    const outcome = this.processor.start(this, frame, start, end)
    if (!(outcome instanceof Promise)) {
      if (this.inFlight.length === 0) this.finish(outcome)
      else this.inFlight.push({ outcome, isPipelined: true })
      return
    }
    const entry: InFlight = {
      outcome: undefined,
      isPipelined: this.processor.isPipelined(frame, start, end),
    }
    this.inFlight.push(entry)
    void outcome.then(result => {
      entry.outcome = result
      this.finishInOrder()
    })
  }

  private finishInOrder(): void {
    while (this.inFlight[0]?.outcome !== undefined) this.finish(this.inFlight.shift()!.outcome!)
    this.scheduleFlush()
  }

  private finish(outcome: Outcome): void {
    if (this.isClosed) {
      for (const listener of outcome.sent) listener()
      return
    }
    this.sendListeners.push(...outcome.sent)
    outcome.write?.(this.writer)
    if (!outcome.closes) return
    this.flush()
    this.close()
  }

  private scheduleFlush(): void {
    if (this.isFlushScheduled) return
    this.isFlushScheduled = true
    queueMicrotask(() => {
      this.isFlushScheduled = false
      this.flush()
      this.goOn()
    })
  }

  private flush(): void {
    const size = this.writer.size
    if (size === 0 || this.isClosed) {
      this.ranDry()
      return
    }
    const chunks = this.writer.drain()
    const listeners = this.sendListeners
    this.sendListeners = []
    this.queuedBytes += size
    const sent = (): void => {
      this.queuedBytes -= size
      for (const listener of listeners) listener()
      if (this.isClosed) return
      this.lastActiveMs = this.now()
      this.goOn()
      this.ranDry()
    }
    const last = chunks.length - 1
    if (last > 0) this.socket.cork()
    for (let i = 0; i < last; i++) this.socket.write(chunks[i]!)
    this.socket.write(chunks[last]!, sent)
    if (last > 0) this.socket.uncork()
  }

  /** Starts what had to wait, and receives again when nothing is left of it. */
  private goOn(): void {
    const { backlog } = this
    if (backlog === undefined || this.isClosed) return
    this.backlog = undefined
    this.takeBytes(backlog.buffer, backlog.position, backlog.buffer.length, true)
    if (this.backlog === undefined && !this.isClosed) {
      if (this.frames.isComplete) this.frames.releaseFrame()
      this.socket.resume()
    }
    this.flush()
  }

  private refuseFrame(): void {
    this.logger.warn({ client: this.facts.clientHost }, 'frame size is out of bounds; closing the connection')
    this.flush()
    this.close()
  }

  private ranDry(): void {
    if (this.drained !== undefined && this.isIdle) this.drained()
  }

  /** Starts nothing more, lets what was started finish, then closes. */
  async finishAndClose(timeoutMs: number): Promise<void> {
    if (this.isClosed) return
    this.socket.pause()
    for (const listener of [...this.closeListeners]) listener()
    this.closeListeners.clear()
    if (!this.isIdle) {
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, timeoutMs)
        this.drained = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
    this.close()
  }

  close(): void {
    if (!this.isClosed) this.socket.destroySoon()
    this.closed()
  }

  /** The socket is gone or going. */
  closed(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.backlog = undefined
    this.frames.releaseFrame()
    for (const listener of [...this.closeListeners]) listener()
    this.closeListeners.clear()
    const listeners = this.sendListeners
    this.sendListeners = []
    for (const listener of listeners) listener()
    this.drained?.()
  }
}

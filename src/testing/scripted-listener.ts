/**
 * A listener whose requests mean nothing, for tests of the network itself: a test says what each is answered,
 * and when. A request is an int32 id, a byte that is 1 if it may be pipelined, and a body; its answer is the
 * id and a body. The buffer pool is watched: what is released is overwritten, and released once at most.
 */
import { connect, type Socket } from 'node:net'
import type { WireWriter } from '../../protocol-codecs/wire-writer.ts'
import { ConnectionBudget } from '../network/connection-budget.ts'
import { type Listener, type ListenerLimits, listen } from '../network/listener.ts'
import { RequestMemory } from '../network/request-memory.ts'
import { type BufferPool, bufferPool } from '../platform/buffer-pool.ts'
import { type Clock, systemClock } from '../platform/clock.ts'
import { type Logger, silentLogger } from '../platform/logger.ts'
import type { ClientConnection, Outcome, RequestProcessor } from '../requests/request-processor.ts'
import type { ListenerAddress } from '../settings/listener-syntax.ts'

export interface ScriptedRequest {
  readonly id: number
  readonly isPipelined: boolean
  /** A copy of the body. */
  readonly body: Buffer
  readonly connection: ClientConnection
}

/** The body of the answer, or how else the request ends. */
export type ScriptedAnswer = Buffer | { readonly outcome: Partial<Outcome> }

export type Script = (request: ScriptedRequest) => ScriptedAnswer | Promise<ScriptedAnswer>

const headerSize = 5
const frameHeaderSize = 4

/** A request, with its length in front. */
export function scriptedRequest(id: number, body: Buffer = Buffer.alloc(0), isPipelined = true): Buffer {
  const frame = Buffer.alloc(frameHeaderSize + headerSize + body.length)
  frame.writeInt32BE(headerSize + body.length, 0)
  frame.writeInt32BE(id, 4)
  frame.writeInt8(isPipelined ? 1 : 0, 8)
  body.copy(frame, 9)
  return frame
}

export class ScriptedProcessor implements RequestProcessor {
  /** Ids of the requests that were started, in order. */
  readonly started: number[] = []
  /** While it is set requests wait for it. */
  noRoom: Promise<void> | undefined
  private readonly script: Script

  constructor(script: Script) {
    this.script = script
  }

  room(): Promise<void> | undefined {
    return this.noRoom
  }

  isPipelined(frame: Buffer, start: number): boolean {
    return frame[start + 4] === 1
  }

  start(connection: ClientConnection, frame: Buffer, start: number, end: number): Outcome | Promise<Outcome> {
    const id = frame.readInt32BE(start)
    this.started.push(id)
    const body = Buffer.from(frame.subarray(start + headerSize, end))
    const answer = this.script({ id, isPipelined: this.isPipelined(frame, start), body, connection })
    return answer instanceof Promise ? answer.then(value => outcomeOf(id, value)) : outcomeOf(id, answer)
  }
}

function outcomeOf(id: number, answer: ScriptedAnswer): Outcome {
  if (!Buffer.isBuffer(answer)) return { write: undefined, closes: false, sent: [], ...answer.outcome }
  return {
    write: writer => writeAnswer(writer, id, answer),
    closes: false,
    sent: [],
  }
}

/** An answer: its length, the request's id, and a body with a length of its own, which is gathered if it is large. */
export function writeAnswer(writer: WireWriter, id: number, body: Buffer): void {
  writer.int32(2 * 4 + body.length)
  writer.int32(id)
  writer.records(body)
}

/** The body of an answer that came without its length. */
export function bodyOf(answer: Buffer): Buffer {
  return answer.subarray(2 * 4)
}

export class WatchedPool implements BufferPool {
  /** Buffers that were acquired and not released yet. */
  readonly outstanding = new Set<Buffer>()
  acquiredBytes = 0
  private readonly pool = bufferPool()

  acquire(size: number): Buffer {
    const buffer = this.pool.acquire(size)
    this.outstanding.add(buffer)
    this.acquiredBytes += buffer.length
    return buffer
  }

  release(buffer: Buffer): void {
    if (!this.outstanding.delete(buffer)) throw new Error('released what was not acquired, or twice')
    buffer.fill(0xdd)
    this.pool.release(buffer)
  }
}

export const generousLimits: ListenerLimits = {
  maxFrameSize: 100 * 1024 * 1024,
  maxInFlight: 100,
  maxQueuedBytes: 1024 * 1024,
  maxIdleMs: 600_000,
  maxBacklogCount: 500,
}

export interface ScriptedListenerOptions {
  readonly address?: Partial<ListenerAddress>
  readonly limits?: Partial<ListenerLimits>
  readonly clock?: Clock
  readonly logger?: Logger
  readonly budget?: ConnectionBudget
  readonly memory?: RequestMemory
}

export interface ScriptedListener {
  readonly listener: Listener
  readonly pool: WatchedPool
  readonly memory: RequestMemory
  readonly processor: ScriptedProcessor
  /** Connects to one of this machine's addresses, from one of them. */
  connect(host?: string, from?: string): Promise<FrameClient>
}

/** Listens on a free loopback port until the test is over. */
export async function scriptedListener(
  t: { teardown(callback: () => Promise<void>): void },
  script: Script,
  options: ScriptedListenerOptions = {},
): Promise<ScriptedListener> {
  const pool = new WatchedPool()
  const memory = options.memory ?? new RequestMemory(-1)
  const processor = new ScriptedProcessor(script)
  const listener = await listen(
    { name: 'PLAINTEXT', host: '127.0.0.1', port: 0, ...options.address },
    processor,
    { ...generousLimits, ...options.limits },
    {
      pool,
      memory,
      clock: options.clock ?? systemClock,
      logger: options.logger ?? silentLogger,
      budget: options.budget ?? new ConnectionBudget(1000, 1000, new Map()),
    },
  )
  t.teardown(async () => {
    listener.stopAccepting()
    await listener.close(100)
  })
  const connect = (host = '127.0.0.1', from?: string) => FrameClient.connect(listener.port, host, from)
  return { listener, pool, memory, processor, connect }
}

/** A client that sends any bytes and sorts what comes back into frames. */
export class FrameClient {
  readonly socket: Socket
  readonly closed: Promise<void>
  private readonly frames: Buffer[] = []
  private readonly waiting: { resolve(frame: Buffer | undefined): void }[] = []
  private pieces: Buffer[] = []
  private size = 0
  private isClosed = false

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('error', () => undefined)
    socket.on('data', data => this.receive(data))
    this.closed = new Promise(resolve => {
      socket.on('close', () => {
        this.isClosed = true
        for (const { resolve } of this.waiting.splice(0)) resolve(undefined)
        resolve()
      })
    })
  }

  static async connect(port: number, host: string, localAddress?: string): Promise<FrameClient> {
    const socket = connect({ host, port, localAddress, noDelay: true })
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    return new FrameClient(socket)
  }

  /** Resolves when the bytes are in the operating system's hands. */
  write(...bytes: Buffer[]): Promise<void> {
    return new Promise(resolve => {
      this.socket.write(Buffer.concat(bytes), () => resolve())
    })
  }

  /** The next answer without its length; undefined: the connection was closed instead. */
  next(): Promise<Buffer | undefined> {
    const frame = this.frames.shift()
    if (frame !== undefined || this.isClosed) return Promise.resolve(frame)
    return new Promise(resolve => {
      this.waiting.push({ resolve })
    })
  }

  /** The ids of the next answers. */
  async nextIds(count: number): Promise<number[]> {
    const ids: number[] = []
    for (let i = 0; i < count; i++) {
      const frame = await this.next()
      if (frame === undefined) return ids
      ids.push(frame.readInt32BE(0))
    }
    return ids
  }

  private receive(data: Buffer): void {
    this.pieces.push(data)
    this.size += data.length
    while (this.size >= frameHeaderSize) {
      if (this.pieces[0]!.length < frameHeaderSize) this.pieces = [Buffer.concat(this.pieces)]
      const end = frameHeaderSize + this.pieces[0]!.readInt32BE(0)
      if (this.size < end) return
      const all = Buffer.concat(this.pieces)
      const frame = all.subarray(frameHeaderSize, end)
      this.pieces = [all.subarray(end)]
      this.size -= end
      const next = this.waiting.shift()
      if (next === undefined) this.frames.push(frame)
      else next.resolve(frame)
    }
  }
}

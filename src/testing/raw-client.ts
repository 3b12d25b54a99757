/**
 * A Kafka client of one connection for tests: it sends exactly the request it is told to, in exactly the
 * version it is told to, or bytes that are no request at all. Requests may be pipelined; answers are
 * matched in order, as the protocol promises, and an answer out of order fails the connection.
 */
import { connect, type Socket } from 'node:net'
import type { Infer, InferInput, Message } from '../../protocol-codecs/schema.ts'
import { decodeResponse, requestChunks } from '../client/wire-frames.ts'

/** A request and the response that belongs to it; a handler is one. */
export interface Exchange<Q extends Message, R extends Message> {
  readonly request: Q
  readonly response: R
}

interface Waiting {
  readonly resolve: (frame: Buffer) => void
  readonly reject: (error: Error) => void
}

const frameHeaderSize = 4

export class RawClient {
  readonly socket: Socket
  /** Resolves when the connection is closed, by whichever side. */
  readonly closed: Promise<void>
  private readonly clientId: string | null
  private readonly waiting: Waiting[] = []
  private received: Buffer = Buffer.alloc(0)
  private correlationId = 0
  private isClosed = false

  private constructor(socket: Socket, clientId: string | null) {
    this.socket = socket
    this.clientId = clientId
    this.closed = new Promise(resolve => {
      socket.on('close', () => {
        this.isClosed = true
        for (const { reject } of this.waiting.splice(0)) reject(new Error('the broker closed the connection'))
        resolve()
      })
    })
    socket.on('error', () => undefined)
    socket.on('data', data => this.receive(data))
  }

  static async connect(
    address: { readonly host?: string; readonly port: number },
    clientId: string | null = 'raw-client',
  ): Promise<RawClient> {
    const socket = connect({ host: address.host ?? '127.0.0.1', port: address.port, noDelay: true })
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    return new RawClient(socket, clientId)
  }

  /** Sends a request and gives the decoded answer; rejects when the connection closes instead. */
  async send<Q extends Message, R extends Message>(
    exchange: Exchange<Q, R>,
    version: number,
    value: InferInput<Q>,
  ): Promise<Infer<R>> {
    const id = ++this.correlationId
    const frame = await this.sendBytes(encodeRequest(exchange.request, version, value, id, this.clientId))
    const { correlationId, body } = decodeResponse(exchange.response, version, frame)
    if (correlationId !== id) {
      throw new Error(`request ${id} was answered with the correlation id ${correlationId}`)
    }
    return body()
  }

  /** Sends a request that is not answered (Produce with acks=0). */
  sendUnanswered<Q extends Message>(request: Q, version: number, value: InferInput<Q>): void {
    this.write(encodeRequest(request, version, value, ++this.correlationId, this.clientId))
  }

  /** Sends a frame of any content, without its length; gives the frame that answers it. */
  sendBytes(frame: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      if (this.isClosed) {
        reject(new Error('the connection is closed'))
        return
      }
      this.waiting.push({ resolve, reject })
      this.write(frame)
    })
  }

  /** Writes bytes as they are: half a frame, a length that lies. */
  writeRaw(bytes: Buffer): void {
    this.socket.write(bytes)
  }

  close(): Promise<void> {
    this.socket.destroy()
    return this.closed
  }

  private write(frame: Buffer): void {
    const length = Buffer.alloc(frameHeaderSize)
    length.writeInt32BE(frame.length)
    this.socket.write(Buffer.concat([length, frame]))
  }

  private receive(data: Buffer): void {
    this.received = this.received.length === 0 ? data : Buffer.concat([this.received, data])
    while (this.received.length >= frameHeaderSize) {
      const end = frameHeaderSize + this.received.readInt32BE(0)
      if (this.received.length < end) return
      const frame = this.received.subarray(frameHeaderSize, end)
      this.received = this.received.subarray(end)
      const next = this.waiting.shift()
      if (next === undefined) this.socket.destroy(new Error('an answer to nothing'))
      else next.resolve(frame)
    }
  }
}

/** A request with its header, without the length in front. */
export function encodeRequest<Q extends Message>(
  request: Q,
  version: number,
  value: InferInput<Q>,
  correlationId: number,
  clientId: string | null = null,
): Buffer {
  return Buffer.concat(requestChunks(request, version, value, correlationId, clientId))
}

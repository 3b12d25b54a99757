/**
 * A Kafka client of one connection that says of each answer where in the stream of bytes from the broker it ended: by
 * that, and the marks of a recording, it is known what the broker had done when it let the answer go.
 */
import { connect, type Socket } from 'node:net'
import type { Infer, InferInput, Message } from '../../../protocol-codecs/schema.ts'
import { decodeResponse, FrameCutter, frameSizeBytes } from '../../../src/client/wire-frames.ts'
import { type Exchange, encodeRequest } from '../../../src/testing/raw-client.ts'

/** Where an answer ended: a port of the client's, and bytes received on it. */
export interface AnswerEnd {
  readonly port: number
  readonly bytes: number
}

interface Waiting {
  readonly resolve: (answer: { frame: Buffer; end: AnswerEnd }) => void
  readonly reject: (error: Error) => void
}

export class MarkedClient {
  private readonly socket: Socket
  private readonly port: number
  private readonly waiting: Waiting[] = []
  private readonly frames = new FrameCutter(256 * 1024 * 1024)
  private receivedBytes = 0
  private correlationId = 0

  private constructor(socket: Socket) {
    this.socket = socket
    this.port = socket.localPort!
    socket.on('error', () => undefined)
    socket.on('close', () => {
      for (const { reject } of this.waiting.splice(0)) reject(new Error('the broker closed the connection'))
    })
    socket.on('data', bytes => this.receive(bytes))
  }

  static async connect(port: number): Promise<MarkedClient> {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true })
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    return new MarkedClient(socket)
  }

  async send<Q extends Message, R extends Message>(
    exchange: Exchange<Q, R>,
    version: number,
    value: InferInput<Q>,
  ): Promise<{ answer: Infer<R>; end: AnswerEnd }> {
    const bytes = encodeRequest(exchange.request, version, value, ++this.correlationId, 'torture')
    const size = Buffer.alloc(frameSizeBytes)
    size.writeInt32BE(bytes.length)
    const answered = new Promise<{ frame: Buffer; end: AnswerEnd }>((resolve, reject) => {
      this.waiting.push({ resolve, reject })
    })
    this.socket.write(Buffer.concat([size, bytes]))
    const { frame, end } = await answered
    return { answer: decodeResponse(exchange.response, version, frame).body(), end }
  }

  close(): void {
    this.socket.destroy()
  }

  private receive(bytes: Buffer): void {
    const frames = this.frames.add(bytes)
    if (!Array.isArray(frames)) throw new Error('the broker sent what is no frame')
    for (const frame of frames) {
      this.receivedBytes += frameSizeBytes + frame.length
      this.waiting.shift()!.resolve({ frame, end: { port: this.port, bytes: this.receivedBytes } })
    }
  }
}

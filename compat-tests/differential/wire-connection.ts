/**
 * One connection that sends exactly what it is told to, in exactly that version, and tells what came of it: an
 * answer, bytes that are none, the connection's end, or nothing in time. Answers are matched in order.
 */
import { connect, type Socket } from 'node:net'
import { codecFor } from '../../protocol-codecs/compile-codec.ts'
import { responseHeader } from '../../protocol-codecs/messages/response-header.ts'
import type { InferInput, Message } from '../../protocol-codecs/schema.ts'
import { DecodeError, WireReader } from '../../protocol-codecs/wire-reader.ts'
import { FrameCutter, requestChunks, responseHeaderVersion } from '../../src/client/wire-frames.ts'
import { completed } from './apis.ts'

export type Outcome =
  | { readonly kind: 'answer'; readonly value: unknown }
  | { readonly kind: 'frame'; readonly bytes: Buffer }
  | { readonly kind: 'unreadable'; readonly reason: string; readonly bytes: Buffer }
  | { readonly kind: 'closed' }
  | { readonly kind: 'no answer' }

export interface Exchange {
  readonly request: Message
  readonly response: Message
}

const maxFrameSize = 256 * 1024 * 1024
const apiVersionsKey = 18

export class WireConnection {
  isOpen = true
  private readonly socket: Socket
  private readonly cutter = new FrameCutter(maxFrameSize)
  private readonly waiting: ((frame: Buffer | undefined) => void)[] = []
  private correlationId = 0

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('error', () => undefined)
    socket.on('close', () => this.ended())
    socket.on('data', bytes => {
      const frames = this.cutter.add(bytes)
      if (!Array.isArray(frames)) this.close()
      else for (const frame of frames) this.waiting.shift()?.(frame)
    })
  }

  static async open(host: string, port: number): Promise<WireConnection> {
    const socket = connect({ host, port, noDelay: true })
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    return new WireConnection(socket)
  }

  /** Writes at once, and throws an EncodeError at once where the version cannot say the request. */
  send(
    { request, response }: Exchange,
    version: number,
    value: unknown,
    clientId: string | null,
    patienceMs: number,
  ): Promise<Outcome> {
    const id = ++this.correlationId
    const chunks = requestChunks(request, version, whole(request, value), id, clientId)
    return this.sendFrame(Buffer.concat(chunks), patienceMs).then(outcome =>
      outcome.kind === 'frame' ? decoded(response, version, id, outcome.bytes) : outcome,
    )
  }

  /** Writes a frame as it is, and tells what answers it. */
  sendFrame(frame: Buffer, patienceMs: number): Promise<Outcome> {
    return new Promise(resolve => {
      if (!this.isOpen) {
        resolve({ kind: 'closed' })
        return
      }
      const timer = setTimeout(() => resolve({ kind: 'no answer' }), patienceMs)
      this.waiting.push(bytes => {
        clearTimeout(timer)
        resolve(bytes === undefined ? { kind: 'closed' } : { kind: 'frame', bytes })
      })
      this.write(frame)
    })
  }

  /** Sends what is not answered; the next answer on this connection is another's. */
  sendUnanswered(request: Message, version: number, value: unknown, clientId: string | null): void {
    const id = ++this.correlationId
    this.write(Buffer.concat(requestChunks(request, version, whole(request, value), id, clientId)))
  }

  close(): void {
    this.socket.destroy()
    this.ended()
  }

  private write(frame: Buffer): void {
    const size = Buffer.alloc(4)
    size.writeInt32BE(frame.length)
    this.socket.write(Buffer.concat([size, frame]))
  }

  private ended(): void {
    this.isOpen = false
    for (const resolve of this.waiting.splice(0)) resolve(undefined)
  }
}

function whole(request: Message, value: unknown): InferInput<Message> {
  return completed(request.fields, value) as InferInput<Message>
}

function decoded(response: Message, version: number, id: number, bytes: Buffer): Outcome {
  try {
    // KIP-511: ApiVersions in a version that the broker does not know is answered in version 0.
    const isOldest = response.apiKey === apiVersionsKey && bytes.readInt16BE(4) === 35
    const answered = isOldest ? 0 : version
    const reader = new WireReader(bytes)
    const header = codecFor(responseHeader, responseHeaderVersion(response, answered)).decode(reader)
    if (header.correlationId !== id) return { kind: 'unreadable', reason: 'another correlation id', bytes }
    const value = codecFor(response, answered).decode(reader)
    if (reader.remaining > 0)
      return { kind: 'unreadable', reason: `${reader.remaining} bytes behind it`, bytes }
    return { kind: 'answer', value }
  } catch (error) {
    if (!(error instanceof DecodeError) && !(error instanceof RangeError)) throw error
    return { kind: 'unreadable', reason: error.message, bytes }
  }
}

/**
 * One connection to one broker. Opening it negotiates: the broker says in ApiVersions which versions it serves (in
 * version 0 if ours is beyond it, KIP-511), and every request then goes out in the highest version that both know.
 * Requests may be pipelined; answers are matched in order, as the protocol promises. A request that gets no answer
 * in time ends the connection, because what would come later could no longer be trusted.
 *
 * All errors are ClientErrors whose sentences name the broker.
 */
import { connect, type Socket } from 'node:net'
import { errorCodes } from '../../protocol-codecs/error-codes.ts'
import { apiVersionsRequest, apiVersionsResponse } from '../../protocol-codecs/messages/api-versions.ts'
import type { Infer, InferInput, Message } from '../../protocol-codecs/schema.ts'
import { parseVersions, type VersionRange } from '../../protocol-codecs/versions.ts'
import { DecodeError } from '../../protocol-codecs/wire-reader.ts'
import { EncodeError } from '../../protocol-codecs/wire-writer.ts'
import { type Address, showAddress } from './addresses.ts'
import { ClientError } from './client-error.ts'
import { decodeResponse, FrameCutter, frameSizeBytes, requestChunks } from './wire-frames.ts'

/** A request and the response that belongs to it. */
export interface Exchange<Q extends Message = Message, R extends Message = Message> {
  readonly request: Q
  readonly response: R
  /** Versions that our use of it is written for; absent: all that are described. */
  readonly versions?: VersionRange
}

export interface ConnectionOptions {
  readonly clientId: string
  readonly softwareVersion: string
  /** For the connection to be made, and for each answer. */
  readonly timeoutMs: number
}

export type ServedVersions = Infer<typeof apiVersionsResponse>

interface Waiting {
  readonly resolve: (frame: Buffer) => void
  readonly reject: (error: ClientError) => void
  readonly timer: NodeJS.Timeout
}

/** v5 wants to know which node we believe to talk to (KIP-1242), which at first we do not. */
const negotiation = { request: apiVersionsRequest, response: apiVersionsResponse, versions: '0-4' } as const
/** Larger than any answer that we ask for; what announces more is no Kafka broker. */
const maxFrameSize = 256 * 1024 * 1024

export class Connection {
  /** `host:port`, for sentences. */
  readonly broker: string
  served: ServedVersions | undefined
  private readonly socket: Socket
  private readonly options: ConnectionOptions
  private readonly cutter = new FrameCutter(maxFrameSize)
  private readonly waiting: Waiting[] = []
  private correlationId = 0
  private answerCount = 0
  private ended: ClientError | undefined

  private constructor(socket: Socket, broker: string, options: ConnectionOptions) {
    this.socket = socket
    this.broker = broker
    this.options = options
    socket.on('data', bytes => this.receive(bytes))
    socket.on('error', error => this.end(new ClientError('closed', this.lost(error.message))))
    socket.on('close', () => this.end(new ClientError('closed', this.lost())))
  }

  static async open(address: Address, options: ConnectionOptions): Promise<Connection> {
    const connection = new Connection(await connectTo(address, options), showAddress(address), options)
    try {
      connection.served = await connection.negotiate()
    } catch (error) {
      connection.close()
      throw error
    }
    return connection
  }

  get isOpen(): boolean {
    return this.ended === undefined
  }

  /** The highest version that both sides know; undefined: there is none. */
  versionOf({ request, versions }: Exchange): number | undefined {
    const range = this.served?.apiKeys.find(({ apiKey }) => apiKey === request.apiKey)
    if (range === undefined) return undefined
    const ours = parseVersions(versions ?? request.versions)
    const version = Math.min(ours.last, range.maxVersion)
    return version >= Math.max(ours.first, range.minVersion) ? version : undefined
  }

  async send<Q extends Message, R extends Message>(
    exchange: Exchange<Q, R>,
    value: InferInput<Q>,
    timeoutMs = this.options.timeoutMs,
  ): Promise<Infer<R>> {
    return this.exchange(exchange, this.agreedVersion(exchange), value, timeoutMs)
  }

  /** Sends a request that is not answered (Produce with acks=0); resolves when the bytes are on their way. */
  async sendUnanswered<Q extends Message>(
    exchange: Exchange<Q, Message>,
    value: InferInput<Q>,
  ): Promise<void> {
    const version = this.agreedVersion(exchange)
    if (this.ended !== undefined) throw this.ended
    await new Promise<void>((resolve, reject) => {
      this.write(exchange.request, version, value, ++this.correlationId, error =>
        error ? reject(new ClientError('closed', this.lost(error.message))) : resolve(),
      )
    })
  }

  close(): void {
    this.end(new ClientError('closed', `The connection to broker ${this.broker} was closed by this command.`))
  }

  private agreedVersion(exchange: Exchange): number {
    const version = this.versionOf(exchange)
    if (version !== undefined) return version
    const api = exchange.request.name.replace(/Request$/, '')
    throw new ClientError(
      'unsupported',
      `Broker ${this.broker} does not serve ${api}${this.nearby(exchange)}.`,
    )
  }

  private nearby({ request, versions }: Exchange): string {
    const range = this.served?.apiKeys.find(({ apiKey }) => apiKey === request.apiKey)
    if (range === undefined) return ''
    const { minVersion, maxVersion } = range
    return ` in a version known here (it has ${minVersion}-${maxVersion}, this command ${versions ?? request.versions})`
  }

  private async negotiate(): Promise<ServedVersions> {
    const value = { clientSoftwareName: 'ottla', clientSoftwareVersion: this.options.softwareVersion }
    const newest = parseVersions(negotiation.versions).last
    const answer = await this.exchange(negotiation, newest, value, this.options.timeoutMs)
    if (answer.errorCode === errorCodes.NONE) return answer
    if (answer.errorCode === errorCodes.UNSUPPORTED_VERSION) {
      const theirs =
        answer.apiKeys.find(({ apiKey }) => apiKey === apiVersionsRequest.apiKey)?.maxVersion ?? 0
      const second = await this.exchange(negotiation, Math.min(theirs, newest), value, this.options.timeoutMs)
      if (second.errorCode === errorCodes.NONE) return second
    }
    throw new ClientError('not kafka', `Broker ${this.broker} does not say which APIs it serves.`)
  }

  private exchange<Q extends Message, R extends Message>(
    { request, response }: Exchange<Q, R>,
    version: number,
    value: InferInput<Q>,
    timeoutMs: number,
  ): Promise<Infer<R>> {
    const api = request.name.replace(/Request$/, '')
    const id = ++this.correlationId
    return new Promise<Buffer>((resolve, reject) => {
      if (this.ended !== undefined) {
        reject(this.ended)
        return
      }
      const timer = setTimeout(() => {
        const sentence = `Broker ${this.broker} did not answer ${api} within ${timeoutMs} ms.`
        this.end(new ClientError('timed out', sentence))
      }, timeoutMs)
      const waiting = { resolve, reject, timer }
      this.waiting.push(waiting)
      try {
        this.write(request, version, value, id)
      } catch (error) {
        clearTimeout(timer)
        this.waiting.splice(this.waiting.indexOf(waiting), 1)
        reject(error)
      }
    }).then(frame => this.decode(response, version, frame, id, api))
  }

  private decode<R extends Message>(
    response: R,
    version: number,
    frame: Buffer,
    id: number,
    api: string,
  ): Infer<R> {
    try {
      const { correlationId, body } = decodeResponse(response, version, frame)
      if (correlationId !== id) throw new DecodeError(`an answer to ${correlationId} instead of ${id}`)
      // KIP-511: an ApiVersions that the broker does not know is answered in version 0.
      const isOldest =
        response.apiKey === apiVersionsResponse.apiKey &&
        frame.readInt16BE(4) === errorCodes.UNSUPPORTED_VERSION
      const decoded = isOldest ? decodeResponse(response, 0, frame).body() : body()
      this.answerCount += 1
      return decoded
    } catch (error) {
      if (!(error instanceof DecodeError) && !(error instanceof RangeError)) throw error
      const sentence = `The answer of broker ${this.broker} to ${api} cannot be read: ${error.message}.`
      this.end(new ClientError('not kafka', sentence))
      throw this.ended
    }
  }

  private write<Q extends Message>(
    request: Q,
    version: number,
    value: InferInput<Q>,
    id: number,
    done?: (error?: Error | null) => void,
  ): void {
    const chunks = this.encode(request, version, value, id)
    const size = Buffer.allocUnsafe(frameSizeBytes)
    size.writeInt32BE(chunks.reduce((sum, chunk) => sum + chunk.length, 0))
    this.socket.cork()
    this.socket.write(size)
    for (const [index, chunk] of chunks.entries()) {
      this.socket.write(chunk, index === chunks.length - 1 ? done : undefined)
    }
    this.socket.uncork()
  }

  private encode<Q extends Message>(request: Q, version: number, value: InferInput<Q>, id: number): Buffer[] {
    try {
      return requestChunks(request, version, value, id, this.options.clientId)
    } catch (error) {
      if (!(error instanceof EncodeError)) throw error
      const what = `Broker ${this.broker} is too old for this`
      throw new ClientError(
        'unsupported',
        `${what}: ${request.name} version ${version} cannot say ${error.message}.`,
      )
    }
  }

  private receive(bytes: Buffer): void {
    const frames = this.cutter.add(bytes)
    if (!Array.isArray(frames)) {
      this.end(new ClientError('not kafka', notKafka(this.broker, frames.notAFrame)))
      return
    }
    for (const frame of frames) {
      const next = this.waiting.shift()
      if (next === undefined) {
        this.end(new ClientError('not kafka', `Broker ${this.broker} answered what nobody had asked.`))
        return
      }
      clearTimeout(next.timer)
      next.resolve(frame)
    }
  }

  private end(error: ClientError): void {
    if (this.ended !== undefined) return
    this.ended = error
    this.socket.destroy()
    for (const { reject, timer } of this.waiting.splice(0)) {
      clearTimeout(timer)
      reject(error)
    }
  }

  private lost(reason?: string): string {
    const why = reason === undefined ? '' : ` (${reason})`
    if (this.answerCount === 0) {
      return `${this.broker} closed the connection${why} without an answer: is a Kafka broker listening there, without TLS?`
    }
    // What a listener that wants SASL does to the first request after ApiVersions.
    if (this.answerCount === 1 && this.waiting.length > 0) {
      return `Broker ${this.broker} closed the connection${why} at the first request: it may want authentication, which these commands do not have yet.`
    }
    return `Broker ${this.broker} closed the connection${why}.`
  }
}

function connectTo(address: Address, { timeoutMs }: ConnectionOptions): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address.host, port: address.port, noDelay: true })
    const fail = (reason: string) => {
      socket.destroy()
      reject(new ClientError('unreachable', `Cannot connect to broker ${showAddress(address)}: ${reason}.`))
    }
    const timer = setTimeout(() => fail(`no answer within ${timeoutMs} ms`), timeoutMs)
    socket.once('connect', () => {
      clearTimeout(timer)
      socket.off('error', failed)
      resolve(socket)
    })
    const failed = (error: NodeJS.ErrnoException) => {
      clearTimeout(timer)
      fail(reasonOf(error))
    }
    socket.once('error', failed)
  })
}

/** With several addresses of one name Node gives an AggregateError that says nothing itself. */
function reasonOf(error: NodeJS.ErrnoException): string {
  const first = error instanceof AggregateError ? (error.errors[0] as NodeJS.ErrnoException) : error
  if (first.code === 'ECONNREFUSED') return 'connection refused'
  if (first.code === 'ENOTFOUND' || first.code === 'EAI_AGAIN') return 'the name cannot be resolved'
  return first.message
}

function notKafka(broker: string, bytes: Buffer): string {
  const start = `${broker} does not speak the plain Kafka protocol: it answered`
  if (bytes.subarray(0, 4).toString('latin1') === 'HTTP') return `${start} in HTTP.`
  // A TLS alert or handshake record, version 3.x.
  if ((bytes[0] === 0x15 || bytes[0] === 0x16) && bytes[1] === 3) {
    return `${start} in TLS, which these commands do not have yet.`
  }
  return `${start} with the bytes ${bytes.subarray(0, 8).toString('hex')}.`
}

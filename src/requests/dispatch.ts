/**
 * From a frame to its answer: reads the header, finds the handler, decodes, runs it, and turns whatever
 * it throws into the error response of that API. What no response can express - an unknown API, a version
 * that is not served, a body that does not parse - closes the connection, as in Kafka; only ApiVersions
 * answers a version that it does not know (KIP-511).
 */
import { type Codec, codecFor } from '../../protocol-codecs/compile-codec.ts'
import { type ErrorName, ProtocolError } from '../../protocol-codecs/error-codes.ts'
import { apiVersionsRequest, apiVersionsResponse } from '../../protocol-codecs/messages/api-versions.ts'
import { parseVersions } from '../../protocol-codecs/versions.ts'
import { DecodeError, WireReader } from '../../protocol-codecs/wire-reader.ts'
import type { WireWriter } from '../../protocol-codecs/wire-writer.ts'
import { type ApiMetrics, RequestMetrics, type RequestMoments } from '../metrics/request-metrics.ts'
import { microsNow } from '../metrics/time-buckets.ts'
import { unsupportedApiVersions } from './api-versions.ts'
import { closeConnection, type Handler, handleOf, noResponse, type RequestContext } from './handler.ts'
import type { ClientConnection, ClientSoftware, Outcome, RequestProcessor } from './request-processor.ts'
import type { Services } from './services.ts'

// biome-ignore lint/suspicious/noExplicitAny: the list holds handlers of every API
export type AnyHandler = Handler<any, any>

interface ServedApi {
  readonly handler: AnyHandler
  readonly metrics: ApiMetrics
  readonly first: number
  readonly last: number
  /** By version; filled on first use. */
  readonly byVersion: (ApiVersion | undefined)[]
}

/** What one version of an API is read with, answered by and written with. */
interface ApiVersion {
  readonly request: AnyCodec
  readonly handle: AnyHandler['handle']
  readonly response: AnyCodec
}
// biome-ignore lint/suspicious/noExplicitAny: of whatever message
type AnyCodec = Codec<any, any>

const none: readonly (() => void)[] = []
const closes: Outcome = { write: undefined, closes: true, sent: none }
const silent: Outcome = { write: undefined, closes: false, sent: none }

export class Dispatcher implements RequestProcessor {
  private readonly apis: (ServedApi | undefined)[] = []
  private readonly services: Services

  constructor(handlers: readonly AnyHandler[], services: Services, metrics = new RequestMetrics()) {
    this.services = services
    for (const handler of handlers) {
      const { first, last } = parseVersions(handler.versions)
      const api = { handler, metrics: metrics.add(handler.response, last), first, last, byVersion: [] }
      this.apis[handler.request.apiKey!] = api
    }
  }

  isPipelined(frame: Buffer, start: number, end: number): boolean {
    return this.handlerOf(frame, start, end)?.ordering === 'pipelined'
  }

  room(frame: Buffer, start: number, end: number): Promise<void> | undefined {
    return this.handlerOf(frame, start, end)?.room?.(this.services)
  }

  private handlerOf(frame: Buffer, start: number, end: number): AnyHandler | undefined {
    return end - start < 2 ? undefined : this.apis[frame.readInt16BE(start)]?.handler
  }

  start(client: ClientConnection, frame: Buffer, start: number, end: number): Outcome | Promise<Outcome> {
    const reader = new WireReader(frame, start, end)
    let apiKey = -1
    let apiVersion = -1
    try {
      apiKey = reader.int16()
      apiVersion = reader.int16()
      const correlationId = reader.int32()
      const clientId = reader.nullableString() ?? ''
      const api = this.apis[apiKey]
      if (api === undefined || apiVersion < api.first || apiVersion > api.last) {
        if (apiKey === apiVersionsRequest.apiKey) return this.answerUnknownVersion(correlationId)
        this.services.logger.warn(
          { client: client.facts.clientHost, apiKey, apiVersion },
          'a request that is not served; closing the connection',
        )
        return closes
      }
      const startedMicros = microsNow()
      const version = versionOf(api, apiVersion)
      if (version.request.flexible) reader.skipTags()
      const request = version.request.decode(reader)
      const context = new Context(client, apiVersion, clientId, version.response, api.metrics, startedMicros)
      return this.run(api.handler, version.handle, request as never, correlationId, context)
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error
      this.services.logger.warn(
        { client: client.facts.clientHost, apiKey, apiVersion, reason: error.message },
        'a request that cannot be read; closing the connection',
      )
      return closes
    }
  }

  private run(
    handler: AnyHandler,
    handle: AnyHandler['handle'],
    request: never,
    correlationId: number,
    context: Context,
  ): Outcome | Promise<Outcome> {
    try {
      const answer = handle(request, this.services, context)
      context.handled()
      if (!(answer instanceof Promise)) return this.answered(handler, request, correlationId, context, answer)
      return answer.then(
        value => {
          context.waited()
          return this.answered(handler, request, correlationId, context, value)
        },
        error => {
          context.waited()
          return this.refused(handler, request, correlationId, context, error)
        },
      )
    } catch (error) {
      context.handled()
      return this.refused(handler, request, correlationId, context, error)
    }
  }

  private refused(
    handler: AnyHandler,
    request: never,
    correlationId: number,
    context: Context,
    error: unknown,
  ): Outcome {
    const { name, message } = this.errorOf(handler, context, error)
    return this.answered(handler, request, correlationId, context, handler.refuse(request, name, message))
  }

  private answered(
    handler: AnyHandler,
    request: never,
    correlationId: number,
    context: Context,
    answer: unknown,
  ): Outcome {
    if (typeof answer === 'symbol') context.finished(undefined)
    if (answer === closeConnection) return { ...closes, sent: context.sent }
    if (answer === noResponse) return context.sent.length === 0 ? silent : { ...silent, sent: context.sent }
    return {
      write: writer => {
        const before = writer.size
        try {
          writeResponse(writer, context.codec, correlationId, answer)
          context.finished(answer)
        } catch (error) {
          // An answer that its version cannot express, say; the client still gets one. If that cannot be
          // written either, the connection closes.
          writer.truncate(before)
          const { name, message } = this.errorOf(handler, context, error)
          const refusal = handler.refuse(request, name, message)
          if (typeof refusal === 'symbol') throw error
          writeResponse(writer, context.codec, correlationId, refusal)
          context.finished(refusal)
        }
      },
      closes: false,
      sent: context.sent,
    }
  }

  private errorOf(
    handler: AnyHandler,
    context: Context,
    error: unknown,
  ): { name: ErrorName; message: string | null } {
    if (error instanceof ProtocolError) return { name: error.name, message: error.message || null }
    this.services.logger.error(
      { err: error, request: handler.request.name, apiVersion: context.apiVersion },
      'a request failed unexpectedly',
    )
    return { name: 'UNKNOWN_SERVER_ERROR', message: null }
  }

  /** In version 0's form, with the range that is served: every client can read that. */
  private answerUnknownVersion(correlationId: number): Outcome {
    const answer = unsupportedApiVersions()
    return {
      write: writer => writeResponse(writer, codecFor(apiVersionsResponse, 0), correlationId, answer),
      closes: false,
      sent: none,
    }
  }
}

function versionOf(api: ServedApi, version: number): ApiVersion {
  const known = api.byVersion[version]
  if (known !== undefined) return known
  const { request, response } = api.handler
  const found = {
    request: codecFor(request, version),
    handle: handleOf(api.handler, version),
    response: codecFor(response, version),
  }
  api.byVersion[version] = found
  return found
}

function writeResponse(writer: WireWriter, codec: AnyCodec, correlationId: number, value: unknown): void {
  const before = writer.size
  const size = writer.reserveInt32()
  writer.int32(correlationId)
  // ApiVersions answers before the client knows what the broker understands (KIP-511).
  if (codec.flexible && codec.message.apiKey !== apiVersionsRequest.apiKey) writer.unsignedVarint(0)
  codec.encode(writer, value)
  writer.fillInt32(size, writer.size - before - 4)
}

class Context implements RequestContext, RequestMoments {
  readonly apiVersion: number
  readonly clientId: string
  sent: readonly (() => void)[] = none
  /** Of the response. */
  readonly codec: AnyCodec
  private readonly connection: ClientConnection
  private readonly metrics: ApiMetrics
  readonly receivedMicros: number
  readonly startedMicros: number
  handledMicros: number
  answeredMicros: number

  constructor(
    connection: ClientConnection,
    apiVersion: number,
    clientId: string,
    codec: AnyCodec,
    metrics: ApiMetrics,
    startedMicros: number,
  ) {
    this.connection = connection
    this.apiVersion = apiVersion
    this.clientId = clientId
    this.codec = codec
    this.metrics = metrics
    this.receivedMicros = connection.receivedMicros
    this.startedMicros = startedMicros
    this.handledMicros = startedMicros
    this.answeredMicros = startedMicros
  }

  /** The handler gave the loop back. */
  handled(): void {
    this.handledMicros = microsNow()
    this.answeredMicros = this.handledMicros
  }

  /** What the handler waited for has come. */
  waited(): void {
    this.answeredMicros = microsNow()
  }

  finished(response: unknown): void {
    this.metrics.finished(this.apiVersion, this, response)
  }

  get clientHost(): string {
    return this.connection.facts.clientHost
  }
  get clientPort(): number {
    return this.connection.facts.clientPort
  }
  get clientSoftware(): ClientSoftware | undefined {
    return this.connection.clientSoftware
  }
  set clientSoftware(software: ClientSoftware | undefined) {
    this.connection.clientSoftware = software
  }
  get listenerName(): string {
    return this.connection.facts.listenerName
  }
  get localAddress(): string {
    return this.connection.facts.localAddress
  }
  get localPort(): number {
    return this.connection.facts.localPort
  }
  get connectionId(): string {
    return this.connection.facts.id
  }
  afterSend(callback: () => void): void {
    this.sent = this.sent.length === 0 ? [callback] : [...this.sent, callback]
  }
  onClose(callback: () => void): () => void {
    return this.connection.onClose(callback)
  }
}

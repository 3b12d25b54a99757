/**
 * What a request handler is. One file per API declares one; `handlers.ts` is the list of them, and
 * that list is what ApiVersions advertises. The schema says which versions can be described, the
 * handler's own range says which are honoured.
 */
import type { ErrorName } from '../../protocol-codecs/error-codes.ts'
import type { Infer, InferInput, Message } from '../../protocol-codecs/schema.ts'
import { inVersions, type VersionRange } from '../../protocol-codecs/versions.ts'
import type { ClientSoftware } from './request-processor.ts'
import type { Services } from './services.ts'

export interface RequestContext {
  readonly apiVersion: number
  readonly clientId: string
  /** Address of the client, as groups show it. */
  readonly clientHost: string
  readonly clientPort: number
  /** What the client has said in ApiVersions that it is, on this connection. */
  clientSoftware: ClientSoftware | undefined
  /** Listener that the client came through, and where it reached it. */
  readonly listenerName: string
  readonly localAddress: string
  readonly localPort: number
  /** Name of the connection, unique in the process. */
  readonly connectionId: string
  /** Runs after the response was handed to the operating system, or the connection is gone. */
  afterSend(callback: () => void): void
  /** Runs when the connection closes; gives a function that takes the callback back. */
  onClose(callback: () => void): () => void
}

/** A produce request with acks=0 has no answer. */
export const noResponse = Symbol('no response')
/** The connection is closed in place of an answer. */
export const closeConnection = Symbol('close connection')
export type Silence = typeof noResponse | typeof closeConnection

export type Answer<R extends Message> = InferInput<R> | Silence

/**
 * How a request may overlap with those before it on its connection. `pipelined`: its effects are in
 * order as soon as `handle` returns, so it may start while earlier pipelined requests still wait for
 * their disk. `sequential`: it starts when everything before it was answered, and what follows waits
 * for it, as Kafka does for all.
 */
export type Ordering = 'pipelined' | 'sequential'

export interface Handler<Q extends Message = Message, R extends Message = Message> {
  readonly request: Q
  readonly response: R
  /** Versions that are honoured, and advertised. */
  readonly versions: VersionRange
  readonly ordering: Ordering
  /** Asked before a request starts. undefined: go on. Else it waits, and is asked about again when this resolves. */
  room?(services: Services): Promise<void> | undefined
  /**
   * Answers a request. What it throws becomes `refuse`'s answer. The request's `records` are valid
   * until `handle` returns.
   */
  handle(request: Infer<Q>, services: Services, context: RequestContext): Answer<R> | Promise<Answer<R>>
  /**
   * Takes the place of `handle` in old versions, where that spares the others a question. Which of the two answers is
   * found out once per version.
   */
  readonly legacy?: { readonly versions: VersionRange; readonly handle: Handler<Q, R>['handle'] }
  /** The answer that says the same error everywhere this API can say one. */
  refuse(request: Infer<Q>, error: ErrorName, message: string | null): Answer<R>
}

/** Declares a handler; exists for its type inference. */
export function handler<Q extends Message, R extends Message>(definition: Handler<Q, R>): Handler<Q, R> {
  return definition
}

/** What answers requests of a version. */
export function handleOf<Q extends Message, R extends Message>(
  definition: Handler<Q, R>,
  version: number,
): Handler<Q, R>['handle'] {
  const { legacy } = definition
  return legacy !== undefined && inVersions(legacy.versions, version) ? legacy.handle : definition.handle
}

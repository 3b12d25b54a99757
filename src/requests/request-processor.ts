/**
 * What the network asks of the requests, and all that it knows of them: whether a frame may start, and how it
 * ended. In turn the requests know of a connection only what stands here.
 */
import type { WireWriter } from '../../protocol-codecs/wire-writer.ts'

export interface ConnectionFacts {
  /** Unique in the process. */
  readonly id: string
  readonly listenerName: string
  readonly clientHost: string
  readonly clientPort: number
  /** Where the client reached the broker. */
  readonly localAddress: string
  readonly localPort: number
}

/** A client's library, as it calls itself (KIP-511). */
export interface ClientSoftware {
  readonly name: string
  readonly version: string
}

/** The client that a request came from. */
export interface ClientConnection {
  readonly facts: ConnectionFacts
  /** Kept for the requests that come after the one in which it was said. */
  clientSoftware: ClientSoftware | undefined
  /** When what is being started arrived; a moment of `microsNow`. */
  readonly receivedMicros: number
  /** Calls back when the connection closes or the broker stops; gives a function that takes this back. */
  onClose(callback: () => void): () => void
}

/** How a request ended. */
export interface Outcome {
  /** Writes the response with its length and header; undefined: nothing is answered. */
  readonly write: ((writer: WireWriter) => void) | undefined
  /** The connection is closed in place of an answer. */
  readonly closes: boolean
  /** Called when the response has left, or never will. */
  readonly sent: readonly (() => void)[]
}

export interface RequestProcessor {
  /** Whether the request in this frame may start while pipelined ones are in flight. */
  isPipelined(frame: Buffer, start: number, end: number): boolean
  /** Whether there is room for what the request in this frame brings: undefined, or else resolves when to ask again. */
  room(frame: Buffer, start: number, end: number): Promise<void> | undefined
  /** Starts a request. The bytes are valid until the call returns. */
  start(client: ClientConnection, frame: Buffer, start: number, end: number): Outcome | Promise<Outcome>
}

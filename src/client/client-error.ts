/**
 * The one error of this client. Its message is a sentence for people that names the broker; `failure` says what kind
 * it is, either a kind of our own or the protocol error that a broker answered with, by Kafka's name.
 */
import { type ErrorName, errorCodes, errorName, isRetriable } from '../../protocol-codecs/error-codes.ts'

export type ClientFailure =
  /** No connection could be made. */
  | 'unreachable'
  /** The connection ended before the answer came. */
  | 'closed'
  | 'timed out'
  /** What came back is not the Kafka protocol. */
  | 'not kafka'
  /** The broker serves no version of an API that we speak. */
  | 'unsupported'
  | ErrorName

export class ClientError extends Error {
  override readonly name = 'ClientError'
  readonly failure: ClientFailure

  constructor(failure: ClientFailure, message: string) {
    super(message)
    this.failure = failure
  }
}

/** The error for a code in an answer; `what` begins the sentence: "Cannot create topic orders". */
export function refusal(what: string, broker: string, code: number, message?: string | null): ClientError {
  const name = errorName(code)
  const shown = errorCodes[name] === code ? name : `error code ${code}`
  const why = message ? `: ${message.trim()}` : ''
  return new ClientError(name, asSentence(`${what}: broker ${broker} answered ${shown}${why}`))
}

export function throwIfRefused(what: string, broker: string, code: number, message?: string | null): void {
  if (code !== errorCodes.NONE) throw refusal(what, broker, code, message)
}

export function asSentence(text: string): string {
  return /[.?!]$/.test(text) ? text : `${text}.`
}

/** Errors that Kafka calls retriable although trying again does not help who asked for something that is not there. */
const lasting: ReadonlySet<ClientFailure> = new Set<ClientFailure>([
  'UNKNOWN_TOPIC_OR_PARTITION',
  'UNKNOWN_TOPIC_ID',
  'CORRUPT_MESSAGE',
  'OFFSET_METADATA_TOO_LARGE',
  'LISTENER_NOT_FOUND',
  'ELECTION_NOT_NEEDED',
])
const ofConnections: ReadonlySet<ClientFailure> = new Set<ClientFailure>([
  'unreachable',
  'closed',
  'timed out',
])

/** Whether the same request may succeed a moment later: a leader or coordinator moves, or is still loading. */
export function isTransient(failure: ClientFailure): boolean {
  return !lasting.has(failure) && failure in errorCodes && isRetriable(failure as ErrorName)
}

export function isOfConnection(failure: ClientFailure): boolean {
  return ofConnections.has(failure)
}

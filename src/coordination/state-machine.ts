/**
 * What a coordinator is to the runtime under it: a state machine that reads no clock, writes no file
 * and waits for nothing. It is told what happened and when, changes its state at once, and answers
 * with the records that make the change lasting, the replies that may go out once they are, and when
 * it next wants to be woken.
 *
 * The state is a function of the log: `replay` of every record that `apply` ever gave, in order, leads
 * to the same committed state. What is not in the records (parked requests, sessions, a rebalance under
 * way) is lost in a restart, and clients are made to begin that part again.
 */
import type { KafkaRecord } from '../../protocol-codecs/read-records.ts'

/** Names a request while it is under way; given out by the runtime, unique in one runtime. */
export type RequestId = number

/** When an event happens, on both of the clock's times. */
export interface Instant {
  /** Monotonic: what is waited for is measured with it. */
  readonly nowMs: number
  /** The wall clock's: what is stored is stamped with it. */
  readonly timestampMs: number
}

export interface Effects<LogRecord, Response> {
  /** To be appended together, in order. */
  readonly records: readonly LogRecord[]
  /** Answers to this or earlier requests; a request is answered once, the runtime ignores a second answer. */
  readonly replies: readonly (readonly [RequestId, Response])[]
  /** When (monotonic) `timer` is to be applied at the latest if nothing happens before; Infinity: never. */
  readonly wakeAtMs: number
}

/** A record as it lies in the log. */
export type ReplayedRecord = Pick<KafkaRecord, 'key' | 'value' | 'timestamp'> & {
  /** The producer whose open transaction the record belongs to; -1 outside of transactions. */
  readonly producerId: number
}

/** The end of a transaction, as its marker in the log tells it. */
export interface ReplayedMarker {
  readonly producerId: number
  readonly committed: boolean
}

export interface StateMachine<Event, LogRecord, Response> {
  apply(event: Event, at: Instant): Effects<LogRecord, Response>
  replay(record: ReplayedRecord): void
  replayMarker(marker: ReplayedMarker): void
}

/** A coordinator's record as bytes. */
export interface EncodedRecord {
  readonly key: Buffer
  /** null removes the key. */
  readonly value: Buffer | null
}

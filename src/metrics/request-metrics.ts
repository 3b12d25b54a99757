/**
 * What requests leave behind, in plain numbers: counting one costs some additions and four looks at the clock, and
 * nothing is allocated. The dispatcher holds each API's object; `request-families.ts` reads the numbers when somebody
 * scrapes.
 *
 * A request's time is cut where Kafka cuts it, so the pieces have Kafka's names: before the handler began, while it
 * ran, while it waited for something else, and from its answer to the answer's place in what is sent.
 */
import type { Message } from '../../protocol-codecs/schema.ts'
import { compileErrorReader, type ErrorReader } from './response-errors.ts'
import { microsBetween, microsNow, TimeBuckets } from './time-buckets.ts'

/** When a request got how far; moments of `microsNow`. */
export interface RequestMoments {
  /** The read ended that brought its last byte. */
  readonly receivedMicros: number
  /** Its turn came. */
  readonly startedMicros: number
  /** Its handler gave the loop back, with an answer or with a promise of one. */
  readonly handledMicros: number
  readonly answeredMicros: number
}

export class ApiMetrics {
  /** As in Kafka: `Produce`. */
  readonly name: string
  /** How many were dealt with, by version. */
  readonly requests: Float64Array
  /** How often each error code stands in a response; a response may hold many. */
  readonly errors = new Map<number, number>()
  /** From a whole request's arrival to the response's place in what is sent: the sum of the others. */
  readonly totalTimes = new TimeBuckets()
  /** Waiting for those before it on its connection, and behind those that came with it. */
  readonly requestQueueTimes = new TimeBuckets()
  /** Decoded and handled, with the event loop to itself: to an answer, or until it had to wait. */
  readonly localTimes = new TimeBuckets()
  /** Waiting: for the disk, for records, for other members of a group. */
  readonly remoteTimes = new TimeBuckets()
  /** Waiting for the answers before it on its connection, and encoded. */
  readonly responseQueueTimes = new TimeBuckets()
  private readonly readErrors: ErrorReader

  constructor(response: Message, lastVersion: number) {
    this.name = response.name.replace(/Response$/, '')
    this.requests = new Float64Array(lastVersion + 1)
    this.readErrors = compileErrorReader(response)
  }

  /** A request was dealt with; `response` is undefined where none is sent. */
  finished(version: number, moments: RequestMoments, response: unknown): void {
    const finishedMicros = microsNow()
    const { receivedMicros, startedMicros, handledMicros, answeredMicros } = moments
    this.requests[version]! += 1
    this.totalTimes.add(microsBetween(receivedMicros, finishedMicros))
    this.requestQueueTimes.add(microsBetween(receivedMicros, startedMicros))
    this.localTimes.add(microsBetween(startedMicros, handledMicros))
    this.remoteTimes.add(microsBetween(handledMicros, answeredMicros))
    this.responseQueueTimes.add(microsBetween(answeredMicros, finishedMicros))
    if (response !== undefined) this.readErrors(response, this)
  }

  countError(errorCode: number): void {
    this.errors.set(errorCode, (this.errors.get(errorCode) ?? 0) + 1)
  }
}

export class RequestMetrics {
  readonly apis: ApiMetrics[] = []

  add(response: Message, lastVersion: number): ApiMetrics {
    const api = new ApiMetrics(response, lastVersion)
    this.apis.push(api)
    return api
  }
}

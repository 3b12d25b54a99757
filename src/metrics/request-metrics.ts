/**
 * What requests leave behind, in plain numbers: counting one costs some additions and two looks at the clock, and
 * nothing is allocated. The dispatcher holds each API's object; `registry.ts` reads the numbers when somebody
 * scrapes.
 */
import type { Message } from '../../protocol-codecs/schema.ts'
import { compileErrorReader, type ErrorReader } from './response-errors.ts'
import { TimeBuckets } from './time-buckets.ts'

/**
 * A moment for measuring time, in microseconds. It wraps around every 71 minutes: as an int32 it needs no memory of
 * its own, as a double in an object would.
 */
export function microsNow(): number {
  return (performance.now() * 1000) | 0
}

export class ApiMetrics {
  /** As in Kafka: `Produce`. */
  readonly name: string
  /** How many were dealt with, by version. */
  readonly requests: Float64Array
  /** How often each error code stands in a response; a response may hold many. */
  readonly errors = new Map<number, number>()
  /** From a whole request's arrival to the response's place in what is sent; waiting for its turn included. */
  readonly totalTimes = new TimeBuckets()
  private readonly readErrors: ErrorReader

  constructor(response: Message, lastVersion: number) {
    this.name = response.name.replace(/Response$/, '')
    this.requests = new Float64Array(lastVersion + 1)
    this.readErrors = compileErrorReader(response)
  }

  /** A request was dealt with; `response` is undefined where none is sent. */
  finished(version: number, startedMicros: number, response: unknown): void {
    this.requests[version]! += 1
    // Both moments have wrapped around, and so does their difference: it is right up to 35 minutes.
    const micros = (microsNow() - startedMicros) | 0
    this.totalTimes.add(micros < 0 ? 0x7fffffff : micros)
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

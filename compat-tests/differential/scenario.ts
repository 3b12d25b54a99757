/**
 * What a scenario is: data. A list of steps, each a request with values that are fixed, or that stand for what only
 * the run knows: the name that a topic has in this run, a value of an earlier answer, a value that depends on the
 * version. The same list is played to each broker at each version of the APIs in it.
 *
 * A step whose request cannot be said in a version (a field that it does not have) is left out there, and so is one
 * that refers to the answer of a step that was left out.
 */
import { type BatchToBuild, buildBatch } from '../../protocol-codecs/build-batch.ts'
import type { ApiName, RequestOf } from './apis.ts'

/** What a value that stands for another is resolved with. */
export interface Resolution {
  readonly version: number
  /** The name in this run of what the scenario calls so. */
  nameOf(label: string): string
  /** The id that the broker has for the topic that the scenario calls so; ends the step if there is none. */
  topicIdOf(label: string): string
  /** A value of an earlier answer; ends the step if there is none. */
  answerOf(step: string, path: readonly (string | number)[]): unknown
  readonly clusterId: string
}

/** Stands for a value. `any`, so that it can stand wherever a request has a value of whatever type. */
export class Standin {
  readonly resolve: (resolution: Resolution) => unknown
  constructor(resolve: (resolution: Resolution) => unknown) {
    this.resolve = resolve
  }
}
// biome-ignore lint/suspicious/noExplicitAny: see Standin
type Any = any

/** The name of a topic, group or client id that no other run of a scenario uses. */
export function named(label: string): Any {
  return new Standin(resolution => resolution.nameOf(label))
}

export function topicId(label: string): Any {
  return new Standin(resolution => resolution.topicIdOf(label))
}

export const clusterId: Any = new Standin(resolution => resolution.clusterId)

export function answerOf(step: string, ...path: (string | number)[]): Any {
  return new Standin(resolution => resolution.answerOf(step, path))
}

/** One value up to a version, another behind it; undefined leaves the field out. */
export function until(lastVersion: number, value: unknown, otherwise?: unknown): Any {
  return new Standin(resolution => resolve(resolution.version <= lastVersion ? value : otherwise, resolution))
}
export function since(firstVersion: number, value: unknown, otherwise?: unknown): Any {
  return until(firstVersion - 1, otherwise, value)
}

/** A value made of others when they are known. */
export function made(from: Any, make: (value: Any) => unknown): Any {
  return new Standin(resolution => make(resolve(from, resolution)))
}

/** A record batch; its fields may stand for others. */
export function batch(spec: { [K in keyof BatchToBuild]: Any }): Any {
  return made(spec, buildBatch)
}

/** Replaces what stands for something, however deep. */
export function resolve(value: unknown, resolution: Resolution): unknown {
  if (value instanceof Standin) return resolve(value.resolve(resolution), resolution)
  if (Buffer.isBuffer(value) || value === null || typeof value !== 'object') return value
  if (Array.isArray(value)) return value.map(item => resolve(item, resolution))
  const entries = Object.entries(value).map(([name, item]) => [name, resolve(item, resolution)])
  return Object.fromEntries(entries.filter(([, item]) => item !== undefined))
}

export interface SendOptions {
  /** By which later steps refer to its answer, and a report to it. */
  readonly as?: string
  /** Name of the connection; it is opened when first used, and again after it was closed. */
  readonly on?: string
  readonly clientId?: string | null
  /** Versions of the API in which it is sent. */
  readonly versions?: string
  /** Always this version, whatever the run is about. */
  readonly at?: number
  /** The next steps do not wait for the answer; it is compared when the scenario has ended, or at `finish`. */
  readonly pending?: true
  /** Brokers do not answer it; what is compared is whether they close the connection. */
  readonly unanswered?: true
}

export type Step =
  | { readonly kind: 'send'; readonly api: ApiName; readonly request: unknown; readonly options: SendOptions }
  | { readonly kind: 'finish'; readonly step: string }
  | { readonly kind: 'close'; readonly on: string }
  | { readonly kind: 'frame'; readonly bytes: Buffer; readonly as: string }
  | {
      readonly kind: 'await'
      readonly api: ApiName
      readonly at: number
      readonly request: unknown
      readonly path: readonly (string | number)[]
      readonly value: unknown
    }

export interface Scenario {
  readonly name: string
  readonly steps: readonly Step[]
  /** Versions of an API that it is about; absent: all that are advertised. */
  readonly versions?: Partial<Record<ApiName, string>>
  /** It sees what others do, so nothing else is played meanwhile. */
  readonly isAlone?: true
}

export function scenario(name: string, steps: readonly Step[], versions?: Scenario['versions']): Scenario {
  return { name, steps, ...(versions && { versions }) }
}

export function send<N extends ApiName>(api: N, request: RequestOf<N>, options: SendOptions = {}): Step {
  return { kind: 'send', api, request, options }
}

/** Waits for the answer of a step that was left pending. */
export function finish(step: string): Step {
  return { kind: 'finish', step }
}

export function close(on: string): Step {
  return { kind: 'close', on }
}

/** A frame of any content, without its size; what is compared is the frame that answers it, or that none does. */
export function frame(as: string, bytes: Buffer): Step {
  return { kind: 'frame', as, bytes }
}

/** Asks, on a connection of its own, until the answer has this value there. Neither counted nor compared. */
export function awaitThat<N extends ApiName>(
  api: N,
  at: number,
  request: RequestOf<N>,
  path: readonly (string | number)[],
  value: unknown,
): Step {
  return { kind: 'await', api, at, request, path, value }
}

/**
 * Reads the vectors in this folder and the message definitions that they are for, and compares decoded
 * values with the vectors' JSON. For tests and fuzzers only: paths start at the project's root.
 *
 * A vector's JSON is Kafka's, with int64 as text and bytes as base64. Fields that a version does not carry
 * are left out of it; what they decode to is in java-defaults.json.gz.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import type { Message } from '../schema.ts'

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json }

export interface Vector {
  /** Name of the message, Kafka's: `FetchRequest`. */
  readonly message: string
  readonly version: number
  /** What is special about the value; unique per message, version and maker. */
  readonly case: string
  readonly bytes: Buffer
  readonly json: Json
  /** Program and release that encoded it. */
  readonly madeBy: string
  /** It holds tagged fields that nobody knows, which our encoder does not repeat. */
  readonly unknownTags?: true
  /** The whole key or value of a log record that carries the message, where Kafka keeps it in a log. */
  readonly framed?: Buffer
}

export const vectorFolder = 'protocol-codecs/vectors'

/** The parsed lines of a compressed file of this folder. */
export function readJsonLines<T>(name: string): T[] {
  const text = gunzipSync(readFileSync(`${vectorFolder}/${name}`)).toString('utf8')
  return text
    .split('\n')
    .slice(0, -1)
    .map(line => JSON.parse(line) as T)
}

/** Vectors of whole messages (without frame or header) in a file of this folder. */
export function readVectors(name: string): Vector[] {
  type Line = Omit<Vector, 'bytes' | 'framed'> & { base64: string; framed?: string }
  return readJsonLines<Line>(name).map(({ base64, framed, ...rest }) => ({
    ...rest,
    bytes: Buffer.from(base64, 'base64'),
    ...(framed === undefined ? {} : { framed: Buffer.from(framed, 'base64') }),
  }))
}

/** Every message that the modules of a folder export, by name; the folder is that of the compiled modules. */
export async function loadMessages(...folders: URL[]): Promise<Map<string, Message>> {
  const messages = new Map<string, Message>()
  for (const folder of folders) {
    for (const file of readdirSync(folder).sort()) {
      if (!/(?<!\.test)\.js$/.test(file)) continue
      const module: Record<string, unknown> = await import(new URL(file, folder).href)
      for (const value of Object.values(module)) {
        if (isMessage(value)) messages.set(value.name, value)
      }
    }
  }
  return messages
}

function isMessage(value: unknown): value is Message {
  return (
    typeof value === 'object' && value !== null && 'fields' in value && 'versions' in value && 'name' in value
  )
}

/** Defaults of a structure's fields, as java-defaults.json.gz has them. */
export type Defaults = { [field: string]: Json | ArrayDefault | StructDefault }
interface ArrayDefault {
  default: null | []
  each?: Defaults
}
interface StructDefault {
  default?: null
  of: Defaults
}

export function readDefaults(): { [message: string]: Defaults } {
  return JSON.parse(gunzipSync(readFileSync(`${vectorFolder}/java-defaults.json.gz`)).toString('utf8'))
}

/** Says where and how a decoded structure differs from a vector's JSON and the defaults, or undefined when it does not. */
export function difference(
  actual: unknown,
  json: Json,
  defaults: Defaults | undefined,
  path: string,
): string | undefined {
  if (!isRecord(actual) || !isRecord(json)) return `${path}: ${show(actual)} instead of ${show(json)}`
  for (const name of Object.keys(json)) {
    if (!(name in actual)) return `${path}.${name} is missing`
  }
  for (const [name, value] of Object.entries(actual)) {
    const known = defaults?.[name]
    if (defaults !== undefined && known === undefined) return `${path}.${name} is not a field of Kafka's`
    const found =
      name in json
        ? valueDifference(value, json[name] as Json, known, `${path}.${name}`)
        : valueDifference(value, defaultOf(known), known, `${path}.${name} (default)`)
    if (found !== undefined) return found
  }
  return undefined
}

function valueDifference(
  actual: unknown,
  json: Json,
  known: Defaults[string] | undefined,
  path: string,
): string | undefined {
  if (Array.isArray(actual) && Array.isArray(json)) {
    if (actual.length !== json.length) return `${path}: ${actual.length} elements instead of ${json.length}`
    const each = isRecord(known) ? (known as unknown as ArrayDefault).each : undefined
    for (const [index, element] of actual.entries()) {
      const found = isRecord(element)
        ? difference(element, json[index] as Json, each, `${path}[${index}]`)
        : valueDifference(element, json[index] as Json, undefined, `${path}[${index}]`)
      if (found !== undefined) return found
    }
    return undefined
  }
  if (isRecord(actual))
    return difference(
      actual,
      json,
      isRecord(known) ? (known as unknown as StructDefault).of : undefined,
      path,
    )
  return sameScalar(actual, json) ? undefined : `${path}: ${show(actual)} instead of ${show(json)}`
}

function sameScalar(actual: unknown, json: Json): boolean {
  if (actual === null || json === null) return actual === json
  if (typeof actual === 'bigint') return typeof json === 'string' && json === String(actual)
  if (typeof actual === 'number')
    return (typeof json === 'number' || typeof json === 'string') && Object.is(actual, Number(json))
  if (Buffer.isBuffer(actual)) return typeof json === 'string' && Buffer.from(json, 'base64').equals(actual)
  return actual === json
}

/** The JSON of a field's default. */
function defaultOf(known: Defaults[string] | undefined): Json {
  if (!isRecord(known)) return known as Json
  if ('default' in known) return known.default as Json
  return {} // a structure of defaults
}

/** The value that an encoder takes for a vector's JSON; a decoded value of the same shape tells the types. */
export function encodable(json: Json, like: unknown): unknown {
  if (json === null) return null
  if (Array.isArray(json)) return json.map((element, index) => encodable(element, (like as unknown[])[index]))
  if (isRecord(json)) {
    const members = Object.entries(json).map(([name, value]) => [
      name,
      encodable(value, (like as Record<string, unknown>)[name]),
    ])
    return Object.fromEntries(members)
  }
  if (typeof like === 'bigint') return BigInt(json as string)
  if (typeof like === 'number') return Number(json)
  if (Buffer.isBuffer(like)) return Buffer.from(json as string, 'base64')
  return json
}

function isRecord(value: unknown): value is Record<string, Json> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !Buffer.isBuffer(value)
}

function show(value: unknown): string {
  const text = typeof value === 'bigint' ? `${value}n` : JSON.stringify(value)
  return text === undefined ? String(value) : text.length > 80 ? `${text.slice(0, 80)}…` : text
}

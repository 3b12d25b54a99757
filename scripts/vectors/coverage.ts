/**
 * What the vectors show of Kafka's messages: which versions they cover, and which edges of every field of every
 * version. An edge is a value that an encoder can get wrong on its own: null and not, empty and not, the greatest and the
 * least number, a tagged field at its default and with another value, tags that nobody knows.
 */
import type { Json, Vector } from '../../protocol-codecs/vectors/read-vectors.ts'
import {
  type Definitions,
  type FieldDefinition,
  fieldsOf,
  holds,
  type MessageDefinition,
} from './message-definitions.ts'

/** Texts that name a message and version, or an edge of it: `FetchRequest 4`, `FetchRequest 4 topics.topic empty`. */
export type Facts = Set<string>

const leastAndGreatest: Readonly<Record<string, readonly [least: string, greatest: string]>> = {
  bool: ['false', 'true'],
  int8: ['-128', '127'],
  int16: ['-32768', '32767'],
  uint16: ['0', '65535'],
  int32: ['-2147483648', '2147483647'],
  uint32: ['0', '4294967295'],
  int64: ['-9223372036854775808', '9223372036854775807'],
  float64: ['-Infinity', String(Number.MAX_VALUE)],
}
const noUuid = 'AAAAAAAAAAAAAAAAAAAAAA'

/** The versions that there are. */
export function versionsOf(definitions: Definitions): Facts {
  const facts: Facts = new Set()
  for (const [name, versions] of definitions)
    for (const version of versions.keys()) facts.add(`${name} ${version}`)
  return facts
}

/** The edges that vectors have to show. */
export function edgesOf(definitions: Definitions): Facts {
  const facts: Facts = new Set()
  for (const [name, versions] of definitions) {
    for (const [version, message] of versions) {
      const isFlexible = holds(message.flexibleVersions, version)
      if (isFlexible) facts.add(`${name} ${version} unknown tags`)
      const add = (path: string, edge: string) => facts.add(`${name} ${version} ${path} ${edge}`)
      const visit = (fields: readonly FieldDefinition[], prefix: string): void => {
        for (const field of fields) {
          if (!holds(field.versions, version)) continue
          const path = `${prefix}${jsonName(field)}`
          for (const edge of edgesOfField(field, version, isFlexible)) add(path, edge)
          const inner = fieldsOf(message, field)
          if (inner !== undefined) visit(inner, `${path}.`)
        }
      }
      visit(message.fields, '')
    }
  }
  return facts
}

function edgesOfField(field: FieldDefinition, version: number, isFlexible: boolean): string[] {
  const edges: string[] = []
  const { type } = field
  if (holds(field.nullableVersions, version)) edges.push('null', 'not null')
  if (isFlexible && holds(field.taggedVersions, version)) edges.push('default', 'not default')
  const element = type.replace(/^\[\]/, '')
  if (type !== element || ['string', 'bytes', 'records'].includes(type)) edges.push('empty', 'not empty')
  else if (type === 'uuid') edges.push('zero', 'not zero')
  else if (leastAndGreatest[type] !== undefined) edges.push('least', 'greatest')
  return edges
}

/** The edges that these vectors show. */
export function edgesShown(vectors: Iterable<Vector>, definitions: Definitions): Facts {
  const facts: Facts = new Set()
  for (const { message: name, version, json, unknownTags } of vectors) {
    const message = definitions.get(name)?.get(version)
    if (message === undefined) continue
    if (unknownTags) facts.add(`${name} ${version} unknown tags`)
    const add = (path: string, edge: string) => facts.add(`${name} ${version} ${path} ${edge}`)
    show(message, version, message.fields, json, '', add)
  }
  return facts
}

function show(
  message: MessageDefinition,
  version: number,
  fields: readonly FieldDefinition[],
  json: Json,
  prefix: string,
  add: (path: string, edge: string) => void,
): void {
  for (const field of fields) {
    if (!holds(field.versions, version)) continue
    const path = `${prefix}${jsonName(field)}`
    const value = (json as Record<string, Json | undefined>)[jsonName(field)]
    // The converter leaves out what is not written: tagged fields at their default.
    if (value === undefined) {
      add(path, 'default')
      for (const edge of edgesOfDefault(field)) add(path, edge)
      continue
    }
    add(path, 'not default')
    add(path, value === null ? 'null' : 'not null')
    if (value === null) continue
    for (const edge of edgesOfValue(field.type, value)) add(path, edge)
    const inner = fieldsOf(message, field)
    if (inner === undefined) continue
    for (const each of Array.isArray(value) ? value : [value])
      show(message, version, inner, each, `${path}.`, add)
  }
}

function edgesOfValue(type: string, value: Json): string[] {
  if (Array.isArray(value) || ['string', 'bytes', 'records'].includes(type)) {
    return [(value as Json[] | string).length === 0 ? 'empty' : 'not empty']
  }
  if (type === 'uuid') return [value === noUuid ? 'zero' : 'not zero']
  const [least, greatest] = leastAndGreatest[type] ?? []
  if (String(value) === least) return ['least']
  return String(value) === greatest ? ['greatest'] : []
}

/** What a field shows by not being there. */
function edgesOfDefault({ type, default: fallback }: FieldDefinition): string[] {
  if (fallback === 'null') return ['null']
  if (type === 'uuid') return ['zero']
  if (type === 'bool') return [String(fallback ?? 'false') === 'true' ? 'greatest' : 'least']
  if (type.startsWith('[]') || type === 'string' || type === 'bytes')
    return (fallback ?? '') === '' ? ['empty'] : []
  const [least, greatest] = leastAndGreatest[type] ?? []
  const text = String(fallback ?? '0').replace('0x7fffffffffffffff', '9223372036854775807')
  return text === least ? ['least'] : text === greatest ? ['greatest'] : []
}

const jsonName = ({ name }: FieldDefinition): string => name.charAt(0).toLowerCase() + name.slice(1)

/** Facts of the one that the other lacks, in order. */
export function missing(wanted: Facts, shown: Facts): string[] {
  return [...wanted].filter(fact => !shown.has(fact)).sort()
}

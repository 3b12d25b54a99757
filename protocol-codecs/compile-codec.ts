/**
 * Turns a message's description into a decoder and an encoder for one version of it. Version ranges
 * are resolved here, once: the code that is generated is straight-line, holds no version test, and
 * builds each structure with one object literal, so all values of a structure share a shape.
 * Generated through `new Function` from descriptions that are part of this program, never from input.
 *
 * Wire rules (KIP-482): in a flexible version strings, bytes and arrays carry their length + 1 as an
 * unsigned varint, and each structure ends in a tag section. A nullable structure is preceded by a
 * byte: negative for null, 1 for present.
 */
import type { AnyField, Fields, Infer, InferInput, Message, ScalarKind } from './schema.ts'
import { zeroUuid } from './schema.ts'
import { inVersions } from './versions.ts'
import { DecodeError, WireReader } from './wire-reader.ts'
import { EncodeError, WireWriter } from './wire-writer.ts'

export interface Codec<Decoded, Encodable> {
  readonly message: Message
  readonly version: number
  /** Whether this version is in KIP-482's flexible form. */
  readonly flexible: boolean
  decode(reader: WireReader): Decoded
  encode(writer: WireWriter, value: Encodable): void
}

// biome-ignore lint/suspicious/noExplicitAny: the cache holds codecs of every message
const cache = new WeakMap<Message<any>, Codec<any, any>[]>()

/** The codec of a message at a version; compiled on first use. Throws when the version is not described. */
export function codecFor<M extends Message>(message: M, version: number): Codec<Infer<M>, InferInput<M>> {
  let codecs = cache.get(message)
  if (codecs === undefined) {
    codecs = []
    cache.set(message, codecs)
  }
  codecs[version] ??= compile(message, version)
  return codecs[version] as Codec<Infer<M>, InferInput<M>>
}

/** Decodes a message that stands alone; bytes behind it are ignored, as Kafka does. */
export function decodeMessage<M extends Message>(message: M, version: number, bytes: Buffer): Infer<M> {
  return codecFor(message, version).decode(new WireReader(bytes))
}

/** Encodes a message into one buffer. */
export function encodeMessage<M extends Message>(message: M, version: number, value: InferInput<M>): Buffer {
  const writer = new WireWriter()
  codecFor(message, version).encode(writer, value)
  return writer.toBuffer()
}

/** The source that `codecFor` compiles, for people to read. */
export function codecSource(message: Message, version: number): string {
  return new Emitter(message, version).source()
}

function compile(message: Message, version: number): Codec<unknown, unknown> {
  if (!inVersions(message.versions, version)) throw new Error(`${message.name} has no version ${version}`)
  const make = new Function('DecodeError', 'EncodeError', codecSource(message, version))
  const { decode, encode } = make(DecodeError, EncodeError)
  return { message, version, flexible: inVersions(message.flexible, version), decode, encode }
}

const scalarMethods: Record<ScalarKind, string> = {
  bool: 'bool',
  int8: 'int8',
  int16: 'int16',
  uint16: 'uint16',
  int32: 'int32',
  uint32: 'uint32',
  int64: 'int64',
  float64: 'float64',
  uuid: 'uuid',
  string: 'string',
  bytes: 'bytes',
  records: 'records',
}
/** Least number of bytes on the wire, by kind; lengths take one byte in the compact form. */
const fixedSizes: Partial<Record<string, number>> = {
  bool: 1,
  int8: 1,
  int16: 2,
  uint16: 2,
  int32: 4,
  uint32: 4,
  int64: 8,
  float64: 8,
  uuid: 16,
}

class Emitter {
  private readonly message: Message
  private readonly version: number
  private readonly flexible: boolean
  private readonly functions: string[] = []
  private count = 0

  constructor(message: Message, version: number) {
    this.message = message
    this.version = version
    this.flexible = inVersions(message.flexible, version)
  }

  source(): string {
    const decode = this.structDecoder(this.message.fields)
    const encode = this.structEncoder(this.message.fields, this.message.name)
    return [
      `'use strict'`,
      `const emptyBytes = Buffer.alloc(0)`,
      ...this.functions,
      `return { decode: ${decode}, encode(w, v) { ${encode}(w, v) } }`,
    ].join('\n')
  }

  private name(prefix: string): string {
    return `${prefix}${this.count++}`
  }

  private present(field: AnyField): boolean {
    return inVersions(field.options.versions, this.version)
  }
  private tagged(field: AnyField): boolean {
    return field.options.tag !== undefined && this.flexible
  }
  private nullable(field: AnyField): boolean {
    return field.options.nullable !== undefined && inVersions(field.options.nullable, this.version)
  }
  private compact(field: AnyField): boolean {
    return this.flexible && field.options.flexible !== 'none'
  }
  private taggedFields(fields: Fields): [string, AnyField][] {
    return Object.entries(fields)
      .filter(([, field]) => this.present(field) && this.tagged(field))
      .sort(([, a], [, b]) => a.options.tag! - b.options.tag!)
  }
  private plainFields(fields: Fields): [string, AnyField][] {
    return Object.entries(fields).filter(([, field]) => this.present(field) && !this.tagged(field))
  }

  /** An expression for the value of a field that the wire does not carry. */
  private defaultOf(field: AnyField): string {
    const value = field.options.default
    if (value !== undefined) {
      if (typeof value === 'bigint') return `${value}n`
      if (value === null || typeof value === 'number' || typeof value === 'boolean') return String(value)
      return JSON.stringify(value)
    }
    switch (field.kind) {
      case 'bool':
        return 'false'
      case 'int64':
        return '0n'
      case 'uuid':
        return JSON.stringify(zeroUuid)
      case 'string':
        return `''`
      case 'bytes':
      case 'records':
        return 'emptyBytes'
      case 'array':
        return '[]'
      case 'struct':
        return `{ ${Object.entries(field.fields!)
          .map(([name, inner]) => `${name}: ${this.defaultOf(inner)}`)
          .join(', ')} }`
      default:
        return '0'
    }
  }

  /** A condition on `value`: it differs from the default (structures: from a default one, field by field). */
  private differsFromDefault(field: AnyField, value: string): string {
    if (field.options.default === null) return `${value} !== null`
    const isNull = field.options.nullable === undefined ? '' : `${value} === null || `
    switch (field.kind) {
      case 'bytes':
      case 'array':
      case 'records':
        return `(${isNull}${value}.length !== 0)`
      case 'struct': {
        const inner = Object.entries(field.fields!).map(([name, f]) => {
          const member = `${value}.${name}`
          return `(${member} !== undefined && ${this.differsFromDefault(f, member)})`
        })
        return `(${isNull}${inner.join(' || ')})`
      }
      default:
        return `${value} !== ${this.defaultOf(field)}`
    }
  }

  /** Bytes that a value of this field takes at the least. */
  private leastSize(field: AnyField): number {
    const fixed = fixedSizes[field.kind]
    if (fixed !== undefined) return fixed
    if (field.kind === 'struct') {
      let size = this.flexible ? 1 : 0
      for (const [, inner] of this.plainFields(field.fields!)) size += this.leastSize(inner)
      return this.nullable(field) ? 1 : Math.max(1, size)
    }
    if (this.compact(field)) return 1
    return field.kind === 'string' ? 2 : 4
  }

  private decodeExpression(field: AnyField): string {
    const nullable = this.nullable(field)
    const compact = this.compact(field)
    switch (field.kind) {
      case 'array':
        return `${this.arrayDecoder(field)}(r)`
      case 'struct': {
        const decode = this.structDecoder(field.fields!)
        return nullable ? `(r.int8() < 0 ? null : ${decode}(r))` : `${decode}(r)`
      }
      case 'string':
      case 'bytes':
      case 'records': {
        const kind = field.kind
        const base = nullable ? `Nullable${kind[0]!.toUpperCase()}${kind.slice(1)}` : kind
        if (compact) return `r.compact${base[0]!.toUpperCase()}${base.slice(1)}()`
        return `r.${base[0]!.toLowerCase()}${base.slice(1)}()`
      }
      default:
        return `r.${scalarMethods[field.kind as ScalarKind]}()`
    }
  }

  private arrayDecoder(field: AnyField): string {
    const name = this.name('decodeArray')
    const element = field.element!
    const method = `${this.compact(field) ? 'compact' : ''}${this.nullable(field) ? 'NullableCount' : 'Count'}`
    const count = method[0]!.toLowerCase() + method.slice(1)
    const decode = this.decodeExpression(element)
    this.functions.push(
      `function ${name}(r) {`,
      `  const n = r.${count}(${this.leastSize(element)})`,
      this.nullable(field) ? `  if (n < 0) return null` : '',
      `  const a = []`,
      `  for (let i = 0; i < n; i++) a.push(${decode})`,
      `  return a`,
      `}`,
    )
    return name
  }

  private structDecoder(fields: Fields): string {
    const name = this.name('decodeStruct')
    const lines: string[] = []
    for (const [key, field] of this.plainFields(fields)) {
      lines.push(`  const ${key}_ = ${this.decodeExpression(field)}`)
    }
    const tagged = this.taggedFields(fields)
    if (tagged.length > 0) {
      for (const [key, field] of tagged) lines.push(`  let ${key}_ = ${this.defaultOf(field)}`)
      lines.push(`  for (let n = r.unsignedVarint(), tag = -1; n > 0; n--) {`)
      lines.push(`    tag = r.nextTag(tag)`, `    const end = r.tagEnd()`, `    switch (tag) {`)
      for (const [key, field] of tagged) {
        lines.push(`      case ${field.options.tag}: {`)
        lines.push(`        const outer = r.end`, `        r.end = end`)
        lines.push(`        ${key}_ = ${this.decodeExpression(field)}`)
        lines.push(`        r.end = outer`, `        r.expectAt(end)`, `        break`, `      }`)
      }
      lines.push(`      default: r.position = end`, `    }`, `  }`)
    } else if (this.flexible) {
      lines.push(`  r.skipTags()`)
    }
    const members = Object.entries(fields).map(([key, field]) =>
      this.present(field) && (!this.tagged(field) || tagged.length > 0)
        ? `${key}: ${key}_`
        : `${key}: ${this.defaultOf(field)}`,
    )
    this.functions.push(`function ${name}(r) {`, ...lines, `  return { ${members.join(', ')} }`, `}`)
    return name
  }

  private encodeStatement(field: AnyField, value: string, path: string): string {
    const compact = this.compact(field)
    const refuseNull = this.nullable(field)
      ? ''
      : `if (${value} === null) throw new EncodeError('${path} may not be null in version ${this.version}'); `
    switch (field.kind) {
      case 'array': {
        const element = field.element!
        const write = this.encodeStatement(element, 'e', `${path}[]`)
        const count = compact ? 'compactCount' : 'count'
        const loop = `w.${count}(${value}.length); for (const e of ${value}) { ${write} }`
        return this.nullable(field)
          ? `if (${value} === null) w.${count}(-1); else { ${loop} }`
          : `${refuseNull}${loop}`
      }
      case 'struct': {
        const encode = `${this.structEncoder(field.fields!, path)}(w, ${value})`
        if (!this.nullable(field)) return `${refuseNull}${encode}`
        return `if (${value} === null) w.int8(-1); else { w.int8(1); ${encode} }`
      }
      case 'string':
      case 'bytes':
      case 'records': {
        const kind = field.kind
        const method = compact ? `compact${kind[0]!.toUpperCase()}${kind.slice(1)}` : kind
        return `${refuseNull}w.${method}(${value})`
      }
      default:
        return `w.${scalarMethods[field.kind as ScalarKind]}(${value})`
    }
  }

  private structEncoder(fields: Fields, path: string): string {
    const name = this.name('encodeStruct')
    const lines: string[] = []
    for (const [key, field] of Object.entries(fields)) {
      if (this.present(field) && (!this.tagged(field) || this.flexible)) continue
      if (field.options.ignorable) continue
      lines.push(
        `  if (v.${key} !== undefined && ${this.differsFromDefault(field, `v.${key}`)})`,
        `    throw new EncodeError('${path}.${key} is not part of version ${this.version}')`,
      )
    }
    for (const [key, field] of this.plainFields(fields)) {
      lines.push(`  const ${key}_ = v.${key} === undefined ? ${this.defaultOf(field)} : v.${key}`)
      lines.push(`  ${this.encodeStatement(field, `${key}_`, `${path}.${key}`)}`)
    }
    if (this.flexible) {
      const tagged = this.taggedFields(fields)
      for (const [key, field] of tagged) {
        lines.push(`  const ${key}_ = v.${key} === undefined ? ${this.defaultOf(field)} : v.${key}`)
        lines.push(`  const ${key}_set = ${this.differsFromDefault(field, `${key}_`)}`)
      }
      const count = tagged.map(([key]) => `(${key}_set ? 1 : 0)`).join(' + ') || '0'
      lines.push(`  w.unsignedVarint(${count})`)
      for (const [key, field] of tagged) {
        lines.push(`  if (${key}_set) {`, `    const opened = w.openTag(${field.options.tag})`)
        lines.push(
          `    ${this.encodeStatement(field, `${key}_`, `${path}.${key}`)}`,
          `    w.closeTag(opened)`,
          `  }`,
        )
      }
    }
    this.functions.push(`function ${name}(w, v) {`, ...lines, `}`)
    return name
  }
}

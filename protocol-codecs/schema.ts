/**
 * The vocabulary in which every message is described once, for all its versions, as Kafka's own
 * message definitions do: a field has a type, the versions that carry it, the versions in which it
 * may be null, a default for the versions that lack it, and perhaps a tag. TypeScript types are
 * inferred from the description (`Infer` for what a decoder gives, `InferInput` for what an encoder
 * takes); `compile-codec.ts` turns it into code.
 *
 * Field names are Kafka's in camelCase. int64 is a bigint, a uuid is its 22 characters of
 * base64url (Kafka's own text form), bytes and records are Buffers. A decoded `bytes` field is a copy,
 * a decoded `records` field is a view of the frame: whoever keeps it longer than the frame copies it.
 */
import type { VersionRange } from './versions.ts'

export type ScalarKind =
  | 'bool'
  | 'int8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'float64'
  | 'uuid'
  | 'string'
  | 'bytes'
  | 'records'
export type Kind = ScalarKind | 'array' | 'struct'

/** What a field's author may say; all of it optional. */
export interface FieldOptions<T> {
  /** Versions of the message that carry the field; absent: all. */
  readonly versions?: VersionRange
  /** Versions in which the field may be null. */
  readonly nullable?: VersionRange
  /** Value in versions without the field, and when an encoder is given none; absent: 0, '', [] … */
  readonly default?: T
  /** The field travels in the tag section of flexible versions under this number. */
  readonly tag?: number
  /** A value other than the default is dropped in a version without the field, where others throw. */
  readonly ignorable?: true
  /** `'none'`: never in the compact form (RequestHeader's clientId). */
  readonly flexible?: 'none'
}

declare const decoded: unique symbol
declare const encoded: unique symbol
declare const omissible: unique symbol

export interface Field<Out = unknown, In = Out, Omissible extends boolean = boolean> {
  readonly kind: Kind
  readonly options: FieldOptions<unknown>
  readonly element?: Field
  readonly fields?: Fields
  readonly [decoded]?: Out
  readonly [encoded]?: In
  readonly [omissible]?: Omissible
}
// biome-ignore lint/suspicious/noExplicitAny: a field of whatever types, for constraints only
export type AnyField = Field<any, any, any>
export type Fields = { readonly [name: string]: AnyField }

type OrNull<T, O> = O extends { nullable: string } ? T | null : T
type Omissible<O> = O extends { default: unknown } | { versions: string } ? true : false
type Out<F> = F extends Field<infer T, infer _I, infer _O> ? T : never
type In<F> = F extends Field<infer _T, infer I, infer _O> ? I : never
type OmissibleNames<F extends Fields> = {
  [K in keyof F]: F[K] extends Field<infer _T, infer _I, infer O> ? (true extends O ? K : never) : never
}[keyof F]
type Flat<T> = { [K in keyof T]: T[K] }

/** The value that a decoder gives for these fields. */
export type InferFields<F extends Fields> = { [K in keyof F]: Out<F[K]> }
/** The value that an encoder takes: fields with a default, or absent in some version, may be left out. */
export type InferFieldsInput<F extends Fields> = Flat<
  { readonly [K in Exclude<keyof F, OmissibleNames<F>>]: In<F[K]> } & {
    readonly [K in OmissibleNames<F>]?: In<F[K]> | undefined
  }
>

/** Record bytes for an encoder: one buffer or several in order, none of them copied when large. */
export type RecordsInput = Buffer | readonly Buffer[]

type Scalar<T, O, I = T> = Field<OrNull<T, O>, OrNull<I, O>, Omissible<O>>

function scalar(kind: ScalarKind, options: FieldOptions<unknown> = {}): AnyField {
  return { kind, options }
}

export function bool<const O extends FieldOptions<boolean>>(options?: O): Scalar<boolean, O> {
  return scalar('bool', options)
}
export function int8<const O extends FieldOptions<number>>(options?: O): Scalar<number, O> {
  return scalar('int8', options)
}
export function int16<const O extends FieldOptions<number>>(options?: O): Scalar<number, O> {
  return scalar('int16', options)
}
export function uint16<const O extends FieldOptions<number>>(options?: O): Scalar<number, O> {
  return scalar('uint16', options)
}
export function int32<const O extends FieldOptions<number>>(options?: O): Scalar<number, O> {
  return scalar('int32', options)
}
export function uint32<const O extends FieldOptions<number>>(options?: O): Scalar<number, O> {
  return scalar('uint32', options)
}
export function int64<const O extends FieldOptions<bigint>>(options?: O): Scalar<bigint, O> {
  return scalar('int64', options)
}
export function float64<const O extends FieldOptions<number>>(options?: O): Scalar<number, O> {
  return scalar('float64', options)
}
export function uuid<const O extends FieldOptions<string>>(options?: O): Scalar<string, O> {
  return scalar('uuid', options)
}
export function string<const O extends FieldOptions<string | null>>(options?: O): Scalar<string, O> {
  return scalar('string', options)
}
export function bytes<const O extends FieldOptions<Buffer | null>>(options?: O): Scalar<Buffer, O> {
  return scalar('bytes', options)
}
export function records<const O extends FieldOptions<null>>(options?: O): Scalar<Buffer, O, RecordsInput> {
  return scalar('records', options)
}

/** A nested structure; in Kafka's binary form a nullable one is preceded by a presence byte. */
export function struct<const F extends Fields, const O extends FieldOptions<null>>(
  fields: F,
  options?: O,
): Field<OrNull<InferFields<F>, O>, OrNull<InferFieldsInput<F>, O>, Omissible<O>> {
  return { kind: 'struct', options: options ?? {}, fields }
}

/** An array of scalars (`array(int32())`) or of structures (`array({ name: string() })`). */
export function array<const E extends AnyField | Fields, const O extends FieldOptions<null>>(
  element: E,
  options?: O,
): Field<OrNull<ElementOut<E>[], O>, OrNull<readonly ElementIn<E>[], O>, Omissible<O>> {
  const field = isField(element) ? element : struct(element as Fields)
  return { kind: 'array', options: options ?? {}, element: field as AnyField }
}
type ElementOut<E> = E extends AnyField ? Out<E> : E extends Fields ? InferFields<E> : never
type ElementIn<E> = E extends AnyField ? In<E> : E extends Fields ? InferFieldsInput<E> : never

function isField(element: AnyField | Fields): element is AnyField {
  return typeof (element as { kind?: unknown }).kind === 'string'
}

export interface MessageOptions {
  /** The API that the message belongs to, or the record type of a record in an internal topic. */
  readonly apiKey?: number
  /** Versions that this description covers. */
  readonly versions: VersionRange
  /** Versions in KIP-482's flexible form: compact lengths, and a tag section behind every structure. */
  readonly flexible: VersionRange
}

export interface Message<F extends Fields = Fields> extends MessageOptions {
  readonly name: string
  readonly fields: F
}

/** Describes one message; `name` is Kafka's, with its suffix (`FetchRequest`). */
export function message<const F extends Fields>(
  name: string,
  options: MessageOptions,
  fields: F,
): Message<F> {
  return { name, ...options, fields }
}

/** What decoding a message gives. */
export type Infer<M> = M extends Message<infer F> ? InferFields<F> : never
/** What encoding a message takes. */
export type InferInput<M> = M extends Message<infer F> ? InferFieldsInput<F> : never

/** The uuid that stands for "none": sixteen zero bytes. */
export const zeroUuid = 'AAAAAAAAAAAAAAAAAAAAAA'

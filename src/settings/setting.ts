/**
 * What one setting is: its type, default, the values it allows, what it means, and whether it can change while
 * the broker runs. The tables (`broker-settings.ts`, `topic-settings.ts`) are made of these and nothing else, so
 * that parsing, DescribeConfigs, AlterConfigs, `ottla settings` and docs/settings.md all read the same facts.
 *
 * Values are typed: a `boolean` is a boolean, `int`, `long` and `double` are numbers, a `list` is an array of
 * strings. Kafka's 64-bit values do not all fit a JavaScript number: everything beyond MAX_SAFE_INTEGER, which in
 * practice is only Long.MAX_VALUE with the meaning "never" or "no bound", becomes Infinity, and `format` writes
 * Infinity back as Long.MAX_VALUE.
 *
 * Messages follow the wording that Kafka's users know ("Value must be at least 1") since tools match on them.
 */

export type SettingType = 'boolean' | 'int' | 'long' | 'double' | 'string' | 'list'
export type Importance = 'high' | 'medium' | 'low'

/** When a value may change: only at a start, or while brokers run, for one of them at a time or for all. */
export type Dynamic = 'read-only' | 'per-broker' | 'cluster-wide'

export type SettingValue = boolean | number | string | readonly string[] | null

/** The part of a setting that says nothing about its type. */
export interface SettingFacts {
  readonly importance: Importance
  readonly documentation: string
  readonly dynamic?: Dynamic
  /** Never shown: DescribeConfigs answers null and logs write [hidden]. */
  readonly sensitive?: boolean
  /** Left out of DescribeConfigs and the documentation: Kafka has a few of these for its own tests. */
  readonly internal?: boolean
  /** Why the value is reported but does nothing yet. Setting it is answered with a warning that says so. */
  readonly notYet?: string
  /** True if the name is not Kafka's but ours. */
  readonly ours?: boolean
}

export interface Setting<Value = SettingValue> extends SettingFacts {
  readonly type: SettingType
  readonly default: Value
  readonly dynamic: Dynamic
  /** The allowed values in words, for help and error messages; undefined if every value of the type is allowed. */
  readonly allowed?: string
  /** Answers what is wrong with a value, or undefined. */
  problem?(value: NonNullable<Value>): string | undefined
}

/** The parsed values of a table: the type is inferred from it, so a misspelt key does not compile. */
export type ValuesOf<Table> = {
  readonly [Key in keyof Table]: Table[Key] extends Setting<infer Value> ? Value : never
}

export const longMaximum = '9223372036854775807'
export const intMaximum = 2147483647

interface Range {
  readonly atLeast?: number
  readonly atMost?: number
}

function describeRange({ atLeast, atMost }: Range): string | undefined {
  if (atLeast !== undefined && atMost !== undefined) return `[${atLeast},...,${atMost}]`
  if (atLeast !== undefined) return `[${atLeast},...]`
  return atMost === undefined ? undefined : `[...,${atMost}]`
}

function numberSetting<Value extends number | null>(
  type: 'int' | 'long' | 'double',
  defaultValue: Value,
  { atLeast = Number.NEGATIVE_INFINITY, atMost = Number.POSITIVE_INFINITY, problem, ...facts }: NumberFacts,
): Setting<Value> {
  const range: Range = {
    ...(atLeast === Number.NEGATIVE_INFINITY ? {} : { atLeast }),
    ...(atMost === Number.POSITIVE_INFINITY ? {} : { atMost }),
  }
  return {
    dynamic: 'read-only',
    ...facts,
    type,
    default: defaultValue,
    allowed: describeRange(range),
    problem: value => {
      if (value < atLeast) return `Value must be at least ${atLeast}`
      return value > atMost ? `Value must be no more than ${atMost}` : problem?.(value)
    },
  }
}

type NumberFacts = Range & SettingFacts & { problem?: (value: number) => string | undefined }

/** A 32-bit integer. A default of null means: unset, another setting decides. */
export function int(defaultValue: number, facts: NumberFacts): Setting<number>
export function int(defaultValue: null, facts: NumberFacts): Setting<number | null>
export function int(defaultValue: number | null, facts: NumberFacts): Setting<number | null> {
  return numberSetting('int', defaultValue, facts)
}

/** A 64-bit integer; Infinity stands for Long.MAX_VALUE. */
export function long(defaultValue: number, facts: NumberFacts): Setting<number>
export function long(defaultValue: null, facts: NumberFacts): Setting<number | null>
export function long(defaultValue: number | null, facts: NumberFacts): Setting<number | null> {
  return numberSetting('long', defaultValue, facts)
}

export function double(defaultValue: number, facts: NumberFacts): Setting<number> {
  return numberSetting('double', defaultValue, facts)
}

export function boolean(
  defaultValue: boolean,
  { only, ...facts }: SettingFacts & { only?: boolean },
): Setting<boolean> {
  const setting: Setting<boolean> = { dynamic: 'read-only', ...facts, type: 'boolean', default: defaultValue }
  if (only === undefined) return setting
  return {
    ...setting,
    allowed: String(only),
    problem: value => (value === only ? undefined : `Value must be ${only}`),
  }
}

type TextFacts = SettingFacts & { allowed?: string; problem?: (value: string) => string | undefined }

export function string(defaultValue: string, facts: TextFacts): Setting<string>
export function string(defaultValue: null, facts: TextFacts): Setting<string | null>
export function string(defaultValue: string | null, facts: TextFacts): Setting<string | null> {
  return { dynamic: 'read-only', ...facts, type: 'string', default: defaultValue }
}

/** A string out of a fixed set; its TypeScript type is the union of that set. */
export function oneOf<const Choice extends string>(
  choices: readonly Choice[],
  defaultValue: NoInfer<Choice>,
  facts: SettingFacts,
): Setting<Choice> {
  return {
    dynamic: 'read-only',
    ...facts,
    type: 'string',
    default: defaultValue,
    allowed: `[${choices.join(', ')}]`,
    problem: value => (choices.includes(value) ? undefined : `String must be one of: ${choices.join(', ')}`),
  }
}

type ListFacts = SettingFacts & {
  choices?: readonly string[]
  mayBeEmpty?: boolean
  allowed?: string
  problem?: (value: readonly string[]) => string | undefined
}

/** A comma-separated list without duplicates. */
export function list(defaultValue: readonly string[], facts: ListFacts): Setting<readonly string[]>
export function list(defaultValue: null, facts: ListFacts): Setting<readonly string[] | null>
export function list(
  defaultValue: readonly string[] | null,
  { choices, mayBeEmpty = false, allowed, problem, ...facts }: ListFacts,
): Setting<readonly string[] | null> {
  return {
    dynamic: 'read-only',
    ...facts,
    type: 'list',
    default: defaultValue,
    allowed: allowed ?? (choices && `[${choices.join(', ')}]`),
    problem: values => {
      if (values.length === 0 && !mayBeEmpty) return 'List must not be empty'
      if (new Set(values).size !== values.length) return 'List must not contain duplicates'
      const stranger = choices && values.find(value => !choices.includes(value))
      if (stranger !== undefined) return `List must only contain: ${choices?.join(', ')}`
      return problem?.(values)
    },
  }
}

export type Parsed<Value> = { ok: true; value: Value } | { ok: false; problem: string }

const integerPattern = /^[+-]?\d+$/
const doublePattern = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?[dDfF]?$/

/** Text to a value of the type, whatever its range. */
export function parseType(type: SettingType, text: string): Parsed<NonNullable<SettingValue>> {
  switch (type) {
    case 'string':
      return { ok: true, value: text }
    case 'list':
      return { ok: true, value: text === '' ? [] : text.split(/\s*,\s*/) }
    case 'boolean': {
      const word = text.toLowerCase()
      if (word === 'true' || word === 'false') return { ok: true, value: word === 'true' }
      return { ok: false, problem: 'Expected value to be either true or false' }
    }
    case 'double':
      if (doublePattern.test(text)) return { ok: true, value: Number.parseFloat(text) }
      return { ok: false, problem: 'Not a number of type DOUBLE' }
    default: {
      const notANumber = { ok: false, problem: `Not a number of type ${type.toUpperCase()}` } as const
      if (!integerPattern.test(text)) return notANumber
      const exact = BigInt(text.startsWith('+') ? text.slice(1) : text)
      if (exact !== BigInt.asIntN(type === 'int' ? 32 : 64, exact)) return notANumber
      const value = Number(exact)
      if (Number.isSafeInteger(value)) return { ok: true, value }
      return { ok: true, value: value > 0 ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY }
    }
  }
}

/** Text from a file, a flag or a request, to a checked value. Surrounding blanks do not count, as in Kafka. */
export function parse<Value>(setting: Setting<Value>, text: string): Parsed<NonNullable<Value>> {
  const parsed = parseType(setting.type, text.trim()) as Parsed<NonNullable<Value>>
  if (!parsed.ok) return parsed
  const problem = setting.problem?.(parsed.value)
  return problem === undefined ? parsed : { ok: false, problem }
}

/** A value as Kafka writes it in DescribeConfigs; null stays null. */
export function format(value: SettingValue): string | null {
  if (value === null) return null
  if (Array.isArray(value)) return value.join(',')
  if (value === Number.POSITIVE_INFINITY) return longMaximum
  if (value === Number.NEGATIVE_INFINITY) return '-9223372036854775808'
  return String(value)
}

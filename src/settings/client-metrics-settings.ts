/**
 * What can be set on a subscription of client metrics (KIP-714): which metrics which clients are to send, and how
 * often. Names, defaults and words are Apache Kafka 4.4's.
 */
import { ProtocolError } from '../../protocol-codecs/error-codes.ts'
import { int, list, parse, parseType, type Setting, type ValuesOf } from './setting.ts'

const minIntervalMs = 100
const maxIntervalMs = 3_600_000

/** What a client is known by. */
export const clientAttributes = [
  'client_instance_id',
  'client_id',
  'client_software_name',
  'client_software_version',
  'client_source_address',
  'client_source_port',
] as const
export type ClientAttribute = (typeof clientAttributes)[number]

/** Kafka takes the same one twice, and so do we: `list` would not. */
const namesOfAnything = { mayBeEmpty: true, importance: 'medium' } as const

export const clientMetricsSettingTable = {
  'interval.ms': int(300_000, {
    importance: 'medium',
    documentation: 'How often clients push their metrics, in milliseconds: 100 to 3600000.',
  }),
  match: repeatable(
    list([], {
      ...namesOfAnything,
      documentation:
        'Which clients are meant: attribute=pattern, separated by commas, all of which must match as a whole. Attributes: ' +
        `${clientAttributes.join(', ')}. Empty: all clients.`,
    }),
  ),
  metrics: repeatable(
    list([], {
      ...namesOfAnything,
      documentation: 'Prefixes of the names of the metrics to push, separated by commas; * means all.',
    }),
  ),
}

function repeatable(setting: Setting<readonly string[]>): Setting<readonly string[]> {
  return { ...setting, problem: () => undefined }
}

export type ClientMetricsSettings = ValuesOf<typeof clientMetricsSettingTable>
type Configs = Readonly<Record<string, string>>

const table: Readonly<Record<string, Setting>> = clientMetricsSettingTable as never

export function findClientMetricsSetting(name: string): Setting | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined
}

/** The values that hold where these are set; they were checked before they were stored. */
export function clientMetricsSettings(configs: Configs): ClientMetricsSettings {
  const values = Object.entries(table).map(([name, setting]) => {
    const text = configs[name]
    const parsed = text === undefined ? undefined : parseType(setting.type, text.trim())
    return [name, parsed?.ok ? parsed.value : setting.default]
  })
  return Object.fromEntries(values)
}

/** Throws if these may not be what is set on the subscription of that name. */
export function checkClientMetricsConfigs(subscription: string, configs: Configs): void {
  if (subscription === '') throw new ProtocolError('INVALID_REQUEST', "Subscription name can't be empty")
  for (const name of Object.keys(configs)) {
    if (findClientMetricsSetting(name) !== undefined) continue
    throw new ProtocolError('INVALID_REQUEST', `Unknown client metrics configuration: ${name}`)
  }
  for (const [name, text] of Object.entries(configs)) {
    const parsed = parse(table[name]!, text)
    if (parsed.ok) continue
    const message = `Invalid value ${text} for configuration ${name}: ${parsed.problem}`
    throw new ProtocolError('INVALID_CONFIG', message)
  }
  const { 'interval.ms': intervalMs, match } = clientMetricsSettings(configs)
  if (intervalMs < minIntervalMs || intervalMs > maxIntervalMs) {
    const range = `interval must be between ${minIntervalMs} and ${maxIntervalMs} (1 hour)`
    throw new ProtocolError('INVALID_REQUEST', `Invalid value ${intervalMs} for interval.ms, ${range}`)
  }
  for (const pattern of match) {
    if (parseClientPattern(pattern) === undefined) {
      throw new ProtocolError('INVALID_CONFIG', `Illegal client matching pattern: ${pattern}`)
    }
  }
}

export interface ClientPattern {
  readonly attribute: ClientAttribute
  /** Matches values as a whole. */
  readonly pattern: RegExp
}

/** undefined: not of the form attribute=pattern. Patterns are JavaScript's, which most of Java's are too. */
export function parseClientPattern(text: string): ClientPattern | undefined {
  const [name, expression, ...rest] = text.split('=')
  if (expression === undefined || expression === '' || rest.length > 0) return undefined
  const attribute = clientAttributes.find(known => known === name!.trim())
  if (attribute === undefined) return undefined
  try {
    return { attribute, pattern: new RegExp(`^(?:${expression.trim()})$`) }
  } catch {
    return undefined
  }
}

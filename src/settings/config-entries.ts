/**
 * Settings as DescribeConfigs and CreateTopics show them: each with its value, where that comes from, and its synonyms,
 * which are all places that have a value for it, the one that counts first (KIP-226). Made from the tables alone.
 *
 * A topic's synonyms are, as in Kafka, those of the first broker setting that supplies its default: where only
 * another one is set (log.retention.hours for retention.ms), DescribeConfigs calls the value a default. CreateTopics
 * tells the source of what counts.
 */
import { type BrokerSettingName, brokerSettingTable, findBrokerSetting } from './broker-settings.ts'
import { clientMetricsSettings, clientMetricsSettingTable } from './client-metrics-settings.ts'
import { configSources, type DynamicSettings, type SettingLayer } from './dynamic-settings.ts'
import { format, parseType, type Setting, type SettingValue } from './setting.ts'
import { defaultFromBroker, type TopicOverrides } from './topic-config.ts'
import { type TopicSetting, topicSettingTable } from './topic-settings.ts'

export interface ConfigSynonym {
  readonly name: string
  readonly value: string | null
  readonly source: number
}

export interface ConfigEntry {
  readonly name: string
  readonly value: string | null
  readonly source: number
  readonly synonyms: readonly ConfigSynonym[]
  /** undefined: nobody here knows what was set, so it might be a secret. */
  readonly setting: Setting | undefined
  readonly isReadOnly: boolean
}

type Named<Value> = readonly (readonly [name: string, setting: Value])[]

const byName = <Value>(table: Readonly<Record<string, Value>>): Named<Value> =>
  Object.entries(table).sort(([a], [b]) => (a < b ? -1 : 1))

const topicTable: Named<TopicSetting> = byName<TopicSetting>(topicSettingTable).filter(
  ([, setting]) => setting.internal !== true,
)
const brokerTable: Named<Setting> = byName<Setting>(brokerSettingTable).filter(
  ([, setting]) => setting.internal !== true,
)

const clientMetricsTable: Named<Setting> = byName<Setting>(clientMetricsSettingTable as never)

/** Broker settings that say the same in other units or stand in for each other, by each of their names. */
const families: ReadonlyMap<string, readonly BrokerSettingName[]> = new Map(
  topicTable.flatMap(([, { synonyms }]) => {
    const names = synonyms.map(({ setting }) => setting)
    return names.map(name => [name, names] as const)
  }),
)

/** Every place that has a value, in order of precedence. */
function synonymsIn(layers: readonly SettingLayer[], names: readonly string[]): ConfigSynonym[] {
  const found: ConfigSynonym[] = []
  for (const { source, text } of layers) {
    for (const name of names) {
      const value = text(name) ?? null
      if (value === null) continue
      found.push({ name, value: findBrokerSetting(name)?.sensitive ? null : value, source })
    }
  }
  return found
}

function from(synonyms: readonly ConfigSynonym[], name: string): readonly ConfigSynonym[] {
  const first = synonyms.findIndex(synonym => synonym.name === name)
  return first === -1 ? [] : synonyms.slice(first)
}

/** The settings of this broker, those named or all, and what was set on it that is none. */
export function brokerEntries(settings: DynamicSettings, names?: ReadonlySet<string>): ConfigEntry[] {
  const { layers } = settings
  const values = settings.current()
  const strangers = strangersIn({ ...settings.ofAllBrokers, ...settings.ofThisBroker }, names)
  const known = chosen(brokerTable, names).map(([name, setting]) => {
    const synonyms = from(synonymsIn(layers, families.get(name) ?? [name]), name)
    return {
      name,
      value: setting.sensitive ? null : format(values[name as BrokerSettingName]),
      source: synonyms[0]?.source ?? configSources.default,
      synonyms,
      setting,
      isReadOnly: setting.dynamic === 'read-only',
    }
  })
  return [...known, ...strangers.map(name => strangerEntry(name, layers))]
}

/** Names that were set on brokers and are no settings of this one. */
function strangersIn(configs: Readonly<Record<string, string>>, names?: ReadonlySet<string>): string[] {
  const isStranger = (name: string) => findBrokerSetting(name) === undefined && names?.has(name) !== false
  return Object.keys(configs).filter(isStranger)
}

function strangerEntry(name: string, layers: readonly SettingLayer[]): ConfigEntry {
  const synonyms = synonymsIn(layers, [name]).map(synonym => ({ ...synonym, value: null }))
  const { source } = synonyms[0]!
  return { name, value: null, source, synonyms, setting: undefined, isReadOnly: true }
}

/** What is set on all brokers. */
export function allBrokersEntries(settings: DynamicSettings, names?: ReadonlySet<string>): ConfigEntry[] {
  const source = configSources.dynamicDefault
  const configs = settings.ofAllBrokers
  const known = chosen(brokerTable, names)
    .filter(([name]) => configs[name] !== undefined)
    .map(([name, setting]) => {
      const value = setting.sensitive ? null : configs[name]!
      const synonyms = [{ name, value, source }]
      return { name, value, source, synonyms, setting, isReadOnly: setting.dynamic === 'read-only' }
    })
  const layer: SettingLayer = { source, text: name => configs[name] }
  return [...known, ...strangersIn(configs, names).map(name => strangerEntry(name, [layer]))]
}

/** The configurations of a subscription of client metrics. What nobody set has no synonyms, as in Kafka. */
export function clientMetricsEntries(
  configs: Readonly<Record<string, string>>,
  names?: ReadonlySet<string>,
): ConfigEntry[] {
  const values: Readonly<Record<string, SettingValue>> = clientMetricsSettings(configs)
  return chosen(clientMetricsTable, names).map(([name, setting]) => {
    const isSet = configs[name] !== undefined
    const value = format(values[name]!)
    const source = isSet ? configSources.clientMetrics : configSources.default
    const synonyms = isSet ? [{ name, value, source }] : []
    return { name, value, source, synonyms, setting, isReadOnly: false }
  })
}

/** The configurations of a topic on which nothing is set: the same for all until a setting of the broker changes. */
export function topicDefaults(settings: DynamicSettings): ConfigEntry[] {
  const { layers } = settings
  return topicTable.map(([name, setting]) => {
    const names = brokerNamesOf(setting)
    const synonyms = names.length === 0 ? [] : from(synonymsIn(layers, names), names[0]!)
    return {
      name,
      value: setting.sensitive ? null : format(defaultFromBroker(settings.current(), setting)),
      source: synonyms[0]?.source ?? configSources.default,
      synonyms,
      setting,
      isReadOnly: false,
    }
  })
}

/** The configurations of a topic on which `overrides` are set. */
export function topicEntries(
  defaults: readonly ConfigEntry[],
  overrides: TopicOverrides,
  names?: ReadonlySet<string>,
): ConfigEntry[] {
  const wanted = names === undefined ? defaults : defaults.filter(({ name }) => names.has(name))
  return wanted.map(entry => {
    const text = overrides[entry.name]
    if (text === undefined) return entry
    const { name } = entry
    const setting = entry.setting!
    const parsed = parseType(setting.type, text.trim())
    const shown = parsed.ok ? format(parsed.value) : text
    const value = setting.sensitive ? null : shown
    const source = configSources.topic
    return { ...entry, value, source, synonyms: [{ name, value, source }, ...entry.synonyms] }
  })
}

/** The configurations of a topic that was just created, each with the source of what counts. */
export function createdTopicEntries(
  settings: DynamicSettings,
  defaults: readonly ConfigEntry[],
  overrides: TopicOverrides,
): ConfigEntry[] {
  const { layers } = settings
  return topicEntries(defaults, overrides).map(entry => {
    if (entry.source === configSources.topic) return entry
    const [counting] = synonymsIn(layers, brokerNamesOf(entry.setting as TopicSetting))
    return { ...entry, source: counting?.source ?? configSources.default }
  })
}

function brokerNamesOf({ synonyms }: TopicSetting): BrokerSettingName[] {
  return synonyms.map(({ setting }) => setting)
}

function chosen<Value>(table: Named<Value>, names: ReadonlySet<string> | undefined): Named<Value> {
  return names === undefined ? table : table.filter(([name]) => names.has(name))
}

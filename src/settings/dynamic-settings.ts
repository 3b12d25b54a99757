/**
 * The settings as they are now: those the broker was started with, and over them what was set on all brokers and on
 * this one while they ran (KIP-226). The catalogue keeps what was set, so it holds over the file after a restart too.
 *
 * `current()` is one frozen object until something changes; who needs live values asks for it each time, or listens.
 * Texts were checked before they were stored; one that is no longer understood, or whose setting can no longer change
 * while the broker runs, is passed over.
 */
import { type BrokerSettings, brokerSettings, findBrokerSetting } from './broker-settings.ts'
import { conflictsOf } from './conflicts.ts'
import { allBrokers, type BrokerConfigs } from './dynamic-configs.ts'
import type { SettingProblem } from './listeners.ts'
import { format, parse, type SettingValue } from './setting.ts'

/** Where a value comes from, as DescribeConfigs numbers it. */
export const configSources = {
  topic: 1,
  dynamicBroker: 2,
  dynamicDefault: 3,
  staticBroker: 4,
  default: 5,
  brokerLogger: 6,
  clientMetrics: 7,
} as const

/** One place where settings stand, as texts. The layers of a broker are in order of precedence. */
export interface SettingLayer {
  readonly source: number
  /** undefined or null: not set there. */
  text(name: string): string | null | undefined
}

/** What was set before the start, as it was written. */
export type StaticConfigs = ReadonlyMap<string, { readonly text: string }>

type Configs = Readonly<Record<string, string>>
type Listener = (settings: BrokerSettings) => void

export class DynamicSettings {
  readonly nodeId: number
  private readonly atStart: BrokerSettings
  private readonly given: StaticConfigs
  private readonly listeners: Listener[] = []
  private brokerConfigs: BrokerConfigs = new Map()
  private settings: BrokerSettings

  /** Without `given`, what differs from the defaults counts as set. */
  constructor(atStart: BrokerSettings, given: StaticConfigs = differencesOf(atStart)) {
    this.nodeId = atStart['node.id']
    this.atStart = atStart
    this.given = given
    this.settings = atStart
  }

  current(): BrokerSettings {
    return this.settings
  }

  onChange(listener: Listener): void {
    this.listeners.push(listener)
  }

  /** Makes what is set on brokers hold. */
  apply(brokerConfigs: BrokerConfigs): void {
    if (brokerConfigs === this.brokerConfigs) return
    this.brokerConfigs = brokerConfigs
    this.settings = this.with(brokerConfigs)
    for (const listener of this.listeners) listener(this.settings)
  }

  /** What would hold if this were set on brokers. What contradicts the rest, after a start with another file, does not. */
  with(brokerConfigs: BrokerConfigs): BrokerSettings {
    const values = this.merged(brokerConfigs)
    const conflicts = conflictsOf(values)
    if (conflicts.length === 0) return values
    const kept = conflicts.map(({ name }) => [name, this.atStart[name]])
    return Object.freeze({ ...values, ...Object.fromEntries(kept) })
  }

  /** What would be contradictory if this were set on brokers. */
  conflictIn(brokerConfigs: BrokerConfigs): SettingProblem | undefined {
    return conflictsOf(this.merged(brokerConfigs))[0]
  }

  private merged(brokerConfigs: BrokerConfigs): BrokerSettings {
    const values: Record<string, SettingValue> = { ...this.atStart }
    for (const layer of [allBrokers, String(this.nodeId)]) {
      for (const [name, text] of Object.entries(brokerConfigs.get(layer) ?? {})) {
        const setting = findBrokerSetting(name)
        if (setting === undefined || setting.dynamic === 'read-only') continue
        const parsed = parse<SettingValue>(setting, text)
        if (parsed.ok) values[name] = parsed.value
      }
    }
    return Object.freeze(values) as BrokerSettings
  }

  /** What is set on all brokers. */
  get ofAllBrokers(): Configs {
    return this.brokerConfigs.get(allBrokers) ?? {}
  }

  /** What is set on this broker. */
  get ofThisBroker(): Configs {
    return this.brokerConfigs.get(String(this.nodeId)) ?? {}
  }

  /** Where this broker's settings stand, the first that has one counting. */
  get layers(): readonly SettingLayer[] {
    const { ofAllBrokers, ofThisBroker } = this
    return [
      { source: configSources.dynamicBroker, text: name => ofThisBroker[name] },
      { source: configSources.dynamicDefault, text: name => ofAllBrokers[name] },
      { source: configSources.staticBroker, text: name => this.given.get(name)?.text.trim() },
      { source: configSources.default, text: name => format(findBrokerSetting(name)?.default ?? null) },
    ]
  }
}

function differencesOf(settings: BrokerSettings): StaticConfigs {
  const defaults: Readonly<Record<string, SettingValue>> = brokerSettings()
  const given = new Map<string, { text: string }>()
  for (const [name, value] of Object.entries(settings)) {
    const text = format(value)
    if (text !== null && text !== format(defaults[name]!)) given.set(name, { text })
  }
  return given
}

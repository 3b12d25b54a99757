/** The configuration of a topic as CreateTopics shows it: every entry, its value, and where that comes from. */
import type { BrokerSettings } from '../settings/broker-settings.ts'
import { format, type SettingValue } from '../settings/setting.ts'
import { defaultFromBroker, type TopicOverrides } from '../settings/topic-config.ts'
import { type TopicSetting, topicSettingTable } from '../settings/topic-settings.ts'

/** Kafka's DescribeConfigs numbers the sources of a value. */
export const configSource = { topic: 1, staticBroker: 4, default: 5 } as const

export interface TopicConfigEntry {
  readonly name: string
  readonly value: string | null
  readonly configSource: number
}

/** All entries by name, sorted. */
export function topicConfigEntries(settings: BrokerSettings, overrides: TopicOverrides): TopicConfigEntry[] {
  const entries: TopicConfigEntry[] = []
  for (const [name, setting] of Object.entries(topicSettingTable) as [string, TopicSetting<SettingValue>][]) {
    if (setting.internal) continue
    const override = overrides[name]
    if (override !== undefined) {
      entries.push({ name, value: override, configSource: configSource.topic })
      continue
    }
    const value = format(defaultFromBroker(settings, setting))
    const isDefault = value === format(setting.default)
    entries.push({ name, value, configSource: isDefault ? configSource.default : configSource.staticBroker })
  }
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1))
}

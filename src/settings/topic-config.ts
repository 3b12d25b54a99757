/**
 * A topic's configuration as the storage engine uses it: what is set on the topic over what the broker's settings
 * supply, typed and frozen, with units last. -1 keeps its meaning of "no bound" in `retentionMs` and
 * `retentionBytes`; Infinity is Long.MAX_VALUE (see setting.ts).
 */
import { type BrokerSettings, brokerSettings } from './broker-settings.ts'
import type { BrokerConfigs } from './dynamic-configs.ts'
import type { DynamicSettings } from './dynamic-settings.ts'
import { format, parse, parseType, type SettingValue } from './setting.ts'
import {
  findTopicSetting,
  type Synonym,
  type TopicSetting,
  type TopicSettingValues,
  topicSettingTable,
} from './topic-settings.ts'

export interface TopicConfig {
  readonly segmentBytes: number
  readonly segmentMs: number
  readonly segmentJitterMs: number
  readonly segmentIndexBytes: number
  readonly indexIntervalBytes: number
  /** -1: for ever. */
  readonly retentionMs: number
  /** -1: no bound. */
  readonly retentionBytes: number
  readonly maxMessageBytes: number
  readonly cleanupPolicy: { readonly delete: boolean; readonly compact: boolean }
  readonly compressionType: TopicSettingValues['compression.type']
  readonly messageTimestampType: TopicSettingValues['message.timestamp.type']
  readonly messageTimestampBeforeMaxMs: number
  readonly messageTimestampAfterMaxMs: number
  readonly minInsyncReplicas: number
  readonly flushMessages: number
  readonly flushMs: number
  readonly fileDeleteDelayMs: number
  readonly deleteRetentionMs: number
  readonly minCompactionLagMs: number
  readonly maxCompactionLagMs: number
  readonly minCleanableDirtyRatio: number
  /** acks=all is answered from the page cache; the high watermark does not wait for the disk. */
  readonly writeCaching: boolean
}

/** What is set on a topic, in Kafka's names. */
export type TopicOverrides = Readonly<Record<string, string>>

/** Given what is set on brokers, the configuration of a topic on which `overrides` are set. */
export type TopicConfigResolver = (brokerConfigs: BrokerConfigs) => (overrides: TopicOverrides) => TopicConfig

function synonymValue(settings: BrokerSettings, { setting, perUnitMs }: Synonym): SettingValue {
  const value = settings[setting]
  if (typeof value !== 'number') return value
  // Any negative retention means "for ever", in every unit.
  return value < 0 ? -1 : value * (perUnitMs ?? 1)
}

/** The value that the broker's settings supply to a topic configuration. */
export function defaultFromBroker(settings: BrokerSettings, setting: TopicSetting): SettingValue {
  for (const synonym of setting.synonyms) {
    const value = synonymValue(settings, synonym)
    if (value !== null) return value
  }
  return setting.default
}

/**
 * All values of a topic. Overrides were checked before they were stored, so ranges are not checked again: the
 * broker's own topics may use what clients may not. One that is not even of its type leaves the default.
 */
export function topicSettingValues(
  settings: BrokerSettings,
  overrides: TopicOverrides = {},
): TopicSettingValues {
  const values = Object.entries(topicSettingTable).map(([name, setting]) => {
    const text = overrides[name]
    const parsed = text === undefined ? undefined : parseType(setting.type, text.trim())
    return [name, parsed?.ok ? parsed.value : defaultFromBroker(settings, setting)]
  })
  return Object.fromEntries(values) as TopicSettingValues
}

export function effectiveTopicConfig(settings: BrokerSettings, overrides: TopicOverrides = {}): TopicConfig {
  const values = topicSettingValues(settings, overrides)
  const policy = values['cleanup.policy']
  return Object.freeze({
    segmentBytes: values['internal.segment.bytes'] ?? values['segment.bytes'],
    segmentMs: values['segment.ms'],
    segmentJitterMs: values['segment.jitter.ms'],
    segmentIndexBytes: values['segment.index.bytes'],
    indexIntervalBytes: values['index.interval.bytes'],
    retentionMs: values['retention.ms'],
    retentionBytes: values['retention.bytes'],
    maxMessageBytes: values['max.message.bytes'],
    cleanupPolicy: Object.freeze({ delete: policy.includes('delete'), compact: policy.includes('compact') }),
    compressionType: values['compression.type'],
    messageTimestampType: values['message.timestamp.type'],
    messageTimestampBeforeMaxMs: values['message.timestamp.before.max.ms'],
    messageTimestampAfterMaxMs: values['message.timestamp.after.max.ms'],
    minInsyncReplicas: values['min.insync.replicas'],
    flushMessages: values['flush.messages'],
    flushMs: values['flush.ms'],
    fileDeleteDelayMs: values['file.delete.delay.ms'],
    deleteRetentionMs: values['delete.retention.ms'],
    minCompactionLagMs: values['min.compaction.lag.ms'],
    maxCompactionLagMs: values['max.compaction.lag.ms'],
    minCleanableDirtyRatio: values['min.cleanable.dirty.ratio'],
    writeCaching: values['write.caching'],
  })
}

/** The configurations of topics while the broker's settings may change. */
export function liveTopicConfigs(settings: DynamicSettings): TopicConfigResolver {
  return brokerConfigs => {
    const holding = settings.with(brokerConfigs)
    return overrides => effectiveTopicConfig(holding, overrides)
  }
}

/**
 * What is wrong with the configurations of a topic, in Kafka's words and for INVALID_CONFIG, or undefined. A null
 * value is wrong in CreateTopics; AlterConfigs takes nulls out (they mean "back to the default") before it asks.
 */
export function validateTopicConfigs(
  configs: Readonly<Record<string, string | null>>,
  settings: BrokerSettings = brokerSettings(),
): string | undefined {
  for (const [name, text] of Object.entries(configs)) {
    const setting = findTopicSetting(name)
    if (setting === undefined) return `Unknown topic config name: ${name}`
    if (text === null) return `Null value not supported for topic configs: ${name}`
    const parsed = parse(setting, text)
    if (!parsed.ok) return `Invalid value ${text} for configuration ${name}: ${parsed.problem}`
  }
  const values = topicSettingValues(settings, configs as TopicOverrides)
  const minLag = values['min.compaction.lag.ms']
  const maxLag = values['max.compaction.lag.ms']
  if (minLag <= maxLag) return undefined
  return (
    `conflict topic config setting min.compaction.lag.ms (${format(minLag)}) > ` +
    `max.compaction.lag.ms (${format(maxLag)})`
  )
}

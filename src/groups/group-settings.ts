/** The broker's settings that groups live by, under the names that their rules use. */
import type { BrokerSettings } from '../settings/broker-settings.ts'
import type { GroupSettings } from './group-events.ts'

export function groupSettings(settings: BrokerSettings): GroupSettings {
  return {
    initialRebalanceDelayMs: settings['group.initial.rebalance.delay.ms'],
    minSessionTimeoutMs: settings['group.min.session.timeout.ms'],
    maxSessionTimeoutMs: settings['group.max.session.timeout.ms'],
    maxGroupSize: settings['group.max.size'],
    maxOffsetMetadataSize: settings['offset.metadata.max.bytes'],
    offsetsRetentionMs: settings['offsets.retention.minutes'] * 60_000,
    offsetsRetentionCheckIntervalMs: settings['offsets.retention.check.interval.ms'],
  }
}

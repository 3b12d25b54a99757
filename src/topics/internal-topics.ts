/**
 * How the broker's own topics are created: as Kafka does, because their records are in its formats and
 * its tools read them. A topic whose coordinator does not exist yet is not in here.
 */
import type { BrokerSettings } from '../settings/broker-settings.ts'
import { groupMetadataTopic } from '../storage/internal-topic-names.ts'

export interface TopicSpecification {
  readonly partitionCount: number
  readonly configs: Readonly<Record<string, string>>
}

export function internalTopicSpecification(
  name: string,
  settings: BrokerSettings,
): TopicSpecification | undefined {
  if (name !== groupMetadataTopic) return undefined
  return {
    partitionCount: settings['offsets.topic.num.partitions'],
    configs: {
      'cleanup.policy': 'compact',
      'compression.type': 'producer',
      'segment.bytes': String(settings['offsets.topic.segment.bytes']),
    },
  }
}

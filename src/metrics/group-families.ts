/**
 * Consumer groups: by state (Kafka's GroupMetadataManager), and how far each is behind, which of Kafka's own metrics
 * only the consumer's say: names of kafka_exporter. Lag is counted from the high watermark, as it counts.
 */
import { type Family, gauge, gauges } from './family.ts'
import type { Scrape } from './scrape.ts'
import type { GroupCounts } from './sources.ts'

interface Position {
  readonly consumergroup: string
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly lag: number
}

/** Committed offsets whose partition is there. */
function* positions({ sources, logsByTopic }: Scrape): Generator<Position, undefined> {
  for (const { groupId: consumergroup, offsets } of sources.groups()) {
    for (const { topic, partition, offset } of offsets) {
      const log = logsByTopic.get(topic)?.[partition]
      if (log === undefined) continue
      yield { consumergroup, topic, partition, offset, lag: Math.max(0, log.highWatermark - offset) }
    }
  }
}

export function groupFamilies(): Family[] {
  return [...countFamilies(), ...lagFamilies()]
}

function countFamilies(): Family[] {
  const prefix = 'kafka_coordinator_group_groupmetadatamanager'
  const groups = (name: string, help: string, read: (groups: GroupCounts['groups']) => number): Family =>
    gauge(`${prefix}_numgroups${name}`, help, scrape => read(scrape.groups.groups))
  return [
    groups('', 'Consumer groups.', counts => {
      return counts.Empty + counts.PreparingRebalance + counts.CompletingRebalance + counts.Stable
    }),
    groups('empty', 'Groups without members.', counts => counts.Empty),
    groups('preparingrebalance', 'Groups waiting for members to join.', counts => counts.PreparingRebalance),
    groups('completingrebalance', 'Groups waiting for the assignment.', counts => counts.CompletingRebalance),
    groups('stable', 'Groups whose members have their assignment.', counts => counts.Stable),
    groups('dead', 'Groups on their way out: none, they go at once.', () => 0),
    gauge(`${prefix}_numoffsets`, 'Committed offsets.', scrape => scrape.groups.committedOffsets),
  ]
}

function lagFamilies(): Family[] {
  const prefix = 'kafka_consumergroup'
  const each = (name: string, help: string, read: (position: Position) => number): Family =>
    gauges(`${prefix}_${name}`, help, function* (scrape) {
      if (!scrape.showsOffsets) return
      for (const position of positions(scrape)) {
        const { consumergroup, topic, partition } = position
        yield { labels: { consumergroup, topic, partition }, value: read(position) }
      }
    })
  const sums = (name: string, help: string, read: (position: Position) => number): Family =>
    gauges(`${prefix}_${name}_sum`, help, function* (scrape) {
      let labels = { consumergroup: '', topic: '' }
      let value = 0
      let count = 0
      for (const position of positions(scrape)) {
        // A group's offsets come topic by topic.
        const { consumergroup, topic } = position
        if (consumergroup !== labels.consumergroup || topic !== labels.topic) {
          if (count > 0) yield { labels, value }
          labels = { consumergroup, topic }
          value = 0
          count = 0
        }
        value += read(position)
        count++
      }
      if (count > 0) yield { labels, value }
    })
  return [
    gauges(`${prefix}_members`, 'Members of a group.', function* ({ sources }) {
      for (const { groupId, memberCount } of sources.groups()) {
        yield { labels: { consumergroup: groupId }, value: memberCount }
      }
    }),
    each('current_offset', 'Offset that a group has committed for a partition.', ({ offset }) => offset),
    each('lag', 'Records that a group is behind in a partition.', ({ lag }) => lag),
    sums('current_offset', 'Committed offsets of a topic, added up.', ({ offset }) => offset),
    sums('lag', 'Records that a group is behind in a topic.', ({ lag }) => lag),
    gauge(
      'ottla_offsets_without_series',
      'Committed offsets that get no series of their own because they are too many.',
      ({ groups, showsOffsets }) => (showsOffsets ? 0 : groups.committedOffsets),
    ),
  ]
}

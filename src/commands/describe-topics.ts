/**
 * `ottla topic describe`: partitions with leader, replicas, offsets and size, and the configurations that differ from
 * Kafka's defaults. What a broker does not serve (sizes, configurations) is left out.
 */
import type { ClusterClient } from '../client/cluster-client.ts'
import { type OffsetRange, offsetRanges } from '../client/partition-offsets.ts'
import { type DescribedConfig, replicaSizes, topicConfigs } from '../client/topic-admin.ts'
import { allTopics, type PartitionView, type TopicView, topicsByName } from '../client/topic-metadata.ts'
import { partitionName, type TopicPartition } from '../client/topic-partitions.ts'
import { type ClientFlags, ifServed } from './command-line.ts'
import { facts, printJson, printLine, readableSize, table } from './output.ts'

interface Found {
  readonly ranges: ReadonlyMap<string, OffsetRange>
  /** undefined: the broker does not tell. */
  readonly sizes: ReadonlyMap<number, ReadonlyMap<string, number>> | undefined
  readonly configs: ReadonlyMap<string, readonly DescribedConfig[]> | undefined
}

export async function describe(
  client: ClusterClient,
  names: readonly string[],
  flags: ClientFlags,
): Promise<void> {
  const topics =
    names.length === 0 ? await allTopics(client) : await topicsByName(client, [...new Set(names)])
  const partitions: (TopicPartition & { leader: number })[] = topics.flatMap(({ name, partitions }) =>
    partitions.map(({ partition, leader }) => ({ topic: name, partition, leader })),
  )
  const [ranges, sizes, configs] = await Promise.all([
    // A partition without a leader has nobody to ask.
    offsetRanges(
      client,
      partitions.filter(({ leader }) => leader >= 0),
    ),
    ifServed(replicaSizes(client, partitions)),
    ifServed(
      topicConfigs(
        client,
        topics.map(({ name }) => name),
      ),
    ),
  ])
  const found = { ranges, sizes, configs }
  if (flags.json) return printJson(topics.map(topic => asJson(topic, found)))
  await printLine(topics.map(topic => asText(topic, found)).join('\n\n'))
}

/** What the topic, its broker or its cluster set to other than the default. */
function differing(topic: TopicView, { configs }: Found): readonly DescribedConfig[] | undefined {
  return configs?.get(topic.name)?.filter(({ source }) => source !== 'DEFAULT_CONFIG')
}

function sizeOf(
  topic: TopicView,
  { partition, leader }: PartitionView,
  { sizes }: Found,
): number | undefined {
  return sizes?.get(leader)?.get(partitionName({ topic: topic.name, partition }))
}

function totalSize(topic: TopicView, { sizes }: Found): number | undefined {
  if (sizes === undefined) return undefined
  let sum = 0
  for (const { partition } of topic.partitions) {
    const name = partitionName({ topic: topic.name, partition })
    for (const onBroker of sizes.values()) sum += onBroker.get(name) ?? 0
  }
  return sum
}

function asJson(topic: TopicView, found: Found): unknown {
  return {
    name: topic.name,
    topicId: topic.topicId,
    isInternal: topic.isInternal,
    sizeBytes: totalSize(topic, found) ?? null,
    configs: differing(topic, found) ?? null,
    partitions: topic.partitions.map(partition => {
      const range = found.ranges.get(partitionName({ topic: topic.name, partition: partition.partition }))
      const { leader, leaderEpoch, replicas, isr, offlineReplicas } = partition
      return {
        partition: partition.partition,
        leader,
        leaderEpoch,
        replicas,
        isr,
        offlineReplicas,
        firstOffset: range?.earliest ?? null,
        nextOffset: range?.latest ?? null,
        sizeBytes: sizeOf(topic, partition, found) ?? null,
      }
    }),
  }
}

function asText(topic: TopicView, found: Found): string {
  const configs = differing(topic, found)
  const head = facts([
    ['Topic', topic.name],
    ['Id', topic.topicId],
    ['Partitions', topic.partitions.length],
    ['Size', readableSize(totalSize(topic, found))],
    ...(topic.isInternal ? [['Internal', 'yes'] as const] : []),
    ...(configs ?? []).map(
      ({ name, value, source }, index) =>
        [index === 0 ? 'Configs' : '', `${name}=${value ?? '(hidden)'}${sourceRemark(source)}`] as const,
    ),
  ])
  const rows = topic.partitions.map(partition => {
    const range = found.ranges.get(partitionName({ topic: topic.name, partition: partition.partition }))
    return [
      partition.partition,
      partition.leader < 0 ? undefined : partition.leader,
      partition.replicas.join(','),
      partition.isr.join(','),
      range?.earliest,
      range?.latest,
      readableSize(sizeOf(topic, partition, found)),
    ]
  })
  const headings = ['PARTITION', 'LEADER', 'REPLICAS', 'ISR', 'FIRST-OFFSET', 'NEXT-OFFSET', 'SIZE']
  return `${head}\n\n${table(headings, rows)}`
}

function sourceRemark(source: DescribedConfig['source']): string {
  if (source === 'DYNAMIC_TOPIC_CONFIG') return ''
  return source === 'STATIC_BROKER_CONFIG'
    ? " (broker's file)"
    : ` (${source.toLowerCase().replaceAll('_', ' ')})`
}

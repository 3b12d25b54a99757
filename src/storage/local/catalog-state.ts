/**
 * What replaying `__cluster_metadata` gives, and nothing else: the records of a change are applied to it as
 * those of the log are at a start. `publish` makes the next immutable snapshot out of the previous one, in
 * which everything that has stayed the same is the same object.
 */
import { isDeepStrictEqual } from 'node:util'
import type { TopicConfig, TopicConfigResolver } from '../../settings/topic-config.ts'
import { isInternalTopicName } from '../internal-topic-names.ts'
import {
  type CatalogEvent,
  type CatalogPartition,
  type CatalogSnapshot,
  type CatalogTopic,
  type ConfigResource,
  emptySnapshot,
} from '../topic-catalog.ts'
import { assignedDirectory } from './directory-identity.ts'
import type { MetadataRecord } from './metadata-frame.ts'

type Configs = Readonly<Record<string, string>>

/** How Kafka numbers what configurations are set on, where we keep them. */
export const configResourceIds = { topic: 2, broker: 4, 'client-metrics': 16 } as const

const noConfigs: Configs = {}
const maxSharedConfigs = 1000

export interface TopicState {
  readonly name: string
  readonly id: string
  readonly leaderEpochs: number[]
  /** Of each partition the id of the log directory that it lives in; undefined: it has not got one yet. */
  readonly directoryIds: (string | undefined)[]
  overrides: Configs
}

export class CatalogState {
  readonly topicsById = new Map<string, TopicState>()
  readonly topicsByName = new Map<string, TopicState>()
  nextProducerId = 0
  /** How many partitions live in each log directory, by its id. */
  readonly partitionCounts = new Map<string, number>()
  private readonly brokerConfigs = new Map<string, Configs>()
  private readonly clientMetricsConfigs = new Map<string, Configs>()
  private featureLevels = emptySnapshot.featureLevels
  private readonly resolver: TopicConfigResolver
  private resolveConfig: (overrides: Configs) => TopicConfig
  /** Configurations by what is set on a topic, and what was instead before: most topics share one. */
  private readonly configs = new Map<string, { before: TopicConfig | undefined; config: TopicConfig }>()
  /** Ids of the topics that records were about since the last snapshot, and whether other configurations were. */
  private touchedIds = new Set<string>()
  private touchedBrokers = false
  private touchedClientMetrics = false

  constructor(resolver: TopicConfigResolver) {
    this.resolver = resolver
    this.resolveConfig = resolver(new Map())
  }

  replay(record: MetadataRecord): void {
    switch (record.type) {
      case 'TopicRecord': {
        const { name, topicId: id } = record.value
        const topic: TopicState = { name, id, leaderEpochs: [], directoryIds: [], overrides: noConfigs }
        this.topicsById.set(id, topic)
        this.topicsByName.set(name, topic)
        this.touchedIds.add(id)
        break
      }
      case 'PartitionRecord': {
        const { topicId, partitionId, leaderEpoch, directories } = record.value
        const topic = this.topicsById.get(topicId)
        if (topic === undefined) break
        topic.leaderEpochs[partitionId] = leaderEpoch
        this.assign(topic, partitionId, assignedDirectory(directories))
        this.touchedIds.add(topicId)
        break
      }
      case 'PartitionChangeRecord': {
        const { topicId, partitionId, directories } = record.value
        const topic = this.topicsById.get(topicId)
        if (topic === undefined || directories === null) break
        // Where it lives is not in the snapshots: it concerns nobody but this engine.
        this.assign(topic, partitionId, assignedDirectory(directories))
        break
      }
      case 'ConfigRecord': {
        const { resourceType, resourceName, name, value } = record.value
        if (resourceType === configResourceIds.topic) {
          const topic = this.topicsByName.get(resourceName)
          if (topic === undefined) break
          topic.overrides = withConfig(topic.overrides, name, value)
          this.touchedIds.add(topic.id)
        } else if (resourceType === configResourceIds.broker) {
          const configs = withConfig(this.brokerConfigs.get(resourceName) ?? noConfigs, name, value)
          this.brokerConfigs.set(resourceName, configs)
          this.touchedBrokers = true
        } else if (resourceType === configResourceIds['client-metrics']) {
          const configs = withConfig(this.clientMetricsConfigs.get(resourceName) ?? noConfigs, name, value)
          if (Object.keys(configs).length === 0) this.clientMetricsConfigs.delete(resourceName)
          else this.clientMetricsConfigs.set(resourceName, configs)
          this.touchedClientMetrics = true
        }
        break
      }
      case 'RemoveTopicRecord': {
        // Its configurations go with it: they are kept by name, and the name is free again.
        const { topicId } = record.value
        const topic = this.topicsById.get(topicId)
        if (topic !== undefined) {
          this.topicsByName.delete(topic.name)
          for (const index of topic.directoryIds.keys()) this.assign(topic, index, undefined)
        }
        this.topicsById.delete(topicId)
        this.touchedIds.add(topicId)
        break
      }
      case 'ProducerIdsRecord':
        this.nextProducerId = Number(record.value.nextProducerId)
        break
      case 'FeatureLevelRecord': {
        const { name, featureLevel } = record.value
        const { levels, epoch } = this.featureLevels
        this.featureLevels = { levels: new Map([...levels, [name, featureLevel]]), epoch: epoch + 1 }
        break
      }
    }
  }

  private assign(topic: TopicState, index: number, directoryId: string | undefined): void {
    const before = topic.directoryIds[index]
    if (before !== undefined) this.partitionCounts.set(before, this.partitionCounts.get(before)! - 1)
    if (directoryId !== undefined) {
      this.partitionCounts.set(directoryId, (this.partitionCounts.get(directoryId) ?? 0) + 1)
    }
    topic.directoryIds[index] = directoryId
  }

  /** What is set on a resource; undefined: there is no such topic. */
  configsOf({ type, name }: ConfigResource): Configs | undefined {
    if (type === 'topic') return this.topicsByName.get(name)?.overrides
    const configs = type === 'broker' ? this.brokerConfigs : this.clientMetricsConfigs
    return configs.get(name) ?? noConfigs
  }

  /** Topics that records were about and that are no more: what is left of their directories may go. */
  removedIds(): ReadonlySet<string> {
    return new Set([...this.touchedIds].filter(id => !this.topicsById.has(id)))
  }

  /** The next snapshot, and what is different in it; undefined: nothing. */
  publish(previous: CatalogSnapshot): CatalogEvent | undefined {
    const { touchedIds, touchedBrokers, touchedClientMetrics, featureLevels } = this
    const isOther = touchedBrokers || touchedClientMetrics || featureLevels !== previous.featureLevels
    if (touchedIds.size === 0 && !isOther) return undefined
    this.touchedIds = new Set()
    this.touchedBrokers = false
    this.touchedClientMetrics = false
    const clientMetricsConfigs = touchedClientMetrics
      ? new Map(this.clientMetricsConfigs)
      : previous.clientMetricsConfigs
    let { brokerConfigs } = previous
    if (touchedBrokers) {
      brokerConfigs = new Map(
        [...this.brokerConfigs].filter(([, configs]) => Object.keys(configs).length > 0),
      )
      this.resolveConfig = this.resolver(brokerConfigs)
      this.configs.clear()
      // Any topic may have a default from there.
      for (const id of this.topicsById.keys()) touchedIds.add(id)
    }

    const topics = new Map(previous.topics)
    const topicsById = new Map(previous.topicsById)
    const created: CatalogTopic[] = []
    const deleted: CatalogTopic[] = []
    const changed: CatalogTopic[] = []
    for (const id of touchedIds) {
      const before = previous.topicsById.get(id)
      const state = this.topicsById.get(id)
      if (state === undefined) {
        if (before === undefined) continue
        topicsById.delete(id)
        if (topics.get(before.name) === before) topics.delete(before.name)
        deleted.push(before)
        continue
      }
      const topic = this.topicOf(state, before)
      if (topic === before) continue
      topics.set(topic.name, topic)
      topicsById.set(id, topic)
      if (before === undefined) created.push(topic)
      else changed.push(topic)
    }
    const snapshot = { topics, topicsById, brokerConfigs, clientMetricsConfigs, featureLevels }
    return { snapshot, created, deleted, changed }
  }

  private topicOf(state: TopicState, before: CatalogTopic | undefined): CatalogTopic {
    const partitions =
      before?.partitions.length === state.leaderEpochs.length
        ? before.partitions
        : partitionsOf(state, before)
    const { name, id, overrides } = state
    const config = this.configOf(overrides, before?.config)
    if (
      before !== undefined &&
      partitions === before.partitions &&
      overrides === before.overrides &&
      config === before.config
    ) {
      return before
    }
    return { name, id, isInternal: isInternalTopicName(name), partitions, overrides, config }
  }

  private configOf(overrides: Configs, before: TopicConfig | undefined): TopicConfig {
    const key = JSON.stringify(overrides)
    let shared = this.configs.get(key)
    if (shared === undefined) {
      shared = { before, config: sameOr(before, this.resolveConfig(overrides)) }
      if (this.configs.size === maxSharedConfigs) this.configs.clear()
      this.configs.set(key, shared)
    }
    return before === undefined || before === shared.before ? shared.config : sameOr(before, shared.config)
  }
}

function partitionsOf(state: TopicState, before: CatalogTopic | undefined): readonly CatalogPartition[] {
  return state.leaderEpochs.map(
    (leaderEpoch, index) =>
      before?.partitions[index] ?? { topicId: state.id, topic: state.name, index, leaderEpoch },
  )
}

function withConfig(configs: Configs, name: string, value: string | null): Configs {
  const { [name]: _, ...others } = configs
  return value === null ? others : { ...others, [name]: value }
}

function sameOr<Value>(before: Value | undefined, now: Value): Value {
  return before !== undefined && isDeepStrictEqual(before, now) ? before : now
}

/**
 * What topics there are, with their configurations. A change that was asked for and not answered may have been made
 * or not; which of both shows at the next start.
 */
import type { BrokerSettings } from '../../settings/broker-settings.ts'
import { effectiveTopicConfig, type TopicConfig } from '../../settings/topic-config.ts'
import type { CatalogChange, CatalogSnapshot } from '../../storage/topic-catalog.ts'
import { PartitionModel } from './partition-model.ts'
import { expect } from './violation.ts'

export interface TopicModel {
  readonly name: string
  readonly id: string
  partitions: PartitionModel[]
  overrides: Readonly<Record<string, string>>
  config: TopicConfig
  /** Those that may have held since the partitions were looked at last. */
  recentConfigs: TopicConfig[]
}

/** A topic as far as a change says it. */
interface Outline {
  readonly id: string | undefined
  readonly partitionCount: number
  readonly overrides: Readonly<Record<string, string>>
}

export class CatalogModel {
  topics = new Map<string, TopicModel>()
  /** The change that is under way, or whose failure does not say whether it was made. */
  open: CatalogChange | undefined
  producerIdsBelow = 0
  private readonly settings: BrokerSettings

  constructor(settings: BrokerSettings) {
    this.settings = settings
  }

  *partitions(): Iterable<PartitionModel> {
    for (const topic of this.topics.values()) yield* topic.partitions
  }

  topicOf(partition: PartitionModel): TopicModel {
    return this.topics.get(partition.partition.topic)!
  }

  find(id: string): TopicModel | undefined {
    for (const topic of this.topics.values()) if (topic.id === id) return topic
    return undefined
  }

  /** Configurations of a topic that hold or may hold in a moment. */
  possibleConfigs(topic: TopicModel): TopicConfig[] {
    if (this.open?.type !== 'alter-configs') return topic.recentConfigs
    const altered = alteredBy(this.open, topic.name, topic.overrides)
    return altered === undefined ? topic.recentConfigs : [...topic.recentConfigs, this.configOf(altered)]
  }

  mayBeGone(topic: TopicModel): boolean {
    return this.open?.type === 'delete-topic' && this.open.id === topic.id
  }

  private configOf(overrides: Readonly<Record<string, string>>): TopicConfig {
    return effectiveTopicConfig(this.settings, overrides)
  }

  /** Takes over what the engine says after a change or a start: exactly what was promised, or that and the open change. */
  adopt(snapshot: CatalogSnapshot, mayBeMade: boolean, isMade: boolean): void {
    const before = this.outlines()
    const after = mayBeMade && this.open !== undefined ? this.outlineAfter(before, this.open) : before
    const found = new Map<string, Outline>()
    for (const { name, id, partitions, overrides } of snapshot.topics.values())
      found.set(name, { id, partitionCount: partitions.length, overrides })
    const isRight = isSame(found, after) || (!isMade && isSame(found, before))
    expect(isRight, 'topic gone', () => {
      return `the catalogue has ${describe(found)}, and was promised as ${describe(before)}, or as ${describe(after)}`
    })
    const topics = new Map<string, TopicModel>()
    for (const { name, id, partitions, overrides } of snapshot.topics.values()) {
      const known = this.topics.get(name)
      const topic = known?.id === id ? known : undefined
      const config = this.configOf(overrides)
      topics.set(name, {
        name,
        id,
        overrides,
        config,
        recentConfigs: [...(topic?.recentConfigs ?? []), config],
        partitions: partitions.map((partition, i) => {
          const earlier = topic?.partitions[i]
          if (earlier === undefined) return new PartitionModel(partition)
          ;(earlier as { partition: typeof partition }).partition = partition
          return earlier
        }),
      })
    }
    this.topics = topics
    this.open = undefined
  }

  private outlines(): Map<string, Outline> {
    const outlines = new Map<string, Outline>()
    for (const { name, id, partitions, overrides } of this.topics.values())
      outlines.set(name, { id, partitionCount: partitions.length, overrides })
    return outlines
  }

  private outlineAfter(before: ReadonlyMap<string, Outline>, change: CatalogChange): Map<string, Outline> {
    const after = new Map(before)
    if (change.type === 'create-topic') {
      const { name, partitionCount, configs } = change
      after.set(name, { id: undefined, partitionCount, overrides: configs })
    } else if (change.type === 'alter-configs') {
      for (const [name, outline] of before) {
        const overrides = alteredBy(change, name, outline.overrides)
        if (overrides !== undefined) after.set(name, { ...outline, overrides })
      }
    } else if (change.type !== 'set-feature-levels') {
      const { name } = this.find(change.id)!
      if (change.type === 'delete-topic') after.delete(name)
      else after.set(name, { ...before.get(name)!, partitionCount: change.partitionCount })
    }
    return after
  }
}

function alteredBy(
  change: Extract<CatalogChange, { type: 'alter-configs' }>,
  name: string,
  overrides: Readonly<Record<string, string>>,
): Record<string, string> | undefined {
  const alteration = change.alterations.find(({ resource }) => resource.name === name)
  if (alteration === undefined) return undefined
  const altered = { ...overrides }
  for (const [key, value] of Object.entries(alteration.configs)) {
    if (value === null) delete altered[key]
    else altered[key] = value
  }
  return altered
}

function isSame(found: ReadonlyMap<string, Outline>, wanted: ReadonlyMap<string, Outline>): boolean {
  if (found.size !== wanted.size) return false
  for (const [name, topic] of wanted) {
    const other = found.get(name)
    if (other === undefined || other.partitionCount !== topic.partitionCount) return false
    if (topic.id !== undefined && other.id !== topic.id) return false
    const names = Object.keys(topic.overrides)
    if (names.length !== Object.keys(other.overrides).length) return false
    if (names.some(key => other.overrides[key] !== topic.overrides[key])) return false
  }
  return true
}

function describe(topics: ReadonlyMap<string, Outline>): string {
  return JSON.stringify([...topics])
}

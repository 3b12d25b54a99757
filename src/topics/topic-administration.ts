/**
 * Creating and deleting topics: every check that CreateTopics and DeleteTopics make (Kafka's
 * ReplicationControlManager), the creation of a topic that somebody merely asks for, and that of the
 * broker's own topics. The catalogue stores; what may be stored is decided here.
 *
 * Errors are values, one per topic. `ensureTopic` and `ensureInternalTopic` throw ProtocolError, and
 * calls for the same name that come together share one creation.
 */
import { type ErrorName, ProtocolError } from '../../protocol-codecs/error-codes.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { Logger } from '../platform/logger.ts'
import { randomUuid } from '../platform/random-uuid.ts'
import type { BrokerSettings } from '../settings/broker-settings.ts'
import type { DynamicSettings } from '../settings/dynamic-settings.ts'
import { validateTopicConfigs } from '../settings/topic-config.ts'
import { isInternalTopicName } from '../storage/internal-topic-names.ts'
import type { CatalogTopic, TopicCatalog } from '../storage/topic-catalog.ts'
import { internalTopicSpecification } from './internal-topics.ts'
import { growTopics, type TopicGrowth, type TopicToGrow } from './partition-growth.ts'
import { collisionKey, topicNameProblem } from './topic-names.ts'
import {
  maxPartitionsPerRequest,
  type Problem,
  partitionCountOf,
  placementProblem,
  reservedNameProblem,
  type TopicToCreate,
} from './topic-placement.ts'
import { type TopicDeletion, type TopicToDelete, topicsToDelete } from './topics-to-delete.ts'

export type { TopicToCreate } from './topic-placement.ts'

export interface CreatedTopic {
  readonly error: 'NONE'
  readonly name: string
  /** When the request was only to be validated, one that no topic has. */
  readonly id: string
  readonly partitionCount: number
  readonly replicationFactor: number
  readonly overrides: Readonly<Record<string, string>>
}
export interface TopicRefused {
  readonly error: Exclude<ErrorName, 'NONE'>
  readonly name: string
  readonly message: string
}
export type TopicCreation = CreatedTopic | TopicRefused

/** Changes wait for those before them at most `maxWaitMs`; one that has waited so long is REQUEST_TIMED_OUT. */
export interface TopicAdministration {
  /** One result per name, in order; a name that comes twice is refused once. */
  create(
    topics: readonly TopicToCreate[],
    validateOnly: boolean,
    maxWaitMs?: number,
  ): Promise<TopicCreation[]>
  /** One result per name, in order. Throws POLICY_VIOLATION where it is too much. */
  createPartitions(
    topics: readonly TopicToGrow[],
    validateOnly: boolean,
    maxWaitMs?: number,
  ): Promise<TopicGrowth[]>
  /** One result per topic; a name or id that comes twice is refused once. Throws TOPIC_DELETION_DISABLED. */
  delete(topics: readonly TopicToDelete[], maxWaitMs?: number): Promise<TopicDeletion[]>
  /** The topic of this name, created with the broker's defaults where there is none. */
  ensureTopic(name: string): Promise<CatalogTopic>
  /** A topic of the broker's own, created as Kafka creates it where there is none. */
  ensureInternalTopic(name: string): Promise<CatalogTopic>
}

export interface TopicAdministrationParts {
  readonly catalog: TopicCatalog
  readonly cluster: Cluster
  readonly settings: Pick<DynamicSettings, 'current'>
  readonly logger: Pick<Logger, 'warn'>
}

type Configs = Readonly<Record<string, string>>

export function topicAdministration(parts: TopicAdministrationParts): TopicAdministration {
  return new CatalogAdministration(parts)
}

class CatalogAdministration implements TopicAdministration {
  private readonly parts: TopicAdministrationParts
  /** Names of the topics that there are, by what they look like in metrics. */
  private readonly collisions = new Map<string, Set<string>>()
  private readonly creations = new Map<string, Promise<CatalogTopic>>()

  constructor(parts: TopicAdministrationParts) {
    this.parts = parts
    for (const name of parts.catalog.current().topics.keys()) this.addCollision(name)
    parts.catalog.onChange(({ created, deleted }) => {
      for (const topic of deleted) this.removeCollision(topic.name)
      for (const topic of created) this.addCollision(topic.name)
    })
  }

  private get settings(): BrokerSettings {
    return this.parts.settings.current()
  }

  async create(
    topics: readonly TopicToCreate[],
    validateOnly: boolean,
    maxWaitMs?: number,
  ): Promise<TopicCreation[]> {
    const { settings } = this
    let partitionCount = 0
    for (const topic of topics) partitionCount += partitionCountOf(topic, settings)
    if (partitionCount > maxPartitionsPerRequest) {
      throw new ProtocolError(
        'POLICY_VIOLATION',
        `One request creates at most ${maxPartitionsPerRequest} partitions, not ${partitionCount}.`,
      )
    }
    const repeated = new Set<string>()
    const byName = new Map<string, TopicToCreate | 'repeated'>()
    for (const topic of topics) {
      const { name } = topic
      // Repeated names come last in the answer, as in Kafka.
      if (byName.delete(name) || repeated.has(name)) repeated.add(name)
      else byName.set(name, topic)
    }
    for (const name of repeated) byName.set(name, 'repeated')
    return Promise.all(
      [...byName].map(([name, topic]) =>
        topic === 'repeated'
          ? refused(name, {
              error: 'INVALID_REQUEST',
              message: `Topic '${name}' is asked for more than once.`,
            })
          : this.createOne(topic, validateOnly, maxWaitMs),
      ),
    )
  }

  private async createOne(
    topic: TopicToCreate,
    validateOnly: boolean,
    maxWaitMs: number | undefined,
  ): Promise<TopicCreation> {
    const { name } = topic
    const problem = this.problemOf(topic)
    if (problem !== undefined) return refused(name, problem)
    const overrides = overridesOf(topic) as Configs
    const partitionCount = partitionCountOf(topic, this.settings)
    const replicationFactor = this.replicationFactorOf(topic)
    const created = { error: 'NONE', name, partitionCount, replicationFactor, overrides } as const
    if (validateOnly) return { ...created, id: randomUuid() }
    try {
      const { id } = await this.add(name, partitionCount, overrides, maxWaitMs)
      return { ...created, id }
    } catch (error) {
      if (!(error instanceof ProtocolError) || error.name === 'NONE') throw error
      return refused(name, { error: error.name, message: error.message })
    }
  }

  private problemOf(topic: TopicToCreate): Problem | undefined {
    const { settings } = this
    const { catalog, cluster } = this.parts
    const problem = reservedNameProblem(topic.name) ?? this.nameProblem(topic.name)
    if (problem !== undefined) return problem
    if (catalog.current().topics.has(topic.name)) {
      return { error: 'TOPIC_ALREADY_EXISTS', message: `Topic '${topic.name}' already exists.` }
    }
    const configProblem = validateTopicConfigs(overridesOf(topic), settings)
    if (configProblem !== undefined) return { error: 'INVALID_CONFIG', message: configProblem }
    return placementProblem(topic, settings, cluster.view().brokerIds)
  }

  private nameProblem(name: string): Problem | undefined {
    const message = topicNameProblem(name)
    if (message !== undefined) return { error: 'INVALID_TOPIC_EXCEPTION', message }
    const lookalikes = this.collisions.get(collisionKey(name))
    if (lookalikes === undefined || lookalikes.has(name)) return undefined
    const [other] = lookalikes
    return {
      error: 'INVALID_TOPIC_EXCEPTION',
      message: `Topic '${name}' collides with existing topic '${other}': metrics write '.' and '_' alike.`,
    }
  }

  private replicationFactorOf(topic: TopicToCreate): number {
    if (topic.assignments.length > 0) return topic.assignments[0]!.brokerIds.length
    return topic.replicationFactor === -1
      ? this.settings['default.replication.factor']
      : topic.replicationFactor
  }

  /** Stores a topic that has passed the checks. */
  private async add(
    name: string,
    partitionCount: number,
    configs: Configs,
    maxWaitMs?: number,
  ): Promise<CatalogTopic> {
    const change = { type: 'create-topic', name, partitionCount, configs } as const
    const snapshot = await this.parts.catalog.change(change, maxWaitMs)
    const topic = snapshot.topics.get(name)!
    if (topic.config.cleanupPolicy.compact && !topic.isInternal) {
      this.parts.logger.warn(
        { topic: name },
        'The topic has cleanup.policy=compact, which is stored but not carried out yet: nothing is compacted.',
      )
    }
    return topic
  }

  createPartitions(
    topics: readonly TopicToGrow[],
    validateOnly: boolean,
    maxWaitMs?: number,
  ): Promise<TopicGrowth[]> {
    return growTopics(topics, { validateOnly, maxWaitMs }, this.parts)
  }

  ensureTopic(name: string): Promise<CatalogTopic> {
    if (isInternalTopicName(name)) return this.ensureInternalTopic(name)
    return this.ensure(name, () => {
      const { settings } = this
      const problem = this.problemOf({
        name,
        partitionCount: -1,
        replicationFactor: -1,
        assignments: [],
        configs: [],
      })
      if (problem !== undefined) throw new ProtocolError(problem.error, problem.message)
      return { partitionCount: settings['num.partitions'], configs: {} }
    })
  }

  ensureInternalTopic(name: string): Promise<CatalogTopic> {
    return this.ensure(name, () => {
      const specification = internalTopicSpecification(name, this.settings)
      if (specification !== undefined) return specification
      throw new ProtocolError('UNKNOWN_TOPIC_OR_PARTITION', `No topic of this broker is called '${name}'.`)
    })
  }

  private async ensure(
    name: string,
    specify: () => { partitionCount: number; configs: Configs },
  ): Promise<CatalogTopic> {
    const existing = this.parts.catalog.current().topics.get(name)
    if (existing !== undefined) return existing
    let creation = this.creations.get(name)
    if (creation === undefined) {
      const { partitionCount, configs } = specify()
      // As many as one CreateTopics may create: a request for metadata must not create more.
      if (this.creations.size * partitionCount >= maxPartitionsPerRequest) {
        throw new ProtocolError('POLICY_VIOLATION', 'Too many topics are being created at once.')
      }
      creation = this.addUnlessThere(name, partitionCount, configs).finally(() => this.creations.delete(name))
      this.creations.set(name, creation)
    }
    return creation
  }

  /** Somebody else's CreateTopics may be under way; that it wins is as good. */
  private async addUnlessThere(
    name: string,
    partitionCount: number,
    configs: Configs,
  ): Promise<CatalogTopic> {
    try {
      return await this.add(name, partitionCount, configs)
    } catch (error) {
      const topic = this.parts.catalog.current().topics.get(name)
      if (topic !== undefined && error instanceof ProtocolError && error.name === 'TOPIC_ALREADY_EXISTS') {
        return topic
      }
      throw error
    }
  }

  async delete(topics: readonly TopicToDelete[], maxWaitMs?: number): Promise<TopicDeletion[]> {
    if (!this.settings['delete.topic.enable']) {
      throw new ProtocolError(
        'TOPIC_DELETION_DISABLED',
        'Topics cannot be deleted: delete.topic.enable=false.',
      )
    }
    const { wanted, refused } = topicsToDelete(topics, this.parts.catalog.current())
    return [...refused, ...(await Promise.all(wanted.map(topic => this.deleteOne(topic, maxWaitMs))))]
  }

  private async deleteOne(
    { name, topicId }: TopicToDelete,
    maxWaitMs: number | undefined,
  ): Promise<TopicDeletion> {
    const failed = (error: ErrorName, message: string): TopicDeletion => ({ error, message, name, topicId })
    const snapshot = this.parts.catalog.current()
    const topic = name === null ? snapshot.topicsById.get(topicId) : snapshot.topics.get(name)
    if (topic === undefined) {
      return name === null
        ? failed('UNKNOWN_TOPIC_ID', 'There is no topic with this id.')
        : failed('UNKNOWN_TOPIC_OR_PARTITION', `There is no topic '${name}'.`)
    }
    try {
      await this.parts.catalog.change({ type: 'delete-topic', id: topic.id }, maxWaitMs)
      return { error: 'NONE', message: null, name: topic.name, topicId: topic.id }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      const isGone = error.name === 'UNKNOWN_TOPIC_ID' && name !== null
      return failed(isGone ? 'UNKNOWN_TOPIC_OR_PARTITION' : error.name, error.message)
    }
  }

  private addCollision(name: string): void {
    const key = collisionKey(name)
    const names = this.collisions.get(key)
    if (names === undefined) this.collisions.set(key, new Set([name]))
    else names.add(name)
  }

  private removeCollision(name: string): void {
    const key = collisionKey(name)
    const names = this.collisions.get(key)
    if (names === undefined) return
    names.delete(name)
    if (names.size === 0) this.collisions.delete(key)
  }
}

function refused(name: string, problem: Problem): TopicRefused {
  return { name, ...problem }
}

/** What is to be set on the topic; of a key that comes twice the last value holds. */
function overridesOf(topic: TopicToCreate): Record<string, string | null> {
  return Object.fromEntries(topic.configs.map(({ name, value }) => [name, value]))
}

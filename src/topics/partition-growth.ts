/**
 * Giving topics more partitions: every check that CreatePartitions makes (Kafka's ReplicationControlManager).
 * Partitions are only ever added, and those that exist stay where they are. Errors are values, one per topic;
 * only a request for too many partitions is refused as a whole.
 *
 * Records are spread over partitions by their keys' hash, by the clients: with more partitions a key's
 * records go on elsewhere. Kafka leaves it to the user to know, and so do we.
 */
import { type ErrorName, ProtocolError } from '../../protocol-codecs/error-codes.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { Logger } from '../platform/logger.ts'
import type { CatalogTopic, TopicCatalog } from '../storage/topic-catalog.ts'
import { maxPartitionsPerRequest } from './topic-placement.ts'

export interface TopicToGrow {
  readonly name: string
  /** How many partitions it is to have. */
  readonly partitionCount: number
  /** Replicas of every new partition, where the client chooses them; null: the broker does. */
  readonly assignments: readonly (readonly number[])[] | null
}

export interface TopicGrowth {
  readonly name: string
  readonly error: ErrorName
  readonly message: string | null
}

export interface GrowthOptions {
  readonly validateOnly: boolean
  readonly maxWaitMs: number | undefined
}

export interface GrowthParts {
  readonly catalog: TopicCatalog
  readonly cluster: Cluster
  readonly logger: Pick<Logger, 'warn'>
}

/** One result per name, in order; a name that comes twice is refused once. */
export async function growTopics(
  topics: readonly TopicToGrow[],
  options: GrowthOptions,
  parts: GrowthParts,
): Promise<TopicGrowth[]> {
  const byName = new Map<string, TopicToGrow | 'repeated'>()
  for (const topic of topics) byName.set(topic.name, byName.has(topic.name) ? 'repeated' : topic)
  const wanted = [...byName]
  checkNumber(
    wanted.flatMap(([, topic]) => (topic === 'repeated' ? [] : topic)),
    parts.catalog,
  )
  return Promise.all(
    wanted.map(async ([name, topic]): Promise<TopicGrowth> => {
      try {
        if (topic === 'repeated') throw new ProtocolError('INVALID_REQUEST', 'Duplicate topic name.')
        await grow(topic, options, parts)
        return { name, error: 'NONE', message: null }
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error
        return { name, error: error.name, message: error.message }
      }
    }),
  )
}

function checkNumber(topics: readonly TopicToGrow[], catalog: TopicCatalog): void {
  const existing = catalog.current().topics
  let added = 0
  for (const { name, partitionCount } of topics) {
    const topic = existing.get(name)
    if (topic !== undefined) added += Math.max(0, partitionCount - topic.partitions.length)
  }
  if (added > maxPartitionsPerRequest) {
    throw new ProtocolError(
      'POLICY_VIOLATION',
      `One request adds at most ${maxPartitionsPerRequest} partitions, not ${added}.`,
    )
  }
}

async function grow(
  wanted: TopicToGrow,
  { maxWaitMs, validateOnly }: GrowthOptions,
  parts: GrowthParts,
): Promise<void> {
  const { name, partitionCount, assignments } = wanted
  const topic = parts.catalog.current().topics.get(name)
  if (topic === undefined) throw unknownTopic(name)
  checkCount(topic, partitionCount)
  if (assignments !== null) {
    checkAssignments(assignments, partitionCount - topic.partitions.length, parts.cluster.view().brokerIds)
  }
  if (validateOnly) return
  try {
    await parts.catalog.change({ type: 'create-partitions', id: topic.id, partitionCount }, maxWaitMs)
  } catch (error) {
    const isGone = error instanceof ProtocolError && error.name === 'UNKNOWN_TOPIC_ID'
    throw isGone ? unknownTopic(name) : error
  }
  if (topic.isInternal) {
    parts.logger.warn(
      { topic: name, partitionCount },
      'Keys of this topic are found by its number of partitions: from the next start on, what was stored is ' +
        'looked for in other partitions, such as the committed offsets of consumer groups.',
    )
  }
}

function unknownTopic(name: string): ProtocolError {
  return new ProtocolError('UNKNOWN_TOPIC_OR_PARTITION', `There is no topic '${name}'.`)
}

function checkCount({ name, partitions }: CatalogTopic, count: number): void {
  const current = partitions.length
  if (count > current) return
  const message =
    count === current
      ? `Topic already has ${current} partition(s).`
      : `The topic ${name} currently has ${current} partition(s); ${count} would not be an increase.`
  throw new ProtocolError('INVALID_PARTITIONS', message)
}

/** On one node every topic has one replica, and so must what is added to it. */
const replicationFactor = 1

function checkAssignments(
  assignments: readonly (readonly number[])[],
  added: number,
  brokerIds: readonly number[],
): void {
  const refuse = (message: string): never => {
    throw new ProtocolError('INVALID_REPLICA_ASSIGNMENT', message)
  }
  if (assignments.length !== added) {
    refuse(`${added} partition(s) are to be added, but ${assignments.length} assignment(s) are given.`)
  }
  for (const replicas of assignments) {
    if (replicas.length === 0) refuse('The manual partition assignment includes an empty replica list.')
    const stranger = replicas.find(id => !brokerIds.includes(id))
    if (stranger !== undefined) {
      refuse(`The manual partition assignment includes broker ${stranger}, but no such broker is registered.`)
    }
    const repeated = replicas.find((id, index) => replicas.indexOf(id) !== index)
    if (repeated !== undefined) {
      refuse(`The manual partition assignment includes the broker ${repeated} more than once.`)
    }
    if (replicas.length !== replicationFactor) {
      refuse(`A partition of this topic has ${replicationFactor} replica(s), not ${replicas.length}.`)
    }
  }
}

/**
 * Whether the partitions that a new topic asks for can be placed: their number, their replication, or
 * the brokers that the client has chosen itself. Pure checks, in the order in which Kafka makes them.
 */
import type { ErrorName } from '../../protocol-codecs/error-codes.ts'
import type { BrokerSettings } from '../settings/broker-settings.ts'
import { isReservedTopicName } from '../storage/internal-topic-names.ts'

/** A topic as CreateTopics describes it. */
export interface TopicToCreate {
  readonly name: string
  /** -1: the broker's default, or as many as there are assignments. */
  readonly partitionCount: number
  /** -1: the broker's default, or as the assignments have it. */
  readonly replicationFactor: number
  /** Replicas of every partition, where the client chooses them; empty: the broker does. */
  readonly assignments: readonly { readonly partitionIndex: number; readonly brokerIds: readonly number[] }[]
  readonly configs: readonly { readonly name: string; readonly value: string | null }[]
}

export interface Problem {
  readonly error: Exclude<ErrorName, 'NONE'>
  readonly message: string
}

/** Kafka's bound on what one request may create (ReplicationControlManager). */
export const maxPartitionsPerRequest = 10_000

type Defaults = Pick<BrokerSettings, 'num.partitions' | 'default.replication.factor'>

export function partitionCountOf(topic: TopicToCreate, defaults: Defaults): number {
  if (topic.assignments.length > 0) return topic.assignments.length
  return topic.partitionCount === -1 ? defaults['num.partitions'] : Math.max(0, topic.partitionCount)
}

export function reservedNameProblem(name: string): Problem | undefined {
  if (!isReservedTopicName(name)) return undefined
  return { error: 'INVALID_REQUEST', message: `Topic '${name}' is the broker's own and cannot be created.` }
}

export function placementProblem(
  topic: TopicToCreate,
  defaults: Defaults,
  brokerIds: readonly number[],
): Problem | undefined {
  if (topic.assignments.length > 0) return assignmentProblem(topic, brokerIds)
  if (topic.replicationFactor < -1 || topic.replicationFactor === 0) {
    return {
      error: 'INVALID_REPLICATION_FACTOR',
      message: 'Replication factor must be larger than 0, or -1 to use the default value.',
    }
  }
  if (topic.partitionCount < -1 || topic.partitionCount === 0) {
    return {
      error: 'INVALID_PARTITIONS',
      message: 'Number of partitions must be larger than 0, or -1 to use the default value.',
    }
  }
  const factor =
    topic.replicationFactor === -1 ? defaults['default.replication.factor'] : topic.replicationFactor
  if (factor <= brokerIds.length) return undefined
  return {
    error: 'INVALID_REPLICATION_FACTOR',
    message: `Replication factor ${factor} needs as many brokers, and there are ${brokerIds.length}.`,
  }
}

function assignmentProblem(topic: TopicToCreate, brokerIds: readonly number[]): Problem | undefined {
  const inconsistent = (message: string): Problem => ({ error: 'INVALID_REQUEST', message })
  const wrong = (message: string): Problem => ({ error: 'INVALID_REPLICA_ASSIGNMENT', message })
  if (topic.replicationFactor !== -1) {
    return inconsistent('Partitions are assigned by hand, so the replication factor must be -1.')
  }
  if (topic.partitionCount !== -1) {
    return inconsistent('Partitions are assigned by hand, so the number of partitions must be -1.')
  }
  const factor = topic.assignments[0]!.brokerIds.length
  const assigned = new Set<number>()
  for (const { partitionIndex, brokerIds: replicas } of topic.assignments) {
    if (assigned.has(partitionIndex)) return wrong(`Partition ${partitionIndex} is assigned twice.`)
    assigned.add(partitionIndex)
    if (replicas.length === 0) return wrong(`Partition ${partitionIndex} is assigned to no broker.`)
    const stranger = replicas.find(id => !brokerIds.includes(id))
    if (stranger !== undefined) {
      return wrong(`Partition ${partitionIndex} is assigned to broker ${stranger}, which does not exist.`)
    }
    if (new Set(replicas).size !== replicas.length) {
      return wrong(`Partition ${partitionIndex} is assigned to a broker twice.`)
    }
    if (replicas.length !== factor) return wrong('All partitions must have the same number of replicas.')
  }
  for (let index = 0; index < assigned.size; index++) {
    if (!assigned.has(index)) return wrong(`Partitions must be numbered from 0 on, and ${index} is missing.`)
  }
  return undefined
}

/** What topics there are, and who leads their partitions. */
import { errorCodes, errorName } from '../../protocol-codecs/error-codes.ts'
import { ClientError, refusal, throwIfRefused } from './client-error.ts'
import type { BrokerNode, ClusterClient, TopicMetadata } from './cluster-client.ts'
import type { TopicPartition } from './topic-partitions.ts'

export interface TopicView {
  readonly name: string
  readonly topicId: string
  readonly isInternal: boolean
  /** In their order. */
  readonly partitions: readonly PartitionView[]
}

export interface PartitionView {
  readonly partition: number
  /** -1: none at the moment. */
  readonly leader: number
  readonly leaderEpoch: number
  readonly replicas: readonly number[]
  readonly isr: readonly number[]
  readonly offlineReplicas: readonly number[]
}

/** All topics that we may see, by name. */
export async function allTopics(client: ClusterClient): Promise<TopicView[]> {
  return client.retrying(
    async () => {
      const { topics } = await client.metadata(null)
      const broker = (await client.any()).broker
      for (const topic of topics) throwIfRefused(`Cannot list topic ${topic.name}`, broker, topic.errorCode)
      return topics.map(viewOf).sort((one, other) => (one.name < other.name ? -1 : 1))
    },
    { afterLostConnection: true },
  )
}

/**
 * These topics, each of which must exist. With `create` the broker may create a missing one, if it is set up to do
 * so; it may take a moment until its leaders are known.
 */
export async function topicsByName(
  client: ClusterClient,
  names: readonly string[],
  { create = false }: { create?: boolean } = {},
): Promise<TopicView[]> {
  const mayStillAppear = (error: ClientError) => create && error.failure === 'UNKNOWN_TOPIC_OR_PARTITION'
  return client.retrying(
    async () => {
      const { topics } = await client.metadata(names, create)
      const broker = (await client.any()).broker
      return names.map(name => requireTopic(topics, name, broker))
    },
    {
      afterLostConnection: true,
      also: mayStillAppear,
      timeoutMs: create ? Math.min(client.timeoutMs, creationLimitMs) : undefined,
    },
  )
}

/** How long a topic that is created on first use may take to appear. */
const creationLimitMs = 5000

function requireTopic(topics: readonly TopicMetadata[], name: string, broker: string): TopicView {
  const topic = topics.find(topic => topic.name === name)
  const code = topic === undefined ? errorCodes.UNKNOWN_TOPIC_OR_PARTITION : topic.errorCode
  if (topic === undefined || errorName(code) === 'UNKNOWN_TOPIC_OR_PARTITION') {
    throw new ClientError(
      'UNKNOWN_TOPIC_OR_PARTITION',
      `Topic ${name} does not exist: broker ${broker} answered UNKNOWN_TOPIC_OR_PARTITION.`,
    )
  }
  throwIfRefused(`Cannot describe topic ${name}`, broker, code)
  return viewOf(topic)
}

function viewOf(topic: TopicMetadata): TopicView {
  return {
    name: topic.name ?? '',
    topicId: topic.topicId,
    isInternal: topic.isInternal,
    partitions: topic.partitions
      .map(({ partitionIndex, leaderId, leaderEpoch, replicaNodes, isrNodes, offlineReplicas }) => ({
        partition: partitionIndex,
        leader: leaderId,
        leaderEpoch,
        replicas: replicaNodes,
        isr: isrNodes,
        offlineReplicas,
      }))
      .sort((one, other) => one.partition - other.partition),
  }
}

/** The broker that leads each of these partitions; one without a leader or that does not exist is an error. */
export async function leadersOf<T extends TopicPartition>(
  client: ClusterClient,
  partitions: readonly T[],
): Promise<Map<BrokerNode['nodeId'], T[]>> {
  const names = [...new Set(partitions.map(({ topic }) => topic))]
  const topics = new Map((await topicsByName(client, names)).map(topic => [topic.name, topic]))
  const leaders = new Map<number, T[]>()
  for (const wanted of partitions) {
    const found = topics.get(wanted.topic)!.partitions.find(({ partition }) => partition === wanted.partition)
    const what = `Partition ${wanted.partition} of topic ${wanted.topic}`
    if (found === undefined) throw new ClientError('UNKNOWN_TOPIC_OR_PARTITION', `${what} does not exist.`)
    if (found.leader < 0) {
      const { broker } = await client.any()
      throw refusal(`${what} has no leader`, broker, errorCodes.LEADER_NOT_AVAILABLE)
    }
    const led = leaders.get(found.leader)
    if (led === undefined) leaders.set(found.leader, [wanted])
    else led.push(wanted)
  }
  return leaders
}

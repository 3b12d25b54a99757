/** Creating, growing and deleting topics, and their configurations. */
import { errorCodes } from '../../protocol-codecs/error-codes.ts'
import {
  createPartitionsRequest,
  createPartitionsResponse,
} from '../../protocol-codecs/messages/create-partitions.ts'
import { createTopicsRequest, createTopicsResponse } from '../../protocol-codecs/messages/create-topics.ts'
import { deleteTopicsRequest, deleteTopicsResponse } from '../../protocol-codecs/messages/delete-topics.ts'
import {
  describeConfigsRequest,
  describeConfigsResponse,
} from '../../protocol-codecs/messages/describe-configs.ts'
import {
  describeLogDirsRequest,
  describeLogDirsResponse,
} from '../../protocol-codecs/messages/describe-log-dirs.ts'
import {
  incrementalAlterConfigsRequest,
  incrementalAlterConfigsResponse,
} from '../../protocol-codecs/messages/incremental-alter-configs.ts'
import { type ClientError, refusal, throwIfRefused } from './client-error.ts'
import type { ClusterClient } from './cluster-client.ts'
import { byTopic, partitionName, type TopicPartition } from './topic-partitions.ts'

const createTopics = { request: createTopicsRequest, response: createTopicsResponse } as const
const createPartitions = { request: createPartitionsRequest, response: createPartitionsResponse } as const
/** Version 6 may delete by id. */
const deleteTopics = {
  request: deleteTopicsRequest,
  response: deleteTopicsResponse,
  versions: '0-5',
} as const
const describeConfigs = { request: describeConfigsRequest, response: describeConfigsResponse } as const
const describeLogDirs = { request: describeLogDirsRequest, response: describeLogDirsResponse } as const
const alterConfigs = {
  request: incrementalAlterConfigsRequest,
  response: incrementalAlterConfigsResponse,
} as const

/** ConfigResource.Type of Kafka. */
const topicResource = 2
const setOperation = 0
const deleteOperation = 1
/** "The broker's default", since version 4 (KIP-464). */
const defaultCount = -1

export interface NewTopic {
  readonly name: string
  readonly partitions: number | undefined
  readonly replicationFactor: number | undefined
  readonly configs: readonly ConfigEntry[]
}

export interface ConfigEntry {
  readonly name: string
  readonly value: string
}

export interface CreatedTopic {
  readonly name: string
  /** -1: the broker is too old to say. */
  readonly partitions: number
  readonly replicationFactor: number
}

export async function createTopic(
  client: ClusterClient,
  topic: NewTopic,
  { validateOnly = false }: { validateOnly?: boolean } = {},
): Promise<CreatedTopic> {
  return client.retrying(async () => {
    const connection = await client.controller()
    const hasDefaults = (connection.versionOf(createTopics) ?? 0) >= 4
    const answer = await connection.send(createTopics, {
      topics: [
        {
          name: topic.name,
          numPartitions: topic.partitions ?? (hasDefaults ? defaultCount : 1),
          replicationFactor: topic.replicationFactor ?? (hasDefaults ? defaultCount : 1),
          assignments: [],
          configs: topic.configs,
        },
      ],
      timeoutMs: client.timeoutMs,
      validateOnly,
    })
    const { errorCode, errorMessage, numPartitions, replicationFactor } = answer.topics[0]!
    throwIfRefused(`Cannot create topic ${topic.name}`, connection.broker, errorCode, errorMessage)
    return { name: topic.name, partitions: numPartitions, replicationFactor }
  })
}

/** Deletes what it can; gives an error for each topic that it could not. */
export async function deleteTopicsByName(
  client: ClusterClient,
  names: readonly string[],
): Promise<Map<string, ClientError | undefined>> {
  const connection = await client.controller()
  const answer = await connection.send(deleteTopics, { topicNames: names, timeoutMs: client.timeoutMs })
  return new Map(
    answer.responses.map(({ name, errorCode, errorMessage }) => {
      const failed = errorCode !== errorCodes.NONE
      const error = failed
        ? refusal(`Cannot delete topic ${name}`, connection.broker, errorCode, errorMessage)
        : undefined
      return [name ?? '', error]
    }),
  )
}

/** Raises the number of partitions to `count`. */
export async function growTopic(
  client: ClusterClient,
  name: string,
  count: number,
  { validateOnly = false }: { validateOnly?: boolean } = {},
): Promise<void> {
  await client.retrying(async () => {
    const connection = await client.controller()
    const answer = await connection.send(createPartitions, {
      topics: [{ name, count, assignments: null }],
      timeoutMs: client.timeoutMs,
      validateOnly,
    })
    const { errorCode, errorMessage } = answer.results[0]!
    const what = `Cannot give topic ${name} ${count} partitions`
    throwIfRefused(what, connection.broker, errorCode, errorMessage)
  })
}

/** Sets some configurations of a topic and takes others back to their defaults, all or nothing. */
export async function alterTopicConfigs(
  client: ClusterClient,
  name: string,
  set: readonly ConfigEntry[],
  remove: readonly string[],
  { validateOnly = false }: { validateOnly?: boolean } = {},
): Promise<void> {
  await client.retrying(async () => {
    const connection = await client.any()
    const configs = [
      ...set.map(({ name, value }) => ({ name, value, configOperation: setOperation })),
      ...remove.map(name => ({ name, value: null, configOperation: deleteOperation })),
    ]
    const answer = await connection.send(alterConfigs, {
      resources: [{ resourceType: topicResource, resourceName: name, configs }],
      validateOnly,
    })
    const { errorCode, errorMessage } = answer.responses[0]!
    throwIfRefused(`Cannot alter topic ${name}`, connection.broker, errorCode, errorMessage)
  })
}

/** From where a value comes, in Kafka's words (ConfigSource). */
export const configSources = [
  'UNKNOWN',
  'DYNAMIC_TOPIC_CONFIG',
  'DYNAMIC_BROKER_CONFIG',
  'DYNAMIC_DEFAULT_BROKER_CONFIG',
  'STATIC_BROKER_CONFIG',
  'DEFAULT_CONFIG',
  'DYNAMIC_BROKER_LOGGER_CONFIG',
  'DYNAMIC_CLIENT_METRICS_CONFIG',
  'DYNAMIC_GROUP_CONFIG',
] as const

export interface DescribedConfig {
  readonly name: string
  /** null: not told, because it is sensitive, or not set. */
  readonly value: string | null
  readonly source: (typeof configSources)[number]
}

/** The configuration of each topic, sorted by name. */
export async function topicConfigs(
  client: ClusterClient,
  names: readonly string[],
): Promise<Map<string, DescribedConfig[]>> {
  return client.retrying(
    async () => {
      const connection = await client.any()
      const answer = await connection.send(describeConfigs, {
        resources: names.map(name => ({
          resourceType: topicResource,
          resourceName: name,
          configurationKeys: null,
        })),
      })
      return new Map(
        answer.results.map(({ resourceName, errorCode, errorMessage, configs }) => {
          const what = `Cannot describe the configuration of topic ${resourceName}`
          throwIfRefused(what, connection.broker, errorCode, errorMessage)
          const described = configs.map(({ name, value, configSource, isDefault }) => ({
            name,
            value,
            source: isDefault ? ('DEFAULT_CONFIG' as const) : (configSources[configSource] ?? 'UNKNOWN'),
          }))
          return [resourceName, described.sort((one, other) => (one.name < other.name ? -1 : 1))]
        }),
      )
    },
    { afterLostConnection: true },
  )
}

/** Bytes of each replica on its broker's disks: nodeId -> partition name -> size. */
export async function replicaSizes(
  client: ClusterClient,
  partitions: readonly TopicPartition[],
): Promise<Map<number, Map<string, number>>> {
  const topics = byTopic(partitions).map(({ topic, items }) => ({
    topic,
    partitions: items.map(({ partition }) => partition),
  }))
  const onBroker = async (nodeId: number) => {
    const connection = await client.node(nodeId)
    const answer = await connection.send(describeLogDirs, { topics })
    const what = `Cannot describe the log directories of broker ${nodeId}`
    throwIfRefused(what, connection.broker, answer.errorCode)
    const sizes = new Map<string, number>()
    for (const { errorCode, topics } of answer.results) {
      throwIfRefused(what, connection.broker, errorCode)
      for (const { name, partitions } of topics) {
        for (const { partitionIndex, partitionSize, isFutureKey } of partitions) {
          if (isFutureKey) continue
          sizes.set(partitionName({ topic: name, partition: partitionIndex }), Number(partitionSize))
        }
      }
    }
    return [nodeId, sizes] as const
  }
  return client.retrying(
    async () => {
      const brokers = await client.brokers()
      return new Map(await Promise.all(brokers.map(({ nodeId }) => onBroker(nodeId))))
    },
    { afterLostConnection: true },
  )
}

/**
 * The package: installed and compiled when it is first needed (its prebuilt binaries are no npm packages, and the
 * sources of the libraries that it would link statically none either, so it is linked with Debian's), and the types of
 * what is used of it, because those of the package are not there when the project is built.
 */
import { clientPackages } from '../client-packages.ts'
import { installDebianPackages } from '../debian-packages.ts'

export type Settings = Record<string, unknown>

export interface KafkaMessage {
  key: Buffer | null
  value: Buffer | null
  timestamp: string
  offset: string
  headers?: Record<string, Buffer | string | (Buffer | string)[] | undefined>
}

export interface Message {
  key?: Buffer | string | null
  value: Buffer | string | null
  partition?: number
  headers?: KafkaMessage['headers']
  timestamp?: string
}

export interface RecordMetadata {
  topicName: string
  partition: number
  errorCode: number
  baseOffset: string
}

interface Client {
  connect(): Promise<void>
  disconnect(): Promise<void>
}

export interface Producer extends Client {
  send(record: { topic: string; messages: Message[] }): Promise<RecordMetadata[]>
  sendBatch(batch: { topicMessages: { topic: string; messages: Message[] }[] }): Promise<RecordMetadata[]>
  flush(options?: { timeout?: number }): Promise<void>
}

export interface TopicPartition {
  topic: string
  partition: number
}

export interface Consumer extends Client {
  subscribe(subscription: { topics: (string | RegExp)[] }): Promise<void>
  run(handlers: {
    partitionsConsumedConcurrently?: number
    eachBatchAutoResolve?: boolean
    eachMessage?: (payload: { topic: string; partition: number; message: KafkaMessage }) => Promise<void>
    eachBatch?: (payload: {
      batch: { topic: string; partition: number; highWatermark: string; messages: KafkaMessage[] }
      resolveOffset(offset: string): void
      isRunning(): boolean
      isStale(): boolean
    }) => Promise<void>
  }): Promise<void>
  commitOffsets(offsets?: (TopicPartition & { offset: string; metadata?: string })[]): Promise<void>
  committed(partitions: TopicPartition[]): Promise<(TopicPartition & { offset: string; metadata: string })[]>
  seek(place: TopicPartition & { offset: string }): void
  pause(topics: { topic: string; partitions?: number[] }[]): void
  resume(topics: { topic: string; partitions?: number[] }[]): void
  paused(): { topic: string; partitions: number[] }[]
  assignment(): TopicPartition[]
}

export interface GroupDescription {
  groupId: string
  state: number
  protocol: string
  protocolType: string
  isSimpleConsumerGroup: boolean
  members: {
    memberId: string
    clientId: string
    clientHost: string
    groupInstanceId?: string | null
    assignment: { topicPartitions: TopicPartition[] }
  }[]
}

interface PartitionOffset {
  partition: number
  offset: string
}

export interface Admin extends Client {
  createTopics(options: {
    topics: {
      topic: string
      numPartitions?: number
      replicationFactor?: number
      configEntries?: { name: string; value: string }[]
    }[]
  }): Promise<boolean>
  deleteTopics(options: { topics: string[] }): Promise<void>
  listTopics(): Promise<string[]>
  listGroups(options?: { matchConsumerGroupStates?: number[] }): Promise<{
    groups: { groupId: string; protocolType: string; isSimpleConsumerGroup: boolean; state: number }[]
    errors: Error[]
  }>
  describeGroups(groupIds: string[]): Promise<{ groups: GroupDescription[] }>
  deleteGroups(groupIds: string[]): Promise<{ groupId: string; errorCode?: number }[]>
  fetchOffsets(options: {
    groupId: string
    topics: string[]
  }): Promise<{ topic: string; partitions: (PartitionOffset & { metadata: string | null })[] }[]>
  deleteTopicRecords(options: {
    topic: string
    partitions: PartitionOffset[]
  }): Promise<{ partition: number; lowWatermark: number }[]>
  fetchTopicMetadata(options: {
    topics: string[]
  }): Promise<{ name: string; isInternal: boolean; partitions: PartitionMetadata[] }[]>
  fetchTopicOffsets(topic: string): Promise<(PartitionOffset & { high: string; low: string })[]>
  fetchTopicOffsetsByTimestamp(topic: string, timestamp?: number): Promise<PartitionOffset[]>
}

export interface PartitionMetadata {
  partitionId: number
  leader: number
  replicas: number[]
  isr: number[]
}

export interface Kafka {
  producer(settings: Settings): Producer
  consumer(settings: Settings): Consumer
  admin(settings?: Settings): Admin
}

export interface KafkaNamespace {
  Kafka: new (settings: Settings) => Kafka
  logLevel: { WARN: number }
  CompressionTypes: Record<'GZIP' | 'SNAPPY' | 'LZ4' | 'ZSTD', string>
  ErrorCodes: Record<string, number>
}

/** With what librdkafka is compiled and linked. */
const debianPackages = [
  ...['g++', 'make', 'python3', 'zlib1g-dev', 'libssl-dev', 'libzstd-dev'],
  ...['libcurl4-openssl-dev', 'libsasl2-dev', 'liblz4-dev'],
]

let namespace: Promise<KafkaNamespace> | undefined

/** Installed and compiled; gives a `require` that finds it. */
export async function installPackage(): Promise<NodeJS.Require> {
  await installDebianPackages(debianPackages)
  return await clientPackages('confluent-javascript', { CKJS_LINKING: 'dynamic' })
}

export function loadKafka(): Promise<KafkaNamespace> {
  namespace ??= load()
  return namespace
}

async function load(): Promise<KafkaNamespace> {
  const require = await installPackage()
  const { KafkaJS } = require('@confluentinc/kafka-javascript') as { KafkaJS: KafkaNamespace }
  return KafkaJS
}

/** Requests that change the catalogue of the small data directory, and a change that only another broker would make. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildBatch } from '../../../protocol-codecs/build-batch.ts'
import { partitionRecord } from '../../../protocol-codecs/internal-topics/metadata-records.ts'
import { createTopicsRequest, createTopicsResponse } from '../../../protocol-codecs/messages/create-topics.ts'
import { deleteTopicsRequest, deleteTopicsResponse } from '../../../protocol-codecs/messages/delete-topics.ts'
import {
  incrementalAlterConfigsRequest,
  incrementalAlterConfigsResponse,
} from '../../../protocol-codecs/messages/incremental-alter-configs.ts'
import {
  initProducerIdRequest,
  initProducerIdResponse,
} from '../../../protocol-codecs/messages/init-producer-id.ts'
import { recordsOf } from '../../../protocol-codecs/read-records.ts'
import {
  batchesIn,
  batchLastOffset,
  batchLeaderEpoch,
  stampBatch,
} from '../../../protocol-codecs/record-batch.ts'
import { systemDisk } from '../../../src/platform/disk.ts'
import { readOffsetCheckpoint, writeCheckpoint } from '../../../src/storage/local/checkpoint-file.ts'
import { highWatermarkName, recoveryPointName } from '../../../src/storage/local/data-directory.ts'
import { parsePartitionDirectoryName } from '../../../src/storage/local/log-files.ts'
import { decodeMetadata, encodeMetadata } from '../../../src/storage/local/metadata-frame.ts'
import type { RawClient } from '../../../src/testing/raw-client.ts'

const configs: Record<string, Record<string, string>> = {
  trimmed: { 'message.timestamp.type': 'LogAppendTime' },
}

export async function createTopics(client: RawClient, topics: Record<string, number>): Promise<void> {
  const exchange = { request: createTopicsRequest, response: createTopicsResponse }
  const { topics: created } = await client.send(exchange, 5, {
    topics: Object.entries(topics).map(([name, numPartitions]) => ({
      name,
      numPartitions,
      replicationFactor: 1,
      assignments: [],
      configs: Object.entries(configs[name] ?? {}).map(([key, value]) => ({ name: key, value })),
    })),
  })
  requireNoError(created)
}

export async function deleteTopic(client: RawClient, name: string): Promise<void> {
  const exchange = { request: deleteTopicsRequest, response: deleteTopicsResponse }
  const { responses } = await client.send(exchange, 5, { topicNames: [name], timeoutMs: 10_000 })
  requireNoError(responses)
}

const topicResource = 2
const brokerResource = 4

/** Of a topic and of all brokers, and one that is taken back again. */
export async function alterConfigs(client: RawClient): Promise<void> {
  const exchange = { request: incrementalAlterConfigsRequest, response: incrementalAlterConfigsResponse }
  const alter = async (resourceType: number, resourceName: string, name: string, value: string | null) => {
    const change = { name, configOperation: value === null ? 1 : 0, value }
    const resources = [{ resourceType, resourceName, configs: [change] }]
    requireNoError((await client.send(exchange, 1, { resources, validateOnly: false })).responses)
  }
  await alter(topicResource, 'plain', 'retention.ms', '77777777777')
  await alter(topicResource, 'packed', 'max.message.bytes', '70000')
  await alter(topicResource, 'packed', 'max.message.bytes', null)
  await alter(brokerResource, '', 'log.cleaner.delete.retention.ms', '88888888')
}

/** Makes the broker take a block of producer ids, which none may take again. */
export async function nextProducerId(client: RawClient): Promise<bigint> {
  const exchange = { request: initProducerIdRequest, response: initProducerIdResponse }
  const answer = await client.send(exchange, 2, { transactionalId: null, transactionTimeoutMs: 0 })
  requireNoError([answer])
  return answer.producerId
}

/** What a controller would have written when the partition's leader changed; one node alone never does. */
export async function raiseLeaderEpoch(directory: string, topic: string): Promise<void> {
  const name = '__cluster_metadata-0'
  const path = join(directory, name, '00000000000000000000.log')
  const bytes = readFileSync(path)
  let topicId = ''
  let end = 0
  let leaderEpoch = 0
  let raised: Buffer | undefined
  for (const at of batchesIn(bytes)) {
    end = batchLastOffset(bytes, at) + 1
    leaderEpoch = batchLeaderEpoch(bytes, at)
    for (const { value } of recordsOf(bytes, at)) {
      const record = value === null ? undefined : decodeMetadata(value)
      if (record?.type === 'TopicRecord' && record.value.name === topic) topicId = record.value.topicId
      if (record?.type === 'PartitionRecord' && record.value.topicId === topicId) {
        raised = encodeMetadata(partitionRecord, 1, { ...record.value, leaderEpoch: 1 })
      }
    }
  }
  const batch = buildBatch({ records: [{ value: raised! }] })
  stampBatch(batch, 0, end, leaderEpoch)
  writeFileSync(path, Buffer.concat([bytes, batch]))
  const disk = systemDisk()
  for (const checkpoint of [recoveryPointName, highWatermarkName]) {
    const offsets = new Map(readOffsetCheckpoint(disk, join(directory, checkpoint))!)
    offsets.set(name, end + 1)
    const entries = [...offsets].map(([partition, offset]) => {
      const { index, topic: ofTopic } = parsePartitionDirectoryName(partition)!
      return [ofTopic, index, offset] as const
    })
    writeCheckpoint(disk, join(directory, checkpoint), entries, false)
  }
}

export function requireNoError(answers: readonly { errorCode: number }[]): void {
  for (const { errorCode } of answers)
    if (errorCode !== 0) throw new Error(`answered with error ${errorCode}`)
}

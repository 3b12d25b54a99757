/** The requests of the torture's own clients, each in one version, with its error thrown. */
import { errorName } from '../../../protocol-codecs/error-codes.ts'
import { createTopicsRequest, createTopicsResponse } from '../../../protocol-codecs/messages/create-topics.ts'
import {
  deleteRecordsRequest,
  deleteRecordsResponse,
} from '../../../protocol-codecs/messages/delete-records.ts'
import { deleteTopicsRequest, deleteTopicsResponse } from '../../../protocol-codecs/messages/delete-topics.ts'
import { fetchRequest, fetchResponse } from '../../../protocol-codecs/messages/fetch.ts'
import {
  initProducerIdRequest,
  initProducerIdResponse,
} from '../../../protocol-codecs/messages/init-producer-id.ts'
import { listOffsetsRequest, listOffsetsResponse } from '../../../protocol-codecs/messages/list-offsets.ts'
import { metadataRequest, metadataResponse } from '../../../protocol-codecs/messages/metadata.ts'
import { offsetCommitRequest, offsetCommitResponse } from '../../../protocol-codecs/messages/offset-commit.ts'
import { offsetFetchRequest, offsetFetchResponse } from '../../../protocol-codecs/messages/offset-fetch.ts'
import { produceRequest, produceResponse } from '../../../protocol-codecs/messages/produce.ts'
import { recordsOf } from '../../../protocol-codecs/read-records.ts'
import { batchesIn } from '../../../protocol-codecs/record-batch.ts'
import type { AnswerEnd, MarkedClient } from './marked-client.ts'

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

class RequestError extends Error {}

function requireNone(errorCode: number, what: string): void {
  if (errorCode !== 0) throw new RequestError(`${what}: ${errorName(errorCode)}`)
}

/** Entries by topic, as most requests want them. */
function byTopic<Entry extends TopicPartition>(entries: readonly Entry[]): [string, Entry[]][] {
  const topics = new Map<string, Entry[]>()
  for (const entry of entries) {
    const ofTopic = topics.get(entry.topic)
    if (ofTopic === undefined) topics.set(entry.topic, [entry])
    else ofTopic.push(entry)
  }
  return [...topics]
}

/** Base offsets, in the order of the batches. */
export async function produce(
  client: MarkedClient,
  batches: readonly (TopicPartition & { readonly records: Buffer })[],
): Promise<{ baseOffsets: number[]; end: AnswerEnd }> {
  const { answer, end } = await client.send({ request: produceRequest, response: produceResponse }, 9, {
    acks: -1,
    timeoutMs: 30_000,
    topicData: byTopic(batches).map(([name, entries]) => ({
      name,
      partitionData: entries.map(({ partition: index, records }) => ({ index, records })),
    })),
  })
  const offsets = new Map<string, number>()
  for (const { name, partitionResponses } of answer.responses) {
    for (const { index, errorCode, baseOffset } of partitionResponses) {
      requireNone(errorCode, `produce to ${name}-${index}`)
      offsets.set(`${name}-${index}`, Number(baseOffset))
    }
  }
  return { baseOffsets: batches.map(({ topic, partition }) => offsets.get(`${topic}-${partition}`)!), end }
}

export async function initProducerId(client: MarkedClient): Promise<{ producerId: number; end: AnswerEnd }> {
  const exchange = { request: initProducerIdRequest, response: initProducerIdResponse }
  const { answer, end } = await client.send(exchange, 4, {
    transactionalId: null,
    transactionTimeoutMs: 60_000,
  })
  requireNone(answer.errorCode, 'init producer id')
  return { producerId: Number(answer.producerId), end }
}

export async function createTopic(
  client: MarkedClient,
  name: string,
  partitionCount: number,
  configs: Readonly<Record<string, string>>,
): Promise<AnswerEnd> {
  const exchange = { request: createTopicsRequest, response: createTopicsResponse }
  const { answer, end } = await client.send(exchange, 7, {
    topics: [
      {
        name,
        numPartitions: partitionCount,
        replicationFactor: 1,
        assignments: [],
        configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
      },
    ],
  })
  requireNone(answer.topics[0]!.errorCode, `create ${name}: ${answer.topics[0]!.errorMessage}`)
  return end
}

export async function deleteTopic(client: MarkedClient, name: string): Promise<AnswerEnd> {
  const exchange = { request: deleteTopicsRequest, response: deleteTopicsResponse }
  const { answer, end } = await client.send(exchange, 5, { topicNames: [name], timeoutMs: 30_000 })
  requireNone(answer.responses[0]!.errorCode, `delete ${name}`)
  return end
}

export async function deleteRecords(
  client: MarkedClient,
  { topic, partition }: TopicPartition,
  offset: number,
): Promise<{ lowWatermark: number; end: AnswerEnd }> {
  const exchange = { request: deleteRecordsRequest, response: deleteRecordsResponse }
  const { answer, end } = await client.send(exchange, 2, {
    topics: [{ name: topic, partitions: [{ partitionIndex: partition, offset: BigInt(offset) }] }],
    timeoutMs: 30_000,
  })
  const [result] = answer.topics[0]!.partitions
  requireNone(result!.errorCode, `delete records of ${topic}-${partition}`)
  return { lowWatermark: Number(result!.lowWatermark), end }
}

/** Commits as a consumer does that is assigned its partitions by hand. */
export async function commitOffsets(
  client: MarkedClient,
  groupId: string,
  offsets: readonly (TopicPartition & { readonly offset: number })[],
): Promise<AnswerEnd> {
  const exchange = { request: offsetCommitRequest, response: offsetCommitResponse }
  const { answer, end } = await client.send(exchange, 8, {
    groupId,
    memberId: '',
    topics: byTopic(offsets).map(([name, entries]) => ({
      name,
      partitions: entries.map(({ partition, offset }) => ({
        partitionIndex: partition,
        committedOffset: BigInt(offset),
        committedMetadata: '',
      })),
    })),
  })
  for (const { partitions } of answer.topics)
    for (const { errorCode } of partitions) requireNone(errorCode, `commit of ${groupId}`)
  return end
}

/** Committed offsets by `<topic>-<partition>`; asks again while the group is being loaded. */
export async function committedOffsets(client: MarkedClient, groupId: string): Promise<Map<string, number>> {
  const exchange = { request: offsetFetchRequest, response: offsetFetchResponse }
  for (;;) {
    const { answer } = await client.send(exchange, 7, { groupId, topics: null })
    const name = errorName(answer.errorCode)
    if (name === 'COORDINATOR_LOAD_IN_PROGRESS' || name === 'NOT_COORDINATOR') continue
    requireNone(answer.errorCode, `offsets of ${groupId}`)
    return new Map(
      answer.topics.flatMap(({ name: topic, partitions }) =>
        partitions.map(
          ({ partitionIndex, committedOffset }) =>
            [`${topic}-${partitionIndex}`, Number(committedOffset)] as const,
        ),
      ),
    )
  }
}

export async function topicNames(client: MarkedClient): Promise<string[]> {
  const exchange = { request: metadataRequest, response: metadataResponse }
  const { answer } = await client.send(exchange, 9, { topics: null })
  return answer.topics.map(({ name }) => name!)
}

/** Log start (-2) or end (-1) of each partition. */
export async function logEdges(
  client: MarkedClient,
  partitions: readonly TopicPartition[],
  edge: 'start' | 'end',
): Promise<number[]> {
  const exchange = { request: listOffsetsRequest, response: listOffsetsResponse }
  const { answer } = await client.send(exchange, 6, {
    replicaId: -1,
    isolationLevel: 0,
    topics: byTopic(partitions).map(([name, entries]) => ({
      name,
      partitions: entries.map(({ partition }) => ({
        partitionIndex: partition,
        timestamp: edge === 'start' ? -2n : -1n,
      })),
    })),
  })
  const offsets = new Map<string, number>()
  for (const { name, partitions } of answer.topics) {
    for (const { partitionIndex, errorCode, offset } of partitions) {
      requireNone(errorCode, `offsets of ${name}-${partitionIndex}`)
      offsets.set(`${name}-${partitionIndex}`, Number(offset))
    }
  }
  return partitions.map(({ topic, partition }) => offsets.get(`${topic}-${partition}`)!)
}

export interface Consumed {
  readonly offset: number
  readonly value: string
}

/** All records of each partition from its start to its end. */
export async function readLogs(
  client: MarkedClient,
  logs: readonly (TopicPartition & { readonly start: number; readonly end: number })[],
): Promise<Consumed[][]> {
  const exchange = { request: fetchRequest, response: fetchResponse }
  const found = logs.map((): Consumed[] => [])
  const indexes = new Map(logs.map(({ topic, partition }, index) => [`${topic}-${partition}`, index]))
  const next = logs.map(({ start }) => start)
  for (;;) {
    const missing = logs.filter(({ end }, index) => next[index]! < end)
    if (missing.length === 0) return found
    const { answer } = await client.send(exchange, 11, {
      maxWaitMs: 0,
      minBytes: 0,
      topics: byTopic(missing).map(([topic, entries]) => ({
        topic,
        partitions: entries.map(({ partition }) => ({
          partition,
          fetchOffset: BigInt(next[indexes.get(`${topic}-${partition}`)!]!),
          partitionMaxBytes: 1024 * 1024,
        })),
      })),
      forgottenTopicsData: [],
    })
    requireNone(answer.errorCode, 'fetch')
    let count = 0
    for (const { topic, partitions } of answer.responses) {
      for (const { partitionIndex, errorCode, records } of partitions) {
        requireNone(errorCode, `fetch of ${topic}-${partitionIndex}`)
        const index = indexes.get(`${topic}-${partitionIndex}`)!
        for (const at of batchesIn(records ?? Buffer.alloc(0))) {
          for (const { offset, value } of recordsOf(records!, at)) {
            if (offset < next[index]!) continue
            found[index]!.push({ offset, value: String(value) })
            next[index] = offset + 1
            count++
          }
        }
      }
    }
    if (count === 0) throw new RequestError(`nothing to read before the end of ${JSON.stringify(missing[0])}`)
  }
}

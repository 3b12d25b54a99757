/** ListOffsets: where partitions begin and end, and which offset stands at a time. Asks the leader of each. */
import { errorCodes } from '../../protocol-codecs/error-codes.ts'
import { listOffsetsRequest, listOffsetsResponse } from '../../protocol-codecs/messages/list-offsets.ts'
import { throwIfRefused } from './client-error.ts'
import type { ClusterClient } from './cluster-client.ts'
import { leadersOf } from './topic-metadata.ts'
import { byTopic, partitionName, type TopicPartition } from './topic-partitions.ts'

/** What Kafka says in place of a time. */
export const latestTimestamp = -1
export const earliestTimestamp = -2

export type IsolationLevel = 'read_uncommitted' | 'read_committed'

export interface OffsetQuestion extends TopicPartition {
  /** Milliseconds, or one of the two above. */
  readonly timestamp: number
}

/** Version 0 answers with a list of segments' offsets and knows no exact times. */
const listOffsets = { request: listOffsetsRequest, response: listOffsetsResponse, versions: '1-11' } as const

/**
 * The offset for each question, by partition name; -1: no record is as late as the time that was asked for. The
 * latest offset under read_committed is where open transactions begin.
 */
export async function offsetsAt(
  client: ClusterClient,
  questions: readonly OffsetQuestion[],
  isolation: IsolationLevel = 'read_uncommitted',
): Promise<Map<string, number>> {
  const offsets = new Map<string, number>()
  const ask = async () => {
    const open = questions.filter(question => !offsets.has(partitionName(question)))
    const leaders = await leadersOf(client, open)
    await Promise.all([...leaders].map(([nodeId, led]) => askLeader(client, nodeId, led, isolation, offsets)))
  }
  await client.retrying(ask, { afterLostConnection: true })
  return offsets
}

async function askLeader(
  client: ClusterClient,
  nodeId: number,
  questions: readonly OffsetQuestion[],
  isolation: IsolationLevel,
  offsets: Map<string, number>,
): Promise<void> {
  const connection = await client.node(nodeId)
  const answer = await connection.send(listOffsets, {
    replicaId: -1,
    isolationLevel: isolation === 'read_committed' ? 1 : undefined,
    topics: byTopic(questions).map(({ topic, items }) => ({
      name: topic,
      partitions: items.map(item => ({ partitionIndex: item.partition, timestamp: BigInt(item.timestamp) })),
    })),
    timeoutMs: client.timeoutMs,
  })
  let failed: (() => void) | undefined
  for (const { name, partitions } of answer.topics) {
    for (const { partitionIndex, errorCode, offset } of partitions) {
      const partition = partitionName({ topic: name, partition: partitionIndex })
      if (errorCode === errorCodes.NONE) offsets.set(partition, Number(offset))
      else {
        failed ??= () =>
          throwIfRefused(`Cannot list offsets of partition ${partition}`, connection.broker, errorCode)
      }
    }
  }
  failed?.()
}

export interface OffsetRange {
  readonly earliest: number
  readonly latest: number
}

/** First offset and end (the offset of the next record) of each partition. */
export async function offsetRanges(
  client: ClusterClient,
  partitions: readonly TopicPartition[],
  isolation: IsolationLevel = 'read_uncommitted',
): Promise<Map<string, OffsetRange>> {
  const at = (timestamp: number) => {
    const questions = partitions.map(({ topic, partition }) => ({ topic, partition, timestamp }))
    return offsetsAt(client, questions, isolation)
  }
  const [earliest, latest] = await Promise.all([at(earliestTimestamp), at(latestTimestamp)])
  return new Map(
    partitions
      .map(partitionName)
      .map(name => [name, { earliest: earliest.get(name)!, latest: latest.get(name)! }]),
  )
}

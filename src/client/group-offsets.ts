/** Committed offsets of a group: read, set and deleted from outside, or committed as one of its members. */
import { errorCodes } from '../../protocol-codecs/error-codes.ts'
import { offsetCommitRequest, offsetCommitResponse } from '../../protocol-codecs/messages/offset-commit.ts'
import { offsetDeleteRequest, offsetDeleteResponse } from '../../protocol-codecs/messages/offset-delete.ts'
import { offsetFetchRequest, offsetFetchResponse } from '../../protocol-codecs/messages/offset-fetch.ts'
import { throwIfRefused } from './client-error.ts'
import type { ClusterClient } from './cluster-client.ts'
import { byTopic, partitionName, type TopicPartition } from './topic-partitions.ts'

/** Version 10 of both names topics by id. */
const offsetFetch = { request: offsetFetchRequest, response: offsetFetchResponse, versions: '1-9' } as const
const offsetCommit = {
  request: offsetCommitRequest,
  response: offsetCommitResponse,
  versions: '2-9',
} as const
const offsetDelete = { request: offsetDeleteRequest, response: offsetDeleteResponse } as const

export interface PartitionOffset extends TopicPartition {
  readonly offset: number
}

/** As which member to commit; from outside of the group there is none. */
export interface Membership {
  readonly generationId: number
  readonly memberId: string
  readonly groupInstanceId: string | null
}

const outsider: Membership = { generationId: -1, memberId: '', groupInstanceId: null }
const noOffset = -1

/** What the group has committed for these partitions, or for all; partitions without a commit are left out. */
export async function committedOffsets(
  client: ClusterClient,
  groupId: string,
  partitions: readonly TopicPartition[] | null = null,
): Promise<PartitionOffset[]> {
  const names = partitions === null ? null : byTopic(partitions)
  const wanted = names?.map(({ topic, items }) => ({
    name: topic,
    partitionIndexes: items.map(({ partition }) => partition),
  }))
  return client.atCoordinator(
    groupId,
    async connection => {
      const isGrouped = (connection.versionOf(offsetFetch) ?? 0) >= 8
      const topics = wanted ?? null
      const answer = await connection.send(
        offsetFetch,
        isGrouped ? { groups: [{ groupId, topics }] } : { groupId, topics },
      )
      const found = isGrouped ? answer.groups[0]! : answer
      const what = `Cannot fetch the offsets of group ${groupId}`
      throwIfRefused(what, connection.broker, found.errorCode)
      const offsets: PartitionOffset[] = []
      for (const { name, partitions } of found.topics) {
        for (const { partitionIndex, committedOffset, errorCode } of partitions) {
          throwIfRefused(what, connection.broker, errorCode)
          const offset = Number(committedOffset)
          if (offset !== noOffset) offsets.push({ topic: name, partition: partitionIndex, offset })
        }
      }
      return offsets
    },
    { afterLostConnection: true },
  )
}

export async function commitOffsets(
  client: ClusterClient,
  groupId: string,
  offsets: readonly PartitionOffset[],
  { generationId, memberId, groupInstanceId }: Membership = outsider,
): Promise<void> {
  if (offsets.length === 0) return
  await client.atCoordinator(
    groupId,
    async connection => {
      const answer = await connection.send(offsetCommit, {
        groupId,
        generationIdOrMemberEpoch: generationId,
        memberId,
        groupInstanceId,
        topics: byTopic(offsets).map(({ topic, items }) => ({
          name: topic,
          partitions: items.map(({ partition, offset }) => ({
            partitionIndex: partition,
            committedOffset: BigInt(offset),
            committedMetadata: '',
          })),
        })),
      })
      for (const { name, partitions } of answer.topics) {
        for (const { partitionIndex, errorCode } of partitions) {
          const partition = partitionName({ topic: name, partition: partitionIndex })
          const what = `Cannot commit an offset of partition ${partition} for group ${groupId}`
          throwIfRefused(what, connection.broker, errorCode)
        }
      }
    },
    { afterLostConnection: true },
  )
}

export async function deleteOffsets(
  client: ClusterClient,
  groupId: string,
  partitions: readonly TopicPartition[],
): Promise<void> {
  await client.atCoordinator(groupId, async connection => {
    const answer = await connection.send(offsetDelete, {
      groupId,
      topics: byTopic(partitions).map(({ topic, items }) => ({
        name: topic,
        partitions: items.map(({ partition }) => ({ partitionIndex: partition })),
      })),
    })
    const what = `Cannot delete offsets of group ${groupId}`
    throwIfRefused(what, connection.broker, answer.errorCode)
    for (const { name, partitions } of answer.topics) {
      for (const { partitionIndex, errorCode } of partitions) {
        if (errorCode === errorCodes.NONE) continue
        const partition = partitionName({ topic: name, partition: partitionIndex })
        throwIfRefused(`${what} for partition ${partition}`, connection.broker, errorCode)
      }
    }
  })
}

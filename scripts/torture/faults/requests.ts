/** Requests whose errors a client would hide behind its retries, sent once each: they give the names of the errors. */
import { errorName } from '../../../protocol-codecs/error-codes.ts'
import {
  deleteRecordsRequest,
  deleteRecordsResponse,
} from '../../../protocol-codecs/messages/delete-records.ts'
import { fetchRequest, fetchResponse } from '../../../protocol-codecs/messages/fetch.ts'
import { offsetCommitRequest, offsetCommitResponse } from '../../../protocol-codecs/messages/offset-commit.ts'
import { RawClient } from '../../../src/testing/raw-client.ts'
import { topic } from './load.ts'

const deleteRecordsExchange = { request: deleteRecordsRequest, response: deleteRecordsResponse }
const fetchExchange = { request: fetchRequest, response: fetchResponse }
const offsetCommitExchange = { request: offsetCommitRequest, response: offsetCommitResponse }
/** As long as is allowed, so that few of them need another block of the disk. */
const metadata = 'x'.repeat(4000)

async function withClient<T>(port: number, ask: (client: RawClient) => Promise<T>): Promise<T> {
  const client = await RawClient.connect({ port })
  try {
    return await ask(client)
  } finally {
    await client.close()
  }
}

/** A commit of a group without members. */
export function commitOffset(port: number): Promise<string> {
  const partitions = [{ partitionIndex: 0, committedOffset: 1n, committedMetadata: metadata }]
  const request = { groupId: 'without-members', memberId: '', topics: [{ name: topic, partitions }] }
  return withClient(port, async client => {
    const { topics } = await client.send(offsetCommitExchange, 8, request)
    return errorName(topics[0]!.partitions[0]!.errorCode)
  })
}

export interface Deletion {
  readonly partition: number
  /** The first record that stays. */
  readonly offset: number
}

export function deleteRecords(port: number, deletions: readonly Deletion[]): Promise<string[]> {
  const partitions = deletions.map(({ partition, offset }) => ({
    partitionIndex: partition,
    offset: BigInt(offset),
  }))
  const request = { topics: [{ name: topic, partitions }], timeoutMs: 5000 }
  return withClient(port, async client => {
    const { topics } = await client.send(deleteRecordsExchange, 1, request)
    return topics[0]!.partitions.map(({ errorCode }) => errorName(errorCode))
  })
}

/** A read of a partition's first records. */
export function fetchFirst(port: number, partition: number): Promise<string> {
  const partitions = [{ partition, fetchOffset: 0n, partitionMaxBytes: 1000 }]
  const request = { maxWaitMs: 0, minBytes: 0, topics: [{ topic, partitions }], forgottenTopicsData: [] }
  return withClient(port, async client => {
    const { responses } = await client.send(fetchExchange, 11, request)
    return errorName(responses[0]!.partitions[0]!.errorCode)
  })
}

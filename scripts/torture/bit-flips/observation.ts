/**
 * Everything that clients can see of a broker's data, as texts that can be compared: topics, where logs begin and end,
 * every record read from the beginning and from the middle, offsets by timestamp and by epoch, configurations, groups,
 * committed offsets, which producer id is next, and what the broker says to a producer that repeats its last batch. An error of the broker's is seen as such, and so is
 * a batch that the client's checksum refuses.
 */
import { errorCodes, errorName } from '../../../protocol-codecs/error-codes.ts'
import {
  describeConfigsRequest,
  describeConfigsResponse,
} from '../../../protocol-codecs/messages/describe-configs.ts'
import {
  describeGroupsRequest,
  describeGroupsResponse,
} from '../../../protocol-codecs/messages/describe-groups.ts'
import { fetchRequest, fetchResponse } from '../../../protocol-codecs/messages/fetch.ts'
import {
  initProducerIdRequest,
  initProducerIdResponse,
} from '../../../protocol-codecs/messages/init-producer-id.ts'
import { listGroupsRequest, listGroupsResponse } from '../../../protocol-codecs/messages/list-groups.ts'
import { listOffsetsRequest, listOffsetsResponse } from '../../../protocol-codecs/messages/list-offsets.ts'
import { metadataRequest, metadataResponse } from '../../../protocol-codecs/messages/metadata.ts'
import { offsetFetchRequest, offsetFetchResponse } from '../../../protocol-codecs/messages/offset-fetch.ts'
import {
  offsetForLeaderEpochRequest,
  offsetForLeaderEpochResponse,
} from '../../../protocol-codecs/messages/offset-for-leader-epoch.ts'
import { produceRequest, produceResponse } from '../../../protocol-codecs/messages/produce.ts'
import { recordsOf } from '../../../protocol-codecs/read-records.ts'
import {
  batchCrcIsValid,
  batchesIn,
  batchLastOffset,
  batchLeaderEpoch,
} from '../../../protocol-codecs/record-batch.ts'
import type { RawClient } from '../../../src/testing/raw-client.ts'

/** Marks what the broker or the client has noticed. */
export const brokerError = 'broker: '
export const clientError = 'client: '

export interface Probe {
  readonly topic: string
  readonly partition: number
  /** Also by timestamps, from the middle, and by epochs. */
  readonly isThorough: boolean
}

/** What was asked, and what was seen. */
export type Observation = Record<string, string>

interface SeenRecord {
  readonly offset: number
  readonly timestamp: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: readonly { readonly key: string; readonly value: Uint8Array | null }[]
}

export function showRecord(
  { headers, key, offset, timestamp, value }: SeenRecord,
  leaderEpoch: number,
): string {
  const text = (bytes: Uint8Array | null) => (bytes === null ? 'null' : Buffer.from(bytes).toString('latin1'))
  const shown = headers.map(header => `${header.key}=${text(header.value)}`)
  return `${offset} ${timestamp} ${leaderEpoch} ${text(key)} ${text(value)} ${shown.join()}`
}

/** Bytes asked for at a time: few, so that one reading takes several fetches. */
const fetchBytes = 500
/** More fetches than any log here takes: who needs more goes in circles. */
const mostFetches = 200

/** Groups are loaded while clients are served already. */
const mostAttempts = 20

export class Observer {
  private readonly client: RawClient
  readonly seen: Observation = {}

  constructor(client: RawClient) {
    this.client = client
  }

  async topics(): Promise<void> {
    const exchange = { request: metadataRequest, response: metadataResponse }
    const { clusterId, topics } = await this.client.send(exchange, 12, { topics: null })
    this.seen['cluster id'] = String(clusterId)
    for (const { errorCode, name, partitions, topicId } of topics) {
      const shown = partitions.map(({ errorCode: code, leaderEpoch, partitionIndex }) =>
        code === 0
          ? `${partitionIndex}@${leaderEpoch}`
          : `${partitionIndex} ${brokerError}${errorName(code)}`,
      )
      this.seen[`topic ${name}`] = `${topicId} ${errorName(errorCode)} ${shown.sort().join()}`
    }
  }

  async partition({ isThorough, partition, topic }: Probe): Promise<void> {
    const name = `${topic}-${partition}`
    const start = await this.offsetAt(topic, partition, -2)
    const end = await this.offsetAt(topic, partition, -1)
    this.seen[`start of ${name}`] = start
    this.seen[`end of ${name}`] = end
    const read = await this.read(topic, partition, Number(start.split(' ')[0]), Number(end.split(' ')[0]))
    this.seen[`records of ${name}`] = read.join('\n')
    if (!isThorough) return
    this.seen[`largest timestamp of ${name}`] = await this.offsetAt(topic, partition, -3)
    const offsets = read.map(text => Number.parseInt(text, 10)).filter(offset => offset >= 0)
    const timestamps = read.map(text => Number(text.split(' ')[1])).filter(timestamp => timestamp > 0)
    const byTimestamp = [...new Set(timestamps)].map(async timestamp => {
      this.seen[`${timestamp} in ${name}`] = await this.offsetAt(topic, partition, timestamp)
    })
    const byOffset = offsets.map(async offset => {
      const [first] = await this.read(topic, partition, offset, offset + 1)
      this.seen[`offset ${offset} of ${name}`] = first ?? 'nothing'
    })
    await Promise.all([...byTimestamp, ...byOffset])
    for (const epoch of [0, 1, 2])
      this.seen[`epoch ${epoch} of ${name}`] = await this.epochEnd(topic, partition, epoch)
  }

  /** As far as they are not defaults. */
  async configs(topics: readonly string[]): Promise<void> {
    const exchange = { request: describeConfigsRequest, response: describeConfigsResponse }
    const resources = [
      ...topics.map(resourceName => ({ resourceType: 2, resourceName, configurationKeys: null })),
      { resourceType: 4, resourceName: '', configurationKeys: null },
    ]
    const { results } = await this.client.send(exchange, 4, { resources })
    for (const { configs, errorCode, resourceName, resourceType } of results) {
      // DYNAMIC_TOPIC_CONFIG, DYNAMIC_DEFAULT_BROKER_CONFIG
      const set = configs.filter(({ configSource }) => configSource === 1 || configSource === 3)
      const shown = set.map(({ name, value }) => `${name}=${value}`).sort()
      this.seen[`configs of ${resourceType === 2 ? resourceName : 'brokers'}`] =
        errorCode === 0 ? shown.join() : brokerError + errorName(errorCode)
    }
  }

  /** Which groups there are, and who is in one. */
  async groups(memberGroupId: string): Promise<void> {
    const listing = { request: listGroupsRequest, response: listGroupsResponse }
    const listed = await this.client.send(listing, 4, {})
    this.seen.groups =
      listed.errorCode === 0
        ? listed.groups
            .map(group => `${group.groupId} ${group.protocolType} ${group.groupState}`)
            .sort()
            .join()
        : brokerError + errorName(listed.errorCode)
    const describing = { request: describeGroupsRequest, response: describeGroupsResponse }
    const { groups } = await this.client.send(describing, 5, { groups: [memberGroupId] })
    const { errorCode, groupState, members, protocolData } = groups[0]!
    const shown = members.map(
      ({ memberAssignment, memberId, memberMetadata }) =>
        `${memberId} ${Buffer.from(memberMetadata)} ${Buffer.from(memberAssignment)}`,
    )
    this.seen[`members of ${memberGroupId}`] =
      errorCode === 0 ? `${groupState} ${protocolData} ${shown}` : brokerError + errorName(errorCode)
  }

  /** A producer that is new must get an id that none has had. */
  async nextProducerId(): Promise<void> {
    const exchange = { request: initProducerIdRequest, response: initProducerIdResponse }
    const wanted = { transactionalId: null, transactionTimeoutMs: 0 }
    const { errorCode, producerId } = await this.client.send(exchange, 2, wanted)
    this.seen['next producer id'] = errorCode === 0 ? `${producerId}` : brokerError + errorName(errorCode)
  }

  /** Each record from `from` up to `to`; what stands in the way, where something does. */
  private async read(topic: string, partition: number, from: number, to: number): Promise<string[]> {
    const records: string[] = []
    if (!(to > from)) return records
    let next = from
    for (let fetches = 0; next < to; fetches++) {
      if (fetches === mostFetches) return [...records, `stuck at ${next}`]
      const { errorCode, responses } = await this.client.send(
        { request: fetchRequest, response: fetchResponse },
        12,
        {
          maxWaitMs: 0,
          minBytes: 0,
          maxBytes: fetchBytes,
          topics: [
            { topic, partitions: [{ partition, fetchOffset: BigInt(next), partitionMaxBytes: fetchBytes }] },
          ],
          forgottenTopicsData: [],
        },
      )
      const answer = responses[0]?.partitions[0]
      const code = errorCode === 0 ? (answer?.errorCode ?? -1) : errorCode
      if (code !== 0) return [...records, brokerError + errorName(code)]
      const before = next
      const problem = take(answer!.records ?? Buffer.alloc(0), next, records, offset => {
        next = offset
      })
      if (problem !== undefined) return [...records, clientError + problem]
      if (next === before) return [...records, `nothing at ${next}`]
    }
    return records
  }

  private async offsetAt(topic: string, partition: number, timestamp: number): Promise<string> {
    const exchange = { request: listOffsetsRequest, response: listOffsetsResponse }
    const partitions = [{ partitionIndex: partition, timestamp: BigInt(timestamp) }]
    const { topics } = await this.client.send(exchange, 7, {
      replicaId: -1,
      topics: [{ name: topic, partitions }],
    })
    const answer = topics[0]!.partitions[0]!
    if (answer.errorCode !== 0) return brokerError + errorName(answer.errorCode)
    return timestamp === -2 || timestamp === -1
      ? `${answer.offset}`
      : `${answer.offset} ${answer.timestamp} ${answer.leaderEpoch}`
  }

  private async epochEnd(topic: string, partition: number, leaderEpoch: number): Promise<string> {
    const exchange = { request: offsetForLeaderEpochRequest, response: offsetForLeaderEpochResponse }
    const partitions = [{ partition, leaderEpoch }]
    const { topics } = await this.client.send(exchange, 4, { topics: [{ topic, partitions }] })
    const { endOffset, errorCode, leaderEpoch: found } = topics[0]!.partitions[0]!
    return errorCode === 0 ? `${found} ${endOffset}` : brokerError + errorName(errorCode)
  }

  async committed(groupId: string): Promise<void> {
    const exchange = { request: offsetFetchRequest, response: offsetFetchResponse }
    for (let attempt = 1; ; attempt++) {
      const { errorCode, topics } = await this.client.send(exchange, 7, { groupId, topics: null })
      if (errorCode === errorCodes.COORDINATOR_LOAD_IN_PROGRESS && attempt < mostAttempts) {
        await new Promise(resolve => setTimeout(resolve, 5))
        continue
      }
      const offsets = topics.flatMap(({ name, partitions }) =>
        partitions.map(({ committedOffset, metadata, partitionIndex }) => {
          return `${name}-${partitionIndex}: ${committedOffset} ${metadata}`
        }),
      )
      this.seen[`committed by ${groupId}`] =
        errorCode === 0 ? offsets.sort().join() : brokerError + errorName(errorCode)
      return
    }
  }

  /** A producer that did not get its answer sends again. */
  async repeat(topic: string, batch: Buffer): Promise<void> {
    const { responses } = await this.client.send({ request: produceRequest, response: produceResponse }, 9, {
      acks: -1,
      timeoutMs: 10_000,
      topicData: [{ name: topic, partitionData: [{ index: 0, records: batch }] }],
    })
    const { baseOffset, errorCode } = responses[0]!.partitionResponses[0]!
    this.seen[`repeated in ${topic}`] = errorCode === 0 ? `${baseOffset}` : brokerError + errorName(errorCode)
  }
}

/** Decodes what a fetch brought as a client does, from `from` on; gives what the client complains of. */
function take(
  bytes: Buffer,
  from: number,
  records: string[],
  advance: (next: number) => void,
): string | undefined {
  let next = from
  try {
    for (const at of batchesIn(bytes)) {
      if (!batchCrcIsValid(bytes, at)) return 'the checksum is wrong'
      for (const record of recordsOf(bytes, at)) {
        if (record.offset < next) continue
        records.push(showRecord(record, batchLeaderEpoch(bytes, at)))
        next = record.offset + 1
      }
      next = Math.max(next, batchLastOffset(bytes, at) + 1)
      advance(next)
    }
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

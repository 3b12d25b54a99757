/**
 * Makes a small data directory that holds every kind of file: several segments of several partitions, records plain
 * and compressed by each codec, an idempotent producer, records that were deleted, committed offsets, a topic that was
 * deleted, indexes, snapshots, checkpoints. Once as an orderly stop leaves it and once as kill -9 does, with a journal.
 * Everything is produced through the wire with acks=all, and what was acknowledged is the ledger that a reader is
 * held against.
 */
import { cpSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { buildBatch, type RecordToBuild } from '../../../protocol-codecs/build-batch.ts'
import type { CompressionName } from '../../../protocol-codecs/compression/compression-names.ts'
import { createTopicsRequest, createTopicsResponse } from '../../../protocol-codecs/messages/create-topics.ts'
import {
  deleteRecordsRequest,
  deleteRecordsResponse,
} from '../../../protocol-codecs/messages/delete-records.ts'
import { deleteTopicsRequest, deleteTopicsResponse } from '../../../protocol-codecs/messages/delete-topics.ts'
import { offsetCommitRequest, offsetCommitResponse } from '../../../protocol-codecs/messages/offset-commit.ts'
import { produceRequest, produceResponse } from '../../../protocol-codecs/messages/produce.ts'
import { type Broker, openBroker } from '../../../src/broker.ts'
import type { Logger } from '../../../src/platform/logger.ts'
import { brokerSettings } from '../../../src/settings/broker-settings.ts'
import { RawClient } from '../../../src/testing/raw-client.ts'
import { showRecord } from './observation.ts'

export const groupId = 'readers'

/** Segments of a few batches, and an index entry for nearly each; what runs now and then runs often, or never. */
function settingsFor(directory: string) {
  return brokerSettings({
    listeners: ['PLAINTEXT://127.0.0.1:0'],
    'log.dirs': [directory],
    'log.segment.bytes': 420,
    'log.index.interval.bytes': 100,
    'offsets.topic.num.partitions': 1,
    'group.initial.rebalance.delay.ms': 0,
    'log.flush.offset.checkpoint.interval.ms': 3_600_000,
    'log.flush.start.offset.checkpoint.interval.ms': 3_600_000,
  })
}

export function startInProcess(directory: string, logger?: Logger): Promise<Broker> {
  return openBroker(settingsFor(directory), { logger })
}

/** By partition's name: each record as `showRecord` has it, in order. */
export type Ledger = Record<string, string[]>

export interface SmallData {
  readonly clean: string
  readonly crashed: string
  readonly ledgers: { readonly clean: Ledger; readonly crashed: Ledger }
}

/** The producer that retries its last batch after a restart, and the batch. */
export const idempotent = { topic: 'orders', producerId: 4711, batchCount: 6 } as const

const timestampMs = 1_790_000_000_000

export async function makeSmallData(parent: string): Promise<SmallData> {
  const clean = join(parent, 'clean')
  const crashed = join(parent, 'crashed')
  mkdirSync(clean, { recursive: true })
  const ledger: Ledger = {}
  let broker = await startInProcess(clean)
  let client = await RawClient.connect(broker.listeners[0]!)
  await createTopics(client, { plain: 2, packed: 1, trimmed: 1, orders: 1, doomed: 1 })
  await deleteTopic(client, 'doomed')
  await produceAll(client, ledger, 0)
  await commitOffsets(client, 3)
  await deleteRecords(client, ledger)
  await client.close()
  await broker.stop()
  const ledgerOfClean = structuredClone(ledger)

  // The same goes on in a copy, which is copied again while the broker runs.
  const running = join(parent, 'running')
  cpSync(clean, running, { recursive: true })
  broker = await startInProcess(running)
  client = await RawClient.connect(broker.listeners[0]!)
  await produceAll(client, ledger, 1)
  await commitOffsets(client, 5)
  cpSync(running, crashed, { recursive: true })
  rmSync(join(crashed, '.lock'))
  await client.close()
  await broker.stop()
  rmSync(running, { recursive: true })
  return { clean, crashed, ledgers: { clean: ledgerOfClean, crashed: ledger } }
}

async function createTopics(client: RawClient, topics: Record<string, number>): Promise<void> {
  const { topics: created } = await client.send(
    { request: createTopicsRequest, response: createTopicsResponse },
    5,
    {
      topics: Object.entries(topics).map(([name, numPartitions]) => {
        return { name, numPartitions, replicationFactor: 1, assignments: [], configs: [] }
      }),
    },
  )
  requireNoError(created)
}

async function deleteTopic(client: RawClient, name: string): Promise<void> {
  const exchange = { request: deleteTopicsRequest, response: deleteTopicsResponse }
  const { responses } = await client.send(exchange, 5, { topicNames: [name], timeoutMs: 10_000 })
  requireNoError(responses)
}

async function produceAll(client: RawClient, ledger: Ledger, round: number): Promise<void> {
  const compressions: CompressionName[] = ['gzip', 'snappy', 'lz4', 'zstd']
  for (let n = 0; n < 6; n++) {
    const number = round * 6 + n
    const timestamp = timestampMs + number * 1000
    const record = (name: string): RecordToBuild => ({
      key: number % 3 === 0 ? null : Buffer.from(`key ${number}`),
      value: number % 5 === 4 ? null : Buffer.from(`${name} ${number} ${'.'.repeat(30)}`),
      timestamp,
      headers: number % 2 === 0 ? [] : [{ key: 'header', value: Buffer.from([number]) }],
    })
    const records = (name: string) => [
      record(name),
      { ...record(`${name}, second`), timestamp: timestamp + 1 },
    ]
    // Several partitions in one request, so that the journal stands for them.
    await produce(client, ledger, [
      { topic: 'plain', partition: 0, batch: { records: records('plain') } },
      { topic: 'plain', partition: 1, batch: { records: records('other') } },
      {
        topic: 'packed',
        partition: 0,
        batch: { records: records('packed'), compression: compressions[n % 4] },
      },
      { topic: 'trimmed', partition: 0, batch: { records: records('trimmed') } },
      { topic: idempotent.topic, partition: 0, batch: orderBatch(number, records('order')) },
    ])
  }
}

function orderBatch(number: number, records: RecordToBuild[]) {
  return { records, producerId: idempotent.producerId, producerEpoch: 0, baseSequence: 2 * number }
}

interface Produced {
  readonly topic: string
  readonly partition: number
  readonly batch: Parameters<typeof buildBatch>[0]
}

async function produce(client: RawClient, ledger: Ledger, batches: readonly Produced[]): Promise<void> {
  const { responses } = await client.send({ request: produceRequest, response: produceResponse }, 9, {
    acks: -1,
    timeoutMs: 10_000,
    topicData: batches.map(({ batch, partition, topic }) => {
      return { name: topic, partitionData: [{ index: partition, records: buildBatch(batch) }] }
    }),
  })
  for (const [n, { name, partitionResponses }] of responses.entries()) {
    requireNoError(partitionResponses)
    const { baseOffset, index } = partitionResponses[0]!
    ledger[`${name}-${index}`] ??= []
    const records = ledger[`${name}-${index}`]!
    for (const [delta, sent] of batches[n]!.batch.records.entries()) {
      const { headers = [], key = null, timestamp = -1, value = null } = sent
      const offset = Number(baseOffset) + delta
      records.push(showRecord({ offset, timestamp, key, value, headers }, 0))
    }
  }
}

async function commitOffsets(client: RawClient, offset: number): Promise<void> {
  const partitions = [0, 1].map(partitionIndex => {
    return { partitionIndex, committedOffset: BigInt(offset + partitionIndex), committedMetadata: 'here' }
  })
  const topics = [{ name: 'plain', partitions }]
  for (;;) {
    const exchange = { request: offsetCommitRequest, response: offsetCommitResponse }
    const answer = await client.send(exchange, 8, { groupId, topics })
    const { errorCode } = answer.topics[0]!.partitions[0]!
    if (errorCode === 0) return
    // COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR
    if (![14, 15, 16].includes(errorCode)) throw new Error(`the commit was answered with ${errorCode}`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

async function deleteRecords(client: RawClient, ledger: Ledger): Promise<void> {
  const partitions = [{ partitionIndex: 0, offset: 5n }]
  const exchange = { request: deleteRecordsRequest, response: deleteRecordsResponse }
  const { topics } = await client.send(exchange, 2, {
    topics: [{ name: 'trimmed', partitions }],
    timeoutMs: 10_000,
  })
  requireNoError(topics[0]!.partitions)
  ledger['trimmed-0'] = ledger['trimmed-0']!.slice(5)
}

function requireNoError(answers: readonly { errorCode: number }[]): void {
  for (const { errorCode } of answers)
    if (errorCode !== 0) throw new Error(`answered with error ${errorCode}`)
}

/** The last batch that the idempotent producer sent, when so many rounds were produced. */
export function lastOrder(rounds: number): { readonly batch: Buffer; readonly number: number } {
  const number = rounds * idempotent.batchCount - 1
  return {
    batch: buildBatch(orderBatch(number, [{ value: Buffer.from('again') }, { value: Buffer.from('again') }])),
    number,
  }
}

/** What is produced into the small data directory, and the ledger of what was acknowledged. */
import { buildBatch, type RecordToBuild } from '../../../protocol-codecs/build-batch.ts'
import type { CompressionName } from '../../../protocol-codecs/compression/compression-names.ts'
import {
  deleteRecordsRequest,
  deleteRecordsResponse,
} from '../../../protocol-codecs/messages/delete-records.ts'
import { produceRequest, produceResponse } from '../../../protocol-codecs/messages/produce.ts'
import type { RawClient } from '../../../src/testing/raw-client.ts'
import { showRecord } from './observation.ts'
import { requireNoError } from './small-catalogue.ts'

/** By partition's name: each record as `showRecord` has it, in order. */
export type Ledger = Record<string, string[]>

/** The producer that retries its last batch after a restart. */
export const idempotent = { topic: 'orders', producerId: 4711 } as const

const timestampMs = 1_790_000_000_000
/** Each partition gets so many batches a round. */
const batchesPerRound = 3
const compressions: CompressionName[] = ['gzip', 'snappy', 'lz4', 'zstd']

export async function produceAll(client: RawClient, ledger: Ledger, round: number): Promise<void> {
  for (let n = 0; n < batchesPerRound; n++) {
    const number = round * batchesPerRound + n
    // Several partitions in one request, so that the journal stands for them.
    await produce(client, ledger, [
      { topic: 'plain', partition: 0, batch: { records: records('plain', number) } },
      { topic: 'plain', partition: 1, batch: { records: records('other', number, (number * 5) % 7) } },
      {
        topic: 'packed',
        partition: 0,
        batch: {
          records: records('packed', number),
          compression: compressions[number % compressions.length],
        },
      },
      { topic: 'trimmed', partition: 0, batch: { records: records('trimmed', number) } },
      { topic: idempotent.topic, partition: 0, batch: orderBatch(number, records('order', number)) },
    ])
  }
}

function records(name: string, number: number, second = number): RecordToBuild[] {
  const timestamp = timestampMs + second * 1000
  const record = (text: string): RecordToBuild => ({
    key: number % 3 === 0 ? null : Buffer.from(`key ${number}`),
    value: number % 5 === 4 ? null : Buffer.from(`${text} ${number} ${'.'.repeat(30)}`),
    timestamp,
    headers: number % 2 === 0 ? [] : [{ key: 'header', value: Buffer.from([number]) }],
  })
  return [record(name), { ...record(`${name}, second`), timestamp: timestamp + 1 }]
}

function orderBatch(number: number, ofBatch: RecordToBuild[]) {
  return {
    records: ofBatch,
    producerId: idempotent.producerId,
    producerEpoch: 0,
    baseSequence: 2 * number,
  }
}

/** The last batch that the idempotent producer sent, when so many rounds were produced. */
export function lastOrder(rounds: number): Buffer {
  const number = rounds * batchesPerRound - 1
  const ofBatch = [{ value: Buffer.from('again') }, { value: Buffer.from('again') }]
  return buildBatch(orderBatch(number, ofBatch))
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
  for (const { partitionResponses } of responses) requireNoError(partitionResponses)
  for (const { batch, partition, topic } of batches) {
    const ofTopic = responses.find(({ name }) => name === topic)!
    const answer = ofTopic.partitionResponses.find(({ index }) => index === partition)!
    const { baseOffset, logAppendTimeMs } = answer
    ledger[`${topic}-${partition}`] ??= []
    const acknowledged = ledger[`${topic}-${partition}`]!
    // The first round is of the epoch in which the topic was made.
    const leaderEpoch = topic === idempotent.topic && Number(baseOffset) >= 2 * batchesPerRound ? 1 : 0
    for (const [delta, sent] of batch.records.entries()) {
      const { headers = [], key = null, value = null } = sent
      const timestamp = logAppendTimeMs >= 0n ? Number(logAppendTimeMs) : (sent.timestamp ?? -1)
      const offset = Number(baseOffset) + delta
      acknowledged.push(showRecord({ offset, timestamp, key, value, headers }, leaderEpoch))
    }
  }
}

export async function deleteRecords(client: RawClient, ledger: Ledger): Promise<void> {
  const partitions = [{ partitionIndex: 0, offset: 5n }]
  const exchange = { request: deleteRecordsRequest, response: deleteRecordsResponse }
  const { topics } = await client.send(exchange, 2, {
    topics: [{ name: 'trimmed', partitions }],
    timeoutMs: 10_000,
  })
  requireNoError(topics[0]!.partitions)
  ledger['trimmed-0'] = ledger['trimmed-0']!.slice(5)
}

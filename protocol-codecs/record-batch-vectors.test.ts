/**
 * Holds the record batch reader against batches that Kafka's own classes wrote, in every compression and with
 * every kind of record (vectors/README.md says how): header, checksum and records must be what Kafka reads, and
 * a batch cut short must be taken for one.
 */
import t from 'tap'
import { prepareCompression } from './compression/compression.ts'
import { compressionNames } from './compression/compression-names.ts'
import { recordsOf } from './read-records.ts'
import { batchCrcIsValid, batchesIn, readBatchHeader } from './record-batch.ts'
import { RecordError } from './record-error.ts'
import { readJsonLines } from './vectors/read-vectors.ts'

interface BatchVector {
  case: string
  base64: string
  batches: {
    magic: number
    crc: string
    compression: string
    timestampType: string
    deleteHorizonMs?: string
    records: unknown[]
    [field: string]: unknown
  }[]
}

const vectors = readJsonLines<BatchVector>('record-batches.jsonl.gz').filter(v => v.batches[0]!.magic === 2)

t.before(prepareCompression)

t.test('batches of Kafka read as Kafka reads them', async t => {
  for (const vector of vectors) {
    const bytes = Buffer.from(vector.base64, 'base64')
    const batches = [...batchesIn(bytes)].map(at => {
      const header = readBatchHeader(bytes, at)
      if (!batchCrcIsValid(bytes, at)) t.fail(`${vector.case}: the checksum does not match`)
      return {
        magic: header.magic,
        size: header.size,
        crc: String(header.crc),
        baseOffset: String(header.baseOffset),
        lastOffset: String(header.lastOffset),
        compression: compressionNames[header.compression],
        timestampType: header.timestampType,
        maxTimestamp: String(header.maxTimestamp),
        partitionLeaderEpoch: header.partitionLeaderEpoch,
        producerId: String(header.producerId),
        producerEpoch: header.producerEpoch,
        baseSequence: header.baseSequence,
        lastSequence: header.lastSequence,
        isTransactional: header.isTransactional,
        isControl: header.isControl,
        ...(header.hasDeleteHorizon ? { deleteHorizonMs: String(header.baseTimestamp) } : {}),
        records: [...recordsOf(bytes, at)].map(record => ({
          offset: String(record.offset),
          timestamp: String(record.timestamp),
          key: record.key?.toString('base64') ?? null,
          value: record.value?.toString('base64') ?? null,
          headers: record.headers.map(({ key, value }) => ({
            key,
            value: value?.toString('base64') ?? null,
          })),
        })),
      }
    })
    t.same(batches, vector.batches, vector.case)
  }
})

t.test(
  'the records of a batch whose bytes were damaged are an error or other records, never a crash',
  async t => {
    for (const vector of vectors) {
      const bytes = Buffer.from(vector.base64, 'base64')
      const step = Math.max(1, Math.floor((bytes.length - 61) / 25))
      for (let at = 61; at < bytes.length; at += step) {
        const damaged = Buffer.from(bytes)
        damaged[at] = damaged[at]! ^ (1 << (at % 8))
        try {
          for (const batch of batchesIn(damaged)) for (const record of recordsOf(damaged, batch)) void record
        } catch (error) {
          if (!(error instanceof RecordError)) t.fail(`${vector.case}, byte ${at}: ${error}`)
        }
      }
    }
  },
)

t.test('a batch without its end is not there yet', async t => {
  for (const vector of vectors.filter(v => v.batches.length === 1)) {
    const bytes = Buffer.from(vector.base64, 'base64')
    for (const size of [0, 11, 12, 60, 61, bytes.length - 1]) {
      if (size >= bytes.length) continue
      t.same([...batchesIn(bytes, 0, size)], [], `${vector.case}, ${size} bytes`)
    }
  }
})

/**
 * What a produced batch costs before it is written: checksum, walk over its records, the whole validation. Prints
 * nanoseconds per batch. Run by hand after a build: node dist/esm/protocol-codecs/record-batch.bench.js
 */
import { buildBatch } from './build-batch.ts'
import { prepareCompression } from './compression/compression.ts'
import { compressionNames } from './compression/compression-names.ts'
import { prepareCrc32c } from './crc32c.ts'
import { recordsOf } from './read-records.ts'
import { batchCrcIsValid, batchHeaderSize, batchRecordCount } from './record-batch.ts'
import { type ValidationOptions, validateProducedBatch } from './validate-batch.ts'
import { createRecordFacts, walkRecords } from './walk-records.ts'

const now = 1_700_000_000_000
const options: ValidationOptions = {
  now,
  timestampType: 'CreateTime',
  timestampBeforeMaxMs: Number.MAX_SAFE_INTEGER,
  timestampAfterMaxMs: 3_600_000,
  maxMessageBytes: 1_048_588,
  isCompacted: false,
  zstdIsAllowed: true,
  origin: 'client',
}

function nanosecondsPerCall(call: () => unknown, calls: number): number {
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < 7; round++) {
    const began = process.hrtime.bigint()
    for (let index = 0; index < calls; index++) call()
    best = Math.min(best, Number(process.hrtime.bigint() - began) / calls)
  }
  return best
}

function batchOf(
  recordSize: number,
  batchBytes: number,
  compression: (typeof compressionNames)[number],
): Buffer {
  const text = Buffer.from(
    JSON.stringify({ user: 'somebody', action: 'clicked', at: now, path: '/a/b/c' }).repeat(20),
  )
  const count = Math.floor((batchBytes - batchHeaderSize) / (recordSize + 10))
  const records = Array.from({ length: count }, (_, index) => {
    const value = Buffer.from(text.subarray(index % 50, (index % 50) + recordSize))
    value.writeUInt32LE((index * 2_654_435_761) >>> 0, 0)
    return { value, timestamp: now + (index >> 2) }
  })
  return buildBatch({ records, compression, producerId: 7, producerEpoch: 0, baseSequence: 0 })
}

async function main(): Promise<void> {
  const isNative = await prepareCrc32c()
  await prepareCompression()
  console.log(`CRC32C ${isNative ? 'native' : 'in JavaScript'}`)
  const facts = createRecordFacts()
  for (const recordSize of [100, 1_000]) {
    const batch = batchOf(recordSize, 16_384, 'none')
    const count = batchRecordCount(batch, 0)
    const walk = (): void => walkRecords(batch, batchHeaderSize, batch.length, count, facts)
    const cells: [string, number][] = [
      ['crc', nanosecondsPerCall(() => batchCrcIsValid(batch, 0), 20_000)],
      ['walk', nanosecondsPerCall(walk, 20_000)],
      ['validate', nanosecondsPerCall(() => validateProducedBatch(batch, options), 20_000)],
      ['read every record', nanosecondsPerCall(() => [...recordsOf(batch, 0)].length, 1_000)],
    ]
    const walkCell = cells[1]![1]
    console.log(
      `${batch.length} bytes, ${count} records of ${recordSize}: ` +
        cells.map(([name, nanoseconds]) => `${name} ${nanoseconds.toFixed(0)} ns`).join(', ') +
        ` (walk ${(walkCell / count).toFixed(1)} ns per record)`,
    )
  }
  for (const compression of compressionNames) {
    const batch = batchOf(100, 16_384, compression)
    const nanoseconds = nanosecondsPerCall(() => validateProducedBatch(batch, options), 1_000)
    console.log(`${compression.padEnd(6)} ${batch.length} bytes: validate ${nanoseconds.toFixed(0)} ns`)
  }
}

void main()

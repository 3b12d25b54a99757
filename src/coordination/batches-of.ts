/** Makes record batches of a coordinator's records: one, unless it would become too large. */
import { buildBatch } from '../../protocol-codecs/build-batch.ts'
import type { EncodedRecord } from './state-machine.ts'

/** Lengths, deltas and attributes of a record take at most this much besides key and value. */
const recordOverhead = 30

/** A record that is larger than `maxBatchBytes` by itself has a batch of its own. */
export function batchesOf(
  records: readonly EncodedRecord[],
  maxBatchBytes: number,
  timestamp: number,
): Buffer[] {
  const batches: Buffer[] = []
  let first = 0
  let size = 0
  for (let index = 0; index < records.length; index++) {
    const { key, value } = records[index]!
    const recordSize = key.length + (value?.length ?? 0) + recordOverhead
    if (index > first && size + recordSize > maxBatchBytes) {
      batches.push(buildBatch({ records: records.slice(first, index), timestamp }))
      first = index
      size = 0
    }
    size += recordSize
  }
  batches.push(buildBatch({ records: first === 0 ? records : records.slice(first), timestamp }))
  return batches
}

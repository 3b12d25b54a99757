/** What appending needs to know of a batch, read once from its header. */
import {
  batchBaseSequence,
  batchLastOffsetDelta,
  batchMaxTimestamp,
  batchProducerEpoch,
  batchProducerId,
} from '../../../protocol-codecs/record-batch.ts'
import type { AppendOrigin } from '../partition-log.ts'

export interface BatchFacts {
  readonly lastOffsetDelta: number
  readonly maxTimestampMs: number
  /** -1: no producer. */
  readonly producerId: number
  readonly producerEpoch: number
  readonly baseSequence: number
}

/** Throws RecordError where a header says what cannot be. */
export function factsOf(batch: Buffer, origin: AppendOrigin): BatchFacts {
  return {
    lastOffsetDelta: batchLastOffsetDelta(batch, 0),
    maxTimestampMs: batchMaxTimestamp(batch, 0),
    producerId: origin === 'marker' ? -1 : batchProducerId(batch, 0),
    producerEpoch: batchProducerEpoch(batch, 0),
    baseSequence: batchBaseSequence(batch, 0),
  }
}

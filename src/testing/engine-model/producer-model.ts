/**
 * What a log has to know of the producers that write to it, derived from the array of its batches. Of each producer the
 * last batch is known for certain, and the five last of those that were appended since the log was opened; whether
 * older ones are depends on what was read at the start, so either answer to them is right, but no third one.
 */
import { addToSequence } from '../../../protocol-codecs/record-batch.ts'

export interface ProducedBatch {
  readonly baseOffset: number
  readonly nextOffset: number
  /** -1: none. */
  readonly producerId: number
  readonly producerEpoch: number
  readonly baseSequence: number
}

interface Known {
  readonly batch: ProducedBatch
  isCertain: boolean
}

const retainedBatches = 5

export class ProducerModel {
  readonly id: number
  epoch = -1
  nextSequence = 0
  /** Oldest first; all of `epoch`. */
  known: Known[] = []
  /** All its batches are below the log start, and the log was opened since: it may be known, or not. */
  mayBeForgotten = false

  constructor(id: number) {
    this.id = id
  }

  appended(batch: ProducedBatch): void {
    if (batch.producerEpoch !== this.epoch) this.known = []
    if (this.mayBeForgotten) for (const known of this.known) known.isCertain = false
    this.epoch = batch.producerEpoch
    this.nextSequence = addToSequence(batch.baseSequence, batch.nextOffset - batch.baseOffset)
    this.known.push({ batch, isCertain: true })
    if (this.known.length > retainedBatches) this.known.shift()
    this.mayBeForgotten = false
  }
}

/** Anew from the batches of a log that was just opened. */
export function producersOf(
  batches: readonly ProducedBatch[],
  logStartOffset: number,
): Map<number, ProducerModel> {
  const producers = new Map<number, ProducerModel>()
  for (const batch of batches) {
    if (batch.producerId < 0) continue
    let producer = producers.get(batch.producerId)
    if (producer === undefined) {
      producer = new ProducerModel(batch.producerId)
      producers.set(batch.producerId, producer)
    }
    producer.appended(batch)
  }
  for (const producer of producers.values()) {
    const last = producer.known.at(-1)!
    for (const known of producer.known) known.isCertain = known === last
    producer.mayBeForgotten = last.batch.nextOffset <= logStartOffset
  }
  return producers
}

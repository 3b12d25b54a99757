/**
 * What a log knows of the producers that write to it (KIP-98), so that a retried batch is not stored
 * twice and a lost one is noticed. Pure; every engine calls it inside its append, in append order.
 *
 * For each producer id: the epoch, and the last five batches of that epoch with their sequences. A
 * batch whose epoch and exact sequences are among the five is a duplicate and gets the original
 * answer. Otherwise its first sequence follows the last one (2147483647 is followed by 0), a new epoch
 * starts at 0, and an unknown producer may start anywhere: its state may have expired.
 */
import { addToSequence, noProducerEpoch } from '../../protocol-codecs/record-batch.ts'
import type { ActiveProducer } from './partition-log.ts'

/** What the check needs of a batch's header. */
export interface ProducerBatch {
  readonly producerId: number
  readonly producerEpoch: number
  readonly baseSequence: number
  readonly lastOffsetDelta: number
  readonly maxTimestampMs: number
}

export interface StoredBatch {
  readonly firstSequence: number
  readonly lastSequence: number
  readonly lastOffset: number
  readonly offsetDelta: number
  readonly timestampMs: number
}

export interface ProducerEntry {
  readonly producerId: number
  epoch: number
  /** Oldest first, at most five, all of `epoch`. */
  batches: StoredBatch[]
  /** Largest timestamp of the last batch, which may be any time the client says. */
  lastTimestampMs: number
  /** Since when nothing new was seen of it, and what was seen last; kept by `expire`. */
  idleSinceMs?: number
  idleLastOffset?: number
  coordinatorEpoch: number
  /** First offset of the open transaction; -1: none. */
  transactionFirstOffset: number
}

export type ProducerVerdict =
  | { readonly kind: 'append' }
  | { readonly kind: 'duplicate'; readonly batch: StoredBatch }
  | {
      readonly kind: 'refuse'
      readonly error: 'OUT_OF_ORDER_SEQUENCE_NUMBER' | 'INVALID_PRODUCER_EPOCH'
      readonly message: string
    }

const append: ProducerVerdict = { kind: 'append' }
const retainedBatches = 5

export class ProducerStates {
  private readonly entries = new Map<number, ProducerEntry>()

  get size(): number {
    return this.entries.size
  }
  all(): Iterable<ProducerEntry> {
    return this.entries.values()
  }
  /** As those see them who ask who writes to the log. */
  active(): ActiveProducer[] {
    return Array.from(this.entries.values(), entry => ({
      producerId: entry.producerId,
      epoch: entry.epoch,
      lastSequence: entry.batches.at(-1)?.lastSequence ?? -1,
      lastTimestampMs: entry.lastTimestampMs,
      coordinatorEpoch: entry.coordinatorEpoch,
      transactionStartOffset: entry.transactionFirstOffset,
    }))
  }
  find(producerId: number): ProducerEntry | undefined {
    return this.entries.get(producerId)
  }
  clear(): void {
    this.entries.clear()
  }
  restore(entry: ProducerEntry): void {
    this.entries.set(entry.producerId, entry)
  }

  /** Whether a client's batch may be appended. */
  check(batch: ProducerBatch): ProducerVerdict {
    const entry = this.entries.get(batch.producerId)
    if (batch.producerEpoch < (entry?.epoch ?? noProducerEpoch)) {
      return {
        kind: 'refuse',
        error: 'INVALID_PRODUCER_EPOCH',
        message: `Epoch of producer ${batch.producerId} is ${batch.producerEpoch}, which is smaller than the last seen epoch ${entry?.epoch ?? noProducerEpoch}`,
      }
    }
    if (entry === undefined || entry.epoch < 0) return append
    const lastSequence = addToSequence(batch.baseSequence, batch.lastOffsetDelta)
    if (batch.producerEpoch === entry.epoch) {
      for (const stored of entry.batches) {
        if (stored.firstSequence === batch.baseSequence && stored.lastSequence === lastSequence) {
          return { kind: 'duplicate', batch: stored }
        }
      }
      const previous = entry.batches.at(-1)
      if (previous === undefined || batch.baseSequence === addToSequence(previous.lastSequence, 1))
        return append
      return outOfOrder(batch, `${previous.lastSequence} (current end sequence number)`)
    }
    if (batch.baseSequence === 0) return append
    return outOfOrder(batch, `a new epoch ${batch.producerEpoch}, which must start at 0`)
  }

  /** Takes note of a batch that is in the log now, also on recovery. */
  appended(batch: ProducerBatch, baseOffset: number): void {
    let entry = this.entries.get(batch.producerId)
    if (entry === undefined) {
      entry = {
        producerId: batch.producerId,
        epoch: batch.producerEpoch,
        batches: [],
        lastTimestampMs: batch.maxTimestampMs,
        idleSinceMs: undefined,
        idleLastOffset: undefined,
        coordinatorEpoch: -1,
        transactionFirstOffset: -1,
      }
      this.entries.set(batch.producerId, entry)
    }
    if (entry.epoch !== batch.producerEpoch) {
      entry.epoch = batch.producerEpoch
      entry.batches = []
    }
    if (entry.batches.length === retainedBatches) entry.batches.shift()
    entry.batches.push({
      firstSequence: batch.baseSequence,
      lastSequence: addToSequence(batch.baseSequence, batch.lastOffsetDelta),
      lastOffset: baseOffset + batch.lastOffsetDelta,
      offsetDelta: batch.lastOffsetDelta,
      timestampMs: batch.maxTimestampMs,
    })
    entry.lastTimestampMs = batch.maxTimestampMs
  }

  /**
   * Forgets producers that were idle for `expirationMs` and have no open transaction. Call it now and
   * then: time is counted from the call that first finds nothing new, by the broker's clock, because
   * somebody who loads last year's records now is not idle.
   */
  expire(nowMs: number, expirationMs: number): void {
    for (const entry of this.entries.values()) {
      const lastOffset = entry.batches.at(-1)?.lastOffset ?? -1
      if (entry.idleSinceMs === undefined || entry.idleLastOffset !== lastOffset) {
        entry.idleSinceMs = nowMs
        entry.idleLastOffset = lastOffset
      } else if (entry.transactionFirstOffset < 0 && nowMs - entry.idleSinceMs >= expirationMs) {
        this.entries.delete(entry.producerId)
      }
    }
  }
}

function outOfOrder(batch: ProducerBatch, expected: string): ProducerVerdict {
  return {
    kind: 'refuse',
    error: 'OUT_OF_ORDER_SEQUENCE_NUMBER',
    message: `Out of order sequence number for producer ${batch.producerId}: ${batch.baseSequence} (incoming sequence number), ${expected}`,
  }
}

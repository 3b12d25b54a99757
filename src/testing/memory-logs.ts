/**
 * Partition logs in memory, for tests of what lives on them: durability comes when the test says so,
 * and appends fail when it says so. Batches keep their bytes, so what is read is what was written.
 */
import { type ErrorName, ProtocolError } from '../../protocol-codecs/error-codes.ts'
import { batchLastOffset, batchLastOffsetDelta, stampBatch } from '../../protocol-codecs/record-batch.ts'
import type {
  AppendItem,
  AppendRefused,
  AppendResult,
  Durability,
  LogOffsets,
  PartitionLogs,
  PartitionRef,
  ReadItem,
  ReadOutcome,
  ReadResult,
} from '../storage/partition-log.ts'

interface MemoryLog {
  readonly batches: Buffer[]
  highWatermark: number
  logEndOffset: number
}

interface Pending {
  readonly settle: () => void
  readonly fail: (error: AppendRefused['error']) => void
}

export class MemoryLogs implements PartitionLogs {
  /** `now`: durable when appended; `later`: when `settle` is called. */
  durability: 'now' | 'later' = 'now'
  /** The next append is refused with this, and nothing is written. */
  refuseNext: AppendRefused['error'] | undefined
  /** Every read and append fails with this. */
  broken: Exclude<ErrorName, 'NONE'> | undefined
  appendCount = 0
  readCount = 0
  unreleasedReads = 0
  readonly #logs = new Map<string, MemoryLog>()
  readonly #pending: Pending[] = []

  #log(partition: PartitionRef): MemoryLog {
    const key = `${partition.topicId}-${partition.index}`
    let log = this.#logs.get(key)
    if (log === undefined) {
      log = { batches: [], highWatermark: 0, logEndOffset: 0 }
      this.#logs.set(key, log)
    }
    return log
  }

  isLeaderless(): boolean {
    return this.broken === 'KAFKA_STORAGE_ERROR'
  }

  batches(partition: PartitionRef): readonly Buffer[] {
    return this.#log(partition).batches
  }

  room(): undefined {
    return undefined
  }

  append(items: readonly AppendItem[], _durability: Durability): AppendResult[] | Promise<AppendResult[]> {
    this.appendCount++
    const refused = this.broken ?? this.refuseNext
    this.refuseNext = undefined
    if (refused !== undefined) return items.map(() => ({ error: refused, logStartOffset: 0 }))
    const results = items.map(item => this.#appendOne(item))
    const advance = () => {
      for (const [i, item] of items.entries()) {
        const log = this.#log(item.partition)
        log.highWatermark = Math.max(log.highWatermark, (results[i] as { nextOffset: number }).nextOffset)
      }
    }
    if (this.durability === 'now') {
      advance()
      return results
    }
    return new Promise(resolve => {
      this.#pending.push({
        settle: () => {
          advance()
          resolve(results)
        },
        // Written and not durable: it is lost.
        fail: error => {
          for (const item of items) {
            const log = this.#log(item.partition)
            const kept = log.batches.filter(batch => batchLastOffset(batch, 0) < log.highWatermark)
            log.batches.splice(0, log.batches.length, ...kept)
            log.logEndOffset = log.highWatermark
          }
          resolve(items.map(() => ({ error, logStartOffset: 0 })))
        },
      })
    })
  }

  #appendOne({ batch, partition }: AppendItem): AppendResult {
    const log = this.#log(partition)
    const baseOffset = log.logEndOffset
    const copy = Buffer.from(batch)
    stampBatch(copy, 0, baseOffset, 0)
    log.batches.push(copy)
    log.logEndOffset += batchLastOffsetDelta(batch, 0) + 1
    const nextOffset = log.logEndOffset
    return { error: 'NONE', baseOffset, nextOffset, appendTimeMs: -1, logStartOffset: 0, duplicate: false }
  }

  get pendingCount(): number {
    return this.#pending.length
  }

  /** Makes the oldest waiting append durable, or lets it fail. */
  settle(error?: AppendRefused['error']): void {
    const pending = this.#pending.shift()
    if (pending === undefined) throw new Error('no append waits')
    if (error === undefined) pending.settle()
    else pending.fail(error)
  }

  async read(items: readonly ReadItem[], maxBytes: number): Promise<ReadOutcome> {
    this.readCount++
    this.unreleasedReads++
    const results = items.map(({ offset, partition }): ReadResult => {
      const offsets = this.offsets(partition)
      const chunks: Buffer[] = []
      let size = 0
      for (const batch of this.#log(partition).batches) {
        if (batchLastOffset(batch, 0) < offset || batchLastOffset(batch, 0) >= offsets.highWatermark) continue
        if (size > 0 && size + batch.length > maxBytes) break
        chunks.push(Buffer.from(batch))
        size += batch.length
      }
      const error = this.broken ?? 'NONE'
      return { error, chunks, size, abortedTransactions: null, traffic: undefined, ...offsets }
    })
    return { results, size: 0, release: () => void this.unreleasedReads-- }
  }

  offsets(partition: PartitionRef): LogOffsets {
    if (this.broken !== undefined) throw new ProtocolError(this.broken)
    const { highWatermark, logEndOffset } = this.#log(partition)
    return { logStartOffset: 0, highWatermark, lastStableOffset: highWatermark, logEndOffset }
  }

  watch() {
    return { cancel: () => undefined }
  }
  async offsetAt(): Promise<undefined> {}
  async maxTimestamp(): Promise<undefined> {}
  epochEnd() {
    return { epoch: -1, endOffset: -1 }
  }
  epochAt(): number {
    return -1
  }
  activeProducers() {
    return []
  }
  size(): number {
    return 0
  }
  traffic(): undefined {}
  async deleteBefore(): Promise<number> {
    return 0
  }
}

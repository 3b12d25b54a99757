/** The results of a read as they come together, under a limit for all of them. */
import type { BufferPool } from '../../platform/buffer-pool.ts'
import type { Isolation, LogOffsets, ReadOutcome, ReadResult } from '../partition-log.ts'
import type { PartitionLog } from './partition-log.ts'
import type { BatchesRead } from './read-batches.ts'

const noChunks: readonly Buffer[] = []

export class GatheredRead implements ReadOutcome {
  readonly results: ReadResult[] = []
  size = 0
  room: number
  private readonly pool: BufferPool
  private buffers: Buffer[] = []

  constructor(pool: BufferPool, room: number) {
    this.pool = pool
    this.room = room
  }

  refuse(
    error: 'UNKNOWN_TOPIC_OR_PARTITION' | 'KAFKA_STORAGE_ERROR' | 'CORRUPT_MESSAGE',
    log: PartitionLog | undefined,
  ): void {
    this.results.push({
      error,
      chunks: noChunks,
      size: 0,
      abortedTransactions: null,
      logStartOffset: -1,
      highWatermark: -1,
      lastStableOffset: -1,
      logEndOffset: -1,
      traffic: log?.traffic,
    })
  }

  addEmpty(log: PartitionLog, error: 'NONE' | 'OFFSET_OUT_OF_RANGE', isolation: Isolation): void {
    this.results.push(resultOf(log, isolation, error, noChunks, 0))
  }

  add(log: PartitionLog, batches: BatchesRead, isolation: Isolation): void {
    if (batches.size === 0) {
      this.pool.release(batches.buffer)
      this.addEmpty(log, 'NONE', isolation)
      return
    }
    this.buffers.push(batches.buffer)
    this.size += batches.size
    this.room -= batches.size
    const chunks = [batches.buffer.subarray(0, batches.size)]
    this.results.push(resultOf(log, isolation, 'NONE', chunks, batches.size))
  }

  release(): void {
    const buffers = this.buffers
    this.buffers = []
    for (const buffer of buffers) this.pool.release(buffer)
  }
}

export function offsetsOf(log: PartitionLog): LogOffsets {
  return {
    logStartOffset: log.logStartOffset,
    highWatermark: log.highWatermark,
    lastStableOffset: log.highWatermark,
    logEndOffset: log.logEndOffset,
  }
}

/** One literal, because spreading the offsets into it costs more than the rest of a small read. */
function resultOf(
  log: PartitionLog,
  isolation: Isolation,
  error: 'NONE' | 'OFFSET_OUT_OF_RANGE',
  chunks: readonly Buffer[],
  size: number,
): ReadResult {
  return {
    error,
    chunks,
    size,
    logStartOffset: log.logStartOffset,
    highWatermark: log.highWatermark,
    lastStableOffset: log.highWatermark,
    logEndOffset: log.logEndOffset,
    abortedTransactions: isolation === 'read_committed' ? [] : null,
    traffic: log.traffic,
  }
}

/** Where readers of an isolation have to stop. */
export function readEnd(log: PartitionLog, isolation: Isolation): number {
  return isolation === 'read_committed' ? offsetsOf(log).lastStableOffset : log.highWatermark
}

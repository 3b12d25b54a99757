/**
 * Brings a coordinator's state back from its log: every record from the log's start to its end, in
 * order, a few milliseconds at a time so that the broker goes on serving meanwhile. Aborted transactional records
 * are not filtered here: the state machine is told of every record's producer and of every marker.
 */
import { type ErrorName, ProtocolError } from '../../protocol-codecs/error-codes.ts'
import { type KafkaRecord, recordsOf } from '../../protocol-codecs/read-records.ts'
import {
  batchCrcIsValid,
  batchesIn,
  batchIsControl,
  batchIsTransactional,
  batchLastOffset,
  batchProducerId,
} from '../../protocol-codecs/record-batch.ts'
import { DecodeError } from '../../protocol-codecs/wire-reader.ts'
import type { Clock } from '../platform/clock.ts'
import type { PartitionLogs, PartitionRef } from '../storage/partition-log.ts'
import type { ReplayedMarker, ReplayedRecord } from './state-machine.ts'

export interface Replaying {
  replay(record: ReplayedRecord): void
  replayMarker(marker: ReplayedMarker): void
}

export interface LoadOptions {
  /** Bytes read at a time. */
  readonly bufferBytes: number
  readonly clock: Clock
  /** Lets everything else that waits in this process have its turn. */
  readonly nextTurn: () => Promise<void>
  readonly isCancelled: () => boolean
  /** Told of a record that cannot be read: better without one key than without the whole shard. */
  readonly onUnreadable: (offset: number, error: DecodeError) => void
}

/** How long records are replayed before everything else has its turn, and how many between two looks at the clock. */
const longestStretchMs = 4
const recordsPerLook = 64

/** Gives the number of records read. */
export async function loadShard(
  logs: PartitionLogs,
  partition: PartitionRef,
  state: Replaying,
  options: LoadOptions,
): Promise<number> {
  const start = logs.offsets(partition)
  // What lies between the high watermark and the end may yet be lost or yet be kept: a state that
  // leaves it out, or takes it in, could be wrong. Whoever asks again finds it settled.
  if (start.highWatermark < start.logEndOffset) {
    throw new ProtocolError('COORDINATOR_LOAD_IN_PROGRESS', 'the end of the log is not yet durable')
  }
  const { clock } = options
  let stretchSinceMs = clock.monotonic()
  const pause = async () => {
    await options.nextTurn()
    if (options.isCancelled()) throw new ProtocolError('COORDINATOR_NOT_AVAILABLE')
    stretchSinceMs = clock.monotonic()
  }
  let recordCount = 0
  let offset = start.logStartOffset
  const replayChunk = async (chunk: Buffer) => {
    for (const at of batchesIn(chunk)) {
      const nextOffset = batchLastOffset(chunk, at) + 1
      // Clients check what they read; nobody else does it for this reader. How far such a batch reaches is unknown, too.
      if (!batchCrcIsValid(chunk, at)) {
        options.onUnreadable(offset, new DecodeError('the batch does not fit its checksum'))
        offset = Math.max(offset + 1, nextOffset)
        continue
      }
      // A read starts with the whole batch that holds its offset.
      if (nextOffset <= offset) continue
      const batch = originOf(chunk, at)
      for (const record of recordsOf(chunk, at)) {
        replayRecord(record, batch, state, options)
        recordCount++
        if (recordCount % recordsPerLook > 0) continue
        if (clock.monotonic() - stretchSinceMs >= longestStretchMs) await pause()
      }
      offset = nextOffset
    }
  }
  while (offset < start.logEndOffset) {
    const item = { partition, offset, maxBytes: options.bufferBytes, isolation: 'read_uncommitted' } as const
    const outcome = await logs.read([item], options.bufferBytes)
    try {
      const result = outcome.results[0]!
      if (result.error === 'OFFSET_OUT_OF_RANGE' && result.logStartOffset > offset) {
        offset = result.logStartOffset
        continue
      }
      if (result.error !== 'NONE') throw new ProtocolError(result.error satisfies ErrorName)
      const before = offset
      for (const chunk of result.chunks) await replayChunk(chunk)
      // No batch at or after the offset: what is left up to the end was compacted away.
      if (offset === before) break
    } finally {
      outcome.release()
    }
    await pause()
  }
  return recordCount
}

interface BatchOrigin {
  readonly isControl: boolean
  /** -1 outside of transactions. */
  readonly producerId: number
}

function originOf(chunk: Buffer, at: number): BatchOrigin {
  const isControl = batchIsControl(chunk, at)
  const producerId = isControl || batchIsTransactional(chunk, at) ? batchProducerId(chunk, at) : -1
  return { isControl, producerId }
}

function replayRecord(
  { key, offset, timestamp, value }: KafkaRecord,
  { isControl, producerId }: BatchOrigin,
  state: Replaying,
  options: LoadOptions,
): void {
  if (isControl) {
    // A control record's key is int16 version, int16 type: 0 aborts, 1 commits, others are not of our concern.
    const type = key !== null && key.length >= 4 ? key.readInt16BE(2) : -1
    if (type === 0 || type === 1) state.replayMarker({ producerId, committed: type === 1 })
    return
  }
  try {
    state.replay({ key, value, timestamp, producerId })
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error
    options.onUnreadable(offset, error)
  }
}

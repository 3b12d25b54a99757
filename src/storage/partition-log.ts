/**
 * The first seam: what the rest of the broker knows of a partition's log. An engine is a good log and
 * nothing more; groups, transactions and request handlers work on any engine behind this interface.
 *
 * Offsets, sizes and times are range-checked numbers. Bytes given to `append` are borrowed until
 * `append` returns (not until its promise settles): an engine that needs them longer copies. Sequence,
 * duplicate, epoch and owner-epoch checks are made inside `append`, in order of the calls.
 */
import type { ErrorName } from '../../protocol-codecs/error-codes.ts'
import type { LogTraffic } from '../metrics/traffic.ts'

/** Names one partition of one incarnation of a topic; the catalogue hands these out, one object each. */
export interface PartitionRef {
  readonly topicId: string
  readonly topic: string
  readonly index: number
}

/**
 * Whose append it is: a client's (sequence checks apply), a coordinator's own record, or the marker
 * that ends a transaction.
 */
export type AppendOrigin = 'client' | 'coordinator' | 'marker'

export interface AppendItem {
  readonly partition: PartitionRef
  /** One whole record batch (magic 2), valid and with a right CRC; its base offset and leader epoch are stamped in place. */
  readonly batch: Buffer
  readonly origin: AppendOrigin
  /** The coordinator's claim on its shard; an engine refuses one that has been superseded. */
  readonly ownerEpoch?: number
}

export interface Appended {
  readonly error: 'NONE'
  readonly baseOffset: number
  /** Offset behind the last record. */
  readonly nextOffset: number
  /** Log append time of a LogAppendTime batch, else -1; of a duplicate its largest timestamp, as Kafka tells it. */
  readonly appendTimeMs: number
  readonly logStartOffset: number
  /** The batch was already in the log: nothing was appended, the offsets are the original ones. */
  readonly duplicate: boolean
}
export interface AppendRefused {
  readonly error: Exclude<ErrorName, 'NONE'>
  readonly message?: string
  readonly logStartOffset: number
}
export type AppendResult = Appended | AppendRefused

/**
 * When an append is answered: `written` once readers after a broker crash would find it (the page
 * cache), `durable` once it is what the topic promises for acks=all (on disk; the page cache where
 * `write.caching` is on).
 */
export type Durability = 'written' | 'durable'

export type Isolation = 'read_uncommitted' | 'read_committed'

export interface ReadItem {
  readonly partition: PartitionRef
  readonly offset: number
  readonly maxBytes: number
  readonly isolation: Isolation
}

export interface LogOffsets {
  readonly logStartOffset: number
  readonly highWatermark: number
  readonly lastStableOffset: number
  readonly logEndOffset: number
}

export interface AbortedTransaction {
  readonly producerId: number
  readonly firstOffset: number
}

export interface ReadResult extends LogOffsets {
  readonly error: ErrorName
  /** Whole batches in offset order; the first may start before the offset asked for. */
  readonly chunks: readonly Buffer[]
  readonly size: number
  /** null for read_uncommitted. */
  readonly abortedTransactions: readonly AbortedTransaction[] | null
  /** Where whoever passes this on counts it; undefined: there is no such log. */
  readonly traffic: LogTraffic | undefined
}

export interface ReadOutcome {
  readonly results: readonly ReadResult[]
  readonly size: number
  /** Gives the chunks' memory back; call once, after the last byte was sent. */
  release(): void
}

/**
 * `readableBytes` have become readable (high watermark or last stable offset moved), records below `logStartOffset`
 * are no longer, or the partition is gone.
 */
export type LogChange = {
  readonly partition: PartitionRef
  readonly readableBytes: number
  readonly logStartOffset: number
  readonly deleted: boolean
}

export interface Watch {
  cancel(): void
}

/** A point in a log: the first record at or after it, with its timestamp (-1: none) and leader epoch. */
export interface OffsetAndTimestamp {
  readonly offset: number
  readonly timestampMs: number
  readonly leaderEpoch: number
}

/** A producer id that a log remembers. */
export interface ActiveProducer {
  readonly producerId: number
  readonly epoch: number
  /** Sequence of its last record; -1: none since its epoch began. */
  readonly lastSequence: number
  readonly lastTimestampMs: number
  /** Of the coordinator that wrote its last marker; -1: nobody did. */
  readonly coordinatorEpoch: number
  /** First offset of its open transaction; -1: none is. */
  readonly transactionStartOffset: number
}

export interface PartitionLogs {
  /**
   * Asked before a client's append is begun. undefined: go on. Else there is more that waits to be made durable than there
   * may be; resolves when it is worthwhile to ask again. Whoever appends all the same is not refused.
   */
  room(): Promise<void> | undefined
  /**
   * One result per item, in order. Items succeed and fail one by one. Answers at once where nothing is to wait for, and
   * waits no longer than `maxWaitMs`: what is not durable by then is REQUEST_TIMED_OUT, and stays appended.
   */
  append(
    items: readonly AppendItem[],
    durability: Durability,
    maxWaitMs?: number,
  ): AppendResult[] | Promise<AppendResult[]>
  /**
   * Reads items in order until `maxBytes` are gathered. The first batch found is given whole, however
   * large it is; after that both limits hold.
   */
  read(items: readonly ReadItem[], maxBytes: number): ReadOutcome | Promise<ReadOutcome>
  watch(partitions: readonly PartitionRef[], listener: (change: LogChange) => void): Watch
  /** Throws ProtocolError UNKNOWN_TOPIC_OR_PARTITION or KAFKA_STORAGE_ERROR. */
  offsets(partition: PartitionRef): LogOffsets
  /** First record with a timestamp at or after `timestampMs`, below the limit of the isolation; undefined: none. */
  offsetAt(
    partition: PartitionRef,
    timestampMs: number,
    isolation: Isolation,
  ): Promise<OffsetAndTimestamp | undefined>
  /** The record with the largest timestamp; undefined in an empty log. */
  maxTimestamp(partition: PartitionRef): Promise<OffsetAndTimestamp | undefined>
  /** Largest epoch at or below `epoch` and the offset where it ends; (-1, -1) when there is none. */
  epochEnd(partition: PartitionRef, epoch: number): { readonly epoch: number; readonly endOffset: number }
  /** Leader epoch of the record at `offset`; -1 when unknown. */
  epochAt(partition: PartitionRef, offset: number): number
  /** Producers that the log remembers. Throws as `offsets` does. */
  activeProducers(partition: PartitionRef): readonly ActiveProducer[]
  /**
   * Whether the place of the partition's log is offline, with all that is there: nobody leads it then. One that an error
   * of its own took offline is still led and answers KAFKA_STORAGE_ERROR: clients that know of a partition without a
   * leader may stop sending to the whole topic.
   */
  isLeaderless(partition: PartitionRef): boolean
  /** Bytes of the partition's log segments. */
  size(partition: PartitionRef): number
  /** The partition's counters, for who refuses an append before it comes here; undefined: there is no such log. */
  traffic(partition: PartitionRef): LogTraffic | undefined
  /**
   * Moves the log start offset up, and gives it when that is durable. The bytes below go when the engine comes to it.
   * Throws ProtocolError OFFSET_OUT_OF_RANGE above the high watermark.
   */
  deleteBefore(partition: PartitionRef, offset: number): Promise<number>
}

/**
 * The catalogue of one node: the log `__cluster_metadata`, in Kafka's records, replayed into an
 * immutable snapshot. Changes are made one after the other: checked against the newest state, appended as
 * one batch each, replayed. Those that are asked for while others wait for the disk share the next sync, the
 * next snapshot and the next event.
 *
 * A change that does not fit or cannot be appended fails alone. If the sync fails, all that wait for it fail
 * and the log is offline: the state is ahead of the snapshot then, and nobody looks at it any more.
 */
import { buildBatch } from '../../../protocol-codecs/build-batch.ts'
import { ProtocolError } from '../../../protocol-codecs/error-codes.ts'
import { recordsOf } from '../../../protocol-codecs/read-records.ts'
import { batchLastOffsetDelta, batchMaxTimestamp } from '../../../protocol-codecs/record-batch.ts'
import type { Clock, Timer } from '../../platform/clock.ts'
import type { TopicConfigResolver } from '../../settings/topic-config.ts'
import type { PartitionRef } from '../partition-log.ts'
import {
  type CatalogChange,
  type CatalogEvent,
  type CatalogSnapshot,
  emptySnapshot,
  type MetadataLogState,
  type TopicCatalog,
} from '../topic-catalog.ts'
import {
  type Assignment,
  assignPartitions,
  type CatalogIdentity,
  featureLevelOf,
  recordsOfChange,
  takeProducerIds,
} from './catalog-changes.ts'
import { CatalogState } from './catalog-state.ts'
import { DamagedLogError } from './damaged-log.ts'
import { isDiskFailure } from './disk-failure.ts'
import { decodeMetadata } from './metadata-frame.ts'
import type { PartitionLog } from './partition-log.ts'
import { scanBatches } from './scan-batches.ts'

interface QueuedChange {
  /** The records that make it; throws ProtocolError if it does not fit. */
  records(): Buffer[]
  /** Must be on disk whatever is promised elsewhere. */
  readonly needsDisk: boolean
  /** Gives the change up if it has not begun by then. */
  readonly timer: Timer | undefined
  made(snapshot: CatalogSnapshot): void
  failed(error: unknown): void
}

/** As many ids are taken at once; Kafka's ProducerIdsBlock has the same size. */
const producerIdBlockSize = 1000
/** Of an assignment of partitions, so that a batch stays small. */
const maxAssignmentsPerBatch = 1000
/** The epoch in which a single node leads its own metadata. */
const metadataLeaderEpoch = 1

export class LocalCatalog implements TopicCatalog {
  /**
   * Set by the owner: makes what a durable change needs before anybody sees it, such as the logs of new
   * partitions; takes the time that it needs, and cannot fail.
   */
  prepare: (event: CatalogEvent) => Promise<void> = () => Promise.resolve()
  private readonly log: PartitionLog
  private readonly identity: CatalogIdentity
  private readonly clock: Clock
  private readonly state: CatalogState
  private readonly listeners: ((event: CatalogEvent) => void)[] = []
  private snapshot = emptySnapshot
  private queue: QueuedChange[] = []
  private committing: Promise<void> | undefined

  constructor(log: PartitionLog, identity: CatalogIdentity, clock: Clock, resolver: TopicConfigResolver) {
    this.log = log
    this.identity = identity
    this.clock = clock
    this.state = new CatalogState(resolver)
  }

  current(): CatalogSnapshot {
    return this.snapshot
  }

  onChange(listener: (event: CatalogEvent) => void): void {
    this.listeners.push(listener)
  }

  /**
   * Replays the log; a new one gets its first record. Gives the topics that the log says were deleted: what is
   * left of their directories may go.
   */
  load(): { readonly deletedIds: ReadonlySet<string> } {
    for (const segment of this.log.segments) {
      const end = scanBatches(segment, 0, segment.size, true, (buffer, at) => {
        for (const record of recordsOf(buffer, at)) if (record.value !== null) this.replay(record.value)
        return true
      })
      if (end < segment.size) throw new DamagedLogError(segment.path, end, 'a wrong checksum or header')
    }
    if (this.log.logEndOffset === 0) {
      const level = featureLevelOf(['metadata.version', this.identity.metadataVersion])
      this.append([level])
      this.replay(level)
    }
    const deletedIds = this.state.removedIds()
    this.snapshot = this.state.publish(this.snapshot)?.snapshot ?? this.snapshot
    return { deletedIds }
  }

  private replay(value: Buffer): void {
    const record = decodeMetadata(value)
    if (record !== undefined) this.state.replay(record)
  }

  change(change: CatalogChange, maxWaitMs?: number): Promise<CatalogSnapshot> {
    return this.enqueue(() => recordsOfChange(change, this.state, this.identity), false, maxWaitMs)
  }

  async allocateProducerIds(): Promise<{ first: number; count: number }> {
    let first = 0
    const take = (): Buffer[] => {
      first = this.state.nextProducerId
      return takeProducerIds(first + producerIdBlockSize, this.identity)
    }
    // An id that is given twice makes new records look like duplicates, so these wait for the disk always.
    await this.enqueue(take, true)
    return { first, count: producerIdBlockSize }
  }

  metadataLog(): MetadataLogState {
    const { highWatermark, logEndOffset } = this.log
    return { leaderEpoch: metadataLeaderEpoch, highWatermark, logEndOffset }
  }

  /** Id of the log directory that a partition lives in; undefined: it has not got one yet. */
  directoryOf({ topicId, index }: PartitionRef): string | undefined {
    return this.state.topicsById.get(topicId)?.directoryIds[index]
  }

  /** Takes note of the log directories that partitions live in; on disk when it resolves. */
  async assign(assignments: readonly Assignment[]): Promise<void> {
    for (let from = 0; from < assignments.length; from += maxAssignmentsPerBatch) {
      const some = assignments.slice(from, from + maxAssignmentsPerBatch)
      await this.enqueue(() => assignPartitions(some), true)
    }
  }

  private enqueue(records: () => Buffer[], needsDisk: boolean, maxWaitMs?: number): Promise<CatalogSnapshot> {
    return new Promise((made, failed) => {
      const giveUp = (): void => {
        this.queue.splice(this.queue.indexOf(change), 1)
        failed(new ProtocolError('REQUEST_TIMED_OUT', 'The changes before this one have taken too long.'))
      }
      const timer = maxWaitMs === undefined ? undefined : this.clock.after(maxWaitMs, giveUp)
      const change = { records, needsDisk, timer, made, failed }
      this.queue.push(change)
      // The request that is being handled may ask for more.
      this.committing ??= Promise.resolve().then(() => this.commitQueue())
    })
  }

  private async commitQueue(): Promise<void> {
    while (this.queue.length > 0) {
      const changes = this.queue
      this.queue = []
      for (const { timer } of changes) timer?.cancel()
      await this.commit(changes)
    }
    this.committing = undefined
  }

  /** Resolves when no change is under way. */
  async idle(): Promise<void> {
    await this.committing
  }

  private async commit(changes: readonly QueuedChange[]): Promise<void> {
    const appended: QueuedChange[] = []
    const refused: { change: QueuedChange; error: unknown }[] = []
    for (const change of changes) {
      try {
        this.appendChange(change)
        appended.push(change)
      } catch (error) {
        refused.push({ change, error })
      }
    }
    if (appended.length > 0) await this.settle(appended)
    // Only now: what it was refused for, such as a topic that is there already, is to be seen by everybody.
    for (const { change, error } of refused) change.failed(error)
  }

  /** Waits until changes are durable, and shows them. */
  private async settle(appended: readonly QueuedChange[]): Promise<void> {
    try {
      const endOffset = this.log.logEndOffset
      if (appended.some(({ needsDisk }) => needsDisk)) await this.log.whenOnDisk(endOffset)
      else await this.log.whenDurable(endOffset)
    } catch (error) {
      for (const change of appended) change.failed(notStored(error))
      return
    }
    const event = this.state.publish(this.snapshot)
    if (event !== undefined) {
      await this.prepare(event)
      this.snapshot = event.snapshot
      for (const listener of this.listeners) listener(event)
    }
    for (const change of appended) change.made(this.snapshot)
  }

  /** Puts a change into the log and the state. */
  private appendChange(change: QueuedChange): void {
    try {
      if (this.log.isOffline) throw new Error('the metadata log is offline')
      const values = change.records()
      if (values.length > 0) this.append(values)
      for (const value of values) this.replay(value)
    } catch (error) {
      if (!this.log.isOffline && isDiskFailure(error)) this.log.goOffline(error as Error)
      throw error instanceof ProtocolError ? error : notStored(error)
    }
  }

  private append(values: readonly Buffer[]): void {
    const timestamp = this.clock.now()
    const batch = buildBatch({ records: values.map(value => ({ key: null, value })), timestamp })
    const facts = {
      lastOffsetDelta: batchLastOffsetDelta(batch, 0),
      maxTimestampMs: batchMaxTimestamp(batch, 0),
      producerId: -1,
      producerEpoch: -1,
      baseSequence: -1,
    }
    this.log.append(batch, facts, metadataLeaderEpoch)
  }
}

function notStored(error: unknown): ProtocolError {
  const { message } = error as Error
  return new ProtocolError('KAFKA_STORAGE_ERROR', `The change could not be stored: ${message}`)
}

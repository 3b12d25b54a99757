/**
 * Fetch sessions (KIP-227): the broker remembers which partitions a consumer fetches, so that a request
 * names only what changed and an answer holds only what is new.
 *
 * A session keeps a watch on each of its partitions, and a set of those that may have something to say:
 * new bytes, a new position, an error. A fetch looks at that set alone, so a session of a thousand
 * partitions in which nothing happened costs nothing per partition. What was served goes to the end of
 * the set, what was left out for want of room stays in front: no partition starves.
 *
 * The number of sessions is bounded, and so is the number of partitions in all of them together. In a
 * full cache a newcomer takes the place of a session that has not been used for two minutes, or of one
 * that is smaller and that old; otherwise it is served without a session, which the protocol allows.
 */
import { randomInt } from 'node:crypto'
import type { Clock } from '../platform/clock.ts'
import type { Isolation, LogChange, PartitionLogs } from '../storage/partition-log.ts'
import type { CatalogSnapshot } from '../storage/topic-catalog.ts'
import type { DelayedFetch } from './delayed-fetch.ts'
import { FetchPartition, type FetchTopicRequest, findTopic } from './fetch-partition.ts'

/** Session epochs of the protocol: 0 asks for a new session, -1 ends one or asks for none. */
export const initialEpoch = 0
export const finalEpoch = -1

const maxEpoch = 2 ** 31 - 1
/** A session is safe from eviction for so long after its creation and its last use. */
const evictionMs = 120_000
/** Partitions in all sessions together; at some 300 bytes each, a bound on memory. */
const maxPartitionCount = 200_000

/** The epoch that follows; 0 and -1 mean something else and are skipped. */
export function nextEpoch(epoch: number): number {
  return epoch >= maxEpoch ? 1 : epoch + 1
}

export interface ForgottenTopic {
  readonly topic: string
  readonly topicId: string
  readonly partitions: readonly number[]
}

export class FetchSession {
  readonly id: number
  readonly byId: boolean
  readonly createdMs: number
  lastUsedMs: number
  /** Epoch that the next request has to carry. */
  epoch = 1
  /** A request of this session is being served. */
  busy = false
  /** Bytes that have become readable since a fetch last looked. */
  arrivedBytes = 0
  /** The fetch that waits for more. */
  waiting: DelayedFetch | undefined = undefined
  private readonly logs: PartitionLogs
  private readonly topics = new Map<string, Map<number, FetchPartition>>()
  private count = 0
  private isolation: Isolation
  private snapshot: CatalogSnapshot
  private ready = new Set<FetchPartition>()
  private isClosed = false

  constructor(options: {
    id: number
    byId: boolean
    nowMs: number
    logs: PartitionLogs
    isolation: Isolation
    snapshot: CatalogSnapshot
  }) {
    this.id = options.id
    this.byId = options.byId
    this.createdMs = options.nowMs
    this.lastUsedMs = options.nowMs
    this.logs = options.logs
    this.isolation = options.isolation
    this.snapshot = options.snapshot
  }

  get partitionCount(): number {
    return this.count
  }
  /** Ended or evicted: what is being served is finished, nothing more is heard of its partitions. */
  get closed(): boolean {
    return this.isClosed
  }

  /** Every partition of the session. */
  all(): FetchPartition[] {
    const partitions: FetchPartition[] = []
    for (const ofTopic of this.topics.values())
      for (const partition of ofTopic.values()) partitions.push(partition)
    return partitions
  }

  /** Adds partitions and changes what is wanted of them. */
  update(topics: readonly FetchTopicRequest[]): void {
    for (const topic of topics) {
      const key = this.byId ? topic.topicId : topic.topic
      let ofTopic = this.topics.get(key)
      if (ofTopic === undefined) {
        ofTopic = new Map()
        this.topics.set(key, ofTopic)
      }
      for (const wanted of topic.partitions) {
        let partition = ofTopic.get(wanted.partition)
        if (partition === undefined) {
          partition = new FetchPartition(topic.topic, topic.topicId, wanted.partition, this.isolation)
          partition.resolve(findTopic(this.snapshot, topic, this.byId), this.byId)
          ofTopic.set(wanted.partition, partition)
          this.count++
          this.watch(partition)
        }
        partition.want(wanted)
        this.ready.add(partition)
      }
      if (ofTopic.size === 0) this.topics.delete(key)
    }
  }

  forget(topics: readonly ForgottenTopic[]): void {
    for (const topic of topics) {
      const key = this.byId ? topic.topicId : topic.topic
      const ofTopic = this.topics.get(key)
      if (ofTopic === undefined) continue
      for (const index of topic.partitions) {
        const partition = ofTopic.get(index)
        if (partition === undefined) continue
        partition.watch?.cancel()
        ofTopic.delete(index)
        this.ready.delete(partition)
        this.count--
      }
      if (ofTopic.size === 0) this.topics.delete(key)
    }
  }

  /** Looks up again what the names stand for, when the catalogue has changed. */
  refresh(snapshot: CatalogSnapshot): void {
    if (snapshot === this.snapshot) return
    this.snapshot = snapshot
    for (const ofTopic of this.topics.values()) {
      for (const partition of ofTopic.values()) {
        if (!partition.resolve(findTopic(snapshot, partition, this.byId), this.byId)) continue
        this.watch(partition)
        this.ready.add(partition)
      }
    }
  }

  setIsolation(isolation: Isolation): void {
    if (isolation === this.isolation) return
    this.isolation = isolation
    for (const ofTopic of this.topics.values()) {
      for (const partition of ofTopic.values()) {
        partition.isolation = isolation
        this.ready.add(partition)
      }
    }
  }

  get hasReady(): boolean {
    return this.ready.size > 0
  }

  /** Those that may have something to say, which are now the caller's to look at or put back. */
  takeReady(): FetchPartition[] {
    this.arrivedBytes = 0
    if (this.ready.size === 0) return []
    const ready = [...this.ready]
    this.ready.clear()
    return ready
  }

  putBack(partition: FetchPartition): void {
    this.ready.add(partition)
  }

  close(): void {
    this.isClosed = true
    for (const ofTopic of this.topics.values())
      for (const partition of ofTopic.values()) partition.watch?.cancel()
    // A fetch that is waiting in a session that somebody else has closed will hear of nothing any more.
    this.waiting?.wake()
  }

  private watch(partition: FetchPartition): void {
    partition.watch?.cancel()
    partition.watch = undefined
    if (partition.missing !== 'NONE' || this.isClosed) return
    partition.watch = this.logs.watch([partition.partition], change => this.changed(partition, change))
  }

  private changed(partition: FetchPartition, change: LogChange): void {
    if (change.deleted) partition.resolve(undefined, this.byId)
    this.ready.add(partition)
    this.arrivedBytes += change.readableBytes
    this.waiting?.changed(change)
    if (partition.offset < change.logStartOffset) this.waiting?.wake()
  }
}

export interface FetchSessionsOptions {
  /** Kafka's `max.incremental.fetch.session.cache.slots`. */
  readonly maxSessionCount: number
  readonly clock: Clock
  readonly logs: PartitionLogs
  /** A number from 1 to 2^31 - 1. */
  readonly randomId?: () => number
}

export class FetchSessions {
  private readonly options: FetchSessionsOptions
  /** In order of last use, the longest unused first. */
  private readonly sessions = new Map<number, FetchSession>()
  private partitions = 0
  private evictions = 0

  constructor(options: FetchSessionsOptions) {
    this.options = options
  }

  get sessionCount(): number {
    return this.sessions.size
  }
  get partitionCount(): number {
    return this.partitions
  }
  get evictionCount(): number {
    return this.evictions
  }

  get(id: number): FetchSession | undefined {
    return this.sessions.get(id)
  }

  /** A new session that holds these partitions; undefined when there is no room for one. */
  create(
    topics: readonly FetchTopicRequest[],
    how: { byId: boolean; isolation: Isolation; snapshot: CatalogSnapshot },
  ): FetchSession | undefined {
    let size = 0
    for (const topic of topics) size += topic.partitions.length
    if (!this.makeRoom(size)) return undefined
    const { clock, logs } = this.options
    const session = new FetchSession({ id: this.unusedId(), nowMs: clock.monotonic(), logs, ...how })
    session.update(topics)
    this.partitions += session.partitionCount
    this.sessions.set(session.id, session)
    return session
  }

  /** Applies an incremental request. A session that is left without partitions is over, and gone. */
  apply(
    session: FetchSession,
    topics: readonly FetchTopicRequest[],
    forgotten: readonly ForgottenTopic[],
  ): void {
    const before = session.partitionCount
    session.update(topics)
    session.forget(forgotten)
    this.partitions += session.partitionCount - before
    if (session.partitionCount === 0) {
      this.remove(session.id)
      return
    }
    session.epoch = nextEpoch(session.epoch)
    session.lastUsedMs = this.options.clock.monotonic()
    this.sessions.delete(session.id)
    this.sessions.set(session.id, session)
  }

  /** Whether an incremental request may add so many partitions. */
  hasRoomFor(partitionCount: number): boolean {
    return this.partitions + partitionCount <= maxPartitionCount
  }

  remove(id: number): void {
    const session = this.sessions.get(id)
    if (session === undefined) return
    this.sessions.delete(id)
    this.partitions -= session.partitionCount
    session.close()
  }

  private makeRoom(size: number): boolean {
    if (this.options.maxSessionCount <= 0) return false
    if (this.sessions.size < this.options.maxSessionCount && this.hasRoomFor(size)) return true
    const victim = this.victimFor(size)
    if (victim === undefined) return false
    this.evictions++
    this.remove(victim.id)
    return this.sessions.size < this.options.maxSessionCount && this.hasRoomFor(size)
  }

  private victimFor(size: number): FetchSession | undefined {
    const oldEnough = this.options.clock.monotonic() - evictionMs
    let smallest: FetchSession | undefined
    for (const session of this.sessions.values()) {
      if (session.busy) continue
      if (session.lastUsedMs <= oldEnough) return session
      if (session.createdMs > oldEnough || session.partitionCount >= size) continue
      if (smallest === undefined || session.partitionCount < smallest.partitionCount) smallest = session
    }
    return smallest
  }

  private unusedId(): number {
    const random = this.options.randomId ?? randomSessionId
    for (;;) {
      const id = random()
      if (!this.sessions.has(id)) return id
    }
  }
}

function randomSessionId(): number {
  return randomInt(1, 2 ** 31 - 1)
}

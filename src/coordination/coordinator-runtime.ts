/**
 * The shards of one coordinator topic, each started when it is first needed, or when `loadAll` comes to it:
 * what only time brings about must happen in those that nobody asks for, too. Whoever coordinates
 * (groups, later transactions) brings the state machine; this brings the log, the clock and the names
 * of requests.
 */
import { setImmediate } from 'node:timers'
import { ProtocolError } from '../../protocol-codecs/error-codes.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/logger.ts'
import type { PartitionLogs } from '../storage/partition-log.ts'
import type { TopicCatalog } from '../storage/topic-catalog.ts'
import { CoordinatorShard } from './coordinator-shard.ts'
import type { EncodedRecord, RequestId, StateMachine } from './state-machine.ts'

export interface RuntimeParts<Event, LogRecord, Response> {
  readonly topic: string
  readonly catalog: TopicCatalog
  readonly cluster: Cluster
  readonly logs: PartitionLogs
  readonly clock: Clock
  readonly createState: () => StateMachine<Event, LogRecord, Response>
  readonly encode: (records: readonly LogRecord[]) => readonly EncodedRecord[]
  readonly timerEvent: Event
  readonly loadedEvent: () => Event | undefined
  readonly logger: Logger
  /** Node's setImmediate, unless a test wants to say when a turn ends. */
  readonly afterSockets?: (callback: () => void) => void
}

/** Events that wait for one shard's load; more of them are refused, and retried by their clients. */
const maxQueuedPerShard = 10_000
/** Shards that are loaded at the same time, and what each reads at a time. */
const maxLoads = 4
const loadBufferBytes = 1_048_576
/** Well below the default of max.message.bytes, which other tools that read the log may expect. */
const maxBatchBytes = 900_000

export class CoordinatorRuntime<Event, LogRecord, Response> {
  readonly #parts: RuntimeParts<Event, LogRecord, Response>
  readonly #shards = new Map<number, CoordinatorShard<Event, LogRecord, Response>>()
  #nextRequestId: RequestId = 1
  #isStopped = false
  #loadCount = 0
  #shardCount = 0
  readonly #waitingLoads: (() => void)[] = []

  constructor(parts: RuntimeParts<Event, LogRecord, Response>) {
    this.#parts = parts
    parts.catalog.onChange(({ deleted }) => {
      if (!deleted.some(topic => topic.name === parts.topic)) return
      this.#shardCount = 0
      void this.#stopShards()
    })
    this.#shardCount = this.#partitionCount
  }

  /**
   * Number of shards; 0 while the topic does not exist. Keys are found by it, so as long as the broker runs it
   * stays what it was, as in Kafka, even if the topic is given more partitions.
   */
  get shardCount(): number {
    if (this.#shardCount === 0) this.#shardCount = this.#partitionCount
    return this.#shardCount
  }

  get #partitionCount(): number {
    return this.#parts.catalog.current().topics.get(this.#parts.topic)?.partitions.length ?? 0
  }

  /**
   * Applies a request's event to a shard. Its effects are in order with those of every other request
   * when this returns; the answer comes at once or when it may leave. Throws or rejects with a
   * ProtocolError.
   */
  request(shard: number, event: (requestId: RequestId) => Event): Response | Promise<Response> {
    if (this.#isStopped) throw new ProtocolError('COORDINATOR_NOT_AVAILABLE')
    const requestId = this.#nextRequestId++
    return this.#shard(shard).request(requestId, event(requestId))
  }

  /** The client of a request is gone; `event`, if any, tells the state machine. */
  abandon(shard: number, requestId: RequestId, event?: Event): void {
    const running = this.#shards.get(shard)
    running?.abandon(requestId)
    if (event !== undefined) running?.notify(event)
  }

  /** Tells every running shard. One that is not running learns what it must from `loadedEvent`. */
  notifyAll(event: Event): void {
    for (const shard of this.#shards.values()) shard.notify(event)
  }

  /**
   * Starts every shard that holds anything, one after the other. One without records has no state, and whatever
   * is written to it will start it. Resolves when all have been read, or have failed to be for the first time.
   */
  async loadAll(): Promise<void> {
    for (let index = 0; index < this.shardCount && !this.#isStopped; index++) {
      if (this.#shards.has(index) || !this.#isEmpty(index)) await this.#shard(index).firstLoad
    }
  }

  #isEmpty(index: number): boolean {
    const { catalog, logs, topic } = this.#parts
    const partition = catalog.current().topics.get(topic)?.partitions[index]
    try {
      if (partition === undefined) return true
      const { logEndOffset, logStartOffset } = logs.offsets(partition)
      return logStartOffset === logEndOffset
    } catch {
      // The shard says what is wrong with its log when it is started.
      return false
    }
  }

  /** The states of the shards that are loaded. */
  states(): StateMachine<Event, LogRecord, Response>[] {
    return [...this.#shards.values()].flatMap(shard => shard.state ?? [])
  }

  /** Awaits what is on its way to the disk and refuses whatever waits for anything else. */
  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#stopShards()
  }

  async #stopShards(): Promise<void> {
    const shards = [...this.#shards.values()]
    this.#shards.clear()
    await Promise.all(shards.map(shard => shard.stop()))
  }

  #shard(index: number): CoordinatorShard<Event, LogRecord, Response> {
    let shard = this.#shards.get(index)
    if (shard === undefined) {
      const { topic, logs, clock, createState, encode, timerEvent, loadedEvent, logger } = this.#parts
      shard = new CoordinatorShard({
        logs,
        clock,
        createState,
        encode,
        timerEvent,
        loadedEvent,
        loadBufferBytes,
        onTrouble: (what, err) => logger.error({ err, topic, partition: index }, what),
        inLoadSlot: load => this.#inLoadSlot(load),
        maxBatchBytes,
        maxQueued: maxQueuedPerShard,
        claim: () => this.#claim(index),
        afterSockets: this.#parts.afterSockets ?? setImmediate,
      })
      this.#shards.set(index, shard)
    }
    return shard
  }

  async #inLoadSlot(load: () => Promise<void>): Promise<void> {
    if (this.#loadCount >= maxLoads) await new Promise<void>(resolve => this.#waitingLoads.push(resolve))
    else this.#loadCount++
    try {
      await load()
    } finally {
      // The slot goes over to the next in line, or becomes free.
      const next = this.#waitingLoads.shift()
      if (next === undefined) this.#loadCount--
      else next()
    }
  }

  async #claim(index: number) {
    const { topic, catalog, cluster } = this.#parts
    const partition = catalog.current().topics.get(topic)?.partitions[index]
    if (partition === undefined) throw new ProtocolError('UNKNOWN_TOPIC_OR_PARTITION')
    if (cluster.view().coordinatorOf({ topic, index }) !== cluster.view().localId) {
      throw new ProtocolError('NOT_LEADER_OR_FOLLOWER')
    }
    return { partition, ownerEpoch: await cluster.claim({ topic, index }) }
  }
}

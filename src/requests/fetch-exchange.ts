/**
 * One fetch on its way from request to answer: look at the partitions, read, and answer at once where
 * there is enough, an error, or no time to wait; otherwise wait and look again. This is the hottest path
 * of a broker with consumers, so nothing is made per partition that the answer does not hold.
 *
 * Without a session all partitions are read every time, and watched only while waiting. In a session
 * only those are read that may have something to say, and an incremental answer holds only those that do
 * (KIP-227): records, an error, or a high watermark or log start offset that the client was not told.
 *
 * Memory of records that were read is given back when the answer has been sent, or at once when it is not
 * used.
 */
import { type ErrorName, errorCodes } from '../../protocol-codecs/error-codes.ts'
import type { fetchRequest, fetchResponse } from '../../protocol-codecs/messages/fetch.ts'
import type { Infer, InferInput } from '../../protocol-codecs/schema.ts'
import type { LogChange, ReadOutcome, ReadResult, Watch } from '../storage/partition-log.ts'
import { DelayedFetch } from './delayed-fetch.ts'
import { type FetchPartition, inOrderOfAnswer } from './fetch-partition.ts'
import type { FetchSession } from './fetch-sessions.ts'
import { type Answer, closeConnection, type RequestContext } from './handler.ts'
import { epochEnd, leaderEpochProblem } from './leader-epoch.ts'
import { protocolErrorOf } from './protocol-error.ts'
import type { Services } from './services.ts'

type FetchAnswer = Answer<typeof fetchResponse>
type Response = InferInput<typeof fetchResponse>
type TopicResponse = Response['responses'][number]
type PartitionResponse = TopicResponse['partitions'][number]

export interface FetchTerms {
  /** Every partition to answer for; in an incremental fetch the session says which have to be looked at. */
  readonly partitions: readonly FetchPartition[] | 'incremental'
  readonly session: FetchSession | undefined
  readonly minBytes: number
  /** Below 0 it is senseless, for the first partition that is read: the others are left 0. */
  readonly maxBytes: number
  readonly maxWaitMs: number
  /** It comes from a broker that takes this one for the leader of its replicas, of which there are none. */
  readonly isOfFollower: boolean
}

/** What became of a partition before it came to reading. */
interface Verdict {
  readonly error: ErrorName
  readonly diverging?: { readonly epoch: number; readonly endOffset: number }
}

/** What a request asks for, within what the broker gives. */
export function limitsOf(
  request: Infer<typeof fetchRequest>,
  { settings }: Services,
): Omit<FetchTerms, 'partitions' | 'session'> {
  const maxBytes = Math.min(request.maxBytes, settings['fetch.max.bytes'])
  const minBytes = Math.min(request.minBytes, maxBytes)
  const isOfFollower = request.replicaId >= 0 || request.replicaState.replicaId >= 0
  return { maxBytes, minBytes, maxWaitMs: request.maxWaitMs, isOfFollower }
}

const noResults: ReadOutcome = { results: [], size: 0, release() {} }
/** From this version on an answer names the leader that a client should have asked. */
const firstVersionWithLeader = 16
/** Consumers from this version on understand zstd. */
const firstVersionWithZstd = 10

export class FetchExchange {
  private readonly terms: FetchTerms
  private readonly services: Services
  private readonly context: RequestContext
  private looked: readonly FetchPartition[] = []
  private readable: FetchPartition[] = []
  private verdicts: Map<FetchPartition, Verdict> | undefined = undefined
  private deadlineMs = -1
  private timeIsOver = false
  private hasYielded = false

  constructor(terms: FetchTerms, services: Services, context: RequestContext) {
    this.terms = terms
    this.services = services
    this.context = context
    this.timeIsOver = terms.maxWaitMs <= 0
  }

  run(): FetchAnswer | Promise<FetchAnswer> {
    const { session } = this.terms
    if (session === undefined) return this.look()
    session.busy = true
    try {
      const answer = this.look()
      if (answer instanceof Promise) return answer.finally(() => this.leaveSession(session))
      this.leaveSession(session)
      return answer
    } catch (error) {
      this.leaveSession(session)
      throw error
    }
  }

  private leaveSession(session: FetchSession): void {
    session.busy = false
    // Non-empty only if something was thrown between the look and the answer.
    for (const partition of this.looked) session.putBack(partition)
    this.looked = []
  }

  private look(): FetchAnswer | Promise<FetchAnswer> {
    const { partitions, session, maxBytes } = this.terms
    if (session !== undefined && partitions === 'incremental' && this.wouldSayNothing(session)) {
      // Watchers hear of an append at the end of the turn it was made in; this may be that turn.
      this.hasYielded = true
      return Promise.resolve().then(() => this.look())
    }
    const ready = session?.takeReady()
    this.looked = partitions === 'incremental' ? ready! : partitions
    this.verdicts = undefined
    this.readable = []
    let sizeLimit = maxBytes
    for (const partition of this.looked) {
      const verdict = this.judge(partition, sizeLimit)
      if (sizeLimit < 0 && partition.missing === 'NONE') sizeLimit = 0
      if (verdict === undefined) this.readable.push(partition)
      else {
        this.verdicts ??= new Map()
        this.verdicts.set(partition, verdict)
      }
    }
    if (this.readable.length === 0) return this.decide(noResults, false)
    const outcome = this.services.logs.read(this.readable, Math.max(0, maxBytes))
    return outcome instanceof Promise
      ? outcome.then(read => this.decide(read, true))
      : this.decide(outcome, false)
  }

  private wouldSayNothing(session: FetchSession): boolean {
    return !(session.hasReady || this.hasYielded) && (this.timeIsOver || this.terms.minBytes <= 0)
  }

  /** What keeps a partition from being read, if anything does. */
  private judge(partition: FetchPartition, sizeLimit: number): Verdict | undefined {
    if (partition.missing !== 'NONE') return { error: partition.missing }
    const problem = leaderEpochProblem(partition.partition, partition.currentLeaderEpoch)
    if (problem !== 'NONE') return { error: problem }
    if (this.terms.isOfFollower) return { error: 'NOT_LEADER_OR_FOLLOWER' }
    if (this.context.apiVersion < firstVersionWithZstd && this.isOfZstd(partition)) {
      return { error: 'UNSUPPORTED_COMPRESSION_TYPE' }
    }
    return (
      this.judgeEpoch(partition) ??
      (Math.min(partition.maxBytes, sizeLimit) < 0 ? this.judgeSize(partition) : undefined)
    )
  }

  /** As in Kafka it is the topic's setting that counts; of what producers chose themselves nobody is warned. */
  private isOfZstd({ partition }: FetchPartition): boolean {
    return this.services.catalog.current().topics.get(partition.topic)?.config.compressionType === 'zstd'
  }

  /** Kafka did not foresee sizes below 0, and sees them when there is something to read. */
  private judgeSize(partition: FetchPartition): Verdict | undefined {
    try {
      const offsets = this.services.logs.offsets(partition.partition)
      const hasMore =
        partition.offset >= offsets.logStartOffset && partition.offset < limitOf(partition, offsets)
      return hasMore ? { error: 'UNKNOWN_SERVER_ERROR' } : undefined
    } catch (error) {
      return { error: protocolErrorOf(error).name }
    }
  }

  private judgeEpoch(partition: FetchPartition): Verdict | undefined {
    const fetched = partition.lastFetchedEpoch
    if (fetched < 0) return undefined
    let end: { readonly epoch: number; readonly endOffset: number }
    try {
      end = epochEnd(partition.partition, fetched, this.services.logs)
    } catch (error) {
      return { error: protocolErrorOf(error).name }
    }
    if (end.epoch < 0 || end.endOffset < 0) return { error: 'OFFSET_OUT_OF_RANGE' }
    if (end.epoch < fetched || end.endOffset < partition.offset) return { error: 'NONE', diverging: end }
    return undefined
  }

  private decide(outcome: ReadOutcome, tookTime: boolean): FetchAnswer | Promise<FetchAnswer> {
    if (this.isEnough(outcome)) return this.answer(outcome)
    const size = outcome.size
    outcome.release()
    this.putBack(outcome.results)
    return this.wait(size, tookTime ? outcome.results : undefined)
  }

  private isEnough(outcome: ReadOutcome): boolean {
    if (this.timeIsOver || this.verdicts !== undefined || outcome.size >= this.terms.minBytes) return true
    const { session, partitions } = this.terms
    if (session === undefined ? partitions.length === 0 : session.closed) return true
    for (const result of outcome.results) if (result.error !== 'NONE') return true
    return false
  }

  private async wait(size: number, results: readonly ReadResult[] | undefined): Promise<FetchAnswer> {
    const { clock, logs } = this.services
    const { session, minBytes, maxWaitMs } = this.terms
    const nowMs = clock.monotonic()
    if (this.deadlineMs < 0) this.deadlineMs = nowMs + maxWaitMs
    const missingBytes = minBytes - size - (session?.arrivedBytes ?? 0)
    // While a read was under way nobody watched for a fetch without session: what came then is seen now.
    if (missingBytes <= 0 || (session === undefined && results !== undefined && this.hasMoved(results))) {
      return this.look()
    }
    const waitMs = Math.min(this.deadlineMs - nowMs, maxWaitMs)
    const delayed = new DelayedFetch(missingBytes, waitMs, clock, this.context)
    let watch: Watch | undefined
    if (session === undefined) {
      const listener = (change: LogChange): void => this.heard(delayed, change)
      watch = logs.watch(
        this.readable.map(partition => partition.partition),
        listener,
      )
    } else {
      session.waiting = delayed
    }
    const wake = await delayed.woken
    watch?.cancel()
    if (session !== undefined) session.waiting = undefined
    if (wake === 'closed') return closeConnection
    if (wake === 'timeout') this.timeIsOver = true
    return this.look()
  }

  private heard(delayed: DelayedFetch, change: LogChange): void {
    delayed.changed(change)
    // Mostly an append, which is enough.
    if (delayed.isOver && !change.deleted) return
    for (const partition of this.readable) {
      if (partition.partition !== change.partition) continue
      if (change.deleted) partition.resolve(undefined, partition.topic === '')
      else if (partition.offset < change.logStartOffset) delayed.wake()
    }
  }

  private hasMoved(results: readonly ReadResult[]): boolean {
    try {
      for (let i = 0; i < results.length; i++) {
        const now = this.services.logs.offsets(this.readable[i]!.partition)
        const then = results[i]!
        if (now.highWatermark > then.highWatermark || now.lastStableOffset > then.lastStableOffset)
          return true
      }
      return false
    } catch (error) {
      // One of them is gone or offline; reading again will say so.
      protocolErrorOf(error)
      return true
    }
  }

  /** Returns to the session what still has, or may have, something to say. */
  private putBack(results: readonly ReadResult[]): void {
    const { session } = this.terms
    const looked = this.looked
    this.looked = []
    if (session === undefined) return
    let next = 0
    let served: FetchPartition[] | undefined
    for (const partition of looked) {
      if (this.verdicts?.has(partition)) {
        session.putBack(partition)
        continue
      }
      const result = results[next++]!
      if (result.size > 0) {
        served ??= []
        served.push(partition)
      } else if (result.error !== 'NONE' || partition.offset < limitOf(partition, result)) {
        session.putBack(partition)
      } else if (
        result.highWatermark !== partition.toldHighWatermark ||
        result.logStartOffset !== partition.toldLogStartOffset
      ) {
        // Nothing to read, but news that has not been told yet.
        session.putBack(partition)
      }
    }
    if (served !== undefined) for (const partition of served) session.putBack(partition)
  }

  private answer(outcome: ReadOutcome): FetchAnswer {
    const { session, partitions } = this.terms
    const incremental = partitions === 'incremental'
    const responses: { topic: string; topicId: string; partitions: PartitionResponse[] }[] = []
    let group: (typeof responses)[number] | undefined
    let leaderIsOther = false
    let next = 0
    // Without verdicts all are there.
    for (const partition of this.verdicts === undefined ? this.looked : inOrderOfAnswer(this.looked)) {
      const verdict = this.verdicts?.get(partition)
      let entry: PartitionResponse
      if (verdict !== undefined) {
        entry = this.refused(partition, verdict)
        if (entry.currentLeader !== undefined && !this.terms.isOfFollower) leaderIsOther = true
      } else {
        const result = outcome.results[next++]!
        if (
          incremental &&
          result.size === 0 &&
          result.error === 'NONE' &&
          result.highWatermark === partition.toldHighWatermark &&
          result.logStartOffset === partition.toldLogStartOffset
        ) {
          continue
        }
        entry = this.served(partition, result)
      }
      if (group === undefined || group.topicId !== partition.topicId || group.topic !== partition.topic) {
        group = { topic: partition.topic, topicId: partition.topicId, partitions: [] }
        responses.push(group)
      }
      group.partitions.push(entry)
    }
    this.putBack(outcome.results)
    if (outcome.size > 0) this.context.afterSend(() => outcome.release())
    else outcome.release()
    const response: Response = {
      errorCode: errorCodes.NONE,
      sessionId: session === undefined || session.closed ? 0 : session.id,
      responses,
    }
    return leaderIsOther ? { ...response, nodeEndpoints: this.endpoints() } : response
  }

  private served(partition: FetchPartition, result: ReadResult): PartitionResponse {
    const { traffic } = result
    if (traffic !== undefined) traffic.fetchRequests++
    if (result.error !== 'NONE') {
      if (traffic !== undefined) traffic.failedFetchRequests++
      return this.refused(partition, { error: result.error })
    }
    if (traffic !== undefined) traffic.bytesOut += result.size
    partition.toldHighWatermark = result.highWatermark
    partition.toldLogStartOffset = result.logStartOffset
    return {
      partitionIndex: partition.index,
      errorCode: errorCodes.NONE,
      highWatermark: BigInt(result.highWatermark),
      lastStableOffset: BigInt(result.lastStableOffset),
      logStartOffset: BigInt(result.logStartOffset),
      abortedTransactions:
        result.abortedTransactions === null
          ? null
          : result.abortedTransactions.map(aborted => ({
              producerId: BigInt(aborted.producerId),
              firstOffset: BigInt(aborted.firstOffset),
            })),
      records: result.chunks,
    }
  }

  private refused(partition: FetchPartition, verdict: Verdict): PartitionResponse {
    partition.toldHighWatermark = -1
    partition.toldLogStartOffset = -1
    const entry: PartitionResponse = {
      partitionIndex: partition.index,
      errorCode: errorCodes[verdict.error],
      highWatermark: -1n,
      lastStableOffset: -1n,
      logStartOffset: -1n,
      // As Kafka has it: null where a log was asked.
      abortedTransactions: partition.missing === 'NONE' ? null : [],
      records: [],
    }
    if (verdict.diverging !== undefined) {
      const { epoch, endOffset } = verdict.diverging
      const offsets = this.services.logs.offsets(partition.partition)
      return {
        ...entry,
        highWatermark: BigInt(offsets.highWatermark),
        lastStableOffset: BigInt(offsets.lastStableOffset),
        logStartOffset: BigInt(offsets.logStartOffset),
        divergingEpoch: { epoch, endOffset: BigInt(endOffset) },
      }
    }
    const ofLeader = verdict.error === 'FENCED_LEADER_EPOCH' || verdict.error === 'NOT_LEADER_OR_FOLLOWER'
    if (!ofLeader || this.context.apiVersion < firstVersionWithLeader) return entry
    const leaderId = this.services.cluster.view().leaderOf(partition.partition)
    return { ...entry, currentLeader: { leaderId, leaderEpoch: partition.partition.leaderEpoch } }
  }

  private endpoints(): NonNullable<Response['nodeEndpoints']> {
    const view = this.services.cluster.view()
    const { host, port } = this.services.advertisedAddress(this.context)
    return [{ nodeId: view.localId, host, port, rack: view.rack }]
  }
}

/** Where reading ends for this fetch: committed readers stop at the first open transaction. */
function limitOf(
  partition: FetchPartition,
  result: Pick<ReadResult, 'lastStableOffset' | 'highWatermark'>,
): number {
  return partition.isolation === 'read_committed' ? result.lastStableOffset : result.highWatermark
}

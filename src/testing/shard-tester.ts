/**
 * A shard of groups without a broker, a log or a clock: events in, records and replies out, time when
 * the test says so. What the shard emits is kept as the bytes that the log would hold, so that a test
 * can bring a second shard up from them.
 */
import { type ErrorName, errorName } from '../../protocol-codecs/error-codes.ts'
import type { EncodedRecord } from '../coordination/state-machine.ts'
import type {
  GroupEvent,
  GroupResponse,
  GroupSettings,
  HeartbeatResponse,
  JoinGroupRequest,
  JoinGroupResponse,
  LeaveGroupResponse,
  OffsetCommitResponse,
  OffsetDeleteResponse,
  OffsetFetchGroupResponse,
  SyncGroupResponse,
} from '../groups/group-events.ts'
import { encodeGroupRecords, type GroupRecord } from '../groups/group-records.ts'
import { GroupShard } from '../groups/group-shard.ts'

export const testGroupSettings: GroupSettings = {
  initialRebalanceDelayMs: 3_000,
  minSessionTimeoutMs: 6_000,
  maxSessionTimeoutMs: 1_800_000,
  maxGroupSize: 0x7fffffff,
  maxOffsetMetadataSize: 4096,
  offsetsRetentionMs: 7 * 24 * 3_600_000,
  offsetsRetentionCheckIntervalMs: 600_000,
}

export const topicA = { name: 'a', id: 'aaaaaaaaaaaaaaaaaaaaaA' }
export const topicB = { name: 'b', id: 'bbbbbbbbbbbbbbbbbbbbbA' }
const topicIds = new Map([topicA, topicB].map(({ id, name }) => [name, id]))

type Requests = Extract<GroupEvent, { requestId: number }>
type WithoutId<E> = E extends unknown ? Omit<E, 'requestId'> : never

export interface JoinOptions extends Partial<JoinGroupRequest> {
  readonly version?: number
  readonly clientId?: string
  readonly newMemberId?: string
}

export class ShardTester {
  readonly settings: GroupSettings
  shard: GroupShard
  /** The monotonic time, and the wall clock's as far ahead of it as a test wants. */
  nowMs = 0
  wallClockOffsetMs = 1_700_000_000_000
  /** Everything that was emitted, in order, and its bytes. */
  readonly records: GroupRecord[] = []
  readonly log: EncodedRecord[] = []
  readonly #replies = new Map<number, GroupResponse>()
  #nextRequestId = 1
  #nextMember = 1
  #wakeAtMs = Number.POSITIVE_INFINITY

  constructor(settings: Partial<GroupSettings> = {}) {
    this.settings = { ...testGroupSettings, ...settings }
    this.shard = new GroupShard(this.settings)
    this.#apply({ type: 'loaded', topicId: name => topicIds.get(name) })
  }

  get timestampMs(): number {
    return this.nowMs + this.wallClockOffsetMs
  }

  #apply(event: GroupEvent): GroupRecord[] {
    const { nowMs, timestampMs } = this
    const { records, replies, wakeAtMs } = this.shard.apply(event, { nowMs, timestampMs })
    this.#wakeAtMs = wakeAtMs
    this.records.push(...records)
    this.log.push(...encodeGroupRecords(records))
    for (const [id, response] of replies) {
      if (this.#replies.has(id)) throw new Error(`request ${id} was answered twice`)
      this.#replies.set(id, response)
    }
    return [...records]
  }

  /** Applies a request; `reply` of what it gives is the answer, now or later. */
  send<R extends GroupResponse>(event: WithoutId<Requests>): { readonly id: number; reply(): R | undefined } {
    const id = this.#nextRequestId++
    this.#apply({ ...event, requestId: id } as GroupEvent)
    return { id, reply: () => this.#replies.get(id) as R | undefined }
  }

  notify(event: GroupEvent): GroupRecord[] {
    return this.#apply(event)
  }

  /** Lets time pass as the runtime would, waking the shard when it asked to be. */
  advance(durationMs: number): void {
    const endMs = this.nowMs + durationMs
    while (this.#wakeAtMs <= endMs) {
      this.nowMs = Math.max(this.nowMs, this.#wakeAtMs)
      this.#apply({ type: 'timer' })
    }
    this.nowMs = endMs
  }

  /** A second shard, brought up from the bytes of the first. */
  replayed(): GroupShard {
    const shard = new GroupShard(this.settings)
    for (const { key, value } of this.log) {
      shard.replay({ key, value, timestamp: this.timestampMs, producerId: -1 })
    }
    return shard
  }

  /** Goes on with a shard that was brought up from the log, as after a crash. */
  restart(): void {
    this.shard = this.replayed()
    this.#apply({ type: 'loaded', topicId: name => topicIds.get(name) })
  }

  join(options: JoinOptions = {}) {
    const { clientId = 'client', newMemberId, version = 9, ...request } = options
    return this.send<JoinGroupResponse>({
      type: 'join',
      apiVersion: version,
      clientId,
      clientHost: '/127.0.0.1',
      newMemberId: newMemberId ?? `${request.groupInstanceId ?? clientId}-${this.#nextMember++}`,
      request: {
        groupId: 'g',
        sessionTimeoutMs: 10_000,
        rebalanceTimeoutMs: 60_000,
        memberId: '',
        groupInstanceId: null,
        protocolType: 'consumer',
        protocols: [{ name: 'range', metadata: Buffer.from('r') }],
        reason: null,
        ...request,
      },
    })
  }

  /** Joins as clients from version 4 on do: asks for an id, then comes with it. */
  joinTwice(options: JoinOptions = {}) {
    const { memberId } = this.join(options).reply()!
    return { memberId, ...this.join({ ...options, memberId }) }
  }

  sync(
    memberId: string,
    generationId: number,
    assignments: Readonly<Record<string, string>> = {},
    more = {},
  ) {
    return this.send<SyncGroupResponse>({
      type: 'sync',
      request: {
        groupId: 'g',
        generationId,
        memberId,
        groupInstanceId: null,
        protocolType: null,
        protocolName: null,
        assignments: Object.entries(assignments).map(([id, text]) => ({
          memberId: id,
          assignment: Buffer.from(text),
        })),
        ...more,
      },
    })
  }

  heartbeat(memberId: string, generationId: number, groupInstanceId: string | null = null, groupId = 'g') {
    const request = { groupId, memberId, generationId, groupInstanceId }
    return errorName(this.send<HeartbeatResponse>({ type: 'heartbeat', request }).reply()!.errorCode)
  }

  leave(...members: { memberId?: string; groupInstanceId?: string | null }[]): ErrorName[] {
    const full = members.map(m => ({ memberId: '', groupInstanceId: null, reason: null, ...m }))
    const request = { groupId: 'g', memberId: '', members: full }
    const response = this.send<LeaveGroupResponse>({ type: 'leave', request }).reply()!
    return response.members!.map(({ errorCode }) => errorName(errorCode ?? 0))
  }

  commit(
    offset: bigint,
    {
      version = 9,
      groupId = 'g',
      generation = -1,
      memberId = '',
      groupInstanceId = null as string | null,
      topic = topicA,
      partition = 0,
      metadata = null as string | null,
      retentionTimeMs = -1n,
    } = {},
  ): ErrorName {
    const response = this.send<OffsetCommitResponse>({
      type: 'commit',
      apiVersion: version,
      request: {
        groupId,
        generationIdOrMemberEpoch: generation,
        memberId,
        groupInstanceId,
        retentionTimeMs,
        topics: [
          {
            name: topic.name,
            topicId: topic.id,
            partitions: [
              {
                partitionIndex: partition,
                committedOffset: offset,
                commitTimestamp: -1n,
                committedLeaderEpoch: 5,
                committedMetadata: metadata,
              },
            ],
          },
        ],
      },
    }).reply()!
    return errorName(response.topics[0]!.partitions[0]!.errorCode)
  }

  /** What OffsetDelete says of one partition, or of the group as a whole. */
  deleteOffset(topic: string, partition = 0, groupId = 'g'): ErrorName {
    const request = { groupId, topics: [{ name: topic, partitions: [{ partitionIndex: partition }] }] }
    const response = this.send<OffsetDeleteResponse>({ type: 'delete-offsets', request }).reply()!
    return errorName(response.topics[0]?.partitions[0]?.errorCode ?? response.errorCode)
  }

  fetch(
    topics: readonly { name: string; topicId: string; partitionIndexes: readonly number[] }[] | null,
    { groupId = 'g', requireStable = false } = {},
  ) {
    return this.send<OffsetFetchGroupResponse>({
      type: 'fetch',
      request: { groupId, topics, requireStable },
    }).reply()!
  }

  /** The committed offset of one partition; -1 for none. */
  committed(topic = topicA, partition = 0, groupId = 'g'): bigint {
    const asked = [{ name: topic.name, topicId: topic.id, partitionIndexes: [partition] }]
    return this.fetch(asked, { groupId }).topics![0]!.partitions![0]!.committedOffset!
  }

  /** A group of this many dynamic members, assigned; the first leads. */
  stableGroup(memberCount: number, options: JoinOptions = {}): { memberIds: string[]; generation: number } {
    const joins = Array.from({ length: memberCount }, () => this.joinTwice(options))
    this.advance(this.settings.initialRebalanceDelayMs * (memberCount + 1))
    const memberIds = joins.map(({ memberId }) => memberId)
    const generation = joins[0]!.reply()!.generationId!
    for (const memberId of memberIds.slice(1)) this.sync(memberId, generation)
    this.sync(memberIds[0]!, generation, Object.fromEntries(memberIds.map(id => [id, `for ${id}`])))
    return { memberIds, generation }
  }
}

/**
 * What decides whether two shards are the same: the offsets of all groups, and the groups that are
 * settled, that is not in a rebalance, in `live`. (The log knows of a rebalance when it is over.)
 */
export function settledState(shard: GroupShard, live: GroupShard = shard): unknown {
  const groups = [...shard.groups.values()].map(group => {
    const offsets = [...group.offsets].map(([topic, partitions]) => [topic, [...partitions].sort()])
    const state = live.groups.get(group.groupId)?.state ?? 'Empty'
    const isSettled = state === 'Stable' || (state === 'Empty' && group.isPersisted)
    if (!isSettled) return { groupId: group.groupId, offsets: offsets.sort() }
    return {
      groupId: group.groupId,
      offsets: offsets.sort(),
      state: group.state,
      generation: group.generation,
      protocolType: group.protocolType,
      protocolName: group.protocolName,
      leaderId: group.leaderId,
      stateTimestampMs: group.stateTimestampMs,
      members: [...group.members.values()].map(member => ({
        memberId: member.memberId,
        instanceId: member.instanceId,
        clientId: member.clientId,
        clientHost: member.clientHost,
        rebalanceTimeoutMs: member.rebalanceTimeoutMs,
        sessionTimeoutMs: member.sessionTimeoutMs,
        metadata: group.metadataOf(member, group.protocolName).toString('latin1'),
        assignment: member.assignment.toString('latin1'),
      })),
    }
  })
  // A group that has neither offsets nor a trace in the log is nobody's loss.
  return groups
    .filter(group => group.offsets.length > 0 || 'state' in group)
    .sort((a, b) => (a.groupId < b.groupId ? -1 : 1))
}

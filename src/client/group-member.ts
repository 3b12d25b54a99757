/**
 * A member of a consumer group by the classic protocol: it joins, waits to be told its partitions (or, as leader,
 * tells everybody theirs by the range assignor), says that it lives in heartbeats, commits, and leaves.
 *
 * `join` is called at first and again whenever `rebalancing` is aborted, which is how a member learns that somebody
 * came or went; before it joins again its owner commits what it has done, since its partitions may go to another.
 */
import { errorName } from '../../protocol-codecs/error-codes.ts'
import { heartbeatRequest, heartbeatResponse } from '../../protocol-codecs/messages/heartbeat.ts'
import { joinGroupRequest, joinGroupResponse } from '../../protocol-codecs/messages/join-group.ts'
import { leaveGroupRequest, leaveGroupResponse } from '../../protocol-codecs/messages/leave-group.ts'
import { syncGroupRequest, syncGroupResponse } from '../../protocol-codecs/messages/sync-group.ts'
import type { Infer } from '../../protocol-codecs/schema.ts'
import { ClientError, type ClientFailure, refusal, throwIfRefused } from './client-error.ts'
import { type ClusterClient, pause } from './cluster-client.ts'
import {
  consumerProtocolType,
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
} from './consumer-protocol.ts'
import { commitOffsets, type PartitionOffset } from './group-offsets.ts'
import { assignRanges, type Subscriber } from './range-assignor.ts'
import { comparePartitions, type TopicPartition } from './topic-partitions.ts'

export interface MemberOptions {
  readonly groupId: string
  readonly topics: readonly string[]
  /** Makes it a static member (KIP-345), which does not say goodbye. */
  readonly groupInstanceId?: string
  readonly sessionTimeoutMs?: number
  readonly rebalanceTimeoutMs?: number
  readonly heartbeatIntervalMs?: number
}

const joinGroup = { request: joinGroupRequest, response: joinGroupResponse } as const
const syncGroup = { request: syncGroupRequest, response: syncGroupResponse } as const
const heartbeat = { request: heartbeatRequest, response: heartbeatResponse } as const
const leaveGroup = { request: leaveGroupRequest, response: leaveGroupResponse } as const

/** Defaults of Kafka's consumers. */
const defaultSessionTimeoutMs = 45_000
const defaultHeartbeatIntervalMs = 3000
/** How long others wait for us in a rebalance. */
const defaultRebalanceTimeoutMs = 60_000
/** Others may have asked for longer: max.poll.interval.ms is five minutes by default. */
const joinLimitMs = 330_000
const assignor = 'range'

type Joined = Infer<typeof joinGroupResponse>

/** After these a member is none any more, or not of this generation: it joins again. */
const membershipLost: ReadonlySet<ClientFailure> = new Set<ClientFailure>([
  'UNKNOWN_MEMBER_ID',
  'ILLEGAL_GENERATION',
])

export function isMembershipLost(error: unknown): boolean {
  return error instanceof ClientError && membershipLost.has(error.failure)
}

function notAMember(groupId: string): string {
  return `Cannot commit an offset for group ${groupId}: it has dropped this member.`
}

export class GroupMember {
  private readonly client: ClusterClient
  private readonly options: MemberOptions
  private readonly groupInstanceId: string | null
  private memberId = ''
  private generationId = -1
  private owned: readonly TopicPartition[] = []
  private rebalanceController = new AbortController()
  private stopController = new AbortController()
  private failure: ClientError | undefined

  constructor(client: ClusterClient, options: MemberOptions) {
    this.client = client
    this.options = options
    this.groupInstanceId = options.groupInstanceId ?? null
  }

  /** Aborted when the member must join again. */
  get rebalancing(): AbortSignal {
    return this.rebalanceController.signal
  }

  /** That of the last join; negative while it is no member. */
  get generation(): number {
    return this.generationId
  }

  /** Falls silent without a goodbye, as if its process had died. */
  abandon(): void {
    this.stopController.abort()
  }

  /** Resolves with the partitions that are ours in the next generation; `signal` says not to try again. */
  async join(signal?: AbortSignal): Promise<readonly TopicPartition[]> {
    this.stopController.abort()
    for (;;) {
      if (this.failure !== undefined) throw this.failure
      const partitions = await this.tryToJoin(signal)
      if (partitions === undefined) continue
      this.owned = partitions
      this.rebalanceController = new AbortController()
      this.stopController = new AbortController()
      void this.beat(this.rebalanceController, this.stopController.signal)
      return partitions
    }
  }

  async commit(offsets: readonly PartitionOffset[]): Promise<void> {
    const { generationId, memberId, groupInstanceId } = this
    // Without a generation it would be taken for somebody from outside, who may overwrite what others commit.
    if (generationId < 0) throw new ClientError('UNKNOWN_MEMBER_ID', notAMember(this.options.groupId))
    try {
      await commitOffsets(this.client, this.options.groupId, offsets, {
        generationId,
        memberId,
        groupInstanceId,
      })
    } catch (error) {
      if (isMembershipLost(error)) this.lose(error as ClientError)
      throw error
    }
  }

  /** Says goodbye, so that others take over at once; a static member stays silent, since it means to come back. */
  async leave(): Promise<void> {
    this.stopController.abort()
    if (this.memberId === '' || this.groupInstanceId !== null) return
    const { groupId } = this.options
    const { memberId } = this
    const connection = await this.client.coordinator(groupId)
    const isSeveral = (connection.versionOf(leaveGroup) ?? 0) >= 3
    const who = isSeveral ? { members: [{ memberId, reason: 'the command ends' }] } : { memberId }
    await connection.send(leaveGroup, { groupId, ...who })
    this.memberId = ''
  }

  /** undefined: the group moved on meanwhile, and it is to be tried again. */
  private async tryToJoin(signal?: AbortSignal): Promise<readonly TopicPartition[] | undefined> {
    try {
      const joined = await this.client.atCoordinator(this.options.groupId, () => this.sendJoin(), {
        afterLostConnection: true,
        signal,
      })
      this.memberId = joined.memberId
      this.generationId = joined.generationId
      return await this.sync(joined)
    } catch (error) {
      if (!(error instanceof ClientError)) throw error
      if (signal?.aborted) throw error
      if (error.failure === 'REBALANCE_IN_PROGRESS') return undefined
      if (!membershipLost.has(error.failure)) throw error
      this.lose(error)
      return undefined
    }
  }

  private async sendJoin(): Promise<Joined> {
    const { groupId, topics, sessionTimeoutMs, rebalanceTimeoutMs } = this.options
    const connection = await this.client.coordinator(groupId)
    const answer = await connection.send(
      joinGroup,
      {
        groupId,
        sessionTimeoutMs: sessionTimeoutMs ?? defaultSessionTimeoutMs,
        rebalanceTimeoutMs: rebalanceTimeoutMs ?? defaultRebalanceTimeoutMs,
        memberId: this.memberId,
        groupInstanceId: this.groupInstanceId,
        protocolType: consumerProtocolType,
        protocols: [{ name: assignor, metadata: encodeSubscription(topics, this.owned) }],
      },
      joinLimitMs,
    )
    // KIP-394: a newcomer gets a name first, so that it can be told apart when it asks again.
    if (errorName(answer.errorCode) === 'MEMBER_ID_REQUIRED' && this.memberId === '') {
      this.memberId = answer.memberId
      return this.sendJoin()
    }
    throwIfRefused(`Cannot join group ${groupId}`, connection.broker, answer.errorCode)
    return answer
  }

  private async sync(joined: Joined): Promise<readonly TopicPartition[]> {
    const { groupId } = this.options
    const isLeader = joined.leader === joined.memberId && !joined.skipAssignment
    const assignments = isLeader ? await this.assign(joined) : []
    return this.client.atCoordinator(groupId, async connection => {
      const answer = await connection.send(
        syncGroup,
        {
          groupId,
          generationId: this.generationId,
          memberId: this.memberId,
          groupInstanceId: this.groupInstanceId,
          protocolType: consumerProtocolType,
          protocolName: joined.protocolName,
          assignments,
        },
        joinLimitMs,
      )
      throwIfRefused(`Cannot join group ${groupId}`, connection.broker, answer.errorCode)
      const partitions = decodeAssignment(answer.assignment)
      if (partitions !== undefined) return partitions
      throw refusal(
        `The assignment from the leader of group ${groupId} cannot be read`,
        connection.broker,
        23,
      )
    })
  }

  private async assign({ members }: Joined): Promise<{ memberId: string; assignment: Buffer }[]> {
    const subscribers: Subscriber[] = members.map(({ memberId, groupInstanceId, metadata }) => ({
      memberId,
      groupInstanceId,
      topics: decodeSubscription(metadata)?.topics ?? [],
    }))
    const names = [...new Set(subscribers.flatMap(({ topics }) => topics))]
    const { topics } = await this.client.metadata(names)
    // A topic that is not there yet has no partitions to give.
    const partitionCounts = new Map(topics.map(({ name, partitions }) => [name ?? '', partitions.length]))
    return [...assignRanges(subscribers, partitionCounts)].map(([memberId, partitions]) => ({
      memberId,
      assignment: encodeAssignment(partitions.sort(comparePartitions)),
    }))
  }

  /** Until told to stop, or told by the coordinator that the group has changed. */
  private async beat(rebalance: AbortController, stop: AbortSignal): Promise<void> {
    const { groupId, heartbeatIntervalMs = defaultHeartbeatIntervalMs } = this.options
    while (!stop.aborted) {
      await pause(heartbeatIntervalMs, stop)
      if (stop.aborted) return
      try {
        await this.client.atCoordinator(groupId, connection => this.sendHeartbeat(connection), {
          afterLostConnection: true,
        })
      } catch (error) {
        if (stop.aborted) return
        const failed = error as ClientError
        if (membershipLost.has(failed.failure)) this.lose(failed)
        else if (failed.failure !== 'REBALANCE_IN_PROGRESS') this.failure = failed
        rebalance.abort()
        return
      }
    }
  }

  private async sendHeartbeat(connection: Awaited<ReturnType<ClusterClient['coordinator']>>): Promise<void> {
    const { groupId } = this.options
    const { generationId, memberId, groupInstanceId } = this
    const answer = await connection.send(heartbeat, { groupId, generationId, memberId, groupInstanceId })
    throwIfRefused(`Cannot stay in group ${groupId}`, connection.broker, answer.errorCode)
  }

  private lose(error: ClientError): void {
    if (error.failure === 'UNKNOWN_MEMBER_ID') this.memberId = ''
    this.generationId = -1
    this.owned = []
    this.rebalanceController.abort()
  }
}

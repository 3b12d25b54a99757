/**
 * The group coordinator as request handlers see it: one function per API, each taking the decoded
 * request and giving the decoded response, at once or as a promise. It finds the shard of a group,
 * creates `__consumer_offsets` when somebody first writes to it, and leaves the rest to the state
 * machine (`group-shard.ts`) and the runtime under it (`coordination/`).
 *
 * The effects of a call are in order with those of every other call when the call returns; a call that
 * has to wait for the topic or for its shard to load keeps its place in line.
 */
import { randomUUID } from 'node:crypto'
import { type ErrorName, errorCodes, ProtocolError } from '../../protocol-codecs/error-codes.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { CoordinatorRuntime } from '../coordination/coordinator-runtime.ts'
import { shardOf } from '../coordination/shard-of.ts'
import type { RequestId } from '../coordination/state-machine.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/logger.ts'
import { groupMetadataTopic } from '../storage/internal-topic-names.ts'
import type { PartitionLogs } from '../storage/partition-log.ts'
import type { CatalogTopic, TopicCatalog } from '../storage/topic-catalog.ts'
import type { GroupState } from './classic-group.ts'
import {
  type DeletedGroup,
  type DescribedGroup,
  type GroupEvent,
  type GroupResponse,
  type GroupSettings,
  type HeartbeatRequest,
  type HeartbeatResponse,
  type JoinGroupRequest,
  type JoinGroupResponse,
  joinError,
  type LeaveGroupRequest,
  type LeaveGroupResponse,
  type ListedGroup,
  type ListGroupsRequest,
  type OffsetCommitRequest,
  type OffsetCommitResponse,
  type OffsetDeleteRequest,
  type OffsetDeleteResponse,
  type OffsetFetchGroup,
  type OffsetFetchGroupResponse,
  type SyncGroupRequest,
  type SyncGroupResponse,
  syncError,
} from './group-events.ts'
import { encodeGroupRecords, type GroupRecord } from './group-records.ts'
import { GroupShard } from './group-shard.ts'
import { type GroupSnapshot, snapshotOf } from './group-snapshot.ts'

/** What the coordinator wants to know of the client. */
export interface GroupClient {
  readonly apiVersion: number
  readonly clientId: string
  readonly clientHost: string
  onClose(callback: () => void): () => void
}

export interface GroupCounts {
  readonly groups: Readonly<Record<GroupState, number>>
  readonly committedOffsets: number
}

type Maybe<T> = T | Promise<T>

export interface GroupCoordinator {
  /** Where a group's coordinator is: creates the topic if need be. */
  shardOf(groupId: string): Promise<number>
  joinGroup(request: JoinGroupRequest, client: GroupClient): Maybe<JoinGroupResponse>
  syncGroup(request: SyncGroupRequest, client: GroupClient): Maybe<SyncGroupResponse>
  heartbeat(request: HeartbeatRequest): Maybe<HeartbeatResponse>
  leaveGroup(request: LeaveGroupRequest): Maybe<LeaveGroupResponse>
  /** Topics that do not exist are the caller's to refuse; each topic carries its name and its id. */
  commitOffsets(request: OffsetCommitRequest, client: GroupClient): Maybe<OffsetCommitResponse>
  fetchOffsets(request: OffsetFetchGroup): Maybe<OffsetFetchGroupResponse>
  /** Partitions that do not exist are the caller's to refuse. */
  deleteOffsets(request: OffsetDeleteRequest): Maybe<OffsetDeleteResponse>
  describeGroups(groupIds: readonly string[], client: GroupClient): Promise<DescribedGroup[]>
  listGroups(request: ListGroupsRequest): Promise<ListedGroup[]>
  deleteGroups(groupIds: readonly string[]): Promise<DeletedGroup[]>
  /** Reads every group that there is in the background, so that all are seen and expire, asked for or not. */
  loadAll(): Promise<void>
  /** Of the shards that are loaded. */
  snapshot(): GroupCounts
  /** Every group of the shards that are loaded, with its members and committed offsets; made as it is asked for. */
  eachGroup(): Iterable<GroupSnapshot>
  /** Awaits what is on its way to the disk; everything that waits for anything else is refused. */
  stop(): Promise<void>
}

export interface GroupCoordinatorParts {
  readonly settings: GroupSettings
  readonly clock: Clock
  readonly catalog: TopicCatalog
  readonly cluster: Cluster
  readonly logs: PartitionLogs
  readonly topics: { ensureInternalTopic(name: string): Promise<CatalogTopic> }
  readonly logger: Logger
  readonly randomId?: () => string
  readonly afterSockets?: (callback: () => void) => void
}

/** A string of a record may have 32767 bytes, and a member id is a client or instance id with 37 more. */
const longestNameSize = 0x7fff - 37

export function createGroupCoordinator(parts: GroupCoordinatorParts): GroupCoordinator {
  const { catalog, settings, topics } = parts
  const randomId = parts.randomId ?? randomUUID
  const runtime = new CoordinatorRuntime<GroupEvent, GroupRecord, GroupResponse>({
    topic: groupMetadataTopic,
    catalog,
    cluster: parts.cluster,
    logs: parts.logs,
    clock: parts.clock,
    createState: () => new GroupShard(settings),
    encode: encodeGroupRecords,
    timerEvent: { type: 'timer' },
    loadedEvent: () => {
      const snapshot = catalog.current()
      return { type: 'loaded', topicId: name => snapshot.topics.get(name)?.id }
    },
    logger: parts.logger,
    afterSockets: parts.afterSockets,
  })
  catalog.onChange(({ deleted }) => {
    if (deleted.length > 0) runtime.notifyAll({ type: 'topics-deleted', topics: deleted })
  })

  let creation: Promise<unknown> | undefined
  function ensureTopic(): Promise<unknown> {
    creation ??= topics.ensureInternalTopic(groupMetadataTopic).finally(() => {
      creation = undefined
    })
    return creation
  }

  /** Sends an event to a group's shard; while nobody has written to any, what reads finds nothing. */
  function send<R extends GroupResponse>(
    groupId: string,
    isWrite: boolean,
    event: (requestId: RequestId) => GroupEvent,
  ): Maybe<R> {
    const shardCount = runtime.shardCount
    // A write waits for the topic, and whoever comes while it is created queues up behind.
    if (shardCount === 0 && (isWrite || creation !== undefined)) {
      return ensureTopic().then(() => {
        if (runtime.shardCount === 0) throw new ProtocolError('COORDINATOR_NOT_AVAILABLE')
        return send<R>(groupId, isWrite, event)
      })
    }
    if (shardCount === 0) return askNobody<R>(event)
    return runtime.request(shardOf(groupId, shardCount), event) as Maybe<R>
  }

  function askNobody<R extends GroupResponse>(event: (requestId: RequestId) => GroupEvent): R {
    const nobody = new GroupShard(settings)
    const at = { nowMs: parts.clock.monotonic(), timestampMs: parts.clock.now() }
    return nobody.apply(event(0), at).replies[0]![1] as R
  }

  /** A request that may be parked for long: its place is freed when its client goes. */
  function sendParkable<R extends GroupResponse>(
    groupId: string,
    isWrite: boolean,
    client: GroupClient,
    event: (requestId: RequestId) => GroupEvent,
  ): Maybe<R> {
    let requestId: RequestId | undefined
    const response = send<R>(groupId, isWrite, id => {
      requestId = id
      return event(id)
    })
    if (!(response instanceof Promise)) return response
    const forget = client.onClose(() => {
      if (requestId === undefined) return
      const shard = shardOf(groupId, runtime.shardCount)
      runtime.abandon(shard, requestId, { type: 'disconnect', requestId, groupId })
    })
    return response.finally(forget)
  }

  async function perGroup<R extends DescribedGroup[] | DeletedGroup[]>(
    groupIds: readonly string[],
    event: (requestId: RequestId, groupIds: readonly string[]) => GroupEvent,
    refuse: (groupId: string, error: ErrorName) => R[number],
  ): Promise<R> {
    // Each group on its own: a shard that cannot answer must not take the others' answers away.
    const answers = await Promise.all(
      groupIds.map(async groupId => {
        try {
          return await send<R>(groupId, false, requestId => event(requestId, [groupId]))
        } catch (error) {
          if (error instanceof ProtocolError) return [refuse(groupId, error.name)]
          throw error
        }
      }),
    )
    return answers.flat() as R
  }

  return {
    async shardOf(groupId) {
      if (runtime.shardCount === 0) await ensureTopic()
      if (runtime.shardCount === 0) throw new ProtocolError('COORDINATOR_NOT_AVAILABLE')
      return shardOf(groupId, runtime.shardCount)
    },

    joinGroup(request, client) {
      const { apiVersion, clientId } = client
      // As Java writes an address, and so as Kafka's tools show it.
      const clientHost = `/${client.clientHost}`
      const { groupId, groupInstanceId, memberId, sessionTimeoutMs } = request
      if (groupId === '' || isTooLong(groupId)) return joinError('INVALID_GROUP_ID', memberId)
      if (
        sessionTimeoutMs < settings.minSessionTimeoutMs ||
        sessionTimeoutMs > settings.maxSessionTimeoutMs
      ) {
        return joinError('INVALID_SESSION_TIMEOUT', memberId)
      }
      const names = [
        clientId,
        groupInstanceId ?? '',
        request.protocolType,
        ...request.protocols.map(p => p.name),
      ]
      if (names.some(isTooLong)) return joinError('INVALID_REQUEST', memberId)
      const newMemberId = memberId === '' ? `${groupInstanceId ?? clientId}-${randomId()}` : ''
      const known = { ...request, protocols: withoutRepeats(request.protocols) }
      return sendParkable(groupId, true, client, requestId => ({
        type: 'join',
        requestId,
        request: known,
        apiVersion,
        clientId,
        clientHost,
        newMemberId,
      }))
    },

    syncGroup(request, client) {
      if (request.groupId === '') return syncError('INVALID_GROUP_ID')
      return sendParkable(request.groupId, false, client, requestId => ({ type: 'sync', requestId, request }))
    },

    heartbeat(request) {
      if (request.groupId === '') return { errorCode: errorCodes.INVALID_GROUP_ID }
      return send(request.groupId, false, requestId => ({ type: 'heartbeat', requestId, request }))
    },

    leaveGroup(request) {
      if (request.groupId === '') return { errorCode: errorCodes.INVALID_GROUP_ID, members: [] }
      return send(request.groupId, false, requestId => ({ type: 'leave', requestId, request }))
    },

    // For old clients' sake Kafka lets offsets be committed and fetched, and groups deleted, under an empty id.
    commitOffsets(request, { apiVersion }) {
      if (isTooLong(request.groupId)) throw new ProtocolError('INVALID_GROUP_ID')
      return send(request.groupId, true, requestId => ({ type: 'commit', requestId, request, apiVersion }))
    },

    fetchOffsets(request) {
      return send(request.groupId, false, requestId => ({ type: 'fetch', requestId, request }))
    },

    deleteOffsets(request) {
      if (request.groupId === '')
        return { errorCode: errorCodes.INVALID_GROUP_ID, throttleTimeMs: 0, topics: [] }
      return send(request.groupId, false, requestId => ({ type: 'delete-offsets', requestId, request }))
    },

    describeGroups(groupIds, { apiVersion }) {
      return perGroup<DescribedGroup[]>(
        groupIds,
        (requestId, ids) => ({ type: 'describe', requestId, groupIds: ids, apiVersion }),
        (groupId, error) => ({
          errorCode: errorCodes[error],
          groupId,
          groupState: '',
          protocolType: '',
          protocolData: '',
          members: [],
        }),
      )
    },

    async listGroups(request) {
      const shards = Array.from({ length: runtime.shardCount }, (_, shard) => shard)
      const lists = await Promise.all(
        shards.map(shard => runtime.request(shard, requestId => ({ type: 'list', requestId, request }))),
      )
      return lists.flat() as ListedGroup[]
    },

    deleteGroups(groupIds) {
      return perGroup<DeletedGroup[]>(
        [...new Set(groupIds)],
        (requestId, ids) => ({ type: 'delete', requestId, groupIds: ids }),
        (groupId, error) => ({ groupId, errorCode: errorCodes[error] }),
      )
    },

    loadAll: () => runtime.loadAll(),

    snapshot() {
      const groups = { Empty: 0, PreparingRebalance: 0, CompletingRebalance: 0, Stable: 0 }
      let committedOffsets = 0
      for (const state of runtime.states()) {
        const counts = (state as GroupShard).count()
        for (const name of Object.keys(groups) as GroupState[]) groups[name] += counts.groups[name]
        committedOffsets += counts.offsets
      }
      return { groups, committedOffsets }
    },

    *eachGroup() {
      for (const state of runtime.states()) {
        for (const group of (state as GroupShard).groups.values()) yield snapshotOf(group)
      }
    },

    stop: () => runtime.stop(),
  }
}

function isTooLong(name: string): boolean {
  return Buffer.byteLength(name) > longestNameSize
}

/** Kafka keeps the first of several protocols with one name. */
function withoutRepeats<P extends { readonly name: string }>(protocols: readonly P[]): P[] {
  const names = new Set<string>()
  return protocols.filter(({ name }) => !names.has(name) && names.add(name))
}

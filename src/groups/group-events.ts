/**
 * What happens to groups, as the state machine is told of it, what it answers, and what its rules have
 * in common: the groups of a shard, their deadlines, and the effects of the event being applied.
 */
import { type ErrorName, errorCodes } from '../../protocol-codecs/error-codes.ts'
import type { deleteGroupsResponse } from '../../protocol-codecs/messages/delete-groups.ts'
import type { describeGroupsResponse } from '../../protocol-codecs/messages/describe-groups.ts'
import type { heartbeatRequest, heartbeatResponse } from '../../protocol-codecs/messages/heartbeat.ts'
import type { joinGroupRequest, joinGroupResponse } from '../../protocol-codecs/messages/join-group.ts'
import type { leaveGroupRequest, leaveGroupResponse } from '../../protocol-codecs/messages/leave-group.ts'
import type { listGroupsRequest, listGroupsResponse } from '../../protocol-codecs/messages/list-groups.ts'
import type {
  offsetCommitRequest,
  offsetCommitResponse,
} from '../../protocol-codecs/messages/offset-commit.ts'
import type {
  offsetDeleteRequest,
  offsetDeleteResponse,
} from '../../protocol-codecs/messages/offset-delete.ts'
import type { offsetFetchResponse } from '../../protocol-codecs/messages/offset-fetch.ts'
import type { syncGroupRequest, syncGroupResponse } from '../../protocol-codecs/messages/sync-group.ts'
import type { Infer, InferInput } from '../../protocol-codecs/schema.ts'
import type { Deadlines } from '../coordination/deadlines.ts'
import type { RequestId } from '../coordination/state-machine.ts'
import type { ClassicGroup } from './classic-group.ts'
import type { GroupRecord } from './group-records.ts'

export interface GroupSettings {
  readonly initialRebalanceDelayMs: number
  readonly minSessionTimeoutMs: number
  readonly maxSessionTimeoutMs: number
  readonly maxGroupSize: number
  readonly maxOffsetMetadataSize: number
  readonly offsetsRetentionMs: number
  readonly offsetsRetentionCheckIntervalMs: number
}

export type JoinGroupRequest = Infer<typeof joinGroupRequest>
export type JoinGroupResponse = InferInput<typeof joinGroupResponse>
export type SyncGroupRequest = Infer<typeof syncGroupRequest>
export type SyncGroupResponse = InferInput<typeof syncGroupResponse>
export type HeartbeatRequest = Infer<typeof heartbeatRequest>
export type HeartbeatResponse = InferInput<typeof heartbeatResponse>
export type LeaveGroupRequest = Infer<typeof leaveGroupRequest>
export type LeaveGroupResponse = InferInput<typeof leaveGroupResponse>
/** Topics carry their name and id at every version: whoever calls has looked up the one by the other. */
export type OffsetCommitRequest = Infer<typeof offsetCommitRequest>
export type OffsetCommitResponse = InferInput<typeof offsetCommitResponse>
/** One group of an OffsetFetch, in the shape that versions 8 and later have. */
export interface OffsetFetchGroup {
  readonly groupId: string
  /** null: everything that the group has committed. */
  readonly topics:
    | readonly {
        readonly name: string
        readonly topicId: string
        readonly partitionIndexes: readonly number[]
      }[]
    | null
  readonly requireStable: boolean
}
export type OffsetFetchGroupResponse = NonNullable<InferInput<typeof offsetFetchResponse>['groups']>[number]
export type OffsetDeleteRequest = Infer<typeof offsetDeleteRequest>
export type OffsetDeleteResponse = InferInput<typeof offsetDeleteResponse>
export type DescribedGroup = InferInput<typeof describeGroupsResponse>['groups'][number]
export type ListGroupsRequest = Infer<typeof listGroupsRequest>
export type ListedGroup = InferInput<typeof listGroupsResponse>['groups'][number]
export type DeletedGroup = InferInput<typeof deleteGroupsResponse>['results'][number]

interface Requested {
  readonly requestId: RequestId
}

export type GroupEvent =
  | (Requested & {
      readonly type: 'join'
      readonly request: JoinGroupRequest
      readonly apiVersion: number
      readonly clientId: string
      readonly clientHost: string
      /** The id for a member that comes without one; chance stays outside of the state machine. */
      readonly newMemberId: string
    })
  | (Requested & { readonly type: 'sync'; readonly request: SyncGroupRequest })
  | (Requested & { readonly type: 'heartbeat'; readonly request: HeartbeatRequest })
  | (Requested & { readonly type: 'leave'; readonly request: LeaveGroupRequest })
  | (Requested & {
      readonly type: 'commit'
      readonly request: OffsetCommitRequest
      readonly apiVersion: number
    })
  | (Requested & { readonly type: 'fetch'; readonly request: OffsetFetchGroup })
  | (Requested & {
      readonly type: 'describe'
      readonly groupIds: readonly string[]
      readonly apiVersion: number
    })
  | (Requested & { readonly type: 'list'; readonly request: ListGroupsRequest })
  | (Requested & { readonly type: 'delete'; readonly groupIds: readonly string[] })
  | (Requested & { readonly type: 'delete-offsets'; readonly request: OffsetDeleteRequest })
  /** The client that waits for this request's answer is gone. */
  | (Requested & { readonly type: 'disconnect'; readonly groupId: string })
  | { readonly type: 'timer' }
  | {
      readonly type: 'topics-deleted'
      readonly topics: readonly { readonly name: string; readonly id: string }[]
    }
  /** The log was replayed; which topics exist now says which offsets outlived theirs. */
  | { readonly type: 'loaded'; readonly topicId: (name: string) => string | undefined }

export type GroupResponse =
  | JoinGroupResponse
  | SyncGroupResponse
  | HeartbeatResponse
  | LeaveGroupResponse
  | OffsetCommitResponse
  | OffsetFetchGroupResponse
  | OffsetDeleteResponse
  | DescribedGroup[]
  | ListedGroup[]
  | DeletedGroup[]

/** A shard's state, and what the event being applied has caused so far. */
export interface ShardContext {
  readonly settings: GroupSettings
  readonly groups: Map<string, ClassicGroup>
  readonly deadlines: Deadlines
  /** The event's time: monotonic for deadlines, and the wall clock's for what is stored. */
  nowMs: number
  timestampMs: number
  records: GroupRecord[]
  replies: [RequestId, GroupResponse][]
}

export function reply(context: ShardContext, requestId: RequestId, response: GroupResponse): void {
  context.replies.push([requestId, response])
}

export function joinError(error: ErrorName, memberId: string): JoinGroupResponse {
  return {
    errorCode: errorCodes[error],
    generationId: -1,
    protocolType: null,
    protocolName: null,
    leader: '',
    skipAssignment: false,
    memberId,
    members: [],
  }
}

export function syncError(error: ErrorName): SyncGroupResponse {
  return { errorCode: errorCodes[error], protocolType: null, protocolName: null, assignment: Buffer.alloc(0) }
}

/** Who may speak for a member: its id, and for a static one the id that its instance has now. */
export function checkMember(
  group: ClassicGroup,
  memberId: string,
  instanceId: string | null,
): 'NONE' | 'UNKNOWN_MEMBER_ID' | 'FENCED_INSTANCE_ID' {
  if (instanceId !== null) {
    const current = group.memberIdOfInstance(instanceId)
    if (current === undefined) return 'UNKNOWN_MEMBER_ID'
    if (current !== memberId) return 'FENCED_INSTANCE_ID'
  }
  return group.members.has(memberId) ? 'NONE' : 'UNKNOWN_MEMBER_ID'
}

/**
 * The groups that live in one partition of `__consumer_offsets`, as a state machine: one event in,
 * records and replies out (see coordination/state-machine.ts). The rules are in the files that this
 * one calls, one for each of Kafka's requests or two.
 */
import { Deadline, Deadlines } from '../coordination/deadlines.ts'
import type {
  Effects,
  Instant,
  ReplayedMarker,
  ReplayedRecord,
  StateMachine,
} from '../coordination/state-machine.ts'
import type { GroupState } from './classic-group.ts'
import type { GroupEvent, GroupResponse, GroupSettings, ShardContext } from './group-events.ts'
import { deleteGroups, describeGroups, listGroups } from './group-listing.ts'
import type { GroupRecord } from './group-records.ts'
import { loaded, replayMarker, replayRecord } from './group-replay.ts'
import { joinGroup } from './join-group.ts'
import { disconnected, heartbeat, leaveGroup } from './membership.ts'
import { deleteOffsets, expireOffsets, topicsDeleted } from './offset-removal.ts'
import { commitOffsets, fetchOffsets } from './offsets.ts'
import { syncGroup } from './sync-group.ts'

export class GroupShard implements StateMachine<GroupEvent, GroupRecord, GroupResponse> {
  readonly #context: ShardContext
  readonly #retentionCheck: Deadline

  constructor(settings: GroupSettings) {
    this.#context = {
      settings,
      groups: new Map(),
      deadlines: new Deadlines(),
      nowMs: 0,
      timestampMs: 0,
      records: [],
      replies: [],
    }
    this.#retentionCheck = new Deadline(() => {
      expireOffsets(this.#context)
      this.#planRetentionCheck()
    })
  }

  /** For metrics and tests: to be looked at, not changed. */
  get groups(): ShardContext['groups'] {
    return this.#context.groups
  }

  apply(event: GroupEvent, { nowMs, timestampMs }: Instant): Effects<GroupRecord, GroupResponse> {
    const context = this.#context
    context.nowMs = nowMs
    context.timestampMs = timestampMs
    context.records = []
    context.replies = []
    this.#handle(event)
    return { records: context.records, replies: context.replies, wakeAtMs: context.deadlines.earliestMs }
  }

  replay(record: ReplayedRecord): void {
    replayRecord(this.#context, record)
  }

  replayMarker(marker: ReplayedMarker): void {
    replayMarker(this.#context, marker)
  }

  /** Groups by state, and how many offsets they hold. */
  count(): { groups: Record<GroupState, number>; offsets: number } {
    const groups = { Empty: 0, PreparingRebalance: 0, CompletingRebalance: 0, Stable: 0 }
    let offsets = 0
    for (const group of this.#context.groups.values()) {
      groups[group.state]++
      for (const partitions of group.offsets.values()) offsets += partitions.size
    }
    return { groups, offsets }
  }

  #handle(event: GroupEvent): void {
    const context = this.#context
    if (event.type === 'join') joinGroup(context, event)
    else if (event.type === 'sync') syncGroup(context, event)
    else if (event.type === 'heartbeat') heartbeat(context, event)
    else if (event.type === 'leave') leaveGroup(context, event)
    else if (event.type === 'commit') commitOffsets(context, event)
    else if (event.type === 'fetch') fetchOffsets(context, event)
    else if (event.type === 'describe') describeGroups(context, event)
    else if (event.type === 'list') listGroups(context, event)
    else if (event.type === 'delete') deleteGroups(context, event)
    else if (event.type === 'delete-offsets') deleteOffsets(context, event)
    else if (event.type === 'disconnect') disconnected(context, event)
    else if (event.type === 'topics-deleted') topicsDeleted(context, event)
    else if (event.type === 'timer') context.deadlines.expireDue(context.nowMs)
    else {
      loaded(context, event)
      this.#planRetentionCheck()
    }
  }

  #planRetentionCheck(): void {
    const { deadlines, nowMs, settings } = this.#context
    deadlines.set(this.#retentionCheck, nowMs + settings.offsetsRetentionCheckIntervalMs)
  }
}

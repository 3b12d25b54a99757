/**
 * A look at one group for those who watch (metrics): who is there and how far it has committed. Nothing is copied
 * or counted ahead of time: a look reads the live state, so it costs when somebody looks and never before. It
 * stays usable across turns of the event loop, and then shows what has changed in between.
 */
import type { ClassicGroup, GroupState } from './classic-group.ts'

export interface CommittedPosition {
  readonly topic: string
  readonly partition: number
  /** The next record that the group wants to read. */
  readonly offset: number
}

export interface GroupSnapshot {
  readonly groupId: string
  readonly state: GroupState
  /** 0 for a group that only commits offsets. */
  readonly memberCount: number
  readonly offsets: Iterable<CommittedPosition>
}

export function snapshotOf(group: ClassicGroup): GroupSnapshot {
  return {
    groupId: group.groupId,
    state: group.state,
    memberCount: group.members.size,
    offsets: { [Symbol.iterator]: () => positionsOf(group) },
  }
}

function* positionsOf(group: ClassicGroup): Generator<CommittedPosition, undefined> {
  for (const [topic, partitions] of group.offsets) {
    for (const [partition, { offset }] of partitions) yield { topic, partition, offset: Number(offset) }
  }
}

/**
 * Looks at the group of processors from outside, as an operator would: its state, its members, and how far its
 * committed offsets are behind the ends of the partitions.
 */
import type { Admin } from 'kafkajs'
import type { Game } from './game.ts'

export interface GroupState {
  groupState: string
  members: number
  lag: number
}

export async function lookAtGroup(admin: Admin, game: Game): Promise<GroupState> {
  // The ends are asked for last, so that a lag of 0 means that everything up to then is committed.
  const { groups } = await admin.describeGroups([game.processorsGroup])
  const committed = await committedOffsets(admin, game)
  const ends = await admin.fetchTopicOffsets(game.eventsTopic)
  const lag = ends.reduce(
    (sum, { partition, high }) => sum + Number(high) - (committed.get(partition) ?? 0),
    0,
  )
  return { groupState: groups[0]?.state ?? 'Unknown', members: groups[0]?.members.length ?? 0, lag }
}

/** What the group of processors has committed, by partition; 0 where that is nothing. */
export async function committedOffsets(admin: Admin, game: Game): Promise<Map<number, number>> {
  const [topic] = await admin.fetchOffsets({ groupId: game.processorsGroup, topics: [game.eventsTopic] })
  return new Map(topic!.partitions.map(({ partition, offset }) => [partition, Math.max(0, Number(offset))]))
}

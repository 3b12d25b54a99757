/**
 * Kafka's range assignor: of each topic, its subscribers in their order get ranges of its partitions in theirs, and
 * the first ones get one more where they do not divide. Static members stand before dynamic ones, by their instance
 * ids, as in the Java client, so that mixed groups agree whoever leads.
 */
import type { TopicPartition } from './topic-partitions.ts'

export interface Subscriber {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly topics: readonly string[]
}

export function assignRanges(
  subscribers: readonly Subscriber[],
  partitionCounts: ReadonlyMap<string, number>,
): Map<string, TopicPartition[]> {
  const assignment = new Map<string, TopicPartition[]>(subscribers.map(({ memberId }) => [memberId, []]))
  for (const [topic, partitionCount] of partitionCounts) {
    const interested = subscribers.filter(({ topics }) => topics.includes(topic)).sort(compare)
    if (interested.length === 0) continue
    const each = Math.floor(partitionCount / interested.length)
    const withOneMore = partitionCount % interested.length
    let partition = 0
    for (const [index, { memberId }] of interested.entries()) {
      const end = partition + each + (index < withOneMore ? 1 : 0)
      for (; partition < end; partition++) assignment.get(memberId)!.push({ topic, partition })
    }
  }
  return assignment
}

function compare(one: Subscriber, other: Subscriber): number {
  if (one.groupInstanceId !== null && other.groupInstanceId !== null) {
    return byCodeUnit(one.groupInstanceId, other.groupInstanceId)
  }
  if (one.groupInstanceId !== null) return -1
  if (other.groupInstanceId !== null) return 1
  return byCodeUnit(one.memberId, other.memberId)
}

function byCodeUnit(one: string, other: string): number {
  if (one === other) return 0
  return one < other ? -1 : 1
}

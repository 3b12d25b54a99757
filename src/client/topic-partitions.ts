/** Partitions by name, and lists of them nested by topic as requests want them. */

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

export function partitionName({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`
}

/** `[{ topic: 'a', partition: 0 }, { topic: 'a', partition: 1 }]` as `[{ topic: 'a', items: [both] }]`. */
export function byTopic<T extends TopicPartition>(items: readonly T[]): { topic: string; items: T[] }[] {
  const topics = new Map<string, T[]>()
  for (const item of items) {
    const of = topics.get(item.topic)
    if (of === undefined) topics.set(item.topic, [item])
    else of.push(item)
  }
  return [...topics].map(([topic, items]) => ({ topic, items }))
}

export function comparePartitions(one: TopicPartition, other: TopicPartition): number {
  if (one.topic !== other.topic) return one.topic < other.topic ? -1 : 1
  return one.partition - other.partition
}

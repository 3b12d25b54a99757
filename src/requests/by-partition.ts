/**
 * Produce, ListOffsets and DeleteRecords are carried out and answered partition by partition. Kafka gathers such a
 * request in maps, and its answer shows that: a topic of which no partition is asked for is not in it, and a partition
 * that is named twice is in it once, for what was said of it last.
 */
export interface TopicShape<T, P> {
  /** What its mentions have in common: its name, or its id where topics go by ids. */
  topicOf(topic: T): string
  partitionsOf(topic: T): readonly P[]
  indexOf(partition: P): number
  having(topic: T, partitions: P[]): T
}

/** That of most requests: topics with names. */
export function shapeOfNamed<
  P extends { readonly partitionIndex: number },
  T extends { readonly name: string; readonly partitions: readonly P[] },
>(): TopicShape<T, P> {
  return {
    topicOf: ({ name }) => name,
    partitionsOf: ({ partitions }) => partitions,
    indexOf: ({ partitionIndex }) => partitionIndex,
    having: (topic, partitions) => ({ ...topic, partitions }),
  }
}

/** The same topics, each partition once; the list itself where nothing has to be left out. */
export function byPartition<T, P>(topics: readonly T[], shape: TopicShape<T, P>): readonly T[] {
  return isByPartition(topics, shape) ? topics : gathered(topics, shape)
}

function isByPartition<T, P>(topics: readonly T[], shape: TopicShape<T, P>): boolean {
  const names = topics.length > 1 ? new Set<string>() : undefined
  for (const topic of topics) {
    const partitions = shape.partitionsOf(topic)
    if (partitions.length === 0 || hasRepeated(partitions, shape)) return false
    names?.add(shape.topicOf(topic))
  }
  return names === undefined || names.size === topics.length
}

function hasRepeated<T, P>(partitions: readonly P[], { indexOf }: TopicShape<T, P>): boolean {
  let isAscending = true
  for (let i = 1; i < partitions.length && isAscending; i++)
    isAscending = indexOf(partitions[i - 1]!) < indexOf(partitions[i]!)
  return !isAscending && new Set(partitions.map(indexOf)).size < partitions.length
}

function gathered<T, P>(topics: readonly T[], shape: TopicShape<T, P>): T[] {
  const all = new Map<string, { topic: T; partitions: Map<number, P> }>()
  for (const topic of topics) {
    const name = shape.topicOf(topic)
    const known = all.get(name) ?? { topic, partitions: new Map<number, P>() }
    for (const partition of shape.partitionsOf(topic))
      known.partitions.set(shape.indexOf(partition), partition)
    if (known.partitions.size > 0) all.set(name, known)
  }
  return Array.from(all.values(), ({ topic, partitions }) => shape.having(topic, [...partitions.values()]))
}

/**
 * Answers that are gathered partition by partition have no place for a topic of which no partition was asked for;
 * Kafka leaves it out of them.
 */
export function withPartitions<T extends { readonly partitions: readonly unknown[] }>(
  topics: readonly T[],
): readonly T[] {
  return topics.every(({ partitions }) => partitions.length > 0)
    ? topics
    : topics.filter(({ partitions }) => partitions.length > 0)
}

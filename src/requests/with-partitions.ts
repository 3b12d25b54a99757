/**
 * Answers that are gathered partition by partition have no place for a topic of which no partition was asked for;
 * Kafka leaves it out of them.
 */
export function withPartitions<T>(topics: T[], partitionsOf: (topic: T) => readonly unknown[]): T[] {
  const hasPartitions = (topic: T) => partitionsOf(topic).length > 0
  return topics.every(hasPartitions) ? topics : topics.filter(hasPartitions)
}

/**
 * The areas that capabilities of all clients fall into: the columns of the table that `npm run compat` prints, in
 * this order. One capability belongs to one area, to that which its users would name first. A new area is worth a
 * line here when several clients have something to show in it.
 */
export const areas = [
  /** Records there and back: keys, order, nulls, binary values, several topics, many at once. */
  'produce',
  /** acks 0, 1 and all, and what they promise. */
  'acks',
  /** Every codec, written and read. */
  'compression',
  /** The idempotent producer. */
  'idempotence',
  /** Headers of records. */
  'headers',
  /** Large records and batches, small fetches, and what is over a limit. */
  'sizes',
  /** Timestamps of records, and offsets by time. */
  'timestamps',
  /** A consumer by itself: from the beginning, from the end, waiting, pausing, several topics. */
  'consume',
  /** Going to an offset, within the log and outside of it. */
  'seek',
  /** Committing offsets and going on from them. */
  'commit',
  /** Members that join, leave, stall and crash. */
  'groups',
  /** The cooperative (incremental) rebalance. */
  'cooperative',
  /** Members with a group.instance.id. */
  'static members',
  /** Creating, changing, describing and deleting topics, and records of them. */
  'topics',
  /** Configurations of topics and brokers. */
  'configs',
  /** Describing and deleting groups and their offsets, resetting them. */
  'group admin',
  /** The cluster: brokers, versions, coordinators, log directories, health. */
  'cluster',
  /** The broker killed with -9 in the middle of work. */
  'restart',
  /** Applications of a framework: streams, connectors, mirrors. */
  'frameworks',
  /** Versions and formats on the wire, down to the oldest. */
  'protocol',
  /** The client's own published tests. */
  'own tests',
  /** What has not been given an area. */
  'other',
] as const

export type Area = (typeof areas)[number]

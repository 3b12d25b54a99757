/**
 * Settings of consumer groups, their offsets and of idempotent producers.
 * Names, defaults and ranges are Apache Kafka 4.4's unless `ours` or the documentation says otherwise.
 */
import { int, intMaximum, long } from './setting.ts'

export const groupSettings = {
  'group.initial.rebalance.delay.ms': int(3000, {
    importance: 'medium',
    documentation: 'How long the first rebalance of an empty group waits for more members. 0 suits tests.',
  }),
  'group.min.session.timeout.ms': int(6000, {
    importance: 'medium',
    documentation: 'The shortest session timeout that a member may ask for.',
  }),
  'group.max.session.timeout.ms': int(1800000, {
    importance: 'medium',
    documentation: 'The longest session timeout that a member may ask for.',
  }),
  'group.max.size': int(intMaximum, {
    atLeast: 1,
    importance: 'medium',
    documentation: 'The most members that a group may have.',
  }),
  'offset.metadata.max.bytes': int(4096, {
    importance: 'high',
    documentation: 'The longest metadata that may be committed with an offset.',
  }),
  'offsets.topic.num.partitions': int(50, {
    atLeast: 1,
    importance: 'high',
    documentation: 'Partitions of __consumer_offsets; must not change once the topic exists.',
  }),
  'offsets.topic.replication.factor': int(1, {
    atLeast: 1,
    importance: 'high',
    documentation:
      'Replicas of __consumer_offsets. A single node keeps one, whatever is set here; the default is that of the ' +
      "server.properties that comes with Kafka, where the code's own is 3.",
  }),
  'offsets.topic.segment.bytes': int(104857600, {
    atLeast: 1,
    importance: 'high',
    documentation: 'Segment size of __consumer_offsets.',
  }),
  'offsets.retention.minutes': int(10080, {
    atLeast: 1,
    importance: 'high',
    documentation: "How long a group's offsets are kept after it lost its last member.",
  }),
  'offsets.retention.check.interval.ms': long(600000, {
    atLeast: 1,
    importance: 'high',
    documentation: 'How often expired offsets are looked for.',
  }),
  'producer.id.expiration.ms': int(86400000, {
    atLeast: 1,
    dynamic: 'cluster-wide',
    importance: 'low',
    documentation:
      "How long a partition remembers an idempotent producer's sequence numbers after its last record.",
  }),
}

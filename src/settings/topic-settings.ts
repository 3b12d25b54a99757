/**
 * The configurations of a topic (KIP-226, LogConfig): a second table, whose defaults come from broker settings.
 * `synonyms` lists those, first match wins, as Kafka's DescribeConfigs reports them; `perUnitMs` converts hours and
 * minutes. The last synonym always has a value, so a topic configuration always has one too.
 */
import type { BrokerSettingName } from './broker-settings.ts'
import { cleanupPolicies, compressionTypes, noCompaction, timestampTypes } from './log-settings.ts'
import { boolean, double, int, list, long, oneOf, type Setting, type ValuesOf } from './setting.ts'

export interface Synonym {
  readonly setting: BrokerSettingName
  readonly perUnitMs?: number
}

export type TopicSetting<Value = Setting['default']> = Setting<Value> & {
  readonly synonyms: readonly Synonym[]
}

const hourMs = 3600000
const minuteMs = 60000
const never = Number.POSITIVE_INFINITY

function from<Value>(
  synonyms: readonly (BrokerSettingName | Synonym)[],
  setting: Setting<Value>,
): TopicSetting<Value> {
  return {
    ...setting,
    synonyms: synonyms.map(synonym => (typeof synonym === 'string' ? { setting: synonym } : synonym)),
  }
}

export const topicSettingTable = {
  'cleanup.policy': from(
    ['log.cleanup.policy'],
    list(['delete'], {
      choices: cleanupPolicies,
      mayBeEmpty: true,
      importance: 'medium',
      documentation:
        'What becomes of old segments: delete drops them by age and size, compact keeps the last record of each key ' +
        '(accepted, but not carried out yet).',
    }),
  ),
  'compression.type': from(
    ['compression.type'],
    oneOf(compressionTypes, 'producer', {
      importance: 'medium',
      documentation: 'The compression records are stored with; producer keeps what the producer chose.',
    }),
  ),
  'delete.retention.ms': from(
    ['log.cleaner.delete.retention.ms'],
    long(86400000, {
      notYet: noCompaction,
      atLeast: 0,
      importance: 'medium',
      documentation: 'How long compaction keeps tombstones, so that consumers can see the deletion.',
    }),
  ),
  'file.delete.delay.ms': from(
    ['log.segment.delete.delay.ms'],
    long(60000, {
      atLeast: 0,
      importance: 'medium',
      documentation:
        'How long the files of a dropped segment stay on disk, renamed, for readers that still use them.',
    }),
  ),
  'flush.messages': from(
    ['log.flush.interval.messages'],
    long(never, {
      atLeast: 1,
      importance: 'medium',
      documentation: 'Force the partition to disk after this many records.',
    }),
  ),
  'flush.ms': from(
    ['log.flush.interval.ms', 'log.flush.scheduler.interval.ms'],
    long(never, {
      atLeast: 0,
      importance: 'medium',
      documentation: 'Force the partition to disk after this time.',
    }),
  ),
  'index.interval.bytes': from(
    ['log.index.interval.bytes'],
    int(4096, {
      atLeast: 0,
      importance: 'medium',
      documentation: 'How many bytes of records lie between two entries of an index.',
    }),
  ),
  'max.compaction.lag.ms': from(
    ['log.cleaner.max.compaction.lag.ms'],
    long(never, {
      notYet: noCompaction,
      atLeast: 1,
      importance: 'medium',
      documentation: 'The age at which a record becomes due for compaction whatever the dirty ratio.',
    }),
  ),
  'max.message.bytes': from(
    ['message.max.bytes'],
    int(1048588, {
      atLeast: 0,
      importance: 'medium',
      documentation: 'The largest record batch accepted, after compression.',
    }),
  ),
  'message.timestamp.after.max.ms': from(
    ['log.message.timestamp.after.max.ms'],
    long(3600000, {
      atLeast: 0,
      importance: 'medium',
      documentation: "How far a producer's timestamp may lie in the future before the record is refused.",
    }),
  ),
  'message.timestamp.before.max.ms': from(
    ['log.message.timestamp.before.max.ms'],
    long(never, {
      atLeast: 0,
      importance: 'medium',
      documentation: "How far a producer's timestamp may lie in the past before the record is refused.",
    }),
  ),
  'message.timestamp.type': from(
    ['log.message.timestamp.type'],
    oneOf(timestampTypes, 'CreateTime', {
      importance: 'medium',
      documentation:
        "Whether a record's timestamp is the producer's (CreateTime) or the broker's (LogAppendTime).",
    }),
  ),
  'min.cleanable.dirty.ratio': from(
    ['log.cleaner.min.cleanable.ratio'],
    double(0.5, {
      notYet: noCompaction,
      atLeast: 0,
      atMost: 1,
      importance: 'medium',
      documentation: 'The share of the log that must be uncompacted before it is compacted.',
    }),
  ),
  'min.compaction.lag.ms': from(
    ['log.cleaner.min.compaction.lag.ms'],
    long(0, {
      notYet: noCompaction,
      atLeast: 0,
      importance: 'medium',
      documentation: 'How long a record stays out of the reach of compaction.',
    }),
  ),
  'min.insync.replicas': from(
    ['min.insync.replicas'],
    int(1, {
      atLeast: 1,
      importance: 'medium',
      documentation: 'How many replicas must have a record before acks=all is answered.',
    }),
  ),
  preallocate: from(
    ['log.preallocate'],
    boolean(false, {
      importance: 'medium',
      documentation: 'Accepted and reported, but changes nothing: Ottla never preallocates segments.',
    }),
  ),
  'remote.storage.enable': from(
    [],
    boolean(false, {
      only: false,
      importance: 'medium',
      documentation: 'Tiered storage, which Ottla does not have.',
    }),
  ),
  'retention.bytes': from(
    ['log.retention.bytes'],
    long(-1, {
      importance: 'medium',
      documentation: 'The size beyond which the partition loses its oldest segments; -1 for no bound.',
    }),
  ),
  'retention.ms': from(
    [
      'log.retention.ms',
      { setting: 'log.retention.minutes', perUnitMs: minuteMs },
      { setting: 'log.retention.hours', perUnitMs: hourMs },
    ],
    long(604800000, {
      atLeast: -1,
      importance: 'medium',
      documentation: 'How long records are kept; -1 for ever.',
    }),
  ),
  'segment.bytes': from(
    ['log.segment.bytes'],
    int(1073741824, {
      atLeast: 1048576,
      importance: 'medium',
      documentation: 'The size at which a segment file is closed and a new one begun.',
    }),
  ),
  'segment.index.bytes': from(
    ['log.index.size.max.bytes'],
    int(10485760, {
      atLeast: 4,
      importance: 'medium',
      documentation: 'The largest offset index; a segment whose index is full is closed.',
    }),
  ),
  'segment.jitter.ms': from(
    ['log.roll.jitter.ms', { setting: 'log.roll.jitter.hours', perUnitMs: hourMs }],
    long(0, {
      atLeast: 0,
      importance: 'medium',
      documentation:
        'The most that is randomly taken off segment.ms, so that segments are not all closed at once.',
    }),
  ),
  'segment.ms': from(
    ['log.roll.ms', { setting: 'log.roll.hours', perUnitMs: hourMs }],
    long(604800000, {
      atLeast: 1,
      importance: 'medium',
      documentation: 'The age at which a segment is closed even if it is not full.',
    }),
  ),
  'unclean.leader.election.enable': from(
    ['unclean.leader.election.enable'],
    boolean(false, {
      importance: 'medium',
      documentation: 'Accepted and reported, but changes nothing: a single node elects no leaders.',
    }),
  ),
  'write.caching': from(
    ['write.caching.default'],
    boolean(false, {
      ours: true,
      importance: 'high',
      documentation:
        'False: acks=all is answered when the records are on the disk. True: when they are in the page cache, as ' +
        'Kafka does. The name is that of Redpanda.',
    }),
  ),
  'internal.segment.bytes': from(
    [],
    int(null, {
      atLeast: 1,
      internal: true,
      importance: 'medium',
      documentation: 'A segment.bytes below its usual minimum, for tests.',
    }),
  ),
}

export type TopicSettingName = keyof typeof topicSettingTable
export type TopicSettingValues = ValuesOf<typeof topicSettingTable>

export function findTopicSetting(name: string): TopicSetting | undefined {
  return Object.hasOwn(topicSettingTable, name) ? topicSettingTable[name as TopicSettingName] : undefined
}

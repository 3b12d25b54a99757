/**
 * Settings of the log: where it lies, how topics come to be, and the defaults of every topic configuration (the
 * topic's own settings are in `topic-settings.ts`, which names for each the settings here that supply its default).
 * Names, defaults and ranges are Apache Kafka 4.4's unless `ours` or the documentation says otherwise.
 */
import { resolve } from 'node:path'
import { boolean, double, int, list, long, oneOf, string } from './setting.ts'

export const compressionTypes = ['uncompressed', 'zstd', 'lz4', 'snappy', 'gzip', 'producer'] as const
export const timestampTypes = ['CreateTime', 'LogAppendTime'] as const
export const cleanupPolicies = ['compact', 'delete'] as const

export const noCompaction = 'compaction is not carried out yet'

const never = Number.POSITIVE_INFINITY

function neverZero(retention: number): string | undefined {
  return retention === 0 ? 'Value must be unlimited (-1) or greater than or equal to 1' : undefined
}

function givenTwice(directories: readonly string[]): string | undefined {
  const paths = directories.map(directory => resolve(directory))
  const twice = paths.find((path, n) => paths.indexOf(path) !== n)
  return twice === undefined ? undefined : `The directory ${twice} is given twice`
}

export const logSettings = {
  'log.dirs': list(['./data'], {
    importance: 'high',
    allowed: 'directories, separated by commas',
    documentation:
      'Where the data are, in one directory or in several, for instance one on each disk: a new partition goes to ' +
      'the one that has the fewest, and if one cannot be used the others are served. Created if they do not exist. ' +
      'The default lies in the working directory, where data survives a restart of the machine; Kafka ships with a ' +
      'directory below /tmp.',
    problem: givenTwice,
  }),
  'log.dir': list(null, {
    importance: 'high',
    allowed: 'directories, separated by commas',
    documentation: 'Where the data are, if log.dirs is not given.',
    problem: givenTwice,
  }),
  'metadata.log.dir': string(null, {
    importance: 'high',
    documentation:
      'The directory that holds the log of topics and configurations, __cluster_metadata; the first of log.dirs if ' +
      'unset. It may be one that is not in log.dirs. Without it the broker does not start.',
  }),
  'num.partitions': int(1, {
    atLeast: 1,
    importance: 'medium',
    documentation: 'Partitions of a topic that is created without saying how many.',
  }),
  'default.replication.factor': int(1, {
    atLeast: 1,
    importance: 'medium',
    documentation:
      'Replicas of a topic that is created without saying how many. A single node keeps one, whatever is set here.',
  }),
  'min.insync.replicas': int(1, {
    atLeast: 1,
    dynamic: 'cluster-wide',
    importance: 'high',
    documentation: 'How many replicas must have a record before acks=all is answered.',
  }),
  'auto.create.topics.enable': boolean(true, {
    importance: 'high',
    documentation: 'Create a topic when a client asks for one that does not exist.',
  }),
  'delete.topic.enable': boolean(true, {
    importance: 'high',
    documentation: 'Let clients delete topics.',
  }),
  'compression.type': oneOf(compressionTypes, 'producer', {
    dynamic: 'cluster-wide',
    importance: 'high',
    documentation: 'The compression records are stored with; producer keeps what the producer chose.',
  }),
  'message.max.bytes': int(1048588, {
    atLeast: 0,
    dynamic: 'cluster-wide',
    importance: 'high',
    documentation: 'The largest record batch accepted, after compression.',
  }),
  'log.segment.bytes': int(1073741824, {
    atLeast: 1048576,
    dynamic: 'cluster-wide',
    importance: 'high',
    documentation: 'The size at which a segment file is closed and a new one begun.',
  }),
  'log.roll.ms': long(null, {
    atLeast: 1,
    dynamic: 'cluster-wide',
    importance: 'high',
    documentation: 'The age at which a segment is closed even if it is not full; log.roll.hours if unset.',
  }),
  'log.roll.hours': int(168, {
    atLeast: 1,
    importance: 'high',
    documentation: 'The age, in hours, at which a segment is closed even if it is not full.',
  }),
  'log.roll.jitter.ms': long(null, {
    atLeast: 0,
    dynamic: 'cluster-wide',
    importance: 'high',
    documentation:
      'The most that is randomly taken off the age at which segments are closed, so that they are not all closed ' +
      'at once; log.roll.jitter.hours if unset.',
  }),
  'log.roll.jitter.hours': int(0, {
    atLeast: 0,
    importance: 'high',
    documentation: 'As log.roll.jitter.ms, in hours.',
  }),
  'log.retention.ms': long(null, {
    problem: neverZero,
    dynamic: 'cluster-wide',
    importance: 'high',
    documentation: 'How long records are kept; -1 for ever, log.retention.minutes if unset.',
  }),
  'log.retention.minutes': int(null, {
    problem: neverZero,
    importance: 'high',
    documentation: 'How long records are kept, in minutes; log.retention.hours if unset.',
  }),
  'log.retention.hours': int(168, {
    problem: neverZero,
    importance: 'high',
    documentation: 'How long records are kept, in hours; -1 for ever.',
  }),
  'log.retention.bytes': long(-1, {
    dynamic: 'cluster-wide',
    importance: 'high',
    documentation: 'The size beyond which a partition loses its oldest segments; -1 for no bound.',
  }),
  'log.initial.task.delay.ms': long(30000, {
    atLeast: 0,
    importance: 'low',
    documentation:
      'How long after the start partitions are first searched for segments that retention lets go.',
  }),
  'log.retention.check.interval.ms': long(300000, {
    atLeast: 1,
    importance: 'medium',
    documentation: 'How often partitions are searched for segments that retention lets go.',
  }),
  'log.cleanup.policy': list(['delete'], {
    choices: cleanupPolicies,
    mayBeEmpty: true,
    dynamic: 'cluster-wide',
    importance: 'medium',
    documentation:
      'What becomes of old segments: delete drops them by age and size, compact keeps the last record of each key ' +
      '(accepted, but not carried out yet).',
  }),
  'log.index.size.max.bytes': int(10485760, {
    atLeast: 4,
    dynamic: 'cluster-wide',
    importance: 'medium',
    documentation: 'The largest offset index; a segment whose index is full is closed.',
  }),
  'log.index.interval.bytes': int(4096, {
    atLeast: 0,
    dynamic: 'cluster-wide',
    importance: 'medium',
    documentation: 'How many bytes of records lie between two entries of an index.',
  }),
  'log.flush.interval.messages': long(never, {
    atLeast: 1,
    dynamic: 'cluster-wide',
    importance: 'high',
    documentation: 'Force a partition to disk after this many records.',
  }),
  'log.flush.interval.ms': long(null, {
    dynamic: 'cluster-wide',
    importance: 'high',
    documentation: 'Force a partition to disk after this time; log.flush.scheduler.interval.ms if unset.',
  }),
  'log.flush.scheduler.interval.ms': long(never, {
    importance: 'high',
    documentation: 'How often partitions are searched for what log.flush.interval.ms makes due.',
  }),
  'log.flush.offset.checkpoint.interval.ms': int(60000, {
    atLeast: 0,
    importance: 'high',
    documentation: 'How often the recovery points are written; recovery after a crash starts from them.',
  }),
  'log.flush.start.offset.checkpoint.interval.ms': int(60000, {
    atLeast: 0,
    importance: 'high',
    documentation: 'How often the start offsets of the partitions are written.',
  }),
  'log.segment.delete.delay.ms': long(60000, {
    atLeast: 0,
    dynamic: 'cluster-wide',
    importance: 'high',
    documentation:
      'How long the files of a dropped segment stay on disk, renamed, for readers that still use them.',
  }),
  'log.message.timestamp.type': oneOf(timestampTypes, 'CreateTime', {
    dynamic: 'cluster-wide',
    importance: 'medium',
    documentation:
      "Whether a record's timestamp is the producer's (CreateTime) or the broker's (LogAppendTime).",
  }),
  'log.message.timestamp.before.max.ms': long(never, {
    atLeast: 0,
    dynamic: 'cluster-wide',
    importance: 'medium',
    documentation: "How far a producer's timestamp may lie in the past before the record is refused.",
  }),
  'log.message.timestamp.after.max.ms': long(3600000, {
    atLeast: 0,
    dynamic: 'cluster-wide',
    importance: 'medium',
    documentation: "How far a producer's timestamp may lie in the future before the record is refused.",
  }),
  'log.cleaner.delete.retention.ms': long(86400000, {
    notYet: noCompaction,
    atLeast: 0,
    dynamic: 'cluster-wide',
    importance: 'medium',
    documentation: 'How long compaction keeps tombstones, so that consumers can see the deletion.',
  }),
  'log.cleaner.min.compaction.lag.ms': long(0, {
    notYet: noCompaction,
    atLeast: 0,
    dynamic: 'cluster-wide',
    importance: 'medium',
    documentation: 'How long a record stays out of the reach of compaction.',
  }),
  'log.cleaner.max.compaction.lag.ms': long(never, {
    notYet: noCompaction,
    atLeast: 1,
    dynamic: 'cluster-wide',
    importance: 'medium',
    documentation: 'The age at which a record becomes due for compaction whatever the dirty ratio.',
  }),
  'log.cleaner.min.cleanable.ratio': double(0.5, {
    notYet: noCompaction,
    atLeast: 0,
    atMost: 1,
    dynamic: 'cluster-wide',
    importance: 'medium',
    documentation: 'The share of a log that must be uncompacted before it is compacted.',
  }),
  'log.preallocate': boolean(false, {
    dynamic: 'cluster-wide',
    importance: 'medium',
    documentation:
      'Passed on to topics, where it is reported but changes nothing: Ottla never preallocates segments.',
  }),
  'unclean.leader.election.enable': boolean(false, {
    dynamic: 'cluster-wide',
    importance: 'high',
    documentation:
      'Passed on to topics, where it is reported but changes nothing: a single node elects no leaders.',
  }),
  'num.recovery.threads.per.data.dir': int(2, {
    atLeast: 1,
    importance: 'high',
    documentation:
      'How many partitions are opened or recovered at the same time when the broker starts. The event loop checks what ' +
      'the thread pool reads, so more than two help only where the disk is slow.',
  }),
  'log.journal.enable': boolean(true, {
    ours: true,
    importance: 'medium',
    documentation:
      'Whether acks=all of many partitions may become durable together, in a journal with one sync, instead of one ' +
      "by one in their own files. Turn it off where Kafka is to open the directory after a crash without Ottla's " +
      'recovery; a directory that was shut down in order has no journal either way.',
  }),
  'log.unflushed.max.bytes': long(-1, {
    ours: true,
    atLeast: -1,
    problem: value => (value === 0 ? 'Value must be -1 or at least 1' : undefined),
    importance: 'medium',
    documentation:
      'The most bytes of all logs together that may wait to be synced to disk. From half of it on they are synced in ' +
      'the background, also where acks do not wait for that; at the bound producers wait until there is room again. -1: ' +
      'a tenth of the memory that the broker may use, which is below what lets the operating system stop it in a write.',
  }),
  'write.caching.default': boolean(false, {
    dynamic: 'cluster-wide',
    ours: true,
    importance: 'high',
    documentation:
      'False: acks=all is answered when the records are on the disk. True: when they are in the page cache, as ' +
      'Kafka does, which relies on replicas that a single node does not have.',
  }),
}

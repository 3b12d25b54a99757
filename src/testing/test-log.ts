/**
 * One log of the local engine without the storage around it, opened from a folder in whatever state a
 * test has put it. Appends are relaxed, so everything is readable at once and nothing is synced.
 */
import { bufferPool } from '../platform/buffer-pool.ts'
import { type Disk, systemDisk } from '../platform/disk.ts'
import { type Logger, silentLogger } from '../platform/logger.ts'
import { brokerSettings } from '../settings/broker-settings.ts'
import { effectiveTopicConfig } from '../settings/topic-config.ts'
import { FileRemoval } from '../storage/local/file-removal.ts'
import { GroupCommit } from '../storage/local/group-commit.ts'
import { LocalLogs } from '../storage/local/local-logs.ts'
import { openLog } from '../storage/local/open-log.ts'
import { OpenSegments } from '../storage/local/open-segments.ts'
import type { PartitionLog, PartitionLogEnvironment } from '../storage/local/partition-log.ts'
import { RetentionCheck } from '../storage/local/retention-check.ts'
import { UnsyncedBytes } from '../storage/local/unsynced-bytes.ts'
import { ManualClock } from './manual-clock.ts'

export interface TestLogOptions {
  /** Topic configuration in Kafka's names. */
  readonly config?: Readonly<Record<string, string>>
  readonly disk?: Disk
  readonly maxOpenSegments?: number
  readonly random?: () => number
  /** Default: after a crash, with nothing known to be on disk. */
  readonly wasShutDownCleanly?: boolean
  readonly recoveryPoint?: number
  readonly logStartOffset?: number
  readonly logger?: Logger
}

export interface TestLog {
  readonly log: PartitionLog
  readonly logs: LocalLogs
  readonly partition: typeof testPartition
  readonly clock: ManualClock
  readonly commit: GroupCommit
  readonly retention: RetentionCheck
  readonly openSegments: OpenSegments
}

export const testPartition = { topicId: 'dGVzdC10b3BpYy1pZC0wMQ', topic: 'events', index: 0, leaderEpoch: 0 }

export function openTestLog(directory: string, options: TestLogOptions = {}): TestLog {
  const disk = options.disk ?? systemDisk()
  const clock = new ManualClock()
  const openSegments = new OpenSegments(options.maxOpenSegments ?? 100)
  const settings = brokerSettings({ 'write.caching.default': true })
  const commit = new GroupCommit(disk, clock, silentLogger)
  const unsynced = new UnsyncedBytes(Number.POSITIVE_INFINITY, log => commit.settle(log))
  const logs = new LocalLogs(bufferPool(), commit, unsynced)
  const removal = new FileRemoval(disk, clock, silentLogger)
  const storeLogStarts = async () => {
    for (const log of logs.all()) log.storedStartOffset = log.logStartOffset
  }
  const retention = new RetentionCheck(() => logs.all(), {
    disk,
    clock,
    logger: silentLogger,
    removal,
    storeLogStarts,
    isNeeded: () => false,
  })
  const environment: PartitionLogEnvironment = {
    disk,
    clock,
    logger: options.logger ?? silentLogger,
    openSegments,
    unsynced,
    random: options.random ?? (() => 0),
    isJournaled: false,
    syncWanted: log => commit.request(log),
    offsetsMoved: log => logs.offsetsMoved(log),
    discard: path => disk.remove(path),
  }
  const config = effectiveTopicConfig(settings, options.config)
  const log = openLog(testPartition, directory, config, environment, {
    wasShutDownCleanly: options.wasShutDownCleanly ?? false,
    recoveryPoint: options.recoveryPoint ?? 0,
    logStartOffset: options.logStartOffset ?? 0,
  })
  logs.add(log)
  return { log, logs, partition: testPartition, clock, commit, retention, openSegments }
}

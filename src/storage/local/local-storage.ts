/**
 * The on-disk engine: one data directory with the metadata log, a log for each partition, and the
 * checkpoints over them. Implements the two seams; everybody else sees `PartitionLogs` and
 * `TopicCatalog` only.
 *
 * Life of a data directory: opened under a lock; the clean-shutdown mark, if there, is taken away
 * first, so that a crash from here on is seen as one; logs are opened, and what a crash left unsynced is
 * synced before anybody reads it, with what the journal gives back; while running, recovery points and log start offsets are checkpointed and
 * old segments removed now and then; on close everything is synced, closed, checkpointed, and the mark is put
 * back last.
 */
import { dirname, join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { BufferPool } from '../../platform/buffer-pool.ts'
import type { Clock, Timer } from '../../platform/clock.ts'
import type { Disk } from '../../platform/disk.ts'
import type { Logger } from '../../platform/logger.ts'
import type { TopicConfig, TopicConfigResolver } from '../../settings/topic-config.ts'
import { clusterMetadataTopic } from '../internal-topic-names.ts'
import type { PartitionRef } from '../partition-log.ts'
import type { CatalogEvent, CatalogTopic } from '../topic-catalog.ts'
import { cleanShutdownName, type DirectoryIdentity, identify, lockDirectory } from './data-directory.ts'
import { FileRemoval } from './file-removal.ts'
import { GroupCommit } from './group-commit.ts'
import { Journal, journalConfig, journalPartition, keyOf } from './journal.ts'
import type { JournaledOffsets } from './journaled-offsets.ts'
import { LocalCatalog } from './local-catalog.ts'
import { LocalLogs } from './local-logs.ts'
import { partitionDirectoryName } from './log-files.ts'
import { OffsetCheckpoints } from './offset-checkpoints.ts'
import { openLog } from './open-log.ts'
import { OpenSegments } from './open-segments.ts'
import { deletePartitions, requireOwner, tidyPartitionDirectories } from './partition-directories.ts'
import { isPassingFailure, PartitionLog, type PartitionLogEnvironment } from './partition-log.ts'
import { RetentionCheck } from './retention-check.ts'
import { requireSoundCatalogue } from './sound-catalogue.ts'
import { UnsyncedBytes } from './unsynced-bytes.ts'

export interface LocalStorageOptions {
  readonly directory: string
  readonly nodeId: number
  /** The cluster that the directory must belong to; undefined: whichever, or a new one. */
  readonly clusterId: string | undefined
  readonly metadataVersion: number
  readonly maxOpenSegments: number
  /** Bytes that may wait to be synced, over all logs. */
  readonly maxUnsyncedBytes: number
  readonly producerIdExpirationMs: () => number
  /** Between two checkpoints of the recovery points, and of the log start offsets. */
  readonly checkpointIntervalMs: number
  readonly startOffsetCheckpointIntervalMs: number
  /** From the start to the first search for old segments, and between two. */
  readonly initialTaskDelayMs: number
  readonly retentionCheckIntervalMs: number
  readonly topicConfigs: TopicConfigResolver
  readonly isJournalEnabled: boolean
  readonly disk: Disk
  readonly clock: Clock
  readonly logger: Logger
  readonly pool: BufferPool
}

export interface LocalStorage {
  readonly identity: DirectoryIdentity
  readonly logs: LocalLogs
  readonly catalog: LocalCatalog
  readonly retention: RetentionCheck
  readonly removal: FileRemoval
  /** Syncs and closes everything and leaves the mark of a clean shutdown. */
  close(): Promise<void>
}

/** Syncs of index files that are under way at the same time while closing. */
const concurrentSyncs = 8
const notWritten = 'checkpoints could not be written; they are tried again'
/** Logs that are made in one turn of the event loop. */
const logsPerTurn = 16
/** After which time a log is made that could not be made when its topic was. */
const makeLogAgainMs = 1000
const metadataPartition = { topicId: 'AAAAAAAAAAAAAAAAAAAAAQ', topic: clusterMetadataTopic, index: 0 }

export async function openLocalStorage(options: LocalStorageOptions): Promise<LocalStorage> {
  const { directory, disk, clock, logger, pool } = options
  disk.makeDirectory(directory)
  const unlock = lockDirectory(directory)
  try {
    const identity = identify(disk, directory, options)
    const cleanShutdownPath = join(directory, cleanShutdownName)
    const wasShutDownCleanly = disk.readFile(cleanShutdownPath) !== undefined
    const checkpoints = new OffsetCheckpoints(disk, directory, logger)
    // First of all: a start that is refused leaves everything as it was.
    const metadataName = partitionDirectoryName(metadataPartition)
    requireSoundCatalogue(disk, join(directory, metadataName), {
      wasShutDownCleanly,
      recoveryPoint: checkpoints.recoveryPoint(metadataName),
    })
    if (wasShutDownCleanly) {
      disk.remove(cleanShutdownPath)
      await disk.syncDirectory(directory)
    }
    const hasJournal = disk.isDirectory(join(directory, partitionDirectoryName(journalPartition)))

    const commit = new GroupCommit(disk, clock, logger)
    const removal = new FileRemoval(disk, clock, logger)
    const unsynced = new UnsyncedBytes(options.maxUnsyncedBytes, log => commit.settle(log))
    const environment: PartitionLogEnvironment = {
      disk,
      clock,
      logger,
      openSegments: new OpenSegments(options.maxOpenSegments),
      unsynced,
      random: Math.random,
      isJournaled: true,
      syncWanted: log => commit.request(log),
      offsetsMoved: log => logs.offsetsMoved(log),
      discard: path => removal.removeAfter(0, [path]),
    }
    const logs = new LocalLogs(pool, commit, unsynced)

    const open = (
      partition: PartitionRef,
      config: TopicConfig,
      environment: PartitionLogEnvironment,
      wasClosedCleanly: boolean,
      journaled?: JournaledOffsets,
    ): PartitionLog => {
      const name = partitionDirectoryName(partition)
      const path = join(directory, name)
      requireOwner(disk, path, partition.topicId, logger)
      disk.makeDirectory(path)
      const log = openLog(partition, path, config, environment, {
        wasShutDownCleanly: wasClosedCleanly,
        recoveryPoint: checkpoints.recoveryPoint(name),
        // The journal's own segments go in any order, so its gaps mean nothing.
        recoveryPointIsKnown: partition !== journalPartition && checkpoints.recoveryPointsWereKnown,
        logStartOffset: checkpoints.logStartOffset(name),
        highWatermark: checkpoints.highWatermark(name),
        journaled,
      })
      commit.opened(log)
      return log
    }

    // A topic may promise more than others, so that it exists is on disk whatever those promise.
    const metadataConfig: TopicConfig = {
      ...options.topicConfigs(new Map())({}),
      segmentBytes: 0x7fffffff,
      writeCaching: false,
    }
    const ownEnvironment = { ...environment, isJournaled: false }
    const metadataLog = open(metadataPartition, metadataConfig, ownEnvironment, wasShutDownCleanly)
    const catalog = new LocalCatalog(
      metadataLog,
      { ...identity, metadataVersion: options.metadataVersion },
      clock,
      options.topicConfigs,
    )
    const { deletedIds } = catalog.load()

    const openJournal = (): PartitionLog => {
      const environment = { ...ownEnvironment, syncWanted: () => {} }
      return open(journalPartition, journalConfig(metadataConfig), environment, false)
    }
    const journal = new Journal(openJournal, pool, clock, logger)
    const journaled = hasJournal ? journal.offsets() : new Map<string, JournaledOffsets>()

    tidyPartitionDirectories(directory, catalog.current(), deletedIds, { disk, logger, removal })
    const openPartition = (topic: CatalogTopic, partition: PartitionRef): PartitionLog => {
      let log: PartitionLog
      try {
        log = open(partition, topic.config, environment, wasShutDownCleanly, journaled.get(keyOf(partition)))
      } catch (error) {
        // The others go on; this one answers with errors until a restart can open it.
        logger.error({ err: error, ...partition }, 'a partition could not be opened; it is offline')
        log = offlineLog(partition, topic.config, error as Error)
        // Its checkpoints are to stay as they are.
        const name = partitionDirectoryName(partition)
        log.recoveryPoint = checkpoints.recoveryPoint(name)
        log.logStartOffset = checkpoints.logStartOffset(name)
        log.logEndOffset = Math.max(log.recoveryPoint, log.logStartOffset)
      }
      logs.add(log)
      return log
    }
    const offlineLog = (partition: PartitionRef, config: TopicConfig, error: Error): PartitionLog => {
      const name = partitionDirectoryName(partition)
      const log = new PartitionLog(partition, join(directory, name), config, environment)
      log.goOffline(error)
      return log
    }
    for (const topic of catalog.current().topics.values()) {
      for (const partition of topic.partitions) openPartition(topic, partition)
    }

    const timers = new Set<Timer>()
    const all = (): PartitionLog[] => [metadataLog, ...logs.all()]
    const syncAll = async (): Promise<void> => {
      for (const log of all()) if (!log.isSynced) commit.settle(log)
      await commit.idle()
    }
    if (hasJournal) {
      journaled.clear()
      journal.replay((topicId, index) => logs.find({ topicId, index }))
    }
    if (!wasShutDownCleanly || hasJournal) await syncAll()
    // What follows a gap is to be known as whole before the journal lets go of it.
    const isCheckpointed =
      (!hasJournal && checkpoints.recoveryPointsWereKnown) ||
      attempt(logger, notWritten, () => checkpoints.writeRecoveryPoints(all()))
    if (hasJournal && isCheckpointed) await journal.removeIfSettled()
    if (options.isJournalEnabled && isCheckpointed) commit.journal = journal
    if (metadataLog.isOffline) throw new Error(`${metadataLog.directory} could not be synced`)

    /** Where there is no room now, or no descriptor, it is made later: nothing is in it yet that could be missed. */
    const makeLog = (topic: CatalogTopic, partition: PartitionRef): void => {
      const log = openPartition(topic, partition)
      if (log.failure === undefined || !isPassingFailure(log.failure)) return
      const timer = clock.after(makeLogAgainMs, () => {
        timers.delete(timer)
        if (logs.find(partition) === log) makeLog(topic, partition)
      })
      timers.add(timer)
    }

    /** Makes logs for the partitions of a topic that have none, some per turn: each costs a few file system calls. */
    const addLogs = async (topic: CatalogTopic): Promise<void> => {
      const added = topic.partitions.filter(partition => !logs.has(partition))
      // What the checkpoints say is of an earlier topic of that name.
      const isForgotten =
        !checkpoints.mention(added) ||
        attempt(logger, 'checkpoints could not be written', () => checkpoints.write(all()))
      for (const [n, partition] of added.entries()) {
        if (n > 0 && n % logsPerTurn === 0) await nextTurn()
        if (isForgotten) makeLog(topic, partition)
        else logs.add(offlineLog(partition, topic.config, new Error('stale checkpoints')))
      }
    }
    catalog.prepare = async ({ created, deleted, changed }: CatalogEvent) => {
      for (const topic of deleted) {
        const { fileDeleteDelayMs } = options.topicConfigs(catalog.current().brokerConfigs)({})
        await deletePartitions(logs.removeTopic(topic), fileDeleteDelayMs, { disk, logger, removal })
      }
      for (const topic of created) await addLogs(topic)
      for (const topic of changed) {
        logs.configureTopic(topic)
        await addLogs(topic)
      }
    }

    let saving: Promise<void> | undefined
    logs.saveLogStartOffsets = () => {
      // Once for all the partitions of a request.
      saving ??= Promise.resolve().then(() => {
        saving = undefined
        checkpoints.writeLogStartOffsets(all())
      })
      return saving
    }

    const storeLogStarts = (): Promise<void> => logs.saveLogStartOffsets()
    const retention = new RetentionCheck(() => logs.all(), { disk, clock, logger, removal, storeLogStarts })
    const repeat = (firstDelayMs: number, intervalMs: number, work: () => void): void => {
      const timer = clock.after(firstDelayMs, () => {
        timers.delete(timer)
        repeat(intervalMs, intervalMs, work)
        work()
      })
      timers.add(timer)
    }
    const { checkpointIntervalMs, startOffsetCheckpointIntervalMs } = options
    repeat(checkpointIntervalMs, checkpointIntervalMs, () => {
      for (const log of all()) {
        log.producers.expire(clock.now(), options.producerIdExpirationMs())
        attempt(logger, 'index entries could not be written; they are tried again', () => {
          if (log.isOffline) return
          log.activeSegment.writeIndexes()
          log.epochs.store()
        })
      }
      attempt(logger, notWritten, () => checkpoints.writeRecoveryPoints(all()))
      attempt(logger, 'the journal could not be rolled; it is tried again', () => journal.roll())
      commit.settleJournal()
    })
    repeat(startOffsetCheckpointIntervalMs, startOffsetCheckpointIntervalMs, () => {
      attempt(logger, notWritten, () => checkpoints.writeLogStartOffsets(all()))
    })
    repeat(options.initialTaskDelayMs, options.retentionCheckIntervalMs, () => void retention.run())

    const close = async (): Promise<void> => {
      for (const timer of timers) timer.cancel()
      try {
        await catalog.idle()
        await retention.close()
        await removal.close()
        await syncAll()
        const logsToClose = all()
        let isWhole = logsToClose.every(log => !log.isOffline)
        const note = (message: string, work: () => void): void => {
          if (!attempt(logger, message, work)) isWhole = false
        }
        note('checkpoints could not be written', () => checkpoints.write(logsToClose))
        for (const log of logsToClose) {
          note(`${log.directory} could not be closed in order`, () => log.close())
        }
        const isJournalGone = isWhole && (await journal.removeIfSettled())
        if (!isJournalGone) {
          journal.close()
          return
        }
        await syncIndexes(disk, logsToClose)
        disk.replaceFile(cleanShutdownPath, '{"version":0,"brokerEpoch":-1}', true)
      } catch (error) {
        logger.error({ err: error }, 'the shutdown is not clean; the next start recovers the logs')
      } finally {
        unlock()
      }
    }
    let closed: Promise<void> | undefined
    return {
      identity,
      logs,
      catalog,
      retention,
      removal,
      close() {
        closed ??= close()
        return closed
      },
    }
  } catch (error) {
    unlock()
    throw error
  }
}

function attempt(logger: Logger, message: string, work: () => void): boolean {
  try {
    work()
    return true
  } catch (error) {
    logger.error({ err: error }, message)
    return false
  }
}

/** Syncs the index files that closing the logs has written, some at a time. */
async function syncIndexes(disk: Disk, logs: readonly PartitionLog[]): Promise<void> {
  const unsynced = logs.flatMap(log => log.segments.filter(segment => segment.hasUnsyncedIndexes))
  const directories = new Set(unsynced.map(segment => dirname(segment.path)))
  const work = [
    ...unsynced.map(segment => () => segment.syncIndexes()),
    ...[...directories].map(path => () => disk.syncDirectory(path)),
  ]
  const worker = async (): Promise<void> => {
    for (let next = work.pop(); next !== undefined; next = work.pop()) await next()
  }
  const outcomes = await Promise.allSettled(Array.from({ length: concurrentSyncs }, worker))
  const failed = outcomes.find(outcome => outcome.status === 'rejected')
  if (failed !== undefined) throw failed.reason
}

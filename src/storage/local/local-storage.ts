/**
 * The on-disk engine: one data directory with the metadata log, a log for each partition, and the
 * checkpoints over them. Implements the two seams; everybody else sees `PartitionLogs` and
 * `TopicCatalog` only.
 *
 * Life of a data directory: opened under a lock; the clean-shutdown mark, if there, is taken away
 * first, so that a crash from here on is seen as one; logs are opened, and what a crash left unsynced is
 * synced before anybody reads it; while running, recovery points are checkpointed once a minute; on close
 * everything is synced, closed, checkpointed, and the mark is put back last.
 */
import { join } from 'node:path'
import type { BufferPool } from '../../platform/buffer-pool.ts'
import type { Clock, Timer } from '../../platform/clock.ts'
import type { Disk } from '../../platform/disk.ts'
import type { Logger } from '../../platform/logger.ts'
import type { TopicConfig } from '../../settings/topic-config.ts'
import type { CatalogEvent, CatalogTopic } from '../topic-catalog.ts'
import { readOffsetCheckpoint, writeCheckpoint } from './checkpoint-file.ts'
import {
  cleanShutdownName,
  type DirectoryIdentity,
  highWatermarkName,
  identify,
  lockDirectory,
  logStartOffsetName,
  recoveryPointName,
} from './data-directory.ts'
import { GroupCommit } from './group-commit.ts'
import { LocalCatalog } from './local-catalog.ts'
import { LocalLogs } from './local-logs.ts'
import {
  deletedDirectorySuffix,
  parsePartitionDirectoryName,
  partitionDirectoryName,
  partitionMetadataFileName,
} from './log-files.ts'
import { openLog } from './open-log.ts'
import { OpenSegments } from './open-segments.ts'
import { PartitionLog, type PartitionLogEnvironment } from './partition-log.ts'

export interface LocalStorageOptions {
  readonly directory: string
  readonly nodeId: number
  /** The cluster that the directory must belong to; undefined: whichever, or a new one. */
  readonly clusterId: string | undefined
  readonly metadataVersion: number
  readonly maxOpenSegments: number
  readonly producerIdExpirationMs: number
  readonly checkpointIntervalMs: number
  readonly resolveConfig: (overrides: Readonly<Record<string, string>>) => TopicConfig
  readonly disk: Disk
  readonly clock: Clock
  readonly logger: Logger
  readonly pool: BufferPool
}

export interface LocalStorage {
  readonly identity: DirectoryIdentity
  readonly logs: LocalLogs
  readonly catalog: LocalCatalog
  /** Syncs and closes everything and leaves the mark of a clean shutdown. */
  close(): Promise<void>
}

const metadataPartition = { topicId: 'AAAAAAAAAAAAAAAAAAAAAQ', topic: '__cluster_metadata', index: 0 }

export async function openLocalStorage(options: LocalStorageOptions): Promise<LocalStorage> {
  const { directory, disk, clock, logger, pool } = options
  disk.makeDirectory(directory)
  const unlock = lockDirectory(directory)
  try {
    const identity = identify(disk, directory, options)
    const cleanShutdownPath = join(directory, cleanShutdownName)
    const wasShutDownCleanly = disk.readFile(cleanShutdownPath) !== undefined
    if (wasShutDownCleanly) {
      disk.remove(cleanShutdownPath)
      await disk.syncDirectory(directory)
    }
    const recoveryPoints = readOffsetCheckpoint(disk, join(directory, recoveryPointName))
    const logStartOffsets = readOffsetCheckpoint(disk, join(directory, logStartOffsetName))

    const commit = new GroupCommit(disk, logger)
    const environment: PartitionLogEnvironment = {
      disk,
      clock,
      logger,
      openSegments: new OpenSegments(options.maxOpenSegments),
      syncWanted: log => commit.request(log),
      highWatermarkMoved: log => logs.highWatermarkMoved(log),
    }
    const logs = new LocalLogs(pool, commit)

    const open = (partition: typeof metadataPartition, config: TopicConfig): PartitionLog => {
      const name = partitionDirectoryName(partition)
      const path = join(directory, name)
      disk.makeDirectory(path)
      return openLog(partition, path, config, environment, {
        wasShutDownCleanly,
        recoveryPoint: recoveryPoints.get(name) ?? 0,
        logStartOffset: logStartOffsets.get(name) ?? 0,
      })
    }

    const metadataLog = open(metadataPartition, { ...options.resolveConfig({}), segmentBytes: 0x7fffffff })
    const catalog = new LocalCatalog(
      metadataLog,
      { ...identity, metadataVersion: options.metadataVersion },
      clock,
      options.resolveConfig,
    )
    catalog.load()

    setStrayDirectoriesAside(disk, directory, catalog, logger)
    const writePartitionMetadata = (log: PartitionLog): void => {
      const path = join(log.directory, partitionMetadataFileName)
      disk.replaceFile(path, `version: 0\ntopic_id: ${log.partition.topicId}\n`, false)
    }
    for (const topic of catalog.current().topics.values()) {
      for (const partition of topic.partitions) {
        const log = open(partition, topic.config)
        if (disk.readFile(join(log.directory, partitionMetadataFileName)) === undefined) {
          writePartitionMetadata(log)
        }
        logs.add(log)
      }
    }
    /** A new topic's logs have no past: no checkpoint of an earlier topic of the same name applies. */
    const createTopic = (topic: CatalogTopic): void => {
      for (const partition of topic.partitions) {
        const path = join(directory, partitionDirectoryName(partition))
        disk.makeDirectory(path)
        const log = new PartitionLog(partition, path, topic.config, environment)
        log.opened()
        writePartitionMetadata(log)
        logs.add(log)
      }
    }

    const all = (): PartitionLog[] => [metadataLog, ...logs.all()]
    if (!wasShutDownCleanly) {
      for (const log of all()) if (!log.isSynced && log.size > 0) commit.request(log)
      await commit.idle()
    }

    catalog.onChange((event: CatalogEvent) => {
      for (const topic of event.created) createTopic(topic)
      for (const topic of event.deleted) {
        const removed = logs.removeTopic(topic)
        // Before a topic of the same name can come: its recovery must not start at this one's checkpoint.
        writeCheckpoints()
        for (const log of removed) deletePartitionDirectory(disk, log)
      }
    })

    const writeCheckpoints = (): void => {
      const entries = (offset: (log: PartitionLog) => number, keep: (log: PartitionLog) => boolean) =>
        all()
          .filter(keep)
          .map(log => [log.partition.topic, log.partition.index, offset(log)])
      const isUsed = (log: PartitionLog) => log.logEndOffset > 0
      for (const log of all()) if (!log.isOffline) log.activeSegment.writeIndexes(false)
      writeCheckpoint(
        disk,
        join(directory, recoveryPointName),
        entries(l => l.recoveryPoint, isUsed),
        true,
      )
      writeCheckpoint(
        disk,
        join(directory, highWatermarkName),
        entries(l => l.highWatermark, isUsed),
        false,
      )
      writeCheckpoint(
        disk,
        join(directory, logStartOffsetName),
        entries(
          l => l.logStartOffset,
          l => l.logStartOffset > 0,
        ),
        true,
      )
    }
    logs.saveCheckpoints = writeCheckpoints

    let timer: Timer | undefined
    const scheduleHousekeeping = (): void => {
      timer = clock.after(options.checkpointIntervalMs, () => {
        try {
          for (const log of all()) log.producers.expire(clock.now() - options.producerIdExpirationMs)
          writeCheckpoints()
        } catch (error) {
          logger.error({ err: error }, 'checkpoints could not be written; they are tried again')
        }
        scheduleHousekeeping()
      })
    }
    scheduleHousekeeping()

    return {
      identity,
      logs,
      catalog,
      async close() {
        timer?.cancel()
        for (const log of all()) if (!log.isSynced && log.size > 0) commit.request(log)
        await commit.idle()
        const isWhole = all().every(log => !log.isOffline)
        writeCheckpoints()
        for (const log of all()) log.close()
        if (isWhole) disk.replaceFile(cleanShutdownPath, '{"version":0,"brokerEpoch":-1}', true)
        unlock()
      },
    }
  } catch (error) {
    unlock()
    throw error
  }
}

/**
 * Directories of topics that the catalogue no longer has. Those that the metadata log deleted are
 * removed; one that it never knew is somebody's data, so it is only moved out of the way, as Kafka does.
 */
function setStrayDirectoriesAside(
  disk: Disk,
  directory: string,
  catalog: LocalCatalog,
  logger: Logger,
): void {
  for (const name of disk.list(directory)) {
    const path = join(directory, name)
    if (name.endsWith(deletedDirectorySuffix) && disk.isDirectory(path)) {
      disk.removeDirectory(path)
      continue
    }
    const partition = parsePartitionDirectoryName(name)
    if (partition === undefined || partition.topic === metadataPartition.topic) continue
    const metadata = disk.readFile(join(path, partitionMetadataFileName))?.toString('utf8')
    const topicId = metadata === undefined ? undefined : /^topic_id: (\S+)$/m.exec(metadata)?.[1]
    const topic = catalog.current().topics.get(partition.topic)
    if (topic !== undefined && partition.index < topic.partitions.length) {
      if (topicId === undefined || topicId === topic.id) continue
    }
    if (!disk.isDirectory(path)) continue
    if (topicId !== undefined && catalog.deletedIds.has(topicId)) {
      disk.removeDirectory(path)
      continue
    }
    logger.warn({ path }, 'this partition is not in the metadata log; moving it aside with the suffix -stray')
    disk.rename(path, `${path}.${topicId ?? 'unknown'}-stray`)
  }
}

function deletePartitionDirectory(disk: Disk, log: PartitionLog): void {
  const doomed = `${log.directory}.${log.partition.topicId}${deletedDirectorySuffix}`
  disk.rename(log.directory, doomed)
  disk.removeDirectory(doomed)
}

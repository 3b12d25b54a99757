/**
 * The on-disk engine: the catalogue, and one or more log directories with the logs of its partitions. Implements the two
 * seams; everybody else sees `PartitionLogs` and `TopicCatalog` only. What a directory is, and in which order it is
 * opened and closed, is in `log-directory.ts`; here is what concerns several: which of them holds what.
 *
 * A partition whose directory is missing or has failed is offline until a start finds the directory in order. It is
 * never made anew elsewhere: its records are not lost, they are only not here.
 */
import { halfOfThreadPool } from '../../platform/thread-pool.ts'
import type { TopicConfig, TopicConfigResolver } from '../../settings/topic-config.ts'
import type { LogDirectoryView } from '../log-directory-view.ts'
import type { CatalogEvent, CatalogTopic } from '../topic-catalog.ts'
import { catalogueUnusable, claimDirectories } from './claim-directories.ts'
import { DataDirectoryError, DirectoryConflictError } from './data-directory.ts'
import type { DirectoryIdentity } from './directory-identity.ts'
import { type Opening, offlineLog } from './directory-logs.ts'
import { FailedDirectories } from './failed-directory.ts'
import type { JournaledOffsets } from './journaled-offsets.ts'
import { LocalCatalog } from './local-catalog.ts'
import { LocalLogs } from './local-logs.ts'
import { locatePartitions } from './locate-partitions.ts'
import { LogDirectory, type LogDirectoryOptions } from './log-directory.ts'
import { OpenSegments } from './open-segments.ts'
import type { PartitionLog } from './partition-log.ts'
import { UnsyncedBytes } from './unsynced-bytes.ts'

export interface LocalStorageOptions extends LogDirectoryOptions {
  /** The log directories; new partitions go to the one that has the fewest. */
  readonly directories: readonly string[]
  /** Where the catalogue is: one of them, or one that is for nothing else. Default: the first. */
  readonly metadataDirectory?: string | undefined
  readonly nodeId: number
  /** The cluster that the directories must belong to; undefined: whichever, or a new one. */
  readonly clusterId: string | undefined
  readonly metadataVersion: number
  /** Takes a directory for this process and gives what lets it go; a simulated disk needs one of its own. */
  readonly lock?: ((directory: string) => () => void) | undefined
  readonly maxOpenSegments: number
  /** Bytes that may wait to be synced, over all logs. */
  readonly maxUnsyncedBytes: number
  readonly topicConfigs: TopicConfigResolver
}

/** Work that every directory does by itself. */
interface Background {
  idle(): Promise<void>
}

export interface LocalStorage {
  /** Of the catalogue's directory. */
  readonly identity: DirectoryIdentity
  readonly logs: LocalLogs
  readonly catalog: LocalCatalog
  /** All that were asked for, in that order; that of the catalogue comes first where it is for nothing else. */
  readonly directories: readonly LogDirectoryView[]
  readonly retention: Background & { run(): Promise<void> }
  readonly removal: Background
  /** Syncs and closes everything and leaves the marks of a clean shutdown. */
  close(): Promise<void>
}

export async function openLocalStorage(options: LocalStorageOptions): Promise<LocalStorage> {
  const { clusterId, disk, lock, logger, nodeId, pool, topicConfigs } = options
  const paths = options.directories
  const metadataPath = options.metadataDirectory ?? paths[0]!
  const { claimed, failed } = await claimDirectories({
    paths,
    metadataPath,
    nodeId,
    clusterId,
    lock,
    disk,
    logger,
  })
  const isOnly = claimed.length + failed.length === 1
  // A topic may promise more than others, so that it exists is on disk whatever those promise.
  const metadataConfig: TopicConfig = {
    ...topicConfigs(new Map())({}),
    segmentBytes: 0x7fffffff,
    writeCaching: false,
  }
  const each = async (work: (directory: LogDirectory) => unknown): Promise<void> => {
    await Promise.all(directories.map(work))
  }
  const holderOf = (log: PartitionLog) => directories.find(directory => directory.holds(log))
  const unsynced = new UnsyncedBytes(options.maxUnsyncedBytes, log => holderOf(log)?.commit.settle(log))
  const logs = new LocalLogs(pool, { idle: () => each(({ commit }) => commit.idle()) }, unsynced)
  const failedDirectories = new FailedDirectories(() => directories, disk, logger)
  const shared = {
    openSegments: new OpenSegments(options.maxOpenSegments),
    unsynced,
    maxConcurrentSyncs: Math.max(1, Math.floor(halfOfThreadPool() / claimed.length)),
    isOnly,
    config: metadataConfig,
    syncFailed: (directoryId: string) => failedDirectories.note(directoryId),
    offsetsMoved: logs.offsetsMoved.bind(logs),
  }
  const directories = claimed.map(claim => new LogDirectory(claim, options, shared))
  const metadata = directories[0]!

  /** A step of a directory's start: where it fails, the directory stays out, unless it is that of the catalogue. */
  const step = async (directory: LogDirectory, work: () => void | Promise<void>): Promise<void> => {
    if (directory.isOffline) return
    try {
      await work()
    } catch (error) {
      if (isOnly || error instanceof DirectoryConflictError) throw error
      if (directory === metadata) throw catalogueUnusable(directory.path, error as Error)
      directory.fail(error as Error)
    }
  }
  const online = (): LogDirectory[] => directories.filter(({ isOffline }) => !isOffline)
  const openForNew = (): LogDirectory[] =>
    paths.flatMap(path => online().find(directory => directory.path === path) ?? [])
  const addOffline = (opening: Opening, path: string): void => {
    const error = new Error('its log directory is offline')
    const log = offlineLog(opening, path, metadata.environment, error)
    log.directoryIsOffline = true
    logs.add(log)
  }

  try {
    metadata.requireSoundCatalogue()
    for (const directory of directories) await step(directory, () => directory.begin())
    if (openForNew().length === 0) throw new DataDirectoryError(`none of ${paths.join(', ')} can be used`)
    const metadataLog = metadata.openMetadataLog()
    const catalog = new LocalCatalog(
      metadataLog,
      {
        nodeId,
        metadataVersion: options.metadataVersion,
        openDirectoryIds: () => openForNew().map(({ id }) => id),
      },
      options.clock,
      topicConfigs,
    )
    const { deletedIds } = catalog.load()
    // Before anything is done about it: a power loss may take back that a topic was deleted.
    await metadata.syncMetadataLog()

    for (const directory of directories) {
      await step(directory, () => directory.tidy(catalog.current(), deletedIds))
    }
    const isComplete = failed.length === 0 && online().length === directories.length
    const { assignments, missing, openings } = locatePartitions(
      catalog.current().topics.values(),
      online(),
      partition => catalog.directoryOf(partition),
      isComplete ? openForNew() : [],
    )
    if (assignments.length > 0) await catalog.assign(assignments)
    const journaled = (key: string): JournaledOffsets | undefined => {
      for (const directory of directories) {
        const offsets = directory.journaled.get(key)
        if (offsets !== undefined) return offsets
      }
      return undefined
    }
    const openAll = async ([directory, wanted]: [LogDirectory, readonly Opening[]]): Promise<void> => {
      await step(directory, () => directory.openPartitions(wanted, journaled, log => logs.add(log)))
      for (const opening of wanted) if (!logs.has(opening.partition)) addOffline(opening, directory.path)
    }
    await Promise.all([...openings].map(openAll))
    for (const opening of missing) addOffline(opening, `directory.id=${opening.directoryId ?? ''}`)
    if (missing.length > 0) {
      logger.error(
        {
          partitions: missing.length,
          directoryIds: [...new Set(missing.map(({ directoryId }) => directoryId))],
        },
        'partitions are offline because their log directory is missing; they are back when a start finds it',
      )
    }
    const find = (topicId: string, index: number) => logs.find({ topicId, index })
    for (const directory of directories) await step(directory, () => directory.replay(find))
    for (const directory of directories) await step(directory, () => directory.syncFound())
    for (const directory of directories) await step(directory, () => directory.settle())
    for (const { hadFailedSync, id } of online()) if (hadFailedSync) failedDirectories.forget(id)

    /** Makes logs for the partitions of a topic that have none. */
    const addLogs = async (topic: CatalogTopic): Promise<void> => {
      const added = new Map(directories.map(directory => [directory.id, [] as Opening[]]))
      for (const partition of topic.partitions) {
        if (logs.has(partition)) continue
        const opening = { partition, config: topic.config }
        const openings = added.get(catalog.directoryOf(partition) ?? '')
        if (openings === undefined) addOffline(opening, topic.name)
        else openings.push(opening)
      }
      for (const directory of directories) {
        const openings = added.get(directory.id)!
        if (openings.length > 0) await directory.addPartitions(openings, log => logs.add(log))
      }
    }
    catalog.prepare = async ({ created, deleted, changed }: CatalogEvent) => {
      for (const topic of deleted) {
        const { fileDeleteDelayMs } = topicConfigs(catalog.current().brokerConfigs)({})
        const removed = logs.removeTopic(topic)
        await each(directory => directory.deletePartitions(removed, fileDeleteDelayMs))
      }
      for (const topic of created) await addLogs(topic)
      for (const topic of changed) {
        logs.configureTopic(topic)
        await addLogs(topic)
      }
    }
    logs.saveLogStartOffset = async log => {
      await holderOf(log)?.saveLogStartOffsets()
    }
    for (const directory of directories) directory.start()

    const viewOf = (path: string): LogDirectoryView => {
      const directory = directories.find(each => each.path === path)
      return {
        path,
        get isOffline() {
          return directory?.isOffline ?? true
        },
        holds(partition) {
          const log = logs.find(partition)
          return log !== undefined && directory?.holds(log) === true
        },
      }
    }
    let closed: Promise<void> | undefined
    return {
      identity: claimed[0]!.identity,
      logs,
      catalog,
      directories: (paths.includes(metadata.path) ? paths : [metadata.path, ...paths]).map(viewOf),
      retention: {
        run: () => each(({ retention }) => retention.run()),
        idle: () => each(({ retention }) => retention.idle()),
      },
      removal: { idle: () => each(({ removal }) => removal.idle()) },
      close() {
        closed ??= each(directory => directory.close(catalog.idle()))
        return closed
      },
    }
  } catch (error) {
    for (const claim of claimed) claim.release()
    throw error
  }
}

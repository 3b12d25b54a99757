/**
 * Directories of partitions that are not, or no longer, in the catalogue. One of a deleted topic gets a name
 * ending in `-delete` and is removed later; one that the catalogue never knew is somebody's data, so it is only
 * moved out of the way, as Kafka does.
 *
 * A topic is deleted when the catalogue's record is on disk; what is done here may be done late. A crash before
 * the rename leaves a directory whose `partition.metadata` names a deleted topic, one after it a directory that
 * ends in `-delete`: the next start finishes both.
 */
import { randomUUID } from 'node:crypto'
import { basename, dirname, join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Disk } from '../../platform/disk.ts'
import type { Logger } from '../../platform/logger.ts'
import { isReservedTopicName } from '../internal-topic-names.ts'
import type { CatalogSnapshot } from '../topic-catalog.ts'
import type { FileRemoval } from './file-removal.ts'
import {
  deletedDirectorySuffix,
  parsePartitionDirectoryName,
  partitionMetadataFileName,
  setAsideDirectoryName,
  strayDirectorySuffix,
} from './log-files.ts'
import type { PartitionLog } from './partition-log.ts'
import { isDamagedId, readTopicId, writeTopicId } from './partition-metadata.ts'

interface Environment {
  readonly disk: Disk
  readonly logger: Logger
  readonly removal: FileRemoval
}

/** Directories that are renamed in one turn of the event loop. */
const renamesPerTurn = 64

/**
 * Closes the logs of a deleted topic and takes their directories' names away: when it is done they are free, also
 * after a power loss. Else a new topic of that name could find the old one's records, if not its id.
 */
export async function deletePartitions(
  logs: Iterable<PartitionLog>,
  delayMs: number,
  { disk, logger, removal }: Environment,
): Promise<void> {
  const renamed: string[] = []
  let count = 0
  for (const log of logs) {
    if (count++ % renamesPerTurn === renamesPerTurn - 1) await nextTurn()
    log.close()
    try {
      renamed.push(moveAside(disk, log.directory, log.partition, deletedDirectorySuffix))
    } catch (error) {
      // It could never be made.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') continue
      logger.error({ err: error, directory: log.directory }, 'a deleted partition stays until the next start')
    }
  }
  try {
    if (renamed.length > 0) await disk.syncDirectory(dirname(renamed[0]!))
  } catch (error) {
    logger.error({ err: error }, 'the new names of deleted partitions could not be synced')
  }
  removal.removeAfter(delayMs, renamed)
}

/**
 * At a start: finishes deletions that a crash interrupted, and moves aside what belongs to nobody. Gives the names of
 * those that say that they belong to the topic of their name.
 */
export function tidyPartitionDirectories(
  root: string,
  snapshot: CatalogSnapshot,
  deletedIds: ReadonlySet<string>,
  { disk, logger, removal }: Environment,
): Set<string> {
  const owned = new Set<string>()
  for (const name of disk.list(root)) {
    const path = join(root, name)
    if (name.endsWith(deletedDirectorySuffix) && disk.isDirectory(path)) {
      removal.removeAfter(0, [path])
      continue
    }
    const partition = parsePartitionDirectoryName(name)
    if (partition === undefined || isReservedTopicName(partition.topic)) continue
    const topicId = readTopicId(disk, path)
    const topic = snapshot.topics.get(partition.topic)
    if (topic !== undefined && partition.index < topic.partitions.length) {
      if (topicId === topic.id) owned.add(name)
      if (topicId === undefined || topicId === topic.id) continue
      if (!deletedIds.has(topicId) && isDamagedId(topicId, topic.id)) continue
    }
    if (!disk.isDirectory(path)) continue
    if (topicId !== undefined && deletedIds.has(topicId)) {
      removal.removeAfter(0, [moveAside(disk, path, partition, deletedDirectorySuffix)])
      continue
    }
    const newPath = moveAside(disk, path, partition, strayDirectorySuffix)
    logger.warn(
      { path, newName: basename(newPath) },
      'this partition is not in the metadata log; moving it aside with the suffix -stray',
    )
  }
  return owned
}

/** Throws when a partition's directory is there and another topic's; writes anew what is damaged. */
export function requireOwner(disk: Disk, path: string, topicId: string, logger: Logger): void {
  const owner = readTopicId(disk, path)
  if (owner === topicId) return
  if (owner === undefined || isDamagedId(owner, topicId)) {
    if (disk.readFile(join(path, partitionMetadataFileName)) === undefined) return
    logger.warn({ path, owner, topicId }, "a partition's owner is damaged; writing it anew")
    writeTopicId(disk, path, topicId)
    return
  }
  throw new Error(`${path} is the directory of another topic, with the id ${owner}`)
}

function moveAside(
  disk: Disk,
  path: string,
  partition: { readonly topic: string; readonly index: number },
  suffix: string,
): string {
  const id = randomUUID().replaceAll('-', '')
  const newPath = join(dirname(path), setAsideDirectoryName(partition, id, suffix))
  disk.rename(path, newPath)
  return newPath
}

/**
 * What comes before anything of a log directory is opened: all are made and locked, it is looked at what they are and
 * how they were left, and they are held against each other. Nothing that was there is changed, so a start that is
 * refused leaves everything as it was; only a new directory gets its `meta.properties`.
 *
 * One of several that cannot be used stays out, and the others go on without it. The start stops for the directory of
 * the catalogue, and for whatever could make one broker's data another's: a directory that is in use, of another node
 * or cluster, given twice, or without the catalogue that its partitions are in.
 */
import { realpathSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { Disk } from '../../platform/disk.ts'
import type { Logger } from '../../platform/logger.ts'
import { randomUuid } from '../../platform/random-uuid.ts'
import { clusterMetadataTopic, isReservedTopicName } from '../internal-topic-names.ts'
import {
  cleanShutdownName,
  DataDirectoryError,
  DirectoryConflictError,
  metaPropertiesName,
} from './data-directory.ts'
import {
  type DirectoryIdentity,
  type FoundIdentity,
  readIdentity,
  writeIdentity,
} from './directory-identity.ts'
import { lockDirectory } from './directory-lock.ts'
import { failedDirectoryMark } from './failed-directory.ts'
import { parsePartitionDirectoryName } from './log-files.ts'
import { OffsetCheckpoints } from './offset-checkpoints.ts'
import { readTopicId } from './partition-metadata.ts'

/** A directory that is locked, and how it was left. */
export interface ClaimedDirectory {
  readonly path: string
  readonly identity: DirectoryIdentity
  /** What lies in it. */
  readonly names: ReadonlySet<string>
  readonly wasShutDownCleanly: boolean
  /** A sync of one of its logs may have failed in the last run. */
  readonly hasFailedSync: boolean
  readonly checkpoints: OffsetCheckpoints
  /** Lets another process have it. */
  release(): void
}

export interface FailedDirectory {
  readonly path: string
  readonly failure: Error
}

export interface Claims {
  /** That of the catalogue comes first. */
  readonly claimed: readonly ClaimedDirectory[]
  readonly failed: readonly FailedDirectory[]
}

export interface ClaimOptions {
  readonly paths: readonly string[]
  /** The directory of the catalogue. */
  readonly metadataPath: string
  readonly nodeId: number
  /** The cluster that they must belong to; undefined: whichever, or a new one. */
  readonly clusterId: string | undefined
  /** Takes a directory for this process and gives what lets it go; a simulated disk needs one of its own. */
  readonly lock?: ((directory: string) => () => void) | undefined
  readonly disk: Disk
  readonly logger: Logger
}

type Found = Omit<ClaimedDirectory, 'identity' | 'hasFailedSync'> & {
  readonly identity: FoundIdentity | undefined
}

/** What may be wrong with folders above ours, which are none of our making. */
const notOurs: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EINVAL', 'ENOTSUP'])

export const metadataDirectoryName = `${clusterMetadataTopic}-0`

export async function claimDirectories(options: ClaimOptions): Promise<Claims> {
  const { logger, metadataPath } = options
  requireDifferent(options.paths)
  const paths = [metadataPath, ...options.paths.filter(path => realPath(path) !== realPath(metadataPath))]
  const isOnly = paths.length === 1
  const found: Found[] = []
  const claimed: ClaimedDirectory[] = []
  const failed: FailedDirectory[] = []
  const fail = (path: string, error: unknown): void => {
    if (error instanceof DirectoryConflictError || isOnly) throw error
    if (path === metadataPath) throw catalogueUnusable(path, error as Error)
    logger.error(
      { err: error, directory: path },
      'a log directory cannot be used; its partitions are offline until a start finds it in order',
    )
    failed.push({ path, failure: error as Error })
  }
  try {
    for (const path of paths) {
      try {
        found.push(claim(path, options))
      } catch (error) {
        fail(path, error)
      }
    }
    const clusterId = commonCluster(found, options.clusterId)
    requireOwnIds(found)
    requireOneCatalogue(found)
    requireNoTwins(found, options.disk)
    const isNewBroker = found.every(({ identity }) => identity === undefined)
    for (const directory of found) {
      if (directory.identity === undefined && !isNewBroker) {
        logger.warn(
          { directory: directory.path },
          'this log directory is new and empty; if it should not be, stop the broker and see whether it is mounted',
        )
      }
      try {
        if (directory.identity === undefined) await syncNamesAbove(options.disk, directory.path)
        const identity = completed(directory, clusterId, options)
        const mark = failedDirectoryMark(identity.directoryId)
        const hasFailedSync = found.some(({ names }) => names.has(mark))
        claimed.push({ ...directory, identity, hasFailedSync })
      } catch (error) {
        directory.release()
        fail(directory.path, error)
      }
    }
    return { claimed, failed }
  } catch (error) {
    for (const directory of found) directory.release()
    throw error
  }
}

export function catalogueUnusable(path: string, cause: Error): DataDirectoryError {
  const message = `${path}, which holds the catalogue (metadata.log.dir), cannot be used: ${cause.message}`
  return new DataDirectoryError(message, { cause })
}

function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return resolve(path)
  }
}

function requireDifferent(paths: readonly string[]): void {
  const byRealPath = new Map<string, string>()
  for (const path of paths) {
    const real = realPath(path)
    const other = byRealPath.get(real)
    if (other !== undefined) throw new DirectoryConflictError(`${path} and ${other} are the same directory`)
    byRealPath.set(real, path)
  }
}

function claim(path: string, { disk, lock = lockDirectory, logger, nodeId }: ClaimOptions): Found {
  disk.makeDirectory(path)
  const release = lock(path)
  try {
    const names = new Set(disk.list(path))
    const identity = readIdentity(disk, path, { nodeId, logger })
    if (identity === undefined && [...names].some(isLog)) {
      throw new DataDirectoryError(
        `${join(path, metaPropertiesName)}, which says whose the data in ${path} is, is missing; restore it, or write it anew with the lines version=1, node.id=${nodeId} and cluster.id=, the id that clients know`,
      )
    }
    const wasShutDownCleanly = disk.readFile(join(path, cleanShutdownName)) !== undefined
    const checkpoints = new OffsetCheckpoints(disk, path, logger)
    return { path, identity, names, wasShutDownCleanly, checkpoints, release }
  } catch (error) {
    release()
    throw error
  }
}

/** Whether a directory's name is that of the catalogue or of a topic's partition. */
function isLog(name: string): boolean {
  return name === metadataDirectoryName || isPartition(name)
}

function isPartition(name: string): boolean {
  const partition = parsePartitionDirectoryName(name)
  return partition !== undefined && !isReservedTopicName(partition.topic)
}

function commonCluster(found: readonly Found[], wanted: string | undefined): string {
  let clusterId = wanted
  let from: string | undefined
  for (const { identity, path } of found) {
    if (identity === undefined) continue
    if (clusterId !== undefined && identity.clusterId !== clusterId) {
      const other =
        from === undefined
          ? `this broker was given cluster ${clusterId}`
          : `${from} belongs to cluster ${clusterId}`
      throw new DirectoryConflictError(`${path} belongs to cluster ${identity.clusterId}, but ${other}`)
    }
    clusterId = identity.clusterId
    from ??= wanted === undefined ? path : undefined
  }
  return clusterId ?? randomUuid()
}

function requireOwnIds(found: readonly Found[]): void {
  const seen = new Map<string, string>()
  for (const { identity, path } of found) {
    if (identity?.directoryId === undefined) continue
    const other = seen.get(identity.directoryId)
    if (other !== undefined) {
      throw new DirectoryConflictError(
        `${other} and ${path} have the same directory.id in ${metaPropertiesName}: one is a copy of the other`,
      )
    }
    seen.set(identity.directoryId, path)
  }
}

/** Whoever takes an empty directory for that of the catalogue forgets all topics. */
function requireOneCatalogue([metadata, ...others]: readonly Found[]): void {
  if (metadata === undefined) return
  const hasCatalogue = metadata.names.has(metadataDirectoryName)
  for (const { names, path } of others) {
    if (names.has(metadataDirectoryName)) {
      const both = `both ${metadata.path} and ${path} hold ${metadataDirectoryName}; metadata.log.dir says which is the broker's, and the other must not be there`
      const elsewhere = `${path} holds ${metadataDirectoryName}, but ${metadata.path} is to; set metadata.log.dir=${path}`
      throw new DirectoryConflictError(hasCatalogue ? both : elsewhere)
    }
    if (!hasCatalogue && [...names].some(isPartition)) {
      throw new DirectoryConflictError(
        `${path} has partitions, but ${metadata.path} has no ${metadataDirectoryName}, which says what topics there are; is it mounted, and is it the right metadata.log.dir?`,
      )
    }
  }
}

/** Which of two would be the partition, nobody can say; and a start would go on with one of them. */
function requireNoTwins(found: readonly Found[], disk: Disk): void {
  if (found.length < 2) return
  const seen = new Map<string, string>()
  for (const { names, path } of found) {
    for (const name of names) {
      if (!isPartition(name)) continue
      const other = seen.get(name)
      seen.set(name, path)
      if (other === undefined) continue
      const topicId = readTopicId(disk, join(path, name))
      if (topicId === undefined || topicId !== readTopicId(disk, join(other, name))) continue
      throw new DirectoryConflictError(
        `${name} is in both ${other} and ${path}; take one of the two away, and start again`,
      )
    }
  }
}

/** What the directory says of itself from now on; older brokers gave theirs no id. */
/**
 * Until `meta.properties` is there, nobody was promised that a directory is found again. So before it is written the names
 * above it are synced, whether this start has made them or one that was cut short.
 */
async function syncNamesAbove(disk: Disk, directory: string): Promise<void> {
  for (let path = resolve(directory); dirname(path) !== path; path = dirname(path)) {
    try {
      await disk.syncDirectory(dirname(path))
    } catch (error) {
      if (!notOurs.has(String((error as NodeJS.ErrnoException).code))) throw error
    }
  }
}

function completed(
  { identity, path }: Found,
  clusterId: string,
  { disk, nodeId }: ClaimOptions,
): DirectoryIdentity {
  const { directoryId } = identity ?? {}
  if (directoryId !== undefined) return { clusterId, nodeId, directoryId }
  const made = { clusterId, nodeId, directoryId: randomUuid() }
  writeIdentity(disk, path, made)
  return made
}

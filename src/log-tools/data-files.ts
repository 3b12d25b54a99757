/**
 * What lies in a data directory, told by names, and what a path given on the command line stands for: a whole data
 * directory, one partition's directory, or one file. Nothing here writes.
 *
 * A directory is a partition's when it is named `<topic>-<index>` and lies in a data directory, or holds segments.
 * Whatever repair has set aside is out of sight: it is in a folder of its own.
 */
import { basename, dirname, join, resolve } from 'node:path'
import type { Disk } from '../platform/disk.ts'
import { clusterMetadataTopic, groupMetadataTopic, journalTopic } from '../storage/internal-topic-names.ts'
import {
  cleanShutdownName,
  highWatermarkName,
  logStartOffsetName,
  metaPropertiesName,
  recoveryPointName,
} from '../storage/local/data-directory.ts'
import {
  deletedDirectorySuffix,
  leaderEpochFileName,
  parsePartitionDirectoryName,
  parseSegmentFileName,
  partitionMetadataFileName,
  strayDirectorySuffix,
} from '../storage/local/log-files.ts'

/** The user named something that is not there, or not what the command needs. */
export class NoSuchDataError extends Error {
  override readonly name = 'NoSuchDataError'
}

export type FileKind =
  | 'log'
  | 'index'
  | 'timeindex'
  | 'txnindex'
  | 'snapshot'
  | 'leader-epochs'
  | 'offsets'
  | 'properties'
  | 'other'

const kindsByName: ReadonlyMap<string, FileKind> = new Map([
  [leaderEpochFileName, 'leader-epochs'],
  [partitionMetadataFileName, 'properties'],
  [metaPropertiesName, 'properties'],
  [cleanShutdownName, 'properties'],
  [recoveryPointName, 'offsets'],
  [logStartOffsetName, 'offsets'],
  [highWatermarkName, 'offsets'],
  ['cleaner-offset-checkpoint', 'offsets'],
])

/** What a name says of its file; one that is on its way in or out (`.swap`, `.deleted`) is what it was or will be. */
export function fileKindOf(path: string): FileKind {
  const name = basename(path).replace(/\.(cleaned|swap|deleted)$/, '')
  const segmentFile = parseSegmentFileName(name)
  if (segmentFile !== undefined) return segmentFile.kind
  // Kafka's snapshots of the metadata log are record batches as well: <end offset>-<epoch>.checkpoint.
  if (/^\d{20}-\d{10}\.checkpoint$/.test(name)) return 'log'
  return kindsByName.get(name) ?? 'other'
}

/** Whose records a log holds: only a topic's are anybody's; the others are decoded. */
export type RecordsKind = 'client' | 'group' | 'metadata' | 'journal'

const recordsKinds: ReadonlyMap<string, RecordsKind> = new Map([
  [groupMetadataTopic, 'group'],
  [clusterMetadataTopic, 'metadata'],
  [journalTopic, 'journal'],
])

export function recordsKindOf(topic: string): RecordsKind {
  return recordsKinds.get(topic) ?? 'client'
}

export interface PartitionDirectory {
  readonly path: string
  /** The directory's own name. */
  readonly name: string
  readonly topic: string
  readonly index: number
}

export interface DataTarget {
  /** The data directory, when the path is one or lies in one. */
  readonly root: string | undefined
  /** In order of topic and index. */
  readonly partitions: readonly PartitionDirectory[]
  /** The path is the data directory itself. */
  readonly isWhole: boolean
  /** The path is this file. */
  readonly file: string | undefined
}

/** Where `repair` puts what it takes out of a partition's directory. */
export const setAsideFolderName = 'set-aside'

export function findData(disk: Disk, path: string): DataTarget {
  const absolute = resolve(path)
  if (disk.isDirectory(absolute)) return findDirectory(disk, absolute)
  if (!disk.list(dirname(absolute)).includes(basename(absolute))) {
    throw new NoSuchDataError(`There is no ${path}.`)
  }
  const { root, partitions } = findDirectory(disk, dirname(absolute), true)
  return { root, partitions, isWhole: false, file: absolute }
}

function findDirectory(disk: Disk, path: string, isForFile = false): DataTarget {
  const name = basename(path)
  const partition = parsePartitionDirectoryName(name)
  if (isDataDirectory(disk, path)) {
    return { root: path, partitions: partitionsIn(disk, path), isWhole: true, file: undefined }
  }
  const isPartition = disk.list(path).some(file => parseSegmentFileName(file)?.kind === 'log')
  const root = isDataDirectory(disk, dirname(path)) ? dirname(path) : undefined
  if (isPartition || (partition !== undefined && root !== undefined)) {
    // A directory under another name (`-stray`, a copy) is read all the same.
    const { topic, index } = partition ?? { topic: name, index: 0 }
    return { root, partitions: [{ path, name, topic, index }], isWhole: false, file: undefined }
  }
  if (isForFile) return { root: undefined, partitions: [], isWhole: false, file: undefined }
  throw new NoSuchDataError(
    `${path} is neither a data directory (it has no ${metaPropertiesName}) nor a partition's.`,
  )
}

function isDataDirectory(disk: Disk, path: string): boolean {
  const names = new Set(disk.list(path))
  if (names.has(metaPropertiesName) || names.has(recoveryPointName)) return true
  return names.has(`${clusterMetadataTopic}-0`)
}

export function partitionsIn(disk: Disk, root: string): PartitionDirectory[] {
  return disk
    .list(root)
    .flatMap(name => {
      const parsed = isSetAside(name) ? undefined : parsePartitionDirectoryName(name)
      const path = join(root, name)
      return parsed === undefined || !disk.isDirectory(path) ? [] : [{ ...parsed, path, name }]
    })
    .sort((a, b) => (a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : a.index - b.index))
}

/** Of directories that a broker has moved out of the way. */
export function isSetAside(name: string): boolean {
  return name.endsWith(deletedDirectorySuffix) || name.endsWith(strayDirectorySuffix)
}

/** The files of a directory that are files, in order of their names: those of one segment stand together. */
export function filesIn(disk: Disk, directory: string): string[] {
  return disk
    .list(directory)
    .sort()
    .map(name => join(directory, name))
    .filter(path => !disk.isDirectory(path))
}

/**
 * In which log directory each partition lives, at a start. What lies in a directory counts before what the catalogue
 * says, since somebody may have moved it while the broker was stopped. What lies nowhere is made anew only in the
 * directory that the catalogue names; if that one is not here, the partition is offline, for its records are there.
 */
import type { CatalogTopic } from '../topic-catalog.ts'
import type { Assignment } from './catalog-changes.ts'
import { DirectoryConflictError } from './data-directory.ts'
import type { Opening } from './directory-logs.ts'
import { partitionDirectoryName } from './log-files.ts'
import type { FoundPartitions } from './partition-directories.ts'

/** A log directory that can be used, and what was found in it. */
export interface SearchedDirectory {
  readonly id: string
  readonly path: string
  readonly found: FoundPartitions
}

export interface Places<Directory> {
  /** What is to be opened in each directory. */
  readonly openings: ReadonlyMap<Directory, Opening[]>
  /** Partitions whose directory is not here, and its id if the catalogue has it. */
  readonly missing: readonly (Opening & { readonly directoryId: string | undefined })[]
  /** What the catalogue does not know yet. */
  readonly assignments: readonly Assignment[]
}

export function locatePartitions<Directory extends SearchedDirectory>(
  topics: Iterable<CatalogTopic>,
  directories: readonly Directory[],
  assignedId: (partition: Opening['partition']) => string | undefined,
  /** Where a partition goes that has no directory yet; none, while one may be missing that has it. */
  forNew: readonly Directory[],
): Places<Directory> {
  const openings = new Map(directories.map(directory => [directory, [] as Opening[]]))
  const missing: (Opening & { directoryId: string | undefined })[] = []
  const assignments: Assignment[] = []
  for (const topic of topics) {
    for (const partition of topic.partitions) {
      const opening = { partition, config: topic.config }
      const directoryId = assignedId(partition)
      const directory =
        holderOf(partitionDirectoryName(partition), directories, directoryId) ??
        (directoryId === undefined ? emptiest(forNew, openings) : undefined)
      if (directory === undefined) {
        missing.push({ ...opening, directoryId })
        continue
      }
      openings.get(directory)!.push(opening)
      if (directory.id === directoryId) continue
      assignments.push({ topicId: topic.id, index: partition.index, directoryId: directory.id })
    }
  }
  return { openings, missing, assignments }
}

/** The directory that has a partition, or is to have it. */
function holderOf<Directory extends SearchedDirectory>(
  name: string,
  directories: readonly Directory[],
  assignedId: string | undefined,
): Directory | undefined {
  const named = directories.filter(({ found }) => found.get(name)?.isNamed)
  const assigned = directories.find(({ id }) => id === assignedId)
  // Without the topic's id in it, a directory is what its name says where nothing contradicts that.
  const candidates = named.length > 0 || assignedId !== undefined ? named : withName(name, directories)
  if (candidates.length > 1) {
    const paths = candidates.map(({ path }) => path).join(' and in ')
    throw new DirectoryConflictError(`${name} is in ${paths}; take all but one away, and start again`)
  }
  return candidates[0] ?? assigned
}

function withName<Directory extends SearchedDirectory>(
  name: string,
  directories: readonly Directory[],
): Directory[] {
  return directories.filter(({ found }) => found.has(name))
}

function emptiest<Directory>(
  [first, ...others]: readonly Directory[],
  openings: ReadonlyMap<Directory, Opening[]>,
): Directory | undefined {
  if (first === undefined) return undefined
  const count = (directory: Directory) => openings.get(directory)!.length
  return others.reduce((fewest, next) => (count(next) < count(fewest) ? next : fewest), first)
}

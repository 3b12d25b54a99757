/**
 * Who a log directory belongs to: its `meta.properties`. All directories of a broker name the same cluster and node,
 * and each has an id of its own, by which the catalogue knows where a partition lives (KIP-858).
 */
import { join } from 'node:path'
import type { Disk } from '../../platform/disk.ts'
import type { Logger } from '../../platform/logger.ts'
import { DataDirectoryError, DirectoryConflictError, metaPropertiesName } from './data-directory.ts'

export interface DirectoryIdentity {
  readonly clusterId: string
  readonly nodeId: number
  readonly directoryId: string
}

/** What a directory says of itself; those of older brokers have no id of their own. */
export type FoundIdentity = Omit<DirectoryIdentity, 'directoryId'> & {
  readonly directoryId: string | undefined
}

/** Kafka's ids for a partition that no directory has been found for yet. */
const unassignedIds: ReadonlySet<string> = new Set(['AAAAAAAAAAAAAAAAAAAAAA', 'AAAAAAAAAAAAAAAAAAAAAg'])

/** Of the directories in a partition's record that of its only replica; undefined: none was assigned. */
export function assignedDirectory(directories: readonly string[]): string | undefined {
  const [id] = directories
  return id === undefined || unassignedIds.has(id) ? undefined : id
}

/** Reads `meta.properties`; undefined: the directory is new. Throws when the file is damaged or another node's. */
export function readIdentity(
  disk: Disk,
  directory: string,
  { nodeId, logger }: { readonly nodeId: number; readonly logger: Logger },
): FoundIdentity | undefined {
  const path = join(directory, metaPropertiesName)
  const content = disk.readFile(path)?.toString('utf8')
  if (content === undefined) return undefined
  const properties = new Map<string, string>()
  for (const line of content.split('\n')) {
    const at = line.indexOf('=')
    if (at > 0 && !line.startsWith('#')) properties.set(line.slice(0, at).trim(), line.slice(at + 1).trim())
  }
  const clusterId = properties.get('cluster.id') || undefined
  if (!content.endsWith('\n')) {
    logger.warn({ path }, 'this file does not end with a line: it may have been cut off')
  }
  const foundNodeId = Number(properties.get('node.id') ?? properties.get('broker.id'))
  if (clusterId === undefined || !Number.isInteger(foundNodeId)) {
    throw new DataDirectoryError(
      `${path} has no cluster.id or node.id; it is damaged, or not a broker's. Restore it, or put those lines in order`,
    )
  }
  if (foundNodeId !== nodeId) {
    throw new DirectoryConflictError(
      `${path} says that the data is of node.id ${foundNodeId}, and this broker's node.id is ${nodeId}; start it with that node.id, or give it a log.dirs of its own`,
    )
  }
  return { clusterId, nodeId, directoryId: properties.get('directory.id') }
}

export function writeIdentity(disk: Disk, directory: string, identity: DirectoryIdentity): void {
  const lines = [
    '#',
    'version=1',
    `node.id=${identity.nodeId}`,
    `directory.id=${identity.directoryId}`,
    `cluster.id=${identity.clusterId}`,
    '',
  ]
  disk.replaceFile(join(directory, metaPropertiesName), lines.join('\n'), true)
}

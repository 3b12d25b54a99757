/**
 * A partition's `partition.metadata` file: whose directory it is. A name alone does not say, because a
 * topic may have been deleted and made again; so a directory whose id is of a deleted topic is removed,
 * and one without a readable id (it was not synced before a crash) belongs to the topic of its name.
 *
 *     version: 0
 *     topic_id: <22 characters of base64url>
 */
import { join } from 'node:path'
import type { Disk } from '../../platform/disk.ts'
import { partitionMetadataFileName } from './log-files.ts'

export function readTopicId(disk: Disk, directory: string): string | undefined {
  const content = disk.readFile(join(directory, partitionMetadataFileName))?.toString('utf8')
  return content === undefined ? undefined : /^topic_id: ([\w-]{22})$/m.exec(content)?.[1]
}

/** Most characters in which an id differs from another that is the same one, damaged. */
const maxDamagedCharacters = 2

/** Whether an id is another one with a flipped bit or two: ids are random, so two of them have little in common. */
export function isDamagedId(found: string, expected: string): boolean {
  let differences = 0
  for (let at = 0; at < expected.length; at++) if (found[at] !== expected[at]) differences++
  return differences > 0 && differences <= maxDamagedCharacters
}

export function writeTopicId(disk: Disk, directory: string, topicId: string): void {
  disk.replaceFile(join(directory, partitionMetadataFileName), `version: 0\ntopic_id: ${topicId}\n`, false)
}

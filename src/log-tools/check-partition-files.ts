/**
 * What stands beside a partition's segments and is checked once they were walked: the history of leader epochs, the
 * owner, and the checkpoints' offsets against the log's ends.
 */
import { join } from 'node:path'
import type { Disk } from '../platform/disk.ts'
import { readCheckpoint } from '../storage/local/checkpoint-file.ts'
import { LeaderEpochs } from '../storage/local/leader-epochs.ts'
import { leaderEpochFileName, partitionMetadataFileName } from '../storage/local/log-files.ts'
import { readTopicId } from '../storage/local/partition-metadata.ts'
import type { Finding } from './findings.ts'
import type { PartitionKnowledge } from './partition-knowledge.ts'

export interface WalkedLog {
  readonly hasRecords: boolean
  /** Base offset of the first segment. */
  readonly firstSegment: number
  readonly logEndOffset: number
}

export function* checkEpochHistory(
  disk: Disk,
  directory: string,
  { logStartOffset, wasStoppedCleanly }: PartitionKnowledge,
  { firstSegment, hasRecords, logEndOffset }: WalkedLog,
): Iterable<Finding> {
  const path = join(directory, leaderEpochFileName)
  if (disk.readFile(path) === undefined) {
    if (!hasRecords) return
    const message = 'the file is missing; the next start makes it anew from the first batches of the segments'
    const severity = wasStoppedCleanly === true ? 'damage' : 'note'
    yield { severity, kind: 'checkpoint', path, message, remedy: { type: 'rebuild' } }
    return
  }
  const lines = readCheckpoint(disk, path)
  if (lines === undefined || (lines.length > 0 && new LeaderEpochs(disk, path).load().latest() < 0)) {
    yield accusedEpochs(path, 'the file is no history of epochs: its entries do not ascend, or it is cut off')
    return
  }
  const [first] = lines
  const last = lines.at(-1)
  const start = Math.max(logStartOffset, firstSegment)
  if (wasStoppedCleanly === true && first !== undefined && Number(first[1]) !== start) {
    const what = `the first epoch begins at offset ${first[1]}, and the log at ${start}`
    yield accusedEpochs(path, `${what}: this or the log start offset is damaged`)
  }
  if (last !== undefined && Number(last[1]) > logEndOffset) {
    yield accusedEpochs(path, `epoch ${last[0]} begins at ${last[1]}, and the log ends at ${logEndOffset}`)
  }
}

export function accusedEpochs(path: string, what: string): Finding {
  const message = `${what}; consumers may be told that records were cut off`
  return { severity: 'damage', kind: 'checkpoint', path, message, remedy: { type: 'rebuild' } }
}

export function* checkOwner(
  disk: Disk,
  directory: string,
  { topicId, wasStoppedCleanly }: PartitionKnowledge,
): Iterable<Finding> {
  const owner = readTopicId(disk, directory)
  if (topicId === undefined || owner === topicId) return
  const path = join(directory, partitionMetadataFileName)
  const isMissing = disk.readFile(path) === undefined
  const message = isMissing
    ? 'the file is missing; the next start takes the directory for that of the topic of its name'
    : owner === undefined
      ? 'the file has no topic id that can be read'
      : `the file names topic ${owner}, and the catalogue has ${topicId} under this name; the directory would not be used`
  const severity = isMissing && wasStoppedCleanly !== true ? 'note' : 'damage'
  // An id that differs altogether is another topic's, and so is the directory.
  const isDamaged = owner === undefined || isAlmost(owner, topicId)
  const remedy = isDamaged ? ({ type: 'name owner', topicId } as const) : undefined
  yield { severity, kind: 'properties', path, message, remedy }
}

const maxDifferences = 2

function isAlmost(one: string, other: string): boolean {
  let differences = 0
  for (let at = 0; at < other.length; at++) if (one[at] !== other[at]) differences++
  return differences <= maxDifferences
}

export function* checkEnds(
  path: string,
  { highWatermark, logStartOffset, recoveryPoint, wasStoppedCleanly }: PartitionKnowledge,
  logEndOffset: number,
): Iterable<Finding> {
  const finding = (severity: Finding['severity'], message: string): Finding => {
    return { severity, kind: 'checkpoint', path, message }
  }
  if (logEndOffset < recoveryPoint) {
    const what = `the log ends at offset ${logEndOffset}, and was on disk up to ${recoveryPoint}`
    yield finding('damage', `${what}: what lies between is lost, or the recovery point is damaged`)
  } else if (wasStoppedCleanly === true && recoveryPoint > 0 && logEndOffset > recoveryPoint) {
    const what = `the log ends at offset ${logEndOffset}, and a clean stop left it at ${recoveryPoint}`
    yield finding('damage', `${what}: the log or the recovery point is damaged`)
  }
  if (logStartOffset > logEndOffset) {
    const what = `the log starts at offset ${logStartOffset} by its checkpoint, and ends at ${logEndOffset}`
    yield finding('damage', `${what}; the next start begins empty there`)
  }
  if (highWatermark !== undefined && highWatermark > Math.max(logEndOffset, recoveryPoint)) {
    const severity = wasStoppedCleanly === true ? 'damage' : 'note'
    const what = `readers have seen offsets up to ${highWatermark - 1}, and the log ends at ${logEndOffset}`
    yield finding(severity, what)
  }
}

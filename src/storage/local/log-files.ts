/**
 * Names in a partition's directory, as Kafka writes them: `<topic>-<index>/` holds for each segment
 * `<base offset, 20 digits>` with `.log`, `.index`, `.timeindex`, `.txnindex`, and `.snapshot` for the
 * producers' state at that offset; beside them `leader-epoch-checkpoint` and `partition.metadata`.
 * A name ending in `.deleted` waits for its removal; a directory ending in `-delete` likewise.
 */
import type { PartitionRef } from '../partition-log.ts'

export type SegmentFileKind = 'log' | 'index' | 'timeindex' | 'txnindex' | 'snapshot'

export function segmentFileName(baseOffset: number, kind: SegmentFileKind): string {
  return `${String(baseOffset).padStart(20, '0')}.${kind}`
}

const segmentFile = /^(\d{20})\.(log|index|timeindex|txnindex|snapshot)$/

/** Base offset and kind of a segment's file; undefined for any other name. */
export function parseSegmentFileName(
  name: string,
): { baseOffset: number; kind: SegmentFileKind } | undefined {
  const match = segmentFile.exec(name)
  if (match === null) return undefined
  const baseOffset = Number(match[1])
  return Number.isSafeInteger(baseOffset) ? { baseOffset, kind: match[2] as SegmentFileKind } : undefined
}

export function partitionDirectoryName(partition: PartitionRef): string {
  return `${partition.topic}-${partition.index}`
}

/** Topic and index of a partition directory's name; undefined for any other name. */
export function parsePartitionDirectoryName(name: string): { topic: string; index: number } | undefined {
  const match = /^(.+)-(\d+)$/.exec(name)
  return match === null ? undefined : { topic: match[1]!, index: Number(match[2]) }
}

/** Longest name of a file on the usual file systems. */
const maxNameLength = 255

/**
 * Name of a partition's directory that is to go, or that belongs to nobody: `<topic>-<index>.<id>-delete`.
 * A long topic name is cut, as Kafka does: the id tells them apart.
 */
export function setAsideDirectoryName(
  partition: { topic: string; index: number },
  id: string,
  suffix: string,
): string {
  const end = `-${partition.index}.${id}${suffix}`
  return partition.topic.slice(0, maxNameLength - end.length) + end
}

export const deletedSuffix = '.deleted'
/** Of what compaction is writing, and of what it has written and is putting in place. */
export const cleanedSuffix = '.cleaned'
export const swapSuffix = '.swap'
export const deletedDirectorySuffix = '-delete'
export const strayDirectorySuffix = '-stray'
export const leaderEpochFileName = 'leader-epoch-checkpoint'
export const partitionMetadataFileName = 'partition.metadata'

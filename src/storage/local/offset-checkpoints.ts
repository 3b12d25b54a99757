/**
 * The three checkpoints over all partitions of a data directory, in Kafka's files: up to where each log
 * is known to be on disk, up to where readers saw it, and where it starts. A partition is named by topic
 * and index only, so what a file says of a deleted topic must be gone from it before a topic of that name
 * is made again: its log start offset would hide the new topic's records.
 */
import { join } from 'node:path'
import type { Disk } from '../../platform/disk.ts'
import type { Logger } from '../../platform/logger.ts'
import type { PartitionRef } from '../partition-log.ts'
import { readOffsetCheckpoint, writeCheckpoint } from './checkpoint-file.ts'
import { highWatermarkName, logStartOffsetName, recoveryPointName } from './data-directory.ts'
import { isPassingFailure } from './disk-failure.ts'
import { parsePartitionDirectoryName, partitionDirectoryName } from './log-files.ts'
import type { PartitionLog } from './partition-log.ts'

export class OffsetCheckpoints {
  private readonly disk: Disk
  private readonly directory: string
  /** There was a file of recovery points, so where it names no partition, nothing of that was on disk. */
  readonly recoveryPointsWereKnown: boolean
  /** What the files hold, by name of the partition's directory. */
  private recoveryPoints: Map<string, number>
  private logStartOffsets: Map<string, number>
  private readonly highWatermarks: ReadonlyMap<string, number>
  /** What each file says, as far as it was written since the start. */
  private readonly written = new Map<string, string>()

  constructor(disk: Disk, directory: string, logger: Logger) {
    this.disk = disk
    this.directory = directory
    const read = (name: string) => {
      const path = join(directory, name)
      return readOffsetCheckpoint(disk, path, problem =>
        logger.error({ path, problem }, 'a checkpoint is damaged; going on without what cannot be read'),
      )
    }
    const recoveryPoints = read(recoveryPointName)
    this.recoveryPointsWereKnown = recoveryPoints !== undefined
    this.recoveryPoints = recoveryPoints ?? new Map()
    this.logStartOffsets = read(logStartOffsetName) ?? new Map()
    this.highWatermarks = read(highWatermarkName) ?? new Map()
  }

  recoveryPoint(partition: string): number {
    return this.recoveryPoints.get(partition) ?? 0
  }

  logStartOffset(partition: string): number {
    return this.logStartOffsets.get(partition) ?? 0
  }

  /** As the last run has stored it; undefined: not at all. */
  highWatermark(partition: string): number | undefined {
    return this.highWatermarks.get(partition)
  }

  mention(partitions: readonly PartitionRef[]): boolean {
    return partitions.some(partition => {
      const name = partitionDirectoryName(partition)
      return this.recoveryPoints.has(name) || this.logStartOffsets.has(name)
    })
  }

  /** Takes out what the files say of partitions that they mean others by. */
  forget(partitions: readonly PartitionRef[]): void {
    if (partitions.length === 0) return
    for (const [name, offsets] of [
      [recoveryPointName, this.recoveryPoints],
      [logStartOffsetName, this.logStartOffsets],
    ] as const) {
      for (const partition of partitions) offsets.delete(partitionDirectoryName(partition))
      const entries = [...offsets].map(([directoryName, offset]) => {
        const { topic, index } = parsePartitionDirectoryName(directoryName)!
        return [topic, index, offset] as const
      })
      writeCheckpoint(this.disk, join(this.directory, name), entries, true)
    }
  }

  write(logs: readonly PartitionLog[]): void {
    this.writeLogStartOffsets(logs)
    this.writeRecoveryPoints(logs)
  }

  /** Where logs start comes first: no sync has come to what lies below, which a recovery point would say was on disk. */
  writeRecoveryPoints(logs: readonly PartitionLog[]): void {
    if (logs.some(log => log.logStartOffset > log.storedStartOffset)) this.writeLogStartOffsets(logs)
    const used = logs.filter(log => log.logEndOffset > 0)
    this.recoveryPoints = this.save(recoveryPointName, used, log => log.recoveryPoint, true)
    this.save(highWatermarkName, used, log => log.highWatermark, false)
  }

  writeLogStartOffsets(logs: readonly PartitionLog[]): void {
    const moved = logs.filter(log => log.logStartOffset > 0)
    this.logStartOffsets = this.save(logStartOffsetName, moved, log => log.logStartOffset, true)
    for (const log of moved) log.storedStartOffset = log.logStartOffset
  }

  private save(
    name: string,
    logs: readonly PartitionLog[],
    offsetOf: (log: PartitionLog) => number,
    durable: boolean,
  ): Map<string, number> {
    const path = join(this.directory, name)
    const entries = logs.map(log => [log.partition.topic, log.partition.index, offsetOf(log)] as const)
    const said = entries.join()
    // A durable one costs syncs, on the event loop; an idle broker has nothing new to say.
    if (this.written.get(name) !== said) {
      this.written.delete(name)
      try {
        writeCheckpoint(this.disk, path, entries, durable)
      } catch (error) {
        if (!durable || !isPassingFailure(error)) throw error
        this.makeRoom()
        writeCheckpoint(this.disk, path, entries, durable)
      }
      this.written.set(name, said)
    }
    return new Map(logs.map(log => [partitionDirectoryName(log.partition), offsetOf(log)]))
  }

  /**
   * On a full disk, for one that matters: the high watermarks are held against the others after a clean stop, which
   * writes them anew. Room can then be made by those who wait for where logs start to be stored.
   */
  private makeRoom(): void {
    this.written.delete(highWatermarkName)
    this.disk.remove(join(this.directory, highWatermarkName))
  }
}

/**
 * Which snapshots of its producers a log has on disk: one at the start of each segment, as in Kafka, and up to two from
 * checkpoints. A start after a crash goes on from the newest at or below the recovery point. None is synced: a damaged
 * one is noticed by its checksum, and an older one does.
 */
import { join } from 'node:path'
import { segmentFileName } from './log-files.ts'
import type { PartitionLog } from './partition-log.ts'
import { encodeProducerSnapshot } from './producer-snapshot.ts'

/** Appended since the last snapshot, that make another one worth it: reading less is as quick. */
const minBytes = 256 * 1024

export class ProducerSnapshots {
  /** Offset of the newest; -1: there is none. */
  newest = -1
  /** Those of checkpoints, in order. */
  private ofCheckpoints: number[] = []
  /** Bytes appended to the log when the newest was written. */
  private bytes = 0

  /** Takes note of the one that a start has used. */
  restored(offset: number, isOfSegment: boolean): void {
    this.newest = offset
    this.ofCheckpoints = offset < 0 || isOfSegment ? [] : [offset]
  }

  /** Writes the producers' state at the log end. */
  write(log: PartitionLog): void {
    if (this.newest === log.logEndOffset) return
    const { producers, environment, logEndOffset } = log
    const content = encodeProducerSnapshot(producers.all(), producers.size)
    environment.disk.replaceFile(pathOf(log, logEndOffset), content, false)
    this.newest = logEndOffset
    this.bytes = log.appendedBytes
  }

  /**
   * A start can use a snapshot once the recovery point has come to it. Until then the one before it stays, and no newer
   * one is written.
   */
  checkpoint(log: PartitionLog): void {
    if (log.recoveryPoint < this.newest || log.appendedBytes - this.bytes < minBytes) return
    this.write(log)
    const superseded = this.ofCheckpoints.splice(0, this.ofCheckpoints.length - 1)
    this.ofCheckpoints.push(this.newest)
    for (const offset of superseded) {
      if (log.segments.some(({ baseOffset }) => baseOffset === offset)) continue
      log.environment.disk.remove(pathOf(log, offset))
    }
  }
}

function pathOf(log: PartitionLog, offset: number): string {
  return join(log.directory, segmentFileName(offset, 'snapshot'))
}

/**
 * A log's history of leader epochs, from its batches: made anew where the file that has it is gone or damaged, and the
 * file held against them. Only where an epoch begins within a segment is more of it read than a header.
 */
import { batchBaseOffset, batchLastOffset, batchLeaderEpoch } from '../../../protocol-codecs/record-batch.ts'
import { indexedPosition } from './find-batch.ts'
import type { PartitionLog } from './partition-log.ts'
import { firstHeader, scanBatches } from './scan-batches.ts'

export function restoreEpochs(log: PartitionLog): void {
  const { segments } = log
  const headers = segments.map(firstHeader)
  for (const [n, segment] of segments.entries()) {
    const first = headers[n]
    if (first === undefined) continue
    log.epochs.assign(batchLeaderEpoch(first, 0), batchBaseOffset(first, 0))
    const next = headers[n + 1]
    const nextEpoch = next === undefined ? log.leaderEpoch : batchLeaderEpoch(next, 0)
    if (nextEpoch === batchLeaderEpoch(first, 0)) continue
    scanBatches(segment, 0, segment.size, false, (buffer, at) => {
      log.epochs.assign(batchLeaderEpoch(buffer, at), batchBaseOffset(buffer, at))
      return true
    })
  }
}

/** Whether each epoch but the first, which begins where the log does, begins with a batch of its own. */
export function epochsFitBatches(log: PartitionLog): boolean {
  return log.epochs.starts().every(({ epoch, startOffset }, n) => {
    if (n === 0 || startOffset >= log.logEndOffset) return true
    const segment = log.segments[log.segmentIndex(startOffset)]!
    let before = -1
    let found = -1
    let baseOffset = -1
    const from = indexedPosition(segment, startOffset - 1)
    scanBatches(segment, from, segment.size, false, (buffer, at) => {
      const isReached = batchLastOffset(buffer, at) >= startOffset
      if (isReached) [found, baseOffset] = [batchLeaderEpoch(buffer, at), batchBaseOffset(buffer, at)]
      else before = batchLeaderEpoch(buffer, at)
      return !isReached
    })
    // What compaction has removed is nobody's contradiction.
    if (found < 0) return true
    return before < epoch && baseOffset >= startOffset && (found === epoch || baseOffset > startOffset)
  })
}

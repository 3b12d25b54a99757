/**
 * Bugs of the storage engine, to be planted into one that runs in this process on a simulated disk: the model of the
 * engine, which is said to find such bugs, shows that it does. Each is wrapped around the parts from outside and can
 * be taken away again.
 *
 * - `skipped-sync`: of the syncs of a segment one in ten is not done.
 * - `skipped-directory-sync`: names are never synced.
 * - `ack-before-sync`: who waits for a sync is answered at once.
 * - `forgetful-journal`: the journal lets go of a segment when it is full, and not when the logs are synced.
 * - `cut-too-far`: recovery cuts off the last sound batch together with a torn one.
 * - `trusted-index`: recovery goes on at the last entry of the index that it finds, however torn.
 * - `removal-before-log-start`: retention takes files away and has not stored where the log starts.
 */
import { Journal } from '../storage/local/journal.ts'
import { PartitionLog } from '../storage/local/partition-log.ts'
import { RetentionCheck } from '../storage/local/retention-check.ts'
import { scanBatches } from '../storage/local/scan-batches.ts'
import { Segment, type SegmentFiles } from '../storage/local/segment.ts'
import { offsetIndex, timeIndex } from '../storage/local/sparse-index.ts'
import type { ModelViolationKind } from './engine-model/violation.ts'
import { SimulatedDisk } from './simulated-disk.ts'

/** What the model is to notice each as; whatever else follows from it may be noticed, too. */
export const engineBugs = {
  'skipped-sync': 'lost',
  'skipped-directory-sync': 'topic gone',
  'ack-before-sync': 'lost',
  'forgetful-journal': 'lost',
  'cut-too-far': 'lost',
  'trusted-index': 'damaged',
  'removal-before-log-start': 'damaged',
} as const satisfies Record<string, ModelViolationKind>
export type EngineBug = keyof typeof engineBugs

const skippedOneOf = 10

/** Has its effect on every engine of this process, until what it gives is called. */
export function plantIntoEngine(bug: EngineBug): () => void {
  switch (bug) {
    case 'skipped-sync': {
      const { sync } = Segment.prototype
      let count = 0
      return replace(Segment.prototype, 'sync', async function (this: Segment) {
        if (++count % skippedOneOf > 0) await sync.call(this)
      })
    }
    case 'skipped-directory-sync':
      return replace(SimulatedDisk.prototype, 'syncDirectory', async () => {})
    case 'ack-before-sync':
      return replace(PartitionLog.prototype, 'whenDurable', () => undefined)
    case 'forgetful-journal': {
      const { roll } = Journal.prototype
      return replace(Journal.prototype, 'roll', function (this: Journal) {
        roll.call(this)
        const { parts } = this as unknown as { parts: { endOffsets: Map<unknown, number> }[] }
        for (const { endOffsets } of parts) endOffsets.clear()
      })
    }
    case 'cut-too-far': {
      const { truncate } = Segment.prototype
      return replace(
        Segment.prototype,
        'truncate',
        function (this: Segment, position: number, endOffset: number) {
          let last = 0
          scanBatches(this, 0, position, false, (_, _at, batchPosition) => {
            last = batchPosition
            return true
          })
          truncate.call(this, last, endOffset)
        },
      )
    }
    case 'trusted-index':
      return replace(Segment.prototype, 'resumeIndexes', function (this: Segment) {
        const stored = this as unknown as {
          loadedOffsets: unknown
          loadedTimes: unknown
          files: SegmentFiles
        }
        const { disk } = stored.files
        const offsets = offsetIndex(disk.readFile(this.filePath('index')))
        stored.loadedOffsets = offsets
        stored.loadedTimes = timeIndex(disk.readFile(this.filePath('timeindex')))
        return offsets.last()?.position ?? 0
      })
    case 'removal-before-log-start': {
      const { run } = RetentionCheck.prototype
      return replace(RetentionCheck.prototype, 'run', function (this: RetentionCheck) {
        const { options, logs } = this as unknown as {
          options: { storeLogStarts(): Promise<void> }
          logs(): Iterable<PartitionLog>
        }
        options.storeLogStarts = async () => {
          for (const log of logs()) log.storedStartOffset = log.logStartOffset
        }
        return run.call(this)
      })
    }
  }
}

function replace<Target extends object, Name extends keyof Target>(
  target: Target,
  name: Name,
  value: Target[Name],
): () => void {
  const original = target[name]
  target[name] = value
  return () => {
    target[name] = original
  }
}

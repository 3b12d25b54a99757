/**
 * Looks at the metadata log before it is opened. Recovery cuts a log off where it is damaged; a catalogue that is cut
 * off forgets topics, and their directories would be moved aside. So only what a crash may have left unfinished is left
 * to recovery: damage in what was known to be on disk keeps the broker from starting.
 */
import { dirname, join } from 'node:path'
import {
  batchBaseOffset,
  batchCrcIsValid,
  batchLastOffset,
  batchMagic,
  batchSize,
} from '../../../protocol-codecs/record-batch.ts'
import { RecordError } from '../../../protocol-codecs/record-error.ts'
import type { Disk } from '../../platform/disk.ts'
import { DataDirectoryError, recoveryPointName } from './data-directory.ts'
import { parseSegmentFileName } from './log-files.ts'

export interface KnownToBeOnDisk {
  readonly wasShutDownCleanly: boolean
  readonly recoveryPoint: number
  readonly highWatermark: number | undefined
}

export function requireSoundCatalogue(
  disk: Disk,
  directory: string,
  { highWatermark, recoveryPoint, wasShutDownCleanly }: KnownToBeOnDisk,
): void {
  const root = dirname(directory)
  let nextOffset = 0
  for (const name of disk.list(directory).sort()) {
    if (parseSegmentFileName(name)?.kind !== 'log') continue
    const path = join(directory, name)
    const bytes = disk.readFile(path) ?? Buffer.alloc(0)
    for (let at = 0; at < bytes.length; at += batchSize(bytes, at)) {
      if (!isBatchAt(bytes, at, nextOffset)) {
        if (!wasShutDownCleanly && nextOffset >= recoveryPoint) return
        throw new DataDirectoryError(
          `${path}, which says what topics there are, is damaged at ${at}; nothing was changed. ottla log verify ${root} tells more, and ottla log repair ${root} what can be mended`,
        )
      }
      nextOffset = batchLastOffset(bytes, at) + 1
    }
  }
  // After a clean stop the two checkpoints agree; where one of them agrees with the log, the other is damaged.
  if (nextOffset >= recoveryPoint || (wasShutDownCleanly && nextOffset === highWatermark)) return
  throw new DataDirectoryError(
    `${directory}, which says what topics there are, ends at offset ${nextOffset}, and ${join(root, recoveryPointName)} says that it was on disk up to ${recoveryPoint}; nothing was changed. Restore the directory, or take its line out of that file to go on without what is missing`,
  )
}

function isBatchAt(bytes: Buffer, at: number, nextOffset: number): boolean {
  try {
    return (
      batchCrcIsValid(bytes, at) && batchMagic(bytes, at) === 2 && batchBaseOffset(bytes, at) >= nextOffset
    )
  } catch (error) {
    if (error instanceof RecordError) return false
    throw error
  }
}

/**
 * Looks at the metadata log before it is opened. Recovery cuts a log off where it is damaged; a catalogue that is cut
 * off forgets topics, and their directories would be moved aside. So only what a crash may have left unfinished is left
 * to recovery: damage in what was known to be on disk keeps the broker from starting.
 */
import { join } from 'node:path'
import {
  batchBaseOffset,
  batchCrcIsValid,
  batchLastOffset,
  batchMagic,
  batchSize,
} from '../../../protocol-codecs/record-batch.ts'
import { RecordError } from '../../../protocol-codecs/record-error.ts'
import type { Disk } from '../../platform/disk.ts'
import { DataDirectoryError } from './data-directory.ts'
import { parseSegmentFileName } from './log-files.ts'

export interface KnownToBeOnDisk {
  readonly wasShutDownCleanly: boolean
  readonly recoveryPoint: number
}

export function requireSoundCatalogue(
  disk: Disk,
  directory: string,
  { recoveryPoint, wasShutDownCleanly }: KnownToBeOnDisk,
): void {
  let nextOffset = 0
  for (const name of disk.list(directory).sort()) {
    if (parseSegmentFileName(name)?.kind !== 'log') continue
    const path = join(directory, name)
    const bytes = disk.readFile(path) ?? Buffer.alloc(0)
    for (let at = 0; at < bytes.length; at += batchSize(bytes, at)) {
      if (!isBatchAt(bytes, at, nextOffset)) {
        if (!wasShutDownCleanly && nextOffset >= recoveryPoint) return
        throw new DataDirectoryError(
          `${path}, which says what topics there are, is damaged at ${at}; ottla log verify tells more, and ottla log repair may mend it`,
        )
      }
      nextOffset = batchLastOffset(bytes, at) + 1
    }
  }
  if (nextOffset < recoveryPoint) {
    throw new DataDirectoryError(
      `${directory}, which says what topics there are, ends at offset ${nextOffset}, and was on disk up to ${recoveryPoint}; restore it, or take the recovery point out of the checkpoint to do without what is missing`,
    )
  }
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

/**
 * Reads what a crash has left of the journal: its entries, and the places where none can be read. The files are taken
 * as they are: what is not sound is passed over, and the next sound entry is looked for. Where only the length or the
 * magic of one is damaged, which no checksum covers, what lies between its neighbours fits its checksum, and it counts.
 *
 * Each entry is synced before the next one is written. So a place that is not sound is a torn tail, of which nobody was
 * told, only where no sound entry lies behind it. Else it is damage.
 *
 * The order of entries is that of their places. Behind damage one counts only if its offset is one that can follow: a
 * file system may show old bytes where new ones never came to disk. That of one that follows directly may be damaged,
 * since no checksum covers it either, and means nothing.
 */
import { basename, join } from 'node:path'
import {
  batchBaseOffset,
  batchHeaderSize,
  batchLastOffsetDelta,
} from '../../../protocol-codecs/record-batch.ts'
import type { Disk } from '../../platform/disk.ts'
import { LogFile, type Walked } from './batch-walk.ts'
import { type JournaledTail, tailsOf } from './journal-entry.ts'
import { parseSegmentFileName } from './log-files.ts'

interface UnsoundPlace {
  readonly path: string
  readonly position: number
  /** Why there is no entry, to be read behind "the entry here". */
  readonly problem: string
}

export type JournalPlace =
  | {
      readonly kind: 'entry'
      readonly path: string
      readonly position: number
      /** Views that hold until the next place is asked for. */
      readonly tails: readonly JournaledTail[]
      /** Of the entry behind it. */
      readonly nextOffset: number
    }
  | ({ readonly kind: 'damage' } & UnsoundPlace)
  | ({ readonly kind: 'torn tail' } & UnsoundPlace)

/** In order of offsets. */
export function journalFiles(disk: Disk, directory: string): string[] {
  return disk
    .list(directory)
    .filter(name => parseSegmentFileName(name)?.kind === 'log')
    .sort()
    .map(name => join(directory, name))
}

export async function* readJournal(disk: Disk, directory: string): AsyncGenerator<JournalPlace, void> {
  const reader = new JournalReader()
  for (const path of journalFiles(disk, directory)) yield* reader.read(disk, path)
  for (const place of reader.passedOver) yield { kind: 'torn tail', ...place }
}

class JournalReader {
  /** Since the last sound entry. */
  passedOver: UnsoundPlace[] = []
  private expected = 0

  async *read(disk: Disk, path: string): AsyncGenerator<JournalPlace, void> {
    // Segments that nobody needed any more may be gone, in any order.
    this.expected = Math.max(this.expected, parseSegmentFileName(basename(path))!.baseOffset)
    const file = new LogFile(disk, path)
    let gap: UnsoundPlace | undefined
    try {
      for await (const stretch of file.walk()) {
        for (const walked of stretch) {
          const { position } = walked
          const entry = this.entryIn(walked, gap)
          if (entry === undefined) {
            gap ??= { path, position, problem: problemOf(walked) }
            continue
          }
          if (gap !== undefined) yield* this.close(file, gap, position)
          const offset = gap === undefined ? this.expected : batchBaseOffset(entry, 0)
          yield* this.take(path, position, entry, offset)
          gap = undefined
        }
      }
      if (gap !== undefined) yield* this.close(file, gap, file.size)
    } finally {
      file.close()
    }
  }

  private entryIn(walked: Walked, gap: UnsoundPlace | undefined): Buffer | undefined {
    if (walked.kind !== 'whole') return undefined
    const entry = walked.buffer.subarray(walked.at, walked.at + walked.size)
    if (gap !== undefined) {
      // Each offset takes the header of a batch at least, in a value.
      const mostOffsets = Math.floor((walked.position - gap.position) / batchHeaderSize)
      const distance = batchBaseOffset(entry, 0) - this.expected
      if (distance < 0 || distance > mostOffsets) return undefined
    }
    return readTails(entry) === undefined ? undefined : entry
  }

  /** What was passed over may be an entry after all, but for its length or its magic. */
  private *close(file: LogFile, gap: UnsoundPlace, end: number): Generator<JournalPlace, void> {
    const mended = file.mend(gap.position, end)
    if (mended === undefined || readTails(mended) === undefined) this.passedOver.push(gap)
    else yield* this.take(gap.path, gap.position, mended, this.expected)
  }

  private *take(
    path: string,
    position: number,
    entry: Buffer,
    offset: number,
  ): Generator<JournalPlace, void> {
    for (const place of this.passedOver) yield { kind: 'damage', ...place }
    this.passedOver = []
    this.expected = offset + batchLastOffsetDelta(entry, 0) + 1
    yield { kind: 'entry', path, position, tails: readTails(entry) ?? [], nextOffset: this.expected }
  }
}

function readTails(entry: Buffer): readonly JournaledTail[] | undefined {
  try {
    return tailsOf(entry)
  } catch {
    // Records that cannot be read although they fit their checksum were never an entry.
    return undefined
  }
}

function problemOf(walked: Walked): string {
  if (walked.kind === 'debris') return walked.problem
  return walked.kind === 'broken' ? 'does not fit its checksum' : 'is not one that can follow'
}

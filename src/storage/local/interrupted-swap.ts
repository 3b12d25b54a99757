/**
 * What a compaction that was interrupted has left in a log's directory, in Kafka's terms: the cleaner writes new
 * segments as `.cleaned`, renames them to `.swap` from the last to the first, removes the segments that they
 * replace, and takes the `.swap` off. So `.cleaned` files are unfinished, and so are the `.swap` files at or
 * above the lowest of them; the other `.swap` files are complete, and the replacement only has to be finished. One that
 * is damaged replaces nothing while the segment of its name is still there.
 */
import { join } from 'node:path'
import {
  batchBaseOffset,
  batchCrcIsValid,
  batchHeaderSize,
  batchLastOffset,
  batchSize,
} from '../../../protocol-codecs/record-batch.ts'
import type { Disk } from '../../platform/disk.ts'
import type { Logger } from '../../platform/logger.ts'
import { cleanedSuffix, parseSegmentFileName, swapSuffix } from './log-files.ts'

/** Finishes or undoes it; gives whether there was anything to do. */
export function finishInterruptedSwap(
  disk: Disk,
  logger: Logger,
  directory: string,
  names: readonly string[],
): boolean {
  const cleaned = filesWith(cleanedSuffix, names)
  const swapped = filesWith(swapSuffix, names)
  if (cleaned.length === 0 && swapped.length === 0) return false

  const lowestCleaned = Math.min(...cleaned.map(file => file.baseOffset))
  const finished = swapped.filter(file => file.baseOffset < lowestCleaned)
  for (const file of [...cleaned, ...swapped]) {
    if (!finished.includes(file)) disk.remove(join(directory, file.name))
  }
  const damaged = new Set<number>()
  for (const { name, finalName, kind, baseOffset } of finished) {
    if (kind !== 'log' || !names.includes(finalName) || isSound(disk, join(directory, name), baseOffset))
      continue
    logger.error(
      { directory, file: name },
      'the replacement of a segment is damaged; keeping what it replaces',
    )
    damaged.add(baseOffset)
  }
  const complete = finished.filter(file => !damaged.has(file.baseOffset))
  for (const { baseOffset, name } of finished) {
    if (damaged.has(baseOffset)) disk.rename(join(directory, name), join(directory, `${name}.damaged`))
  }

  let firstOffset = Number.POSITIVE_INFINITY
  let endOffset = Number.NEGATIVE_INFINITY
  for (const { name, kind, baseOffset } of complete) {
    if (kind !== 'log') continue
    firstOffset = Math.min(firstOffset, baseOffset)
    endOffset = Math.max(endOffset, endOffsetOf(disk, join(directory, name), baseOffset))
    logger.info({ directory, file: name }, 'finishing the replacement of segments that a crash interrupted')
  }
  for (const name of names) {
    const file = parseSegmentFileName(name)
    if (file !== undefined && file.baseOffset >= firstOffset && file.baseOffset < endOffset) {
      disk.remove(join(directory, name))
    }
  }
  for (const { name, finalName } of complete) disk.rename(join(directory, name), join(directory, finalName))
  return true
}

function filesWith(suffix: string, names: readonly string[]) {
  return names.flatMap(name => {
    const finalName = name.slice(0, -suffix.length)
    const file = name.endsWith(suffix) ? parseSegmentFileName(finalName) : undefined
    return file === undefined ? [] : [{ name, finalName, ...file }]
  })
}

/** Whether a file is a run of batches that fit their checksums, in order of offsets. */
function isSound(disk: Disk, path: string, baseOffset: number): boolean {
  const bytes = disk.readFile(path) ?? Buffer.alloc(0)
  let nextOffset = baseOffset
  try {
    for (let at = 0; at < bytes.length; at += batchSize(bytes, at)) {
      if (!batchCrcIsValid(bytes, at) || batchBaseOffset(bytes, at) < nextOffset) return false
      nextOffset = batchLastOffset(bytes, at) + 1
    }
    return true
  } catch {
    return false
  }
}

/** Behind the last batch of a `.log` file under another name. */
function endOffsetOf(disk: Disk, path: string, baseOffset: number): number {
  const descriptor = disk.openForRead(path)
  try {
    const header = Buffer.alloc(batchHeaderSize)
    let endOffset = baseOffset
    for (let position = 0; ; ) {
      if (disk.read(descriptor, header, 0, batchHeaderSize, position) < batchHeaderSize) return endOffset
      const size = batchSize(header, 0)
      if (size < batchHeaderSize) return endOffset
      endOffset = batchLastOffset(header, 0) + 1
      position += size
    }
  } finally {
    disk.close(descriptor)
  }
}

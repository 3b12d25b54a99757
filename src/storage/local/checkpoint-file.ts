/**
 * Kafka's checkpoint files: a version line (0), a line with the number of entries, and a line of
 * fields separated by spaces for each. Replaced as a whole, so a crash leaves the old or the new one.
 */
import type { Disk } from '../../platform/disk.ts'

/** Entries of a checkpoint file, each a list of its fields; undefined when it is missing or unreadable. */
export function readCheckpoint(disk: Disk, path: string): string[][] | undefined {
  const content = disk.readFile(path)
  if (content === undefined) return undefined
  const lines = content.toString('utf8').split('\n')
  const count = Number(lines[1])
  if (lines[0] !== '0' || !Number.isInteger(count) || count < 0) return undefined
  const entries = lines.slice(2, 2 + count)
  if (entries.length !== count || lines.length < count + 3) return undefined
  return entries.map(line => line.split(' '))
}

export function writeCheckpoint(
  disk: Disk,
  path: string,
  entries: readonly (readonly (string | number)[])[],
  durable: boolean,
): void {
  const lines = ['0', String(entries.length), ...entries.map(entry => entry.join(' ')), '']
  disk.replaceFile(path, lines.join('\n'), durable)
}

/** A checkpoint of one offset for each partition: lines of topic, index, offset. */
export function readOffsetCheckpoint(disk: Disk, path: string): Map<string, number> {
  const offsets = new Map<string, number>()
  for (const [topic, index, offset] of readCheckpoint(disk, path) ?? []) {
    const value = Number(offset)
    if (Number.isSafeInteger(value) && value >= 0) offsets.set(`${topic}-${index}`, value)
  }
  return offsets
}

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
  // A line more or less means that the count or the lines are damaged.
  if (lines.length !== count + 3 || lines[count + 2] !== '') return undefined
  return lines.slice(2, 2 + count).map(line => line.split(' '))
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

/**
 * A checkpoint of one offset for each partition: lines of topic, index, offset. Undefined when it is missing or
 * unreadable; `damaged` is told of what cannot be read.
 */
export function readOffsetCheckpoint(
  disk: Disk,
  path: string,
  damaged: (problem: string) => void = () => {},
): Map<string, number> | undefined {
  const entries = readCheckpoint(disk, path)
  if (entries === undefined) {
    if (disk.readFile(path) !== undefined) damaged('it is no checkpoint')
    return undefined
  }
  const offsets = new Map<string, number>()
  for (const entry of entries) {
    const [topic, index, offset] = entry
    const value = Number(offset)
    const isEntry =
      entry.length === 3 && isWhole.test(index!) && isWhole.test(offset!) && Number.isSafeInteger(value)
    if (isEntry) offsets.set(`${topic}-${index}`, value)
    else damaged(`'${entry.join(' ')}' is no entry`)
  }
  return offsets
}

const isWhole = /^\d+$/

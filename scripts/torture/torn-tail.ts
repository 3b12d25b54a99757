/**
 * What a power failure may leave behind and a killed process cannot: a log whose end was being written (garbage,
 * zeros, half a batch) and indexes that lag behind it. Done to the active segments of a stopped broker's data
 * directory; everything before the log's end stays as it was, so nothing acknowledged may be missing afterwards.
 */
import {
  appendFileSync,
  closeSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
} from 'node:fs'
import { join } from 'node:path'
import type { SeededRandom } from '../seeded-random.ts'

/** Resolves with a line per damage done. */
export function tearTails(logDirectory: string, topic: string, random: SeededRandom): string[] {
  const done: string[] = []
  const partitions = readdirSync(logDirectory)
    .filter(name => name.replace(/-\d+$/, '') === topic)
    .sort()
  for (const partition of partitions) {
    const directory = join(logDirectory, partition)
    const log = readdirSync(directory)
      .filter(name => name.endsWith('.log'))
      .sort()
      .at(-1)
    if (log === undefined || random.chance(0.3)) continue
    const [what, bytes] = tail(join(directory, log), random)
    appendFileSync(join(directory, log), bytes)
    done.push(`${partition}/${log}: ${bytes.length} bytes of ${what}`)
    for (const extension of ['.index', '.timeindex']) {
      const index = join(directory, log.replace('.log', extension))
      const damage = damageIndex(index, random)
      if (damage !== undefined) done.push(`${partition}/${log.replace('.log', extension)}: ${damage}`)
    }
  }
  return done
}

function tail(log: string, random: SeededRandom): [what: string, bytes: Buffer] {
  const size = random.between(1, 5000)
  switch (random.between(0, 3)) {
    case 0:
      return ['garbage', Buffer.from(Array.from({ length: size }, () => random.between(0, 255)))]
    case 1:
      return ['zeros', Buffer.alloc(size)]
    case 2: {
      // The log's first bytes once more: a whole and valid batch, but with an offset that has long been given.
      const bytes = firstBytes(log, 65_536)
      const batchBytes = bytes.length < 12 ? 0 : 12 + bytes.readInt32BE(8)
      return ['an old batch', bytes.subarray(0, Math.min(bytes.length, batchBytes))]
    }
    default:
      return ['half an old batch', firstBytes(log, Math.min(size, 61))]
  }
}

function firstBytes(file: string, count: number): Buffer {
  const bytes = Buffer.alloc(count)
  const descriptor = openSync(file, 'r')
  const read = readSync(descriptor, bytes, 0, count, 0)
  closeSync(descriptor)
  return bytes.subarray(0, read)
}

function damageIndex(index: string, random: SeededRandom): string | undefined {
  const size = statSync(index, { throwIfNoEntry: false })?.size
  if (size === undefined) return undefined
  switch (random.between(0, 3)) {
    case 0:
      rmSync(index)
      return 'removed'
    case 1:
      truncateSync(index, random.between(0, size))
      return 'cut'
    case 2:
      appendFileSync(index, Buffer.alloc(random.between(1, 64)))
      return 'zeros appended'
    default:
      return undefined
  }
}

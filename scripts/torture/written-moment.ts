/**
 * The moment at which a crash has most to take away: records have been written to a log, and their producer has not
 * been answered. Random moments seldom hit it, as it lasts as long as one sync of the disk. Logs lie where Kafka
 * keeps them, whichever broker it is.
 */
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'

/**
 * Resolves in the turn that sees a log of this topic grow; whoever waits for it has to act in the same turn, before
 * the answer can have come.
 */
export async function untilRecordsAreWritten(
  logDirectory: string,
  topic: string,
  timeoutMs: number,
): Promise<void> {
  const deadline = performance.now() + timeoutMs
  const before = growingSegments(logDirectory, topic).map(path => ({ path, size: statSync(path).size }))
  while (performance.now() < deadline) {
    if (before.some(({ path, size }) => statSync(path).size > size)) return
    await turn()
  }
  throw new Error(`no log of ${topic} grew within ${timeoutMs / 1000} s`)
}

/** Of each partition the last segment; names of segments are their base offsets, padded to equal length. */
function growingSegments(logDirectory: string, topic: string): string[] {
  const partitions = readdirSync(logDirectory).filter(name => name.startsWith(`${topic}-`))
  return partitions.flatMap(partition => {
    const segments = readdirSync(join(logDirectory, partition)).filter(name => name.endsWith('.log'))
    const last = segments.sort().at(-1)
    return last === undefined ? [] : [join(logDirectory, partition, last)]
  })
}

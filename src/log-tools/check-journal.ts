/**
 * Holds the journal against the logs that it stands for. What it has and a log lacks is no damage: a crash left it
 * so, and the next start gives it to the log, as long as it begins where the log ends.
 */
import { join } from 'node:path'
import { recordsOf } from '../../protocol-codecs/read-records.ts'
import {
  batchBaseOffset,
  batchCrcIsValid,
  batchesIn,
  batchLastOffset,
} from '../../protocol-codecs/record-batch.ts'
import type { Disk } from '../platform/disk.ts'
import { LogFile } from './batch-walk.ts'
import { fileKindOf, filesIn, type PartitionDirectory } from './data-files.ts'
import type { Finding } from './findings.ts'

interface Missing {
  readonly name: string
  from: number
  to: number
  batchCount: number
}

/**
 * `nameOf` gives the name of a partition's directory; undefined: its topic was deleted. `ends` has the log end offsets,
 * by that name.
 */
export async function checkJournal(
  disk: Disk,
  journal: PartitionDirectory,
  nameOf: (topicId: string, index: number) => string | undefined,
  ends: ReadonlyMap<string, number>,
): Promise<Finding[]> {
  const findings: Finding[] = []
  const missing = new Map<string, Missing>()
  for (const path of filesIn(disk, journal.path)) {
    if (fileKindOf(path) !== 'log' || !path.endsWith('.log')) continue
    const file = new LogFile(disk, path)
    const accuse = (position: number, message: string) => {
      findings.push({ severity: 'damage', kind: 'journal', path, position, message })
    }
    try {
      for await (const stretch of file.walk()) {
        for (const walked of stretch) {
          if (walked.kind !== 'whole') continue
          for (const { key, value } of recordsOf(walked.buffer, walked.at)) {
            const [topicId, index] = String(key).split(':')
            const name = nameOf(topicId!, Number(index))
            if (name === undefined) continue
            const problem = noteBatches(value ?? Buffer.alloc(0), name, ends.get(name) ?? 0, missing)
            if (problem !== undefined) accuse(walked.position, `the entry here for ${name} ${problem}`)
          }
        }
      }
    } finally {
      file.close()
    }
  }
  for (const { batchCount, from, name, to } of missing.values()) {
    const message = `offsets ${from} to ${to - 1} of ${name} (${batchCount} batches) are only in the journal; the next start gives them to the log`
    findings.push({ severity: 'note', kind: 'journal', path: join(journal.path), message })
  }
  return findings
}

function noteBatches(
  batches: Buffer,
  name: string,
  logEndOffset: number,
  missing: Map<string, Missing>,
): string | undefined {
  for (const at of batchesIn(batches)) {
    if (!batchCrcIsValid(batches, at)) return 'has a batch that does not fit its checksum'
    const baseOffset = batchBaseOffset(batches, at)
    const nextOffset = batchLastOffset(batches, at) + 1
    const known = missing.get(name)
    const end = known?.to ?? logEndOffset
    if (nextOffset <= end) continue
    if (baseOffset > end) {
      return `begins at offset ${baseOffset}, and the log ends at ${end}: what lies between is lost`
    }
    if (known === undefined) missing.set(name, { name, from: baseOffset, to: nextOffset, batchCount: 1 })
    else {
      known.to = nextOffset
      known.batchCount++
    }
  }
  return undefined
}

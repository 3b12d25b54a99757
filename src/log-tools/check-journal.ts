/**
 * Holds the journal against the logs that it stands for. What it has and a log lacks is no damage: a crash left it
 * so, and the next start gives it to the log, as long as it begins where the log ends.
 */
import {
  batchBaseOffset,
  batchCrcIsValid,
  batchesIn,
  batchLastOffset,
} from '../../protocol-codecs/record-batch.ts'
import type { Disk } from '../platform/disk.ts'
import { readJournal } from '../storage/local/journal-reading.ts'
import type { PartitionDirectory } from './data-files.ts'
import type { Finding } from './findings.ts'

interface Missing {
  readonly name: string
  from: number
  to: number
  batchCount: number
}

/**
 * All that can be wrong with a journal: its indexes are nobody's, and its offsets say nothing but the order. `nameOf` gives
 * the name of a partition's directory; undefined: its topic was deleted, or not known here. `ends` has the log end offsets,
 * by that name; empty where the logs are not looked at.
 */
export async function checkJournal(
  disk: Disk,
  journal: PartitionDirectory,
  nameOf: (topicId: string, index: number) => string | undefined,
  ends: ReadonlyMap<string, number>,
): Promise<Finding[]> {
  const findings: Finding[] = []
  const missing = new Map<string, Missing>()
  for await (const place of readJournal(disk, journal.path)) {
    const { path, position } = place
    if (place.kind === 'damage') {
      const message = `the entry here ${place.problem}, and sound entries follow: acknowledged records that only this entry had are lost; the next start goes on behind it`
      findings.push({ severity: 'damage', kind: 'journal', path, position, message })
    } else if (place.kind === 'torn tail') {
      const message = `the entry here ${place.problem}: a write that was interrupted; the next start cuts it off`
      findings.push({ severity: 'note', kind: 'journal', path, position, message })
    } else {
      for (const { batches, key } of place.tails) {
        const [topicId, index] = key.split(':')
        const name = nameOf(topicId!, Number(index))
        if (name === undefined) continue
        const problem = noteBatches(batches, name, ends.get(name) ?? 0, missing)
        if (problem === undefined) continue
        const message = `the entry here for ${name} ${problem}`
        findings.push({ severity: 'damage', kind: 'journal', path, position, message })
      }
    }
  }
  for (const { batchCount, from, name, to } of missing.values()) {
    const message = `offsets ${from} to ${to - 1} of ${name} (${batchCount} batches) are only in the journal; the next start gives them to the log`
    findings.push({ severity: 'note', kind: 'journal', path: journal.path, message })
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

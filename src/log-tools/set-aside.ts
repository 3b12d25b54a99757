/**
 * What repair keeps of what it changes, in the folder `set-aside` of a partition's directory, where neither we nor
 * Apache Kafka look for data: files and parts of files as they were, and `repairs.jsonl`, a line for each thing done,
 * from which verify knows which offsets are missing on purpose.
 */
import { join } from 'node:path'
import type { Disk } from '../platform/disk.ts'
import { setAsideFolderName } from './data-files.ts'

export const repairsFileName = 'repairs.jsonl'

/** One line of `repairs.jsonl`. */
export interface RepairNote {
  readonly time: string
  readonly file: string
  readonly done: string
  readonly position?: number
  readonly size?: number
  /** Offsets that are lost with it: the first, and the one behind the last. */
  readonly lostFrom?: number
  readonly lostTo?: number
  /** Header bytes as they were, in base16. */
  readonly before?: string
}

export function repairedGaps(disk: Disk, directory: string): (readonly [number, number])[] {
  const text = disk.readFile(join(directory, setAsideFolderName, repairsFileName))?.toString('utf8') ?? ''
  return text.split('\n').flatMap(line => {
    const { lostFrom, lostTo } = parseNote(line) ?? {}
    return lostFrom === undefined || lostTo === undefined ? [] : [[lostFrom, lostTo] as const]
  })
}

function parseNote(line: string): RepairNote | undefined {
  try {
    return JSON.parse(line) as RepairNote
  } catch {
    return undefined
  }
}

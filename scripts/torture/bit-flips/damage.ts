/**
 * The damages that are tried: each byte of each file with one bit flipped, each file cut at each length, each block
 * of it zeroed as by a disk that has lost a sector, and each file removed.
 */
import { basename } from 'node:path'
import type { DirectoryContent } from '../../../src/testing/memory-disk.ts'
import type { SeededRandom } from '../../seeded-random.ts'

const zeroedSize = 512

export interface Damage {
  /** Path below the data directory. */
  readonly file: string
  readonly kind: 'flip' | 'cut' | 'zeroes' | 'removal'
  /** The byte that is flipped, the length that is left, or the first byte of the block. */
  readonly at: number
  /** Of a flip. */
  readonly bit: number
}

/** With less than one bit per byte, that share of all. */
export function damagesOf(
  { files }: DirectoryContent,
  random: SeededRandom,
  bitsPerByte: number,
): readonly Damage[] {
  const damages: Damage[] = []
  for (const [file, { length }] of [...files].sort(([one], [other]) => (one < other ? -1 : 1))) {
    for (let at = 0; at < length; at++) {
      const first = random.between(0, 7)
      for (let n = 0; n < bitsPerByte; n++) damages.push({ file, kind: 'flip', at, bit: (first + n) % 8 })
    }
    for (let at = 0; at < length; at++) damages.push({ file, kind: 'cut', at, bit: -1 })
    for (let at = 0; at < length; at += zeroedSize) damages.push({ file, kind: 'zeroes', at, bit: -1 })
    damages.push({ file, kind: 'removal', at: 0, bit: -1 })
  }
  return bitsPerByte >= 1 ? damages : damages.filter(() => random.chance(bitsPerByte))
}

/** What is left of a directory. */
export function inflict(content: DirectoryContent, { at, bit, file, kind }: Damage): DirectoryContent {
  const files = new Map(content.files)
  const bytes = files.get(file)!
  if (kind === 'removal') files.delete(file)
  else if (kind === 'cut') files.set(file, bytes.subarray(0, at))
  else {
    const damaged = Buffer.from(bytes)
    if (kind === 'flip') damaged[at]! ^= 1 << bit
    else damaged.fill(0, at, Math.min(at + zeroedSize, bytes.length))
    files.set(file, damaged)
  }
  return { ...content, files }
}

/** In the table's words. */
export function kindOfFile(file: string): string {
  const [folder = ''] = file.split('/')
  const name = basename(file)
  const leftover = /\.(swap|cleaned|deleted|tmp)$/.exec(name)?.[0]
  if (leftover !== undefined) return leftover
  const segment = /^\d{20}\.(\w+)$/.exec(name)?.[1]
  if (segment === undefined) return name
  if (segment !== 'log') return `.${segment}`
  if (folder.startsWith('__')) return `.log of ${folder.replace(/-\d+$/, '')}`
  return '.log of topics'
}

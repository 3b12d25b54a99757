/** The damages that are tried: each byte of each file with one bit flipped, each file cut at each length, and removed. */
import { readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { SeededRandom } from '../../seeded-random.ts'

export interface Damage {
  /** Path below the data directory. */
  readonly file: string
  readonly kind: 'flip' | 'cut' | 'removal'
  /** The byte that is flipped, or the length that is left. */
  readonly at: number
  /** Of a flip. */
  readonly bit: number
}

/** With less than one bit per byte, that share of all. */
export function damagesOf(directory: string, random: SeededRandom, bitsPerByte: number): Damage[] {
  const damages = allDamages(directory, random, Math.ceil(bitsPerByte))
  return bitsPerByte >= 1 ? damages : damages.filter(() => random.chance(bitsPerByte))
}

function allDamages(directory: string, random: SeededRandom, bitsPerByte: number): Damage[] {
  const damages: Damage[] = []
  for (const file of filesOf(directory)) {
    const { size } = statSync(join(directory, file))
    for (let at = 0; at < size; at++) {
      const first = random.between(0, 7)
      for (let n = 0; n < bitsPerByte; n++) damages.push({ file, kind: 'flip', at, bit: (first + n) % 8 })
    }
    for (let at = 0; at < size; at++) damages.push({ file, kind: 'cut', at, bit: -1 })
    damages.push({ file, kind: 'removal', at: 0, bit: -1 })
  }
  return damages
}

function filesOf(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter(name => statSync(join(directory, name)).isFile())
    .sort()
}

export function inflict(directory: string, { at, bit, file, kind }: Damage): void {
  const path = join(directory, file)
  if (kind === 'removal') rmSync(path)
  else if (kind === 'cut') truncateSync(path, at)
  else {
    const bytes = readFileSync(path)
    bytes[at]! ^= 1 << bit
    writeFileSync(path, bytes)
  }
}

/** In the table's words. */
export function kindOfFile(file: string): string {
  const [folder = ''] = file.split('/')
  const name = basename(file)
  const segment = /^\d{20}\.(\w+)$/.exec(name)?.[1]
  if (segment === undefined) return name
  if (segment !== 'log') return `.${segment}`
  if (folder.startsWith('__')) return `.log of ${folder.replace(/-\d+$/, '')}`
  return '.log of topics'
}

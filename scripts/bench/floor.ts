/**
 * What the machine itself charges at this moment for the one thing that no broker can avoid: appending 16 KB
 * blocks to a file. On virtual machines fresh memory can be dear for a while, and then every broker's figures
 * rise with it; printed beside the results, this tells a slow broker from a slow machine.
 */
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const blockBytes = 16_384
const totalBytes = 200_000_000

/** CPU seconds per 10^9 bytes of a plain write loop. */
export function appendFloor(): number {
  const directory = mkdtempSync(join(tmpdir(), 'append-floor-'))
  const block = Buffer.alloc(blockBytes, 'x')
  const file = openSync(join(directory, 'blocks'), 'w')
  const before = process.cpuUsage()
  for (let written = 0; written < totalBytes; written += blockBytes) writeSync(file, block)
  const { user, system } = process.cpuUsage(before)
  closeSync(file)
  rmSync(directory, { recursive: true })
  return (user + system) / 1e6 / (totalBytes / 1e9)
}

/**
 * The state of the page cache that a cell begins in. A broker that has run for a while writes into pages that held
 * older data; one that was just started, on a machine with free memory, gets fresh ones, which a virtual machine
 * may first have to be given by its host, and that is dearer than all that the broker does. `fill` writes a file until
 * hardly any memory is free, as it is on a machine that has been writing for a while; its pages are clean, so they are
 * what the next writer gets.
 */
import {
  closeSync,
  fdatasyncSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'

/** Fills up to here, like the kernel itself, which keeps some memory free. */
const freeBytes = 1e9
const blockBytes = 8 * 1024 * 1024
/** So much is written between two looks at what is free. */
const blocksPerLook = 16

export class PageCache {
  private readonly directory = mkdtempSync(join(tmpdir(), 'page-cache-'))
  private readonly file = openSync(join(this.directory, 'filling'), 'w')
  private position = 0

  /** Writes until memory is nearly full; a machine that does not say how much is free stays as it is. */
  fill(): void {
    const block = Buffer.alloc(blockBytes, 'x')
    while (freeMemoryBytes() > freeBytes) {
      for (let i = 0; i < blocksPerLook; i++) {
        writeSync(this.file, block, 0, blockBytes, this.position)
        // What was written first is not in memory any more when this comes round.
        this.position = (this.position + blockBytes) % totalmem()
      }
    }
    fdatasyncSync(this.file)
  }

  /** Gives the pages and the disk back. */
  empty(): void {
    ftruncateSync(this.file)
    closeSync(this.file)
    rmSync(this.directory, { recursive: true })
  }
}

/** What nobody uses, not even for the page cache. */
function freeMemoryBytes(): number {
  try {
    const match = /^MemFree:\s+(\d+) kB/m.exec(readFileSync('/proc/meminfo', 'latin1'))
    return Number(match?.[1] ?? 0) * 1024
  } catch {
    return 0
  }
}

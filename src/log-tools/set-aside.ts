/**
 * What repair keeps of what it changes, in the folder `set-aside` of a partition's directory, where neither we nor
 * Apache Kafka look for data: files and parts of files as they were, and `repairs.jsonl`, a line for each thing done,
 * from which verify knows which offsets are missing on purpose. All of it is on disk before anything is changed.
 */
import { basename, dirname, join } from 'node:path'
import type { Disk } from '../platform/disk.ts'
import { setAsideFolderName } from './data-files.ts'

const repairsFileName = 'repairs.jsonl'
const copySize = 1024 * 1024

/** One line of `repairs.jsonl`. */
interface RepairNote {
  readonly file: string
  readonly done: string
  readonly position?: number
  readonly size?: number
  /** Offsets that are lost with it: the first, and the one behind the last. */
  readonly lostFrom?: number
  readonly lostTo?: number
  /** Header bytes as they were, in base16. */
  readonly before?: string
  /** Name of what was kept. */
  readonly kept?: string
}

export class SetAside {
  private readonly disk: Disk
  private readonly folder: string

  constructor(disk: Disk, directory: string) {
    this.disk = disk
    this.folder = join(directory, setAsideFolderName)
  }

  /** Keeps a part of a file. */
  async copy(
    path: string,
    position: number,
    size: number,
    about: Pick<RepairNote, 'done' | 'lostFrom' | 'lostTo'>,
  ): Promise<void> {
    await this.prepare()
    const kept = this.freeName(`${basename(path)}.${position}-${position + size}`)
    copyBytes(this.disk, path, position, size, join(this.folder, kept))
    await this.note({ file: basename(path), ...about, position, size, kept })
  }

  /** Keeps a whole file, which is gone from its place then. */
  async move(path: string, done: string): Promise<void> {
    await this.prepare()
    const kept = this.freeName(basename(path))
    await this.note({ file: basename(path), done, kept })
    this.disk.rename(path, join(this.folder, kept))
    await this.disk.syncDirectory(this.folder)
    await this.disk.syncDirectory(dirname(path))
  }

  async note(note: RepairNote): Promise<void> {
    await this.prepare()
    const line = `${JSON.stringify({ time: new Date().toISOString(), ...note })}\n`
    const descriptor = this.disk.openForWrite(join(this.folder, repairsFileName), true)
    try {
      this.disk.write(descriptor, Buffer.from(line), this.disk.size(descriptor))
      this.disk.syncNow(descriptor)
    } finally {
      this.disk.close(descriptor)
    }
    await this.disk.syncDirectory(this.folder)
  }

  private async prepare(): Promise<void> {
    if (this.disk.isDirectory(this.folder)) return
    this.disk.makeDirectory(this.folder)
    await this.disk.syncDirectory(dirname(this.folder))
  }

  /** An earlier repair may have kept something of the same name. */
  private freeName(name: string): string {
    const taken = new Set(this.disk.list(this.folder))
    if (!taken.has(name)) return name
    for (let number = 2; ; number++) if (!taken.has(`${name}.${number}`)) return `${name}.${number}`
  }
}

/** Copies a stretch of a file into a new one, synced. */
export function copyBytes(disk: Disk, from: string, position: number, size: number, to: string): void {
  const source = disk.openForRead(from)
  try {
    disk.remove(to)
    const target = disk.openForWrite(to, true)
    try {
      const buffer = Buffer.allocUnsafe(Math.min(copySize, size))
      for (let copied = 0; copied < size; ) {
        const count = disk.read(source, buffer, 0, Math.min(buffer.length, size - copied), position + copied)
        if (count === 0) throw new Error(`${from} has become shorter`)
        disk.write(target, buffer.subarray(0, count), copied)
        copied += count
      }
      disk.syncNow(target)
    } finally {
      disk.close(target)
    }
  } finally {
    disk.close(source)
  }
}

/** Offsets that repair has taken out: first, and behind the last. */
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

/**
 * The two index files of a segment, and how much of the indexes in memory they hold: entries are added behind those that
 * are there; where a file may hold anything else, or be missing, it is cut off behind them.
 */
import type { Disk } from '../../platform/disk.ts'
import { type OffsetIndex, offsetEntrySize, type TimeIndex, timeEntrySize } from './sparse-index.ts'
import { syncFile } from './sync-file.ts'

export class IndexFiles {
  private readonly disk: Disk
  private readonly paths: { readonly offsets: string; readonly times: string }
  private offsetCount = 0
  private timeCount = 0
  /** The files may be missing, or hold more than the entries that are counted. */
  private differ: boolean
  /** Since they were synced. */
  wereWritten = false

  constructor(disk: Disk, offsets: string, times: string, areNew: boolean) {
    this.disk = disk
    this.paths = { offsets, times }
    this.differ = areNew
  }

  get mayDiffer(): boolean {
    return this.differ
  }

  read(): { offsets: Buffer | undefined; times: Buffer | undefined } {
    const { disk, paths } = this
    return { offsets: disk.readFile(paths.offsets), times: disk.readFile(paths.times) }
  }

  /** Says how many entries the files begin with, and whether they may hold more. */
  hold(offsetCount: number, timeCount: number, differ: boolean): void {
    this.offsetCount = offsetCount
    this.timeCount = timeCount
    this.differ = differ
  }

  /** Removes the files, because they name what was cut off; they are written anew. */
  remove(): void {
    this.disk.remove(this.paths.offsets)
    this.disk.remove(this.paths.times)
    this.hold(0, 0, true)
    this.wereWritten = false
  }

  /** Adds the entries that are not there yet. */
  write(offsets: OffsetIndex, times: TimeIndex): void {
    if (offsets.count > this.offsetCount || this.differ) {
      this.add(this.paths.offsets, offsets.bytes(this.offsetCount), this.offsetCount * offsetEntrySize)
      this.offsetCount = offsets.count
    }
    if (times.count > this.timeCount || this.differ) {
      this.add(this.paths.times, times.bytes(this.timeCount), this.timeCount * timeEntrySize)
      this.timeCount = times.count
    }
    this.differ = false
  }

  private add(path: string, bytes: Buffer, position: number): void {
    const { disk } = this
    this.wereWritten = true
    const descriptor = disk.openForWrite(path, true)
    try {
      if (bytes.length > 0) disk.write(descriptor, bytes, position)
      if (this.differ) disk.truncate(descriptor, position + bytes.length)
    } finally {
      disk.close(descriptor)
    }
  }

  /** Syncs them, unless they have lost their names meanwhile. */
  async sync(areGone: () => boolean): Promise<void> {
    const { disk, paths } = this
    this.wereWritten = false
    try {
      for (const path of [paths.offsets, paths.times]) {
        if (areGone()) return
        await syncFile(disk, path)
      }
    } catch (error) {
      this.wereWritten = true
      throw error
    }
  }
}

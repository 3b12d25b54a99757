/**
 * What the kernel does when it cannot write to the disk: the sync fails once, the pages are taken for clean, readers
 * go on to see them, a second sync reports success, and when the machine goes down their bytes were never there.
 *
 * A disk that keeps account of it: which bytes of which file were written since the last sync, and which of them a
 * failed sync has dropped. Those are in a file of its own, so that they are known over the end of the process: bytes
 * that are written again are in the next sync, and `loseDropped` is the power loss that takes the others away.
 */
import {
  closeSync,
  existsSync,
  fstatSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import type { Disk } from '../../../src/platform/disk.ts'

/** From the first byte to the one behind the last. */
type Range = readonly [from: number, to: number]
type RangesByPath = Map<string, Range[]>

export function droppingDisk(disk: Disk, accountPath: string): Disk {
  const paths = new Map<number, string>()
  const unsynced: RangesByPath = new Map()
  const dropped = readAccount(accountPath)

  function without(ranges: RangesByPath, path: string, range: Range): boolean {
    const before = ranges.get(path)
    if (before === undefined) return false
    const after = before.flatMap(each => subtract(each, range))
    if (after.length > 0) ranges.set(path, after)
    else ranges.delete(path)
    return true
  }

  const save = (): void => writeFileSync(accountPath, JSON.stringify([...dropped]))

  function written(path: string, from: number, to: number): void {
    if (without(dropped, path, [from, to])) save()
    const ranges = unsynced.get(path) ?? []
    const last = ranges.at(-1)
    if (last !== undefined && last[1] === from) ranges[ranges.length - 1] = [last[0], to]
    else ranges.push([from, to])
    unsynced.set(path, ranges)
  }

  function gone(path: string, from = 0): void {
    without(unsynced, path, [from, Number.POSITIVE_INFINITY])
    if (without(dropped, path, [from, Number.POSITIVE_INFINITY])) save()
  }

  /** What was written before a sync began is on disk when it has ended, or will never be. */
  function syncBegins(path: string): { ended(error?: unknown): void } {
    const covered = [...(unsynced.get(path) ?? [])]
    return {
      ended(error) {
        for (const range of covered) without(unsynced, path, range)
        if (error === undefined || covered.length === 0) return
        dropped.set(path, [...(dropped.get(path) ?? []), ...covered])
        save()
      },
    }
  }

  const opened = (descriptor: number, path: string): number => {
    paths.set(descriptor, path)
    return descriptor
  }
  return {
    ...disk,
    openForRead: path => opened(disk.openForRead(path), path),
    openForWrite: (path, create) => opened(disk.openForWrite(path, create), path),
    write(descriptor, bytes, position) {
      disk.write(descriptor, bytes, position)
      written(paths.get(descriptor)!, position, position + bytes.length)
    },
    truncate(descriptor, size) {
      disk.truncate(descriptor, size)
      gone(paths.get(descriptor)!, size)
    },
    async sync(descriptor) {
      const sync = syncBegins(paths.get(descriptor)!)
      await disk.sync(descriptor).then(
        () => sync.ended(),
        error => {
          sync.ended(error)
          throw error
        },
      )
    },
    rename(from, to) {
      disk.rename(from, to)
      gone(from)
    },
    remove(path) {
      disk.remove(path)
      gone(path)
    },
    async removeLater(path) {
      await disk.removeLater(path)
      for (const each of [...dropped.keys()]) if (each.startsWith(path)) gone(each)
    },
  }
}

/** The power loss: what was dropped and never written again is not there any more. Gives how many bytes that were. */
export function loseDropped(accountPath: string): number {
  let lost = 0
  for (const [path, ranges] of readAccount(accountPath)) {
    if (!existsSync(path)) continue
    const descriptor = openSync(path, 'r+')
    const { size } = fstatSync(descriptor)
    for (const [from, to] of ranges) {
      const end = Math.min(to, size)
      if (end <= from) continue
      writeSync(descriptor, Buffer.alloc(end - from), 0, end - from, from)
      lost += end - from
    }
    closeSync(descriptor)
  }
  rmSync(accountPath, { force: true })
  return lost
}

function readAccount(path: string): RangesByPath {
  return new Map(existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as [string, Range[]][]) : [])
}

function subtract([from, to]: Range, [without, end]: Range): Range[] {
  if (end <= from || without >= to) return [[from, to]]
  const left: Range[] = without > from ? [[from, without]] : []
  return end < to ? [...left, [end, to]] : left
}

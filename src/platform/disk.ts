/**
 * The file system as the storage engine sees it: few operations, each either synchronous (the event
 * loop appends and reads what is recent, design: a thread-pool hop costs more than the write) or
 * asynchronous (syncs and cold reads). A simulation puts its own in place, so nothing in storage/
 * calls node:fs itself. Files are named by descriptors; errors are Node's, with their `code`.
 */
import * as fs from 'node:fs'
import { dirname } from 'node:path'

export interface Disk {
  /** Opens for reading only. */
  openForRead(path: string): number
  /** Opens for reading and writing; creates the file when `create` is set and it is missing. */
  openForWrite(path: string, create: boolean): number
  close(descriptor: number): void
  size(descriptor: number): number
  sizeOf(path: string): number
  modifiedTimeMs(path: string): number
  /** Writes all of `bytes` at `position`; after an error any part of them may have been written. */
  write(descriptor: number, bytes: Buffer, position: number): void
  truncate(descriptor: number, size: number): void
  /** Reads up to `length` bytes at `position` into `target` at `offset`; gives the number read, less only at the end. */
  read(descriptor: number, target: Buffer, offset: number, length: number, position: number): number
  readLater(
    descriptor: number,
    target: Buffer,
    offset: number,
    length: number,
    position: number,
  ): Promise<number>
  /** Makes the file's bytes and size survive a power loss. */
  sync(descriptor: number): Promise<void>
  syncNow(descriptor: number): void
  /** Makes the names in a directory survive a power loss. */
  syncDirectory(path: string): Promise<void>
  makeDirectory(path: string): void
  /** Names in a directory; an empty list when it does not exist. */
  list(path: string): string[]
  isDirectory(path: string): boolean
  /** The whole file; undefined when it does not exist. */
  readFile(path: string): Buffer | undefined
  /** Puts a whole file in place so that a crash leaves the old one or the new one; synced when `durable`. */
  replaceFile(path: string, content: Buffer | string, durable: boolean): void
  rename(from: string, to: string): void
  /** Removes a file; nothing happens when it does not exist. */
  remove(path: string): void
  /** Removes a file, or a directory with all that is in it, in the thread pool: a large one takes its time. */
  removeLater(path: string): Promise<void>
}

/** Windows does not open directories, and its file systems journal names by themselves. */
const directoriesCanBeSynced = process.platform !== 'win32'

export function systemDisk(): Disk {
  return {
    openForRead: path => fs.openSync(path, 'r'),
    openForWrite: (path, create) =>
      fs.openSync(path, fs.constants.O_RDWR | (create ? fs.constants.O_CREAT : 0), 0o644),
    close: descriptor => fs.closeSync(descriptor),
    size: descriptor => fs.fstatSync(descriptor).size,
    sizeOf: path => fs.statSync(path).size,
    modifiedTimeMs: path => fs.statSync(path).mtimeMs,
    write(descriptor, bytes, position) {
      let written = 0
      while (written < bytes.length) {
        const count = fs.writeSync(descriptor, bytes, written, bytes.length - written, position + written)
        if (count === 0) throw Object.assign(new Error('the disk takes no more bytes'), { code: 'ENOSPC' })
        written += count
      }
    },
    truncate: (descriptor, size) => fs.ftruncateSync(descriptor, size),
    read(descriptor, target, offset, length, position) {
      let total = 0
      while (total < length) {
        const count = fs.readSync(descriptor, target, offset + total, length - total, position + total)
        if (count === 0) break
        total += count
      }
      return total
    },
    async readLater(descriptor, target, offset, length, position) {
      let total = 0
      while (total < length) {
        const count = await new Promise<number>((resolve, reject) => {
          fs.read(descriptor, target, offset + total, length - total, position + total, (error, read) =>
            error === null ? resolve(read) : reject(error),
          )
        })
        if (count === 0) break
        total += count
      }
      return total
    },
    sync: descriptor =>
      new Promise((resolve, reject) => {
        fs.fdatasync(descriptor, error => (error === null ? resolve() : reject(error)))
      }),
    syncNow: descriptor => fs.fdatasyncSync(descriptor),
    async syncDirectory(path) {
      if (!directoriesCanBeSynced) return
      const directory = await fs.promises.open(path, 'r')
      try {
        await directory.sync()
      } finally {
        await directory.close()
      }
    },
    makeDirectory: path => {
      fs.mkdirSync(path, { recursive: true })
    },
    list(path) {
      try {
        return fs.readdirSync(path)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
        throw error
      }
    },
    isDirectory: path => fs.statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false,
    readFile(path) {
      // A missing file is no exception here: making one costs more than looking first.
      return fs.existsSync(path) ? readWhole(path) : undefined
    },
    replaceFile(path, content, durable) {
      const temporary = `${path}.tmp`
      const descriptor = fs.openSync(temporary, 'w', 0o644)
      try {
        fs.writeFileSync(descriptor, content)
        if (durable) fs.fsyncSync(descriptor)
      } finally {
        fs.closeSync(descriptor)
      }
      fs.renameSync(temporary, path)
      if (!durable || !directoriesCanBeSynced) return
      const directory = fs.openSync(dirname(path), 'r')
      try {
        fs.fsyncSync(directory)
      } finally {
        fs.closeSync(directory)
      }
    },
    rename: (from, to) => fs.renameSync(from, to),
    remove: path => fs.rmSync(path, { force: true }),
    removeLater: path => fs.promises.rm(path, { recursive: true, force: true }),
  }
}

/** Most files that are read as a whole are tiny, and a start reads thousands of them. */
const tinySize = 4096
const tinyBuffer = Buffer.allocUnsafeSlow(tinySize)

function readWhole(path: string): Buffer {
  const descriptor = fs.openSync(path, 'r')
  try {
    const size = fs.readSync(descriptor, tinyBuffer, 0, tinySize, 0)
    return size < tinySize ? Buffer.from(tinyBuffer.subarray(0, size)) : fs.readFileSync(descriptor)
  } finally {
    fs.closeSync(descriptor)
  }
}

/** A disk that syncs nothing: for files that nobody wants back after a power loss. */
export function unsyncedDisk(disk: Disk): Disk {
  return {
    ...disk,
    sync: async () => {},
    syncNow: () => {},
    syncDirectory: async () => {},
    replaceFile: (path, content) => disk.replaceFile(path, content, false),
  }
}

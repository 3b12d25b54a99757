/**
 * A disk that is a few maps in memory: a directory is read once and then started on thousands of times, each time as it
 * was. Bytes are shared with what it began as until they are written to. Nothing fails here, and syncs do nothing.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Disk } from '../platform/disk.ts'

/** Everything below a directory, by path below it. */
export interface DirectoryContent {
  readonly files: ReadonlyMap<string, Buffer>
  readonly directories: readonly string[]
}

export function readDirectory(path: string): DirectoryContent {
  const files = new Map<string, Buffer>()
  const directories: string[] = []
  for (const entry of readdirSync(path, { recursive: true, withFileTypes: true })) {
    const whole = join(entry.parentPath, entry.name)
    const below = whole.slice(path.length + 1)
    if (entry.isDirectory()) directories.push(below)
    else files.set(below, readFileSync(whole))
  }
  return { files, directories }
}

interface MemoryFile {
  bytes: Buffer
  size: number
  isShared: boolean
}

/** `content` lies in the directory `root`, which need not exist. */
export function memoryDisk(root: string, content: DirectoryContent): Disk {
  const files = new Map<string, MemoryFile>()
  const directories = new Map<string, Set<string>>([[root, new Set()]])
  const descriptors: (MemoryFile | undefined)[] = []
  const nowMs = Date.now()

  const missing = (path: string) => Object.assign(new Error(`ENOENT: ${path}`), { code: 'ENOENT' })
  const add = (path: string, file: MemoryFile): void => {
    const names = directories.get(dirname(path))
    if (names === undefined) throw missing(path)
    names.add(basename(path))
    files.set(path, file)
  }
  const makeDirectory = (path: string): void => {
    if (directories.has(path)) return
    const parent = dirname(path)
    if (path.length > root.length) makeDirectory(parent)
    directories.get(parent)?.add(basename(path))
    directories.set(path, new Set())
  }
  const find = (path: string): MemoryFile => {
    const file = files.get(path)
    if (file === undefined) throw missing(path)
    return file
  }
  const open = (file: MemoryFile): number => descriptors.push(file) - 1
  const openFile = (descriptor: number): MemoryFile => {
    const file = descriptors[descriptor]
    if (file === undefined) throw Object.assign(new Error('EBADF'), { code: 'EBADF' })
    return file
  }
  const resize = (file: MemoryFile, size: number): void => {
    if (file.isShared || size > file.bytes.length) {
      const bytes = Buffer.alloc(Math.max(size, 2 * file.size))
      file.bytes.copy(bytes, 0, 0, Math.min(file.size, size))
      file.bytes = bytes
      file.isShared = false
    } else if (size > file.size) file.bytes.fill(0, file.size, size)
    file.size = size
  }
  const read = (
    file: MemoryFile,
    target: Buffer,
    offset: number,
    length: number,
    position: number,
  ): number =>
    position >= file.size
      ? 0
      : file.bytes.copy(target, offset, position, Math.min(file.size, position + length))
  const remove = (path: string): void => {
    files.delete(path)
    directories.get(dirname(path))?.delete(basename(path))
    for (const name of directories.get(path) ?? []) remove(join(path, name))
    directories.delete(path)
  }
  const rename = (from: string, to: string): void => {
    const names = directories.get(from)
    if (names === undefined) {
      const file = find(from)
      remove(from)
      add(to, file)
      return
    }
    makeDirectory(to)
    for (const name of [...names]) rename(join(from, name), join(to, name))
    remove(from)
  }

  for (const path of content.directories) makeDirectory(join(root, path))
  for (const [path, bytes] of content.files)
    add(join(root, path), { bytes, size: bytes.length, isShared: true })

  return {
    openForRead: path => open(find(path)),
    openForWrite(path, create) {
      if (create && !files.has(path)) add(path, { bytes: Buffer.alloc(0), size: 0, isShared: false })
      return open(find(path))
    },
    close(descriptor) {
      openFile(descriptor)
      descriptors[descriptor] = undefined
    },
    size: descriptor => openFile(descriptor).size,
    sizeOf: path => find(path).size,
    modifiedTimeMs(path) {
      find(path)
      return nowMs
    },
    write(descriptor, bytes, position) {
      const file = openFile(descriptor)
      resize(file, Math.max(file.size, position + bytes.length))
      bytes.copy(file.bytes, position)
    },
    truncate: (descriptor, size) => resize(openFile(descriptor), size),
    read: (descriptor, target, offset, length, position) =>
      read(openFile(descriptor), target, offset, length, position),
    readLater: async (descriptor, target, offset, length, position) =>
      read(openFile(descriptor), target, offset, length, position),
    sync: async () => {},
    syncNow: () => {},
    syncDirectory: async () => {},
    makeDirectory,
    list: path => [...(directories.get(path) ?? [])],
    isDirectory: path => directories.has(path),
    readFile(path) {
      const file = files.get(path)
      return file === undefined ? undefined : Buffer.from(file.bytes.subarray(0, file.size))
    },
    replaceFile(path, replacement) {
      remove(`${path}.tmp`)
      const bytes = Buffer.from(replacement)
      add(path, { bytes, size: bytes.length, isShared: false })
    },
    rename,
    remove,
    removeLater: async path => remove(path),
  }
}

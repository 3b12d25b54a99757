/**
 * A disk that remembers what a power loss would leave: names as of the last sync of their directory,
 * contents as of the last sync of their file. What was written since may be there or not, whole or torn,
 * and a random number decides. The files themselves live on a real disk.
 */
import * as fs from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { type Disk, systemDisk } from '../platform/disk.ts'

/** A file or directory, whatever its name. */
interface Node {
  readonly isDirectory: boolean
  /** A file's bytes that are on disk. */
  content: Buffer
  /** A directory's names: as they are, and as they are on disk. */
  names: Map<string, Node>
  syncedNames: Map<string, Node>
}

export interface PowerLossDisk extends Disk {
  /** Writes what a power loss at this moment may leave into an empty folder. */
  loseInto(target: string, random: (below: number) => number): void
}

const newNode = (isDirectory: boolean): Node => ({
  isDirectory,
  content: Buffer.alloc(0),
  names: new Map(),
  syncedNames: new Map(),
})

/** `root` exists, is empty, and its own name is safe. */
export function powerLossDisk(root: string): PowerLossDisk {
  const inner = systemDisk()
  const rootNode = newNode(true)
  const open = new Map<number, Node>()

  function find(path: string): Node | undefined {
    if (path === root) return rootNode
    return path.startsWith(root) ? find(dirname(path))?.names.get(basename(path)) : undefined
  }
  const parent = (path: string): Node => find(dirname(path))!

  function create(path: string, isDirectory: boolean): Node {
    const node = newNode(isDirectory)
    parent(path).names.set(basename(path), node)
    return node
  }

  function opened(descriptor: number, path: string): number {
    const node = find(path) ?? create(path, false)
    open.set(descriptor, node)
    return descriptor
  }

  function readOpen(descriptor: number): Buffer {
    const bytes = Buffer.alloc(inner.size(descriptor))
    inner.read(descriptor, bytes, 0, bytes.length, 0)
    return bytes
  }

  return {
    ...inner,
    loseInto(target, random) {
      const write = (node: Node, path: string, livePath: string | undefined): void => {
        for (const [name, child] of node.syncedNames) {
          const childPath = join(path, name)
          // What is live under that name is of use only if it is the same file.
          const childLive =
            livePath !== undefined && node.names.get(name) === child ? join(livePath, name) : undefined
          if (child.isDirectory) {
            fs.mkdirSync(childPath, { recursive: true })
            write(child, childPath, childLive)
          } else {
            fs.writeFileSync(childPath, torn(child.content, childLive, random))
          }
        }
      }
      write(rootNode, target, root)
    },
    openForRead: path => opened(inner.openForRead(path), path),
    openForWrite: (path, create) => opened(inner.openForWrite(path, create), path),
    close(descriptor) {
      open.delete(descriptor)
      inner.close(descriptor)
    },
    async sync(descriptor) {
      const node = open.get(descriptor)!
      const bytes = readOpen(descriptor)
      await inner.sync(descriptor)
      node.content = bytes
    },
    async syncDirectory(path) {
      const node = find(path)
      const names = new Map(node?.names)
      await inner.syncDirectory(path)
      if (node !== undefined) node.syncedNames = names
    },
    makeDirectory(path) {
      inner.makeDirectory(path)
      if (find(path) === undefined) create(path, true)
    },
    replaceFile(path, content, durable) {
      inner.replaceFile(path, content, durable)
      const node = create(path, false)
      if (!durable) return
      node.content = Buffer.from(content)
      const directory = parent(path)
      directory.syncedNames = new Map(directory.names)
    },
    rename(from, to) {
      inner.rename(from, to)
      const node = find(from)!
      parent(from).names.delete(basename(from))
      parent(to).names.set(basename(to), node)
    },
    remove(path) {
      inner.remove(path)
      find(dirname(path))?.names.delete(basename(path))
    },
    removeLater(path) {
      // From here on any part of it may be gone.
      find(dirname(path))?.names.delete(basename(path))
      return inner.removeLater(path)
    },
  }
}

/** Bytes on disk, with more or less of what was written behind or over them since. */
function torn(synced: Buffer, livePath: string | undefined, random: (below: number) => number): Buffer {
  const fate = random(4)
  if (livePath === undefined || fate === 0) return synced
  const live = fs.readFileSync(livePath)
  if (fate === 1) return live
  if (fate === 2) return live.subarray(0, synced.length + random(Math.max(1, live.length - synced.length)))
  // The size came to disk before the bytes.
  const zeroed = Buffer.from(live)
  zeroed.fill(0, Math.min(live.length, synced.length + random(100)))
  return zeroed
}

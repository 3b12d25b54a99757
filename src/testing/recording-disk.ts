/**
 * A disk that says what it does, in order: bytes, names, and when each sync began and ended. The files live on the
 * disk behind it. Files and directories are numbered, because a name may go on to mean another one; the root is 0. What
 * is there at the beginning counts as synced.
 */
import { basename, dirname, join, relative, sep } from 'node:path'
import type { Disk } from '../platform/disk.ts'

export type DiskEvent =
  | {
      readonly type: 'link'
      readonly directory: number
      readonly name: string
      readonly node: number
      readonly isDirectory: boolean
    }
  | {
      readonly type: 'rename'
      readonly directory: number
      readonly from: string
      readonly to: string
      readonly node: number
    }
  | { readonly type: 'unlink'; readonly directory: number; readonly name: string }
  | { readonly type: 'write'; readonly node: number; readonly position: number; readonly bytes: Buffer }
  | { readonly type: 'truncate'; readonly node: number; readonly size: number }
  /** A sync of a file's bytes or of a directory's names; it covers what was done before it began. */
  | { readonly type: 'syncing' | 'synced' | 'sync failed'; readonly node: number; readonly sync: number }

interface Node {
  readonly id: number
  readonly names: Map<string, Node> | undefined
}

/** `told` borrows the bytes of a write until it returns. */
export function recordingDisk(inner: Disk, root: string, told: (event: DiskEvent) => void): Disk {
  let nodeCount = 0
  let syncCount = 0
  const newNode = (isDirectory: boolean): Node => ({
    id: nodeCount++,
    names: isDirectory ? new Map() : undefined,
  })
  const rootNode = newNode(true)
  const open = new Map<number, Node>()

  function find(path: string): Node | undefined {
    let node: Node | undefined = rootNode
    for (const name of relative(root, path).split(sep)) if (name !== '') node = node?.names?.get(name)
    return node
  }

  function link(path: string, isDirectory: boolean): Node {
    const node = newNode(isDirectory)
    const directory = find(dirname(path))!
    directory.names!.set(basename(path), node)
    told({ type: 'link', directory: directory.id, name: basename(path), node: node.id, isDirectory })
    return node
  }

  function unlink(path: string): void {
    const directory = find(dirname(path))
    const node = directory?.names?.get(basename(path))
    if (directory === undefined || node === undefined) return
    // With a directory goes what is in it, which need not be the last to go.
    for (const name of node.names?.keys() ?? []) unlink(join(path, name))
    directory.names!.delete(basename(path))
    told({ type: 'unlink', directory: directory.id, name: basename(path) })
  }

  function rename(from: string, to: string): void {
    const directory = find(dirname(from))!
    if (find(dirname(to)) !== directory) throw new Error(`${from} is renamed into another directory`)
    const node = directory.names!.get(basename(from))!
    directory.names!.delete(basename(from))
    directory.names!.set(basename(to), node)
    told({
      type: 'rename',
      directory: directory.id,
      from: basename(from),
      to: basename(to),
      node: node.id,
    })
  }

  /** Gives what is to be called when the sync is done. */
  function syncing({ id: node }: Node): () => void {
    const sync = syncCount++
    told({ type: 'syncing', node, sync })
    return () => told({ type: 'synced', node, sync })
  }

  function opened(descriptor: number, path: string): number {
    open.set(descriptor, find(path) ?? link(path, false))
    return descriptor
  }

  function recordExisting(path: string, directory: Node): void {
    for (const name of inner.list(path)) {
      const child = join(path, name)
      if (inner.isDirectory(child)) recordExisting(child, link(child, true))
      else {
        const node = link(child, false)
        told({ type: 'write', node: node.id, position: 0, bytes: inner.readFile(child)! })
        syncing(node)()
      }
    }
    syncing(directory)()
  }
  recordExisting(root, rootNode)

  return {
    ...inner,
    openForRead: path => opened(inner.openForRead(path), path),
    openForWrite: (path, create) => opened(inner.openForWrite(path, create), path),
    close(descriptor) {
      open.delete(descriptor)
      inner.close(descriptor)
    },
    write(descriptor, bytes, position) {
      inner.write(descriptor, bytes, position)
      told({ type: 'write', node: open.get(descriptor)!.id, position, bytes })
    },
    truncate(descriptor, size) {
      inner.truncate(descriptor, size)
      told({ type: 'truncate', node: open.get(descriptor)!.id, size })
    },
    async sync(descriptor) {
      const done = syncing(open.get(descriptor)!)
      await inner.sync(descriptor)
      done()
    },
    syncNow(descriptor) {
      const done = syncing(open.get(descriptor)!)
      inner.syncNow(descriptor)
      done()
    },
    async syncDirectory(path) {
      const node = find(path)
      const done = node === undefined ? () => undefined : syncing(node)
      await inner.syncDirectory(path)
      done()
    },
    makeDirectory(path) {
      inner.makeDirectory(path)
      if (find(path) === undefined) link(path, true)
    },
    replaceFile(path, content, durable) {
      inner.replaceFile(path, content, durable)
      const temporary = `${path}.tmp`
      const node = link(temporary, false)
      told({ type: 'write', node: node.id, position: 0, bytes: Buffer.from(content) })
      if (durable) syncing(node)()
      rename(temporary, path)
      if (durable) syncing(find(dirname(path))!)()
    },
    rename(from, to) {
      inner.rename(from, to)
      rename(from, to)
    },
    remove(path) {
      inner.remove(path)
      unlink(path)
    },
    removeLater(path) {
      // From here on any part of it may be gone.
      unlink(path)
      return inner.removeLater(path)
    },
  }
}

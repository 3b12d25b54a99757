/**
 * A machine's disk in memory, and the disk as one process of that machine sees it. The bytes and names that a power
 * loss may leave are crash-model.ts's; here is what the kernel shows, and when things happen: a sync, a cold read or
 * a removal waits until whoever drives the simulation completes it, in any order.
 *
 * Every call that changes something is a write point, some of them several: a file that is replaced is made, written,
 * synced, renamed, and its directory synced. A process can be made to die at any of them, before it or in the middle
 * of a write; from then on all its calls throw and none of its promises settles. What it left is the drive's: as it
 * is, if only the process died, or a power loss's image of it.
 */
import { basename, dirname } from 'node:path'
import type { Disk } from '../platform/disk.ts'
import { CrashModel, type DirectoryImage } from './crash-model.ts'

interface SimulatedFile {
  readonly id: number
  readonly isDirectory: false
  modifiedMs: number
}
interface SimulatedDirectory {
  readonly id: number
  readonly isDirectory: true
  readonly names: Map<string, SimulatedNode>
}
type SimulatedNode = SimulatedFile | SimulatedDirectory

/** Names and contents as the kernel shows them, and what of it is synced. */
export class SimulatedDrive {
  readonly model = new CrashModel()
  private nodeCount = 1
  private syncCount = 0
  private readonly root: SimulatedDirectory = { id: 0, isDirectory: true, names: new Map() }

  /** Everything in the image is synced. */
  constructor(image: DirectoryImage = new Map()) {
    this.load(this.root, image)
  }

  private load(directory: SimulatedDirectory, image: DirectoryImage): void {
    for (const [name, content] of image) {
      const node = this.link(directory, name, !Buffer.isBuffer(content))
      if (node.isDirectory) this.load(node, content as DirectoryImage)
      else {
        this.model.apply({ type: 'write', node: node.id, position: 0, bytes: content as Buffer })
        this.synced(this.syncing(node), node)
      }
    }
    this.synced(this.syncing(directory), directory)
  }

  find(path: string): SimulatedNode | undefined {
    let node: SimulatedNode | undefined = this.root
    for (const name of path.split('/')) {
      if (name !== '') node = node?.isDirectory ? node.names.get(name) : undefined
    }
    return node
  }

  directory(path: string): SimulatedDirectory {
    const node = this.find(path)
    if (node === undefined) throw failure('ENOENT', path)
    if (!node.isDirectory) throw failure('ENOTDIR', path)
    return node
  }

  link(directory: SimulatedDirectory, name: string, isDirectory: boolean): SimulatedNode {
    const id = this.nodeCount++
    const node: SimulatedNode = isDirectory
      ? { id, isDirectory, names: new Map() }
      : { id, isDirectory, modifiedMs: 0 }
    directory.names.set(name, node)
    this.model.apply({ type: 'link', directory: directory.id, name, node: id, isDirectory })
    return node
  }

  unlink(directory: SimulatedDirectory, name: string): void {
    directory.names.delete(name)
    this.model.apply({ type: 'unlink', directory: directory.id, name })
  }

  rename(directory: SimulatedDirectory, from: string, to: string): void {
    const node = directory.names.get(from)!
    directory.names.delete(from)
    directory.names.set(to, node)
    this.model.apply({ type: 'rename', directory: directory.id, from, to, node: node.id })
  }

  /** Gives the number by which its end is told. */
  syncing(node: SimulatedNode): number {
    const sync = this.syncCount++
    this.model.apply({ type: 'syncing', node: node.id, sync })
    return sync
  }
  synced(sync: number, node: SimulatedNode): void {
    this.model.apply({ type: 'synced', node: node.id, sync })
  }
  syncFailed(sync: number, node: SimulatedNode): void {
    this.model.apply({ type: 'sync failed', node: node.id, sync })
  }
}

/** What the process gets of every call once it is dead; it has no code, so nobody takes it for the disk's. */
export class ProcessDiedError extends Error {
  override readonly name = 'ProcessDiedError'
}

export type FaultCode = 'ENOSPC' | 'EIO' | 'EMFILE'
/** What can fail: opening, taking more bytes or names, writing in any way, reading, a sync. */
export type FaultyAction = 'open' | 'grow' | 'write' | 'read' | 'sync'

export interface SimulationHooks {
  random(below: number): number
  nowMs(): number
  /** Which error strikes this action, if any. */
  fault(action: FaultyAction, path: string): FaultCode | undefined
}

interface PendingCall {
  complete(): void
}

export class SimulatedDisk implements Disk {
  /** Changing calls since the beginning, and at how many of them the process dies. */
  writePoints = 0
  diesAt = Number.POSITIVE_INFINITY
  isDead = false
  readonly pending: PendingCall[] = []
  private readonly drive: SimulatedDrive
  private readonly hooks: SimulationHooks
  private readonly descriptors = new Map<number, { node: SimulatedFile; path: string }>()
  private nextDescriptor = 3

  constructor(drive: SimulatedDrive, hooks: SimulationHooks) {
    this.drive = drive
    this.hooks = hooks
  }

  get openCount(): number {
    return this.descriptors.size
  }

  die(): void {
    this.isDead = true
    this.pending.length = 0
  }

  private requireAlive(): void {
    if (this.isDead) throw new ProcessDiedError()
  }

  /** Whether this call is made; one at which the process dies is not. */
  private writePoint(): void {
    this.requireAlive()
    if (this.writePoints++ < this.diesAt) return
    this.die()
    throw new ProcessDiedError()
  }

  private strike(action: FaultyAction, path: string): void {
    const code = this.hooks.fault(action, path)
    if (code !== undefined) throw failure(code, path)
  }

  private later<T>(work: () => T): Promise<T> {
    this.requireAlive()
    return new Promise((resolve, reject) => {
      const complete = (): void => {
        try {
          resolve(work())
        } catch (error) {
          if (!(error instanceof ProcessDiedError)) reject(error)
        }
      }
      this.pending.push({ complete })
    })
  }

  /** Completes one of the calls that wait. */
  completeAny(): void {
    const [call] = this.pending.splice(this.hooks.random(this.pending.length), 1)
    call?.complete()
  }

  private node(descriptor: number): { node: SimulatedFile; path: string } {
    const open = this.descriptors.get(descriptor)
    if (open === undefined) throw failure('EBADF', String(descriptor))
    return open
  }

  private file(path: string): SimulatedFile | undefined {
    const node = this.drive.find(path)
    if (node?.isDirectory === true) throw failure('EISDIR', path)
    return node
  }

  private opened(node: SimulatedFile, path: string): number {
    const descriptor = this.nextDescriptor++
    this.descriptors.set(descriptor, { node, path })
    return descriptor
  }

  private create(path: string): SimulatedFile {
    this.strike('grow', path)
    this.writePoint()
    return this.drive.link(this.drive.directory(dirname(path)), basename(path), false) as SimulatedFile
  }

  openForRead(path: string): number {
    this.requireAlive()
    this.strike('open', path)
    const node = this.file(path)
    if (node === undefined) throw failure('ENOENT', path)
    return this.opened(node, path)
  }

  openForWrite(path: string, create: boolean): number {
    this.requireAlive()
    this.strike('open', path)
    const node = this.file(path) ?? (create ? this.create(path) : undefined)
    if (node === undefined) throw failure('ENOENT', path)
    return this.opened(node, path)
  }

  close(descriptor: number): void {
    this.node(descriptor)
    this.descriptors.delete(descriptor)
  }

  size(descriptor: number): number {
    this.requireAlive()
    return this.drive.model.size(this.node(descriptor).node.id)
  }

  sizeOf(path: string): number {
    this.requireAlive()
    const node = this.file(path)
    if (node === undefined) throw failure('ENOENT', path)
    return this.drive.model.size(node.id)
  }

  modifiedTimeMs(path: string): number {
    this.requireAlive()
    const node = this.file(path)
    if (node === undefined) throw failure('ENOENT', path)
    return node.modifiedMs
  }

  write(descriptor: number, bytes: Buffer, position: number): void {
    const { node, path } = this.node(descriptor)
    this.writeInto(node, path, bytes, position)
  }

  private writeInto(node: SimulatedFile, path: string, bytes: Buffer, position: number): void {
    this.writePoint()
    const some = this.hooks.random(bytes.length)
    const put = (part: Buffer): void => {
      if (part.length === 0) return
      node.modifiedMs = this.hooks.nowMs()
      this.drive.model.apply({ type: 'write', node: node.id, position, bytes: part })
    }
    const grows = position + bytes.length > this.drive.model.size(node.id)
    const code = this.hooks.fault('write', path) ?? (grows ? this.hooks.fault('grow', path) : undefined)
    if (code !== undefined || this.writePoints++ >= this.diesAt) {
      put(bytes.subarray(0, some))
      if (code !== undefined) throw failure(code, path)
      this.die()
      throw new ProcessDiedError()
    }
    put(bytes)
  }

  truncate(descriptor: number, size: number): void {
    const { node, path } = this.node(descriptor)
    this.writePoint()
    this.strike('write', path)
    node.modifiedMs = this.hooks.nowMs()
    this.drive.model.apply({ type: 'truncate', node: node.id, size })
  }

  read(descriptor: number, target: Buffer, offset: number, length: number, position: number): number {
    this.requireAlive()
    const { node, path } = this.node(descriptor)
    this.strike('read', path)
    return this.readFrom(node, target, offset, length, position)
  }

  private readFrom(
    node: SimulatedFile,
    target: Buffer,
    offset: number,
    length: number,
    position: number,
  ): number {
    const bytes = this.drive.model.bytes(node.id)
    return position >= bytes.length
      ? 0
      : bytes.copy(target, offset, position, Math.min(position + length, bytes.length))
  }

  readLater(
    descriptor: number,
    target: Buffer,
    offset: number,
    length: number,
    position: number,
  ): Promise<number> {
    const { node, path } = this.node(descriptor)
    return this.later(() => {
      this.strike('read', path)
      // A descriptor that was closed in the meantime may be another file's by now.
      if (this.descriptors.get(descriptor)?.node !== node) throw failure('EBADF', path)
      return this.readFrom(node, target, offset, length, position)
    })
  }

  private syncBegun(node: SimulatedNode, path: string): () => void {
    this.writePoint()
    const sync = this.drive.syncing(node)
    return () => {
      this.writePoint()
      const code = this.hooks.fault('sync', path)
      if (code === undefined) {
        this.drive.synced(sync, node)
        return
      }
      this.drive.syncFailed(sync, node)
      throw failure(code, path)
    }
  }

  async sync(descriptor: number): Promise<void> {
    const { node, path } = this.node(descriptor)
    await this.later(this.syncBegun(node, path))
  }

  syncNow(descriptor: number): void {
    const { node, path } = this.node(descriptor)
    this.syncBegun(node, path)()
  }

  async syncDirectory(path: string): Promise<void> {
    this.requireAlive()
    this.strike('open', path)
    await this.later(this.syncBegun(this.drive.directory(path), path))
  }

  makeDirectory(path: string): void {
    this.requireAlive()
    if (this.drive.find(path) !== undefined) return
    if (dirname(path) !== path) this.makeDirectory(dirname(path))
    this.strike('grow', path)
    this.writePoint()
    this.drive.link(this.drive.directory(dirname(path)), basename(path), true)
  }

  list(path: string): string[] {
    this.requireAlive()
    const node = this.drive.find(path)
    if (node === undefined) return []
    this.strike('open', path)
    return [...this.drive.directory(path).names.keys()]
  }

  isDirectory(path: string): boolean {
    this.requireAlive()
    return this.drive.find(path)?.isDirectory ?? false
  }

  readFile(path: string): Buffer | undefined {
    this.requireAlive()
    const node = this.file(path)
    if (node === undefined) return undefined
    this.strike('open', path)
    this.strike('read', path)
    return Buffer.from(this.drive.model.bytes(node.id))
  }

  replaceFile(path: string, content: Buffer | string, durable: boolean): void {
    this.requireAlive()
    const temporary = `${path}.tmp`
    this.strike('open', temporary)
    let node = this.file(temporary)
    if (node === undefined) node = this.create(temporary)
    else {
      this.writePoint()
      this.drive.model.apply({ type: 'truncate', node: node.id, size: 0 })
    }
    this.writeInto(node, temporary, Buffer.from(content), 0)
    if (durable) this.syncBegun(node, temporary)()
    this.rename(temporary, path)
    if (durable) this.syncBegun(this.drive.directory(dirname(path)), dirname(path))()
  }

  rename(from: string, to: string): void {
    this.writePoint()
    const directory = this.drive.directory(dirname(from))
    if (!directory.names.has(basename(from))) throw failure('ENOENT', from)
    if (dirname(from) !== dirname(to)) throw new Error(`${from} is renamed into another directory`)
    this.strike('write', from)
    this.drive.rename(directory, basename(from), basename(to))
  }

  remove(path: string): void {
    this.requireAlive()
    const node = this.file(path)
    if (node === undefined) return
    this.writePoint()
    this.strike('write', path)
    this.drive.unlink(this.drive.directory(dirname(path)), basename(path))
  }

  removeLater(path: string): Promise<void> {
    return this.later(() => this.removeAll(path))
  }

  private removeAll(path: string): void {
    const node = this.drive.find(path)
    if (node === undefined) return
    if (node.isDirectory) for (const name of [...node.names.keys()]) this.removeAll(`${path}/${name}`)
    this.writePoint()
    this.strike('write', path)
    this.drive.unlink(this.drive.directory(dirname(path)), basename(path))
  }
}

function failure(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: simulated, '${path}'`), { code })
}

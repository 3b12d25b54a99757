/**
 * What a power loss may leave of a disk: all that was synced, and of what was not any part. It is told what was done
 * (recording-disk.ts) and then makes images, each as a random number has it.
 *
 * Of a file: the bytes as they were synced; as they are; as they were at some moment in between; or a mixture in blocks
 * of 512 or 4096 bytes, with zeros where the size came to disk before the bytes. Of a directory: the names as they
 * were synced, as they are, as they were in between, or with any of the changes since. A change of a name is whole or
 * not there. Files and directories do not keep any order among each other, unless an image is made in order: then it
 * is how the disk stood at one earlier moment, and what was synced since.
 *
 * A sync that fails leaves the kernel with pages that it shows to readers, takes for written and does not write again,
 * until something is written into the same page. So any part of them may be missing ever after.
 */
import * as fs from 'node:fs'
import { join } from 'node:path'
import type { DiskEvent } from './recording-disk.ts'

type Random = (below: number) => number

/** What is on a disk, by name: files with their bytes, and directories. */
export interface DirectoryImage extends ReadonlyMap<string, DirectoryImage | Buffer> {}

/** A change of a file that is not synced, as what it takes to undo it. */
interface ContentChange {
  readonly at: number
  readonly position: number
  /** Bytes that were written; 0: it was cut off there. */
  readonly length: number
  /** What was there before, up to the old end. */
  readonly before: Buffer
  readonly sizeBefore: number
}

interface FileNode {
  readonly isDirectory: false
  content: Buffer
  size: number
  changes: ContentChange[]
  /** Blocks that a failed sync may not have written, by number, with the bytes that are on the disk instead. */
  lost: Map<number, Buffer> | undefined
}

/** What a disk writes whole. */
const blockSize = 512
/** What the kernel takes for written, or not. */
const pageSize = 4096

type NameChange = Extract<DiskEvent, { type: 'link' | 'rename' | 'unlink' }>

interface DirectoryNode {
  readonly isDirectory: true
  readonly syncedNames: Map<string, number>
  changes: { readonly at: number; readonly change: NameChange }[]
}

/** How much of what was not synced is there. */
export type ImageStyle = 'nothing' | 'everything' | 'in order' | 'any'

export class CrashModel {
  private readonly nodes: (FileNode | DirectoryNode | undefined)[] = [
    { isDirectory: true, syncedNames: new Map(), changes: [] },
  ]
  private readonly syncs = new Map<number, number>()
  private at = 0

  apply(event: DiskEvent): void {
    const at = this.at++
    switch (event.type) {
      case 'link':
        this.nodes[event.node] = event.isDirectory
          ? { isDirectory: true, syncedNames: new Map(), changes: [] }
          : { isDirectory: false, content: Buffer.alloc(0), size: 0, changes: [], lost: undefined }
        this.directory(event.directory).changes.push({ at, change: event })
        break
      case 'rename':
      case 'unlink':
        this.directory(event.directory).changes.push({ at, change: event })
        break
      case 'write':
        write(this.file(event.node), at, event.position, event.bytes)
        break
      case 'truncate':
        truncate(this.file(event.node), at, event.size)
        break
      case 'syncing':
        this.syncs.set(event.sync, at)
        break
      case 'synced':
        this.synced(event.node, this.syncs.get(event.sync)!)
        this.syncs.delete(event.sync)
        break
      case 'sync failed': {
        const node = this.nodes[event.node]!
        if (!node.isDirectory) syncFailed(node, this.syncs.get(event.sync)!)
        this.syncs.delete(event.sync)
      }
    }
  }

  /** Size of a file as the kernel shows it. */
  size(id: number): number {
    return this.file(id).size
  }

  /** The bytes of a file as the kernel shows them; a view, which is good until the file changes. */
  bytes(id: number): Buffer {
    const { content, size } = this.file(id)
    return content.subarray(0, size)
  }

  private file(id: number): FileNode {
    return this.nodes[id] as FileNode
  }
  private directory(id: number): DirectoryNode {
    return this.nodes[id] as DirectoryNode
  }

  private synced(id: number, begunAt: number): void {
    const node = this.nodes[id]!
    if (node.isDirectory) {
      for (const { at, change } of node.changes) if (at < begunAt) rename(node.syncedNames, change)
      node.changes = node.changes.filter(({ at }) => at >= begunAt)
    } else {
      node.changes = node.changes.filter(({ at }) => at >= begunAt)
    }
  }

  /** What a power loss at this moment may leave. Bytes may be views, good until something changes. */
  image(random: Random, style: ImageStyle = 'any'): DirectoryImage {
    const until = style === 'in order' ? this.at - random(Math.min(this.at, 1 << random(12))) : this.at
    const imageOf = (node: DirectoryNode): DirectoryImage => {
      const names = new Map<string, DirectoryImage | Buffer>()
      for (const [name, id] of namesOf(node, random, style, until)) {
        const child = this.nodes[id]!
        names.set(name, child.isDirectory ? imageOf(child) : contentOf(child, random, style, until))
      }
      return names
    }
    return imageOf(this.directory(0))
  }

  /** Writes it into an empty folder. */
  writeImage(target: string, random: Random, style?: ImageStyle): void {
    const writeNames = (image: DirectoryImage, path: string): void => {
      for (const [name, child] of image) {
        const childPath = join(path, name)
        if (Buffer.isBuffer(child)) fs.writeFileSync(childPath, child)
        else {
          fs.mkdirSync(childPath)
          writeNames(child, childPath)
        }
      }
    }
    writeNames(this.image(random, style), target)
  }
}

function write(node: FileNode, at: number, position: number, bytes: Buffer): void {
  const { length } = bytes
  const end = position + length
  if (node.lost !== undefined) dirtyAgain(node, node.lost, at, position, end)
  const before = Buffer.from(node.content.subarray(position, Math.min(end, node.size)))
  node.changes.push({ at, position, length, before, sizeBefore: node.size })
  if (end > node.content.length) {
    const content = Buffer.alloc(Math.max(end, 2 * node.content.length))
    node.content.copy(content, 0, 0, node.size)
    node.content = content
  }
  if (position > node.size) node.content.fill(0, node.size, position)
  bytes.copy(node.content, position)
  node.size = Math.max(node.size, end)
}

function truncate(node: FileNode, at: number, size: number): void {
  const before = Buffer.from(node.content.subarray(size, node.size))
  node.changes.push({ at, position: size, length: 0, before, sizeBefore: node.size })
  for (const block of node.lost?.keys() ?? []) if (block * blockSize >= size) node.lost!.delete(block)
  if (size <= node.size) node.size = size
  else write(node, at, node.size, Buffer.alloc(size - node.size))
}

/** Pages that are written into are written whole by the next sync, with what an earlier one has lost of them. */
function dirtyAgain(
  node: FileNode,
  lost: Map<number, Buffer>,
  at: number,
  position: number,
  end: number,
): void {
  const blocksPerPage = pageSize / blockSize
  const first = Math.floor(position / pageSize) * blocksPerPage
  const last = Math.ceil(end / pageSize) * blocksPerPage
  for (const [block, before] of lost) {
    if (block < first || block >= last) continue
    lost.delete(block)
    const { length } = before
    node.changes.push({ at, position: block * blockSize, length, before, sizeBefore: node.size })
  }
}

/** The kernel takes what was written before the sync for clean. */
function syncFailed(node: FileNode, begunAt: number): void {
  const onDisk = undone(node, 0)
  const later = node.changes.filter(({ at }) => at >= begunAt)
  const lost = new Map(node.lost)
  for (const { at, position, length } of node.changes) {
    if (at >= begunAt) break
    const end = Math.min(position + length, node.size)
    for (let block = Math.floor(position / blockSize); block * blockSize < end; block++) {
      const from = block * blockSize
      const before = Buffer.alloc(Math.min(blockSize, node.size - from))
      if (from < onDisk.length) onDisk.copy(before, 0, from, from + before.length)
      lost.set(block, before)
    }
  }
  node.lost = lost
  node.changes = []
  // What was written into since is dirty, and written whole by the next sync.
  for (const { at, position, length } of later) dirtyAgain(node, lost, at, position, position + length)
  node.changes.push(...later)
}

/** Puts in place of lost blocks what is on the disk instead: of all, or each with an even chance. */
function withLost(node: FileNode, content: Buffer, random?: Random): Buffer {
  if (node.lost === undefined || node.lost.size === 0) return content
  const found = Buffer.from(content)
  for (const [block, bytes] of node.lost) {
    if (random === undefined || random(2) === 0) bytes.copy(found, block * blockSize)
  }
  return found
}

function rename(names: Map<string, number>, change: NameChange): void {
  if (change.type === 'link') names.set(change.name, change.node)
  else if (change.type === 'unlink') names.delete(change.name)
  else {
    names.delete(change.from)
    names.set(change.to, change.node)
  }
}

function namesOf(node: DirectoryNode, random: Random, style: ImageStyle, until: number): Map<string, number> {
  const names = new Map(node.syncedNames)
  let isThere: (at: number, index: number) => boolean
  const fate = style === 'any' ? random(4) : -1
  if (style === 'nothing' || fate === 0) isThere = () => false
  else if (style === 'everything' || fate === 1) isThere = () => true
  else if (style === 'in order') isThere = at => at < until
  else if (fate === 2) {
    const count = random(node.changes.length + 1)
    isThere = (_, index) => index < count
  } else isThere = () => random(2) === 0
  for (const [index, { at, change }] of node.changes.entries()) if (isThere(at, index)) rename(names, change)
  return names
}

/** A file's bytes, lost ones aside, with its changes undone from the last one back to the first that is not before `until`. */
function undone(node: FileNode, until: number): Buffer {
  let content = Buffer.from(node.content.subarray(0, node.size))
  for (let i = node.changes.length - 1; i >= 0; i--) {
    const { at, position, before, sizeBefore } = node.changes[i]!
    if (at < until) break
    const earlier = Buffer.alloc(sizeBefore)
    content.copy(earlier, 0, 0, Math.min(content.length, sizeBefore))
    before.copy(earlier, position)
    content = earlier
  }
  return content
}

function contentOf(node: FileNode, random: Random, style: ImageStyle, until: number): Buffer {
  const content = cachedContentOf(node, random, style, until)
  return style === 'everything' ? content : withLost(node, content, style === 'any' ? random : undefined)
}

function cachedContentOf(node: FileNode, random: Random, style: ImageStyle, until: number): Buffer {
  if (node.changes.length === 0 || style === 'everything') return node.content.subarray(0, node.size)
  if (style === 'nothing') return undone(node, 0)
  if (style === 'in order') return undone(node, until)
  const fate = random(6)
  if (fate === 0) return undone(node, 0)
  if (fate === 1) return node.content.subarray(0, node.size)
  const someMoment = node.changes[random(node.changes.length)]!.at
  if (fate === 2) return undone(node, someMoment)
  return mixed(undone(node, 0), undone(node, someMoment + 1), random)
}

/** Blocks as they were synced and as they were written since, side by side. */
function mixed(synced: Buffer, written: Buffer, random: Random): Buffer {
  const tornSize = random(2) === 0 ? blockSize : pageSize
  const shorter = Math.min(synced.length, written.length)
  const size = shorter + random(Math.max(synced.length, written.length) - shorter + 1)
  const content = Buffer.alloc(size)
  // Mostly one block of many is missing, or nearly all.
  const share = [1, 2, 10][random(3)]!
  for (let start = 0; start < size; start += tornSize) {
    const end = Math.min(start + tornSize, size)
    const isNew = random(share + 1) > 0
    const source = isNew && written.length > start ? written : synced
    if (source.length > start) source.copy(content, start, start, Math.min(end, source.length))
  }
  return content
}

/**
 * Walks the record batches of a `.log` file as they come, whatever its state, in bounded memory: what dump and verify
 * read by, and a start what a crash has left of the journal. Where the recovery of a log would stop and cut off, this
 * goes on: it looks for the next sound batch.
 *
 * A batch is *whole* when its checksum is right. It is *broken* when the checksum is wrong but another batch, or the
 * end of the file, follows where its length says. Anything else is *debris*: a stretch without a batch, up to the next
 * whole one or to the end. What lies outside the checksum (base offset, length, leader epoch, magic) is damaged
 * without the checksum noticing, or makes debris of a batch that is otherwise whole: `mended` tells.
 */
import {
  batchBaseOffset,
  batchCrcIsValid,
  batchField,
  batchHeaderSize,
  batchLastOffsetDelta,
  batchLengthEnd,
  batchMagic,
  batchProducerId,
  batchSize,
} from '../../../protocol-codecs/record-batch.ts'
import { RecordError } from '../../../protocol-codecs/record-error.ts'
import type { Disk } from '../../platform/disk.ts'

export interface WalkedBatch {
  readonly kind: 'whole' | 'broken'
  /** The batch lies at `at` of `buffer`, until the next stretch is asked for. */
  readonly buffer: Buffer
  readonly at: number
  readonly position: number
  readonly size: number
}

export interface Debris {
  readonly kind: 'debris'
  readonly position: number
  /** Where the next whole batch begins, or the end of the file. */
  readonly end: number
  /** What is wrong at `position`, to be read behind "the batch here". */
  readonly problem: string
  readonly isZeroes: boolean
  /** The batch that it becomes with the length and magic that it must have had; undefined: none. */
  readonly mended: Buffer | undefined
}

export type Walked = WalkedBatch | Debris

const chunkSize = 1024 * 1024
/** A batch beyond this is read only if something that looks like a batch follows it: its length may be damage. */
const trustedBatchSize = 16 * 1024 * 1024
const headerEnd = batchField.magic + 1

export class LogFile {
  readonly path: string
  readonly size: number
  private readonly disk: Disk
  private readonly descriptor: number
  private readonly header = Buffer.alloc(batchHeaderSize)

  constructor(disk: Disk, path: string) {
    this.disk = disk
    this.path = path
    this.descriptor = disk.openForRead(path)
    this.size = disk.size(this.descriptor)
  }

  close(): void {
    this.disk.close(this.descriptor)
  }

  read(position: number, length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length)
    return bytes.subarray(0, this.disk.read(this.descriptor, bytes, 0, length, position))
  }

  /** What lies between `from` and the end of the file, a stretch at a time. */
  async *walk(from = 0): AsyncGenerator<readonly Walked[], void> {
    let buffer = Buffer.allocUnsafe(Math.max(batchHeaderSize, Math.min(chunkSize, this.size - from)))
    let position = from
    while (position < this.size) {
      const wanted = Math.min(buffer.length, this.size - position)
      const available = await this.disk.readLater(this.descriptor, buffer, 0, wanted, position)
      if (available < wanted) {
        yield [{ ...this.debris(position, 'is beyond what the disk gives'), end: this.size }]
        return
      }
      const found: Walked[] = []
      let at = 0
      let neededSize = 0
      while (at < available) {
        const isLast = position + available === this.size
        if (available - at < batchHeaderSize && !isLast) break
        const problem = this.headerProblem(buffer, at, available, position + at)
        const size = problem === undefined ? batchSize(buffer, at) : 0
        if (size > available - at) {
          neededSize = size
          break
        }
        const isWhole = size > 0 && batchCrcIsValid(buffer, at)
        if (isWhole || (size > 0 && this.isFollowed(position + at + size))) {
          const kind = isWhole ? 'whole' : 'broken'
          found.push({ kind, buffer, at, position: position + at, size })
          at += size
          continue
        }
        const debris = this.debris(position + at, problem ?? 'has a wrong checksum, and nothing follows it')
        found.push(debris)
        at = debris.end - position
      }
      if (found.length > 0) yield found
      position += at
      if (at === 0 && neededSize > buffer.length) buffer = Buffer.allocUnsafe(neededSize)
      else if (buffer.length > 2 * chunkSize) buffer = Buffer.allocUnsafe(chunkSize)
    }
  }

  /** Why no batch can be there; undefined: one may be. */
  private headerProblem(buffer: Buffer, at: number, end: number, position: number): string | undefined {
    const left = this.size - position
    if (left < batchHeaderSize)
      return `is cut off: ${left} bytes are left, and a header has ${batchHeaderSize}`
    const problem = implausible(buffer, at, end)
    if (problem !== undefined) return problem
    const size = batchSize(buffer, at)
    if (size > left) return `is cut off: it has ${size} bytes, and ${left} are left`
    if (size > trustedBatchSize && !this.isFollowed(position + size)) {
      return `has ${size} bytes by its header, and nothing follows there`
    }
    return undefined
  }

  /** Whether the file ends there, or what looks like a batch begins. */
  private isFollowed(position: number): boolean {
    if (position === this.size) return true
    const { header } = this
    const count = this.disk.read(this.descriptor, header, 0, batchHeaderSize, position)
    return count === batchHeaderSize && implausible(header, 0, count) === undefined
  }

  private debris(position: number, problem: string): Debris {
    const { end, isZeroes } = this.nextWholeBatch(position + 1)
    const mended = isZeroes ? undefined : this.mend(position, end)
    return { kind: 'debris', position, end, problem, isZeroes, mended }
  }

  /** Looks byte by byte for a batch with a right checksum. */
  private nextWholeBatch(from: number): { end: number; isZeroes: boolean } {
    let isZeroes = true
    for (let position = from; position < this.size; ) {
      const bytes = this.read(position, Math.min(chunkSize, this.size - position))
      // The header of a batch may lie across two chunks.
      const starts = position + bytes.length === this.size ? bytes.length : bytes.length - batchHeaderSize
      for (let at = 0; at < starts; at++) {
        if (bytes[at] !== 0) isZeroes = false
        if (bytes.length - at < batchHeaderSize || bytes[at + batchField.magic] !== 2) continue
        if (implausible(bytes, at, bytes.length) !== undefined) continue
        const size = batchSize(bytes, at)
        const start = position + at
        if (size > this.size - start || (size > trustedBatchSize && !this.isFollowed(start + size))) continue
        const isHere = at + size <= bytes.length
        if (isHere ? batchCrcIsValid(bytes, at) : batchCrcIsValid(this.read(start, size), 0)) {
          return { end: start, isZeroes: false }
        }
      }
      if (starts <= 0) break
      position += starts
    }
    return { end: this.size, isZeroes }
  }

  /** A stretch as a batch of its length, if its checksum then is right. */
  mend(position: number, end: number): Buffer | undefined {
    const size = end - position
    if (size < batchHeaderSize || size > trustedBatchSize) return undefined
    const bytes = this.read(position, size)
    bytes.writeInt32BE(size - batchLengthEnd, batchField.batchLength)
    bytes[batchField.magic] = 2
    return batchCrcIsValid(bytes, 0) ? bytes : undefined
  }
}

/** What no header of a batch says. Only its first bytes are looked at, all of which must be before `end`. */
function implausible(buffer: Buffer, at: number, end: number): string | undefined {
  if (end - at < headerEnd) return 'is cut off'
  const size = batchSize(buffer, at)
  if (size < batchHeaderSize) return `has an impossible length (${size} bytes in all)`
  if (batchMagic(buffer, at) !== 2) return `has magic ${batchMagic(buffer, at)}, not 2`
  try {
    const baseOffset = batchBaseOffset(buffer, at)
    if (baseOffset < 0) return `has an impossible base offset (${baseOffset})`
    if (end - at < batchHeaderSize) return 'is cut off'
    if (batchLastOffsetDelta(buffer, at) < 0) return 'has a negative last offset delta'
    return batchProducerId(buffer, at) < -1 ? 'has an impossible producer id' : undefined
  } catch (error) {
    if (error instanceof RecordError) return `has an impossible number in its header (${error.message})`
    throw error
  }
}

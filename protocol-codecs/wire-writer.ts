/**
 * Writes Kafka's primitive types. Bytes gather in a slab that grows by being replaced; record
 * buffers above a small size are not copied but stand between pieces of slab, so `chunks()` is a
 * gather list in wire order. A writer may be drained and written to again: slabs are never
 * overwritten, so chunks stay valid for as long as somebody holds them.
 */
import type { RecordsInput } from './schema.ts'

/** The value cannot be expressed in the version that was asked for. */
export class EncodeError extends Error {
  override readonly name = 'EncodeError'
}

/** A place in the gather list: a chunk, or the slab behind the last chunk, and an offset in it. */
export interface ReservedInt32 {
  readonly chunk: number
  readonly offset: number
}

/** Below this, copying records into the slab is cheaper than one more entry in the gather list. */
const inlineRecordsSize = 1024

export class WireWriter {
  private slab: Buffer
  private readonly slabSize: number
  /** First byte of the slab that no chunk holds yet. */
  private start = 0
  private position = 0
  private done: Buffer[] = []
  private doneSize = 0

  constructor(slabSize = 1024) {
    this.slabSize = slabSize
    this.slab = Buffer.allocUnsafe(slabSize)
  }

  /** Bytes written since the last drain. */
  get size(): number {
    return this.doneSize + this.position - this.start
  }

  private reserve(size: number): number {
    const at = this.position
    if (at + size > this.slab.length) return this.grow(size)
    this.position = at + size
    return at
  }

  private grow(size: number): number {
    const pending = this.position - this.start
    const slab = Buffer.allocUnsafe(Math.max(this.slabSize, 2 * (pending + size)))
    this.slab.copy(slab, 0, this.start, this.position)
    this.slab = slab
    this.start = 0
    this.position = pending + size
    return pending
  }

  private cut(): void {
    if (this.position === this.start) return
    this.done.push(this.slab.subarray(this.start, this.position))
    this.doneSize += this.position - this.start
    this.start = this.position
  }

  /** The gather list of everything written since the last drain; the writer is empty afterwards. */
  drain(): Buffer[] {
    this.cut()
    const chunks = this.done
    this.done = []
    this.doneSize = 0
    return chunks
  }

  /** Everything written since the last drain, in one buffer. */
  toBuffer(): Buffer {
    const chunks = this.drain()
    return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
  }

  /** Takes back everything written after the first `size` bytes since the last drain. */
  truncate(size: number): void {
    if (size >= this.doneSize) {
      this.position = this.start + size - this.doneSize
      return
    }
    while (this.doneSize > size) {
      const chunk = this.done.pop()!
      this.doneSize -= chunk.length
      if (this.doneSize >= size) continue
      this.done.push(chunk.subarray(0, size - this.doneSize))
      this.doneSize = size
    }
    this.position = this.start
  }

  /** Leaves room for an int32; `fillInt32` puts it there, with what this gives. */
  reserveInt32(): ReservedInt32 {
    const reserved = { chunk: this.done.length, offset: this.position - this.start }
    this.reserve(4)
    return reserved
  }

  /** Fills in what `reserveInt32` left room for, before the next drain. */
  fillInt32(reserved: ReservedInt32, value: number): void {
    // Whatever was cut off since then began where the slab's unfinished part began.
    const chunk = this.done[reserved.chunk]
    if (chunk === undefined) this.slab.writeInt32BE(value, this.start + reserved.offset)
    else chunk.writeInt32BE(value, reserved.offset)
  }

  bool(value: boolean): void {
    const at = this.reserve(1)
    this.slab[at] = value ? 1 : 0
  }
  int8(value: number): void {
    this.checkRange(value, -0x80, 0x7f)
    const at = this.reserve(1)
    this.slab[at] = value & 0xff
  }
  int16(value: number): void {
    this.checkRange(value, -0x8000, 0x7fff)
    this.putInt16(value)
  }
  uint16(value: number): void {
    this.checkRange(value, 0, 0xffff)
    this.putInt16(value)
  }
  private putInt16(value: number): void {
    const at = this.reserve(2)
    this.slab[at] = (value >> 8) & 0xff
    this.slab[at + 1] = value & 0xff
  }
  int32(value: number): void {
    this.checkRange(value, -0x80000000, 0x7fffffff)
    this.putInt32(value)
  }
  uint32(value: number): void {
    this.checkRange(value, 0, 0xffffffff)
    this.putInt32(value)
  }
  private putInt32(value: number): void {
    const at = this.reserve(4)
    const slab = this.slab
    slab[at] = (value >>> 24) & 0xff
    slab[at + 1] = (value >>> 16) & 0xff
    slab[at + 2] = (value >>> 8) & 0xff
    slab[at + 3] = value & 0xff
  }
  private checkRange(value: number, first: number, last: number): void {
    if (!(Number.isInteger(value) && value >= first && value <= last)) {
      throw new EncodeError(`${value} is not an integer from ${first} to ${last}`)
    }
  }
  int64(value: bigint): void {
    if (BigInt.asIntN(64, value) !== value) throw new EncodeError(`${value} is not a 64-bit integer`)
    const at = this.reserve(8)
    this.slab.writeBigInt64BE(value, at)
  }
  float64(value: number): void {
    const at = this.reserve(8)
    this.slab.writeDoubleBE(value, at)
  }
  uuid(value: string): void {
    const at = this.reserve(16)
    if (this.slab.write(value, at, 16, 'base64url') !== 16 || value.length !== 22) {
      throw new EncodeError(`not a uuid: ${value}`)
    }
  }

  unsignedVarint(value: number): void {
    let rest = value
    while (rest > 0x7f) {
      this.putByte((rest & 0x7f) | 0x80)
      rest = Math.floor(rest / 128)
    }
    this.putByte(rest)
  }
  private putByte(value: number): void {
    const at = this.reserve(1)
    this.slab[at] = value
  }
  varint(value: number): void {
    this.unsignedVarint(((value << 1) ^ (value >> 31)) >>> 0)
  }

  string(value: string | null): void {
    if (value === null) {
      this.int16(-1)
      return
    }
    const size = Buffer.byteLength(value)
    if (size > 0x7fff) throw new EncodeError(`a string of ${size} bytes, at most 32767 fit`)
    this.putInt16(size)
    const at = this.reserve(size)
    this.slab.write(value, at, size, 'utf8')
  }
  compactString(value: string | null): void {
    if (value === null) {
      this.unsignedVarint(0)
      return
    }
    const size = Buffer.byteLength(value)
    this.unsignedVarint(size + 1)
    const at = this.reserve(size)
    this.slab.write(value, at, size, 'utf8')
  }

  raw(value: Uint8Array): void {
    const at = this.reserve(value.length)
    this.slab.set(value, at)
  }
  bytes(value: Uint8Array | null): void {
    if (value === null) {
      this.int32(-1)
      return
    }
    this.int32(value.length)
    this.raw(value)
  }
  compactBytes(value: Uint8Array | null): void {
    if (value === null) {
      this.unsignedVarint(0)
      return
    }
    this.unsignedVarint(value.length + 1)
    this.raw(value)
  }
  records(value: RecordsInput | null): void {
    if (value === null) {
      this.int32(-1)
      return
    }
    this.int32(recordsSize(value))
    this.gather(value)
  }
  compactRecords(value: RecordsInput | null): void {
    if (value === null) {
      this.unsignedVarint(0)
      return
    }
    this.unsignedVarint(recordsSize(value) + 1)
    this.gather(value)
  }
  private gather(value: RecordsInput): void {
    for (const piece of Array.isArray(value) ? (value as readonly Buffer[]) : [value as Buffer]) {
      if (piece.length < inlineRecordsSize) {
        this.raw(piece)
        continue
      }
      this.cut()
      this.done.push(piece)
      this.doneSize += piece.length
    }
  }

  count(value: number): void {
    this.int32(value)
  }
  compactCount(value: number): void {
    this.unsignedVarint(value + 1)
  }

  /** Starts a tagged field's value; `closeTag` puts its size in front. No records inside. */
  openTag(tag: number): number {
    this.unsignedVarint(tag)
    return this.position - this.start
  }
  closeTag(opened: number): void {
    const size = this.position - this.start - opened
    let prefix = 1
    for (let rest = size; rest > 0x7f; rest = Math.floor(rest / 128)) prefix++
    this.reserve(prefix)
    const from = this.start + opened
    const end = this.position
    this.slab.copyWithin(from + prefix, from, from + size)
    this.position = from
    this.unsignedVarint(size)
    this.position = end
  }
}

function recordsSize(value: RecordsInput): number {
  if (!Array.isArray(value)) return (value as Buffer).length
  let size = 0
  for (const piece of value as readonly Buffer[]) size += piece.length
  return size
}

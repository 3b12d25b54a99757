/**
 * Reads Kafka's primitive types from a range of bytes. Every length and count is checked against the
 * bytes that remain before anything is allocated, so a hostile frame costs no more memory than it has
 * bytes, and whatever is wrong with it ends in a `DecodeError`, never in a RangeError or a bad read.
 */

/** The bytes are not what the protocol says. The message names what was being read. */
export class DecodeError extends Error {
  override readonly name = 'DecodeError'
}

/** More elements than this in all arrays of one message is taken for an attack: objects are dearer than bytes. */
const maxElementCount = 1_000_000

export class WireReader {
  readonly buffer: Buffer
  position: number
  end: number
  private elementCount = 0

  constructor(buffer: Buffer, position = 0, end: number = buffer.length) {
    this.buffer = buffer
    this.position = position
    this.end = end
  }

  get remaining(): number {
    return this.end - this.position
  }

  /** Claims `size` bytes and gives the position of the first. */
  private take(size: number): number {
    const at = this.position
    if (size > this.end - at) throw new DecodeError(`needs ${size} bytes, ${this.end - at} remain`)
    this.position = at + size
    return at
  }

  bool(): boolean {
    return this.buffer[this.take(1)] !== 0
  }
  int8(): number {
    return (this.buffer[this.take(1)]! << 24) >> 24
  }
  int16(): number {
    const at = this.take(2)
    return ((this.buffer[at]! << 24) | (this.buffer[at + 1]! << 16)) >> 16
  }
  uint16(): number {
    const at = this.take(2)
    return (this.buffer[at]! << 8) | this.buffer[at + 1]!
  }
  int32(): number {
    const at = this.take(4)
    const b = this.buffer
    return (b[at]! << 24) | (b[at + 1]! << 16) | (b[at + 2]! << 8) | b[at + 3]!
  }
  uint32(): number {
    return this.int32() >>> 0
  }
  int64(): bigint {
    return this.buffer.readBigInt64BE(this.take(8))
  }
  float64(): number {
    return this.buffer.readDoubleBE(this.take(8))
  }
  uuid(): string {
    const at = this.take(16)
    return this.buffer.toString('base64url', at, at + 16)
  }

  /** Unsigned base-128 varint of at most 32 bits. */
  unsignedVarint(): number {
    let byte = this.buffer[this.take(1)]!
    if (byte < 0x80) return byte
    let value = byte & 0x7f
    for (let shift = 7; shift < 28; shift += 7) {
      byte = this.buffer[this.take(1)]!
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    byte = this.buffer[this.take(1)]!
    if (byte <= 0x0f) return value + byte * 0x1000_0000
    throw new DecodeError('a varint is longer than 32 bits')
  }

  /** Zigzag varint of at most 32 bits. */
  varint(): number {
    const raw = this.unsignedVarint()
    return (raw >>> 1) ^ -(raw & 1)
  }

  private text(size: number): string {
    const at = this.take(size)
    return this.buffer.toString('utf8', at, at + size)
  }
  string(): string {
    const size = this.int16()
    if (size < 0) throw new DecodeError('a string that may not be null is null')
    return this.text(size)
  }
  nullableString(): string | null {
    const size = this.int16()
    return size < 0 ? null : this.text(size)
  }
  compactString(): string {
    const size = this.unsignedVarint() - 1
    if (size < 0) throw new DecodeError('a string that may not be null is null')
    return this.text(size)
  }
  compactNullableString(): string | null {
    const size = this.unsignedVarint() - 1
    return size < 0 ? null : this.text(size)
  }

  private view(size: number): Buffer {
    const at = this.take(size)
    return this.buffer.subarray(at, at + size)
  }
  /** A copy: small data that outlives the frame. */
  private copy(size: number): Buffer {
    return Buffer.from(this.view(size))
  }
  bytes(): Buffer {
    const size = this.int32()
    if (size < 0) throw new DecodeError('bytes that may not be null are null')
    return this.copy(size)
  }
  nullableBytes(): Buffer | null {
    const size = this.int32()
    return size < 0 ? null : this.copy(size)
  }
  compactBytes(): Buffer {
    const size = this.unsignedVarint() - 1
    if (size < 0) throw new DecodeError('bytes that may not be null are null')
    return this.copy(size)
  }
  compactNullableBytes(): Buffer | null {
    const size = this.unsignedVarint() - 1
    return size < 0 ? null : this.copy(size)
  }
  /** A view of the frame, valid as long as the frame is. */
  nullableRecords(): Buffer | null {
    const size = this.int32()
    return size < 0 ? null : this.view(size)
  }
  compactNullableRecords(): Buffer | null {
    const size = this.unsignedVarint() - 1
    return size < 0 ? null : this.view(size)
  }
  records(): Buffer {
    const records = this.nullableRecords()
    if (records === null) throw new DecodeError('records that may not be null are null')
    return records
  }
  compactRecords(): Buffer {
    const records = this.compactNullableRecords()
    if (records === null) throw new DecodeError('records that may not be null are null')
    return records
  }

  /** Number of elements, or -1 for null; each element takes at least `elementSize` bytes. */
  nullableCount(elementSize: number): number {
    return this.checkedCount(this.int32(), elementSize)
  }
  compactNullableCount(elementSize: number): number {
    return this.checkedCount(this.unsignedVarint() - 1, elementSize)
  }
  count(elementSize: number): number {
    const count = this.nullableCount(elementSize)
    if (count < 0) throw new DecodeError('an array that may not be null is null')
    return count
  }
  compactCount(elementSize: number): number {
    const count = this.compactNullableCount(elementSize)
    if (count < 0) throw new DecodeError('an array that may not be null is null')
    return count
  }
  private checkedCount(count: number, elementSize: number): number {
    if (count < 0) return -1
    if (count * elementSize > this.end - this.position) {
      throw new DecodeError(`an array of ${count} elements cannot fit in ${this.end - this.position} bytes`)
    }
    this.elementCount += count
    if (this.elementCount > maxElementCount) throw new DecodeError('too many array elements in one message')
    return count
  }

  /** Size of a tagged field's value, checked; gives the position behind it. */
  tagEnd(): number {
    const size = this.unsignedVarint()
    if (size > this.end - this.position) {
      throw new DecodeError(`a tagged field of ${size} bytes, ${this.end - this.position} remain`)
    }
    return this.position + size
  }
  expectAt(position: number): void {
    if (this.position !== position) throw new DecodeError('a tagged field does not end where its size says')
  }
  /** Skips a whole tag section (unknown tags). */
  skipTags(): void {
    for (let count = this.unsignedVarint(), previous = -1; count > 0; count--) {
      previous = this.nextTag(previous)
      this.position = this.tagEnd()
    }
  }
  /** The next tag's number; tags ascend. */
  nextTag(previous: number): number {
    const tag = this.unsignedVarint()
    if (tag <= previous) throw new DecodeError(`tag ${tag} follows tag ${previous}`)
    return tag
  }
}

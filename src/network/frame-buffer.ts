/**
 * Cuts a connection's byte stream into frames: an int32 size, then as many bytes. Whole frames are
 * handed out where they were received, without a copy. What is left of an unfinished one moves to
 * memory of its own, into which the rest of it is received directly; that memory grows with what
 * arrives, so a frame that only announces a great size costs nothing.
 */
import type { BufferPool } from '../platform/buffer-pool.ts'

const sizeBytes = 4
const firstCapacity = 256 * 1024

export class FrameBuffer {
  private readonly pool: BufferPool
  private readonly maxFrameSize: number
  private partial: Buffer | undefined
  private filled = 0
  /** Size of the unfinished frame with its size field; only the size field while that is unfinished. */
  private expected = 0

  constructor(pool: BufferPool, maxFrameSize: number) {
    this.pool = pool
    this.maxFrameSize = maxFrameSize
  }

  /** Where the next bytes are wanted; undefined: wherever is convenient. */
  target(): Buffer | undefined {
    if (this.partial === undefined || this.isComplete) return undefined
    return this.partial.subarray(this.filled, Math.min(this.expected, this.partial.length))
  }

  /**
   * Takes note of `size` bytes received into `target()`. Gives the finished frame with its size field,
   * which the caller releases with `releaseFrame` when done; undefined while it is unfinished, and
   * `'bad size'` when no frame may be so large.
   */
  received(size: number): Buffer | undefined | 'bad size' {
    this.filled += size
    if (this.filled === sizeBytes && this.expected === sizeBytes) {
      const frameSize = this.partial!.readInt32BE(0)
      if (!this.isAcceptable(frameSize)) return 'bad size'
      this.expected = sizeBytes + frameSize
    }
    if (this.filled === this.expected) {
      return this.partial!.subarray(0, this.expected)
    }
    if (this.filled === this.partial!.length) this.grow()
    return undefined
  }

  /** Keeps the beginning of a frame, `bytes`, whose end has not arrived. `'bad size'` as in `received`. */
  begin(bytes: Buffer): 'bad size' | undefined {
    this.expected = sizeBytes
    if (bytes.length >= sizeBytes) {
      const frameSize = bytes.readInt32BE(0)
      if (!this.isAcceptable(frameSize)) return 'bad size'
      this.expected = sizeBytes + frameSize
    }
    const capacity = Math.min(this.expected, Math.max(firstCapacity, 2 * bytes.length))
    this.partial = this.pool.acquire(Math.max(capacity, sizeBytes))
    bytes.copy(this.partial)
    this.filled = bytes.length
    return undefined
  }

  /** A whole frame is in hand, which its owner has not released yet. */
  get isComplete(): boolean {
    return this.partial !== undefined && this.filled === this.expected
  }

  /** Memory held for a frame that is being received, or is in hand. */
  get memorySize(): number {
    return this.partial === undefined ? 0 : this.partial.length
  }

  /** The frame that is being received is larger than the memory it has. */
  get mustGrow(): boolean {
    return this.partial !== undefined && this.partial.length < this.expected
  }

  isAcceptable(frameSize: number): boolean {
    return frameSize >= 0 && frameSize <= this.maxFrameSize
  }

  /** Gives the memory of the frame in hand back. */
  releaseFrame(): void {
    if (this.partial === undefined) return
    this.pool.release(this.partial)
    this.partial = undefined
  }

  private grow(): void {
    const capacity = Math.max(firstCapacity, 2 * this.partial!.length)
    const larger = this.pool.acquire(Math.min(this.expected, capacity))
    this.partial!.copy(larger, 0, 0, this.filled)
    this.pool.release(this.partial!)
    this.partial = larger
  }
}

/** How many whole frames lie in a buffer from `position` on, where one begins. */
export function wholeFramesIn(buffer: Buffer, position: number): number {
  let count = 0
  for (let end = position; end + sizeBytes <= buffer.length; ) {
    end += sizeBytes + buffer.readInt32BE(end)
    if (end <= buffer.length) count++
  }
  return count
}

/**
 * Buffers that are used again. First-touched memory is the dearest thing on the hot path, so what a
 * read or a large frame needs comes from free lists by power-of-two size. Small requests are not
 * worth pooling and come from Node's own slab. The pool is bounded: above its limit a released
 * buffer is left to the garbage collector.
 */
export interface BufferPool {
  /** A buffer of at least `size` bytes; its content is arbitrary. */
  acquire(size: number): Buffer
  /** Gives a buffer from `acquire` back; the caller holds no view of it any more. */
  release(buffer: Buffer): void
}

const smallestPooledSize = 16 * 1024
const largestPooledSize = 16 * 1024 * 1024

export function bufferPool(maxPooledSize = 64 * 1024 * 1024): BufferPool {
  const free = new Map<number, Buffer[]>()
  let pooledSize = 0
  return {
    acquire(size) {
      if (size < smallestPooledSize / 2) return Buffer.allocUnsafe(size)
      if (size > largestPooledSize) return Buffer.allocUnsafeSlow(size)
      const rounded = size <= smallestPooledSize ? smallestPooledSize : 1 << (32 - Math.clz32(size - 1))
      const buffer = free.get(rounded)?.pop()
      if (buffer === undefined) return Buffer.allocUnsafeSlow(rounded)
      pooledSize -= rounded
      return buffer
    },
    release(buffer) {
      const size = buffer.length
      const isPooled =
        size >= smallestPooledSize &&
        size <= largestPooledSize &&
        size === buffer.buffer.byteLength &&
        (size & (size - 1)) === 0
      if (!isPooled || pooledSize + size > maxPooledSize) return
      let list = free.get(size)
      if (list === undefined) {
        list = []
        free.set(size, list)
      }
      list.push(buffer)
      pooledSize += size
    },
  }
}

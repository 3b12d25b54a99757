/**
 * To which partition a record with a key goes: murmur2 of the key's bytes as Kafka's Java client has it (32 bits,
 * seed 0x9747b28c), made positive by dropping the sign bit, modulo the number of partitions. All of Kafka's clients
 * that agree with Java on a key's partition compute just this.
 */

const seed = 0x9747b28c
const multiplier = 0x5bd1e995

export function murmur2(bytes: Uint8Array): number {
  const { length } = bytes
  const tail = length & ~3
  let hash = seed ^ length
  for (let at = 0; at < tail; at += 4) {
    let word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    word = Math.imul(word, multiplier)
    word ^= word >>> 24
    word = Math.imul(word, multiplier)
    hash = Math.imul(hash, multiplier) ^ word
  }
  if (length > tail) {
    for (let at = length - 1; at >= tail; at--) hash ^= bytes[at]! << (8 * (at - tail))
    hash = Math.imul(hash, multiplier)
  }
  hash ^= hash >>> 13
  hash = Math.imul(hash, multiplier)
  return hash ^ (hash >>> 15)
}

export function partitionOfKey(key: Uint8Array, partitionCount: number): number {
  return (murmur2(key) & 0x7fffffff) % partitionCount
}

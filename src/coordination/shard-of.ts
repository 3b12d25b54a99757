/**
 * Which partition of its internal topic a key's coordinator lives in. Kafka's rule, so that a data
 * directory means the same to both: the key's Java hash code, made positive by `Math.abs` (Utils.abs,
 * not the bit mask that producers partition with), modulo the number of partitions.
 */

/** String.hashCode of Java, over UTF-16 code units in 32-bit arithmetic. */
export function javaHashCode(text: string): number {
  let hash = 0
  for (let index = 0; index < text.length; index++) hash = (Math.imul(hash, 31) + text.charCodeAt(index)) | 0
  return hash
}

export function shardOf(key: string, partitionCount: number): number {
  const hash = javaHashCode(key)
  // The one number without a positive counterpart in 32 bits counts as 0.
  return (hash === -0x80000000 ? 0 : Math.abs(hash)) % partitionCount
}

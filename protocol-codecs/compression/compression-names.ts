/**
 * The codecs of record batches: the number in a batch's attributes and the name in `compression.type`.
 */
export const compressionNames = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const

export type CompressionName = (typeof compressionNames)[number]
export type CompressionId = 0 | 1 | 2 | 3 | 4

export function isCompressionId(id: number): id is CompressionId {
  return id >= 0 && id < compressionNames.length && Number.isInteger(id)
}

export function compressionId(name: CompressionName): CompressionId {
  return compressionNames.indexOf(name) as CompressionId
}

/**
 * The five codecs behind one pair of functions. Compressing writes what Apache Kafka's Java client reads; inflating
 * reads what the Java client, librdkafka and kafkajs write, never gives more than `maxSize` bytes, and answers bytes
 * that are not of the format with a CompressionError.
 *
 * zstd needs a preparation that can only be asynchronous where node:zlib has none (before Node 22.15): WebAssembly.
 * So `prepareCompression()` is awaited once before the broker listens.
 */
import { unavailable } from './compression-error.ts'
import type { CompressionId } from './compression-names.ts'
import { gunzip, gzip } from './gzip.ts'
import { compressLz4, decompressLz4 } from './lz4-frame.ts'
import { compressSnappy, decompressSnappy } from './snappy.ts'
import { compressZstd, decompressZstd, prepareZstd } from './zstd.ts'

export function prepareCompression(): Promise<void> {
  return prepareZstd()
}

/** The compressed bytes; for `none` the very buffer that was given. */
export function compress(codec: CompressionId, buffer: Buffer): Buffer {
  switch (codec) {
    case 0:
      return buffer
    case 1:
      return gzip(buffer)
    case 2:
      return compressSnappy(buffer)
    case 3:
      return compressLz4(buffer)
    case 4:
      return compressZstd(buffer)
    default:
      throw unavailable(`compression type ${codec}`, 'there are five, from 0 to 4')
  }
}

/** The inflated bytes, at most `maxSize`; for `none` the very buffer that was given, whatever its size. */
export function decompress(codec: CompressionId, buffer: Buffer, maxSize: number): Buffer {
  switch (codec) {
    case 0:
      return buffer
    case 1:
      return gunzip(buffer, maxSize)
    case 2:
      return decompressSnappy(buffer, maxSize)
    case 3:
      return decompressLz4(buffer, maxSize)
    case 4:
      return decompressZstd(buffer, maxSize)
    default:
      throw unavailable(`compression type ${codec}`, 'there are five, from 0 to 4')
  }
}

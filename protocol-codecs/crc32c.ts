/**
 * CRC32C (Castagnoli, reflected polynomial 0x82f63b78), the checksum of record batches (magic 2) and of Kafka's
 * producer snapshots. RFC 3720 appendix B.4 gives test vectors.
 *
 * Two implementations agree: slicing-by-16 in JavaScript, which is always there and wins for short ranges, and the
 * optional package @node-rs/crc32, which uses the processor's instruction. `prepareCrc32c()` loads the latter once,
 * before the broker listens; until then, and wherever no binary fits, everything runs on the former.
 */
import { loadOptional } from './load-optional.ts'

type NativeCrc32c = (buffer: Uint8Array) => number

/** Below this size crossing into native code costs more than it saves (crc32c.bench.ts measures it). */
const nativeFromBytes = 384

let native: NativeCrc32c | null = null

/** Loads the native implementation if this machine has one; says whether it has. */
export async function prepareCrc32c(): Promise<boolean> {
  native ??= (await loadOptional<{ crc32c: NativeCrc32c }>('@node-rs/crc32'))?.crc32c ?? null
  return native !== null
}

/** The checksum of buffer[start, end) as an unsigned number. */
export function crc32c(buffer: Uint8Array, start = 0, end = buffer.length): number {
  if (native !== null && end - start >= nativeFromBytes) {
    return native(new Uint8Array(buffer.buffer, buffer.byteOffset + start, end - start))
  }
  return crc32cInJavaScript(buffer, start, end)
}

/**
 * Table k (256 entries from k * 256) advances a byte through k further zero bytes, so sixteen bytes are folded by
 * sixteen independent look-ups.
 */
const tables = buildTables()

function buildTables(): Int32Array {
  const built = new Int32Array(16 * 256)
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
    built[byte] = crc
  }
  for (let index = 256; index < built.length; index++) {
    const previous = built[index - 256]!
    built[index] = (previous >>> 8) ^ built[previous & 0xff]!
  }
  return built
}

/** The fallback, exported so that tests and the bench can compare it with the native one. */
export function crc32cInJavaScript(buffer: Uint8Array, start = 0, end = buffer.length): number {
  const t = tables
  let crc = -1
  let i = start
  for (const last = end - 16; i <= last; i += 16) {
    crc =
      t[3840 + (buffer[i]! ^ (crc & 0xff))]! ^
      t[3584 + (buffer[i + 1]! ^ ((crc >>> 8) & 0xff))]! ^
      t[3328 + (buffer[i + 2]! ^ ((crc >>> 16) & 0xff))]! ^
      t[3072 + (buffer[i + 3]! ^ (crc >>> 24))]! ^
      t[2816 + buffer[i + 4]!]! ^
      t[2560 + buffer[i + 5]!]! ^
      t[2304 + buffer[i + 6]!]! ^
      t[2048 + buffer[i + 7]!]! ^
      t[1792 + buffer[i + 8]!]! ^
      t[1536 + buffer[i + 9]!]! ^
      t[1280 + buffer[i + 10]!]! ^
      t[1024 + buffer[i + 11]!]! ^
      t[768 + buffer[i + 12]!]! ^
      t[512 + buffer[i + 13]!]! ^
      t[256 + buffer[i + 14]!]! ^
      t[buffer[i + 15]!]!
  }
  for (; i < end; i++) crc = (crc >>> 8) ^ t[(crc ^ buffer[i]!) & 0xff]!
  return ~crc >>> 0
}

/**
 * Where does native CRC32C start to pay? Prints nanoseconds per call and GB/s for both implementations by size.
 * Run by hand after a build: node dist/esm/protocol-codecs/crc32c.bench.js
 */
import { randomBytes } from 'node:crypto'
import { crc32cInJavaScript } from './crc32c.ts'
import { loadOptional } from './load-optional.ts'

type Checksum = (buffer: Uint8Array, start: number, end: number) => number

let sink = 0

function nanosecondsPerCall(checksum: Checksum, buffer: Uint8Array, size: number): number {
  const calls = Math.max(50, Math.ceil(20_000_000 / (size + 200)))
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < 5; round++) {
    const began = process.hrtime.bigint()
    for (let call = 0; call < calls; call++) sink ^= checksum(buffer, 16, 16 + size)
    best = Math.min(best, Number(process.hrtime.bigint() - began) / calls)
  }
  return best
}

async function main(): Promise<void> {
  const native = await loadOptional<{ crc32c: (buffer: Uint8Array) => number }>('@node-rs/crc32')
  const implementations: [string, Checksum][] = [['javascript', crc32cInJavaScript]]
  if (native !== null) {
    implementations.push([
      'native',
      (buffer, start, end) =>
        native.crc32c(new Uint8Array(buffer.buffer, buffer.byteOffset + start, end - start)),
    ])
  }
  const buffer = randomBytes(1_100_000)
  for (const size of [64, 128, 192, 256, 384, 512, 768, 1_024, 4_096, 16_384, 131_072, 1_048_576]) {
    const cells = implementations.map(([name, checksum]) => {
      const nanoseconds = nanosecondsPerCall(checksum, buffer, size)
      return `${name} ${nanoseconds.toFixed(0).padStart(7)} ns ${(size / nanoseconds).toFixed(2).padStart(6)} GB/s`
    })
    console.log(`${String(size).padStart(8)} bytes: ${cells.join('   ')}`)
  }
  process.exitCode = sink === -1 ? 1 : 0
}

void main()

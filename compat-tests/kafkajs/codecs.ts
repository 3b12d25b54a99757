/**
 * The compressions that kafkajs leaves to plug-in packages: kafkajs-snappy and kafkajs-lz4 as published, lz4 once
 * more over lz4-napi (what people take where kafkajs-lz4's native part does not compile), and zstd over
 * zstd-codec, because @kafkajs/zstd no longer compiles (FINDINGS.md). Each codec counts how often it decompressed,
 * which proves that batches were really compressed on the wire and in the log.
 */
import kafkajs from 'kafkajs'
import { Skipped } from '../capability.ts'
import { clientPackages } from '../client-packages.ts'

/** kafkajs's own shape of a codec; an encoder there is something that has its bytes in `buffer`. */
interface Codec {
  compress(encoder: { buffer: Buffer }): Promise<Buffer>
  decompress(buffer: Buffer): Promise<Buffer>
}

/** The streaming half of zstd-codec: its other half gives null for frames that do not say how long they become. */
interface ZstdStreaming {
  compress(bytes: Uint8Array, level: number): Uint8Array
  decompress(bytes: Uint8Array): Uint8Array
}

export type CodecName = 'gzip' | 'kafkajs-snappy' | 'kafkajs-lz4' | 'lz4-napi' | 'zstd-codec'

/** Makes kafkajs use this codec, and gives its compression type and the count of batches decompressed since. */
export async function useCodec(name: CodecName): Promise<{ type: number; decompressions: () => number }> {
  const { GZIP, Snappy, LZ4, ZSTD } = kafkajs.CompressionTypes
  const type = {
    gzip: GZIP,
    'kafkajs-snappy': Snappy,
    'kafkajs-lz4': LZ4,
    'lz4-napi': LZ4,
    'zstd-codec': ZSTD,
  }[name]
  const codec = await loadCodec(name)
  let decompressions = 0
  const codecs = kafkajs.CompressionCodecs as Record<number, () => unknown>
  codecs[type] = () =>
    ({
      compress: encoder => codec.compress(encoder),
      decompress(buffer) {
        decompressions += 1
        return codec.decompress(buffer)
      },
    }) satisfies Codec
  return { type, decompressions: () => decompressions }
}

async function loadCodec(name: CodecName): Promise<Codec> {
  // kafkajs's own, which must be taken before it is wrapped.
  if (name === 'gzip') return ownGzip()
  const require = await clientPackages('kafkajs')
  try {
    switch (name) {
      case 'kafkajs-snappy':
        return (require('kafkajs-snappy') as () => Codec)()
      case 'kafkajs-lz4': {
        const LZ4Codec = require('kafkajs-lz4') as new () => { codec: () => Codec }
        return new LZ4Codec().codec()
      }
      case 'lz4-napi': {
        const lz4 = require('lz4-napi') as {
          compressFrame(bytes: Buffer): Promise<Buffer>
          decompressFrame(bytes: Buffer): Promise<Buffer>
        }
        return {
          compress: encoder => lz4.compressFrame(encoder.buffer),
          decompress: bytes => lz4.decompressFrame(bytes),
        }
      }
      case 'zstd-codec':
        return await zstdCodec(require)
    }
  } catch (error) {
    throw new Skipped(`${name} cannot be loaded here: ${(error as Error).message.split('\n')[0]}`)
  }
}

let gzip: Codec | undefined

function ownGzip(): Codec {
  gzip ??= kafkajs.CompressionCodecs[kafkajs.CompressionTypes.GZIP]() as Codec
  return gzip
}

async function zstdCodec(require: NodeJS.Require): Promise<Codec> {
  const events = ['uncaughtException', 'unhandledRejection'] as const
  const before = events.map(event => process.listeners(event as 'uncaughtException'))
  const { ZstdCodec } = require('zstd-codec') as {
    ZstdCodec: { run(use: (zstd: { Streaming: new () => ZstdStreaming }) => void): void }
  }
  const zstd = await new Promise<ZstdStreaming>(resolve =>
    ZstdCodec.run(binding => resolve(new binding.Streaming())),
  )
  // Its runtime appoints itself the judge of everybody's uncaught errors and ends the process; not here.
  for (const [index, event] of events.entries()) {
    for (const listener of process.listeners(event as 'uncaughtException')) {
      if (!before[index]!.includes(listener)) process.off(event, listener)
    }
  }
  return {
    compress: async encoder => Buffer.from(zstd.compress(encoder.buffer, 3)),
    decompress: async bytes => Buffer.from(zstd.decompress(bytes)),
  }
}

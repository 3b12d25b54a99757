/** gzip (RFC 1952) by node:zlib, at zlib's default level as Kafka's clients use it. */
import { gunzipSync, gzipSync } from 'node:zlib'
import { malformed, tooLarge } from './compression-error.ts'

export function gzip(buffer: Buffer): Buffer {
  return gzipSync(buffer)
}

export function gunzip(buffer: Buffer, maxSize: number): Buffer {
  try {
    return gunzipSync(buffer, { maxOutputLength: Math.max(1, maxSize) })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge('gzip', maxSize)
    throw malformed('gzip', (error as Error).message)
  }
}

/**
 * What messages of the older formats say, so that two sets can be compared: the times that a broker stamped are "a
 * time", what is compressed is compared as it was before, and what a set is filled up with is left out.
 */
import { decompress } from '../../protocol-codecs/compression/compression.ts'
import { isCompressionId } from '../../protocol-codecs/compression/compression-names.ts'
import { decompressLz4ForMagic0 } from '../../protocol-codecs/compression/lz4-frame.ts'
import {
  compressionMask,
  logAppendTimeBit,
  messageSizeEnd,
  readMessage,
} from '../../protocol-codecs/message-sets/message.ts'

const lz4 = 3
const maxInflatedBytes = 10_000_000

/** The messages from the start, and what follows them as hexadecimal digits if it is no message. */
export function messagesOf(bytes: Buffer): unknown[] {
  const messages: unknown[] = []
  let at = 0
  while (!isFilling(bytes.subarray(at))) {
    const size = bytes.length - at < messageSizeEnd ? 0 : messageSizeEnd + bytes.readInt32BE(at + 8)
    const message = size > messageSizeEnd && at + size <= bytes.length ? shown(bytes, at, size) : undefined
    if (message === undefined) return [...messages, bytes.toString('hex', at)]
    messages.push(message)
    at += size
  }
  return messages
}

/** Kafka fills up a set that it has converted with a message of the offset -1, as much of it as there is room for. */
function isFilling(rest: Buffer): boolean {
  return rest.subarray(0, 8).every(byte => byte === 0xff)
}

function shown(bytes: Buffer, at: number, size: number): unknown {
  try {
    const { attributes, key, magic, offset, timestamp, value } = readMessage(bytes, at, size)
    const compression = attributes & compressionMask
    if (!isCompressionId(compression)) return undefined
    const said = {
      offset,
      magic,
      attributes,
      timestamp: (attributes & logAppendTimeBit) === 0 ? timestamp : '<a time>',
      key: key?.toString('hex') ?? null,
    }
    if (compression === 0 || value === null) return { ...said, value: value?.toString('hex') ?? null }
    const inner =
      compression === lz4 && magic === 0
        ? decompressLz4ForMagic0(value, maxInflatedBytes)
        : decompress(compression, value, maxInflatedBytes)
    return { ...said, value: messagesOf(inner) }
  } catch {
    return undefined
  }
}

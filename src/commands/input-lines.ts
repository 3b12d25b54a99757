/**
 * A stream of bytes as lines, in the pieces in which they come. A line may be cut anywhere; the last one needs no newline, and `\r\n` ends a line as well.
 */
import type { Readable } from 'node:stream'
import { ClientError } from '../client/client-error.ts'

/** Longer than any record that a broker takes by default, a hundred times over. */
const maxLineBytes = 100 * 1024 * 1024
const newline = 0x0a
const carriageReturn = 0x0d

export async function* linesOf(stream: Readable): AsyncGenerator<Buffer[], void> {
  let pieces: Buffer[] = []
  let size = 0
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    const lines: Buffer[] = []
    let start = 0
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      pieces.push(chunk.subarray(start, end))
      lines.push(joined(pieces))
      pieces = []
      size = 0
      start = end + 1
    }
    if (start < chunk.length) {
      pieces.push(chunk.subarray(start))
      size += chunk.length - start
      if (size > maxLineBytes)
        throw new ClientError('MESSAGE_TOO_LARGE', `A line has more than ${maxLineBytes} bytes.`)
    }
    if (lines.length > 0) yield lines
  }
  if (size > 0) yield [joined(pieces)]
}

function joined(pieces: readonly Buffer[]): Buffer {
  const bytes = pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces)
  return bytes.length > 0 && bytes[bytes.length - 1] === carriageReturn ? bytes.subarray(0, -1) : bytes
}

/**
 * What a broker did, in order, as a file: each change of its disk (`src/testing/recording-disk.ts`), and a mark for
 * everything that it sent to a client. The place of an event is its number.
 *
 *     for each event: uint32 size of a JSON text, the text, uint32 size of the bytes that were written, the bytes
 */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import type { DiskEvent } from '../../../src/testing/recording-disk.ts'

/** Up to here so many bytes had been given to the connection from this port of a client. */
export interface SentMark {
  readonly type: 'sent'
  readonly port: number
  readonly bytes: number
}

export type RecordedEvent = DiskEvent | SentMark

const flushBytes = 1024 * 1024

/** Gives what takes an event, and what brings the last ones to the file. */
export function writeRecording(path: string): { add(event: RecordedEvent): void; close(): void } {
  const descriptor = openSync(path, 'w')
  let pieces: Buffer[] = []
  let size = 0
  function flush(): void {
    writeSync(descriptor, Buffer.concat(pieces))
    pieces = []
    size = 0
  }
  const add = (bytes: Buffer): void => {
    const length = Buffer.alloc(4)
    length.writeUInt32BE(bytes.length)
    // The bytes of a write are only lent.
    pieces.push(length, Buffer.from(bytes))
    size += 4 + bytes.length
  }
  return {
    add(event) {
      const isWrite = event.type === 'write'
      add(Buffer.from(JSON.stringify(isWrite ? { ...event, bytes: undefined } : event)))
      add(isWrite ? event.bytes : Buffer.alloc(0))
      if (size > flushBytes) flush()
    },
    close() {
      flush()
      closeSync(descriptor)
    },
  }
}

export function readRecording(path: string): RecordedEvent[] {
  const content = readFileSync(path)
  const events: RecordedEvent[] = []
  let at = 0
  const next = (): Buffer => {
    const end = at + 4 + content.readUInt32BE(at)
    const bytes = content.subarray(at + 4, end)
    at = end
    return bytes
  }
  while (at < content.length) {
    const event = JSON.parse(next().toString()) as RecordedEvent
    const bytes = next()
    events.push(event.type === 'write' ? { ...event, bytes } : event)
  }
  return events
}

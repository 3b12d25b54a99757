/**
 * Holds every codec against bytes from encoders that are not ours (see vectors/README.md): the value and the
 * bytes must agree both ways, a message cut short anywhere must fail as the protocol error that it is, and
 * every message and version that is described must have been tried.
 */
import t, { type Test } from 'tap'
import { codecFor } from './compile-codec.ts'
import type { Message } from './schema.ts'
import {
  difference,
  encodable,
  loadMessages,
  readDefaults,
  readVectors,
  type Vector,
} from './vectors/read-vectors.ts'
import { inVersions, parseVersions } from './versions.ts'
import { DecodeError, WireReader } from './wire-reader.ts'
import { WireWriter } from './wire-writer.ts'

const messages = await loadMessages(
  new URL('./messages/', import.meta.url),
  new URL('./internal-topics/', import.meta.url),
)
const defaults = readDefaults()

/** Messages that Kafka has no generated class for, so that no vector can be had: tested by hand elsewhere. */
const withoutVectors: string[] = []

const seen = new Set<string>()
for (const file of ['java-requests', 'java-responses', 'java-structures', 'kafkajs', 'platformatic']) {
  const all = readVectors(`${file}.jsonl.gz`)
  const vectors = all.filter(vector => {
    const message = messages.get(vector.message)
    return message !== undefined && inVersions(message.versions, vector.version)
  })
  for (const vector of vectors) seen.add(`${vector.message} ${vector.version}`)
  t.comment(`${file}: ${vectors.length} of ${all.length} vectors are of messages that are described`)

  t.test(`${file}: bytes decode to the value that they were made from`, async t => {
    report(t, vectors, (vector, message) => {
      const reader = readerAmidGarbage(vector.bytes)
      const value = codecFor(message, vector.version).decode(reader)
      if (reader.remaining !== 0) return `${reader.remaining} bytes are left`
      return difference(value, vector.json, defaults[vector.message], '')
    })
  })

  t.test(
    `${file}: a decoded value encodes to the same bytes, and so does one without the absent fields`,
    async t => {
      report(t, vectors, (vector, message) => {
        const codec = codecFor(message, vector.version)
        const value = codec.decode(new WireReader(vector.bytes))
        const again = encode(message, vector.version, value)
        if (vector.unknownTags) {
          const found = difference(
            codec.decode(new WireReader(again)),
            vector.json,
            defaults[vector.message],
            '',
          )
          return found ?? (again.length < vector.bytes.length ? undefined : 'unknown tags came back')
        }
        if (!again.equals(vector.bytes))
          return `from the decoded value: ${bytesDifference(again, vector.bytes)}`
        const sparse = encode(message, vector.version, encodable(vector.json, value))
        return sparse.equals(vector.bytes) ? undefined : `from JSON: ${bytesDifference(sparse, vector.bytes)}`
      })
    },
  )

  t.test(`${file}: every prefix fails with a DecodeError`, async t => {
    report(t, vectors, (vector, message) => {
      const codec = codecFor(message, vector.version)
      for (const size of prefixSizes(vector.bytes.length)) {
        const found = failure(() => codec.decode(new WireReader(vector.bytes, 0, size)))
        if (found === undefined) return `${size} of ${vector.bytes.length} bytes decode`
        if (!(found instanceof DecodeError)) return `${size} of ${vector.bytes.length} bytes: ${found}`
      }
      return undefined
    })
  })
}

t.test(
  'records of internal topics and of the metadata log are framed by the record type that is described',
  async t => {
    const framed = readVectors('java-structures.jsonl.gz').filter(
      vector => messages.has(vector.message) && vector.framed,
    )
    t.ok(framed.length > 0)
    report(t, framed, (vector, message) => {
      const writer = new WireWriter()
      if (message.name.endsWith('Key')) writer.int16(message.apiKey!)
      else if (message.name.endsWith('Value')) writer.int16(vector.version)
      else for (const part of [1, message.apiKey!, vector.version]) writer.unsignedVarint(part)
      const expected = Buffer.concat([writer.toBuffer(), vector.bytes])
      return expected.equals(vector.framed!) ? undefined : bytesDifference(expected, vector.framed!)
    })
  },
)

t.test('every version of every message that is described has a vector', async t => {
  const missing: string[] = []
  for (const message of messages.values()) {
    if (withoutVectors.includes(message.name)) continue
    const { first, last } = parseVersions(message.versions)
    for (let version = first; version <= last; version++) {
      if (!seen.has(`${message.name} ${version}`)) missing.push(`${message.name} ${version}`)
    }
  }
  t.same(missing, [])
})

/** Runs a check over vectors; the first few complaints become the test's failure. */
function report(
  t: Test,
  vectors: Vector[],
  check: (vector: Vector, message: Message) => string | undefined,
): void {
  const traces = Error.stackTraceLimit
  Error.stackTraceLimit = 0 // a million expected errors are made here
  const complaints: string[] = []
  for (const vector of vectors) {
    let complaint: string | undefined
    try {
      complaint = check(vector, messages.get(vector.message)!)
    } catch (error) {
      complaint = `throws ${error}`
    }
    if (complaint !== undefined)
      complaints.push(`${vector.message} v${vector.version} ${vector.case}: ${complaint}`)
  }
  Error.stackTraceLimit = traces
  t.same(complaints.slice(0, 20), [], `${vectors.length} vectors, ${complaints.length} of them wrong`)
}

/** The bytes within a larger buffer, as messages come: whoever reads beyond the end finds bytes there, wrong ones. */
function readerAmidGarbage(bytes: Buffer): WireReader {
  const around = Buffer.alloc(bytes.length + 32, 0x55)
  bytes.copy(around, 16)
  return new WireReader(around, 16, 16 + bytes.length)
}

function encode(message: Message, version: number, value: unknown): Buffer {
  const writer = new WireWriter()
  codecFor(message, version).encode(writer, value as never)
  return writer.toBuffer()
}

/** All sizes up to 300, and a sample of those above, the last ones among them. */
function* prefixSizes(size: number): Iterable<number> {
  for (let at = 0; at < Math.min(size, 300); at++) yield at
  const step = Math.max(1, Math.floor((size - 300) / 40))
  for (let at = 300; at < size - 5; at += step) yield at
  for (let at = Math.max(300, size - 5); at < size; at++) yield at
}

function failure(action: () => unknown): unknown {
  try {
    action()
    return undefined
  } catch (error) {
    return error
  }
}

function bytesDifference(actual: Buffer, expected: Buffer): string {
  let at = 0
  while (at < actual.length && actual[at] === expected[at]) at++
  const show = (bytes: Buffer) => bytes.subarray(Math.max(0, at - 4), at + 12).toString('hex')
  return `byte ${at}: ${show(actual)} instead of ${show(expected)} (${actual.length} and ${expected.length} bytes)`
}

/**
 * Damages request frames and decodes them. Invariants: a decoder ends in a value or a DecodeError, whatever
 * the bytes; it reads nothing behind the frame's end; and what it allocates on the way stays in proportion to
 * the frame. Damage is aimed: most frames keep their header, so that the damage meets a body decoder, and
 * lengths and counts are overwritten with the numbers that break arithmetic.
 *
 * `scripts/fuzz/run.ts` runs this for long and sends the same frames to a broker; mutation.test.ts is a short,
 * seeded slice of it.
 */
import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { codecFor } from './compile-codec.ts'
import { requestHeader } from './messages/request-header.ts'
import type { Message } from './schema.ts'
import type { Vector } from './vectors/read-vectors.ts'
import { inVersions } from './versions.ts'
import { DecodeError, WireReader } from './wire-reader.ts'
import { WireWriter } from './wire-writer.ts'

export interface Random {
  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number
  /** True in this share of the calls. */
  chance(share: number): boolean
}

export interface FrameTemplate {
  readonly message: Message
  readonly version: number
  /** A whole request without its length prefix. */
  readonly bytes: Buffer
  readonly headerSize: number
}

/** Share of the frames whose header is damaged too. */
const damagedHeaders = 0.05
/** Templates larger than this would spend the time on copying. */
const maxTemplateSize = 2_000

/** Whole requests made from vectors of request messages, by API. */
export function frameTemplates(
  vectors: Vector[],
  messages: Map<string, Message>,
): Map<number, FrameTemplate[]> {
  const templates = new Map<number, FrameTemplate[]>()
  for (const vector of vectors) {
    const message = messages.get(vector.message)
    if (message?.apiKey === undefined || !inVersions(message.versions, vector.version)) continue
    if (vector.bytes.length > maxTemplateSize) continue
    const writer = new WireWriter()
    const header = {
      requestApiKey: message.apiKey,
      requestApiVersion: vector.version,
      correlationId: 7,
      clientId: 'fuzz',
    }
    codecFor(requestHeader, headerVersion(message, vector.version)).encode(writer, header)
    const head = writer.toBuffer()
    const bytes = Buffer.concat([head, vector.bytes])
    const list = templates.get(message.apiKey) ?? []
    list.push({ message, version: vector.version, bytes, headerSize: head.length })
    templates.set(message.apiKey, list)
  }
  return templates
}

function headerVersion(message: Message, version: number): number {
  return inVersions(message.flexible, version) ? 2 : 1
}

const extremeInt32 = [0, 1, -1, -2, 0x7fffffff, -0x80000000, 0x7ffffffe, 0x10000, 1_000_000, 100_000_000]
const extremeInt16 = [0, 1, -1, -2, 0x7fff, -0x8000]
const extremeVarints = [
  '00',
  '01',
  '7f',
  '8001',
  'ffff7f',
  'ffffffff07',
  'ffffffff0f',
  'ffffffff7f',
  '8080808000',
  'ffffffffffffffffff01',
].map(hex => Buffer.from(hex, 'hex'))

type Mutation = (frame: Buffer, from: number, random: Random, others: FrameTemplate[]) => Buffer

/** Each takes a frame that it may change in place and gives the damaged one; nothing before `from` changes. */
const mutations: Mutation[] = [
  (frame, from, random) => {
    const at = place(frame, from, random)
    if (at < frame.length) frame[at] = frame[at]! ^ (1 << random.between(0, 7))
    return frame
  },
  (frame, from, random) => {
    const at = place(frame, from, random)
    if (at < frame.length)
      frame[at] = random.chance(0.5) ? random.between(0, 255) : pick([0, 1, 0x7f, 0x80, 0xff], random)
    return frame
  },
  (frame, from, random) => {
    const at = place(frame, from, random)
    if (at + 2 <= frame.length) frame.writeInt16BE(pick(extremeInt16, random), at)
    return frame
  },
  (frame, from, random) => {
    const at = place(frame, from, random)
    const remaining = frame.length - at - 4
    // Also the numbers that just fit, and just do not: as a count, and as a count of several bytes each.
    const value = random.chance(0.5)
      ? pick(extremeInt32, random)
      : Math.floor(remaining / random.between(1, 4)) + random.between(-1, 1)
    if (remaining >= 0) frame.writeInt32BE(value, at)
    return frame
  },
  (frame, from, random) => {
    const at = place(frame, from, random)
    pick(extremeVarints, random).copy(frame, at)
    return frame
  },
  (frame, from, random) => {
    const at = place(frame, from, random)
    const inserted = Buffer.alloc(random.between(1, 16), random.between(0, 255))
    return Buffer.concat([frame.subarray(0, at), inserted, frame.subarray(at)])
  },
  (frame, from, random) => {
    const at = place(frame, from, random)
    return Buffer.concat([frame.subarray(0, at), frame.subarray(at + random.between(1, 16))])
  },
  (frame, from, random) => frame.subarray(0, place(frame, from, random)),
  (frame, from, random) => {
    const start = place(frame, from, random)
    const end = Math.min(frame.length, start + random.between(1, 64))
    return Buffer.concat([frame.subarray(0, end), frame.subarray(start)])
  },
  (frame, from, random, others) => {
    const other = pick(others, random)
    return Buffer.concat([
      frame.subarray(0, place(frame, from, random)),
      other.bytes.subarray(place(other.bytes, other.headerSize, random)),
    ])
  },
  // A long run of one byte: the densest way to say "many small elements", behind a count that fits it.
  (frame, from, random) => {
    const at = place(frame, from, random)
    const run = Buffer.alloc(random.between(1, 8_000), pick([0, 1, 2, 0xff], random))
    const count = Buffer.alloc(random.chance(0.5) ? 4 : 2)
    if (count.length === 4) count.writeInt32BE(Math.floor(run.length / random.between(1, 6)))
    else count.writeUInt16LE(0x0080 | (run.length & 0x7f) | (((run.length >> 7) << 8) & 0x7fff))
    return Buffer.concat([frame.subarray(0, at), count, run])
  },
]

function place(frame: Buffer, from: number, random: Random): number {
  return frame.length <= from ? frame.length : random.between(from, frame.length - 1)
}

function pick<T>(list: readonly T[], random: Random): T {
  return list[random.between(0, list.length - 1)]!
}

/** A damaged copy of a request; the header stays right in all but one of twenty. */
export function mutate(template: FrameTemplate, others: FrameTemplate[], random: Random): Buffer {
  const from = random.chance(damagedHeaders) ? 0 : template.headerSize
  let frame: Buffer = Buffer.from(template.bytes)
  for (let count = random.between(1, 4); count > 0; count--) {
    frame = pick(mutations, random)(frame, from, random, others)
  }
  return frame
}

/** How far a frame got: refused for its header, refused by the decoder of its body, or decoded. */
export type Outcome = { reached: 'header' } | { reached: 'body' | 'value'; apiKey: number }

/** Decodes as a broker does: the header says which decoder the body gets. Throws nothing but what is a bug. */
export function decodeFrame(frame: Buffer, end: number, requests: Map<number, Message>): Outcome {
  let outcome: Outcome = { reached: 'header' }
  try {
    const reader = new WireReader(frame, 0, end)
    const apiKey = reader.int16()
    const version = reader.int16()
    const message = requests.get(apiKey)
    if (message === undefined || !inVersions(message.versions, version)) return outcome
    reader.position = 0
    codecFor(requestHeader, headerVersion(message, version)).decode(reader)
    outcome = { reached: 'body', apiKey }
    codecFor(message, version).decode(reader)
    if (reader.position > end)
      throw new Error(`${message.name} v${version} read ${reader.position - end} bytes too many`)
    return { reached: 'value', apiKey }
  } catch (error) {
    if (error instanceof DecodeError) return outcome
    throw error
  }
}

export interface ApiCounts {
  frames: number
  reachedBody: number
  decoded: number
}

export interface FuzzReport {
  readonly frames: number
  readonly reachedBody: number
  /** By API key of the template; a frame counts as reaching the body of whichever API its header names. */
  readonly apis: Map<number, ApiCounts>
  /** Anything that was thrown and is no DecodeError, and anything that allocated too much. */
  readonly findings: { readonly what: string; readonly frame: string }[]
  /** Most bytes of heap per byte of frame that one decode took, among those that took more than 32 KiB. */
  readonly worstAmplification: number
  readonly heapBefore: number
  readonly heapAfter: number
}

export interface FuzzOptions {
  readonly templates: Map<number, FrameTemplate[]>
  readonly count: number
  readonly random: Random
  /** Called now and then with the number of frames done. */
  readonly progress?: (done: number) => void
}

/** Below this, the heap statistics are too coarse to blame a decoder. */
const allocationFloor = 32 * 1024
/** An element of one byte becomes an object of some dozen members at most. */
const maxAmplification = 400
const maxFindings = 20

/** Decodes `count` damaged frames, the APIs in turn. */
export function fuzzDecoding({ templates, count, random, progress }: FuzzOptions): FuzzReport {
  const requests = new Map([...templates].map(([apiKey, list]) => [apiKey, list[0]!.message]))
  const apiKeys = [...templates.keys()].sort((a, b) => a - b)
  const apis = new Map(apiKeys.map(apiKey => [apiKey, { frames: 0, reachedBody: 0, decoded: 0 }]))
  const findings: { what: string; frame: string }[] = []
  let reachedBody = 0
  let worstAmplification = 0
  const traces = Error.stackTraceLimit
  Error.stackTraceLimit = 0 // nearly every frame ends in an error, and a trace costs more than the decoding
  const heapBefore = settledHeap()
  for (let done = 0; done < count && findings.length < maxFindings; done++) {
    const list = templates.get(apiKeys[done % apiKeys.length]!)!
    const template = pick(list, random)
    const frame = mutate(template, list, random)
    const amid = amidGarbage(frame)
    let before = getHeapStatistics()
    let outcome: Outcome = { reached: 'header' }
    let allocated = 0
    try {
      outcome = decodeFrame(amid, frame.length, requests)
      allocated = allocatedSince(before)
      // The first use of a codec compiles it, and the engine compiles hot code whenever it likes: what counts is
      // the least of several times.
      for (let again = 0; again < 5 && allocated > allocationFloor; again++) {
        before = getHeapStatistics()
        decodeFrame(amid, frame.length, requests)
        allocated = Math.min(allocated, allocatedSince(before))
      }
    } catch (error) {
      findings.push({
        what: `${template.message.name} v${template.version}: ${error}`,
        frame: frame.toString('hex'),
      })
    }
    if (allocated > allocationFloor) {
      worstAmplification = Math.max(worstAmplification, allocated / frame.length)
      if (allocated > allocationFloor + frame.length * maxAmplification) {
        const what = `${template.message.name} v${template.version}: ${allocated} bytes of heap for a frame of ${frame.length}`
        findings.push({ what, frame: frame.toString('hex') })
      }
    }
    const counts = apis.get(template.message.apiKey!)!
    counts.frames++
    if (outcome.reached !== 'header') {
      reachedBody++
      counts.reachedBody++
      if (outcome.reached === 'value') counts.decoded++
    }
    if (done % 10_000 === 0) progress?.(done)
  }
  Error.stackTraceLimit = traces
  const frames = [...apis.values()].reduce((sum, { frames }) => sum + frames, 0)
  return { frames, reachedBody, apis, findings, worstAmplification, heapBefore, heapAfter: settledHeap() }
}

const garbage = Buffer.alloc(64, 0x01)
/** Bytes behind the frame, as a shared receive buffer has them: reading on would go unnoticed without. */
function amidGarbage(frame: Buffer): Buffer {
  return Buffer.concat([frame, garbage])
}

function allocatedSince(before: ReturnType<typeof getHeapStatistics>): number {
  const now = getHeapStatistics()
  // A collection in between makes this negative, which hides one decode of very many.
  return now.used_heap_size - before.used_heap_size + (now.external_memory - before.external_memory)
}

/** Heap in use after a collection, which only this way can be had without starting Node with a flag. */
function settledHeap(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  return process.memoryUsage().heapUsed
}

/**
 * Sends damaged requests to a running broker, so that each of them is really looked at. A broker closes the
 * connection at the first request that it cannot decode, and may answer some requests late or never (a long
 * poll, a rebalance, acks=0); so a connection carries requests that decode, pipelined, and as its last one a
 * request that does not, or that may wait. All but the last must be answered, unless the broker closes earlier.
 * In between fresh connections ask for ApiVersions, which must always be answered. Only APIs and versions that
 * the broker advertises are sent.
 */
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type ApiCounts,
  decodeFrame,
  type FrameTemplate,
  mutate,
  type Random,
} from '../../protocol-codecs/mutation.fuzz.ts'
import { WireReader } from '../../protocol-codecs/wire-reader.ts'

export interface BrokerFuzzOptions {
  /** HOST:PORT */
  readonly address: string
  readonly pid: number | undefined
  readonly connections: number
  readonly templates: Map<number, FrameTemplate[]>
  readonly count: number
  readonly random: Random
  readonly progress: (done: number) => void
}

export interface BrokerFuzzReport {
  readonly apis: Map<number, ApiCounts>
  readonly failures: string[]
  readonly notes: string[]
}

/** Most requests on one connection. */
const burst = 100
/** Fetch, JoinGroup, SyncGroup, ShareFetch may be answered late; Produce not at all. */
const mayWait = new Set([0, 1, 11, 14, 78])
/** For how long such a request is left alone before its connection goes away. */
const waitMs = 25
/** Share of the connections whose last request has a size that is not its own. */
const wrongLengths = 0.02
const extremeLengths = [
  0, 1, 3, 13, -1, -0x80000000, 0x7fffffff, 104_857_601, 104_857_600, 50_000_000, 70_000,
]
const answerMs = 10_000
const framesBetweenChecks = 10_000
/** Memory is compared with that after this share of the run, when buffers and code have found their size. */
const warmUp = 0.2
const memorySlack = 48 * 1024 * 1024

export async function fuzzBroker(options: BrokerFuzzOptions): Promise<BrokerFuzzReport> {
  const { address, pid, count, random, progress } = options
  const [host, port] = [
    address.slice(0, address.lastIndexOf(':')),
    Number(address.slice(address.lastIndexOf(':') + 1)),
  ]
  const advertised = await apiVersions(host, port)
  const templates = new Map<number, FrameTemplate[]>()
  for (const [apiKey, list] of options.templates) {
    const range = advertised.get(apiKey)
    if (range === undefined) continue
    const known = list.filter(({ version }) => version >= range.min && version <= range.max)
    if (known.length > 0) templates.set(apiKey, known)
  }
  const requests = new Map([...templates].map(([apiKey, list]) => [apiKey, list[0]!.message]))
  const apiKeys = [...templates.keys()]
  const apis = new Map(apiKeys.map(apiKey => [apiKey, { frames: 0, reachedBody: 0, decoded: 0 }]))
  const failures: string[] = []
  const outcomes = { answered: 0, closed: 0, waited: 0 }
  const memory: number[] = []
  let sent = 0
  let warmMemory: number | undefined

  function nextFrame(): { frame: Buffer; isLast: boolean } {
    const list = templates.get(apiKeys[sent % apiKeys.length]!)!
    const template = list[random.between(0, list.length - 1)]!
    const frame = mutate(template, list, random)
    const counts = apis.get(template.message.apiKey!)!
    counts.frames++
    const outcome = decodeFrame(frame, frame.length, requests)
    if (outcome.reached !== 'header') counts.reachedBody++
    if (outcome.reached === 'value') counts.decoded++
    sent++
    return { frame, isLast: outcome.reached !== 'value' || mayWait.has(outcome.apiKey) }
  }

  function nextBurst(): Buffer[] {
    const frames: Buffer[] = []
    while (frames.length < burst) {
      const { frame, isLast } = nextFrame()
      frames.push(frame)
      if (isLast) break
    }
    return frames
  }

  async function worker(): Promise<void> {
    while (sent < count && failures.length === 0) {
      const frames = nextBurst()
      try {
        const wrongLength = random.chance(wrongLengths)
          ? extremeLengths[random.between(0, extremeLengths.length - 1)]
          : undefined
        outcomes[await sendBurst(host, port, frames, wrongLength)]++
      } catch (error) {
        const hex = frames.map(frame => frame.toString('hex')).join(' ')
        failures.push(
          `after ${sent} frames: ${error instanceof Error ? error.message : error}: ${hex.slice(0, 4_000)}`,
        )
      }
      progress(sent)
    }
  }

  async function watch(): Promise<void> {
    let checked = 0
    for (;;) {
      const ended = sent >= count || failures.length > 0
      if (ended || sent - checked >= framesBetweenChecks) {
        checked = sent
        try {
          await apiVersions(host, port)
        } catch (error) {
          failures.push(`ApiVersions is not answered after ${sent} frames: ${error}`)
        }
        if (pid !== undefined) {
          const now = residentMemory(pid)
          if (now === undefined) failures.push(`process ${pid} is gone after ${sent} frames`)
          else memory.push(now)
          if (sent >= count * warmUp) warmMemory ??= now
        }
      }
      if (ended) return
      await sleep(50)
    }
  }

  await Promise.all([watch(), ...Array.from({ length: options.connections }, worker)])
  const last = memory.at(-1)
  if (last !== undefined && warmMemory !== undefined && last - warmMemory > memorySlack) {
    failures.push(`the broker's memory grew from ${mib(warmMemory)} to ${mib(last)} after the first fifth`)
  }
  const notes = [
    `connections: ${outcomes.answered} had every request answered, ${outcomes.closed} were closed by the broker, ${outcomes.waited} were left with a request waiting`,
    ...(memory.length === 0
      ? []
      : [
          `broker's memory: ${memory
            .filter((_, i) => i % Math.ceil(memory.length / 12) === 0)
            .map(mib)
            .join(', ')}; at the end ${mib(last!)}`,
        ]),
  ]
  return { apis, failures, notes }
}

/** Sends requests on a connection of their own, without waiting for answers in between; the last may lie about its size. */
function sendBurst(
  host: string,
  port: number,
  frames: Buffer[],
  wrongLength?: number,
): Promise<'answered' | 'closed' | 'waited'> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, noDelay: true })
    let connected = false
    let answered = 0
    let patience: NodeJS.Timeout
    const end = (how: 'answered' | 'closed' | 'waited') => {
      clearTimeout(patience)
      socket.destroy()
      resolve(how)
    }
    const fail = (message: string) => {
      clearTimeout(patience)
      socket.destroy()
      reject(new Error(message))
    }
    const answers = countAnswers(() => {
      answered++
      if (answered === frames.length) end('answered')
      else if (answered === frames.length - 1) waitForLast()
    })
    const waitForLast = () => {
      clearTimeout(patience)
      patience = setTimeout(() => end('waited'), waitMs)
    }
    patience = setTimeout(
      () => fail(`${answered} of ${frames.length} requests are answered within ${answerMs} ms`),
      answerMs,
    )
    socket.on('connect', () => {
      connected = true
      const chunks = frames.flatMap((frame, index) => {
        const length = Buffer.alloc(4)
        const isLast = index === frames.length - 1
        length.writeInt32BE(isLast && wrongLength !== undefined ? wrongLength : frame.length)
        return [length, frame]
      })
      socket.write(Buffer.concat(chunks))
      if (frames.length === 1) waitForLast()
    })
    socket.on('data', answers)
    socket.on('error', error => (connected ? end('closed') : fail(`no connection: ${error.message}`)))
    socket.on('close', () => end('closed'))
  })
}

/** Counts the frames in a stream of chunks. */
function countAnswers(onAnswer: () => void): (chunk: Buffer) => void {
  let left = 0
  let prefix: Buffer = Buffer.alloc(0)
  return chunk => {
    let rest = chunk
    while (rest.length > 0) {
      if (left === 0) {
        const missing = 4 - prefix.length
        prefix = Buffer.concat([prefix, rest.subarray(0, missing)])
        rest = rest.subarray(missing)
        if (prefix.length < 4) return
        left = prefix.readInt32BE()
        prefix = Buffer.alloc(0)
      }
      const taken = Math.min(left, rest.length)
      left -= taken
      rest = rest.subarray(taken)
      if (left === 0) onAnswer()
    }
  }
}

/** Asks for the APIs that a broker serves, on a fresh connection. */
async function apiVersions(host: string, port: number): Promise<Map<number, { min: number; max: number }>> {
  const socket = connect({ host, port })
  try {
    const request = Buffer.alloc(14)
    request.writeInt32BE(10, 0)
    request.writeInt16BE(18, 4) // ApiVersions, version 0, with a null client id
    request.writeInt32BE(42, 8)
    request.writeInt16BE(-1, 12)
    socket.write(request)
    const response = await wholeFrame(socket)
    const reader = new WireReader(response)
    if (reader.int32() !== 42) throw new Error('the correlation id is another')
    const errorCode = reader.int16()
    if (errorCode !== 0) throw new Error(`error ${errorCode}`)
    const ranges = new Map<number, { min: number; max: number }>()
    for (let n = reader.count(6); n > 0; n--)
      ranges.set(reader.int16(), { min: reader.int16(), max: reader.int16() })
    return ranges
  } finally {
    socket.destroy()
  }
}

function wholeFrame(socket: Socket): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let received: Buffer = Buffer.alloc(0)
    const late = setTimeout(() => reject(new Error(`no answer within ${answerMs} ms`)), answerMs)
    socket.on('data', chunk => {
      received = Buffer.concat([received, chunk])
      if (received.length < 4 || received.length < 4 + received.readInt32BE()) return
      clearTimeout(late)
      resolve(received.subarray(4))
    })
    const failed = (error?: Error | boolean) => {
      clearTimeout(late)
      reject(error instanceof Error ? error : new Error('the connection was closed'))
    }
    socket.on('error', failed)
    socket.on('close', failed)
  })
}

/** Resident memory of a process in bytes; undefined when it is gone. */
function residentMemory(pid: number): number | undefined {
  try {
    const match = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
    return match === null ? undefined : Number(match[1]) * 1024
  } catch {
    return undefined
  }
}

function mib(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`
}

/**
 * `npm run fuzz`: decodes a million damaged requests in this process, or with --broker sends them to a broker
 * and watches it. Prints the seed and a table with how many frames of each API reached a body decoder; exits
 * non-zero when something was thrown that is no DecodeError, when less than nine of ten frames reached a decoder,
 * when memory grew, or when the broker stopped answering.
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import {
  type ApiCounts,
  type FrameTemplate,
  frameTemplates,
  fuzzDecoding,
} from '../../protocol-codecs/mutation.fuzz.ts'
import { loadMessages, readVectors } from '../../protocol-codecs/vectors/read-vectors.ts'
import { seededRandom } from '../seeded-random.ts'
import { readable, textTable } from '../text-table.ts'
import { fuzzBroker } from './fuzz-broker.ts'

const help = `usage: npm run fuzz -- [options]

  --count N           damaged frames (1000000)
  --seed N            repeats a run
  --broker HOST:PORT  sends the frames to this broker instead of decoding them here
  --pid N             the broker's process, whose memory is watched
  --connections N     connections at a time to the broker (8)
  --only KEYS         API keys, separated by commas
  --without KEYS      API keys to leave out, such as those that fill a broker with topics (19,37)
  --json FILE         the counts, and the frames that did something wrong`

const leastShare = 0.9
const heapSlack = 20 * 1024 * 1024

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      count: { type: 'string', default: '1000000' },
      seed: { type: 'string' },
      broker: { type: 'string' },
      pid: { type: 'string' },
      connections: { type: 'string', default: '8' },
      only: { type: 'string' },
      without: { type: 'string' },
      json: { type: 'string' },
      help: { type: 'boolean' },
    },
  })
  if (values.help) {
    console.log(help)
    return 0
  }
  const seed = values.seed === undefined ? Date.now() % 2 ** 31 : Number(values.seed)
  const count = Number(values.count)
  console.log(`seed ${seed}, ${count} frames`)
  const templates = await wantedTemplates(keys(values.only), keys(values.without))
  const random = seededRandom(seed)
  const started = Date.now()
  const progress = (done: number) => {
    if (process.stderr.isTTY)
      process.stderr.write(`\r${done} frames, ${((Date.now() - started) / 1000).toFixed(0)} s `)
  }
  const report =
    values.broker === undefined
      ? decodeHere(templates, count, random, progress)
      : await fuzzBroker({
          address: values.broker,
          pid: values.pid === undefined ? undefined : Number(values.pid),
          connections: Number(values.connections),
          templates,
          count,
          random,
          progress,
        })
  if (process.stderr.isTTY) process.stderr.write('\n')
  const { apis } = report
  const frames = sum(apis, 'frames')
  const reached = sum(apis, 'reachedBody')
  console.log(tableOf(apis, templates))
  console.log(
    `${frames} frames in ${((Date.now() - started) / 1000).toFixed(1)} s, ${percent(reached, frames)} reach a body decoder`,
  )
  for (const note of report.notes) console.log(note)
  const failures = [...report.failures]
  if (reached / frames < leastShare)
    failures.push(`only ${percent(reached, frames)} of the frames reach a body decoder`)
  for (const failure of failures) console.error(`FAILED: ${failure}`)
  if (values.json !== undefined) {
    const json = { seed, frames, reached, apis: Object.fromEntries(apis), notes: report.notes, failures }
    writeFileSync(values.json, `${JSON.stringify(json, null, 2)}\n`)
  }
  return failures.length === 0 ? 0 : 1
}

function decodeHere(
  templates: Map<number, FrameTemplate[]>,
  count: number,
  random: ReturnType<typeof seededRandom>,
  progress: (done: number) => void,
) {
  const report = fuzzDecoding({ templates, count, random, progress })
  const grown = report.heapAfter - report.heapBefore
  const failures = report.findings.map(({ what, frame }) => `${what}\n  ${frame}`)
  if (grown > heapSlack) failures.push(`the heap grew by ${readable(grown / 2 ** 20)} MiB`)
  const notes = [
    `heap ${readable(report.heapBefore / 2 ** 20)} MiB before, ${readable(report.heapAfter / 2 ** 20)} MiB after`,
    `worst decode above 32 KiB: ${readable(report.worstAmplification)} bytes of heap per byte of frame`,
  ]
  return { apis: report.apis, failures, notes }
}

function keys(list: string | undefined): Set<number> | undefined {
  return list === undefined ? undefined : new Set(list.split(',').map(Number))
}

async function wantedTemplates(
  only?: Set<number>,
  without?: Set<number>,
): Promise<Map<number, FrameTemplate[]>> {
  const messages = await loadMessages(new URL('../../protocol-codecs/messages/', import.meta.url))
  const all = frameTemplates(readVectors('java-requests.jsonl.gz'), messages)
  return new Map([...all].filter(([apiKey]) => (only?.has(apiKey) ?? true) && !without?.has(apiKey)))
}

function tableOf(apis: Map<number, ApiCounts>, templates: Map<number, FrameTemplate[]>): string {
  return textTable(
    ['key', 'API', 'frames', 'reach a decoder', 'share', 'decode'],
    [...apis]
      .sort(([a], [b]) => a - b)
      .map(([key, { frames, reachedBody, decoded }]) => [
        key,
        templates.get(key)![0]!.message.name.replace(/Request$/, ''),
        frames,
        reachedBody,
        percent(reachedBody, frames),
        decoded,
      ]),
  )
}

function sum(apis: Map<number, ApiCounts>, field: keyof ApiCounts): number {
  let total = 0
  for (const counts of apis.values()) total += counts[field]
  return total
}

function percent(part: number, whole: number): string {
  return `${((100 * part) / whole).toFixed(1)} %`
}

process.exitCode = await main()

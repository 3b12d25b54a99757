/**
 * `ottla log` beside Kafka's own tool: both read the same files, and what each says of batches, records, index
 * entries and producers must be the same, file by file and number by number. `ottla log verify` must find no damage in
 * what a broker has written, ours or Apache Kafka's.
 */
import { spawnSync } from 'node:child_process'
import { ottlaMain } from './ottla-process.ts'

/** The numbers of a line that both tools print, in words that both use. */
const shared: { kind: string; pattern: RegExp }[] = [
  {
    kind: 'batches',
    pattern:
      /^baseOffset: (\d+) lastOffset: (\d+) count: (\d+) baseSequence: (-?\d+) lastSequence: (-?\d+) producerId: (-?\d+) producerEpoch: (-?\d+) partitionLeaderEpoch: (\d+) isTransactional: (\w+) isControl: (\w+) .*position: (\d+) (?:CreateTime|LogAppendTime): (-?\d+) size: (\d+) magic: (\d) compresscodec: (\w+) crc: (\d+) isvalid: (\w+)/gm,
  },
  {
    kind: 'records',
    pattern: /^\| offset: (\d+) (?:CreateTime|LogAppendTime): (-?\d+) keySize: (-?\d+) valueSize: (-?\d+)/gm,
  },
  { kind: 'index entries', pattern: /^offset: (\d+) position: (\d+)/gm },
  { kind: 'time index entries', pattern: /^timestamp: (\d+) offset: (\d+)/gm },
  {
    kind: 'producers',
    pattern:
      /^producerId: (\d+) producerEpoch: (\d+) .*lastSequence: (-?\d+) lastOffset: (-?\d+) offsetDelta: (\d+)/gm,
  },
]

export interface Comparison {
  readonly counts: readonly { readonly kind: string; readonly count: number }[]
  readonly complaints: readonly string[]
}

/** `kafkas` has what Kafka's tool has printed of each file, as far as it reads it in full. */
export function compareWithKafka(directory: string, kafkas: ReadonlyMap<string, string>): Comparison {
  const ours = dumpsByFile(ottlaLog(['dump', directory, '--records']).stdout)
  const complaints: string[] = []
  const counts = shared.map(({ kind, pattern }) => {
    let count = 0
    for (const [file, kafkaOutput] of kafkas) {
      const theirs = numbersOf(kafkaOutput, pattern)
      // Without the option for it, Kafka's tool prints no records.
      if (kind === 'records' && theirs.length === 0) continue
      const found = numbersOf(ours.get(file) ?? '', pattern)
      const first = theirs.findIndex((line, n) => line !== found[n])
      if (first >= 0 || found.length !== theirs.length) {
        const at = first < 0 ? theirs.length : first
        complaints.push(
          `${file}: ${theirs.length} ${kind} by Kafka's tool, ${found.length} by ottla log dump; number ${at} is ${theirs[at]} and ${found[at]}`,
        )
      }
      count += found.length
    }
    return { kind, count }
  })
  return { counts, complaints }
}

/** What `ottla log verify` has to complain of. */
export function verifyDirectory(directory: string): string[] {
  const { status, stdout } = ottlaLog(['verify', directory, '--json'])
  const { damage } = JSON.parse(stdout) as { damage: { file: string; message: string }[] }
  const complaints = damage.map(({ file, message }) => `ottla log verify: ${file}: ${message}`)
  if (status !== 0 && complaints.length === 0) complaints.push(`ottla log verify ended with ${status}`)
  return complaints
}

function ottlaLog(words: readonly string[]): { status: number | null; stdout: string } {
  const { error, status, stderr, stdout } = spawnSync(process.execPath, [ottlaMain, 'log', ...words], {
    encoding: 'utf8',
    maxBuffer: 1024 ** 3,
  })
  if (error !== undefined || stdout === '')
    throw new Error(`ottla log ${words.join(' ')}: ${error?.message ?? stderr}`)
  return { status, stdout }
}

function dumpsByFile(output: string): Map<string, string> {
  const parts = output.split(/^(?=Dumping )/m)
  return new Map(parts.map(part => [/^Dumping (.*) \(\d+ bytes\)$/m.exec(part)?.[1] ?? '', part]))
}

function numbersOf(output: string, pattern: RegExp): string[] {
  return Array.from(output.matchAll(pattern), ([, ...fields]) => fields.join(' '))
}

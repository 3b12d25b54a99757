/**
 * `npm run check:dump-log`: fills a data directory through a real broker, then has Kafka's own DumpLogSegments
 * read every file in it that the tool knows: logs with their records decoded, offset and time indexes against
 * their logs and by the check that Kafka does at start, producer snapshots, `__consumer_offsets`,
 * `__cluster_metadata` and its checkpoints. Fails on any complaint, on a file that the tool would not read, and
 * when a topic does not hold exactly the records that were produced. The broker was killed just before, so that the
 * journal is there, too; it leaves nothing behind when it stops. With `--broker kafka` the same is asked of
 * Apache Kafka's files, which shows that complaints are the files' fault and not this script's.
 */
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { kafkaTool, startApacheKafka } from './apache-kafka.ts'
import { fillDataDirectory } from './dump-log-data.ts'
import { compareWithKafka, verifyDirectory } from './log-tools-control.ts'
import { startOttla } from './ottla-process.ts'
import { textTable } from './text-table.ts'

interface Check {
  /** What is checked, in the table's words. */
  kind: string
  options: string[]
  covers(file: string): boolean
  /** Something that the output must contain for a file that is larger than one without content. */
  shows?: RegExp
  emptyBytes?: number
}

const isOf = (file: string, topic: string) => basename(dirname(file)).replace(/-\d+$/, '') === topic
const isInternal = (file: string) => /^__/.test(basename(dirname(file)))
const batchLine = /^baseOffset: /m

const checks: Check[] = [
  {
    kind: 'logs of topics',
    options: ['--print-data-log', '--deep-iteration'],
    covers: file => file.endsWith('.log') && !isInternal(file),
    shows: batchLine,
  },
  {
    kind: 'logs of __consumer_offsets',
    options: ['--offsets-decoder'],
    covers: file => file.endsWith('.log') && isOf(file, '__consumer_offsets'),
    shows: batchLine,
  },
  {
    kind: 'logs of __cluster_metadata',
    options: ['--cluster-metadata-decoder', '--skip-record-metadata'],
    covers: file => file.endsWith('.log') && isOf(file, '__cluster_metadata'),
  },
  {
    kind: 'logs of __transaction_state',
    options: ['--transaction-log-decoder'],
    covers: file => file.endsWith('.log') && isOf(file, '__transaction_state'),
    shows: batchLine,
  },
  {
    kind: 'logs of the journal',
    options: ['--print-data-log', '--deep-iteration'],
    covers: file => file.endsWith('.log') && isOf(file, '__journal'),
    shows: batchLine,
  },
  {
    kind: 'metadata checkpoints',
    options: ['--cluster-metadata-decoder'],
    covers: file => file.endsWith('.checkpoint') && isOf(file, '__cluster_metadata'),
  },
  { kind: 'offset indexes against their logs', options: [], covers: file => file.endsWith('.index') },
  {
    kind: 'offset indexes, sanity',
    options: ['--index-sanity-check'],
    covers: file => file.endsWith('.index'),
    shows: /passed sanity check/,
  },
  { kind: 'time indexes against their logs', options: [], covers: file => file.endsWith('.timeindex') },
  {
    kind: 'time indexes, sanity',
    options: ['--index-sanity-check'],
    covers: file => file.endsWith('.timeindex'),
    shows: /passed sanity check/,
  },
  {
    kind: 'producer snapshots',
    options: [],
    covers: file => file.endsWith('.snapshot'),
    shows: /^producerId: /m,
    // version int16, crc uint32, producer count int32
    emptyBytes: 10,
  },
  { kind: 'transaction indexes', options: [], covers: file => file.endsWith('.txnindex') },
]

/** Apache Kafka leaves the indexes of its metadata log as they were allocated, which its own tool calls corrupt. */
function isKnownOddity(check: Check, file: string, broker: string): boolean {
  return broker === 'kafka' && check.kind.startsWith('time indexes') && isOf(file, '__cluster_metadata')
}

/**
 * Every way in which DumpLogSegments says that something is wrong. It expects a log to begin at offset 0 and
 * calls every later segment's first offset non-consecutive ("-1 is followed by"), so of those complaints only the
 * details count.
 */
const complaint =
  /mismatch|^ +(?!-1 )\S+ is followed by|not found in|out of order|isvalid: false|isValid: false|invalid bytes|Error at|Unknown record type|Ignoring unknown file|exception|corrupt|unreadable/i

/** Then it gets another one, and the catalogue a record for each partition: as if they were moved to a new directory. */
async function loseDirectoryId(directory: string): Promise<void> {
  const path = join(directory, 'meta.properties')
  const text = await readFile(path, 'utf8')
  await writeFile(path, text.replace(/^directory\.id=.*\n/m, ''))
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { broker: { type: 'string', default: 'ottla' }, directory: { type: 'string' } },
  })
  let directory = values.directory
  let expected = new Map<string, number>()
  const isTemporary = directory === undefined
  if (directory === undefined) {
    directory = await mkdtemp(join(tmpdir(), 'dump-log-'))
    const options = { directory }
    const start = values.broker === 'kafka' ? () => startApacheKafka(options) : () => startOttla(options)
    const whileStopped = () =>
      values.broker === 'kafka' ? Promise.resolve() : loseDirectoryId(options.directory)
    expected = await fillDataDirectory(start, text => console.log(`  ${text}`), whileStopped)
  }
  const files = (await readdir(directory, { recursive: true })).sort().map(name => join(directory, name))
  const complaints: string[] = []
  const rows = []
  const records = new Map<string, number>()
  const outputs = new Map<string, string>()
  for (const check of checks) {
    const covered = files.filter(file => check.covers(file) && !isKnownOddity(check, file, values.broker))
    if (covered.length === 0) continue
    console.log(`  reading ${check.kind}`)
    const found: string[] = []
    for (const [file, output] of await dump(check.options, covered)) {
      if (!outputs.has(file)) outputs.set(file, output)
      const lines = output.split('\n').filter(line => complaint.test(line))
      const isEmpty = !existsSync(file) || (await stat(file)).size <= (check.emptyBytes ?? 0)
      if (!isEmpty && check.shows !== undefined && !check.shows.test(output)) lines.push('nothing was read')
      found.push(...lines.slice(0, 5).map(line => `${file}: ${line}`))
      if (!check.options.includes('--print-data-log')) continue
      const topic = basename(dirname(file)).replace(/-\d+$/, '')
      records.set(topic, (records.get(topic) ?? 0) + (output.match(/^\| offset: /gm)?.length ?? 0))
    }
    complaints.push(...found)
    rows.push([check.kind, covered.length, found.length === 0 ? 'read' : `${found.length} complaints`])
  }
  console.log('  reading the same with ottla log')
  const comparison = compareWithKafka(directory, outputs)
  complaints.push(...comparison.complaints, ...verifyDirectory(directory))
  for (const { count, kind } of comparison.counts) {
    rows.push([
      `${kind} by ottla log dump`,
      count,
      comparison.complaints.length === 0 ? 'the same' : 'not the same',
    ])
  }
  for (const [topic, count] of expected) {
    const read = records.get(topic) ?? 0
    if (read !== count) complaints.push(`${topic}: ${count} records were produced, ${read} are in its logs`)
    rows.push([`records of ${topic}`, read, read === count ? 'all' : `of ${count}`])
  }
  const known = new Set(files.filter(file => checks.some(check => check.covers(file))))
  const logs = files.filter(file => file.endsWith('.log'))
  if (logs.length === 0) complaints.push(`there is no log in ${directory}`)
  if (isTemporary && values.broker === 'ottla' && !logs.some(file => isOf(file, '__journal'))) {
    complaints.push(`there is no journal in ${directory}`)
  }
  for (const file of logs.filter(name => !known.has(name))) complaints.push(`${file}: no check covers it`)
  console.log(`\n${textTable(['files', 'count', 'result'], rows)}\n`)
  for (const text of complaints) console.log(text)
  if (complaints.length > 0) {
    console.log(`\nNOT MET  kafka-dump-log has complaints; the data directory is kept: ${directory}`)
    return 1
  }
  console.log('met      kafka-dump-log reads every kind of file')
  if (isTemporary) await rm(directory, { recursive: true, force: true })
  return 0
}

/**
 * The tool's output by file. One JVM reads as many as it can, announcing each on stdout; an exception ends it at
 * that file, and another one reads the rest. What does not fit together is told on stderr after all files: a line
 * that ends in the file's name, and indented lines with the details.
 */
async function dump(options: string[], files: string[]): Promise<Map<string, string>> {
  const outputs = new Map(files.map(file => [file, '']))
  let rest = files
  while (rest.length > 0) {
    const { code, stdout, stderr } = await kafkaTool('org.apache.kafka.tools.DumpLogSegments', [
      ...options,
      '--files',
      rest.join(','),
    ])
    let last = rest[0]!
    for (const part of stdout.split(/^(?=Dumping )/m)) {
      const name = /^Dumping (.*)$/m.exec(part)?.[1]
      if (name !== undefined && outputs.has(name)) last = name
      outputs.set(last, outputs.get(last)! + part)
    }
    let accused = last
    for (const line of stderr.split('\n')) {
      accused = rest.find(file => line.endsWith(file)) ?? accused
      outputs.set(accused, `${outputs.get(accused)}\n${line}`)
    }
    if (code === 0) break
    outputs.set(last, `${outputs.get(last)}\nended with an exception`)
    rest = rest.slice(rest.indexOf(last) + 1)
  }
  return outputs
}

const exitCode = await main().catch(error => {
  console.error(error instanceof Error ? (error.stack ?? error.message) : error)
  return 1
})
process.exit(exitCode)

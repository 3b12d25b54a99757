/**
 * Makes the test vectors in protocol-codecs/vectors: `node dist/esm/scripts/vectors/make.js [part...]`, parts
 * being `java` (messages and record batches by Kafka's own classes; needs a JDK and Maven), `message-sets`, `definitions`, `kafkajs` and
 * `platformatic`; without one, all of them. Everything random comes from one seed, and gzip headers carry no
 * time, so making them twice gives the same files. Run from the project's root.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { type EncodedMessage, encodeWithKafkajs } from './kafkajs-requests.ts'
import { definitionsOf, readReleases } from './message-definitions.ts'
import { encodeWithPlatformatic } from './platformatic-requests.ts'

/** The newest release, whose classes make nearly everything. */
const currentKafka = '4.4.0'
/** The last release with the message versions, and the record formats 0 and 1, that 4.0 removed. */
const legacyKafka = '3.9.2'
const seed = '20261123'

const sources = join('scripts', 'vectors', 'java')
const cache = join('.cache', 'vectors')
const vectors = join('protocol-codecs', 'vectors')

const parts: Record<string, () => void | Promise<void>> = {
  java: makeJava,
  'message-sets': makeMessageSets,
  definitions: makeDefinitions,
  kafkajs: async () => describe('kafkajs', await encodeWithKafkajs()),
  platformatic: () => describe('@platformatic/kafka', encodeWithPlatformatic()),
}

const wanted = process.argv.slice(2)
for (const part of wanted) {
  if (parts[part] === undefined)
    throw new Error(`no part ${part}; there are ${Object.keys(parts).join(', ')}`)
}
mkdirSync(vectors, { recursive: true })
for (const [name, make] of Object.entries(parts)) {
  if (wanted.length === 0 || wanted.includes(name)) await make()
}

/** Kafka's definitions of requests and responses, as both releases have them in their jars, without the prose. */
function makeDefinitions(): void {
  const releases = [currentKafka, legacyKafka].map(version => {
    fetchJars(version)
    const jar = join(cache, version, `kafka-clients-${version}.jar`)
    return readReleases(jar).flat()
  })
  const served = new Set([...definitionsOf(releases).values()].flatMap(versions => [...versions.values()]))
  const kept = releases.map(release => release.filter(message => served.has(message)))
  const madeBy = [currentKafka, legacyKafka].map(version => `kafka-clients ${version}`)
  const text = JSON.stringify({ madeBy, releases: kept }, (key, value) =>
    key === 'about' ? undefined : value,
  )
  writeGzip('kafka-messages.json.gz', `${text}\n`)
}

/** What becomes of the batches that are there already; their file is not made anew. */
function makeMessageSets(): void {
  const folder = join(cache, 'message-sets')
  mkdirSync(folder, { recursive: true })
  const [input, output] = [join(folder, 'batches'), join(folder, 'message-sets')]
  const batches = gunzipSync(readFileSync(join(vectors, 'record-batches.jsonl.gz'))).toString('utf8')
  const isCurrent = (line: string) => JSON.parse(line).batches[0].magic === 2
  const lines = batches.split('\n').slice(0, -1).filter(isCurrent)
  writeFileSync(input, lines.map(line => `${line}\n`).join(''))
  const runLegacy = compileJava(legacyKafka, ['MessageSetVectors'])
  runLegacy('MessageSetVectors', output, `kafka-clients ${legacyKafka}`, input)
  writeLines('message-sets.jsonl.gz', linesOf(output))
}

function makeJava(): void {
  const current = join(cache, `out-${currentKafka}`)
  const legacy = join(cache, `out-${legacyKafka}`)
  for (const folder of [current, legacy]) rmSync(folder, { recursive: true, force: true })

  const runCurrent = compileJava(currentKafka, ['MessageVectors', 'RecordBatchVectors'])
  runCurrent('MessageVectors', current, `kafka-clients ${currentKafka}`, seed)
  const runLegacy = compileJava(legacyKafka, ['MessageVectors', 'RecordBatchVectors'])
  runLegacy('MessageVectors', legacy, `kafka-clients ${legacyKafka}`, seed, join(current, 'covered.txt'))

  const [batches, messageSets] = [join(current, 'batches'), join(legacy, 'message-sets')]
  runCurrent('RecordBatchVectors', batches, `kafka-clients ${currentKafka}`, '2')
  runLegacy('RecordBatchVectors', messageSets, `kafka-clients ${legacyKafka}`, '0,1')
  writeLines('record-batches.jsonl.gz', [...linesOf(messageSets), ...linesOf(batches)])

  const families: Record<string, string[]> = { requests: [], responses: [], structures: [] }
  const names = new Set(
    [...readdirSync(current), ...readdirSync(legacy)].filter(name => name.endsWith('.jsonl')),
  )
  for (const name of [...names].sort()) {
    const family = /Request\./.test(name) ? 'requests' : /Response\./.test(name) ? 'responses' : 'structures'
    families[family]!.push(...linesOf(join(legacy, name)), ...linesOf(join(current, name)))
  }
  for (const [family, lines] of Object.entries(families)) writeLines(`java-${family}.jsonl.gz`, lines)

  // Fields that 4.0 removed have a default only in the old classes; the new ones decide everywhere else.
  const old = JSON.parse(readFileSync(join(legacy, 'defaults.json'), 'utf8')) as Tree
  const now = JSON.parse(readFileSync(join(current, 'defaults.json'), 'utf8')) as Tree
  writeGzip('java-defaults.json.gz', `${JSON.stringify(merge(old, now), null, 1)}\n`)
}

/** Has Kafka's classes say what messages of another encoder mean, and writes both down. */
function describe(packageName: string, messages: EncodedMessage[]): void {
  const name = packageName.replace(/^@|\/.*$/g, '')
  const folder = join(cache, name)
  mkdirSync(folder, { recursive: true })
  const manifest = JSON.parse(readFileSync(join('node_modules', packageName, 'package.json'), 'utf8'))
  const lines = messages.map(({ bytes, ...rest }) => {
    return JSON.stringify({
      ...rest,
      base64: bytes.toString('base64'),
      madeBy: `${packageName} ${manifest.version}`,
    })
  })
  const [input, current, rest] = [join(folder, 'input'), join(folder, 'current'), join(folder, 'rest')]
  const [legacy, unknown] = [join(folder, 'legacy'), join(folder, 'unknown')]
  writeFileSync(input, lines.map(line => `${line}\n`).join(''))
  compileJava(currentKafka, ['MessageVectors', 'DescribeVectors'])('DescribeVectors', input, current, rest)
  compileJava(legacyKafka, ['MessageVectors', 'DescribeVectors'])('DescribeVectors', rest, legacy, unknown)
  const notKnown = linesOf(unknown)
  if (notKnown.length > 0) throw new Error(`no Kafka release reads ${notKnown[0]}`)
  writeLines(`${name}.jsonl.gz`, [...linesOf(legacy), ...linesOf(current)])
}

type Tree = { [name: string]: Tree | unknown }

function merge(old: Tree, now: Tree): Tree {
  const merged: Tree = { ...old }
  for (const [name, value] of Object.entries(now)) {
    const before = merged[name]
    const both = isTree(before) && isTree(value)
    merged[name] = both ? merge(before, value) : value
  }
  return merged
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Fetches the jars of a Kafka release, compiles sources against them, and gives a function that runs a class. */
function compileJava(version: string, classes: string[]): (main: string, ...args: string[]) => void {
  const jars = fetchJars(version)
  const compiled = join(cache, `classes-${version}`)
  mkdirSync(compiled, { recursive: true })
  const classPath = readdirSync(jars)
    .sort()
    .map(name => join(jars, name))
    .join(delimiter)
  const files = classes.map(name => sourceFor(version, `${name}.java`))
  run('javac', ['-Xlint:none', '-nowarn', '-cp', classPath, '-d', compiled, ...files])
  return (main, ...args) =>
    run('java', ['-Xmx512m', '-cp', `${compiled}${delimiter}${classPath}`, main, ...args])
}

function fetchJars(version: string): string {
  const jars = join(cache, version)
  run('mvn', [
    ...['-q', '-B', '-f', join(sources, 'pom.xml'), 'dependency:copy-dependencies', '-DincludeScope=runtime'],
    ...[`-Dkafka.version=${version}`, `-DoutputDirectory=${join(process.cwd(), jars)}`],
    ...(version === legacyKafka ? ['-Dlegacy'] : []),
  ])
  return jars
}

/** A source file; for the old release a copy with the packages where those classes were then. */
function sourceFor(version: string, name: string): string {
  if (version === currentKafka) return join(sources, name)
  const folder = join(cache, `sources-${version}`)
  mkdirSync(folder, { recursive: true })
  const text = readFileSync(join(sources, name), 'utf8')
  writeFileSync(
    join(folder, name),
    text.replaceAll('common.record.internal.', 'common.record.').replaceAll('utils.internals.', 'utils.'),
  )
  return join(folder, name)
}

function run(command: string, args: string[]): void {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit' })
  if (error !== undefined) throw new Error(`${command} does not run: ${error.message}`)
  if (status !== 0) throw new Error(`${command} ended with status ${status}`)
}

function linesOf(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n').slice(0, -1)
  } catch {
    return [] // most messages are in one of the two releases only
  }
}

function writeLines(name: string, lines: string[]): void {
  writeGzip(name, lines.map(line => `${line}\n`).join(''))
  console.log(`${name}: ${lines.length} vectors`)
}

function writeGzip(name: string, text: string): void {
  const compressed = gzipSync(text, { level: 9 })
  compressed[9] = 255 // the operating system, which would tell machines apart
  writeFileSync(join(vectors, name), compressed)
}

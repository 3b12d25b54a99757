/** Records at the command line: the console clients, where a log begins and ends, and what it takes on the disk. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Capability, inArea, type TestContext } from '../capability.ts'
import { connectedProducer, createTopic } from '../kafkajs/client.ts'
import { linesOf, refusedTool, tool, tryTool } from './tools.ts'

const firstTimestamp = 1_700_000_000_000

/** Offsets by partition, as kafka-get-offsets prints them: `topic:partition:offset`. */
async function offsets(
  context: TestContext,
  topic: string,
  ...options: string[]
): Promise<Record<string, number>> {
  const lines = linesOf(await tool(context, 'kafka-get-offsets', ['--topic', topic, ...options]))
  return Object.fromEntries(
    lines.map(line => {
      const [name, partition, offset] = line.split(':')
      assert.equal(name, topic)
      return [partition!, Number(offset)]
    }),
  )
}

async function produceAndConsume(context: TestContext): Promise<void> {
  const topic = await createTopic(context, 'tools-console', 2)
  const pairs = ['--reader-property', 'parse.key=true', '--reader-property', 'key.separator=:']
  const headers = ['--reader-property', 'parse.headers=true']
  const input = Array.from({ length: 40 }, (_, n) => `n:${n}\tkey-${n % 8}:value ${n}`)
  const options = ['--request-required-acks', 'all', '--compression-codec', 'zstd']
  await tool(
    context,
    'kafka-console-producer',
    ['--topic', topic, ...pairs, ...headers, ...options],
    input.map(line => `${line}\n`).join(''),
  )
  const print = ['partition', 'offset', 'headers', 'key'].flatMap(what => [
    '--formatter-property',
    `print.${what}=true`,
  ])
  const from = ['--topic', topic, '--max-messages', '40', '--timeout-ms', '10000']
  const lines = linesOf(
    await tool(context, 'kafka-console-consumer', [...from, '--from-beginning', ...print]),
  )
  assert.equal(lines.length, 40)
  const records = lines.map(line => {
    const [partition, offset, header, key, value] = line.split('\t')
    return {
      partition: partition!,
      offset: Number(offset!.replace('Offset:', '')),
      text: `${header}\t${key}:${value}`,
    }
  })
  assert.deepEqual(records.map(({ text }) => text).sort(), [...input].sort())
  for (const partition of new Set(records.map(record => record.partition))) {
    const offsetsOfOne = records.filter(record => record.partition === partition).map(({ offset }) => offset)
    assert.deepEqual(offsetsOfOne, [...offsetsOfOne.keys()])
  }
}

async function consumesFromAnOffset(context: TestContext): Promise<void> {
  const topic = await createTopic(context, 'tools-offset')
  await tool(context, 'kafka-console-producer', ['--topic', topic], 'a\nb\nc\nd\n')
  const at = (offset: string, count: number) => [
    ...['--topic', topic, '--partition', '0', '--offset', offset],
    ...['--max-messages', String(count), '--timeout-ms', '10000', '--isolation-level', 'read_committed'],
  ]
  assert.equal(await tool(context, 'kafka-console-consumer', at('2', 2)), 'c\nd\n')
  assert.equal(await tool(context, 'kafka-console-consumer', at('earliest', 4)), 'a\nb\nc\nd\n')
}

async function getsOffsets(context: TestContext): Promise<void> {
  const topic = await createTopic(context, 'tools-offsets', 3)
  const producer = await connectedProducer(context)
  const at = (seconds: number) => ({ value: 'v', timestamp: String(firstTimestamp + seconds * 1_000) })
  await producer.send({ topic, messages: [at(0), at(50), at(20)].map(each => ({ ...each, partition: 0 })) })
  await producer.send({ topic, messages: [at(60), at(10)].map(each => ({ ...each, partition: 0 })) })
  await producer.send({ topic, messages: [{ ...at(30), partition: 2 }] })

  assert.deepEqual(await offsets(context, topic), { 0: 5, 1: 0, 2: 1 })
  assert.deepEqual(await offsets(context, topic, '--time', 'latest'), { 0: 5, 1: 0, 2: 1 })
  assert.deepEqual(await offsets(context, topic, '--time', '-2'), { 0: 0, 1: 0, 2: 0 })
  assert.deepEqual(await offsets(context, topic, '--time', 'earliest-local'), { 0: 0, 1: 0, 2: 0 })
  // Where there is no such offset, the partition is left out.
  assert.deepEqual(await offsets(context, topic, '--time', 'max-timestamp'), { 0: 3, 2: 0 })
  assert.deepEqual(await offsets(context, topic, '--time', 'latest-tiered'), {})
  assert.deepEqual(await offsets(context, topic, '--time', String(firstTimestamp + 20_001)), { 0: 1, 2: 0 })
  assert.deepEqual(await offsets(context, topic, '--time', String(firstTimestamp + 99_000)), {})
  assert.deepEqual(await offsets(context, topic, '--partitions', '0,2'), { 0: 5, 2: 1 })
  const few = await tool(context, 'kafka-get-offsets', ['--topic-partitions', `${topic}:1-3`])
  assert.deepEqual(linesOf(few), [`${topic}:1:0`, `${topic}:2:1`])
  const nobody = ['--topic', context.uniqueName('nobody')]
  assert.match(
    await refusedTool(context, 'kafka-get-offsets', nobody),
    /Could not match any topic-partitions/,
  )
}

async function deletesRecords(context: TestContext): Promise<void> {
  const topic = await createTopic(context, 'tools-delete-records', 2)
  const producer = await connectedProducer(context)
  const values = (count: number, partition: number) =>
    Array.from({ length: count }, (_, n) => ({ value: `${partition}-${n}`, partition }))
  await producer.send({ topic, messages: [...values(10, 0), ...values(4, 1)] })

  const deletion = async (...before: [partition: number, offset: number][]) => {
    const file = join(await context.temporaryDirectory(), 'offsets.json')
    const partitions = before.map(([partition, offset]) => ({ topic, partition, offset }))
    await writeFile(file, JSON.stringify({ partitions, version: 1 }))
    return await tryTool(context, 'kafka-delete-records', ['--offset-json-file', file])
  }
  const done = await deletion([0, 6], [1, -1])
  assert.equal(done.code, 0, done.stderr)
  assert.deepEqual(linesOf(done.stdout).slice(2).sort(), [
    `partition: ${topic}-0\tlow_watermark: 6`,
    `partition: ${topic}-1\tlow_watermark: 4`,
  ])
  assert.deepEqual(await offsets(context, topic, '--time', 'earliest'), { 0: 6, 1: 4 })
  assert.deepEqual(await offsets(context, topic), { 0: 10, 1: 4 })
  const rest = ['--topic', topic, '--from-beginning', '--max-messages', '4', '--timeout-ms', '10000']
  assert.equal(await tool(context, 'kafka-console-consumer', rest), '0-6\n0-7\n0-8\n0-9\n')

  const tooFar = await deletion([0, 11])
  assert.match(tooFar.stdout + tooFar.stderr, /OffsetOutOfRangeException/)
  assert.match((await deletion([0, 2])).stdout, /low_watermark: 6/, 'what is gone stays gone')
}

interface LogDirectory {
  error: string | null
  logDir: string
  partitions: { partition: string; size: number; offsetLag: number; isFuture: boolean }[]
}

async function logDirectory(context: TestContext, ...options: string[]): Promise<LogDirectory> {
  const output = await tool(context, 'kafka-log-dirs', ['--describe', ...options])
  const json = linesOf(output).find(line => line.startsWith('{'))!
  const { brokers } = JSON.parse(json) as { brokers: { broker: number; logDirs: LogDirectory[] }[] }
  assert.equal(brokers.length, 1)
  assert.equal(brokers[0]!.logDirs.length, 1)
  return brokers[0]!.logDirs[0]!
}

async function looksAtLogDirectories(context: TestContext): Promise<void> {
  const topic = await createTopic(context, 'tools-log-dirs', 2)
  const producer = await connectedProducer(context)
  await producer.send({ topic, messages: [{ value: 'x'.repeat(10_000), partition: 1 }] })
  const directory = await logDirectory(context, '--topic-list', topic)
  assert.equal(directory.error, null)
  const [empty, full] = directory.partitions.sort((one, other) => (one.partition < other.partition ? -1 : 1))
  assert.deepEqual(empty, { partition: `${topic}-0`, size: 0, offsetLag: 0, isFuture: false })
  assert.deepEqual(full, { partition: `${topic}-1`, size: full!.size, offsetLag: 0, isFuture: false })
  assert.ok(full!.size > 10_000 && full!.size < 10_200, `${full!.size} bytes`)
  assert.equal(directory.partitions.length, 2)
  const path = join(directory.logDir, `${topic}-1`)
  if (existsSync(path)) assert.equal(await sizeOfSegments(path), full!.size)

  const all = await logDirectory(context)
  assert.ok(all.partitions.length >= 2)
  assert.ok(!all.partitions.some(({ partition }) => partition.startsWith('__cluster_metadata')))
  const { partition } = (await logDirectory(context, '--topic-list', `${topic},nobody`)).partitions[0]!
  assert.match(partition, new RegExp(`^${topic}-`))
}

async function sizeOfSegments(path: string): Promise<number> {
  const sizes = (await readdir(path))
    .filter(name => name.endsWith('.log'))
    .map(async name => (await stat(join(path, name))).size)
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
}

async function deletesSegmentsOfRecords(context: TestContext): Promise<void> {
  const topic = await createTopic(context, 'tools-segments', 1, { 'segment.bytes': '1048576' })
  const producer = await connectedProducer(context)
  const values = ['a', 'b', 'c', 'd', 'e'].map(letter => letter.repeat(600_000))
  for (const value of values) await producer.send({ topic, messages: [{ value }] })
  const file = join(await context.temporaryDirectory(), 'offsets.json')
  await writeFile(file, JSON.stringify({ partitions: [{ topic, partition: 0, offset: 4 }], version: 1 }))
  await tool(context, 'kafka-delete-records', ['--offset-json-file', file])
  assert.deepEqual(await offsets(context, topic, '--time', 'earliest'), { 0: 4 })
  const rest = ['--topic', topic, '--from-beginning', '--max-messages', '1', '--timeout-ms', '10000']
  assert.equal(await tool(context, 'kafka-console-consumer', rest), `${values[4]}\n`)
}

export const recordCapabilities: Capability[] = inArea('topics', [
  { name: 'kafka-console-producer and kafka-console-consumer', area: 'produce', test: produceAndConsume },
  { name: 'kafka-console-consumer --partition --offset', area: 'seek', test: consumesFromAnOffset },
  { name: 'kafka-get-offsets with every --time', area: 'timestamps', test: getsOffsets },
  { name: 'kafka-delete-records', test: deletesRecords },
  { name: 'kafka-delete-records over several segments', test: deletesSegmentsOfRecords },
  { name: 'kafka-log-dirs --describe', area: 'cluster', test: looksAtLogDirectories },
])

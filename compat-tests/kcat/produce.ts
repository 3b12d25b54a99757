/**
 * kcat as a producer and a reader of whole topics: codecs, keys, headers, acknowledgements, sizes. kcat cannot
 * create topics with several partitions, so kafkajs does; and to see that a batch was really compressed, and that
 * two clients understand each other, kafkajs reads what kcat compressed and the other way round.
 */

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { type Capability, inArea, requireRestart, type TestContext } from '../capability.ts'
import { connectedProducer, createTopic, readTopics } from '../kafkajs/client.ts'
import { type CodecName, useCodec } from '../kafkajs/codecs.ts'
import { numberedValues, texts } from '../record-values.ts'
import { kcat, linesOf, startKcat, tryKcat } from './kcat.ts'

const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd']
const kafkajsCodecs: Record<string, CodecName> = {
  gzip: 'gzip',
  snappy: 'kafkajs-snappy',
  lz4: 'lz4-napi',
  zstd: 'zstd-codec',
}

const fromBeginning = (topic: string) => {
  return ['-C', '-t', topic, '-o', 'beginning', '-e', '-q', '-X', 'fetch.wait.max.ms=50']
}

function lines(values: string[]): string {
  return values.map(value => `${value}\n`).join('')
}

async function roundTrip(context: TestContext, codec: string): Promise<void> {
  const topic = await createTopic(context, `kcat-${codec}`)
  const values = numberedValues(500)
  await kcat(context, ['-P', '-t', topic, '-z', codec], lines(values))
  assert.deepEqual(linesOf(await kcat(context, fromBeginning(topic))), values)
}

async function kafkajsReadsKcat(context: TestContext): Promise<void> {
  for (const [codec, name] of Object.entries(kafkajsCodecs)) {
    const { decompressions } = await useCodec(name)
    const topic = await createTopic(context, `kcat-to-kafkajs-${codec}`)
    const values = numberedValues(200, codec)
    await kcat(context, ['-P', '-t', topic, '-z', codec], lines(values))
    assert.deepEqual(texts(await readTopics(context, [topic], values.length)), values)
    assert.ok(decompressions() > 0, `what kcat compressed with ${codec} is not compressed in the log`)
  }
}

async function kcatReadsKafkajs(context: TestContext): Promise<void> {
  for (const name of Object.values(kafkajsCodecs)) {
    const { type } = await useCodec(name)
    const topic = await createTopic(context, `kafkajs-to-kcat-${name}`)
    const values = numberedValues(200, name)
    const producer = await connectedProducer(context)
    await producer.send({ topic, compression: type, messages: values.map(value => ({ value })) })
    assert.deepEqual(linesOf(await kcat(context, fromBeginning(topic))), values)
  }
}

async function keysAndPartitions(context: TestContext): Promise<void> {
  const topic = await createTopic(context, 'kcat-keys', 4)
  const input = Array.from({ length: 300 }, (_, index) => `key-${index % 30}:value ${index}`)
  await kcat(context, ['-P', '-t', topic, '-K', ':'], lines(input))
  const output = linesOf(await kcat(context, [...fromBeginning(topic), '-f', '%p %k:%s\n']))
  assert.deepEqual(output.map(line => line.slice(line.indexOf(' ') + 1)).sort(), [...input].sort())
  for (let key = 0; key < 30; key++) {
    const ofKey = output.filter(line => line.includes(` key-${key}:`))
    assert.equal(new Set(ofKey.map(line => line.split(' ')[0])).size, 1, 'one key in several partitions')
    assert.deepEqual(
      ofKey.map(line => line.slice(line.indexOf(' ') + 1)),
      input.filter(line => line.startsWith(`key-${key}:`)),
    )
  }
  assert.ok(new Set(output.map(line => line.split(' ')[0])).size > 1)
}

async function explicitPartition(context: TestContext): Promise<void> {
  const topic = await createTopic(context, 'kcat-partition', 3)
  for (const partition of ['0', '1', '2']) {
    await kcat(context, ['-P', '-t', topic, '-p', partition], `in ${partition}\n`)
  }
  const ofOne = await kcat(context, [...fromBeginning(topic), '-p', '1', '-f', '%p %o %s\n'])
  assert.equal(ofOne, '1 0 in 1\n')
}

async function nullsAndEmpties(context: TestContext): Promise<void> {
  const topic = await createTopic(context, 'kcat-nulls')
  // -Z makes empty keys and values null ones; lengths of -1 say that they arrived as such.
  await kcat(context, ['-P', '-t', topic, '-K', ':', '-Z'], 'tombstone:\n:no key\n')
  await kcat(context, ['-P', '-t', topic, '-K', ':'], 'empty:\n')
  const output = await kcat(context, [...fromBeginning(topic), '-f', '%K %S %k|%s\n'])
  assert.deepEqual(linesOf(output), ['9 -1 tombstone|', '-1 6 |no key', '5 0 empty|'])
}

async function headers(context: TestContext): Promise<void> {
  const topic = await createTopic(context, 'kcat-headers')
  const sent = ['-H', 'one=1', '-H', 'many=a', '-H', 'many=b', '-H', 'empty=', '-H', 'ünï=✓', '-H', 'null']
  await kcat(context, ['-P', '-t', topic, ...sent], 'with headers\n')
  await kcat(context, ['-P', '-t', topic], 'without\n')
  const output = await kcat(context, [...fromBeginning(topic), '-f', '%h|%s\n'])
  assert.deepEqual(linesOf(output), ['one=1,many=a,many=b,empty=,ünï=✓,null=NULL|with headers', '|without'])
}

async function acknowledgements(context: TestContext, acks: string): Promise<void> {
  const topic = await createTopic(context, `kcat-acks-${acks}`)
  const values = numberedValues(300)
  await kcat(context, ['-P', '-t', topic, '-X', `acks=${acks}`, '-X', 'linger.ms=1'], lines(values))
  assert.deepEqual(linesOf(await kcat(context, fromBeginning(topic))), values)
}

async function idempotence(context: TestContext): Promise<void> {
  const topic = await createTopic(context, 'kcat-idempotent', 2)
  const settings = ['-X', 'enable.idempotence=true', '-X', 'batch.num.messages=50', '-X', 'linger.ms=0']
  const values = numberedValues(2_000)
  const input = values.map((value, index) => `${index % 7}:${value}`)
  await kcat(context, ['-P', '-t', topic, '-K', ':', ...settings], lines(input))
  const output = linesOf(await kcat(context, [...fromBeginning(topic), '-f', '%k:%s\n']))
  assert.equal(output.length, values.length)
  for (let key = 0; key < 7; key++) {
    assert.deepEqual(
      output.filter(line => line.startsWith(`${key}:`)),
      input.filter(line => line.startsWith(`${key}:`)),
    )
  }
}

async function bigMessages(context: TestContext): Promise<void> {
  const topic = await createTopic(context, 'kcat-big')
  const directory = await context.temporaryDirectory()
  const files: string[] = []
  for (let index = 0; index < 4; index++) {
    files.push(join(directory, `message-${index}`))
    // Hexadecimal, because kcat's output of several messages is told apart by newlines.
    await writeFile(files[index]!, randomBytes(450_000).toString('hex'))
  }
  await kcat(context, ['-P', '-t', topic, ...files])
  const output = linesOf(await kcat(context, fromBeginning(topic)))
  const expected = await Promise.all(files.map(file => readFile(file, 'utf8')))
  assert.ok(output.length === expected.length && output.every((value, index) => value === expected[index]))
}

async function tooBig(context: TestContext): Promise<void> {
  const topic = await createTopic(context, 'kcat-too-big')
  const file = join(await context.temporaryDirectory(), 'message')
  await writeFile(file, 'x'.repeat(1_200_000))
  const refused = await tryKcat(context, ['-P', '-t', topic, '-X', 'message.max.bytes=2000000', file])
  assert.notEqual(refused.code, 0)
  assert.match(refused.stderr, /Message size too large/)
  assert.equal(await kcat(context, fromBeginning(topic)), '')
}

async function autoCreates(context: TestContext): Promise<void> {
  const topic = context.uniqueName('kcat-auto')
  await kcat(context, ['-P', '-t', topic], 'first\n')
  assert.equal(await kcat(context, fromBeginning(topic)), 'first\n')
}

async function livesThroughRestart(context: TestContext): Promise<void> {
  const restart = requireRestart(context)
  const topic = await createTopic(context, 'kcat-restart')
  const settings = [
    'enable.idempotence=true',
    'linger.ms=5',
    'batch.num.messages=20',
    'reconnect.backoff.max.ms=500',
    'api.version.request.timeout.ms=60000',
  ]
  const addresses = `${context.bootstrap},${await silentAddress(context)}`
  const producer = startKcat(context, [
    '-b',
    addresses,
    '-P',
    '-t',
    topic,
    ...settings.flatMap(setting => ['-X', setting]),
  ])
  const values = numberedValues(1_000)
  const feed = async (from: number, to: number) => {
    for (let index = from; index < to; index++) {
      producer.write(`${values[index]}\n`)
      await new Promise(resolve => setTimeout(resolve, 1))
    }
  }
  await feed(0, 400)
  const restarting = restart()
  await feed(400, 800)
  await restarting
  await feed(800, 1_000)
  assert.equal(await producer.finish(), 0)
  assert.deepEqual(linesOf(await kcat(context, fromBeginning(topic))), values)
}

/**
 * kcat ends when the last of its broker connections is down, which no other program on librdkafka does. An address
 * that accepts and never says anything keeps it waiting for the real one.
 */
async function silentAddress(context: TestContext): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createServer(socket => void sockets.add(socket.on('error', () => undefined)))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  context.cleanUp(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

export const produceCapabilities: Capability[] = inArea('produce', [
  ...inArea(
    'compression',
    codecs.map(codec => ({
      name: `produce and consume, codec ${codec}`,
      test: (context: TestContext) => roundTrip(context, codec),
    })),
  ),
  { name: 'compressed by kcat, read by kafkajs, every codec', area: 'compression', test: kafkajsReadsKcat },
  { name: 'compressed by kafkajs, read by kcat, every codec', area: 'compression', test: kcatReadsKafkajs },
  { name: 'keys, their order and their one partition', test: keysAndPartitions },
  { name: 'a partition named by the producer', test: explicitPartition },
  { name: 'null and empty keys and values', test: nullsAndEmpties },
  { name: 'headers: several values, empty, null', area: 'headers', test: headers },
  ...inArea(
    'acks',
    ['0', '1', 'all'].map(acks => ({
      name: `produce with acks=${acks}`,
      test: (context: TestContext) => acknowledgements(context, acks),
    })),
  ),
  { name: 'produce with enable.idempotence=true', area: 'idempotence', test: idempotence },
  { name: 'messages of 900 KB', area: 'sizes', test: bigMessages },
  { name: 'a message over the limit is refused', area: 'sizes', test: tooBig },
  { name: 'a topic created by the first message', area: 'topics', test: autoCreates },
  {
    name: 'kill -9: an idempotent producer goes on',
    area: 'restart',
    timeLimitMs: 90_000,
    test: livesThroughRestart,
  },
])

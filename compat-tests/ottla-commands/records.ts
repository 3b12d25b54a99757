/**
 * `ottla produce` and `ottla consume`: codecs, keys and their partitions, bytes of every kind there and back, where
 * reading begins and ends, and pipes that close. kafkajs is the judge of partitions and headers.
 */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { ottlaMain } from '../../scripts/ottla-process.ts'
import { type Capability, inArea, type TestContext } from '../capability.ts'
import { connectedProducer, readTopics } from '../kafkajs/client.ts'
import { numberedValues } from '../record-values.ts'
import {
  asLines,
  consumed,
  createdTopic,
  kept,
  linesOf,
  ottla,
  ottlaJson,
  refused,
  startOttla,
  tryOttla,
} from './ottla.ts'

const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd']

async function roundTrip(context: TestContext, codec: string): Promise<void> {
  const topic = await createdTopic(context, `codec-${codec}`)
  const values = numberedValues(2_000)
  const report = await ottlaJson(context, ['produce', topic, '--compression', codec], asLines(values))
  assert.equal(report.recordCount, values.length)
  assert.deepEqual(linesOf(await ottla(context, ['consume', topic, '--raw'])), values)
  const [{ sizeBytes }] = await ottlaJson(context, ['topic', 'describe', topic])
  const plainBytes = values.join('').length
  assert.equal(sizeBytes > plainBytes, codec === 'none', `${plainBytes} bytes are ${sizeBytes} on disk`)
}

async function samePartitionsAsOthers(context: TestContext): Promise<void> {
  const [mine, theirs] = [await createdTopic(context, 'mine', 7), await createdTopic(context, 'theirs', 7)]
  const keys = Array.from({ length: 200 }, (_, index) => `ключ-${index}-${'k'.repeat(index % 11)}`)
  await ottla(context, ['produce', mine, '--key-separator', '|'], asLines(keys.map(key => `${key}|${key}`)))
  const producer = await connectedProducer(context)
  await producer.send({ topic: theirs, messages: keys.map(key => ({ key, value: key })) })
  const places = async (topic: string) =>
    new Map((await consumed(context, [topic])).map(({ key, partition }) => [key, partition]))
  assert.deepEqual([...(await places(mine))].sort(), [...(await places(theirs))].sort())
}

async function anyBytes(context: TestContext): Promise<void> {
  const topic = await createdTopic(context, 'bytes', 2, ...kept)
  const original = [
    {
      key: 'plain',
      value: 'text',
      headers: [
        { key: 'one', value: '1' },
        { key: 'one', value: '2' },
      ],
    },
    { key: null, value: '', headers: [] },
    { key: 'tombstone', value: null, headers: [{ key: 'null', value: null }] },
    { keyBase64: 'AP+A', valueBase64: '/wD+', headers: [{ key: 'ünï', valueBase64: '/w==' }] },
    { key: 'line\nbreak', value: 'tab\tand\u001b[31m', headers: [] },
  ].map((record, index) => ({ ...record, partition: index % 2, timestamp: 1_700_000_000_000 + index }))
  const lines = asLines(original.map(record => JSON.stringify(record)))
  await ottla(context, ['produce', topic, '--input', 'json'], lines)
  const printed = (await consumed(context, [topic])).sort((one, other) => one.timestamp - other.timestamp)
  const withoutPlace = printed.map(record => {
    const { topic: _topic, offset: _offset, timestampType: _type, ...rest } = { timestampType: '', ...record }
    return rest
  })
  assert.deepEqual(withoutPlace.map(sortedKeys), original.map(sortedKeys))

  // What was printed can be produced again, and is the same.
  const copy = await createdTopic(context, 'copy', 2, ...kept)
  await ottla(
    context,
    ['produce', copy, '--input', 'json'],
    asLines(printed.map(record => JSON.stringify(record))),
  )
  const again = await readTopics(context, [copy], original.length)
  const asStored = again.find(({ timestamp }) => Number(timestamp) === 1_700_000_000_003)!
  assert.deepEqual(asStored.key, Buffer.from('AP+A', 'base64'))
  assert.deepEqual(asStored.headers.ünï, Buffer.from([0xff]))

  const text = linesOf(await ottla(context, ['consume', topic]))
  assert.equal(text.length, original.length, 'a record takes more than a line')
  assert.ok(
    text.some(line => line.includes('tab\\tand\\u001b[31m')),
    'a control character reached the terminal',
  )
  assert.ok(text.some(line => line.includes('base64:AP+A  base64:/wD+')))
}

function sortedKeys(record: object): string {
  return JSON.stringify(Object.entries(record).sort())
}

async function headersAndKeyOfAll(context: TestContext): Promise<void> {
  const topic = await createdTopic(context, 'arguments')
  const words = ['--key', 'k', '--header', 'trace=a=b', '--header', 'empty=', '--acks', '1']
  const said = await ottla(context, ['produce', topic, 'first', 'second', ...words])
  assert.equal(said, `Produced 2 records to topic ${topic}: partition 0 at 0-1\n`)
  const records = await readTopics(context, [topic], 2)
  assert.deepEqual(
    records.map(({ value }) => String(value)),
    ['first', 'second'],
  )
  assert.deepEqual(
    records.map(({ key, headers }) => [String(key), String(headers.trace), String(headers.empty)]),
    [
      ['k', 'a=b', ''],
      ['k', 'a=b', ''],
    ],
  )
}

async function withoutAcknowledgement(context: TestContext): Promise<void> {
  const topic = await createdTopic(context, 'acks-0')
  await ottla(context, ['produce', topic, '--acks', '0'], asLines(numberedValues(100)))
  assert.equal((await consumed(context, [topic, '--max-messages', '100', '--timeout', '10s'])).length, 100)
}

async function oversized(context: TestContext): Promise<void> {
  const topic = await createdTopic(context, 'oversized')
  const sentence = await refused(context, ['produce', topic], 65, 'x'.repeat(1_200_000))
  assert.match(sentence, new RegExp(`topic ${topic}: broker ${context.bootstrap} answered MESSAGE_TOO_LARGE`))
  // A batch that is too large for its topic is no reason to fail: it is sent in smaller ones.
  await ottla(context, ['topic', 'alter', topic, '--config', 'max.message.bytes=10000'])
  const values = Array.from({ length: 100 }, (_, index) => `${index}`.padEnd(1000, '.'))
  await ottla(context, ['produce', topic], asLines(values))
  assert.deepEqual(linesOf(await ottla(context, ['consume', topic, '--raw'])), values)
}

async function badLine(context: TestContext): Promise<void> {
  const topic = await createdTopic(context, 'bad-line')
  const input = '{"value":"good"}\n{"value":\n{"value":"never read"}\n'
  const { code, stderr } = await tryOttla(context, ['produce', topic, '--input', 'json'], input)
  assert.equal(code, 65)
  assert.match(stderr, /1 record had been produced.*\n.*Line 2 is no record: it is not JSON/)
  assert.deepEqual(
    (await consumed(context, [topic])).map(({ value }) => value),
    ['good'],
  )
}

async function largePipe(context: TestContext): Promise<void> {
  const topic = await createdTopic(context, 'pipe', 3)
  const values = Array.from({ length: 100_000 }, (_, index) => `${index} ${'x'.repeat(index % 97)}`)
  await ottla(context, ['produce', topic, '--partition', '1', '--compression', 'lz4'], asLines(values))
  assert.deepEqual(linesOf(await ottla(context, ['consume', topic, '--raw'])), values)
}

async function whereToBegin(context: TestContext): Promise<void> {
  const topic = await createdTopic(context, 'positions', 2, ...kept)
  const records = Array.from({ length: 20 }, (_, index) => ({
    value: String(index),
    partition: index % 2,
    timestamp: 1_700_000_000_000 + index * 1000,
  }))
  await ottla(
    context,
    ['produce', topic, '--input', 'json'],
    asLines(records.map(record => JSON.stringify(record))),
  )
  const read = async (...words: string[]) =>
    (await consumed(context, [topic, ...words])).map(({ value }) => Number(value)).sort((a, b) => a - b)
  const all = records.map((_, index) => index)
  assert.deepEqual(await read(), all)
  assert.deepEqual(await read('--from-beginning'), all)
  assert.deepEqual(await read('--partition', '1', '--offset', '7'), [15, 17, 19])
  assert.deepEqual(await read('--offset', '-2'), [16, 17, 18, 19])
  assert.deepEqual(await read('--offset', 'latest'), [])
  assert.deepEqual(await read('--from-time', '2023-11-14T22:13:35Z'), [15, 16, 17, 18, 19])
  assert.deepEqual(await read('--from-time', '1700000015000'), [15, 16, 17, 18, 19])
  assert.deepEqual(await read('--from-time', '1h'), [])
  assert.equal((await read('--max-messages', '3')).length, 3)
  assert.match(await refused(context, ['consume', topic, '--offset', '99'], 65), /has 0 to 10/)
  assert.match(await refused(context, ['consume', topic, '--partition', '2'], 66), /has no partition 2/)
}

async function follows(context: TestContext): Promise<void> {
  const topic = await createdTopic(context, 'followed', 2)
  await ottla(context, ['produce', topic, 'before'])
  const tail = startOttla(context, ['consume', topic, '--follow', '--raw'])
  await tail.lines.until(lines => lines.length === 1, 'what was there')
  await ottla(context, ['produce', topic, 'one', 'two'])
  await tail.lines.until(lines => lines.length === 3, 'what came later')
  assert.equal(await tail.interrupt(), 0)
  assert.deepEqual(tail.lines.items, ['before', 'one', 'two'])
}

async function producesAsLinesCome(context: TestContext): Promise<void> {
  const topic = await createdTopic(context, 'typed')
  const tail = startOttla(context, ['consume', topic, '--follow', '--raw'])
  const typist = startOttla(context, ['produce', topic])
  for (let line = 1; line <= 3; line++) {
    typist.write(`line ${line}\n`)
    await tail.lines.until(lines => lines.length === line, `line ${line}`)
  }
  typist.write('unfinished')
  assert.equal(await typist.interrupt(), 0)
  assert.match(typist.lines.items.join(), /^Produced 3 records/)
  assert.equal(await tail.interrupt(), 0)
}

async function waitsForRecords(context: TestContext): Promise<void> {
  const topic = await createdTopic(context, 'awaited')
  const waiting = startOttla(context, ['consume', topic, '--max-messages', '2', '--timeout', '20s', '--raw'])
  await ottla(context, ['produce', topic, 'one', 'two', 'three'])
  assert.equal(await waiting.ended, 0)
  assert.deepEqual(waiting.lines.items, ['one', 'two'])
  const late = ['consume', topic, '--max-messages', '5', '--timeout', '1s', '--raw']
  assert.match(await refused(context, late, 75), /3 of 5 records came before 1000 ms/)
  assert.deepEqual(linesOf(await ottla(context, ['consume', topic, '--timeout', '500ms', '--raw'])).length, 3)
}

/** What a shell does for `ottla consume orders | head -n 1`. */
async function readerGoesAway(context: TestContext): Promise<void> {
  const topic = await createdTopic(context, 'head')
  await ottla(context, ['produce', topic], asLines(numberedValues(20_000)))
  const child = spawn(process.execPath, [ottlaMain, 'consume', topic, '--raw'], {
    env: { ...process.env, OTTLA_BOOTSTRAP_SERVER: context.bootstrap },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  context.cleanUp(() => child.kill('SIGKILL'))
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', text => (stderr += text))
  child.stdout.once('data', () => child.stdout.destroy())
  const [code] = await once(child, 'exit')
  assert.deepEqual([code, stderr], [0, ''])
}

async function createsOnFirstUse(context: TestContext): Promise<void> {
  const topic = context.uniqueName('first-use')
  assert.match(await refused(context, ['consume', topic], 66), /does not exist/)
  assert.match(await ottla(context, ['produce', topic, 'hello']), /^Produced 1 record/)
  assert.deepEqual(
    (await consumed(context, [topic])).map(({ value }) => value),
    ['hello'],
  )
}

export const recordCapabilities: Capability[] = inArea('produce', [
  ...inArea(
    'compression',
    codecs.map(codec => ({
      name: `produce and consume, codec ${codec}`,
      test: (context: TestContext) => roundTrip(context, codec),
    })),
  ),
  { name: 'keys go to the partitions to which other clients send them', test: samePartitionsAsOthers },
  { name: 'bytes of any kind, there and back as JSON', test: anyBytes },
  { name: 'values as arguments, with a key and headers', area: 'headers', test: headersAndKeyOfAll },
  { name: 'produce with acks=0', area: 'acks', test: withoutAcknowledgement },
  { name: 'a record too large is refused, a batch too large is split', area: 'sizes', test: oversized },
  { name: 'a bad line ends producing with its number', test: badLine },
  { name: 'a pipe of 100,000 lines, in order', test: largePipe },
  { name: 'consume from an offset, from a time, from the end', area: 'seek', test: whereToBegin },
  { name: 'follow what is produced until Ctrl-C', area: 'consume', test: follows },
  { name: 'produce each line as it is typed', test: producesAsLinesCome },
  { name: 'wait for a number of records', area: 'consume', test: waitsForRecords },
  { name: 'end quietly when the reader goes away', area: 'consume', test: readerGoesAway },
  { name: 'produce to a topic that the broker creates', area: 'topics', test: createsOnFirstUse },
])

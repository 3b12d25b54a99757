/**
 * The commands' parts, and the commands as processes of the CommonJS build where something goes wrong: against brokers
 * by script, and against a real one in this process. What they do when all is well is in compat-tests/ottla-commands.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { resolve } from 'node:path'
import { Readable } from 'node:stream'
import t, { type Test } from 'tap'
import { errorCodes } from '../../protocol-codecs/error-codes.ts'
import { createTopicsRequest, createTopicsResponse } from '../../protocol-codecs/messages/create-topics.ts'
import { metadataRequest, metadataResponse } from '../../protocol-codecs/messages/metadata.ts'
import type { ReadRecord } from '../client/record-reader.ts'
import { exitCodes } from '../exit-codes.ts'
import { api, type ScriptedApi, type ScriptedBroker, scriptedBroker } from '../testing/scripted-broker.ts'
import { exitCodeOfFailure, parseEntry, parseTopicPartitions, wholeNumber } from './command-line.ts'
import { linesOf } from './input-lines.ts'
import { anyOf } from './interruption.ts'
import { printable, readableSize, table } from './output.ts'
import { RecordJsonError, recordAsJson, recordFromJson } from './record-json.ts'
import { recordAsText } from './record-text.ts'
import { parseDurationMs, parseMomentMs } from './times.ts'

t.test('durations and moments are read as people write them', async t => {
  const durations: Record<string, number> = {
    '500ms': 500,
    '10s': 10_000,
    '1.5m': 90_000,
    '2h': 7_200_000,
    '7d': 604_800_000,
    PT1H30M: 5_400_000,
    'P1DT0.5S': 86_400_500,
  }
  for (const [text, ms] of Object.entries(durations)) t.equal(parseDurationMs(text), ms, text)
  for (const text of ['', '10', 's', '-1s', 'P', 'PT', '1y']) t.throws(() => parseDurationMs(text), text)
  const noon = Date.UTC(2026, 2, 1, 12)
  t.equal(parseMomentMs('2026-03-01T12:00:00Z'), noon)
  t.equal(
    parseMomentMs('2026-03-01T12:00:00.000'),
    noon,
    'UTC without a zone, in whatever zone the machine is',
  )
  t.equal(parseMomentMs('2026-03-01T14:00:00+02:00'), noon)
  t.equal(parseMomentMs('2026-03-01'), Date.UTC(2026, 2, 1))
  t.equal(parseMomentMs(String(noon)), noon)
  t.ok(Math.abs(Date.now() - 600_000 - parseMomentMs('10m')) < 1000)
  for (const text of ['', 'now', '12', '2026-13-01', 'March']) t.throws(() => parseMomentMs(text), text)
})

t.test('other words of the command line are checked', async t => {
  t.same(parseEntry('a=b=c'), { name: 'a', value: 'b=c' })
  t.same(parseEntry('a='), { name: 'a', value: '' })
  for (const text of ['a', '=b', '']) t.throws(() => parseEntry(text), text)
  t.same(parseTopicPartitions('t'), { topic: 't', partitions: undefined })
  t.same(parseTopicPartitions('t:0,2'), { topic: 't', partitions: [0, 2] })
  for (const text of ['', ':0', 't:x', 't:0-3']) t.throws(() => parseTopicPartitions(text), text)
  t.equal(wholeNumber(1)('7'), 7)
  for (const text of ['0', '1.5', 'x', '1e3', '99999999999999999999'])
    t.throws(() => wholeNumber(1)(text), text)
})

t.test('every kind of failure has its exit code', async t => {
  t.equal(exitCodeOfFailure('unreachable'), exitCodes.unavailable)
  t.equal(exitCodeOfFailure('timed out'), exitCodes.tryAgain)
  t.equal(exitCodeOfFailure('not kafka'), exitCodes.protocol)
  t.equal(exitCodeOfFailure('UNKNOWN_TOPIC_OR_PARTITION'), exitCodes.noInput)
  t.equal(exitCodeOfFailure('TOPIC_AUTHORIZATION_FAILED'), exitCodes.noPermission)
  t.equal(exitCodeOfFailure('TOPIC_ALREADY_EXISTS'), exitCodes.refused)
})

t.test('tables, sizes and text of unknown origin', async t => {
  t.equal(
    table(
      ['NAME', 'COUNT'],
      [
        ['a', 1],
        ['long\u001b[2Jer', undefined],
        ['c', 100],
      ],
    ),
    'NAME             COUNT\na                    1\nlong\\u001b[2Jer      -\nc                  100',
  )
  t.equal(table(['A'], []), 'A')
  t.same([undefined, 0, 999, 1000, 9995, 123_456, 999_500, 5e9].map(readableSize), [
    undefined,
    '0 B',
    '999 B',
    '1.00 KB',
    '10.0 KB',
    '123 KB',
    '1.00 MB',
    '5.00 GB',
  ])
  t.equal(printable('a\tb\r\n\u0000\u009b✓'), 'a\\tb\\r\\n\\u0000\\u009b✓')
})

t.test('lines are cut wherever the pieces end, and keep their bytes', async t => {
  const text = Buffer.from('one\r\n\ntwo ✓\nlast \xff', 'latin1')
  for (let size = 1; size <= text.length; size++) {
    const pieces = Array.from({ length: Math.ceil(text.length / size) }, (_, index) =>
      text.subarray(index * size, (index + 1) * size),
    )
    const lines: Buffer[] = []
    for await (const some of linesOf(Readable.from(pieces))) lines.push(...some)
    t.same(
      lines.map(line => line.toString('latin1')),
      ['one', '', 'two ✓'.slice(0, 4) + Buffer.from('✓', 'latin1').toString('latin1'), 'last \xff'],
      `pieces of ${size}`,
    )
  }
})

t.test('a record goes to JSON and back', async t => {
  const record: ReadRecord = {
    topic: 't',
    partition: 3,
    offset: 7,
    timestamp: 5,
    timestampType: 'CreateTime',
    key: Buffer.from([0xff]),
    value: Buffer.from('✓'),
    headers: [
      { key: 'h', value: null },
      { key: 'h', value: Buffer.from([0xc0]) },
    ],
  }
  const line = recordAsJson(record)
  t.match(JSON.parse(line), {
    keyBase64: '/w==',
    value: '✓',
    headers: [{ key: 'h', value: null }, { valueBase64: 'wA==' }],
  })
  const { topic: _topic, offset: _offset, timestampType: _type, ...said } = record
  t.same(recordFromJson(line), said)
  t.equal(recordAsText(record), '1970-01-01T00:00:00.005Z  t-3@7  base64:/w==  ✓  h=null  h=base64:wA==')

  t.match(recordFromJson('{"value":{"a":1},"headers":{"x":"y"}}'), {
    key: null,
    value: Buffer.from('{"a":1}'),
    headers: [{ key: 'x', value: Buffer.from('y') }],
  })
  t.equal(recordFromJson('{"value":1,"timestamp":-1}').timestamp, undefined, 'a record without a time')
  const wrong = ['', '[]', '{}', '{"key":"k"}', '{"value":1,"partition":-1}', '{"value":1,"timestamp":"now"}']
  const headers = ['{"value":1,"headers":3}', '{"value":1,"headers":[{}]}', '{"valueBase64":1}']
  for (const text of [...wrong, ...headers]) t.throws(() => recordFromJson(text), RecordJsonError, text)
})

t.test('several signals become one, and are let go of', async t => {
  const [one, other] = [new AbortController(), new AbortController()]
  const first = anyOf([one.signal, undefined, other.signal])
  t.equal(first.signal.aborted, false)
  other.abort()
  t.equal(first.signal.aborted, true)
  t.equal(anyOf([one.signal, other.signal]).signal.aborted, true)
  const released = anyOf([one.signal])
  released.release()
  one.abort()
  t.equal(released.signal.aborted, false)
  const timed = anyOf([], 1)
  await once(timed.signal, 'abort')
})

const command = resolve(process.env.OTTLA_MAIN ?? 'dist/cjs/src/main.js')

async function ottla(words: readonly string[], { to = '127.0.0.1:1', input = '' } = {}) {
  const env = { ...process.env, OTTLA_BOOTSTRAP_SERVER: to }
  const child = spawn(process.execPath, [command, ...words], { env })
  const output = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', text => (output.stdout += text))
  child.stderr.setEncoding('utf8').on('data', text => (output.stderr += text))
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  const timer = setTimeout(() => child.kill('SIGKILL'), 20_000)
  const [code] = await once(child, 'close')
  clearTimeout(timer)
  return { code: code as number | null, ...output }
}

async function refused(t: Test, words: readonly string[], code: number, to?: string): Promise<string> {
  const result = await ottla(words, { to })
  t.same([result.code, result.stdout], [code, ''], `${words.join(' ')}: ${result.stderr}`)
  t.match(result.stderr, /^ottla: [^\n]+[.?]\n$/, 'one sentence')
  return result.stderr
}

t.test('every command has help with examples, and the list of them is in the help of all', async t => {
  const { stdout } = await ottla(['--help'])
  for (const name of ['topic', 'group', 'produce', 'consume', 'cluster', 'healthcheck'])
    t.match(stdout, ` ${name} `)
  const families: Record<string, string[]> = {
    topic: ['list', 'create', 'describe', 'alter', 'delete'],
    group: ['list', 'describe', 'delete', 'reset-offsets', 'delete-offsets'],
  }
  const all = [
    ...['produce', 'consume', 'cluster', 'healthcheck'].map(name => [name]),
    ...Object.entries(families).flatMap(([family, names]) => names.map(name => [family, name])),
  ]
  const helps = await Promise.all(all.map(words => ottla([...words, '--help'])))
  for (const [index, words] of all.entries()) {
    const { code, stdout } = helps[index]!
    t.equal(code, 0)
    t.match(stdout, new RegExp(`^Usage: ottla ${words.join(' ')} `))
    t.match(stdout, /--bootstrap-server <host:port,...>/)
    t.match(stdout, /--json/)
    t.match(stdout, new RegExp(`Examples:\\n(.*\\n)*.*${words.join('\\W+')}`), 'an example of itself')
  }
})

t.test('a command line that makes no sense is told so before any broker is asked', async t => {
  const wrong = [
    ['topic'],
    ['topic', 'brew'],
    ['topic', 'create'],
    ['topic', 'create', 'a', '--partitions', '0'],
    ['topic', 'create', 'a', '--config', 'x'],
    ['group', 'reset-offsets', 'g', '--topic', 'a'],
    ['group', 'reset-offsets', 'g', '--to-latest'],
    ['group', 'reset-offsets', 'g', '--topic', 'a', '--to-latest', '--to-earliest'],
    ['consume', 'a', '--offset', 'somewhere'],
    ['consume', 'a', '--offset', '1', '--from-beginning'],
    ['consume', 'a', '--group', 'g', '--partition', '1'],
    ['consume', 'a', '--raw', '--json'],
    ['produce', 'a', '--acks', '2'],
    ['produce', 'a', '--key', 'k', '--key-separator', ':'],
    ['healthcheck', '--timeout', '5'],
    ['cluster', '--bootstrap-server', 'a:b'],
    ['--log-level', 'info', 'topic', 'list'],
  ]
  const results = await Promise.all(wrong.map(words => ottla(words)))
  for (const [index, { code, stdout, stderr }] of results.entries()) {
    t.same([code, stdout], [exitCodes.usage, ''], `${wrong[index]!.join(' ')}: ${stderr}`)
    t.notMatch(stderr, /\n\s+at /)
  }
})

t.test('a broker that cannot be asked', async t => {
  const all = [
    ['topic', 'list'],
    ['group', 'list'],
    ['consume', 'a'],
    ['produce', 'a', 'x'],
    ['cluster'],
    ['healthcheck'],
  ]
  for (const words of all) {
    const sentence = await refused(t, words, exitCodes.unavailable)
    t.equal(sentence, 'ottla: Cannot connect to broker 127.0.0.1:1: connection refused.\n')
  }
  const http = createServer()
  await new Promise<void>(resolve => http.listen(0, '127.0.0.1', resolve))
  t.teardown(() => http.close())
  const { port } = http.address() as AddressInfo
  t.match(await refused(t, ['topic', 'list'], exitCodes.protocol, `127.0.0.1:${port}`), /answered in HTTP/)
  const silent = await scriptedBroker(t, [], { negotiate: () => 'silence' })
  const to = `127.0.0.1:${silent.port}`
  const words = ['healthcheck', '--timeout', '100ms']
  t.match(await refused(t, words, exitCodes.tryAgain, to), /did not answer ApiVersions within 100 ms/)
})

async function answering(t: Test, apis: readonly ScriptedApi[]): Promise<string> {
  const metadata = api(metadataRequest, metadataResponse, ({ topics }) => ({
    brokers: [{ nodeId: 1, host: broker.host, port: broker.port }],
    controllerId: 1,
    topics: (topics ?? []).map(({ name }) => ({
      errorCode: errorCodes.TOPIC_AUTHORIZATION_FAILED,
      name,
      partitions: [],
    })),
  }))
  const broker: ScriptedBroker = await scriptedBroker(t, [...apis, metadata])
  return `${broker.host}:${broker.port}`
}

t.test('a broker that does not allow it, wants authentication, or lacks an API', async t => {
  const forbidding = await answering(t, [])
  const sentence = await refused(t, ['consume', 'secret'], exitCodes.noPermission, forbidding)
  t.equal(
    sentence,
    `ottla: Cannot describe topic secret: broker ${forbidding} answered TOPIC_AUTHORIZATION_FAILED.\n`,
  )
  const lacking = await refused(t, ['topic', 'create', 'a'], exitCodes.protocol, forbidding)
  t.equal(lacking, `ottla: Broker ${forbidding} does not serve CreateTopics.\n`)
  const closing = await scriptedBroker(t, [api(metadataRequest, metadataResponse, () => 'close')])
  const toClosing = `127.0.0.1:${closing.port}`
  t.match(
    await refused(t, ['topic', 'delete', 'a'], exitCodes.tryAgain, toClosing),
    /may want authentication/,
  )
  const odd = await answering(t, [
    api(createTopicsRequest, createTopicsResponse, ({ topics }) => ({
      topics: topics.map(({ name }) => ({ name, errorCode: 1234, errorMessage: 'From the future' })),
    })),
  ])
  const future = await refused(t, ['topic', 'create', 'a'], exitCodes.refused, odd)
  t.equal(future, `ottla: Cannot create topic a: broker ${odd} answered error code 1234: From the future.\n`)
})

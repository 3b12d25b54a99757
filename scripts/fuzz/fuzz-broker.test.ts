/**
 * A broker in this process is sent 20,000 damaged requests and streams of noise over TCP, and must go on serving.
 * `npm run fuzz -- --broker` does the same, longer, to a broker in a process of its own. OTTLA_SEED repeats a run.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { frameTemplates } from '../../protocol-codecs/mutation.fuzz.ts'
import { loadMessages, readVectors } from '../../protocol-codecs/vectors/read-vectors.ts'
import { openBroker } from '../../src/broker.ts'
import { metadata } from '../../src/requests/metadata.ts'
import { brokerSettings } from '../../src/settings/broker-settings.ts'
import { RawClient } from '../../src/testing/raw-client.ts'
import { type SeededRandom, seededRandom } from '../seeded-random.ts'
import { fuzzBroker } from './fuzz-broker.ts'

const mebibyte = 1024 * 1024
/** They fill the broker with topics and partitions; their decoders are reached in `mutation.test.ts`. */
const withoutApis = new Set([19, 37])

const seed = Number(process.env.OTTLA_SEED ?? Date.now() % 2 ** 31)
t.comment(`OTTLA_SEED=${seed}`)

t.test('whatever a broker is sent, it serves the next client, in bounded memory', async t => {
  const directory = mkdtempSync(join(tmpdir(), 'ottla-test-'))
  const uncaught: unknown[] = []
  const note = (error: unknown) => uncaught.push(error)
  process.on('unhandledRejection', note)
  const broker = await openBroker(
    brokerSettings({
      listeners: ['PLAINTEXT://127.0.0.1:0'],
      'log.dirs': [directory],
      'auto.create.topics.enable': false,
      'write.caching.default': true,
    }),
  )
  t.teardown(async () => {
    await broker.stop()
    process.off('unhandledRejection', note)
    rmSync(directory, { recursive: true })
  })
  const { port } = broker.listeners[0]!
  const serves = async () => {
    const client = await RawClient.connect({ port })
    const { clusterId } = await client.send(metadata, 9, { topics: [] })
    await client.close()
    return clusterId === broker.clusterId
  }

  await t.test('damaged requests', async t => {
    const messages = await loadMessages(new URL('../../protocol-codecs/messages/', import.meta.url))
    const all = frameTemplates(readVectors('java-requests.jsonl.gz'), messages)
    const before = process.memoryUsage().rss
    const report = await fuzzBroker({
      address: `127.0.0.1:${port}`,
      // Its memory is this process's, the client's included, which newer Nodes let grow before they collect.
      pid: undefined,
      connections: 32,
      templates: new Map([...all].filter(([apiKey]) => !withoutApis.has(apiKey))),
      count: 20_000,
      random: seededRandom(seed),
      progress: () => undefined,
    })
    for (const line of report.notes) t.comment(line)
    t.same(report.failures, [])
    const grown = process.memoryUsage().rss - before
    t.ok(grown < 256 * mebibyte, `memory grew by ${Math.round(grown / mebibyte)} MiB`)
    t.ok(await serves())
  })

  await t.test('noise', async t => {
    const random = seededRandom(seed)
    const before = process.memoryUsage().rss
    for (let round = 0; round < 40; round++) {
      await Promise.all(Array.from({ length: 25 }, () => sendNoise(port, random)))
    }
    t.ok(process.memoryUsage().rss - before < 64 * mebibyte)
    t.ok(await serves())
  })
  t.same(uncaught, [])
})

/** Bytes without meaning, some behind a length that makes them a frame, until the broker has had enough of them. */
function sendNoise(port: number, random: SeededRandom): Promise<void> {
  const size = random.between(1, 2000)
  const bytes = Buffer.from(Array.from({ length: size }, () => random.between(0, 255)))
  if (size >= 12 && random.chance(0.8)) {
    bytes.writeInt32BE(random.chance(0.8) ? size - 4 : random.between(0, 100 * mebibyte), 0)
    if (random.chance(0.8)) bytes.writeInt16BE(random.between(0, 80), 4)
    if (random.chance(0.8)) bytes.writeInt16BE(random.between(0, 14), 6)
  }
  return new Promise(resolve => {
    const socket = connect({ host: '127.0.0.1', port })
    // Node never closes a socket that is reset before it is connected, as happens on a busy machine.
    const giveUp = () => (socket.connecting ? socket.destroy() : socket.resetAndDestroy())
    const patience = setTimeout(giveUp, 100)
    socket.on('error', () => undefined)
    socket.on('data', () => socket.end())
    socket.on('close', () => {
      clearTimeout(patience)
      resolve()
    })
    socket.end(bytes)
  })
}

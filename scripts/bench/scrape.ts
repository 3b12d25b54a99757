/**
 * For how long a scrape of many partitions, and of a group that has committed an offset for each, holds the event
 * loop: the longest single turn, seen from inside the broker (`turn-probe.ts`). The first scrape counts by itself,
 * because its code runs for the first time; what it loads is loaded a little after the start, which is shown too.
 */
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import kafkajs from 'kafkajs'
import { freePort, type RunningBroker } from '../broker-process.ts'
import { startOttla } from '../ottla-process.ts'
import { median } from '../statistics.ts'
import { readable } from '../text-table.ts'
import type { Scenario } from './scenario.ts'

/** Milliseconds that a scrape may hold the event loop at a time. */
const limitMs = 20
const topicCount = 200
const partitionsPerTopic = 10
const laterScrapeCount = 10
/** Longer than the broker waits after its start until it loads what a scrape needs. */
const loadWindowMs = 1500

interface ScrapeSample {
  round: number
  loadTurnMs: number
  firstTurnMs: number
  laterTurnsMs: number[]
  /** From the request to the last byte. */
  scrapeMs: number
  megabytes: number
  seriesCount: number
}

export const scrape: Scenario = {
  name: 'scrape',
  summary: `longest turn of the event loop in a scrape of ${topicCount * partitionsPerTopic} partitions and a group`,
  needsJava: false,
  async run(context) {
    const samples: ScrapeSample[] = []
    for (let round = 1; round <= context.rounds; round++) {
      context.progress(`scrape, round ${round}`)
      samples.push(await measureOnce(round))
    }
    const middle = (pick: (sample: ScrapeSample) => number) => median(samples.map(pick))
    const firstMs = middle(sample => sample.firstTurnMs)
    const laterMs = middle(sample => Math.max(...sample.laterTurnsMs))
    return {
      headings: ['broker', 'loading ms', 'first ms', 'later ms', 'whole scrape ms', 'MB', 'series'],
      rows: [
        [
          'ottla',
          readable(middle(sample => sample.loadTurnMs)),
          readable(firstMs),
          readable(laterMs),
          readable(middle(sample => sample.scrapeMs)),
          readable(middle(sample => sample.megabytes)),
          middle(sample => sample.seriesCount),
        ],
      ],
      limits: [
        { what: 'longest turn in the first scrape', unit: 'ms', atMost: limitMs, measured: firstMs },
        { what: 'longest turn in later scrapes', unit: 'ms', atMost: limitMs, measured: laterMs },
      ],
      samples,
    }
  },
}

async function measureOnce(round: number): Promise<ScrapeSample> {
  const metricsPort = await freePort()
  let told: (longestMs: number) => void = () => undefined
  const broker = await startOttla({
    overrides: { 'metrics.port': String(metricsPort), 'write.caching.default': 'true' },
    nodeArguments: ['--import', new URL('turn-probe.js', import.meta.url).href],
    onLine: line => {
      const match = line.match(/^longest turn: (\S+) ms$/)
      if (match !== null) told(Number(match[1]))
    },
  })
  /** The longest turn while something is done. */
  const longestTurn = async (work: () => Promise<unknown>): Promise<number> => {
    process.kill(broker.pid, 'SIGUSR2')
    await work()
    const longest = new Promise<number>(resolve => {
      told = resolve
    })
    process.kill(broker.pid, 'SIGUSR2')
    return longest
  }
  try {
    const loadTurnMs = await longestTurn(() => delay(loadWindowMs))
    await fill(broker)
    const texts: string[] = []
    let scrapeMs = 0
    const scrapeOnce = async () => {
      const startedAt = performance.now()
      texts.push(await fetchText(metricsPort))
      scrapeMs = performance.now() - startedAt
    }
    const firstTurnMs = await longestTurn(scrapeOnce)
    const laterTurnsMs: number[] = []
    for (let i = 0; i < laterScrapeCount; i++) {
      laterTurnsMs.push(await longestTurn(scrapeOnce))
    }
    const text = texts.at(-1)!
    for (const name of ['kafka_log_log_size', 'kafka_consumergroup_lag']) {
      const count = text.split(`\n${name}{`).length - 1
      const wanted = topicCount * partitionsPerTopic
      if (count < wanted) throw new Error(`${count} series of ${name}, not ${wanted}`)
    }
    const megabytes = text.length / 1e6
    const seriesCount = text.split('\n').filter(line => line !== '' && !line.startsWith('#')).length
    return { round, loadTurnMs, firstTurnMs, laterTurnsMs, scrapeMs, megabytes, seriesCount }
  } finally {
    await broker.stop()
  }
}

/** A record in every partition, read by a group that commits it. */
async function fill(broker: RunningBroker): Promise<void> {
  const client = new kafkajs.Kafka({ brokers: [broker.bootstrap], logLevel: kafkajs.logLevel.NOTHING })
  const topics = Array.from({ length: topicCount }, (_, i) => `scraped-${String(i).padStart(3, '0')}`)
  const admin = client.admin()
  await admin.connect()
  await admin.createTopics({
    topics: topics.map(topic => ({ topic, numPartitions: partitionsPerTopic, replicationFactor: 1 })),
  })
  await admin.disconnect()
  const producer = client.producer()
  await producer.connect()
  const messages = Array.from({ length: partitionsPerTopic }, (_, partition) => ({ partition, value: 'x' }))
  await producer.sendBatch({ topicMessages: topics.map(topic => ({ topic, messages })) })
  await producer.disconnect()
  const consumer = client.consumer({ groupId: 'readers' })
  await consumer.connect()
  await consumer.subscribe({ topics, fromBeginning: true })
  let left = topicCount * partitionsPerTopic
  await new Promise<void>(resolve => {
    const eachMessage = async () => {
      if (--left === 0) resolve()
    }
    void consumer.run({ eachMessage })
  })
  // Commits what it has read.
  await consumer.disconnect()
}

async function fetchText(port: number): Promise<string> {
  const [response] = (await once(get({ port, path: '/metrics', agent: false }), 'response')) as [
    IncomingMessage,
  ]
  const pieces: Buffer[] = []
  for await (const piece of response) pieces.push(piece)
  const text = Buffer.concat(pieces).toString()
  if (response.statusCode !== 200) throw new Error(`/metrics answers ${response.statusCode}: ${text}`)
  return text
}

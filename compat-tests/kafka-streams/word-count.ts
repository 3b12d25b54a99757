/**
 * One word count application: its topics, its instances, and what the counts must come to. Streams can do no better
 * than at-least-once without transactions, so counts are exact when an instance is killed at rest, and no smaller
 * when it is killed at work.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { Admin, Producer } from 'kafkajs'
import type { BrokerProcess } from '../../scripts/broker-process.ts'
import type { TestContext } from '../capability.ts'
import { type JavaProgram, javaProgram } from '../java-program.ts'
import { connectedAdmin, connectedConsumer, connectedProducer, createTopic } from '../kafkajs/client.ts'
import { eventually } from '../wait-for.ts'

export const streamsVersion = '4.4.0'
export const partitions = 4
const heap = '384M'
const vocabulary = [
  'ottla',
  'kafka',
  'prague',
  'castle',
  'letter',
  'house',
  'garden',
  'quiet',
  'river',
  'bridge',
]

export function wordCountProgram(): Promise<JavaProgram> {
  return javaProgram({
    name: `streams-${streamsVersion}`,
    artifacts: [['org.apache.kafka', 'kafka-streams', streamsVersion]],
    sources: [join('compat-tests', 'kafka-streams', 'WordCount.java')],
    mainClass: 'WordCount',
  })
}

/** Lines of one to five words. */
export function lines(count: number, seed = 0): string[] {
  return Array.from({ length: count }, (_, line) =>
    Array.from({ length: 1 + (line % 5) }, (_, word) => {
      return vocabulary[(line * 7 + word * 3 + seed) % vocabulary.length]!
    }).join(' '),
  )
}

export class WordCounting {
  readonly applicationId: string
  readonly input: string
  readonly output: string
  readonly admin: Admin
  readonly #context: TestContext
  readonly #producer: Producer
  readonly #expected = new Map<string, number>()
  readonly #counts = new Map<string, number>()

  private constructor(context: TestContext, input: string, output: string, admin: Admin, producer: Producer) {
    this.#context = context
    this.applicationId = context.uniqueName('word-count')
    this.input = input
    this.output = output
    this.admin = admin
    this.#producer = producer
  }

  static async prepare(context: TestContext): Promise<WordCounting> {
    const input = await createTopic(context, 'lines', partitions)
    const output = await createTopic(context, 'word-counts', partitions)
    const patient = { initialRetryTime: 100, maxRetryTime: 500, retries: 200 }
    const admin = await connectedAdmin(context, patient)
    const producer = await connectedProducer(context, { retry: patient })
    const counting = new WordCounting(context, input, output, admin, producer)
    const consumer = await connectedConsumer(context, { retry: patient })
    await consumer.subscribe({ topics: [output], fromBeginning: true })
    await consumer.run({
      // The last one holds: an update that comes again, as it may, is one that has been.
      eachMessage: async ({ message }) => {
        counting.#counts.set(String(message.key), Number(message.value!.readBigInt64BE()))
      },
    })
    return counting
  }

  async start(stateDirectory: string, settings: Record<string, string> = {}): Promise<BrokerProcess> {
    const all = {
      'application.id': this.applicationId,
      'bootstrap.servers': this.#context.bootstrap,
      'state.dir': stateDirectory,
      'commit.interval.ms': '200',
      'num.stream.threads': '2',
      'statestore.cache.max.bytes': '100000',
      'repartition.purge.interval.ms': '500',
      'replication.factor': '1',
      'session.timeout.ms': '6000',
      'heartbeat.interval.ms': '500',
      'consumer.auto.offset.reset': 'earliest',
      ...settings,
    }
    const args = [this.input, this.output, ...Object.entries(all).map(([name, value]) => `${name}=${value}`)]
    const program = await wordCountProgram()
    return await program.startService(this.#context, args, { heap, readyPattern: /^Streams is RUNNING/ })
  }

  async send(lines: string[]): Promise<void> {
    for (let start = 0; start < lines.length; start += 50) {
      const messages = lines
        .slice(start, start + 50)
        .map((value, index) => ({ value, partition: (start + index) % partitions }))
      await this.#producer.send({ topic: this.input, messages })
    }
    for (const word of lines.flatMap(line => line.split(' ')))
      this.#expected.set(word, (this.#expected.get(word) ?? 0) + 1)
  }

  /** Until the counts are exactly those of the lines that were sent. */
  async countsExactly(): Promise<void> {
    await this.#counted((count, expected) => count === expected)
    assert.deepEqual(this.#sorted(this.#counts), this.#sorted(this.#expected))
  }

  /** Until no line is missing in the counts; a line that was worked on at a kill may be in them twice. */
  async countsAtLeast(): Promise<void> {
    await this.#counted((count, expected) => count >= expected)
  }

  async #counted(isEnough: (count: number, expected: number) => boolean): Promise<void> {
    await eventually(
      'the words to be counted',
      async () =>
        [...this.#expected].map(([word, expected]) => ({
          word,
          expected,
          count: this.#counts.get(word) ?? 0,
        })),
      all => all.every(({ count, expected }) => isEnough(count, expected)),
      60_000,
    )
  }

  /** Until the application has committed all of the topics that it reads. */
  async committedEverything(): Promise<void> {
    const read = [this.input, `${this.applicationId}-words-repartition`]
    await eventually(
      'the application to have committed what it has read',
      async () => {
        const committed = await this.admin.fetchOffsets({ groupId: this.applicationId, topics: read })
        const lags: number[] = []
        for (const { topic, partitions } of committed) {
          const ends = await this.admin.fetchTopicOffsets(topic)
          for (const { partition, offset } of partitions)
            lags.push(
              Number(ends.find(end => end.partition === partition)!.high) - Math.max(0, Number(offset)),
            )
        }
        return lags
      },
      lags => lags.length === 2 * partitions && lags.every(lag => lag === 0),
      60_000,
    )
  }

  #sorted(counts: Map<string, number>): [string, number][] {
    return [...counts].sort(([one], [other]) => (one < other ? -1 : 1))
  }
}

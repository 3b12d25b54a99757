/**
 * How long a broker is away when it is started on data that it has: after a clean stop with 10,000 partitions, and
 * after kill -9 with 1,000 partitions and 20 GB. Counted from spawning it until every partition answers with its log
 * end and one takes a record; and what the start costs in memory, descriptors and bytes read.
 *
 * Both brokers acknowledge what is on the disk only (Kafka flushes every message), and checkpoint every ten seconds.
 * Before it is killed a broker has had the time for a checkpoint; a twentieth of the data is written after that. The
 * page cache is as the run has left it, on both sides. `bytes read` counts read calls (/proc/PID/io), so neither Kafka's
 * mapped indexes nor Node's own code, but the JVM's jars.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { prepareCrc32c } from '../../protocol-codecs/crc32c.ts'
import { startApacheKafka } from '../apache-kafka.ts'
import { freePort, type RunningBroker } from '../broker-process.ts'
import { startOttla } from '../ottla-process.ts'
import { groupBy, median } from '../statistics.ts'
import { readable } from '../text-table.ts'
import type { Contestant } from './contestants.ts'
import {
  createTopics,
  open,
  openWriters,
  type Partitions,
  partitionsOf,
  roundsFor,
  untilServed,
  writeOneRecordEach,
  writeRounds,
} from './recovery-load.ts'
import type { BenchContext, Scenario } from './scenario.ts'

const largePartitionCount = 1000
const checkpointIntervalMs = 10_000
const shareBehindCheckpoint = 1 / 20
const startTimeoutMs = 600_000
const stopTimeoutMs = 300_000
/** Kafka's start script says 1G, with which 10,000 partitions are possible, but slow. */
const heap = '2G'

interface Sample {
  cell: string
  broker: string
  round: number
  startMs: number
  residentBytes: number
  descriptors: number
  bytesRead: number
  /** How long the clean stop before it took. */
  stopMs?: number
  createMs?: number
}

export const recovery: Scenario = {
  name: 'recovery',
  summary: 'starts on existing data: clean with many partitions, after kill -9 with many bytes',
  needsJava: false,
  onlyByName: true,
  async run(context) {
    await prepareCrc32c()
    const samples: Sample[] = []
    for (const contestant of context.contestants) {
      for (const measure of [cleanStarts, startsAfterKill]) {
        const directory = await mkdtemp(join(context.directory ?? tmpdir(), 'recovery-'))
        try {
          samples.push(...(await measure(contestant, directory, context)))
        } finally {
          await rm(directory, { recursive: true, force: true })
        }
      }
    }
    const cells = [...groupBy(samples, ({ cell, broker }) => `${cell} ${broker}`).values()]
    cells.sort((a, b) => a[0]!.cell.localeCompare(b[0]!.cell))
    return {
      headings: ['start', 'broker', 'seconds', 'resident MB', 'descriptors', 'MB read', 'stop s', 'create s'],
      rows: cells.map(cell => {
        const middle = (pick: (sample: Sample) => number | undefined, unit: number) => {
          const values = cell.map(pick).filter(value => value !== undefined)
          return values.length === 0 ? undefined : readable(median(values) / unit)
        }
        return [
          cell[0]!.cell,
          cell[0]!.broker,
          middle(sample => sample.startMs, 1000),
          middle(sample => sample.residentBytes, 1e6),
          middle(sample => sample.descriptors, 1),
          middle(sample => sample.bytesRead, 1e6),
          middle(sample => sample.stopMs, 1000),
          middle(sample => sample.createMs, 1000),
        ]
      }),
      limits: [],
      samples,
    }
  },
}

async function cleanStarts(
  { name }: Contestant,
  directory: string,
  context: BenchContext,
): Promise<Sample[]> {
  const partitions = partitionsOf(context.manyPartitions)
  const count = partitions.topics.length * partitions.perTopic
  const cell = `clean, ${readable(count)} partitions`
  const samples: Sample[] = []
  let { broker } = await startAndMeasure(name, directory, undefined)
  try {
    context.progress(`recovery, ${name}: creating ${readable(count)} partitions`)
    const client = await open(broker.port)
    const createdAt = performance.now()
    await createTopics(client, partitions)
    const createMs = performance.now() - createdAt
    context.progress(`recovery, ${name}: a record to each, after ${readable(createMs / 1000)} s`)
    await writeOneRecordEach(client, partitions)
    client.close()
    for (let round = 1; round <= context.rounds; round++) {
      const stoppedAt = performance.now()
      await broker.stop()
      const stopMs = performance.now() - stoppedAt
      context.progress(`recovery, ${name}: stopped in ${readable(stopMs / 1000)} s, clean start ${round}`)
      const started = await startAndMeasure(name, directory, partitions)
      broker = started.broker
      if (started.records < count) throw new Error(`${name} has lost records: ${started.records}`)
      samples.push({ cell, broker: name, round, stopMs, createMs, ...started.figures })
    }
  } finally {
    await broker.kill9()
  }
  return samples
}

async function startsAfterKill(
  { name }: Contestant,
  directory: string,
  context: BenchContext,
): Promise<Sample[]> {
  const partitions = partitionsOf(largePartitionCount)
  const bytes = context.gigabytes * 1e9
  const cell = `kill -9, ${readable(context.gigabytes)} GB`
  const samples: Sample[] = []
  let { broker } = await startAndMeasure(name, directory, undefined)
  try {
    const client = await open(broker.port)
    await createTopics(client, partitions)
    client.close()
    context.progress(`recovery, ${name}: writing ${readable(context.gigabytes)} GB`)
    let written = await write(broker, partitions, bytes * (1 - shareBehindCheckpoint))
    for (let round = 1; round <= context.rounds; round++) {
      await delay(2 * checkpointIntervalMs)
      context.progress(
        `recovery, ${name}: ${readable(written / 1e9)} GB, the last ones behind a checkpoint, kill -9 ${round}`,
      )
      written += await write(broker, partitions, bytes * shareBehindCheckpoint)
      await broker.kill9()
      const started = await startAndMeasure(name, directory, partitions)
      broker = started.broker
      if (started.records < written / 1100) throw new Error(`${name} has lost records: ${started.records}`)
      samples.push({ cell, broker: name, round, ...started.figures })
    }
  } finally {
    await broker.kill9()
  }
  return samples
}

async function write({ port }: RunningBroker, partitions: Partitions, bytes: number): Promise<number> {
  const writers = await openWriters(port)
  try {
    return await writeRounds(writers, partitions, roundsFor(bytes, partitions))
  } finally {
    for (const { client } of writers) client.close()
  }
}

interface MeasuredStart {
  broker: RunningBroker
  records: number
  figures: Pick<Sample, 'startMs' | 'residentBytes' | 'descriptors' | 'bytesRead'>
}

/** Starts a broker on a directory and waits until it serves the partitions, if there are any. */
async function startAndMeasure(
  name: Contestant['name'],
  directory: string,
  partitions: Partitions | undefined,
): Promise<MeasuredStart> {
  const port = await freePort()
  const overrides = { 'log.flush.offset.checkpoint.interval.ms': String(checkpointIntervalMs) }
  const giveUpAt = performance.now() + startTimeoutMs
  // It knocks from before the process exists; both clocks are this process's.
  const served =
    partitions === undefined ? undefined : untilServed(port, partitions, () => performance.now() > giveUpAt)
  served?.catch(() => undefined)
  const common = { port, directory, startTimeoutMs, stopTimeoutMs }
  const broker =
    name === 'ottla'
      ? await startOttla({ ...common, overrides })
      : await startApacheKafka({
          ...common,
          heap,
          overrides: { ...overrides, 'log.flush.interval.messages': '1' },
        })
  const { at = broker.spawnedAt, records = 0 } = (await served) ?? {}
  const figures = {
    startMs: at - broker.spawnedAt,
    residentBytes: broker.residentBytes(),
    descriptors: readdirSync(`/proc/${broker.pid}/fd`).length,
    bytesRead: Number(/^rchar: (\d+)/m.exec(readFileSync(`/proc/${broker.pid}/io`, 'latin1'))?.[1]),
  }
  return { broker, records, figures }
}

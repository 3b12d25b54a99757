/**
 * Kafka Connect, in distributed mode for the most part: lines of a file go to a topic and from there to another file, through workers
 * that are stopped and killed and a broker that is. A source that is killed may send twice what it had not committed.
 */
import assert from 'node:assert/strict'
import { appendFile, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import kafkajs from 'kafkajs'
import { type Capability, inArea, requireRestart, type TestContext } from '../capability.ts'
import { connectedAdmin, createTopic } from '../kafkajs/client.ts'
import { eventually } from '../wait-for.ts'
import { ConnectCluster, connectProgram, startStandalone, type Worker } from './worker.ts'

export async function prepare(): Promise<void> {
  await connectProgram('ConnectDistributed')
}

/** A source and a sink, with a topic between them. */
class Pipe {
  readonly source: string
  readonly sink: string
  readonly topic: string
  readonly #from: string
  readonly #to: string
  readonly #written: string[] = []

  constructor(context: TestContext, topic: string, directory: string) {
    this.source = context.uniqueName('source')
    this.sink = context.uniqueName('sink')
    this.topic = topic
    this.#from = join(directory, 'from')
    this.#to = join(directory, 'to')
  }

  async open(worker: Worker): Promise<void> {
    for (const [name, config] of Object.entries(await this.connectors())) {
      await worker.configure(name, config)
      await worker.is(name, 'RUNNING')
    }
  }

  /** Both connectors' configurations, by their names. */
  async connectors(): Promise<Record<string, Record<string, string>>> {
    await appendFile(this.#from, '')
    return {
      [this.source]: this.sourceConfig(),
      [this.sink]: {
        'connector.class': 'org.apache.kafka.connect.file.FileStreamSinkConnector',
        'tasks.max': '1',
        file: this.#to,
        topics: this.topic,
      },
    }
  }

  sourceConfig(topic = this.topic): Record<string, string> {
    return {
      'connector.class': 'org.apache.kafka.connect.file.FileStreamSourceConnector',
      'tasks.max': '1',
      file: this.#from,
      topic,
    }
  }

  async write(count: number, label: string): Promise<void> {
    const lines = Array.from({ length: count }, (_, index) => `${label} ${index} ${'.'.repeat(index % 100)}`)
    this.#written.push(...lines)
    await appendFile(this.#from, lines.map(line => `${line}\n`).join(''))
  }

  /** Of the file that the source reads: its position when it has read all of it. */
  async size(): Promise<number> {
    return (await stat(this.#from)).size
  }

  /** Every line comes out once, in order. */
  async deliversExactly(): Promise<void> {
    await this.#arrived()
    assert.deepEqual(await this.#read(), this.#written)
  }

  /** No line is missing. */
  async deliversAll(): Promise<void> {
    await this.#arrived()
  }

  async #arrived(): Promise<void> {
    const missing = async () => {
      const read = new Set(await this.#read())
      return this.#written.filter(line => !read.has(line))
    }
    await eventually('all lines to have come out', missing, ({ length }) => length === 0, 60_000)
  }

  async #read(): Promise<string[]> {
    const text = await readFile(this.#to, 'utf8').catch(() => '')
    return text.split('\n').slice(0, -1)
  }
}

async function newPipe(context: TestContext): Promise<Pipe> {
  const topic = await createTopic(context, 'connect-lines')
  return new Pipe(context, topic, await context.temporaryDirectory())
}

async function pipeOf(context: TestContext, worker: Worker): Promise<Pipe> {
  const pipe = await newPipe(context)
  await pipe.open(worker)
  return pipe
}

async function fileToFile(context: TestContext): Promise<void> {
  const cluster = new ConnectCluster(context)
  const worker = await cluster.startWorker()
  const pipe = await pipeOf(context, worker)
  await pipe.write(500, 'first')
  await pipe.deliversExactly()
  await pipe.write(500, 'second')
  await pipe.deliversExactly()
  const admin = await connectedAdmin(context)
  for (const name of Object.values(cluster.topics)) {
    const resource = { type: kafkajs.ConfigResourceTypes.TOPIC, name, configNames: ['cleanup.policy'] }
    const { resources } = await admin.describeConfigs({ resources: [resource], includeSynonyms: false })
    assert.equal(resources[0]!.configEntries[0]!.configValue, 'compact', name)
  }
}

async function standalone(context: TestContext): Promise<void> {
  const pipe = await newPipe(context)
  await pipe.write(200, 'before')
  await startStandalone(context, await pipe.connectors())
  await pipe.write(200, 'after')
  await pipe.deliversExactly()
}

async function managed(context: TestContext): Promise<void> {
  const worker = await new ConnectCluster(context).startWorker()
  const pipe = await pipeOf(context, worker)
  assert.deepEqual(await worker.connectors(), [pipe.sink, pipe.source].sort())
  await worker.pause(pipe.sink)
  await worker.is(pipe.sink, 'PAUSED')
  await pipe.write(100, 'while the sink was paused')
  await worker.resume(pipe.sink)
  await pipe.deliversExactly()
  // The offsets of a sink are those of its group, the offsets of a source are in a topic of Connect's.
  const offsetOf = (name: string) => worker.offsets(name).then(offsets => offsets[0]?.offset)
  const sinkCommitted = (what: string) =>
    eventually(
      what,
      () => offsetOf(pipe.sink),
      found => found?.kafka_offset === 100,
      60_000,
    )
  await sinkCommitted('the sink to have committed')
  const size = await pipe.size()
  const isAtEnd = (found?: Record<string, unknown>) => found?.position === size
  await eventually('the source to have committed', () => offsetOf(pipe.source), isAtEnd, 60_000)
  // Reset, the sink begins anew: all lines come out once more.
  await worker.stop(pipe.sink)
  await worker.is(pipe.sink, 'STOPPED')
  await worker.resetOffsets(pipe.sink)
  assert.deepEqual(await worker.offsets(pipe.sink), [])
  await worker.resume(pipe.sink)
  await sinkCommitted('the sink to have committed once more')
  // Another topic for what comes now.
  const elsewhere = await createTopic(context, 'connect-elsewhere')
  await worker.configure(pipe.source, pipe.sourceConfig(elsewhere))
  await worker.is(pipe.source, 'RUNNING')
  await pipe.write(30, 'elsewhere')
  const admin = await connectedAdmin(context)
  await eventually(
    'the lines in the other topic',
    () => admin.fetchTopicOffsets(elsewhere),
    found => found[0]!.high === '30',
  )
  await worker.delete(pipe.source)
  await worker.delete(pipe.sink)
  await eventually(
    'no connectors',
    () => worker.connectors(),
    ({ length }) => length === 0,
  )
}

async function workerStops(context: TestContext): Promise<void> {
  const cluster = new ConnectCluster(context)
  const first = await cluster.startWorker()
  const pipe = await pipeOf(context, first)
  await pipe.write(300, 'before')
  await pipe.deliversExactly()
  await first.process.stop()
  await pipe.write(300, 'while nobody was there')
  // It finds its connectors and where they were in its topics.
  const second = await cluster.startWorker()
  await second.is(pipe.source, 'RUNNING')
  await pipe.write(300, 'after')
  await pipe.deliversExactly()
}

async function workerKilled(context: TestContext): Promise<void> {
  const cluster = new ConnectCluster(context)
  const first = await cluster.startWorker()
  const pipe = await pipeOf(context, first)
  await pipe.write(2_000, 'at work')
  await first.process.kill9()
  await pipe.write(100, 'while nobody was there')
  await cluster.startWorker()
  await pipe.deliversAll()
}

async function workersShare(context: TestContext): Promise<void> {
  const cluster = new ConnectCluster(context)
  const workers = [await cluster.startWorker(), await cluster.startWorker()]
  const pipe = await pipeOf(context, workers[0]!)
  const statuses = () => Promise.all([pipe.source, pipe.sink].map(name => workers[0]!.status(name)))
  const owners = await eventually(
    'both workers to have a task',
    async () => (await statuses()).flatMap(({ tasks }) => tasks.map(({ worker }) => worker)),
    found => new Set(found).size === 2,
    30_000,
  )
  assert.deepEqual([...owners].sort(), workers.map(({ address }) => address).sort())
  await pipe.write(300, 'shared')
  await pipe.deliversAll()
  await workers[1]!.process.kill9()
  await pipe.write(300, 'alone')
  await pipe.deliversAll()
  const left = await statuses()
  assert.ok(left.every(({ tasks }) => tasks.every(({ worker }) => worker === workers[0]!.address)))
}

async function brokerRestarts(context: TestContext): Promise<void> {
  const restart = requireRestart(context)
  const worker = await new ConnectCluster(context).startWorker()
  const pipe = await pipeOf(context, worker)
  await pipe.write(300, 'before')
  await pipe.deliversExactly()
  await pipe.write(1_000, 'at work')
  await restart()
  await pipe.write(300, 'after')
  await pipe.deliversAll()
  await worker.is(pipe.source, 'RUNNING')
}

export const capabilities: Capability[] = inArea('frameworks', [
  { name: 'file source to file sink', timeLimitMs: 120_000, test: fileToFile },
  { name: 'connect-standalone', timeLimitMs: 120_000, test: standalone },
  { name: 'paused, resumed, reset, reconfigured, deleted', timeLimitMs: 180_000, test: managed },
  { name: 'a worker stopped and another one started', timeLimitMs: 180_000, test: workerStops },
  { name: 'a worker killed with -9 and another one started', timeLimitMs: 180_000, test: workerKilled },
  { name: 'two workers, one is killed', timeLimitMs: 180_000, test: workersShare },
  {
    name: 'kill -9 of the broker, lived through',
    area: 'restart',
    ci: false,
    timeLimitMs: 180_000,
    test: brokerRestarts,
  },
])

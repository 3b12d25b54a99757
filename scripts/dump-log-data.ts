/**
 * Makes a broker write every kind of file that it has: rolled segments with their indexes and producer
 * snapshots, each compression, keys, headers and nulls, an idempotent producer, a group with committed offsets,
 * an orderly restart and two crashes, the last at the end: only a broker that runs, or did, has a journal. Resolves
 * with the number of records that each topic must hold.
 */
import kafkajs from 'kafkajs'
import { kafkaTool } from './apache-kafka.ts'
import type { RunningBroker } from './broker-process.ts'

/** Kafka's smallest: three of them fill quickly. */
const segmentBytes = 1_048_576
const compressions = ['none', 'gzip', 'snappy', 'lz4', 'zstd']
const recordsPerCompression = 20_000
const recordBytes = 200
const manyPartitions = 40
const manyRounds = 10

export async function fillDataDirectory(
  start: () => Promise<RunningBroker>,
  progress: (text: string) => void,
  /** Does something to the directory while the broker is stopped in order. */
  whileStopped: () => Promise<void>,
): Promise<Map<string, number>> {
  const expected = new Map<string, number>()
  let broker = await start()
  await createTopics(broker.bootstrap, ['assorted', ...compressions.map(name => `compressed-${name}`)])
  for (const name of compressions) {
    const topic = `compressed-${name}`
    progress(`producing ${topic}`)
    await producePerf(broker.bootstrap, topic, name)
    expected.set(topic, recordsPerCompression)
  }
  progress('producing assorted records and committing offsets')
  let assorted = await produceAssorted(broker.bootstrap)
  await consumeAndCommit(broker.bootstrap, 'assorted', assorted)
  progress('orderly restart')
  await broker.stop()
  await whileStopped()
  broker = await start()
  assorted += await produceAssorted(broker.bootstrap)
  progress('kill -9 and restart')
  await broker.kill9()
  broker = await start()
  assorted += await produceAssorted(broker.bootstrap)
  await consumeAndCommit(broker.bootstrap, 'assorted', assorted)
  expected.set('assorted', assorted)
  progress('orderly restart, a little for many partitions, and kill -9')
  await broker.stop()
  broker = await start()
  expected.set('many', await produceToMany(broker.bootstrap))
  await broker.kill9()
  return expected
}

async function createTopics(bootstrap: string, topics: string[]): Promise<void> {
  const admin = client(bootstrap).admin()
  await admin.connect()
  await admin.createTopics({
    topics: topics.map(topic => ({
      topic,
      numPartitions: topic === 'assorted' ? 3 : 1,
      replicationFactor: 1,
      configEntries: [{ name: 'segment.bytes', value: String(segmentBytes) }],
    })),
  })
  await admin.disconnect()
}

async function producePerf(bootstrap: string, topic: string, compression: string): Promise<void> {
  const { code, stdout, stderr } = await kafkaTool('org.apache.kafka.tools.ProducerPerformance', [
    '--bootstrap-server',
    bootstrap,
    '--topic',
    topic,
    '--num-records',
    String(recordsPerCompression),
    '--record-size',
    String(recordBytes),
    '--throughput',
    '-1',
    '--command-property',
    'acks=all',
    `compression.type=${compression}`,
  ])
  if (code !== 0) throw new Error(`producing ${compression} failed (${code}): ${stdout}${stderr}`)
}

async function produceAssorted(bootstrap: string): Promise<number> {
  const producer = client(bootstrap).producer({
    idempotent: true,
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
  })
  await producer.connect()
  let count = 0
  for (const compression of [kafkajs.CompressionTypes.None, kafkajs.CompressionTypes.GZIP]) {
    const messages: kafkajs.Message[] = [
      {
        key: 'key',
        value: 'value',
        headers: { header: 'text', bytes: Buffer.from([0, 255]), twice: ['a', 'b'] },
      },
      { key: null, value: 'no key', partition: 1 },
      { key: 'no value', value: null, partition: 2 },
      { key: '', value: '', partition: 0 },
      { value: 'of 2001', timestamp: '1000000000000', partition: 1 },
      ...Array.from({ length: 200 }, (_, index) => ({
        value: `${index}`.padEnd(500, '.'),
        partition: index % 3,
      })),
    ]
    await producer.send({ topic: 'assorted', compression, messages })
    count += messages.length
  }
  await producer.disconnect()
  return count
}

/** Requests that bring several partitions something, which is what a journal is for. */
async function produceToMany(bootstrap: string): Promise<number> {
  const admin = client(bootstrap).admin()
  await admin.connect()
  await admin.createTopics({
    topics: [{ topic: 'many', numPartitions: manyPartitions, replicationFactor: 1 }],
  })
  await admin.disconnect()
  const producer = client(bootstrap).producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner })
  await producer.connect()
  const messages = Array.from({ length: manyPartitions }, (_, partition) => ({
    partition,
    value: 'one of many',
  }))
  for (let round = 0; round < manyRounds; round++) await producer.send({ topic: 'many', acks: -1, messages })
  await producer.disconnect()
  return manyRounds * manyPartitions
}

async function consumeAndCommit(bootstrap: string, topic: string, count: number): Promise<void> {
  const groupId = `group-${count}`
  const consumer = client(bootstrap).consumer({ groupId })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  let seen = 0
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`only ${seen} of ${count} records were consumed`)),
      60_000,
    )
    void consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch }) => {
        const offset = String(Number(batch.lastOffset()) + 1)
        await consumer.commitOffsets([{ topic, partition: batch.partition, offset, metadata: 'by dump-log' }])
        seen += batch.messages.length
        if (seen < count) return
        clearTimeout(timer)
        resolve()
      },
    })
  })
  await consumer.disconnect()
}

function client(bootstrap: string): kafkajs.Kafka {
  return new kafkajs.Kafka({
    brokers: [bootstrap],
    logLevel: kafkajs.logLevel.NOTHING,
    // A restarted broker may not lead its partitions at once.
    retry: { initialRetryTime: 100, retries: 20 },
  })
}

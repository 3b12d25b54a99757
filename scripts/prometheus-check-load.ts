/**
 * A little of everything that a broker's metrics speak of, by kafkajs: two topics that are produced to, a group that
 * reads and commits, one that has left and falls behind, appends that are refused, connections that come and go.
 */
import kafkajs from 'kafkajs'

const { Kafka, logLevel } = kafkajs

export interface Load {
  stop(): Promise<void>
}

const topics = ['orders', 'trades']
const batchSize = 50
const pauseMs = 100

export async function startLoad(bootstrap: string): Promise<Load> {
  const kafka = new Kafka({ brokers: [bootstrap], logLevel: logLevel.NOTHING, retry: { retries: 1 } })
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({ topics: topics.map(topic => ({ topic, numPartitions: 3 })) })
  await admin.disconnect()

  const producer = kafka.producer({ allowAutoTopicCreation: false })
  await producer.connect()
  const produce = () =>
    producer.sendBatch({
      topicMessages: topics.map(topic => ({
        topic,
        messages: Array.from({ length: batchSize }, (_, i) => ({
          key: `player-${i}`,
          value: 'x'.repeat(200),
        })),
      })),
    })
  await produce()
  await readOnce(kafka, 'leavers')

  const reader = kafka.consumer({ groupId: 'readers', maxWaitTimeInMs: 200 })
  await reader.connect()
  await reader.subscribe({ topics, fromBeginning: true })
  await reader.run({ autoCommitInterval: 500, eachMessage: async () => undefined })

  let isStopping = false
  const running = (async () => {
    while (!isStopping) {
      await produce()
      await refused(kafka)
      await new Promise(resolve => setTimeout(resolve, pauseMs))
    }
  })()
  // Only awaited when it is stopped, but an error in between must not end the process first.
  running.catch(() => undefined)
  return {
    async stop() {
      isStopping = true
      await running
      await Promise.all([producer.disconnect(), reader.disconnect()])
    },
  }
}

/** Reads something in a group, commits it and leaves. */
async function readOnce(kafka: kafkajs.Kafka, groupId: string): Promise<void> {
  const consumer = kafka.consumer({ groupId })
  await consumer.connect()
  await consumer.subscribe({ topics: ['orders'], fromBeginning: true })
  let left = batchSize
  await new Promise<void>(resolve => {
    const eachMessage = async () => {
      if (--left === 0) resolve()
    }
    void consumer.run({ eachMessage })
  })
  await consumer.disconnect()
}

/** A batch that is larger than the broker takes, from a producer of its own. */
async function refused(kafka: kafkajs.Kafka): Promise<void> {
  const producer = kafka.producer({ retry: { retries: 0 } })
  await producer.connect()
  const value = Buffer.alloc(1_100_000, 'x')
  const isRefused = await producer.send({ topic: 'orders', messages: [{ value }] }).then(
    () => false,
    () => true,
  )
  await producer.disconnect()
  if (!isRefused) throw new Error('a batch that is too large was taken')
}

/**
 * Reading a topic as a batch: everything from a group's committed offsets to the ends that the partitions have now,
 * and not a record more. What was taken is committed when `finish` has made it safe; if that never comes to pass, the
 * next drain of the group begins at the same offsets.
 */
import type { KafkaMessage } from 'kafkajs'
import { connectTo, crashOf, type Game, sessionTimeoutMs } from './game.ts'

export interface DrainOptions {
  clientId: string
  topic: string
  groupId: string
  /** Gets a partition's records in order, some at a time. */
  take: (partition: number, messages: KafkaMessage[]) => Promise<void>
  finish: () => Promise<void>
}

export async function drain(game: Game, options: DrainOptions): Promise<void> {
  const { clientId, topic, groupId, take, finish } = options
  const kafka = connectTo(game, clientId)
  const ends = await undrained()
  if (ends.size === 0) return

  const consumer = kafka.consumer({ groupId, sessionTimeout: sessionTimeoutMs, maxWaitTimeInMs: 100 })
  const crash = crashOf(consumer)
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  const unfinished = new Map(ends)
  const drained = new Promise<void>((resolve, reject) => {
    const eachBatch = async (partition: number, messages: KafkaMessage[]) => {
      const end = unfinished.get(partition)
      if (end === undefined) return
      await take(
        partition,
        messages.filter(({ offset }) => Number(offset) < end),
      )
      if (Number(messages.at(-1)!.offset) + 1 >= end) unfinished.delete(partition)
      if (unfinished.size === 0) resolve()
    }
    consumer
      .run({
        autoCommit: false,
        eachBatch: ({ batch }) => eachBatch(batch.partition, batch.messages).catch(reject),
      })
      .catch(reject)
  })
  try {
    await Promise.race([drained, crash])
    await finish()
    await consumer.commitOffsets(
      [...ends].map(([partition, end]) => ({ topic, partition, offset: String(end) })),
    )
  } finally {
    await consumer.disconnect()
  }

  /** The ends of the partitions that have something new for the group. */
  async function undrained(): Promise<Map<number, number>> {
    const admin = kafka.admin()
    await admin.connect()
    const [offsets, [committed]] = await Promise.all([
      admin.fetchTopicOffsets(topic),
      admin.fetchOffsets({ groupId, topics: [topic] }),
    ])
    await admin.disconnect()
    const positions = new Map(
      committed!.partitions.map(({ partition, offset }) => [partition, Number(offset)]),
    )
    return new Map(
      offsets
        .filter(
          ({ partition, high, low }) => Number(high) > Math.max(Number(low), positions.get(partition) ?? -1),
        )
        .map(({ partition, high }) => [partition, Number(high)]),
    )
  }
}

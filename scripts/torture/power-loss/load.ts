/**
 * The clients of a recorded run: idempotent producers that write to some partitions with each request, groups that
 * commit, an administrator who deletes records and creates a topic again and again. They write down what they were
 * promised. 100 partitions: most keep everything, some have retention; all have small segments.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { buildBatch } from '../../../protocol-codecs/build-batch.ts'
import type { SeededRandom } from '../../seeded-random.ts'
import { MarkedClient } from './marked-client.ts'
import { noPromises, type Promises } from './promises.ts'
import {
  commitOffsets,
  createTopic,
  deleteRecords,
  deleteTopic,
  initProducerId,
  produce,
} from './requests.ts'

const producers = 8
const groups = ['group-0', 'group-1', 'group-2']
const segments = { 'internal.segment.bytes': '20000', 'file.delete.delay.ms': '300' }
const topics = [
  { name: 'kept', partitionCount: 60, configs: segments },
  { name: 'expiring', partitionCount: 30, configs: { ...segments, 'retention.bytes': '30000' } },
  { name: 'vanishing', partitionCount: 6, configs: { ...segments, 'retention.ms': '900' } },
]
const againPartitionCount = 4

interface Log {
  readonly topic: number
  readonly partition: number
  end: number
  busy: boolean
}

/** Works for so long, and resolves when everything was answered. */
export async function runLoad(port: number, durationMs: number, random: SeededRandom): Promise<Promises> {
  const promises = noPromises()
  const until = performance.now() + durationMs
  const isOver = (): boolean => performance.now() > until
  const admin = await MarkedClient.connect(port)
  let logs: Log[] = []

  async function create(
    name: string,
    partitionCount: number,
    configs: Record<string, string>,
  ): Promise<number> {
    const created = await createTopic(admin, name, partitionCount, configs)
    const incarnation = promises.topics.filter(topic => topic.name === name).length
    const topic = promises.topics.push({ name, partitionCount, incarnation, created }) - 1
    for (let partition = 0; partition < partitionCount; partition++) {
      logs.push({ topic, partition, end: 0, busy: false })
    }
    return topic
  }
  for (const { name, partitionCount, configs } of topics) await create(name, partitionCount, configs)

  async function runProducer(random: SeededRandom): Promise<void> {
    const client = await MarkedClient.connect(port)
    const sequences = new Map<string, number>()
    let producerId = -1
    while (!isOver()) {
      if (producerId < 0 || random.chance(0.01)) {
        const given = await initProducerId(client)
        producerId = given.producerId
        promises.producerIds.push({ producerId, answered: given.end })
      }
      const share = [0.02, 0.1, 0.4][random.between(0, 2)]!
      const chosen = logs.filter(log => !log.busy && random.chance(share))
      for (const log of chosen) log.busy = true
      const batches = chosen.map(({ topic, partition }) => {
        const key = `${producerId}:${topic}:${partition}`
        const baseSequence = sequences.get(key) ?? 0
        const values = Array.from({ length: random.between(1, 4) }, (_, n) =>
          `${topic}:${partition}:${producerId}:${baseSequence + n}:`.padEnd(random.between(20, 250), '.'),
        )
        sequences.set(key, baseSequence + values.length)
        return { topic, partition, producerId, baseSequence, values }
      })
      if (batches.length > 0) {
        const { baseOffsets, end: answered } = await produce(
          client,
          batches.map(batch => ({
            topic: promises.topics[batch.topic]!.name,
            partition: batch.partition,
            records: recordsOfBatch(batch),
          })),
        )
        for (const [i, batch] of batches.entries()) {
          const baseOffset = baseOffsets[i]!
          promises.batches.push({ ...batch, baseOffset, answered })
          chosen[i]!.end = baseOffset + batch.values.length
        }
        for (const log of chosen) log.busy = false
      }
      await delay(random.between(0, 25))
    }
    client.close()
  }

  async function runGroup(group: string, random: SeededRandom): Promise<void> {
    const client = await MarkedClient.connect(port)
    while (!isOver()) {
      const offsets = logs
        .filter(({ topic }) => topic < topics.length && random.chance(0.1))
        .map(({ topic, partition, end: offset }) => ({ topic, partition, offset }))
      if (offsets.length > 0) {
        const named = offsets.map(entry => ({ ...entry, topic: promises.topics[entry.topic]!.name }))
        const answered = await commitOffsets(client, group, named)
        for (const { topic, partition, offset } of offsets) {
          promises.commits.push({ group, topic, partition, offset, answered })
        }
      }
      await delay(random.between(5, 60))
    }
    client.close()
  }

  async function runAdmin(random: SeededRandom): Promise<void> {
    let again = -1
    while (!isOver()) {
      await delay(random.between(20, 80))
      if (random.chance(0.6)) {
        const log = logs[random.between(0, topics[0]!.partitionCount - 1)]!
        // Well behind the end, which a broker that answers too early may not have reached.
        const offset = random.between(0, Math.max(0, log.end - 20))
        const name = promises.topics[log.topic]!.name
        const { lowWatermark, end } = await deleteRecords(
          admin,
          { topic: name, partition: log.partition },
          offset,
        )
        const { topic, partition } = log
        promises.deletions.push({ topic, partition, offset: lowWatermark, answered: end })
      } else if (again < 0) {
        again = await create('again', againPartitionCount, segments)
      } else {
        const doomed = logs.filter(({ topic }) => topic === again)
        logs = logs.filter(({ topic }) => topic !== again)
        while (doomed.some(({ busy }) => busy)) await delay(1)
        const after = promises.batches.at(-1)!.answered
        const done = await deleteTopic(admin, 'again')
        promises.topics[again]!.deletion = { after, done }
        again = -1
      }
    }
  }

  await Promise.all([
    ...Array.from({ length: producers }, () => runProducer(random.fork())),
    ...groups.map(group => runGroup(group, random.fork())),
    runAdmin(random.fork()),
  ])
  admin.close()
  return promises
}

export function recordsOfBatch(batch: {
  readonly producerId: number
  readonly baseSequence: number
  readonly values: readonly string[]
}): Buffer {
  const { producerId, baseSequence, values } = batch
  return buildBatch({
    records: values.map(value => ({ value: Buffer.from(value) })),
    timestamp: Date.now(),
    producerId,
    producerEpoch: 0,
    baseSequence,
  })
}

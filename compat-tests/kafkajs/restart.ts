/**
 * The broker killed with -9 in the middle of work and started again on the same data: what was acknowledged is
 * there, once and in order where that was promised, and groups go on where they had committed. The clients live
 * through it; nobody tells them.
 */

import assert from 'node:assert/strict'
import type { GroupOverview, RetryOptions } from 'kafkajs'
import { type Capability, inArea, requireRestart, type TestContext } from '../capability.ts'
import { texts } from '../record-values.ts'
import { collector, eventually } from '../wait-for.ts'
import {
  collectInto,
  committedOffsets,
  connectedAdmin,
  connectedConsumer,
  connectedProducer,
  createTopic,
  protocolError,
  readTopics,
  type StoredRecord,
} from './client.ts'

/** Enough to live through a restart, however slow the broker starts. */
const patient: RetryOptions = { initialRetryTime: 100, maxRetryTime: 500, retries: 200 }

async function acknowledgedRecordsSurvive(context: TestContext): Promise<void> {
  const restart = requireRestart(context)
  const topics = { 1: await createTopic(context, 'acks-one'), [-1]: await createTopic(context, 'acks-all') }
  const acknowledged = new Map<string, string>()
  const progress = collector<string>()
  let isOver = false
  const running = ([1, -1] as const).map(async acks => {
    const topic = topics[acks]
    const producer = await connectedProducer(context, { retry: patient })
    for (let index = 0; !isOver; index++) {
      const value = `acks ${acks} value ${index}`
      const [metadata] = await producer.send({ topic, acks, messages: [{ value }] })
      acknowledged.set(`${topic} ${metadata!.baseOffset}`, value)
      progress.add(value)
    }
  })
  const finished = Promise.all(running)
  const count = (wanted: number) =>
    progress.until(({ length }) => length >= wanted, 'acknowledgements', 60_000)
  await Promise.race([count(200), finished])
  await restart()
  await Promise.race([count(progress.items.length + 50), finished])
  isOver = true
  await finished

  const admin = await connectedAdmin(context)
  const lastOf = (topic: string) =>
    Math.max(
      ...[...acknowledged.keys()].filter(key => key.startsWith(topic)).map(key => Number(key.split(' ')[1])),
    )
  // The end that consumers see may come a moment after an acknowledgement that did not wait for the disk.
  const ends = await eventually(
    'every acknowledged record to be readable',
    async () =>
      await Promise.all(
        Object.values(topics).map(async topic => {
          const [offsets] = await admin.fetchTopicOffsets(topic)
          return { end: Number(offsets!.high), lastAcknowledged: lastOf(topic) }
        }),
      ),
    found => found.every(({ end, lastAcknowledged }) => end > lastAcknowledged),
  )
  const total = ends.reduce((sum, { end }) => sum + end, 0)
  // What was in flight at the kill may be there as well, or twice: it was never acknowledged.
  const records = await readTopics(context, Object.values(topics), total)
  const stored = new Map(records.map(({ topic, offset, value }) => [`${topic} ${offset}`, String(value)]))
  for (const [place, value] of acknowledged) {
    assert.equal(stored.get(place), value, `what was acknowledged at ${place} (ends ${JSON.stringify(ends)})`)
  }
}

async function idempotentProducerGoesOn(context: TestContext): Promise<void> {
  const restart = requireRestart(context)
  const topic = await createTopic(context, 'idempotent-restart', 2)
  const producer = await connectedProducer(context, {
    idempotent: true,
    maxInFlightRequests: 1,
    retry: patient,
  })
  const values = Array.from({ length: 300 }, (_, index) => `value ${index}`)
  let restarted: Promise<void> | undefined
  for (const [index, value] of values.entries()) {
    if (index === 150) restarted = restart()
    await producer.send({ topic, messages: [{ value, partition: index % 2 }] })
  }
  await restarted
  const records = await readTopics(context, [topic], values.length)
  for (const partition of [0, 1]) {
    assert.deepEqual(
      texts(records.filter(record => record.partition === partition)),
      values.filter((_, index) => index % 2 === partition),
    )
  }
}

async function groupGoesOn(context: TestContext): Promise<void> {
  const restart = requireRestart(context)
  const topic = await createTopic(context, 'group-restart', 2)
  const groupId = context.uniqueName('restarted-group')
  const producer = await connectedProducer(context, { retry: patient })
  const produce = (label: string) =>
    producer.send({
      topic,
      messages: Array.from({ length: 40 }, (_, index) => ({
        value: `${label} ${index}`,
        partition: index % 2,
      })),
    })
  await produce('before')
  const consumer = await connectedConsumer(context, { groupId, retry: patient, heartbeatInterval: 200 })
  const records = collector<StoredRecord>()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await consumer.run({
    autoCommit: false,
    eachMessage: async ({ partition, message }) => {
      records.add({ ...message, topic, partition, offset: Number(message.offset), headers: {} })
    },
  })
  await records.until(({ length }) => length === 40, 'the records before the restart')
  const commits = [0, 1].map(partition => ({ topic, partition, offset: '12', metadata: `of ${partition}` }))
  await consumer.commitOffsets(commits)

  await restart()
  const admin = await connectedAdmin(context)
  const committed = await committedOffsets(admin, groupId, topic)
  assert.deepEqual(
    committed.map(({ offset, metadata }) => ({ offset, metadata })),
    commits.map(({ offset, metadata }) => ({ offset, metadata })),
  )
  // The consumer that was running gets what comes now.
  await produce('after')
  await records.until(
    items => items.filter(({ value }) => String(value).startsWith('after')).length >= 40,
    'the records after the restart, in the consumer that lived through it',
    30_000,
  )
  await consumer.disconnect()
  // And who takes over starts at what had been committed.
  const successor = await connectedConsumer(context, { groupId, retry: patient })
  const rest = collector<StoredRecord>()
  await successor.subscribe({ topics: [topic], fromBeginning: true })
  await collectInto(successor, rest)
  await rest.until(({ length }) => length >= 56, 'the records that were not committed')
  assert.equal(rest.items.length, 56)
  for (const partition of [0, 1]) {
    const offsetsSeen = rest.items
      .filter(record => record.partition === partition)
      .map(({ offset }) => offset)
    assert.deepEqual(
      offsetsSeen,
      Array.from({ length: 28 }, (_, index) => 12 + index),
    )
  }
}

async function catalogueSurvives(context: TestContext): Promise<void> {
  const restart = requireRestart(context)
  const kept = await createTopic(context, 'kept', 3, { 'max.message.bytes': '2000' })
  const deleted = await createTopic(context, 'deleted')
  const before = await connectedAdmin(context)
  await before.deleteTopics({ topics: [deleted] })
  const { clusterId } = await before.describeCluster()
  await before.setOffsets({
    groupId: context.uniqueName('kept-group'),
    topic: kept,
    partitions: [{ partition: 0, offset: '0' }],
  })
  const toIds = ({ groups }: { groups: GroupOverview[] }) => groups.map(({ groupId }) => groupId).sort()
  const groupsBefore = toIds(await before.listGroups())
  await restart()
  const admin = await connectedAdmin(context)
  assert.equal((await admin.describeCluster()).clusterId, clusterId)
  const topics = await admin.listTopics()
  assert.ok(topics.includes(kept))
  assert.ok(!topics.includes(deleted), 'a deleted topic is back')
  const { topics: metadata } = await admin.fetchTopicMetadata({ topics: [kept] })
  assert.equal(metadata[0]!.partitions.length, 3)
  await eventually(
    `the groups ${groupsBefore.join(', ')} to be listed again`,
    () => admin.listGroups().then(toIds, () => []), // while its coordinators load, Kafka refuses to list
    found => found.join() === groupsBefore.join(),
  )
  const producer = await connectedProducer(context)
  const tooBig = producer.send({ topic: kept, messages: [{ value: 'x'.repeat(3_000) }] })
  assert.equal(await protocolError(tooBig), 'MESSAGE_TOO_LARGE', "the topic's config was forgotten")
}

export const restartCapabilities: Capability[] = inArea('restart', [
  { name: 'kill -9: acknowledged records are there', timeLimitMs: 90_000, test: acknowledgedRecordsSurvive },
  { name: 'kill -9: an idempotent producer goes on', timeLimitMs: 90_000, test: idempotentProducerGoesOn },
  { name: 'kill -9: a group goes on where it committed', timeLimitMs: 90_000, test: groupGoesOn },
  { name: 'kill -9: topics, configs and groups are there', timeLimitMs: 90_000, test: catalogueSurvives },
])

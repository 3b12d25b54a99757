/**
 * What the consumer of @platformatic/kafka relies on, one member at a time: every mode of its stream, commits, lag.
 */

import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { type Capability, inArea, type TestContext } from '../capability.ts'
import { numberedValues, texts } from '../record-values.ts'
import { eventually } from '../wait-for.ts'
import {
  type BytesConsumer,
  type BytesStream,
  collectFrom,
  createTopic,
  openConsumer,
  openProducer,
  sendValues,
} from './client.ts'

async function filledTopic(
  context: TestContext,
  label: string,
  values: string[],
  partitions = 1,
): Promise<string> {
  const topic = await createTopic(context, label, partitions)
  const producer = openProducer(context)
  for (let start = 0; start < values.length; start += 10 * partitions) {
    await sendValues(producer, topic, values.slice(start, start + 10 * partitions), partitions)
  }
  await producer.close()
  return topic
}

function firstFetch(stream: BytesStream): Promise<void> {
  return new Promise(resolve => stream.once('fetch', resolve))
}

async function committed(consumer: BytesConsumer, topic: string, partitions = [0]): Promise<bigint[]> {
  const offsets = await consumer.listCommittedOffsets({ topics: [{ topic, partitions }] })
  return offsets.get(topic)!
}

async function readsEarliest(context: TestContext): Promise<void> {
  const values = numberedValues(200)
  const topic = await filledTopic(context, 'earliest', values, 4)
  const stream = await openConsumer(context).consume({ topics: [topic], mode: 'earliest', autocommit: false })
  const messages = collectFrom(context, stream)
  await messages.until(({ length }) => length >= 200, 'all records')
  assert.deepEqual(texts(messages.items).sort(), [...values].sort())
}

async function readsLatest(context: TestContext): Promise<void> {
  const topic = await filledTopic(context, 'latest', numberedValues(50, 'old'))
  const stream = await openConsumer(context).consume({ topics: [topic], mode: 'latest', autocommit: false })
  const messages = collectFrom(context, stream)
  await firstFetch(stream)
  const values = numberedValues(20, 'new')
  await sendValues(openProducer(context), topic, values)
  await messages.until(({ length }) => length >= 20, 'the new records')
  assert.deepEqual(texts(messages.items), values)
  assert.equal(messages.items[0]!.offset, 50n)
}

async function readsFromGivenOffsets(context: TestContext): Promise<void> {
  const values = numberedValues(60)
  const topic = await filledTopic(context, 'manual', values, 2)
  const offsets = [
    { topic, partition: 0, offset: 20n },
    { topic, partition: 1, offset: 5n },
  ]
  const stream = await openConsumer(context).consume({
    topics: [topic],
    mode: 'manual',
    offsets,
    autocommit: false,
  })
  const messages = collectFrom(context, stream)
  await messages.until(({ length }) => length >= 35, 'the records from there on')
  const from = (partition: number, start: number) =>
    values.filter((_, index) => index % 2 === partition).slice(start)
  assert.deepEqual(texts(messages.items.filter(({ partition }) => partition === 0)), from(0, 20))
  assert.deepEqual(texts(messages.items.filter(({ partition }) => partition === 1)), from(1, 5))
}

async function commitsByHand(context: TestContext): Promise<void> {
  const values = numberedValues(60)
  const topic = await filledTopic(context, 'manual-commit', values)
  const groupId = context.uniqueName('group')
  const options = {
    topics: [topic],
    mode: 'committed' as const,
    fallbackMode: 'earliest' as const,
    autocommit: false,
  }
  const first = openConsumer(context, { groupId })
  const seen = collectFrom(context, await first.consume(options))
  await seen.until(({ length }) => length >= 60, 'all records')
  assert.deepEqual(await committed(first, topic), [-1n], 'committed although autocommit is off')
  await seen.items[21]!.commit()
  assert.deepEqual(await committed(first, topic), [22n])
  await first.close(true)

  const second = openConsumer(context, { groupId })
  const rest = collectFrom(context, await second.consume(options))
  await rest.until(({ length }) => length >= 38, 'what was not committed')
  assert.deepEqual(texts(rest.items), values.slice(22))
  await second.commit({ offsets: [{ topic, partition: 0, offset: 60n, leaderEpoch: 0 }] })
  assert.deepEqual(await committed(second, topic), [60n])
}

async function commitsByItself(context: TestContext): Promise<void> {
  const values = numberedValues(50)
  const topic = await filledTopic(context, 'auto-commit', values)
  const groupId = context.uniqueName('group')
  const options = {
    topics: [topic],
    mode: 'committed' as const,
    fallbackMode: 'earliest' as const,
    autocommit: 100,
  }
  const first = openConsumer(context, { groupId })
  const seen = collectFrom(context, await first.consume(options))
  await seen.until(({ length }) => length >= 50, 'all records')
  await eventually(
    'the automatic commit',
    () => committed(first, topic),
    offsets => offsets[0] === 50n,
  )
  await first.close(true)
  await sendValues(openProducer(context), topic, ['after'])
  const second = openConsumer(context, { groupId })
  const rest = collectFrom(context, await second.consume(options))
  await rest.until(({ length }) => length >= 1, 'the record after the committed ones')
  assert.deepEqual(texts(rest.items), ['after'])
}

async function failsWithoutCommit(context: TestContext): Promise<void> {
  const topic = await filledTopic(context, 'fallback', ['v'])
  const consumer = openConsumer(context)
  const stream = await consumer.consume({ topics: [topic], mode: 'committed', fallbackMode: 'fail' })
  const error = await new Promise<Error>(resolve => stream.once('error', resolve))
  assert.match(error.message, /no committed offset/i)
}

async function iterates(context: TestContext): Promise<void> {
  const topics = [
    await filledTopic(context, 'iterated', numberedValues(40, 'a'), 2),
    await filledTopic(context, 'iterated', numberedValues(30, 'b'), 3),
  ]
  const consumer = openConsumer(context)
  const stream = await consumer.consume({ topics, mode: 'earliest', autocommit: false })
  const seen: string[] = []
  for await (const message of stream) {
    seen.push(String(message.value))
    if (seen.length === 70) break
  }
  assert.deepEqual(seen.sort(), [...numberedValues(40, 'a'), ...numberedValues(30, 'b')].sort())
}

async function knowsOffsetsAndLag(context: TestContext): Promise<void> {
  const topic = await filledTopic(context, 'lag', numberedValues(30), 3)
  const consumer = openConsumer(context)
  assert.deepEqual(await consumer.listOffsets({ topics: [topic] }), new Map([[topic, [10n, 10n, 10n]]]))
  assert.deepEqual(
    await consumer.listOffsets({ topics: [topic], timestamp: -2n }),
    new Map([[topic, [0n, 0n, 0n]]]),
  )
  const stream = await consumer.consume({
    topics: [topic],
    mode: 'committed',
    fallbackMode: 'earliest',
    autocommit: false,
  })
  const messages = collectFrom(context, stream)
  await messages.until(({ length }) => length >= 30, 'all records')
  await consumer.commit({
    offsets: [0, 1, 2].map(partition => ({
      topic,
      partition,
      offset: BigInt(4 + partition),
      leaderEpoch: 0,
    })),
  })
  assert.deepEqual(await committed(consumer, topic, [0, 1, 2]), [4n, 5n, 6n])
}

async function waitsForData(context: TestContext): Promise<void> {
  const topic = await createTopic(context, 'long-poll')
  const consumer = openConsumer(context, { maxWaitTime: 3_000, minBytes: 1 })
  const stream = await consumer.consume({ topics: [topic], mode: 'earliest', autocommit: false })
  const startedAt = performance.now()
  const messages = collectFrom(context, stream)
  await firstFetch(stream)
  const idleMs = performance.now() - startedAt
  assert.ok(idleMs > 2_500 && idleMs < 4_500, `a fetch with nothing to bring came back after ${idleMs} ms`)
  await delay(500)
  const producer = openProducer(context)
  const sentAt = performance.now()
  await sendValues(producer, topic, ['woken'])
  await messages.until(({ length }) => length > 0, 'the record')
  const wokenAfterMs = performance.now() - sentAt
  assert.ok(wokenAfterMs < 1_500, `the record took ${wokenAfterMs} ms to reach a waiting consumer`)
}

async function readsMoreThanFits(context: TestContext): Promise<void> {
  const topic = await createTopic(context, 'small-fetches')
  const producer = openProducer(context)
  const values = Array.from({ length: 12 }, (_, index) => String(index).repeat(50_000))
  for (const value of values) await sendValues(producer, topic, [value])
  const consumer = openConsumer(context, { maxBytes: 1_000 })
  const stream = await consumer.consume({ topics: [topic], mode: 'earliest', autocommit: false })
  const messages = collectFrom(context, stream)
  await messages.until(({ length }) => length >= values.length, 'all records')
  assert.deepEqual(texts(messages.items), values)
}

export const consumeCapabilities: Capability[] = inArea('consume', [
  { name: 'a stream from the earliest record', test: readsEarliest },
  { name: 'a stream from the latest record', test: readsLatest },
  { name: 'a stream from given offsets', area: 'seek', test: readsFromGivenOffsets },
  { name: 'a stream from what was committed by hand', area: 'commit', test: commitsByHand },
  { name: 'a stream from what was committed automatically', area: 'commit', test: commitsByItself },
  { name: 'a stream that fails without a commit', area: 'commit', test: failsWithoutCommit },
  { name: 'for await over several topics', test: iterates },
  { name: 'listOffsets and listCommittedOffsets', area: 'commit', test: knowsOffsetsAndLag },
  { name: 'a fetch that waits until data arrives', test: waitsForData },
  { name: 'records larger than the limits of a fetch', area: 'sizes', test: readsMoreThanFits },
])

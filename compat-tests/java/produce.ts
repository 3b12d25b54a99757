/** Producing with each age of the Java client: compressions, acks, keys, headers, timestamps, idempotence, limits. */

import assert from 'node:assert/strict'
import { allInCi, type Capability, type TestContext } from '../capability.ts'
import { numberedValues, texts } from '../record-values.ts'
import type { Age } from './ages.ts'
import { capabilitiesOfAge } from './capability-of-age.ts'
import { createTopic, openProducer, readTopic } from './clients.ts'
import type { JavaError } from './driver.ts'

/** Within the retention, which would take older records away in the middle of a test. */
const hourAgo = Date.now() - 3_600_000

/** In order, because there is one partition. */
async function everyCompressionAndAcks(context: TestContext, age: Age): Promise<void> {
  for (const compression of age.compressions) {
    const topic = await createTopic(context, age, `java-${compression}`)
    const expected: string[] = []
    for (const acks of ['0', '1', 'all']) {
      const producer = await openProducer(context, age, {
        acks,
        'compression.type': compression,
        // On where nothing is said since 3.0, and not to be had without acks=all.
        'enable.idempotence': 'false',
        'batch.size': 4_000,
      })
      const values = numberedValues(100, `${compression} acks ${acks}`)
      const places = await producer.send(
        topic,
        values.map(value => ({ value })),
      )
      // What is not acknowledged has no offset.
      if (acks === '0') assert.ok(places.every(({ offset }) => offset === -1))
      else
        assert.deepEqual(
          places.map(({ offset }) => offset),
          values.map((_, index) => expected.length + index),
        )
      expected.push(...values)
      await producer.close()
      // What nobody waited for must be there before the next one comes behind it.
      if (acks === '0') await readTopic(context, age, topic, 1, expected.length)
    }
    assert.deepEqual(texts(await readTopic(context, age, topic, 1, expected.length)), expected)
  }
}

async function keysHeadersAndTimestamps(context: TestContext, age: Age): Promise<void> {
  const topic = await createTopic(context, age, 'java-whole-records', 3)
  const producer = await openProducer(context, age)
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
  const sent = [
    { key: 'a', value: 'one', timestamp: hourAgo, headers: [] as [string, Buffer | null][] },
    {
      key: 'b',
      value: bytes,
      timestamp: hourAgo + 1,
      headers: [['bytes', bytes]] as [string, Buffer][],
    },
    {
      key: 'a',
      value: null,
      timestamp: hourAgo + 2,
      headers: [
        ['twice', Buffer.from('1')],
        ['twice', Buffer.from('2')],
        ['none', null],
        ['empty', Buffer.alloc(0)],
        ['ü', Buffer.from('ö')],
      ] as [string, Buffer | null][],
    },
    { value: '', timestamp: hourAgo + 3, headers: [] as [string, Buffer | null][], partition: 2 },
  ]
  const places = await producer.send(topic, sent)
  assert.equal(places[0]!.partition, places[2]!.partition, 'one key, one partition')
  assert.equal(places[3]!.partition, 2)
  assert.equal(await producer.partitions(topic), 3)
  const records = await readTopic(context, age, topic, 3, sent.length)
  for (const [index, { key, value, timestamp, headers }] of sent.entries()) {
    const { partition, offset } = places[index]!
    const record = records.find(one => one.partition === partition && one.offset === offset)!
    assert.deepEqual(record, {
      topic,
      partition,
      offset,
      timestamp,
      key: key === undefined ? null : Buffer.from(key),
      value: value === null ? null : Buffer.from(value as string),
      headers,
    })
  }
}

async function idempotentProducer(context: TestContext, age: Age): Promise<void> {
  const topic = await createTopic(context, age, 'java-idempotent', 4)
  const producer = await openProducer(context, age, {
    'enable.idempotence': 'true',
    'batch.size': 1_000,
    'linger.ms': 0,
  })
  const values = numberedValues(2_000)
  const places = await producer.send(
    topic,
    values.map((value, index) => ({ value, partition: index % 4 })),
  )
  const records = await readTopic(context, age, topic, 4, values.length)
  for (let partition = 0; partition < 4; partition++) {
    const ofPartition = <T>(all: T[]) => all.filter((_, index) => index % 4 === partition)
    assert.deepEqual(texts(records.filter(record => record.partition === partition)), ofPartition(values))
    assert.deepEqual(
      ofPartition(places).map(({ offset }) => offset),
      ofPartition(values).map((_, index) => index),
    )
  }
}

async function logAppendTime(context: TestContext, age: Age): Promise<void> {
  const topic = await createTopic(context, age, 'java-append-time', 1, {
    'message.timestamp.type': 'LogAppendTime',
  })
  const producer = await openProducer(context, age)
  const before = Date.now()
  const [place] = await producer.send(topic, [{ value: 'now', timestamp: 1_000 }])
  const [record] = await readTopic(context, age, topic, 1, 1)
  // What the producer is told and what consumers get is the broker's time.
  assert.equal(record!.timestamp, place!.timestamp)
  assert.ok(record!.timestamp >= before && record!.timestamp <= Date.now(), `timestamp ${record!.timestamp}`)
}

async function tooLarge(context: TestContext, age: Age): Promise<void> {
  const topic = await createTopic(context, age, 'java-large', 1, { 'max.message.bytes': '2000' })
  const producer = await openProducer(context, age)
  const refused = producer.send(topic, [{ value: 'x'.repeat(3_000) }])
  await assert.rejects(refused, (error: JavaError) => error.type === 'RecordTooLargeException')
  await producer.send(topic, [{ value: 'small enough' }])
  assert.deepEqual(texts(await readTopic(context, age, topic, 1, 1)), ['small enough'])

  // As large as the defaults of producer, broker and consumer let one be, and larger than what a fetch is to bring.
  const large = await createTopic(context, age, 'java-large')
  const value = Buffer.alloc(900_000, 'v')
  await producer.send(large, [{ value }, { value: 'behind it' }])
  const limits = { 'fetch.max.bytes': 10_000, 'max.partition.fetch.bytes': 5_000 }
  const records = await readTopic(context, age, large, 1, 2, limits)
  assert.ok(records[0]!.value!.equals(value))
}

export function produceCapabilities(age: Age): Capability[] {
  const compressions = `produces with ${age.compressions.join(', ')}, each with acks 0, 1 and all`
  return [
    // Of each age the least that is worth a try.
    ...allInCi(capabilitiesOfAge(age, [['compression', compressions, everyCompressionAndAcks]])),
    ...capabilitiesOfAge(age, [
      ['headers', 'keys, headers, nulls and timestamps', keysHeadersAndTimestamps],
      ['idempotence', 'an idempotent producer', idempotentProducer],
      ['timestamps', 'LogAppendTime', logAppendTime],
      ['sizes', 'large records, and larger than allowed', tooLarge],
    ]),
  ]
}

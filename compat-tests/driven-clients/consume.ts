/**
 * What a consumer is relied on for, one at a time: where it starts, where it goes on, how it is steered. Groups of
 * several members are in groups.ts.
 */

import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { inArea, type TestContext } from '../capability.ts'
import { texts } from '../record-values.ts'
import { eventually } from '../wait-for.ts'
import type { DrivenCapability, Subject } from './driven-client.ts'
import type { Driver } from './driver.ts'
import { createTopic, filledTopic, numberedValues, partitionsOf, readTopic, valuesOnly } from './topics.ts'

async function readsAll(subject: Subject, context: TestContext): Promise<void> {
  const values = numberedValues(3_000)
  const driver = subject.open(context)
  const topic = await filledTopic(context, driver, 'from-beginning', values, 3)
  const records = await readTopic(subject, context, topic, values.length, 3)
  for (const partition of partitionsOf(3)) {
    const stored = records.filter(record => record.partition === partition)
    assert.deepEqual(
      texts(stored),
      values.filter((_, index) => index % 3 === partition),
    )
    assert.deepEqual(
      stored.map(({ offset }) => offset),
      partitionsOf(1_000),
    )
  }
}

async function readsOnlyNew(subject: Subject, context: TestContext): Promise<void> {
  const driver = subject.open(context)
  const topic = await filledTopic(context, driver, 'only-new', numberedValues(50, 'old'))
  const reader = subject.open(context)
  await reader.call('openConsumer', { topic, partitions: [0], start: 'latest' })
  // When it has found the end is the client's own business: the first value that it gets is not the first one sent.
  let sent = 0
  const produceOne = () => driver.call('produce', { topic, records: valuesOnly([`new-${sent++}`]) })
  await eventually('the first new record', produceOne, () => reader.records.items.length > 0)
  while (sent < 60) await produceOne()
  await reader.records.until(items => items.at(-1)?.offset === 50 + sent - 1, 'the last new record')
  const offsets = reader.records.items.map(({ offset }) => offset)
  assert.ok(offsets[0]! >= 50, 'an old record came')
  assert.deepEqual(
    offsets,
    Array.from({ length: 50 + sent - offsets[0]! }, (_, index) => offsets[0]! + index),
  )
  assert.deepEqual(
    texts(reader.records.items),
    offsets.map(offset => `new-${offset - 50}`),
  )
}

async function openMember(driver: Driver, topic: string, group: string, commit: 'each' | 'when-told') {
  await driver.call('openConsumer', { topic, group, start: 'earliest', commit })
}

async function goesOnWhereCommitted(subject: Subject, context: TestContext): Promise<void> {
  const values = numberedValues(120)
  const driver = subject.open(context)
  const topic = await filledTopic(context, driver, 'resumed', values, 2)
  const group = context.uniqueName('group')
  const first = subject.open(context)
  await openMember(first, topic, group, 'each')
  await first.records.until(({ length }) => length >= values.length, 'all records')
  await first.call('closeConsumer', {})
  await driver.call('produce', { topic, records: valuesOnly(numberedValues(30, 'later')) })
  const second = subject.open(context)
  await openMember(second, topic, group, 'each')
  await second.records.until(({ length }) => length >= 30, 'the records that came later')
  assert.deepEqual(texts(first.records.items).sort(), [...values].sort())
  assert.deepEqual(texts(second.records.items).sort(), numberedValues(30, 'later').sort())
}

async function commitsWhenTold(subject: Subject, context: TestContext): Promise<void> {
  const values = numberedValues(100)
  const driver = subject.open(context)
  const topic = await filledTopic(context, driver, 'committed', values, 2)
  const group = context.uniqueName('group')
  const first = subject.open(context)
  await openMember(first, topic, group, 'when-told')
  await first.records.until(({ length }) => length >= values.length, 'all records')
  assert.deepEqual(await first.call('committed', { partitions: [0, 1] }), [null, null])
  const offsets: [number, number][] = [
    [0, 20],
    [1, 45],
  ]
  await first.call('commit', { offsets })
  assert.deepEqual(await first.call('committed', { partitions: [0, 1] }), [20, 45])
  assert.deepEqual((await driver.call('groupOffsets', { group, topic })).sort(), offsets)
  await first.kill9()
  // A member that was killed stays one until its session ends; a static one of the group's makes no difference here.
  const second = subject.open(context)
  await openMember(second, topic, group, 'when-told')
  await second.records.until(({ length }) => length >= 35, 'the records after the commit')
  const from = (partition: number) =>
    second.records.items.filter(record => record.partition === partition).map(({ offset }) => offset)
  assert.deepEqual(from(0), partitionsOf(50).slice(20))
  assert.deepEqual(from(1), partitionsOf(50).slice(45))
}

async function seeks(subject: Subject, context: TestContext): Promise<void> {
  const values = numberedValues(100)
  const driver = subject.open(context)
  const topic = await filledTopic(context, driver, 'seek', values)
  await driver.call('openConsumer', { topic, partitions: [0], start: 60 })
  const { records } = driver
  await records.until(items => items.at(-1)?.offset === 99, 'the end')
  assert.deepEqual(texts(records.items), values.slice(60))
  records.items.length = 0
  await driver.call('seek', { partition: 0, offset: 5 })
  await records.until(items => items.at(-1)?.offset === 99, 'the end after seeking back')
  assert.deepEqual(texts(records.items), values.slice(5))
  records.items.length = 0
  await driver.call('seek', { partition: 0, offset: 98 })
  await records.until(items => items.at(-1)?.offset === 99, 'the end after seeking forward')
  assert.deepEqual(texts(records.items), values.slice(98))
}

async function seeksToTime(subject: Subject, context: TestContext): Promise<void> {
  const driver = subject.open(context)
  const topic = await createTopic(context, driver, 'seek-time', 2)
  await driver.call('openProducer', { acks: 'all', compression: 'gzip', idempotent: false })
  const base = Date.now() - 1_000_000
  const records = numberedValues(100).map((value, index) => ({
    value: Buffer.from(value),
    partition: index % 2,
    timestamp: base + index * 1_000,
  }))
  await driver.call('produce', { topic, records })
  const offsetAt = (partition: number, at: number) => driver.call('listOffset', { topic, partition, at })
  assert.equal(await offsetAt(0, base), 0)
  assert.equal(await offsetAt(0, base + 49_500), 25, 'the first record after a time between two')
  assert.equal(await offsetAt(1, base + 51_000), 25, 'the record of exactly that time')
  await driver.call('openConsumer', { topic, partitions: [0, 1], start: 'earliest' })
  await driver.records.until(({ length }) => length === 100, 'all records')
  driver.records.items.length = 0
  assert.deepEqual(await driver.call('seekToTime', { timestamp: base + 80_500 }), [41, 40])
  await driver.records.until(({ length }) => length >= 19, 'the records after that time')
  assert.deepEqual(texts(driver.records.items).sort(), numberedValues(100).slice(81).sort())
}

async function listsOffsets(subject: Subject, context: TestContext): Promise<void> {
  const driver = subject.open(context)
  const topic = await filledTopic(context, driver, 'offsets', numberedValues(70), 2)
  const offsetAt = (partition: number, at: 'earliest' | 'latest' | number) =>
    driver.call('listOffset', { topic, partition, at })
  assert.deepEqual([await offsetAt(0, 'earliest'), await offsetAt(1, 'latest')], [0, 35])
  assert.equal(await offsetAt(0, Date.now() + 3_600_000), -1, 'an offset for a time that is yet to come')
}

async function pausesAndResumes(subject: Subject, context: TestContext): Promise<void> {
  const driver = subject.open(context)
  const topic = await filledTopic(context, driver, 'paused', numberedValues(20, 'before'), 2)
  await driver.call('openConsumer', { topic, partitions: [0, 1], start: 'earliest' })
  const { records } = driver
  await records.until(({ length }) => length === 20, 'the first records')
  records.items.length = 0
  await driver.call('pause', { partitions: [0] })
  // A fetch that was under way then may still bring something; it waits for no longer than 100 ms.
  await delay(400)
  await driver.call('produce', {
    topic,
    records: numberedValues(40, 'during').map((value, index) => ({
      value: Buffer.from(value),
      partition: index % 2,
    })),
  })
  await records.until(({ length }) => length >= 20, 'the records of the partition that was not paused')
  await delay(500)
  assert.ok(
    records.items.every(({ partition }) => partition === 1),
    'a paused partition delivered',
  )
  await driver.call('resume', { partitions: [0] })
  await records.until(({ length }) => length >= 40, 'the records of the paused partition')
  assert.deepEqual(
    texts(records.items.filter(({ partition }) => partition === 0)),
    numberedValues(40, 'during').filter((_, index) => index % 2 === 0),
  )
}

export const consumeCapabilities: DrivenCapability[] = inArea('consume', [
  { name: 'read all partitions from the beginning', test: readsAll },
  { name: 'read only what is new', test: readsOnlyNew },
  { name: 'a group of one that goes on where it committed', area: 'commit', test: goesOnWhereCommitted },
  {
    name: 'commit offsets of one’s own choice, and start there after a crash',
    area: 'commit',
    timeLimitMs: 60_000,
    test: commitsWhenTold,
  },
  { name: 'seek back and forth', area: 'seek', test: seeks },
  { name: 'seek by time', area: 'timestamps', test: seeksToTime },
  { name: 'the first and last offset, and none for the future', area: 'timestamps', test: listsOffsets },
  { name: 'pause and resume a partition', needs: ['pausing'], test: pausesAndResumes },
])

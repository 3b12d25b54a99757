/**
 * The broker killed with -9 in the middle of work and started again on the same data: what was acknowledged is
 * there, once and in order where that was promised, and groups go on where they had committed. The clients live
 * through it; nobody tells them.
 */

import assert from 'node:assert/strict'
import { inArea, requireRestart, type TestContext } from '../capability.ts'
import { texts } from '../record-values.ts'
import { collector } from '../wait-for.ts'
import type { DrivenCapability, Subject } from './driven-client.ts'
import { createTopic, errorCodes, filledTopic, numberedValues, readTopic } from './topics.ts'

async function acknowledgedSurvives(
  subject: Subject,
  context: TestContext,
  idempotent: boolean,
): Promise<void> {
  const restart = requireRestart(context)
  const driver = subject.open(context)
  const topic = await createTopic(context, driver, 'survives')
  await driver.call('openProducer', { acks: 'all', compression: 'none', idempotent })
  const acknowledged = collector<string>()
  let isOver = false
  const producing = (async () => {
    for (let index = 0; !isOver; index++) {
      const value = `value ${index}`
      await driver.call('produce', { topic, records: [{ value: Buffer.from(value) }] })
      acknowledged.add(value)
    }
  })()
  const count = (wanted: number) =>
    Promise.race([
      acknowledged.until(({ length }) => length >= wanted, 'acknowledgements', 60_000),
      producing.then(() => assert.fail('the producer ended')),
    ])
  await count(100)
  await restart()
  await count(acknowledged.items.length + 50)
  isOver = true
  await producing
  // By somebody who has not known the broker that was killed.
  const end = await subject.open(context).call('listOffset', { topic, partition: 0, at: 'latest' })
  const stored = texts(await readTopic(subject, context, topic, end))
  if (idempotent) assert.deepEqual(stored, acknowledged.items, 'not each value once, and in order')
  // Without idempotence a send whose answer was lost is sent once more.
  else assert.deepEqual([...new Set(stored)], acknowledged.items)
}

async function groupGoesOn(subject: Subject, context: TestContext): Promise<void> {
  const restart = requireRestart(context)
  const driver = subject.open(context)
  const values = numberedValues(60)
  const topic = await filledTopic(context, driver, 'group-survives', values, 2)
  const group = context.uniqueName('group')
  const member = subject.open(context)
  await member.call('openConsumer', { topic, group, start: 'earliest', commit: 'each' })
  await member.records.until(({ length }) => length >= 60, 'all records')
  await restart()
  const later = numberedValues(40, 'later')
  const records = later.map((value, index) => ({ value: Buffer.from(value), partition: index % 2 }))
  await driver.call('produce', { topic, records })
  await member.records.until(
    items => later.every(value => items.some(record => String(record.value) === value)),
    'all later records',
    40_000,
  )
  const seen = texts(member.records.items)
  assert.deepEqual([...new Set(seen)].sort(), [...values, ...later].sort())
  await member.call('closeConsumer', {})
  const committed = await subject.open(context).call('groupOffsets', { group, topic })
  assert.deepEqual(committed.sort(), [
    [0, 50],
    [1, 50],
  ])
}

async function catalogueSurvives(subject: Subject, context: TestContext): Promise<void> {
  const restart = requireRestart(context)
  const driver = subject.open(context)
  const topic = await createTopic(context, driver, 'kept', 3, { 'max.message.bytes': '2000' })
  const offset = await driver.call('listOffset', { topic, partition: 2, at: 'latest' })
  assert.equal(offset, 0)
  await restart()
  const other = subject.open(context)
  assert.ok((await other.call('listTopics', {})).includes(topic))
  assert.equal((await other.call('describeTopic', { topic })).length, 3)
  const configs = await other.call('describeConfigs', { type: 'topic', name: topic })
  assert.equal(configs['max.message.bytes']!.value, '2000')
  await other.call('openProducer', { acks: 'all', compression: 'none', idempotent: false })
  await assert.rejects(
    other.call('produce', { topic, records: [{ value: Buffer.alloc(5_000) }] }),
    (error: { code: number }) => error.code === errorCodes.MESSAGE_TOO_LARGE,
  )
}

export const restartCapabilities: DrivenCapability[] = inArea('restart', [
  {
    name: 'kill -9: acknowledged records are there',
    timeLimitMs: 90_000,
    test: (subject, context) => acknowledgedSurvives(subject, context, false),
  },
  {
    name: 'kill -9: an idempotent producer goes on, each record once',
    needs: ['idempotence'],
    timeLimitMs: 90_000,
    test: (subject, context) => acknowledgedSurvives(subject, context, true),
  },
  { name: 'kill -9: a group goes on where it committed', timeLimitMs: 90_000, test: groupGoesOn },
  { name: 'kill -9: topics and configs are there', timeLimitMs: 90_000, test: catalogueSurvives },
])

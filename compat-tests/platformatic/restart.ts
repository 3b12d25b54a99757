/**
 * The broker killed with -9 in the middle of work and started again on the same data, seen by clients of
 * @platformatic/kafka that live through it.
 */

import assert from 'node:assert/strict'
import { type Capability, inArea, requireRestart, type TestContext } from '../capability.ts'
import { texts } from '../record-values.ts'
import {
  collectFrom,
  createTopic,
  openAdmin,
  openConsumer,
  openProducer,
  readTopics,
  sendValues,
} from './client.ts'

/** Enough to live through a restart, however slow the broker starts. */
const patient = { retries: 200, retryDelay: 100 }

async function idempotentProducerGoesOn(context: TestContext): Promise<void> {
  const restart = requireRestart(context)
  const topic = await createTopic(context, 'idempotent-restart', 2)
  const producer = openProducer(context, { idempotent: true, ...patient })
  const values = Array.from({ length: 300 }, (_, index) => `value ${index}`)
  let restarted: Promise<void> | undefined
  for (let start = 0; start < values.length; start += 2) {
    if (start === 150) restarted = restart()
    await sendValues(producer, topic, values.slice(start, start + 2), 2)
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
  const topic = await createTopic(context, 'group-restart')
  const groupId = context.uniqueName('restarted-group')
  const values = Array.from({ length: 40 }, (_, index) => `value ${index}`)
  await sendValues(openProducer(context), topic, values)
  const options = {
    topics: [topic],
    mode: 'committed' as const,
    fallbackMode: 'earliest' as const,
    autocommit: false,
  }
  const first = openConsumer(context, { groupId, groupInstanceId: 'first', ...patient })
  const seen = collectFrom(context, await first.consume(options))
  await seen.until(({ length }) => length >= 40, 'the records before the restart')
  await seen.items[16]!.commit()
  const { id } = (await openAdmin(context).metadata({ topics: [topic] })).topics.get(topic)!
  await restart()
  const admin = openAdmin(context)
  const metadata = await admin.metadata({ topics: [topic], forceUpdate: true })
  assert.equal(metadata.topics.get(topic)!.id, id, 'the topic has another id after the restart')
  await first.close(true)
  const second = openConsumer(context, { groupId, ...patient })
  const rest = collectFrom(context, await second.consume(options))
  await rest.until(({ length }) => length >= 23, 'the records that were not committed')
  assert.deepEqual(texts(rest.items), values.slice(17))
}

export const restartCapabilities: Capability[] = inArea('restart', [
  { name: 'kill -9: an idempotent producer goes on', timeLimitMs: 90_000, test: idempotentProducerGoesOn },
  { name: 'kill -9: a group goes on where it committed', timeLimitMs: 90_000, test: groupGoesOn },
])

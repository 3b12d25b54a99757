/** kafka-streams-application-reset: a Streams application begins anew, at another place of its input. */
import assert from 'node:assert/strict'
import type { Capability, TestContext } from '../capability.ts'
import {
  committedOffsets,
  connectedAdmin,
  connectedProducer,
  createTopic,
  createTopicNamed,
} from '../kafkajs/client.ts'
import { eventually } from '../wait-for.ts'
import { linesOf, refusedTool, startTool, tool } from './tools.ts'

/** Streams' application id is its group, and its internal topics begin with it. */
async function resetsApplication(context: TestContext): Promise<void> {
  const applicationId = context.uniqueName('application')
  const input = await createTopic(context, 'tools-input', 2)
  const internal = [`${applicationId}-counts-changelog`, `${applicationId}-words-repartition`].sort()
  for (const name of internal) await createTopicNamed(context, name, 2, { 'cleanup.policy': 'compact' })
  const bystander = await createTopic(context, `${applicationId}-of-somebody-else`)
  const admin = await connectedAdmin(context)
  const producer = await connectedProducer(context)
  const messages = [0, 1, 0, 1].map(partition => ({ value: 'line', partition }))
  await producer.send({ topic: input, messages })
  const partitions = [0, 1].map(partition => ({ partition, offset: '2' }))
  await admin.setOffsets({ groupId: applicationId, topic: input, partitions })

  const reset = ['--application-id', applicationId, '--input-topics', input]
  const planned = await tool(context, 'kafka-streams-application-reset', [...reset, '--dry-run'])
  for (const name of internal) assert.ok(planned.includes(name), planned)
  assert.ok(!planned.includes(bystander), planned)
  assert.ok((await admin.listTopics()).includes(internal[0]!), 'only planned')
  const offsets = async () =>
    (await committedOffsets(admin, applicationId, input)).map(({ offset }) => offset)
  assert.deepEqual(await offsets(), ['2', '2'])

  await tool(context, 'kafka-streams-application-reset', reset)
  assert.deepEqual(await offsets(), ['0', '0'])
  await eventually(
    'the internal topics to be gone',
    () => admin.listTopics(),
    topics => internal.every(name => !topics.includes(name)) && topics.includes(bystander),
  )
  await tool(context, 'kafka-streams-application-reset', [...reset, '--to-latest'])
  assert.deepEqual(await offsets(), ['2', '2'])
  await tool(context, 'kafka-streams-application-reset', [...reset, '--shift-by', '-1'])
  assert.deepEqual(await offsets(), ['1', '1'])

  // An application that runs is not to be reset.
  const member = await startTool(context, 'kafka-console-consumer', [
    '--topic',
    input,
    '--group',
    applicationId,
  ])
  await member.lines.until(({ length }) => length >= 2, 'the application to work')
  const refused = await refusedTool(context, 'kafka-streams-application-reset', reset)
  assert.ok(
    linesOf(refused).some(line => /still active|is still/.test(line)),
    refused,
  )
  await member.stop()
}

export const applicationResetCapabilities: Capability[] = [
  {
    area: 'group admin',
    name: 'kafka-streams-application-reset',
    timeLimitMs: 90_000,
    test: resetsApplication,
  },
]

/** kafka-consumer-groups and kafka-groups: what is shown of groups with and without members, and what ends them. */
import assert from 'node:assert/strict'
import { type Capability, inArea, type TestContext } from '../capability.ts'
import { connectedProducer, createTopic } from '../kafkajs/client.ts'
import { eventually } from '../wait-for.ts'
import { linesOf, saidBy, startTool, tableOf, tool, tryTool } from './tools.ts'

type Row = Record<string, string>

/** A topic of two partitions with 5 and 3 records, of which a group has consumed the first 4 and 3. */
async function consumedTopic(context: TestContext): Promise<{ topic: string; group: string }> {
  const topic = await createTopic(context, 'tools-consumed', 2)
  const group = context.uniqueName('tools-group')
  const producer = await connectedProducer(context)
  const produce = (partition: number, count: number) =>
    producer.send({
      topic,
      messages: Array.from({ length: count }, (_, n) => ({ value: `${n}`, partition })),
    })
  await produce(0, 4)
  await produce(1, 3)
  const args = ['--topic', topic, '--group', group, '--from-beginning']
  await tool(context, 'kafka-console-consumer', [...args, '--max-messages', '7', '--timeout-ms', '15000'])
  await produce(0, 1)
  return { topic, group }
}

/** A group's rows, in order; asked again, as a member that has just ended is still leaving. */
async function describe(
  context: TestContext,
  group: string,
  options: string[],
  isSo: (rows: Row[]) => boolean = () => true,
): Promise<Row[]> {
  return await eventually(
    `the description of ${group}`,
    async () => {
      const args = ['--describe', '--group', group, ...options]
      const { code, stdout } = await tryTool(context, 'kafka-consumer-groups', args)
      return code === 0 ? tableOf(stdout) : []
    },
    isSo,
  )
}

const short = (row: Row, ...names: string[]) => names.map(name => row[name]).join(' ')
const offsetsShort = (rows: Row[]) =>
  rows
    .map(row => short(row, 'TOPIC', 'PARTITION', 'CURRENT-OFFSET', 'LOG-END-OFFSET', 'LAG', 'CLIENT-ID'))
    .sort()

async function withoutMembers(context: TestContext): Promise<void> {
  const { topic, group } = await consumedTopic(context)
  const offsets = await describe(context, group, ['--offsets'], rows => rows.length === 2)
  assert.deepEqual(offsetsShort(offsets), [`${topic} 0 4 5 1 -`, `${topic} 1 3 3 0 -`])
  assert.deepEqual(await describe(context, group, ['--members']), [])
  const [state] = await describe(context, group, ['--state'])
  assert.equal(short(state!, 'GROUP', 'STATE', '#MEMBERS'), `${group} Empty 0`)
  assert.match(state!['COORDINATOR (ID)']!, new RegExp(`^${context.bootstrap} +\\(\\d+\\)$`))

  assert.ok(linesOf(await tool(context, 'kafka-consumer-groups', ['--list'])).includes(group))
  const listed = async (...options: string[]) =>
    tableOf(await tool(context, 'kafka-consumer-groups', ['--list', ...options])).find(
      row => row.GROUP === group,
    )
  assert.equal((await listed('--state'))?.STATE, 'Empty')
  assert.equal((await listed('--state', 'stable'))?.STATE, undefined)
  assert.equal((await listed('--type'))?.TYPE, 'Classic')
  const groups = tableOf(await tool(context, 'kafka-groups', ['--list']))
  const found = groups.find(row => row.GROUP === group)
  assert.deepEqual(found, { GROUP: group, TYPE: 'Classic', PROTOCOL: 'consumer' })
  const all = await tool(context, 'kafka-consumer-groups', ['--describe', '--all-groups', '--offsets'])
  assert.equal(linesOf(all).filter(line => line.startsWith(`${group} `)).length, 2)
}

async function withMembers(context: TestContext): Promise<void> {
  const { topic, group } = await consumedTopic(context)
  const consumer = await startTool(context, 'kafka-console-consumer', [
    ...['--topic', topic, '--group', group],
    ...['--command-property', 'client.id=a-member', '--command-property', 'auto.commit.interval.ms=200'],
  ])
  await consumer.lines.until(({ length }) => length === 1, 'what was left in the topic')
  const members = await describe(context, group, ['--members', '--verbose'], rows => rows.length === 1)
  assert.equal(short(members[0]!, 'GROUP', 'CLIENT-ID', '#PARTITIONS'), `${group} a-member 2`)
  assert.equal(members[0]!.HOST, '/127.0.0.1')
  assert.match(members[0]!['CONSUMER-ID']!, /^a-member-/)
  assert.ok(Object.values(members[0]!).some(cell => cell === `${topic}(0,1)` || cell === `${topic}:0,1`))
  const [state] = await describe(context, group, ['--state'])
  assert.equal(short(state!, 'ASSIGNMENT-STRATEGY', 'STATE', '#MEMBERS'), 'range Stable 1')
  const offsets = await describe(context, group, ['--offsets'], rows => rows[0]?.LAG === '0')
  assert.deepEqual(offsetsShort(offsets), [`${topic} 0 5 5 0 a-member`, `${topic} 1 3 3 0 a-member`])

  const reset = ['--reset-offsets', '--group', group, '--topic', topic, '--to-earliest', '--execute']
  const refusedReset = await saidBy(context, 'kafka-consumer-groups', reset)
  assert.match(refusedReset, /inactive, but the current state is Stable/)
  const deleteOffsets = ['--delete-offsets', '--group', group, '--topic', topic]
  const refusedDeletion = await saidBy(context, 'kafka-consumer-groups', deleteOffsets)
  assert.match(refusedDeletion, /GroupSubscribedToTopicException/)
  const refusedEnd = await saidBy(context, 'kafka-consumer-groups', ['--delete', '--group', group])
  assert.match(refusedEnd, /GroupNotEmptyException/)
  await consumer.stop()
  const [left] = await describe(context, group, ['--state'], rows => rows[0]?.STATE === 'Empty')
  assert.equal(left!['#MEMBERS'], '0')
}

async function deletesOffsets(context: TestContext): Promise<void> {
  const { topic, group } = await consumedTopic(context)
  const deletion = ['--delete-offsets', '--group', group, '--topic']
  const done = tableOf(await tool(context, 'kafka-consumer-groups', [...deletion, `${topic}:0`]))
  assert.deepEqual(done, [{ TOPIC: topic, PARTITION: '0', STATUS: 'Successful' }])
  const offsets = await describe(context, group, ['--offsets'], rows => rows.length === 1)
  assert.deepEqual(offsetsShort(offsets), [`${topic} 1 3 3 0 -`])
  const unknown = await saidBy(context, 'kafka-consumer-groups', [...deletion, context.uniqueName('nobody')])
  assert.match(unknown, /UnknownTopicOrPartitionException/)
}

async function deletes(context: TestContext): Promise<void> {
  const { group } = await consumedTopic(context)
  await describe(context, group, ['--state'], rows => rows[0]?.STATE === 'Empty')
  const done = await tool(context, 'kafka-consumer-groups', ['--delete', '--group', group])
  assert.match(done, /Deletion of requested consumer groups .* was successful/)
  assert.ok(!linesOf(await tool(context, 'kafka-consumer-groups', ['--list'])).includes(group))
  const gone = await saidBy(context, 'kafka-consumer-groups', ['--delete', '--group', group])
  assert.match(gone, /GroupIdNotFoundException/)
  for (const view of ['--offsets', '--members', '--state']) {
    const args = ['--describe', '--group', group, view]
    assert.match(await saidBy(context, 'kafka-consumer-groups', args), /GroupIdNotFoundException/, view)
  }
}

export const groupCapabilities: Capability[] = inArea('group admin', [
  { name: 'kafka-consumer-groups of a group without members', test: withoutMembers },
  { name: 'kafka-consumer-groups of a group with members', timeLimitMs: 60_000, test: withMembers },
  { name: 'kafka-consumer-groups --delete-offsets', test: deletesOffsets },
  { name: 'kafka-consumer-groups --delete', test: deletes },
])

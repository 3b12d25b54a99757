/** kafka-consumer-groups --reset-offsets: every way of saying where a group is to go on. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Capability, inArea, type TestContext } from '../capability.ts'
import { committedOffsets, connectedAdmin, connectedProducer, createTopic } from '../kafkajs/client.ts'
import { linesOf, tableOf, tool } from './tools.ts'

const hourMs = 3_600_000

interface Reset {
  topic: string
  group: string
  /** Resets, and gives what is printed and what is committed then, both as offsets of partitions 0 and 1. */
  reset(...how: string[]): Promise<{ printed: Record<string, string>; committed: number[] }>
}

/** Two partitions with a record for each of the last ten hours, and a group that stands at 5 and 5. */
async function setUp(context: TestContext): Promise<Reset> {
  const topic = await createTopic(context, 'tools-reset', 2)
  const group = context.uniqueName('tools-reset')
  const producer = await connectedProducer(context)
  const now = Date.now()
  const messages = Array.from({ length: 20 }, (_, n) => ({
    partition: n % 2,
    value: `${n}`,
    // In the middle of its hour: none is nearer than half an hour to a full one.
    timestamp: String(now - (9 - Math.floor(n / 2)) * hourMs - hourMs / 2),
  }))
  await producer.send({ topic, messages })
  const admin = await connectedAdmin(context)
  const reset: Reset['reset'] = async (...how) => {
    const args = ['--reset-offsets', '--group', group, ...how]
    const rows = tableOf(await tool(context, 'kafka-consumer-groups', args))
    const printed = Object.fromEntries(rows.map(row => [row.PARTITION!, row['NEW-OFFSET']!]))
    const committed = await committedOffsets(admin, group, topic)
    return { printed, committed: committed.map(({ offset }) => Number(offset)) }
  }
  const start = await reset('--topic', topic, '--to-offset', '5', '--execute')
  assert.deepEqual(start, { printed: { 0: '5', 1: '5' }, committed: [5, 5] })
  return { topic, group, reset }
}

async function toPlaces(context: TestContext): Promise<void> {
  const { reset, topic } = await setUp(context)
  const both = ['--topic', topic]
  const cases: [how: string[], printed: Record<string, string>, committed: number[]][] = [
    [[...both, '--to-earliest', '--dry-run'], { 0: '0', 1: '0' }, [5, 5]],
    [[...both, '--to-earliest', '--execute'], { 0: '0', 1: '0' }, [0, 0]],
    [['--all-topics', '--to-latest', '--execute'], { 0: '10', 1: '10' }, [10, 10]],
    [['--topic', `${topic}:1`, '--to-offset', '7', '--execute'], { 1: '7' }, [10, 7]],
    [[...both, '--shift-by', '-4', '--execute'], { 0: '6', 1: '3' }, [6, 3]],
    [['--topic', `${topic}:0`, '--shift-by', '2', '--execute'], { 0: '8' }, [8, 3]],
    [[...both, '--to-current', '--execute'], { 0: '8', 1: '3' }, [8, 3]],
    // Outside the log, its nearer end counts.
    [[...both, '--to-offset', '99', '--execute'], { 0: '10', 1: '10' }, [10, 10]],
    [[...both, '--shift-by', '-99', '--execute'], { 0: '0', 1: '0' }, [0, 0]],
  ]
  for (const [how, printed, committed] of cases) {
    assert.deepEqual(await reset(...how), { printed, committed }, how.join(' '))
  }
}

async function toTimes(context: TestContext): Promise<void> {
  const { reset, topic } = await setUp(context)
  const both = ['--topic', topic, '--execute']
  const at = (ms: number) => new Date(ms).toISOString()
  const cases: [how: string[], offset: number][] = [
    [['--by-duration', 'PT3H'], 7],
    [['--by-duration', 'P7D'], 0],
    [['--to-datetime', at(Date.now() - 4 * hourMs)], 6],
    [['--to-datetime', '2020-01-01T00:00:00.000'], 0],
    // After the last record there is only the end.
    [['--to-datetime', at(Date.now() + hourMs)], 10],
  ]
  for (const [how, offset] of cases) {
    const expected = { printed: { 0: `${offset}`, 1: `${offset}` }, committed: [offset, offset] }
    assert.deepEqual(await reset(...both, ...how), expected, how.join(' '))
  }
}

async function fromFile(context: TestContext): Promise<void> {
  const { group, reset, topic } = await setUp(context)
  const directory = await context.temporaryDirectory()
  const file = join(directory, 'offsets.csv')
  await writeFile(file, `${topic},0,2\n${topic},1,9\n`)
  const expected = { printed: { 0: '2', 1: '9' }, committed: [2, 9] }
  assert.deepEqual(await reset('--from-file', file, '--execute'), expected)

  const exported = [
    '--reset-offsets',
    '--group',
    group,
    '--topic',
    topic,
    '--to-current',
    '--export',
    '--dry-run',
  ]
  const lines = linesOf(await tool(context, 'kafka-consumer-groups', exported))
  assert.deepEqual(lines.sort(), [`${topic},0,2`, `${topic},1,9`])
  await reset('--topic', topic, '--to-earliest', '--execute')
  await writeFile(file, lines.join('\n'))
  assert.deepEqual(await reset('--from-file', file, '--execute'), expected, 'what was exported goes in again')
}

async function consumesFromThere(context: TestContext): Promise<void> {
  const { group, reset, topic } = await setUp(context)
  await reset('--topic', topic, '--to-offset', '8', '--execute')
  const args = ['--topic', topic, '--group', group, '--max-messages', '4', '--timeout-ms', '15000']
  const values = linesOf(await tool(context, 'kafka-console-consumer', args))
  assert.deepEqual(values.sort(), ['16', '17', '18', '19'])
}

async function newGroup(context: TestContext): Promise<void> {
  const topic = await createTopic(context, 'tools-new-group')
  await tool(context, 'kafka-console-producer', ['--topic', topic], 'a\nb\nc\n')
  const group = context.uniqueName('tools-new-group')
  const to = ['--reset-offsets', '--group', group, '--topic', topic, '--to-offset', '2', '--execute']
  await tool(context, 'kafka-consumer-groups', to)
  const args = ['--topic', topic, '--group', group, '--max-messages', '1', '--timeout-ms', '15000']
  assert.equal(await tool(context, 'kafka-console-consumer', args), 'c\n')
}

export const offsetResetCapabilities: Capability[] = inArea('group admin', [
  { name: 'reset-offsets --to-earliest, -latest, -offset, -current, --shift-by', test: toPlaces },
  { name: 'reset-offsets --to-datetime, --by-duration', test: toTimes },
  { name: 'reset-offsets --export, --from-file', test: fromFile },
  { name: 'a group goes on where it was reset to', area: 'commit', test: consumesFromThere },
  { name: 'reset-offsets of a group that is new', test: newGroup },
])

/**
 * `ottla consume --group` and `ottla group`: a group goes on where it has committed, shares its partitions, hands them
 * over at Ctrl-C, and what it has committed is described, reset and deleted.
 */
import assert from 'node:assert/strict'
import { type Capability, inArea, type TestContext } from '../capability.ts'
import { committedOffsets, connectedAdmin, connectedConsumer, nextJoin } from '../kafkajs/client.ts'
import { prepareKcat, startKcat } from '../kcat/kcat.ts'
import { eventually } from '../wait-for.ts'
import {
  asLines,
  consumed,
  createdTopic,
  kept,
  linesOf,
  ottla,
  ottlaJson,
  type RunningOttla,
  refused,
  startOttla,
} from './ottla.ts'

interface DescribedGroup {
  state: string
  members: { memberId: string; partitions: { topic: string; partition: number }[] | null }[]
  offsets: {
    topic: string
    partition: number
    currentOffset: number | null
    logEndOffset: number | null
    lag: number | null
    memberId: string | null
  }[]
}

async function describe(context: TestContext, groupId: string): Promise<DescribedGroup> {
  const [group] = await ottlaJson(context, ['group', 'describe', groupId])
  return group
}

/** A topic with this many records in each partition: `partition:number`. */
async function filledTopic(
  context: TestContext,
  label: string,
  partitions: number,
  each: number,
): Promise<string> {
  const topic = await createdTopic(context, label, partitions, ...kept)
  await fill(context, topic, partitions, 0, each)
  return topic
}

async function fill(context: TestContext, topic: string, partitions: number, from: number, to: number) {
  const records: string[] = []
  for (let partition = 0; partition < partitions; partition++) {
    for (let number = from; number < to; number++) {
      const timestamp = 1_700_000_000_000 + number * 1000
      records.push(JSON.stringify({ partition, value: `${partition}:${number}`, timestamp }))
    }
  }
  await ottla(context, ['produce', topic, '--input', 'json'], asLines(records))
}

async function goesOn(context: TestContext): Promise<void> {
  const topic = await filledTopic(context, 'resumed', 2, 5)
  const groupId = context.uniqueName('group')
  const read = async (...words: string[]) =>
    (await consumed(context, [topic, '--group', groupId, ...words])).map(({ value }) => value!)
  const first = await read('--max-messages', '3')
  assert.equal(first.length, 3)
  const rest = await read()
  assert.equal(rest.length, 7)
  assert.equal(new Set([...first, ...rest]).size, 10)
  assert.deepEqual(await read(), [])
  await fill(context, topic, 2, 5, 6)
  assert.deepEqual((await read()).sort(), ['0:5', '1:5'])
  const admin = await connectedAdmin(context)
  assert.deepEqual(
    (await committedOffsets(admin, groupId, topic)).map(({ offset }) => offset),
    ['6', '6'],
  )
  const group = await describe(context, groupId)
  assert.deepEqual([group.state, group.members.length], ['Empty', 0])
  assert.deepEqual(
    group.offsets.map(({ lag }) => lag),
    [0, 0],
  )
}

function member(context: TestContext, topic: string, groupId: string): RunningOttla {
  return startOttla(context, ['consume', topic, '--group', groupId, '--follow', '--raw'])
}

async function membersShare(context: TestContext): Promise<void> {
  const topic = await createdTopic(context, 'shared', 4, ...kept)
  const groupId = context.uniqueName('group')
  const shared = (count: number) =>
    eventually(
      `${count} members to share the partitions`,
      () => describe(context, groupId),
      ({ state, members }) =>
        state === 'Stable' &&
        members.length === count &&
        members.flatMap(({ partitions }) => partitions ?? []).length === 4,
      25_000,
    )
  const one = member(context, topic, groupId)
  await eventually(
    'the group',
    () => ottlaJson(context, ['group', 'list']),
    (groups: { groupId: string }[]) => groups.some(group => group.groupId === groupId),
  )
  await shared(1)
  const two = member(context, topic, groupId)
  const { members } = await shared(2)
  assert.deepEqual(
    members.map(({ partitions }) => partitions!.length),
    [2, 2],
  )
  await fill(context, topic, 4, 0, 10)
  const both = () => [...one.lines.items, ...two.lines.items]
  await eventually(
    'all records',
    async () => both().length,
    count => count >= 40,
  )
  assert.equal(one.lines.items.length, 20)
  assert.match(await refused(context, ['group', 'delete', groupId], 65), /NON_EMPTY_GROUP/)
  const reset = ['group', 'reset-offsets', groupId, '--topic', topic, '--to-earliest', '--execute']
  assert.match(await refused(context, reset, 65), /while it has members \(its state is Stable\)/)

  assert.equal(await one.interrupt(), 0)
  await shared(1)
  await fill(context, topic, 4, 10, 20)
  await two.lines.until(lines => lines.length >= 60, 'the records of all partitions')
  assert.equal(await two.interrupt(), 0)
  const values = both()
  assert.deepEqual([values.length, new Set(values).size], [80, 80], 'a record was lost or came twice')
  const { state, offsets } = await describe(context, groupId)
  assert.equal(state, 'Empty')
  assert.deepEqual(
    offsets.map(({ currentOffset, lag }) => [currentOffset, lag]),
    Array(4).fill([20, 0]),
  )
}

/** librdkafka assigns ranges as well: whoever leads, both take part. */
async function sharesWithOthers(context: TestContext): Promise<void> {
  await prepareKcat()
  const topic = await filledTopic(context, 'mixed', 4, 5)
  const groupId = context.uniqueName('group')
  const settings = ['-X', 'auto.offset.reset=earliest', '-X', 'fetch.wait.max.ms=50', '-f', '%s\n']
  const theirs = startKcat(context, ['-u', '-G', groupId, topic, ...settings])
  await theirs.records.until(records => records.length === 20, 'what was there')
  const mine = member(context, topic, groupId)
  await eventually(
    'both to have two partitions each',
    () => describe(context, groupId),
    ({ state, members }) => state === 'Stable' && members.length === 2,
    25_000,
  )
  const { members } = await describe(context, groupId)
  assert.deepEqual(
    members.map(({ partitions }) => partitions!.length),
    [2, 2],
  )
  await fill(context, topic, 4, 5, 10)
  await mine.lines.until(lines => lines.length === 10, 'half of the new records')
  await theirs.records.until(records => records.length === 30, 'the other half')
  assert.equal(await mine.interrupt(), 0)
  await fill(context, topic, 4, 10, 11)
  await theirs.records.until(records => records.length === 34, 'all partitions again', 25_000)
  await theirs.terminate()
  assert.equal(new Set([...mine.lines.items, ...theirs.records.items]).size, 44)
}

async function describesOthers(context: TestContext): Promise<void> {
  const topic = await filledTopic(context, 'others', 3, 4)
  const groupId = context.uniqueName('group')
  const consumer = await connectedConsumer(context, { groupId })
  await consumer.subscribe({ topic })
  const joined = nextJoin(consumer)
  await consumer.run({ autoCommit: false, eachMessage: async () => undefined })
  await joined
  await consumer.commitOffsets([{ topic, partition: 1, offset: '1' }])
  const group = await describe(context, groupId)
  assert.equal(group.members.length, 1)
  assert.deepEqual(
    group.members[0]!.partitions,
    [0, 1, 2].map(partition => ({ topic, partition })),
  )
  const { currentOffset, logEndOffset, lag, memberId } = group.offsets[1]!
  assert.deepEqual([currentOffset, logEndOffset, lag, memberId], [1, 4, 3, group.members[0]!.memberId])
  // kafkajs has an assignor of its own, so nobody can share its group by ranges.
  const intruder = ['consume', topic, '--group', groupId]
  assert.match(await refused(context, intruder, 65), /INCONSISTENT_GROUP_PROTOCOL/)
  const text = await ottla(context, ['group', 'describe', groupId])
  assert.match(text, new RegExp(`^${topic} +1 +1 +4 +3 {2}${memberId}$`, 'm'))
}

async function resets(context: TestContext): Promise<void> {
  const topic = await filledTopic(context, 'reset', 2, 10)
  const groupId = context.uniqueName('group')
  await ottla(context, ['consume', topic, '--group', groupId])
  const reset = (...words: string[]) =>
    ottlaJson(context, ['group', 'reset-offsets', groupId, '--topic', topic, ...words])
  const current = async () =>
    (await describe(context, groupId)).offsets.map(({ currentOffset }) => currentOffset)

  const dry = await reset('--to-earliest')
  assert.equal(dry.executed, false)
  assert.deepEqual(dry.offsets[0], { topic, partition: 0, currentOffset: 10, newOffset: 0 })
  assert.deepEqual(await current(), [10, 10], 'a dry run moved offsets')

  const cases: [string[], number[]][] = [
    [['--to-earliest'], [0, 0]],
    [['--to-latest'], [10, 10]],
    [
      ['--to-offset', '4'],
      [4, 4],
    ],
    [
      ['--shift-by', '-3'],
      [1, 1],
    ],
    [
      ['--shift-by', '5'],
      [6, 6],
    ],
    [
      ['--to-datetime', '2023-11-14T22:13:28.000'],
      [8, 8],
    ],
    [
      ['--to-datetime', '1700000002500'],
      [3, 3],
    ],
    [
      ['--by-duration', 'PT1H'],
      [10, 10],
    ],
    [
      ['--to-offset', '99'],
      [10, 10],
    ],
    [
      ['--shift-by', '-99'],
      [0, 0],
    ],
    [['--to-current'], [0, 0]],
  ]
  for (const [words, expected] of cases) {
    await reset(...words, '--execute')
    assert.deepEqual(await current(), expected, words.join(' '))
  }
  await ottla(context, [
    'group',
    'reset-offsets',
    groupId,
    '--topic',
    `${topic}:1`,
    '--to-latest',
    '--execute',
  ])
  assert.deepEqual(await current(), [0, 10], 'a partition that was not named moved')
  await ottla(context, ['group', 'reset-offsets', groupId, '--all-topics', '--to-offset', '8', '--execute'])
  const read = (await consumed(context, [topic, '--group', groupId])).map(({ value }) => value!)
  assert.deepEqual(read.sort(), ['0:8', '0:9', '1:8', '1:9'])
}

async function resetsNewGroup(context: TestContext): Promise<void> {
  const topic = await filledTopic(context, 'new-group', 1, 5)
  const groupId = context.uniqueName('group')
  await ottla(context, ['group', 'reset-offsets', groupId, '--topic', topic, '--to-offset', '2', '--execute'])
  assert.equal((await consumed(context, [topic, '--group', groupId])).length, 3)
  const nowhere = ['group', 'reset-offsets', groupId, '--topic', context.uniqueName('none'), '--to-latest']
  assert.match(await refused(context, nowhere, 66), /does not exist/)
  assert.match(
    await refused(context, ['group', 'reset-offsets', groupId, '--topic', topic], 64),
    /Say where to/,
  )
}

async function deletes(context: TestContext): Promise<void> {
  const topic = await filledTopic(context, 'forgotten', 2, 3)
  const groupId = context.uniqueName('group')
  await ottla(context, ['consume', topic, '--group', groupId])
  await ottla(context, ['group', 'delete-offsets', groupId, '--topic', `${topic}:0`])
  assert.deepEqual(
    (await describe(context, groupId)).offsets.map(({ partition }) => partition),
    [1],
  )
  const listed = linesOf(await ottla(context, ['group', 'list', '--state', 'empty', '--type', 'classic']))
  assert.match(listed[0]!, /^GROUP +TYPE +PROTOCOL +STATE$/)
  assert.ok(listed.some(line => new RegExp(`^${groupId} +Classic +consumer +Empty$`).test(line)))
  assert.equal(await ottla(context, ['group', 'delete', groupId]), `Deleted group ${groupId}\n`)
  assert.match(await refused(context, ['group', 'describe', groupId], 66), /GROUP_ID_NOT_FOUND/)
  assert.match(await refused(context, ['group', 'delete', groupId], 66), /GROUP_ID_NOT_FOUND/)
}

async function outlivesTopic(context: TestContext): Promise<void> {
  const [left, gone] = [await filledTopic(context, 'left', 1, 2), await filledTopic(context, 'gone', 1, 2)]
  const groupId = context.uniqueName('group')
  await ottla(context, ['consume', left, gone, '--group', groupId])
  await ottla(context, ['topic', 'delete', gone])
  // Brokers forget the offsets of a deleted topic, at once or a little later.
  const { offsets } = await describe(context, groupId)
  assert.equal(offsets.find(({ topic }) => topic === left)!.lag, 0)
  assert.equal(offsets.find(({ topic }) => topic === gone)?.lag ?? null, null)
}

export const groupCapabilities: Capability[] = inArea('group admin', [
  { name: 'a group goes on where it has committed', area: 'commit', test: goesOn },
  {
    name: 'two members share, one leaves by Ctrl-C',
    area: 'groups',
    timeLimitMs: 60_000,
    test: membersShare,
  },
  {
    name: 'share a group with another client (kcat)',
    area: 'groups',
    timeLimitMs: 60_000,
    test: sharesWithOthers,
  },
  { name: 'describe a group of another client', test: describesOthers },
  { name: 'reset offsets in every way', timeLimitMs: 60_000, test: resets },
  { name: 'give a new group its offsets', test: resetsNewGroup },
  { name: 'delete offsets and groups', test: deletes },
  { name: 'a group outlives a topic', test: outlivesTopic },
])

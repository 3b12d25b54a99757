/**
 * kcat -G: librdkafka's members of classic consumer groups, dynamic and static. What a member was assigned is in
 * its own words on stderr.
 */
import assert from 'node:assert/strict'
import { type Capability, inArea, type TestContext } from '../capability.ts'
import { createTopic } from '../kafkajs/client.ts'
import { eventually } from '../wait-for.ts'
import { kcat, linesOf, type RunningKcat, startKcat } from './kcat.ts'

const sessionTimeoutMs = 6_000

function startMember(
  context: TestContext,
  groupId: string,
  topic: string,
  settings: string[] = [],
): RunningKcat {
  const all = [
    `session.timeout.ms=${sessionTimeoutMs}`,
    'heartbeat.interval.ms=200',
    'auto.offset.reset=earliest',
    'auto.commit.interval.ms=200',
    'topic.metadata.refresh.interval.ms=1000',
    ...settings,
  ]
  const options = all.flatMap(setting => ['-X', setting])
  return startKcat(context, ['-G', groupId, ...options, '-u', '-f', '%p %o %s\n', topic])
}

/** The partitions that a member last said to have been assigned; none since they were revoked. */
function assigned({ events }: RunningKcat): number[] {
  const last = events.items.findLast(line => /rebalanced \(.*\): (assigned|revoked)/.test(line)) ?? ''
  const partitions = /: assigned: (.*)$/.exec(last)?.[1] ?? ''
  return [...partitions.matchAll(/\[(\d+)\]/g)].map(match => Number(match[1])).sort((one, two) => one - two)
}

function timesAssigned({ events }: RunningKcat): number {
  return events.items.filter(line => /rebalanced \(.*\): assigned/.test(line)).length
}

/** Waits until the members share all partitions, each partition with one owner, and nobody is left without. */
async function settled(members: RunningKcat[], partitions: number): Promise<void> {
  await eventually(
    `${members.length} members to share ${partitions} partitions`,
    async () => members.map(assigned),
    shares =>
      shares.every(share => share.length > 0) &&
      shares.flat().length === partitions &&
      new Set(shares.flat()).size === partitions,
  )
}

async function produce(
  context: TestContext,
  topic: string,
  label: string,
  partitions: number,
): Promise<string[]> {
  const expected: string[] = []
  for (let partition = 0; partition < partitions; partition++) {
    const values = Array.from({ length: 5 }, (_, index) => `${label}-${partition}-${index}`)
    await kcat(
      context,
      ['-P', '-t', topic, '-p', String(partition)],
      values.map(value => `${value}\n`).join(''),
    )
    expected.push(...values)
  }
  return expected
}

/** Every value of this label came to exactly one member, the owner of its partition. */
async function delivered(members: RunningKcat[], label: string, expected: string[]): Promise<void> {
  const ofLabel = (member: RunningKcat) =>
    member.records.items.map(line => line.split(' ')).filter(([, , value]) => value!.startsWith(`${label}-`))
  await eventually(
    `the values of ${label}`,
    async () => members.flatMap(ofLabel).length,
    count => count >= expected.length,
  )
  assert.deepEqual(
    members
      .flatMap(ofLabel)
      .map(([, , value]) => value)
      .sort(),
    [...expected].sort(),
  )
  for (const member of members) {
    for (const [partition] of ofLabel(member)) assert.ok(assigned(member).includes(Number(partition)))
  }
}

async function twoMembers(context: TestContext): Promise<void> {
  const topic = await createTopic(context, 'kcat-group', 4)
  const groupId = context.uniqueName('kcat-group')
  const members = [startMember(context, groupId, topic)]
  await settled(members, 4)
  await delivered(members, 'alone', await produce(context, topic, 'alone', 4))
  members.push(startMember(context, groupId, topic))
  await settled(members, 4)
  await delivered(members, 'both', await produce(context, topic, 'both', 4))
  await members.shift()!.terminate()
  await settled(members, 4)
  await delivered(members, 'left', await produce(context, topic, 'left', 4))
}

async function memberCrashes(context: TestContext): Promise<void> {
  const topic = await createTopic(context, 'kcat-crash', 4)
  const groupId = context.uniqueName('kcat-crash')
  const members = [startMember(context, groupId, topic), startMember(context, groupId, topic)]
  await settled(members, 4)
  await members.shift()!.kill9()
  await settled(members, 4)
  await delivered(members, 'crashed', await produce(context, topic, 'crashed', 4))
}

async function cooperativeMembers(context: TestContext): Promise<void> {
  const topic = await createTopic(context, 'kcat-cooperative', 4)
  const groupId = context.uniqueName('kcat-cooperative')
  const settings = ['partition.assignment.strategy=cooperative-sticky']
  const owned = (member: RunningKcat) => {
    const partitions = new Set<string>()
    for (const line of member.events.items) {
      const [, what, list = ''] = /: incremental (assignment|revoke)\b.* protocol\): (.*)$/.exec(line) ?? []
      for (const [, partition] of list.matchAll(/\[(\d+)\]/g)) {
        if (what === 'assignment') partitions.add(partition!)
        else partitions.delete(partition!)
      }
    }
    return [...partitions]
  }
  const shared = (members: RunningKcat[]) =>
    eventually(
      `${members.length} cooperative members to share`,
      async () => members.map(owned),
      shares =>
        shares.every(share => share.length === 4 / members.length) && new Set(shares.flat()).size === 4,
    )
  const members = [startMember(context, groupId, topic, settings)]
  await shared(members)
  members.push(startMember(context, groupId, topic, settings))
  await shared(members)
  const expected = await produce(context, topic, 'shared', 4)
  await eventually(
    'the values of both members',
    async () => members.flatMap(member => member.records.items.map(line => line.split(' ')[2])),
    values => expected.every(value => values.includes(value)),
  )
}

async function goesOnWhereCommitted(context: TestContext): Promise<void> {
  const topic = await createTopic(context, 'kcat-resume')
  const groupId = context.uniqueName('kcat-resume')
  const values = Array.from({ length: 30 }, (_, index) => `v${index}`)
  await kcat(context, ['-P', '-t', topic], values.map(value => `${value}\n`).join(''))
  const read = async (count: number) => {
    const options = ['-X', 'auto.offset.reset=earliest', '-c', String(count), '-q', topic]
    return linesOf(await kcat(context, ['-G', groupId, ...options]))
  }
  assert.deepEqual(await read(12), values.slice(0, 12))
  assert.deepEqual(await read(18), values.slice(12))
}

async function staticMemberReturns(context: TestContext): Promise<void> {
  const topic = await createTopic(context, 'kcat-static', 4)
  const groupId = context.uniqueName('kcat-static')
  const start = (instance: string) => startMember(context, groupId, topic, [`group.instance.id=${instance}`])
  const first = start('first')
  let second = start('second')
  await settled([first, second], 4)
  const before = { first: assigned(first), second: assigned(second), times: timesAssigned(first) }
  // Once with a goodbye, which for a static member is none, and once without.
  for (const end of ['terminate', 'kill9'] as const) {
    await second[end]()
    const expected = await produce(context, topic, end, 4)
    second = start('second')
    const returnedAt = performance.now()
    await settled([first, second], 4)
    assert.ok(performance.now() - returnedAt < sessionTimeoutMs - 1_000, 'the returning member had to wait')
    assert.deepEqual(assigned(second), before.second, 'the returning member got other partitions')
    await delivered([first, second], end, expected)
  }
  assert.deepEqual(assigned(first), before.first)
  assert.equal(timesAssigned(first), before.times, 'a static member that came back made the group rebalance')
}

async function staticMemberExpires(context: TestContext): Promise<void> {
  const topic = await createTopic(context, 'kcat-static-expired', 4)
  const groupId = context.uniqueName('kcat-static-expired')
  const start = (instance: string) => startMember(context, groupId, topic, [`group.instance.id=${instance}`])
  const [first, second] = [start('first'), start('second')]
  await settled([first, second], 4)
  await second.terminate()
  const endedAt = performance.now()
  await settled([first], 4)
  const afterMs = performance.now() - endedAt
  assert.ok(afterMs > sessionTimeoutMs / 2, `its partitions were given away after ${afterMs} ms already`)
}

async function staticMemberIsFenced(context: TestContext): Promise<void> {
  const topic = await createTopic(context, 'kcat-fenced', 2)
  const groupId = context.uniqueName('kcat-fenced')
  const settings = ['group.instance.id=the-same']
  const elder = startMember(context, groupId, topic, settings)
  await settled([elder], 2)
  const younger = startMember(context, groupId, topic, settings)
  await settled([younger], 2)
  await elder.events.until(lines => lines.some(line => /fenced/i.test(line)), 'the elder twin to be fenced')
  await delivered([younger], 'twins', await produce(context, topic, 'twins', 2))
}

export const groupCapabilities: Capability[] = inArea('groups', [
  { name: '-G with two members, one leaving', timeLimitMs: 60_000, test: twoMembers },
  { name: '-G with a member killed with -9', timeLimitMs: 60_000, test: memberCrashes },
  {
    name: '-G with the cooperative-sticky assignor',
    area: 'cooperative',
    timeLimitMs: 60_000,
    test: cooperativeMembers,
  },
  { name: '-G going on where it committed', area: 'commit', test: goesOnWhereCommitted },
  {
    name: 'a static member coming back in time',
    area: 'static members',
    timeLimitMs: 60_000,
    test: staticMemberReturns,
  },
  {
    name: 'a static member that does not come back',
    area: 'static members',
    timeLimitMs: 60_000,
    test: staticMemberExpires,
  },
  {
    name: 'two members with one group.instance.id',
    area: 'static members',
    timeLimitMs: 60_000,
    test: staticMemberIsFenced,
  },
])

/**
 * Groups of each age: with each of its assignors, members that join, leave, are killed and stall. At rest each
 * partition has one owner, which alone gets its records, and no value is lost on the way.
 */
import assert from 'node:assert/strict'
import type { Capability, TestContext } from '../capability.ts'
import { connectedAdmin } from '../kafkajs/client.ts'
import { eventually } from '../wait-for.ts'
import type { Age } from './ages.ts'
import { type AgeTest, capabilitiesOfAge } from './capability-of-age.ts'
import { type Consumer, createTopic, openConsumer, openProducer, type Producer } from './clients.ts'
import { type Driver, ownDriver } from './driver.ts'

const partitions = 6

interface Group {
  topic: string
  groupId: string
  producer: Producer
  addMember(process?: Driver, properties?: Record<string, string>): Promise<Consumer>
  /** Waits until these share all partitions, sends values to each, and sees that they come to the owners. */
  deliversToOwners(members: Consumer[]): Promise<void>
}

async function groupWith(context: TestContext, age: Age, assignor: string): Promise<Group> {
  const topic = await createTopic(context, age, 'java-group', partitions)
  const groupId = context.uniqueName('java-group')
  const producer = await openProducer(context, age)
  let rounds = 0
  return {
    topic,
    groupId,
    producer,
    async addMember(process, properties = {}) {
      const all = {
        'group.id': groupId,
        'partition.assignment.strategy': age.assignors[assignor]!,
        'enable.auto.commit': 'true',
        'auto.commit.interval.ms': 200,
        ...properties,
      }
      const consumer = await openConsumer(context, age, all, process)
      await consumer.subscribe(topic)
      return consumer
    },
    async deliversToOwners(members) {
      await shared(members)
      const round = `round ${++rounds} of ${groupId}`
      const values = Array.from({ length: partitions * 5 }, (_, index) => ({
        value: `${round} value ${index}`,
        partition: index % partitions,
      }))
      await producer.send(topic, values)
      const ofRound = () =>
        members.flatMap(member =>
          member.records.items
            .filter(({ value }) => String(value).startsWith(round))
            .map(({ partition, value }) => ({
              partition,
              value: String(value),
              owns: member.owned.has(partition),
            })),
        )
      const found = await eventually(
        `the values of ${round}`,
        async () => ofRound(),
        all => all.length >= values.length,
      )
      assert.deepEqual(found.map(({ value }) => value).sort(), values.map(({ value }) => value).sort())
      assert.ok(
        found.every(({ owns }) => owns),
        'a member read a partition that it does not own',
      )
    },
  }
}

/** Until every partition has one owner, and nobody goes away empty-handed. */
async function shared(members: Consumer[]): Promise<void> {
  await eventually(
    `${members.length} members to share ${partitions} partitions`,
    async () => members.map(({ owned }) => [...owned].sort()),
    shares =>
      shares.every(share => share.length === partitions / members.length) &&
      new Set(shares.flat()).size === partitions,
    30_000,
  )
}

/** What the coordinator says of the group, asked by somebody else. */
async function protocolOf(context: TestContext, groupId: string): Promise<string> {
  const admin = await connectedAdmin(context)
  const { groups } = await admin.describeGroups([groupId])
  return `${groups[0]!.state} ${groups[0]!.protocol}`
}

async function joinAndLeave(context: TestContext, age: Age, assignor: string): Promise<void> {
  const group = await groupWith(context, age, assignor)
  const members = [await group.addMember()]
  await group.deliversToOwners(members)
  members.push(await group.addMember())
  await group.deliversToOwners(members)
  assert.equal(await protocolOf(context, group.groupId), `Stable ${assignor}`)
  members.push(await group.addMember())
  await group.deliversToOwners(members)
  if (assignor === 'range') {
    const ranges = members.map(({ owned }) => [...owned].sort().join(' ')).sort()
    assert.deepEqual(ranges, ['0 1', '2 3', '4 5'])
  }
  const leaving = members.splice(0, 2)
  for (const member of leaving) await member.close()
  await group.deliversToOwners(members)
}

/** Cooperative members keep what stays theirs: nobody ever has to give up everything. */
async function keepsWhatStays(context: TestContext, age: Age): Promise<void> {
  const group = await groupWith(context, age, 'cooperative-sticky')
  const first = await group.addMember()
  await group.deliversToOwners([first])
  const second = await group.addMember()
  await group.deliversToOwners([first, second])
  const revoked = first.rebalances.items.filter(what => /^revoked \d/.test(what))
  assert.equal(revoked.length, 1, `revoked: ${revoked.join(', ')}`)
  assert.equal(revoked[0]!.split(' ').length - 1, partitions / 2, 'no more than the other one gets')
}

async function memberKilled(context: TestContext, age: Age): Promise<void> {
  const group = await groupWith(context, age, 'range')
  const process = await ownDriver(context, age)
  const members = [await group.addMember(), await group.addMember(process)]
  await group.deliversToOwners(members)
  const sent = Array.from({ length: 60 }, (_, index) => ({
    value: `steady ${index}`,
    partition: index % partitions,
  }))
  const steady = sendSlowly(group, sent)
  await process.kill9()
  const [alive] = members
  await group.deliversToOwners([alive!])
  await steady
  await nothingLost(
    members,
    sent.map(({ value }) => value),
  )
}

async function memberStalls(context: TestContext, age: Age): Promise<void> {
  const group = await groupWith(context, age, 'roundrobin')
  const process = await ownDriver(context, age)
  const members = [await group.addMember(), await group.addMember(process)]
  await group.deliversToOwners(members)
  process.suspend()
  context.cleanUp(() => process.proceed())
  await eventually(
    'the other member to take over',
    async () => members[0]!.owned.size,
    size => size === partitions,
  )
  process.proceed()
  await group.deliversToOwners(members)
}

async function staticMembers(context: TestContext, age: Age): Promise<void> {
  const group = await groupWith(context, age, 'range')
  const named = (instance: string) => ({ 'group.instance.id': instance, 'session.timeout.ms': '20000' })
  const members = [
    await group.addMember(undefined, named('one')),
    await group.addMember(undefined, named('two')),
  ]
  await group.deliversToOwners(members)
  const [one, two] = members
  const [ownedBefore, rebalancesBefore] = [[...two!.owned].sort(), one!.rebalances.items.length]
  await two!.close()
  const back = await group.addMember(undefined, named('two'))
  await group.deliversToOwners([one!, back])
  assert.deepEqual([...back.owned].sort(), ownedBefore)
  assert.equal(one!.rebalances.items.length, rebalancesBefore, 'its coming back was no rebalance')
}

async function sendSlowly(
  { producer, topic }: Group,
  values: { value: string; partition: number }[],
): Promise<void> {
  for (const value of values) {
    await producer.send(topic, [value])
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

/** Some may have been handled twice, by one that was killed before it had committed, and by another. */
async function nothingLost(members: Consumer[], sent: string[]): Promise<void> {
  await eventually(
    'every value to have been handled',
    async () => {
      const handled = new Set(
        members.flatMap(({ records }) => records.items.map(({ value }) => String(value))),
      )
      return sent.filter(value => !handled.has(value))
    },
    missing => missing.length === 0,
  )
}

const cooperativeTests: AgeTest[] = [
  ['cooperative', 'a cooperative member keeps what stays its own', keepsWhatStays],
  ['static members', 'static members', staticMembers],
]

export function groupCapabilities(age: Age): Capability[] {
  const assignors = Object.keys(age.assignors)
  return capabilitiesOfAge(age, [
    ...assignors.map((assignor): AgeTest => {
      return [
        'groups',
        `a group with the ${assignor} assignor`,
        context => joinAndLeave(context, age, assignor),
      ]
    }),
    // Both came with 2.4, or shortly before.
    ...(assignors.includes('cooperative-sticky') ? cooperativeTests : []),
    ['groups', 'a member killed with -9', memberKilled],
    ['groups', 'a member that stalls and comes back', memberStalls],
  ])
}

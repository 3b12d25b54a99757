/**
 * What a consumer group of two to five members must do, whichever client its members are: at rest every partition
 * has one owner and only the owner gets its records; through joining, leaving, crashing and stalling no value is
 * lost.
 */
import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import type { Capability, TestContext } from './capability.ts'
import { type GroupClient, groupUnderTest, nothingLost } from './group-under-test.ts'

async function membersJoin(client: GroupClient, context: TestContext): Promise<void> {
  const group = await groupUnderTest(client, context, 7)
  const members = [group.addMember()]
  await group.settled(members)
  const stopProducing = await group.startProducing()
  for (let count = 2; count <= 5; count++) {
    members.push(group.addMember())
    await group.deliversToOwners(members)
  }
  await nothingLost(group, await stopProducing())
}

async function membersStartTogether(client: GroupClient, context: TestContext): Promise<void> {
  const group = await groupUnderTest(client, context, 10)
  const members = Array.from({ length: 5 }, () => group.addMember())
  await group.deliversToOwners(members)
  const joined = members.map(member => member.timesJoined())
  // Longer than a session: heartbeats alone keep the members in.
  await delay(7_000)
  await group.deliversToOwners(members)
  assert.deepEqual(
    members.map(member => member.timesJoined()),
    joined,
    'a group at rest rebalanced',
  )
}

async function membersLeave(client: GroupClient, context: TestContext): Promise<void> {
  const group = await groupUnderTest(client, context, 6)
  const members = Array.from({ length: 4 }, () => group.addMember())
  await group.settled(members)
  const stopProducing = await group.startProducing()
  for (let count = 3; count >= 1; count--) {
    const [leaving] = members.splice(0, 1)
    const leftAt = performance.now()
    await leaving!.leave()
    await group.deliversToOwners(members)
    const afterMs = performance.now() - leftAt
    assert.ok(afterMs < 5_000, `the rest took ${afterMs} ms to take over from a member that said goodbye`)
  }
  await nothingLost(group, await stopProducing())
}

async function membersCrash(client: GroupClient, context: TestContext): Promise<void> {
  const group = await groupUnderTest(client, context, 6)
  const members = Array.from({ length: 4 }, () => group.addMember())
  await group.deliversToOwners(members)
  const stopProducing = await group.startProducing()
  // Two at once: one eviction finds the other one dead as well.
  await Promise.all(members.splice(1, 2).map(member => member.kill9()))
  await group.deliversToOwners(members)
  await nothingLost(group, await stopProducing())
}

async function memberStalls(client: GroupClient, context: TestContext): Promise<void> {
  const group = await groupUnderTest(client, context, 4)
  const members = [group.addMember(), group.addMember()]
  await group.deliversToOwners(members)
  const stopProducing = await group.startProducing()
  const [stalled, other] = members
  stalled!.suspend()
  await group.settled([other!])
  stalled!.proceed()
  await group.deliversToOwners(members)
  await nothingLost(group, await stopProducing())
}

async function wholeGroupResumes(client: GroupClient, context: TestContext): Promise<void> {
  const group = await groupUnderTest(client, context, 4)
  const first = [group.addMember(), group.addMember()]
  await group.deliversToOwners(first)
  await group.deliversToOwners(first)
  await Promise.all(first.map(member => member.leave()))
  const handled = group.deliveries.items.length
  const values = Array.from({ length: 40 }, (_, index) => `while nobody was there ${index}`)
  const produce = await client.openProducer(context)
  await produce(
    group.topic,
    values.map((value, index) => ({ value, partition: index % 4 })),
  )
  const second = [group.addMember(), group.addMember(), group.addMember()]
  await group.deliversToOwners(second)
  const afterwards = group.deliveries.items.slice(handled).map(({ value }) => value)
  // While three members join one after the other, what one has not yet committed comes to the next one again.
  const resumed = new Set(afterwards.filter(value => !value.startsWith('round 3')))
  assert.deepEqual(
    [...resumed].sort(),
    [...values].sort(),
    'the group did not go on exactly where it had committed',
  )
}

type GroupTest = (client: GroupClient, context: TestContext) => Promise<void>

const tests: [string, GroupTest][] = [
  ['a group growing from one member to five', membersJoin],
  ['five members at once, then at rest', membersStartTogether],
  ['members leaving', membersLeave],
  ['members killed with -9', membersCrash],
  ['a member that stalls, is evicted and comes back', memberStalls],
  ['a whole group stopping and going on', wholeGroupResumes],
]

export function groupCapabilitiesOf(client: GroupClient): Capability[] {
  return tests.map(([name, test]) => ({
    name,
    area: 'groups',
    timeLimitMs: 60_000,
    test: context => test(client, context),
  }))
}

/** The same of members that rebalance cooperatively, each keeping what stays its own. */
export function cooperativeCapabilitiesOf(client: GroupClient): Capability[] {
  return groupCapabilitiesOf(client).map(capability => ({
    ...capability,
    name: `cooperative: ${capability.name}`,
    area: 'cooperative',
  }))
}

/**
 * What static members must do, whichever client they are of: who comes back within the session with the same
 * group.instance.id gets the same partitions, and nobody else notices.
 */
import assert from 'node:assert/strict'
import type { Capability, TestContext } from './capability.ts'
import { type GroupClient, type GroupUnderTest, groupUnderTest, nothingLost } from './group-under-test.ts'
import { sessionTimeoutMs } from './member-process.ts'

/** The group as it is then: of `first`, `second` and `third`, of whom the second has come back. */
export async function staticMemberReturns(
  client: GroupClient,
  context: TestContext,
): Promise<GroupUnderTest> {
  const group = await groupUnderTest(client, context, 6)
  const members = ['first', 'second', 'third'].map(id => group.addMember(id))
  await group.deliversToOwners(members)
  const before = await group.settled(members)
  const partitionsOf = (owners: Map<number, number>, pid: number) =>
    [...owners].filter(([, owner]) => owner === pid).map(([partition]) => partition)
  const stopProducing = await group.startProducing()
  const gone = members[1]!
  const joins = () => [members[0]!, members[2]!].map(member => member.timesJoined())
  const joinsBefore = joins()
  await gone.kill9()
  const returned = group.addMember('second')
  members[1] = returned
  const returnedAt = performance.now()
  const after = await group.settled(members)
  assert.ok(performance.now() - returnedAt < sessionTimeoutMs - 1_000, 'the returning member had to wait')
  assert.deepEqual(partitionsOf(after, returned.pid), partitionsOf(before, gone.pid))
  await group.deliversToOwners(members)
  assert.deepEqual(joins(), joinsBefore, 'the others had to rebalance for a static member that came back')
  await nothingLost(group, await stopProducing())
  return group
}

async function staticMemberIsTold(client: GroupClient, context: TestContext): Promise<void> {
  const group = await staticMemberReturns(client, context)
  const owners = await (await client.openOwners(context))(group.groupId, group.topic)
  const instanceIds = owners.flatMap(({ instanceId }) => instanceId ?? [])
  if (instanceIds.length > 0) assert.deepEqual(instanceIds.sort(), ['first', 'second', 'third'])
}

async function staticMemberExpires(client: GroupClient, context: TestContext): Promise<void> {
  const group = await groupUnderTest(client, context, 4)
  const [first, second] = [group.addMember('first'), group.addMember('second')]
  await group.deliversToOwners([first, second])
  await second.kill9()
  const endedAt = performance.now()
  await group.deliversToOwners([first])
  const afterMs = performance.now() - endedAt
  assert.ok(afterMs > sessionTimeoutMs / 2, `its partitions were given away after ${afterMs} ms already`)
}

async function staticMemberIsFenced(client: GroupClient, context: TestContext): Promise<void> {
  const group = await groupUnderTest(client, context, 2)
  const elder = group.addMember('the-same')
  await group.deliversToOwners([elder])
  const younger = group.addMember('the-same')
  await elder.failures.until(
    // librdkafka under another language may only say that the error is fatal.
    reasons => reasons.some(reason => /fenced|fatal error/i.test(reason)),
    'the elder twin to be fenced',
  )
  await group.deliversToOwners([younger])
}

type StaticMemberTest = (client: GroupClient, context: TestContext) => Promise<void>

const tests: [string, StaticMemberTest][] = [
  ['a static member coming back in time', staticMemberIsTold],
  ['a static member that does not come back', staticMemberExpires],
  ['two members with one group.instance.id', staticMemberIsFenced],
]

export function staticMemberCapabilitiesOf(client: GroupClient): Capability[] {
  return tests.map(([name, test]) => ({
    name,
    area: 'static members',
    timeLimitMs: 60_000,
    test: context => test(client, context),
  }))
}

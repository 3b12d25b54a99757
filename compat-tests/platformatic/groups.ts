/**
 * Groups of two to five members of @platformatic/kafka, each a process, and static members: who comes back within
 * the session with the same group.instance.id gets the same partitions, and nobody else notices.
 */
import assert from 'node:assert/strict'
import type { Capability, TestContext } from '../capability.ts'
import { groupCapabilitiesOf } from '../group-capabilities.ts'
import { type GroupClient, groupUnderTest, nothingLost } from '../group-under-test.ts'
import { sessionTimeoutMs } from '../member-process.ts'
import { createTopic, openAdmin, openProducer } from './client.ts'

const groupClient: GroupClient = {
  memberProgram: new URL('./group-member.js', import.meta.url),
  createTopic: (context, partitions) => createTopic(context, 'group', partitions),
  // A fetch that was under way when the member joined again brings records that come once more afterwards.
  restMs: 300,
  async openProducer(context) {
    const producer = openProducer(context)
    return (topic, messages) =>
      producer.send({
        messages: messages.map(({ value, partition }) => ({ topic, partition, value: Buffer.from(value) })),
      })
  },
  async openOwners(context) {
    const admin = openAdmin(context)
    return async (groupId, topic) => {
      // A group that nobody has joined yet is an error in the versions that this client speaks.
      const group = (await admin.describeGroups({ groups: [groupId] }).catch(() => undefined))?.get(groupId)
      if (group?.state !== 'STABLE') return []
      return [...group.members.values()].map(({ id, assignments }) => ({
        memberId: id,
        owned: assignments?.get(topic)?.partitions ?? [],
      }))
    }
  },
}

async function staticMemberReturns(context: TestContext): Promise<void> {
  const group = await groupUnderTest(groupClient, context, 6)
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
  const described = await openAdmin(context).describeGroups({ groups: [group.groupId] })
  const instanceIds = [...described.get(group.groupId)!.members.values()].map(
    member => member.groupInstanceId,
  )
  assert.deepEqual(instanceIds.sort(), ['first', 'second', 'third'])
}

async function staticMemberExpires(context: TestContext): Promise<void> {
  const group = await groupUnderTest(groupClient, context, 4)
  const [first, second] = [group.addMember('first'), group.addMember('second')]
  await group.deliversToOwners([first, second])
  await second.kill9()
  const endedAt = performance.now()
  await group.deliversToOwners([first])
  const afterMs = performance.now() - endedAt
  assert.ok(afterMs > sessionTimeoutMs / 2, `its partitions were given away after ${afterMs} ms already`)
}

async function staticMemberIsFenced(context: TestContext): Promise<void> {
  const group = await groupUnderTest(groupClient, context, 2)
  const elder = group.addMember('the-same')
  await group.deliversToOwners([elder])
  const younger = group.addMember('the-same')
  await elder.failures.until(
    reasons => reasons.some(reason => reason.includes('FENCED_INSTANCE_ID')),
    'the elder twin to be fenced',
  )
  await group.deliversToOwners([younger])
}

async function memberIsRemoved(context: TestContext): Promise<void> {
  const group = await groupUnderTest(groupClient, context, 4)
  const [first, second] = [group.addMember('first'), group.addMember('second')]
  await group.deliversToOwners([first, second])
  await second.kill9()
  const memberId = second.memberId()!
  await openAdmin(context).removeMembersFromConsumerGroup({ groupId: group.groupId, members: [{ memberId }] })
  const removedAt = performance.now()
  await group.deliversToOwners([first])
  assert.ok(performance.now() - removedAt < 4_000, 'a removed member kept its partitions')
}

export const groupCapabilities: Capability[] = [
  ...groupCapabilitiesOf(groupClient),
  { name: 'a static member coming back in time', timeLimitMs: 60_000, test: staticMemberReturns },
  { name: 'a static member that does not come back', timeLimitMs: 60_000, test: staticMemberExpires },
  { name: 'two members with one groupInstanceId', timeLimitMs: 60_000, test: staticMemberIsFenced },
  { name: 'a member removed by an administrator', timeLimitMs: 60_000, test: memberIsRemoved },
]

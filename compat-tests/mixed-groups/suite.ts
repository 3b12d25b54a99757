/**
 * Groups whose members are of different clients: kafkajs, the Java client and librdkafka share a topic's partitions by an
 * assignor that they have in common, whoever of them leads, and go on when members of each kind join, leave and crash.
 */
import assert from 'node:assert/strict'
import kafkajs from 'kafkajs'
import { type Capability, inArea, type TestContext } from '../capability.ts'
import { type GroupClient, type GroupUnderTest, groupUnderTest, nothingLost } from '../group-under-test.ts'
import { connectedAdmin, connectedProducer, createTopic } from '../kafkajs/client.ts'
import { type Kind, kinds, prepareMembers, programs } from './members.ts'

export const prepare = prepareMembers

/** Looked at through kafkajs, which shows the assignments of all members, by their client ids. */
function groupOf(assignor: string): GroupClient {
  return {
    memberProgram: programs.kafkajs,
    assignor,
    // What was fetched for the owner before comes to the next one again; a rebalance may still be under way.
    restMs: 500,
    createTopic: (context, partitions) => createTopic(context, 'mixed', partitions),
    async openProducer(context) {
      const producer = await connectedProducer(context)
      return (topic, messages) => producer.send({ topic, messages })
    },
    async openOwners(context) {
      const admin = await connectedAdmin(context)
      return async (groupId, topic) => {
        const { groups } = await admin.describeGroups([groupId])
        if (groups[0]?.state !== 'Stable') return []
        return groups[0].members.map(({ clientId, memberAssignment }) => ({
          memberId: clientId,
          owned: kafkajs.AssignerProtocol.MemberAssignment.decode(memberAssignment)?.assignment[topic] ?? [],
        }))
      }
    },
  }
}

const memberOf = (group: GroupUnderTest, kind: Kind) => group.addMember(undefined, programs[kind])

async function membersJoin(context: TestContext, assignor: string, order: readonly Kind[]): Promise<void> {
  const group = await groupUnderTest(groupOf(assignor), context, 9)
  const members = [memberOf(group, order[0]!)]
  await group.deliversToOwners(members)
  const stopProducing = await group.startProducing()
  for (const kind of order.slice(1)) {
    members.push(memberOf(group, kind))
    await group.deliversToOwners(members)
  }
  await nothingLost(group, await stopProducing())
}

async function membersEnd(context: TestContext, end: 'leave' | 'kill9'): Promise<void> {
  const group = await groupUnderTest(groupOf('roundrobin'), context, 12)
  // Those who stay are of two kinds when the last of a kind has gone.
  const members = kinds.map(kind => ({ kind, member: memberOf(group, kind) }))
  await group.settled(
    members.map(({ member }) => member),
    40_000,
  )
  for (const kind of kinds) members.push({ kind, member: memberOf(group, kind) })
  await group.settled(
    members.map(({ member }) => member),
    40_000,
  )
  const stopProducing = await group.startProducing()
  for (const kind of kinds) {
    // What kcat has fetched in the moment in which it is told to end it commits without having printed it.
    if (kind === 'kcat' && end === 'leave') await nothingLost(group, await stopProducing())
    const [gone] = members.splice(
      members.findIndex(each => each.kind === kind),
      1,
    )
    await gone!.member[end]()
    await group.deliversToOwners(members.map(({ member }) => member))
  }
  assert.deepEqual(members.map(({ kind }) => kind).sort(), [...kinds].sort())
  await nothingLost(group, await stopProducing())
}

async function refusesNothingInCommon(context: TestContext): Promise<void> {
  const group = await groupUnderTest(groupOf('range'), context, 4)
  const members = [memberOf(group, 'java'), memberOf(group, 'kcat')]
  await group.deliversToOwners(members)
  const joined = members.map(member => member.timesJoined())
  const stranger = group.addMember(undefined, programs.kafkajs, { assignor: undefined })
  await stranger.failures.until(
    reasons => reasons.some(reason => reason.includes('INCONSISTENT_GROUP_PROTOCOL')),
    'the member without an assignor in common to be refused',
  )
  await group.deliversToOwners(members)
  assert.deepEqual(
    members.map(member => member.timesJoined()),
    joined,
    'a member that was refused made the group rebalance',
  )
}

/** The same kinds in another order, so that another one is first, and leads. */
const orders: Kind[][] = kinds.map((_, first) => [...kinds.slice(first), ...kinds.slice(0, first)])

export const capabilities: Capability[] = inArea('groups', [
  ...orders.map(order => ({
    name: `${order.join(', then ')} share by roundrobin`,
    timeLimitMs: 120_000,
    test: (context: TestContext) => membersJoin(context, 'roundrobin', order),
  })),
  {
    name: 'kafkajs, java and kcat share by range',
    timeLimitMs: 120_000,
    test: context => membersJoin(context, 'range', kinds),
  },
  ...inArea(
    'cooperative',
    [['java', 'kcat', 'java', 'kcat'] as const, ['kcat', 'java', 'kcat', 'java'] as const].map(order => ({
      name: `${order[0]} and ${order[1]} share by cooperative-sticky`,
      timeLimitMs: 120_000,
      test: (context: TestContext) => membersJoin(context, 'cooperative-sticky', order),
    })),
  ),
  { name: 'members of each kind leave', timeLimitMs: 180_000, test: context => membersEnd(context, 'leave') },
  {
    name: 'members of each kind are killed with -9',
    timeLimitMs: 180_000,
    test: context => membersEnd(context, 'kill9'),
  },
  {
    name: 'kafkajs with its own assignor is refused, and nobody is disturbed',
    timeLimitMs: 60_000,
    test: refusesNothingInCommon,
  },
])

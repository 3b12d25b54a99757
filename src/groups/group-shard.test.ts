/** The classic group protocol, rule by rule (KIP-62, 134, 345, 394, 559, 814): events in, replies and records out. */
import t from 'tap'
import { errorName } from '../../protocol-codecs/error-codes.ts'
import { ShardTester } from '../testing/shard-tester.ts'
import type { JoinGroupResponse, SyncGroupResponse } from './group-events.ts'

const error = (response: JoinGroupResponse | SyncGroupResponse | undefined) =>
  response === undefined ? 'no answer yet' : errorName(response.errorCode)
const group = (tester: ShardTester) => tester.shard.groups.get('g')!

t.test('a member of version 4 and later is given an id first and joins with it', async t => {
  const tester = new ShardTester()
  const first = tester.join({ version: 4, clientId: 'me', newMemberId: 'me-1' }).reply()!
  t.equal(error(first), 'MEMBER_ID_REQUIRED')
  t.equal(first.memberId, 'me-1')
  const second = tester.join({ version: 4, memberId: 'me-1' })
  t.equal(second.reply(), undefined, 'waits for others')
  tester.advance(3_000)
  t.match(second.reply(), {
    errorCode: 0,
    generationId: 1,
    leader: 'me-1',
    memberId: 'me-1',
    protocolName: 'range',
  })
})

t.test('a member of an older version, and a static member, join at once', async t => {
  const old = new ShardTester()
  const join = old.join({ version: 3 })
  old.advance(3_000)
  t.equal(error(join.reply()), 'NONE')
  const fixed = new ShardTester()
  const staticJoin = fixed.join({ version: 5, groupInstanceId: 'i' })
  fixed.advance(3_000)
  t.equal(error(staticJoin.reply()), 'NONE')
  t.equal(staticJoin.reply()!.memberId, 'i-1')
})

t.test('an id that was given out and not joined with is forgotten after the session timeout', async t => {
  const tester = new ShardTester()
  const { memberId } = tester.join().reply()!
  t.equal(group(tester).pendingMembers.size, 1)
  tester.advance(10_000)
  t.equal(tester.shard.groups.size, 0)
  t.equal(error(tester.join({ memberId }).reply()), 'UNKNOWN_MEMBER_ID')
})

t.test('an id that nobody gave out is unknown, in a known group and in an unknown one', async t => {
  const tester = new ShardTester()
  t.equal(error(tester.join({ memberId: 'stranger' }).reply()), 'UNKNOWN_MEMBER_ID')
  tester.stableGroup(1)
  t.equal(error(tester.join({ memberId: 'stranger' }).reply()), 'UNKNOWN_MEMBER_ID')
})

t.test(
  'the first rebalance waits for its delay, again while members arrive, up to the rebalance timeout',
  async t => {
    const tester = new ShardTester()
    const options = { version: 3, rebalanceTimeoutMs: 8_000 }
    const first = tester.join(options)
    tester.advance(2_900)
    tester.join(options)
    tester.advance(2_900)
    tester.join(options)
    tester.advance(1_000)
    t.equal(first.reply(), undefined, '6.8 s: twice extended')
    tester.join(options)
    tester.advance(1_200)
    t.equal(error(first.reply()), 'NONE', '8 s: no further')
    t.equal(first.reply()!.members.length, 4)
  },
)

t.test('without a delay the first rebalance ends on the next wake-up', async t => {
  const tester = new ShardTester({ initialRebalanceDelayMs: 0 })
  const join = tester.joinTwice()
  tester.advance(0)
  t.equal(error(join.reply()), 'NONE')
})

t.test('only the leader is told who the members are', async t => {
  const tester = new ShardTester()
  const a = tester.joinTwice({ protocols: [{ name: 'range', metadata: Buffer.from('A') }] })
  const b = tester.joinTwice({ protocols: [{ name: 'range', metadata: Buffer.from('B') }] })
  tester.advance(10_000)
  t.equal(a.reply()!.leader, a.memberId)
  t.equal(b.reply()!.leader, a.memberId)
  t.same(
    a.reply()!.members.map(({ memberId, metadata }) => [memberId, metadata.toString()]),
    [
      [a.memberId, 'A'],
      [b.memberId, 'B'],
    ],
  )
  t.same(b.reply()!.members, [])
})

t.test('the protocol is one that all support, and of those the one with the most votes', async t => {
  const protocols = (...names: string[]) => names.map(name => ({ name, metadata: Buffer.from(name) }))
  const tester = new ShardTester()
  const a = tester.joinTwice({ protocols: protocols('sticky', 'roundrobin', 'range') })
  tester.joinTwice({ protocols: protocols('range', 'roundrobin') })
  tester.joinTwice({ protocols: protocols('roundrobin', 'range') })
  tester.advance(20_000)
  t.equal(a.reply()!.protocolName, 'roundrobin')
})

t.test('who shares no protocol or is of another type is turned away', async t => {
  const tester = new ShardTester()
  t.equal(error(tester.join({ protocols: [] }).reply()), 'INCONSISTENT_GROUP_PROTOCOL')
  t.equal(error(tester.join({ protocolType: '' }).reply()), 'INCONSISTENT_GROUP_PROTOCOL')
  t.equal(group(tester).state, 'Empty', 'of a group that is there, as in Kafka')
  tester.stableGroup(1)
  const other = [{ name: 'other', metadata: Buffer.alloc(0) }]
  t.equal(error(tester.join({ protocols: other }).reply()), 'INCONSISTENT_GROUP_PROTOCOL')
  t.equal(error(tester.join({ protocolType: 'connect' }).reply()), 'INCONSISTENT_GROUP_PROTOCOL')
  t.equal(group(tester).state, 'Stable')
})

t.test('a full group takes no new member, and keeps those that it has', async t => {
  const tester = new ShardTester({ maxGroupSize: 2 })
  const { memberIds } = tester.stableGroup(2)
  t.equal(error(tester.join({ version: 3 }).reply()), 'GROUP_MAX_SIZE_REACHED')
  t.equal(error(tester.join({ memberId: memberIds[1]! }).reply()), 'NONE')
  t.equal(group(tester).state, 'Stable')
})

t.test('a group that is preparing takes no more than fit', async t => {
  const tester = new ShardTester({ maxGroupSize: 2 })
  tester.join({ version: 3 })
  tester.join({ version: 3 })
  t.equal(error(tester.join({ version: 3 }).reply()), 'GROUP_MAX_SIZE_REACHED')
})

t.test(
  'the leader hands out assignments, others wait for them, and the group is recorded before',
  async t => {
    const tester = new ShardTester()
    const a = tester.joinTwice()
    const b = tester.joinTwice()
    tester.advance(10_000)
    const syncB = tester.sync(b.memberId, 1)
    t.equal(syncB.reply(), undefined)
    t.equal(tester.records.length, 0, 'nothing is recorded before there is an assignment')
    const syncA = tester.sync(a.memberId, 1, { [a.memberId]: 'for a', [b.memberId]: 'for b' })
    t.match(syncA.reply(), { errorCode: 0, protocolType: 'consumer', protocolName: 'range' })
    t.equal(syncA.reply()!.assignment.toString(), 'for a')
    t.equal(syncB.reply()!.assignment.toString(), 'for b')
    t.match(tester.records, [
      {
        type: 'group',
        groupId: 'g',
        value: {
          generation: 1,
          protocol: 'range',
          protocolType: 'consumer',
          leader: a.memberId,
          members: [
            { memberId: a.memberId, clientId: 'client', clientHost: '/127.0.0.1', sessionTimeout: 10_000 },
            { memberId: b.memberId, rebalanceTimeout: 60_000, assignment: Buffer.from('for b') },
          ],
        },
      },
    ])
    t.equal(group(tester).state, 'Stable')
    t.equal(
      tester.sync(b.memberId, 1).reply()!.assignment.toString(),
      'for b',
      'and is told again when it asks',
    )
  },
)

t.test('a member without an assignment gets an empty one', async t => {
  const tester = new ShardTester()
  const a = tester.joinTwice()
  tester.advance(10_000)
  t.equal(tester.sync(a.memberId, 1).reply()!.assignment.length, 0)
})

t.test('SyncGroup is refused with the reason', async t => {
  const tester = new ShardTester()
  t.equal(error(tester.sync('m', 1).reply()), 'UNKNOWN_MEMBER_ID', 'no group')
  const { memberIds } = tester.stableGroup(2)
  const [a] = memberIds as [string]
  t.equal(error(tester.sync('m', 1).reply()), 'UNKNOWN_MEMBER_ID', 'no member')
  t.equal(error(tester.sync(a, 0).reply()), 'ILLEGAL_GENERATION')
  t.equal(error(tester.sync(a, 1, {}, { protocolName: 'other' }).reply()), 'INCONSISTENT_GROUP_PROTOCOL')
  t.equal(error(tester.sync(a, 1, {}, { protocolType: 'connect' }).reply()), 'INCONSISTENT_GROUP_PROTOCOL')
  t.equal(error(tester.sync(a, 1, {}, { protocolName: 'range', protocolType: 'consumer' }).reply()), 'NONE')
  tester.join({ memberId: a })
  t.equal(error(tester.sync(a, 1).reply()), 'REBALANCE_IN_PROGRESS')
})

t.test('a rebalance sends waiting followers back to join', async t => {
  const tester = new ShardTester()
  const a = tester.joinTwice()
  const b = tester.joinTwice()
  tester.advance(10_000)
  const sync = tester.sync(b.memberId, 1)
  tester.joinTwice()
  t.equal(error(sync.reply()), 'REBALANCE_IN_PROGRESS')
  t.equal(group(tester).state, 'PreparingRebalance')
  t.equal(tester.heartbeat(a.memberId, 1), 'REBALANCE_IN_PROGRESS')
})

t.test('members that never sync are out after the rebalance timeout', async t => {
  const tester = new ShardTester()
  const a = tester.joinTwice({ sessionTimeoutMs: 100_000 })
  const b = tester.joinTwice({ sessionTimeoutMs: 100_000 })
  tester.advance(9_000)
  tester.sync(a.memberId, 1, {})
  tester.advance(60_000)
  t.same([...group(tester).members.keys()], [a.memberId])
  t.equal(group(tester).state, 'PreparingRebalance')
  t.equal(tester.heartbeat(b.memberId, 1), 'UNKNOWN_MEMBER_ID')
})

t.test('a leader that comes back starts a rebalance, a follower with nothing new does not', async t => {
  const tester = new ShardTester()
  const { memberIds } = tester.stableGroup(2)
  const [a, b] = memberIds as [string, string]
  t.match(tester.join({ memberId: b }).reply(), { errorCode: 0, generationId: 1, leader: a, members: [] })
  t.equal(group(tester).state, 'Stable')
  t.equal(tester.join({ memberId: a }).reply(), undefined)
  t.equal(group(tester).state, 'PreparingRebalance')
})

t.test('a follower with new metadata starts a rebalance, which ends when all are back', async t => {
  const tester = new ShardTester()
  const { memberIds } = tester.stableGroup(2)
  const [a, b] = memberIds as [string, string]
  const joinB = tester.join({ memberId: b, protocols: [{ name: 'range', metadata: Buffer.from('new') }] })
  t.equal(joinB.reply(), undefined)
  const joinA = tester.join({ memberId: a })
  t.match(joinA.reply(), { errorCode: 0, generationId: 2, leader: a })
  t.match(joinB.reply(), { errorCode: 0, generationId: 2, leader: a })
})

t.test(
  'a later rebalance waits for all at most the longest rebalance timeout, then goes on without',
  async t => {
    const tester = new ShardTester()
    const { memberIds } = tester.stableGroup(2, { sessionTimeoutMs: 200_000 })
    const [a, b] = memberIds as [string, string]
    const joinB = tester.join({ memberId: b, protocols: [{ name: 'range', metadata: Buffer.from('new') }] })
    tester.advance(59_999)
    t.equal(joinB.reply(), undefined)
    tester.advance(1)
    t.match(
      joinB.reply(),
      { errorCode: 0, generationId: 2, leader: b },
      'and its leader is one that has come',
    )
    t.equal(tester.heartbeat(a, 2), 'UNKNOWN_MEMBER_ID')
  },
)

t.test('in version 0 the session timeout is the rebalance timeout too', async t => {
  const tester = new ShardTester()
  tester.join({ version: 0, rebalanceTimeoutMs: -1, sessionTimeoutMs: 7_000 })
  t.equal([...group(tester).members.values()][0]!.rebalanceTimeoutMs, 7_000)
})

t.test('a member that is silent for its session timeout is out, and the others rebalance', async t => {
  const tester = new ShardTester()
  const { memberIds } = tester.stableGroup(2)
  const [a, b] = memberIds as [string, string]
  for (let i = 0; i < 3; i++) {
    tester.advance(3_000)
    t.equal(tester.heartbeat(a, 1), 'NONE')
  }
  tester.advance(1_000)
  t.equal(tester.heartbeat(a, 1), 'REBALANCE_IN_PROGRESS')
  t.equal(tester.heartbeat(b, 1), 'UNKNOWN_MEMBER_ID')
})

t.test('a group whose last member goes is empty, and that is recorded', async t => {
  const tester = new ShardTester()
  tester.stableGroup(1)
  tester.advance(10_000)
  t.match(tester.records.at(-1), {
    type: 'group',
    value: { generation: 2, members: [], leader: null, protocol: null, protocolType: 'consumer' },
  })
  t.equal(group(tester).state, 'Empty')
})

t.test(
  'a heartbeat keeps a session alive while the group rebalances, and is refused with the reason',
  async t => {
    const tester = new ShardTester()
    t.equal(tester.heartbeat('m', 1), 'UNKNOWN_MEMBER_ID', 'no group')
    const { memberIds } = tester.stableGroup(2)
    const [a, b] = memberIds as [string, string]
    t.equal(tester.heartbeat(a, 1), 'NONE')
    t.equal(tester.heartbeat('m', 1), 'UNKNOWN_MEMBER_ID')
    t.equal(tester.heartbeat(a, 2), 'ILLEGAL_GENERATION')
    const join = tester.join({ memberId: a })
    for (let i = 0; i < 5; i++) {
      tester.advance(9_000)
      t.equal(tester.heartbeat(b, 1), 'REBALANCE_IN_PROGRESS')
    }
    t.equal(join.reply(), undefined)
    tester.join({ memberId: b })
    t.equal(error(join.reply()), 'NONE')
    t.equal(tester.heartbeat(b, 2), 'NONE', 'also before the assignment has come')
  },
)

t.test('who waits for a rebalance is not timed out, except a new member after five minutes', async t => {
  const tester = new ShardTester()
  const options = { version: 3, rebalanceTimeoutMs: 600_000, sessionTimeoutMs: 10_000 }
  const { memberIds } = tester.stableGroup(1, { rebalanceTimeoutMs: 600_000, sessionTimeoutMs: 1_800_000 })
  const newcomer = tester.join(options)
  tester.advance(299_999)
  t.equal(newcomer.reply(), undefined)
  tester.advance(1)
  t.match(newcomer.reply(), { errorCode: 25, memberId: '' }, 'UNKNOWN_MEMBER_ID')
  t.same([...group(tester).members.keys()], memberIds)
})

t.test('LeaveGroup answers for each member and starts a rebalance', async t => {
  const tester = new ShardTester()
  t.same(tester.leave({ memberId: 'm' }), ['UNKNOWN_MEMBER_ID'], 'no group')
  const { memberIds } = tester.stableGroup(2)
  const [a, b] = memberIds as [string, string]
  const pending = tester.join().reply()!.memberId
  t.same(tester.leave({ memberId: 'm' }, { memberId: b }, { memberId: pending }), [
    'UNKNOWN_MEMBER_ID',
    'NONE',
    'NONE',
  ])
  t.equal(tester.heartbeat(a, 1), 'REBALANCE_IN_PROGRESS')
  t.same(tester.leave({ memberId: a }), ['NONE'])
  t.equal(group(tester).state, 'Empty')
})

t.test(
  'a static member is removed by its instance id alone, and not under an id that is no longer its own',
  async t => {
    const tester = new ShardTester()
    const join = tester.join({ groupInstanceId: 'i' })
    tester.advance(3_000)
    const { memberId } = join.reply()!
    t.same(tester.leave({ groupInstanceId: 'unknown' }), ['UNKNOWN_MEMBER_ID'])
    t.same(tester.leave({ memberId: 'old', groupInstanceId: 'i' }), ['FENCED_INSTANCE_ID'])
    t.same(tester.leave({}), ['UNKNOWN_MEMBER_ID'])
    t.same(tester.leave({ groupInstanceId: 'i' }), ['NONE'])
    t.equal(tester.heartbeat(memberId, 1), 'UNKNOWN_MEMBER_ID')
  },
)

function stableStatic(tester: ShardTester, version = 9) {
  const a = tester.join({ groupInstanceId: 'i1', version })
  const b = tester.join({ groupInstanceId: 'i2', version })
  tester.advance(10_000)
  const [leader, follower] = [a.reply()!.memberId, b.reply()!.memberId]
  tester.sync(follower, 1, {}, { groupInstanceId: 'i2' })
  tester.sync(leader, 1, { [leader]: 'L', [follower]: 'F' }, { groupInstanceId: 'i1' })
  return { leader, follower }
}

t.test('a static member that comes back takes its place under a new id, without a rebalance', async t => {
  const tester = new ShardTester()
  const { follower, leader } = stableStatic(tester)
  const recorded = tester.records.length
  const back = tester.join({ groupInstanceId: 'i2' }).reply()!
  t.match(back, { errorCode: 0, generationId: 1, leader, skipAssignment: false, members: [] })
  t.not(back.memberId, follower)
  t.equal(group(tester).state, 'Stable')
  t.equal(tester.records.length, recorded + 1, 'and the new id is recorded')
  t.equal(tester.sync(back.memberId, 1, {}, { groupInstanceId: 'i2' }).reply()!.assignment.toString(), 'F')
  t.equal(tester.heartbeat(follower, 1, 'i2'), 'FENCED_INSTANCE_ID')
  t.equal(tester.heartbeat(follower, 1), 'UNKNOWN_MEMBER_ID')
  t.equal(error(tester.sync(follower, 1, {}, { groupInstanceId: 'i2' }).reply()), 'FENCED_INSTANCE_ID')
  t.equal(error(tester.join({ memberId: follower, groupInstanceId: 'i2' }).reply()), 'FENCED_INSTANCE_ID')
  t.equal(
    tester.commit(1n, { memberId: follower, groupInstanceId: 'i2', generation: 1 }),
    'FENCED_INSTANCE_ID',
  )
})

t.test(
  'a static leader that comes back is told to leave the assignment as it is, from version 9 on',
  async t => {
    const tester = new ShardTester()
    stableStatic(tester)
    const back = tester.join({ groupInstanceId: 'i1' }).reply()!
    t.match(back, { errorCode: 0, generationId: 1, leader: back.memberId, skipAssignment: true })
    t.equal(back.members.length, 2)
  },
)

t.test('an older static leader is told that its former self leads, so that it does not assign', async t => {
  const tester = new ShardTester()
  const { leader } = stableStatic(tester, 8)
  const back = tester.join({ groupInstanceId: 'i1', version: 8 }).reply()!
  t.match(back, { errorCode: 0, generationId: 1, leader, skipAssignment: false, members: [] })
})

t.test('a static member that comes back with another protocol starts a rebalance', async t => {
  const tester = new ShardTester()
  const protocols = ['range', 'sticky'].map(name => ({ name, metadata: Buffer.from(name) }))
  const join = tester.join({ groupInstanceId: 'i', protocols })
  tester.advance(3_000)
  tester.sync(join.reply()!.memberId, 1, {}, { groupInstanceId: 'i' })
  const back = tester.join({ groupInstanceId: 'i', protocols: protocols.slice(1) }).reply()!
  t.match(back, { errorCode: 0, generationId: 2, protocolName: 'sticky' })
})

t.test('a static member that comes back before the assignment is there starts over', async t => {
  const tester = new ShardTester()
  const a = tester.join({ groupInstanceId: 'i1' })
  const b = tester.join({ groupInstanceId: 'i2' })
  tester.advance(10_000)
  const sync = tester.sync(b.reply()!.memberId, 1, {}, { groupInstanceId: 'i2' })
  t.equal(tester.join({ groupInstanceId: 'i2' }).reply(), undefined)
  t.equal(error(sync.reply()), 'FENCED_INSTANCE_ID')
  t.equal(tester.heartbeat(a.reply()!.memberId, 1, 'i1'), 'REBALANCE_IN_PROGRESS')
})

t.test('whoever waits under the old id of a static member is fenced', async t => {
  const tester = new ShardTester()
  const first = tester.join({ groupInstanceId: 'i' })
  const second = tester.join({ groupInstanceId: 'i' })
  t.equal(error(first.reply()), 'FENCED_INSTANCE_ID')
  tester.advance(6_000)
  t.equal(error(second.reply()), 'NONE')
})

t.test('a static member that does not rejoin in time keeps its place until its session ends', async t => {
  const tester = new ShardTester()
  const { follower, leader } = stableStatic(tester)
  const options = { sessionTimeoutMs: 100_000, rebalanceTimeoutMs: 5_000 }
  tester.join({ memberId: leader, groupInstanceId: 'i1', ...options })
  for (let i = 0; i < 7; i++) {
    tester.advance(9_000)
    tester.heartbeat(follower, 1, 'i2')
  }
  t.equal(group(tester).generation, 2)
  t.equal(group(tester).members.size, 2)
  tester.advance(10_000)
  t.equal(group(tester).members.size, 1)
})

t.test('a client that repeats its JoinGroup has given the first one up', async t => {
  const tester = new ShardTester()
  const { memberIds } = tester.stableGroup(2)
  const first = tester.join({ memberId: memberIds[0]! })
  const second = tester.join({ memberId: memberIds[0]! })
  t.equal(error(first.reply()), 'REBALANCE_IN_PROGRESS')
  t.equal(second.reply(), undefined)
  tester.join({ memberId: memberIds[1]! })
  t.equal(error(second.reply()), 'NONE')
})

t.test(
  'a lost connection does not remove a member, unless its client cannot know that it is one',
  async t => {
    const tester = new ShardTester()
    const { memberIds } = tester.stableGroup(2)
    const rejoin = tester.join({ memberId: memberIds[0]! })
    tester.notify({ type: 'disconnect', requestId: rejoin.id, groupId: 'g' })
    t.equal(group(tester).members.size, 2)
    const anonymous = tester.join({ version: 3 })
    t.equal(group(tester).members.size, 3)
    tester.notify({ type: 'disconnect', requestId: anonymous.id, groupId: 'g' })
    t.same([...group(tester).members.keys()], memberIds)
  },
)

t.test('after a restart a stable group goes on as it was, its sessions begun anew', async t => {
  const tester = new ShardTester()
  const { memberIds } = tester.stableGroup(2)
  const [a, b] = memberIds as [string, string]
  tester.advance(9_000)
  tester.restart()
  tester.advance(9_999)
  t.equal(tester.heartbeat(a, 1), 'NONE')
  t.equal(tester.sync(b, 1).reply()!.assignment.toString(), `for ${b}`)
  tester.advance(1)
  t.equal(tester.heartbeat(a, 1), 'REBALANCE_IN_PROGRESS', 'the silent one is out')
})

t.test('a rebalance that a restart cut off begins again from the generation before', async t => {
  const tester = new ShardTester()
  const { memberIds } = tester.stableGroup(1)
  const join = tester.join({ memberId: memberIds[0]! })
  t.equal(join.reply()!.generationId, 2)
  tester.restart()
  t.equal(tester.heartbeat(memberIds[0]!, 2), 'ILLEGAL_GENERATION')
  t.equal(tester.join({ memberId: memberIds[0]! }).reply()!.generationId, 2)
})

t.test('after a restart with a smaller limit the group is made to fit', async t => {
  const tester = new ShardTester()
  const { memberIds } = tester.stableGroup(3)
  ;(tester.settings as { maxGroupSize: number }).maxGroupSize = 2
  tester.restart()
  t.equal(group(tester).state, 'PreparingRebalance')
  const joins = memberIds.map(memberId => tester.join({ memberId }))
  t.same(
    joins.map(join => error(join.reply())),
    ['NONE', 'NONE', 'GROUP_MAX_SIZE_REACHED'],
  )
})

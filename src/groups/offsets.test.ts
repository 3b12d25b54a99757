/** Committed offsets, listing and deleting groups, and what their records look like in the log. */
import t from 'tap'
import { decodeMessage } from '../../protocol-codecs/compile-codec.ts'
import { errorName } from '../../protocol-codecs/error-codes.ts'
import { offsetCommitValue } from '../../protocol-codecs/internal-topics/group-records.ts'
import { zeroUuid } from '../../protocol-codecs/schema.ts'
import { ShardTester, settledState, topicA, topicB } from '../testing/shard-tester.ts'
import type { DeletedGroup, DescribedGroup, ListedGroup } from './group-events.ts'
import { decodeGroupRecord, encodeGroupRecords } from './group-records.ts'
import { GroupShard } from './group-shard.ts'

t.test(
  'offsets without a generation make a simple group, and are refused while a group has members',
  async t => {
    const tester = new ShardTester()
    t.equal(tester.commit(42n), 'NONE')
    t.equal(tester.committed(), 42n)
    t.equal(tester.shard.groups.get('g')!.protocolType, null)
    tester.stableGroup(1)
    t.equal(tester.commit(43n), 'UNKNOWN_MEMBER_ID')
    t.equal(tester.committed(), 42n)
  },
)

t.test('a commit is a record with everything that the client said', async t => {
  const tester = new ShardTester()
  tester.commit(42n, { metadata: 'note', partition: 3 })
  t.same(tester.records, [
    {
      type: 'offset',
      groupId: 'g',
      topic: 'a',
      partition: 3,
      value: {
        offset: 42n,
        leaderEpoch: 5,
        metadata: 'note',
        commitTimestampMs: tester.timestampMs,
        expireTimestampMs: -1,
        topicId: topicA.id,
      },
    },
  ])
})

t.test('a commit of a member needs its id and its generation', async t => {
  const tester = new ShardTester()
  t.equal(
    tester.commit(1n, { generation: 1, memberId: 'm', version: 8 }),
    'ILLEGAL_GENERATION',
    'no group, v8',
  )
  t.equal(
    tester.commit(1n, { generation: 1, memberId: 'm', version: 9 }),
    'GROUP_ID_NOT_FOUND',
    'no group, v9',
  )
  const { memberIds } = tester.stableGroup(1)
  const memberId = memberIds[0]!
  t.equal(tester.commit(1n, { generation: 1, memberId }), 'NONE')
  t.equal(tester.commit(2n, { generation: 2, memberId }), 'ILLEGAL_GENERATION')
  t.equal(tester.commit(2n, { generation: 1, memberId: 'm' }), 'UNKNOWN_MEMBER_ID')
  t.equal(tester.committed(), 1n)
})

t.test(
  'while the assignment is awaited commits are to be tried again, while members join they are taken',
  async t => {
    const tester = new ShardTester()
    const { memberIds } = tester.stableGroup(2)
    const [a, b] = memberIds as [string, string]
    tester.join({ memberId: a })
    t.equal(tester.commit(1n, { generation: 1, memberId: b }), 'NONE')
    tester.join({ memberId: b })
    t.equal(tester.commit(2n, { generation: 2, memberId: b }), 'REBALANCE_IN_PROGRESS')
  },
)

t.test('a commit keeps the session alive', async t => {
  const tester = new ShardTester()
  const { memberIds } = tester.stableGroup(1)
  tester.advance(9_000)
  tester.commit(1n, { generation: 1, memberId: memberIds[0]! })
  tester.advance(9_000)
  t.equal(tester.heartbeat(memberIds[0]!, 1), 'NONE')
})

t.test('metadata has a largest size', async t => {
  const tester = new ShardTester()
  t.equal(tester.commit(1n, { metadata: 'x'.repeat(4096) }), 'NONE')
  t.equal(tester.commit(2n, { metadata: 'x'.repeat(4097) }), 'OFFSET_METADATA_TOO_LARGE')
  t.equal(tester.committed(), 1n)
})

t.test('what was never committed is no error', async t => {
  const tester = new ShardTester()
  const asked = [{ name: 'a', topicId: zeroUuid, partitionIndexes: [0, 1] }]
  const nothing = { committedOffset: -1n, committedLeaderEpoch: -1, metadata: '', errorCode: 0 }
  const bothNothing = [
    { partitionIndex: 0, ...nothing },
    { partitionIndex: 1, ...nothing },
  ]
  t.same(tester.fetch(asked).topics![0]!.partitions, bothNothing, 'unknown group')
  tester.commit(7n, { metadata: 'm' })
  t.same(tester.fetch(asked).topics![0]!.partitions, [
    { partitionIndex: 0, committedOffset: 7n, committedLeaderEpoch: 5, metadata: 'm', errorCode: 0 },
    bothNothing[1],
  ])
})

t.test('null topics are all that the group has', async t => {
  const tester = new ShardTester()
  t.same(tester.fetch(null).topics, [])
  tester.commit(1n)
  tester.commit(2n, { topic: topicB, partition: 4 })
  t.match(tester.fetch(null).topics, [
    { name: 'a', partitions: [{ partitionIndex: 0, committedOffset: 1n }] },
    { name: 'b', partitions: [{ partitionIndex: 4, committedOffset: 2n }] },
  ])
})

t.test('an offset of an earlier topic of the same name is not given under the new id', async t => {
  const tester = new ShardTester()
  tester.commit(1n)
  t.equal(tester.committed({ name: 'a', id: topicB.id }), -1n)
  t.equal(tester.committed({ name: 'a', id: zeroUuid }), 1n)
})

t.test('records are in the versions that Kafka writes', async t => {
  const tester = new ShardTester()
  const { memberIds } = tester.stableGroup(1)
  tester.commit(9n, { generation: 1, memberId: memberIds[0]!, metadata: 'm' })
  const [group, offset] = tester.log
  t.equal(group!.key.toString('hex'), '0002000167')
  t.equal(group!.value!.readInt16BE(0), 3)
  t.equal(offset!.key.toString('hex'), '000100016700016100000000')
  t.equal(offset!.value!.readInt16BE(0), 4)
  t.match(decodeMessage(offsetCommitValue, 4, offset!.value!.subarray(2)), {
    offset: 9n,
    metadata: 'm',
    topicId: topicA.id,
  })
})

t.test('records of other kinds and of later versions are skipped', async t => {
  const [{ key, value }] = encodeGroupRecords([
    {
      type: 'group',
      groupId: 'g',
      value: {
        protocolType: '',
        generation: 0,
        protocol: null,
        leader: null,
        currentStateTimestamp: -1n,
        members: [],
      },
    },
  ]) as [{ key: Buffer; value: Buffer }]
  t.match(decodeGroupRecord(key, value), { type: 'group', groupId: 'g' })
  t.equal(decodeGroupRecord(Buffer.concat([Buffer.from([0, 3]), key.subarray(2)]), value), undefined)
  t.equal(decodeGroupRecord(key, Buffer.concat([Buffer.from([0, 99]), value.subarray(2)])), undefined)
})

t.test('offsets of a transaction count when its marker says so', async t => {
  const tester = new ShardTester()
  tester.commit(1n)
  tester.commit(2n, { partition: 1 })
  tester.commit(3n, { partition: 2 })
  const shard = new GroupShard(tester.settings)
  const [first, second, third] = tester.log
  shard.replay({ ...first!, timestamp: 0, producerId: -1 })
  shard.replay({ ...second!, timestamp: 0, producerId: 7 })
  shard.replay({ ...third!, timestamp: 0, producerId: 8 })
  tester.shard = shard
  const asked = [{ name: 'a', topicId: zeroUuid, partitionIndexes: [0, 1, 2] }]
  const errors = (requireStable: boolean) =>
    tester.fetch(asked, { requireStable }).topics![0]!.partitions!.map(p => errorName(p.errorCode!))
  t.same(errors(true), ['NONE', 'UNSTABLE_OFFSET_COMMIT', 'UNSTABLE_OFFSET_COMMIT'])
  t.same(errors(false), ['NONE', 'NONE', 'NONE'])
  t.equal(tester.committed(topicA, 1), -1n)
  shard.replayMarker({ producerId: 7, committed: true })
  shard.replayMarker({ producerId: 8, committed: false })
  t.same(errors(true), ['NONE', 'NONE', 'NONE'])
  t.equal(tester.committed(topicA, 1), 2n)
  t.equal(tester.committed(topicA, 2), -1n)
})

t.test(
  'DescribeGroups tells a stable group whole, others without metadata, unknown ones as dead',
  async t => {
    const tester = new ShardTester()
    const { memberIds } = tester.stableGroup(2)
    const describe = (groupId: string, apiVersion = 6) =>
      tester.send<DescribedGroup[]>({ type: 'describe', groupIds: [groupId], apiVersion }).reply()![0]!
    t.match(describe('g'), {
      errorCode: 0,
      groupState: 'Stable',
      protocolType: 'consumer',
      protocolData: 'range',
      members: memberIds.map(memberId => ({
        memberId,
        clientId: 'client',
        clientHost: '/127.0.0.1',
        memberMetadata: Buffer.from('r'),
        memberAssignment: Buffer.from(`for ${memberId}`),
      })),
    })
    tester.join({ memberId: memberIds[0]! })
    t.match(describe('g'), {
      groupState: 'PreparingRebalance',
      protocolData: '',
      members: [{ memberMetadata: Buffer.alloc(0) }, {}],
    })
    t.match(describe('unknown', 5), { errorCode: 0, groupState: 'Dead' })
    t.match(describe('unknown', 6), { groupState: 'Dead', errorMessage: 'Group unknown not found.' })
    t.equal(errorName(describe('unknown', 6).errorCode), 'GROUP_ID_NOT_FOUND')
  },
)

t.test('ListGroups filters by state and type, in whatever case', async t => {
  const tester = new ShardTester()
  tester.stableGroup(1)
  tester.commit(1n, { groupId: 'simple' })
  const list = (statesFilter: string[] = [], typesFilter: string[] = []) =>
    tester.send<ListedGroup[]>({ type: 'list', request: { statesFilter, typesFilter } }).reply()!
  t.same(list(), [
    { groupId: 'g', protocolType: 'consumer', groupState: 'Stable', groupType: 'classic' },
    { groupId: 'simple', protocolType: '', groupState: 'Empty', groupType: 'classic' },
  ])
  t.same(
    list(['sTaBle']).map(({ groupId }) => groupId),
    ['g'],
  )
  t.same(
    list(['Dead', 'empty']).map(({ groupId }) => groupId),
    ['simple'],
  )
  t.equal(list([], ['Classic']).length, 2)
  t.equal(list([], ['consumer', 'nonsense']).length, 0)
})

t.test('DeleteGroups takes empty groups away with their offsets', async t => {
  const tester = new ShardTester()
  const remove = (groupId: string) =>
    errorName(tester.send<DeletedGroup[]>({ type: 'delete', groupIds: [groupId] }).reply()![0]!.errorCode)
  t.equal(remove('g'), 'GROUP_ID_NOT_FOUND')
  const { memberIds } = tester.stableGroup(1)
  tester.commit(1n, { generation: 1, memberId: memberIds[0]! })
  t.equal(remove('g'), 'NON_EMPTY_GROUP')
  tester.leave({ memberId: memberIds[0]! })
  t.equal(remove('g'), 'NONE')
  t.same(settledState(tester.shard), [])
  t.same(settledState(tester.replayed()), [])
  t.equal(remove('g'), 'GROUP_ID_NOT_FOUND')
})

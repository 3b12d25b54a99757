/** How committed offsets end: OffsetDelete, deleted topics, and age, across restarts and whatever the wall clock does. */
import t from 'tap'
import { encodeMessage } from '../../protocol-codecs/compile-codec.ts'
import { consumerProtocolSubscription } from '../../protocol-codecs/messages/consumer-protocol.ts'
import { zeroUuid } from '../../protocol-codecs/schema.ts'
import { type JoinOptions, ShardTester, settledState, topicA, topicB } from '../testing/shard-tester.ts'
import { type CommittedOffset, encodeGroupRecords, type GroupRecord } from './group-records.ts'
import { GroupShard } from './group-shard.ts'

const dayMs = 24 * 3_600_000
const retentionMs = 7 * dayMs
/** Between two looks for what has expired. */
const checkMs = 600_000

/** What a consumer says that it subscribes to. */
const subscribedTo = (...topics: string[]) => [
  {
    name: 'range',
    metadata: Buffer.concat([
      Buffer.from([0, 0]),
      encodeMessage(consumerProtocolSubscription, 0, { topics, userData: null }),
    ]),
  },
]

const tombstone = (topic: string, partition = 0): GroupRecord => ({
  type: 'offset',
  groupId: 'g',
  topic,
  partition,
  value: null,
})

/** Heartbeats for so long that anything of a living group that may expire does. */
function liveOn(tester: ShardTester, memberId: string, durationMs: number): void {
  const endMs = tester.nowMs + durationMs
  while (tester.nowMs < endMs) {
    tester.advance(checkMs)
    tester.heartbeat(memberId, 1)
  }
}

t.test('OffsetDelete', async t => {
  await t.test(
    'takes offsets of an empty group away for good, and is content where there are none',
    async t => {
      const tester = new ShardTester()
      t.equal(tester.deleteOffset('a'), 'GROUP_ID_NOT_FOUND')
      tester.commit(1n)
      tester.commit(2n, { partition: 1 })
      tester.records.length = 0
      t.equal(tester.deleteOffset('a', 1), 'NONE')
      t.equal(tester.deleteOffset('a', 1), 'NONE')
      t.same(tester.records, [tombstone('a', 1)], 'one tombstone, however often it is asked for')
      t.equal(tester.committed(topicA, 1), -1n)
      tester.restart()
      t.equal(tester.committed(topicA, 1), -1n)
      t.equal(tester.committed(), 1n)
    },
  )

  await t.test('leaves a group without offsets to the next look for what has expired', async t => {
    const tester = new ShardTester()
    tester.commit(1n)
    tester.deleteOffset('a')
    t.equal(tester.shard.groups.size, 1)
    tester.advance(checkMs)
    t.equal(tester.shard.groups.size, 0)
    t.same(settledState(tester.replayed()), [])
  })

  await t.test('spares the topics that a living group is subscribed to', async t => {
    const tester = new ShardTester()
    const { memberIds } = tester.stableGroup(1, { protocols: subscribedTo('a') })
    const commit = { generation: 1, memberId: memberIds[0]! }
    tester.commit(1n, commit)
    tester.commit(2n, { ...commit, topic: topicB })
    t.equal(tester.deleteOffset('a'), 'GROUP_SUBSCRIBED_TO_TOPIC')
    t.equal(tester.deleteOffset('b'), 'NONE')
    t.same([tester.committed(), tester.committed(topicB)], [1n, -1n])
    tester.restart()
    t.equal(tester.deleteOffset('a'), 'GROUP_SUBSCRIBED_TO_TOPIC', 'after a restart')

    tester.join({ memberId: memberIds[0]!, protocols: subscribedTo('b') })
    const joined = tester.shard.groups.get('g')!
    t.equal(joined.state, 'CompletingRebalance')
    t.same([tester.deleteOffset('a'), tester.deleteOffset('b')], ['NONE', 'GROUP_SUBSCRIBED_TO_TOPIC'])
  })

  await t.test('goes by the generation that is, while the next one is prepared', async t => {
    const tester = new ShardTester()
    const { memberIds } = tester.stableGroup(2, { protocols: subscribedTo('a') })
    tester.join({ memberId: memberIds[1]!, protocols: subscribedTo('b') })
    t.equal(tester.shard.groups.get('g')!.state, 'PreparingRebalance')
    t.same([tester.deleteOffset('a'), tester.deleteOffset('b')], ['GROUP_SUBSCRIBED_TO_TOPIC', 'NONE'])
  })

  await t.test('takes consumers whose subscription is not known to use every topic', async t => {
    const joining = new ShardTester()
    joining.joinTwice({ protocols: subscribedTo('a') })
    t.equal(joining.deleteOffset('b'), 'GROUP_SUBSCRIBED_TO_TOPIC', 'before their first generation')
    const mumbling = new ShardTester()
    mumbling.stableGroup(1, { protocols: [{ name: 'range', metadata: Buffer.from('?') }] })
    t.equal(mumbling.deleteOffset('b'), 'GROUP_SUBSCRIBED_TO_TOPIC')
  })

  await t.test('is refused while a group that is not of consumers has members', async t => {
    const tester = new ShardTester()
    const { memberIds } = tester.stableGroup(1, { protocolType: 'connect' })
    tester.commit(1n, { generation: 1, memberId: memberIds[0]! })
    t.equal(tester.deleteOffset('a'), 'NON_EMPTY_GROUP')
    tester.leave({ memberId: memberIds[0]! })
    t.equal(tester.deleteOffset('a'), 'NONE')
    t.equal(tester.committed(), -1n)
  })

  await t.test('ends what an open transaction has in store', async t => {
    const tester = pendingCommit()
    t.equal(tester.deleteOffset('a'), 'NONE')
    t.same(tester.records, [tombstone('a')])
    tester.shard.replayMarker({ producerId: 7, committed: true })
    t.equal(tester.committed(), -1n)
  })
})

/** A group whose only offset waits for a transaction to end. */
function pendingCommit(): ShardTester {
  const tester = new ShardTester()
  tester.commit(1n)
  const [record] = tester.log
  tester.records.length = 0
  tester.shard = new GroupShard(tester.settings)
  tester.shard.replay({ ...record!, timestamp: 0, producerId: 7 })
  tester.notify({ type: 'loaded', topicId: () => topicA.id })
  return tester
}

t.test('offsets go with their topic', async t => {
  const tester = new ShardTester()
  tester.commit(1n)
  tester.commit(2n, { topic: topicB })
  const records = tester.notify({ type: 'topics-deleted', topics: [topicA, { name: 'b', id: topicA.id }] })
  t.same(records, [tombstone('a')])
  t.equal(tester.committed(), -1n)
  t.equal(tester.committed(topicB), 2n, 'another topic of that name is meant')
})

t.test('what a transaction has in store goes with its topic, too', async t => {
  const tester = pendingCommit()
  t.same(tester.notify({ type: 'topics-deleted', topics: [topicA] }), [tombstone('a')])
  tester.shard.replayMarker({ producerId: 7, committed: true })
  t.equal(tester.committed(), -1n)
})

t.test('offsets whose topic went while nobody looked go when the log has been read', async t => {
  const tester = new ShardTester()
  tester.commit(1n)
  tester.commit(2n, { topic: topicB })
  tester.commit(3n, { topic: { name: 'gone', id: topicA.id } })
  tester.shard = tester.replayed()
  const records = tester.notify({ type: 'loaded', topicId: name => ({ a: topicA.id, b: topicA.id })[name] })
  t.same(records.map(record => record.type === 'offset' && record.topic).sort(), ['b', 'gone'])
  t.equal(tester.committed(), 1n)
})

t.test('offsets of an empty group', async t => {
  /** A group that commits at once, lives for ten days and is then left by its member. */
  function leftGroup(): ShardTester {
    const tester = new ShardTester()
    const { memberIds } = tester.stableGroup(1, { protocols: subscribedTo('a'), sessionTimeoutMs: 1_800_000 })
    tester.commit(1n, { generation: 1, memberId: memberIds[0]! })
    liveOn(tester, memberIds[0]!, 10 * dayMs)
    t.equal(tester.committed(), 1n, 'in use, however old')
    tester.leave({ memberId: memberIds[0]! })
    tester.records.length = 0
    return tester
  }
  const ends = [
    ['offset', null],
    ['group', null],
  ]
  const emitted = (tester: ShardTester) => tester.records.map(({ type, value }) => [type, value])

  await t.test('expire a retention time after it became empty, and it goes with them', async t => {
    const tester = leftGroup()
    tester.advance(retentionMs - checkMs)
    t.equal(tester.committed(), 1n)
    tester.advance(2 * checkMs)
    t.same(emitted(tester), ends)
    t.equal(tester.shard.groups.size, 0)
    t.same(settledState(tester.replayed()), [])
  })

  await t.test('are as old after restarts as before, and age while the broker is down', async t => {
    const tester = leftGroup()
    tester.advance(3 * dayMs)
    tester.restart()
    tester.nowMs += 4 * dayMs - 2 * checkMs
    tester.restart()
    tester.advance(checkMs)
    t.equal(tester.committed(), 1n, 'the first look after the start finds it ten minutes too young')
    tester.advance(2 * checkMs)
    t.same(emitted(tester), ends)
  })

  await t.test('age from their commit where the record of the group does not say since when', async t => {
    const tester = new ShardTester()
    const value = {
      protocolType: 'consumer',
      generation: 3,
      protocol: null,
      leader: null,
      currentStateTimestamp: -1n,
      members: [],
    }
    tester.log.push(...encodeGroupRecords([{ type: 'group', groupId: 'g', value }]))
    tester.restart()
    tester.commit(1n)
    tester.advance(dayMs)
    tester.commit(2n, { partition: 1 })
    tester.advance(6 * dayMs + checkMs)
    t.same([tester.committed(), tester.committed(topicA, 1)], [-1n, 2n])
  })

  await t.test('follow the wall clock, which may be set', async t => {
    const tester = leftGroup()
    tester.wallClockOffsetMs += retentionMs
    t.equal(tester.committed(), 1n)
    tester.advance(checkMs)
    t.same(emitted(tester), ends)
  })
})

t.test('offsets of a simple group expire one by one, each from its commit', async t => {
  const tester = new ShardTester()
  tester.commit(1n)
  tester.advance(dayMs)
  tester.commit(2n, { partition: 1 })
  tester.restart()
  tester.advance(6 * dayMs + checkMs)
  t.equal(tester.committed(), -1n)
  t.equal(tester.committed(topicA, 1), 2n)
  tester.advance(dayMs)
  t.equal(tester.shard.groups.size, 0)
})

t.test('a living group keeps the offsets of topics that it is subscribed to, and of no other', async t => {
  const tester = new ShardTester()
  const { memberIds } = tester.stableGroup(1, { protocols: subscribedTo('a'), sessionTimeoutMs: 1_800_000 })
  const commit = { generation: 1, memberId: memberIds[0]! }
  tester.commit(1n, commit)
  tester.commit(2n, { ...commit, topic: topicB })
  tester.restart()
  liveOn(tester, memberIds[0]!, retentionMs + checkMs)
  t.equal(tester.committed(), 1n)
  t.equal(tester.committed(topicB), -1n)
})

t.test('nothing expires while it is not known what a group uses', async t => {
  const patient = { sessionTimeoutMs: 1_800_000, rebalanceTimeoutMs: 20 * dayMs }
  const unreadable = [{ name: 'range', metadata: Buffer.from('?') }]
  const groups: Record<string, JoinOptions> = {
    'of another protocol': { ...patient, protocolType: 'connect' },
    'of metadata that cannot be read': { ...patient, protocols: unreadable },
  }
  for (const [why, options] of Object.entries(groups)) {
    const tester = new ShardTester()
    const { memberIds } = tester.stableGroup(1, options)
    tester.commit(1n, { generation: 1, memberId: memberIds[0]!, topic: topicB })
    liveOn(tester, memberIds[0]!, retentionMs + 2 * checkMs)
    t.equal(tester.committed(topicB), 1n, why)
  }
  const tester = new ShardTester()
  const { memberIds } = tester.stableGroup(2, { ...patient, protocols: subscribedTo('a') })
  tester.commit(1n, { generation: 1, memberId: memberIds[0]!, topic: topicB })
  tester.join({ memberId: memberIds[1]!, protocols: subscribedTo('a', 'b') })
  liveOn(tester, memberIds[0]!, retentionMs + 2 * checkMs)
  t.equal(tester.shard.groups.get('g')!.state, 'PreparingRebalance')
  t.equal(tester.committed(topicB), 1n, 'in a rebalance')
})

t.test('a group waits for an open transaction, and so does the offset that it would replace', async t => {
  const onlyPending = pendingCommit()
  onlyPending.advance(retentionMs + 2 * checkMs)
  t.same(onlyPending.records, [])
  onlyPending.shard.replayMarker({ producerId: 7, committed: true })
  t.equal(onlyPending.committed(), 1n)
  onlyPending.advance(checkMs)
  t.same(onlyPending.records, [tombstone('a')])
  t.equal(onlyPending.shard.groups.size, 0)

  const tester = new ShardTester()
  tester.commit(1n)
  tester.commit(2n, { partition: 1 })
  const [first] = tester.log
  tester.restart()
  tester.shard.replay({ ...first!, timestamp: 0, producerId: 7 })
  tester.records.length = 0
  tester.advance(retentionMs + 2 * checkMs)
  t.same(tester.records, [tombstone('a', 1)])
  tester.shard.replayMarker({ producerId: 7, committed: false })
  t.equal(tester.committed(), 1n)
  tester.advance(checkMs)
  t.same(tester.records.at(-1), tombstone('a'))
})

t.test('an old client may set its own retention', async t => {
  const tester = new ShardTester()
  tester.commit(1n, { version: 2, retentionTimeMs: 1_000n })
  tester.commit(2n, { version: 2, retentionTimeMs: BigInt(2 * retentionMs), partition: 1 })
  t.match(tester.records, [{ value: { expireTimestampMs: tester.timestampMs + 1_000 } }, {}])
  t.equal(tester.log[0]!.value!.readInt16BE(0), 1, 'in the version of the record that can say so')
  tester.restart()
  tester.advance(checkMs)
  t.equal(tester.committed(), -1n, 'shorter than that of the broker')
  tester.advance(retentionMs)
  t.equal(tester.committed(topicA, 1), 2n, 'or longer')
  tester.advance(retentionMs)
  t.equal(tester.committed(topicA, 1), -1n)
})

t.test('whatever an old client asks for, its offset can be written', async t => {
  for (const retentionTimeMs of [-2n, 2n ** 63n - 1n, -(2n ** 63n)]) {
    const tester = new ShardTester()
    t.equal(tester.commit(1n, { version: 2, retentionTimeMs }), 'NONE')
    const { expireTimestampMs, topicId } = tester.records[0]!.value as CommittedOffset
    t.ok(expireTimestampMs >= 0 && Number.isSafeInteger(expireTimestampMs), `${retentionTimeMs}`)
    t.equal(topicId, zeroUuid)
  }
})

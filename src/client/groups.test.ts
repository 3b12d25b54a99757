/** What makes a group of clients: keys to partitions, partitions to members, and a member's life with a broker. */
import t, { type Test } from 'tap'
import { startBroker } from '../ottla.ts'
import { ClientError } from './client-error.ts'
import { ClusterClient } from './cluster-client.ts'
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
} from './consumer-protocol.ts'
import { deleteGroup, describeGroup } from './group-admin.ts'
import { GroupMember } from './group-member.ts'
import { committedOffsets } from './group-offsets.ts'
import { murmur2, partitionOfKey } from './partitioner.ts'
import { assignRanges } from './range-assignor.ts'
import { createTopic } from './topic-admin.ts'
import { partitionName } from './topic-partitions.ts'

t.test("hashes are those of Kafka's Java client", async t => {
  // From its own tests (UtilsTest.testMurmur2).
  const known: Record<string, number> = {
    '21': -973932308,
    foobar: -790332482,
    'a-little-bit-long-string': -985981536,
    'a-little-bit-longer-string': -1486304829,
    lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8: -58897971,
    abc: 479470107,
  }
  for (const [text, hash] of Object.entries(known)) t.equal(murmur2(Buffer.from(text)), hash, text)
  for (let length = 0; length < 50; length++) {
    const partition = partitionOfKey(Buffer.alloc(length, 0xf3), 7)
    t.ok(partition >= 0 && partition < 7)
  }
})

t.test('ranges of partitions go to subscribers in order, static members first', async t => {
  const member = (memberId: string, topics: string[], groupInstanceId: string | null = null) => ({
    memberId,
    groupInstanceId,
    topics,
  })
  const assign = (members: Parameters<typeof assignRanges>[0], counts: Record<string, number>) =>
    Object.fromEntries(
      [...assignRanges(members, new Map(Object.entries(counts)))].map(([id, partitions]) => [
        id,
        partitions.map(partitionName).join(' '),
      ]),
    )
  t.same(assign([member('b', ['t']), member('a', ['t'])], { t: 5 }), { a: 't-0 t-1 t-2', b: 't-3 t-4' })
  t.same(assign([member('b', ['t']), member('a', ['t', 'u'])], { t: 3, u: 2 }), {
    a: 't-0 t-1 u-0 u-1',
    b: 't-2',
  })
  t.same(
    assign(
      ['a', 'b', 'c'].map(id => member(id, ['t'])),
      { t: 2 },
    ),
    { a: 't-0', b: 't-1', c: '' },
  )
  const mixed = [member('a', ['t']), member('z', ['t'], 'y'), member('m', ['t'], 'x')]
  t.same(assign(mixed, { t: 3 }), { m: 't-0', z: 't-1', a: 't-2' })
  t.same(assign([member('a', ['gone'])], {}), { a: '' })
})

t.test('what consumers tell each other is read, whatever its version', async t => {
  const owned = [
    { topic: 'b', partition: 1 },
    { topic: 'a', partition: 0 },
  ]
  t.match(decodeSubscription(encodeSubscription(['b', 'a'], owned)), {
    topics: ['a', 'b'],
    ownedPartitions: [
      { topic: 'b', partitions: [1] },
      { topic: 'a', partitions: [0] },
    ],
  })
  t.same(decodeAssignment(encodeAssignment(owned)), [owned[1], owned[0]])
  // Version 9 with bytes behind that nobody knows yet.
  const newer = Buffer.concat([encodeAssignment(owned), Buffer.from('future')])
  newer.writeInt16BE(9)
  t.same(decodeAssignment(newer), [owned[1], owned[0]])
  t.same(decodeAssignment(Buffer.alloc(0)), [])
  for (const bytes of ['00', 'ffff', '00007fffffff', '0000000000']) {
    t.equal(decodeAssignment(Buffer.from(bytes, 'hex')), undefined, bytes)
  }
  t.equal(decodeSubscription(Buffer.from('0000ffff', 'hex')), undefined)
})

/** Makes clients of a broker of the test's own. */
async function clients(t: Test): Promise<() => ClusterClient> {
  const broker = await startBroker()
  t.teardown(() => broker.stop())
  return () => {
    const client = new ClusterClient({ bootstrap: [broker], softwareVersion: '1', timeoutMs: 10_000 })
    t.teardown(() => client.close())
    return client
  }
}

const quick = { heartbeatIntervalMs: 20, sessionTimeoutMs: 6000 }
const whenAborted = (signal: AbortSignal) =>
  signal.aborted ? undefined : new Promise(resolve => signal.addEventListener('abort', resolve))

t.test('members share a topic, take over from each other, and commit only what is theirs', async t => {
  const client = await clients(t)
  const one = client()
  await createTopic(one, { name: 'a', partitions: 4, replicationFactor: undefined, configs: [] })
  const first = new GroupMember(one, { groupId: 'g', topics: ['a'], ...quick })
  t.equal((await first.join()).length, 4)

  const second = new GroupMember(client(), { groupId: 'g', topics: ['a'], ...quick })
  const joining = second.join()
  await whenAborted(first.rebalancing)
  const shares = await Promise.all([first.join(), joining])
  t.same(
    shares.map(share => share.length),
    [2, 2],
  )
  t.same(shares.flat().map(partitionName).sort(), ['a-0', 'a-1', 'a-2', 'a-3'])
  const described = await describeGroup(one, 'g')
  t.match(described, { state: 'Stable', assignor: 'range' })
  t.equal(described?.members.length, 2)

  await first.commit([{ topic: 'a', partition: 0, offset: 5 }])
  t.same(await committedOffsets(one, 'g'), [{ topic: 'a', partition: 0, offset: 5 }])
  t.same(await committedOffsets(one, 'g', [{ topic: 'a', partition: 1 }]), [])

  await first.leave()
  await whenAborted(second.rebalancing)
  t.equal((await second.join()).length, 4)
  await second.leave()
  t.match(await describeGroup(one, 'g'), { state: 'Empty', members: [] })
  await deleteGroup(one, 'g')
  t.equal(await describeGroup(one, 'g'), undefined)
})

t.test('a member that the group has dropped learns so and joins as a new one', async t => {
  const client = await clients(t)
  const one = client()
  await createTopic(one, { name: 'a', partitions: 1, replicationFactor: undefined, configs: [] })
  const member = new GroupMember(one, { groupId: 'g', topics: ['a'], ...quick })
  await member.join()
  // Somebody takes it out, as an operator may.
  const [{ memberId } = { memberId: '' }] = (await describeGroup(one, 'g'))!.members
  const evictor = new GroupMember(client(), { groupId: 'g', topics: ['a'], ...quick })
  Object.assign(evictor, { memberId })
  await evictor.leave()
  await whenAborted(member.rebalancing)
  await t.rejects(member.commit([{ topic: 'a', partition: 0, offset: 1 }]), ClientError)
  t.equal((await member.join()).length, 1)
  t.not((await describeGroup(one, 'g'))!.members[0]!.memberId, memberId)
  await member.leave()
})

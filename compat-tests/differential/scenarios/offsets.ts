/** Committed offsets: who may commit, what is kept, and how it goes away. */
import {
  answerOf,
  awaitThat,
  named,
  type Scenario,
  type SendOptions,
  type Step,
  scenario,
  send,
  since,
  topicId,
  until,
} from '../scenario.ts'
import { aMember, describe, leave } from './groups.ts'
import { gone, topicsToDelete, withTopic } from './requests.ts'

// biome-ignore lint/suspicious/noExplicitAny: values that may stand for others
type Any = any

const unknownId = 'c29tZSBvdGhlciBpZCEhIQ'
const member = answerOf('member', 'memberId')
const partition = (rest: Record<string, unknown> = {}): Any => ({
  partitionIndex: 0,
  committedOffset: 7n,
  committedMetadata: 'm',
  ...rest,
})
const topicOf = (label: string) => ({ name: until(9, named(label)), topicId: since(10, topicId(label)) })

function commit(partitions: Any[], rest: Record<string, unknown> = {}, options: SendOptions = {}): Step {
  const request = { groupId: named('g'), topics: [{ ...topicOf('t'), partitions }], ...rest }
  return send('OffsetCommit', request as Any, options)
}

/** What is committed, as each version asks for it. */
function fetched(
  topics: { name: Any; partitionIndexes: Any }[] | null,
  rest: Record<string, unknown> = {},
  groupId: Any = named('g'),
): Step {
  const renamed =
    topics?.map(({ name, partitionIndexes }) => ({
      name: until(9, name),
      topicId: since(10, unknownId),
      partitionIndexes,
    })) ?? null
  return send('OffsetFetch', {
    groupId: until(7, groupId),
    topics: until(7, topics),
    groups: since(8, [{ groupId, topics: renamed, ...rest }]),
  } as Any)
}
const fetchedT = (partitionIndexes: number[], rest: Record<string, unknown> = {}): Step =>
  send('OffsetFetch', {
    groupId: until(7, named('g')),
    topics: until(7, [{ name: named('t'), partitionIndexes }]),
    groups: since(8, [{ groupId: named('g'), topics: [{ ...topicOf('t'), partitionIndexes }], ...rest }]),
  } as Any)

const remove = (topics: Any[], groupId: Any = named('g')) => send('OffsetDelete', { groupId, topics } as Any)

/** Version 0 is ZooKeeper's. */
const inKafka = { OffsetCommit: '1+', OffsetFetch: '1+' }

export const offsetScenarios: Scenario[] = [
  scenario('offsets as they were kept in ZooKeeper', [withTopic('t'), commit([partition()]), fetchedT([0])], {
    OffsetCommit: '0',
    OffsetFetch: '0',
  }),
  scenario(
    'offsets of a group without members',
    [
      withTopic('t', 2),
      commit([partition(), partition({ partitionIndex: 1, committedOffset: 3n, committedMetadata: '' })]),
      fetchedT([0, 1]),
      fetchedT([1, 0]),
      fetchedT([0, 0]),
      fetchedT([5, -1]),
      fetchedT([]),
      send(
        'OffsetFetch',
        {
          groupId: until(7, named('g')),
          topics: until(7, null),
          groups: since(8, [{ groupId: named('g'), topics: null }]),
        } as Any,
        { versions: '2+' },
      ),
      fetched([{ name: named('none'), partitionIndexes: [0] }]),
      fetched([]),
      fetched([{ name: named('t'), partitionIndexes: [0] }], {}, named('none')),
      fetched([{ name: named('t'), partitionIndexes: [0] }], {}, ''),
      send(
        'OffsetFetch',
        {
          groupId: until(7, named('none')),
          topics: until(7, null),
          groups: since(8, [{ groupId: named('none'), topics: null }]),
        } as Any,
        { versions: '2+' },
      ),
      send(
        'OffsetFetch',
        {
          groupId: until(7, named('g')),
          topics: until(7, []),
          groups: since(8, [
            { groupId: named('g'), topics: null },
            { groupId: named('none'), topics: null },
            { groupId: named('g'), topics: null },
          ]),
          requireStable: since(7, true),
        } as Any,
        { versions: '8+' },
      ),
      send('OffsetFetch', { groups: [] }, { versions: '8+' }),
      describe(),
      commit([partition({ committedOffset: 8n, committedLeaderEpoch: since(6, 3) })]),
      commit([partition({ committedOffset: -1n })]),
      commit([partition({ committedOffset: -5n })]),
      commit([partition({ committedMetadata: null })]),
      commit([partition({ committedLeaderEpoch: since(6, -7) })]),
      fetchedT([0, 1]),
      commit([partition({ committedMetadata: 'x'.repeat(4096) })]),
      commit([partition({ committedMetadata: 'x'.repeat(4097) }), partition({ partitionIndex: 1 })]),
      commit([partition({ partitionIndex: 9 })]),
      commit([partition({ partitionIndex: -1 })]),
      commit([partition(), partition({ committedOffset: 9n })], {}, { as: 'a partition twice' }),
      commit([]),
      commit([], { topics: [] }),
      commit([], {
        topics: [
          { name: until(9, named('none')), topicId: since(10, unknownId), partitions: [partition()] },
          { ...topicOf('t'), partitions: [partition()] },
        ],
      }),
      commit([], { topics: [{ name: until(9, ''), partitions: [partition()] }] }),
      commit([], {
        topics: [
          { name: until(9, '__consumer_offsets'), topicId: since(10, unknownId), partitions: [partition()] },
        ],
      }),
      commit([partition()], { groupId: '' }),
      commit([partition()], { retentionTimeMs: 100_000n }, { versions: '2-4' }),
      commit([partition({ commitTimestamp: until(1, 5n) })], {}, { versions: '1' }),
      fetchedT([0, 1]),
      fetchedT([0], { memberId: since(9, 'someone'), memberEpoch: since(9, 3) }),
      fetchedT([0], { memberId: since(9, ''), memberEpoch: since(9, -1) }),
    ],
    inKafka,
  ),
  scenario(
    'offsets are committed as somebody that nobody knows',
    [
      withTopic('t'),
      commit(
        [partition()],
        { generationIdOrMemberEpoch: since(1, 0), memberId: since(1, 'x') },
        { versions: '1+' },
      ),
      commit(
        [partition()],
        { generationIdOrMemberEpoch: since(1, 5), memberId: since(1, '') },
        { versions: '1+' },
      ),
      commit(
        [partition()],
        { generationIdOrMemberEpoch: since(1, -1), memberId: since(1, 'x') },
        { versions: '1+' },
      ),
      commit(
        [partition()],
        { generationIdOrMemberEpoch: since(1, -2), memberId: since(1, '') },
        { versions: '1+' },
      ),
      commit([partition()], { groupInstanceId: since(7, 'i') }, { versions: '7+' }),
      describe(),
      fetchedT([0]),
    ],
    inKafka,
  ),
  scenario(
    'offsets of a group that works',
    [
      withTopic('t', 2),
      ...aMember,
      commit([partition()], { generationIdOrMemberEpoch: since(1, 1), memberId: since(1, member) }),
      commit([partition()], { generationIdOrMemberEpoch: since(1, 0), memberId: since(1, member) }),
      commit([partition()], { generationIdOrMemberEpoch: since(1, 2), memberId: since(1, member) }),
      commit([partition()], { generationIdOrMemberEpoch: since(1, -1), memberId: since(1, member) }),
      commit([partition()], { generationIdOrMemberEpoch: since(1, 1), memberId: since(1, 'x') }),
      commit([partition()], { generationIdOrMemberEpoch: since(1, -1), memberId: since(1, '') }),
      commit([partition()], {
        generationIdOrMemberEpoch: since(1, 1),
        memberId: since(1, member),
        groupInstanceId: since(7, 'i'),
      }),
      fetchedT([0, 1]),
      remove([{ name: named('t'), partitions: [{ partitionIndex: 0 }] }]),
      leave(member),
      commit([partition({ committedOffset: 1n })], {
        generationIdOrMemberEpoch: since(1, 1),
        memberId: since(1, member),
      }),
      commit([partition({ committedOffset: 2n })]),
      fetchedT([0, 1]),
    ],
    { OffsetCommit: '2+', OffsetFetch: '1+' },
  ),
  scenario(
    'a member has joined and has no work yet',
    [
      withTopic('t'),
      send(
        'JoinGroup',
        {
          groupId: named('g'),
          sessionTimeoutMs: 30_000,
          rebalanceTimeoutMs: 30_000,
          protocolType: 'consumer',
          protocols: [{ name: 'range', metadata: Buffer.from('m') }],
        } as Any,
        { at: 3, as: 'member' },
      ),
      commit([partition()], { generationIdOrMemberEpoch: since(1, 1), memberId: since(1, member) }),
      commit([partition()], { generationIdOrMemberEpoch: since(1, -1) }),
      fetchedT([0]),
    ],
    inKafka,
  ),
  scenario(
    'a static member commits',
    [
      withTopic('t'),
      send(
        'JoinGroup',
        {
          groupId: named('g'),
          sessionTimeoutMs: 30_000,
          rebalanceTimeoutMs: 30_000,
          groupInstanceId: 'i',
          protocolType: 'consumer',
          protocols: [{ name: 'range', metadata: Buffer.from('m') }],
        } as Any,
        { at: 5, as: 'member' },
      ),
      send(
        'SyncGroup',
        { groupId: named('g'), generationId: 1, memberId: member, groupInstanceId: 'i' } as Any,
        { at: 3, as: 'works' },
      ),
      commit([partition()], { generationIdOrMemberEpoch: 1, memberId: member, groupInstanceId: 'i' }),
      commit([partition()], { generationIdOrMemberEpoch: 1, memberId: 'x', groupInstanceId: 'i' }),
      commit([partition()], { generationIdOrMemberEpoch: 1, memberId: '', groupInstanceId: 'i' }),
      commit([partition()], { generationIdOrMemberEpoch: 9, memberId: 'x', groupInstanceId: 'i' }),
      fetchedT([0]),
    ],
    { OffsetCommit: '7+' },
  ),
  scenario(
    'offsets are deleted',
    [
      withTopic('t', 2),
      commit([partition(), partition({ partitionIndex: 1 })]),
      remove([{ name: named('t'), partitions: [{ partitionIndex: 1 }, { partitionIndex: 1 }] }]),
      fetchedT([0, 1]),
      remove([{ name: named('t'), partitions: [{ partitionIndex: 1 }] }]),
      remove([{ name: named('t'), partitions: [{ partitionIndex: 9 }, { partitionIndex: -1 }] }]),
      remove([{ name: named('none'), partitions: [{ partitionIndex: 0 }] }]),
      remove([{ name: '', partitions: [{ partitionIndex: 0 }] }]),
      remove([]),
      remove([{ name: named('t'), partitions: [] }]),
      remove([{ name: named('t'), partitions: [{ partitionIndex: 0 }] }], named('none')),
      remove([{ name: named('t'), partitions: [{ partitionIndex: 0 }] }], ''),
      remove([{ name: named('t'), partitions: [{ partitionIndex: 0 }] }]),
      fetchedT([0, 1]),
      describe(),
    ],
    inKafka,
  ),
  scenario(
    'a topic goes with what was committed for it',
    [
      withTopic('t'),
      commit([partition()], {}, { at: 5 }),
      send('DeleteTopics', topicsToDelete(named('t')), { at: 4 }),
      gone('t'),
      awaitThat('OffsetFetch', 5, { groupId: named('g'), topics: null }, ['topics', 'length'], 0),
      send(
        'OffsetFetch',
        {
          groupId: until(7, named('g')),
          topics: until(7, [{ name: named('t'), partitionIndexes: [0] }]),
          groups: since(8, [{ groupId: named('g'), topics: [{ name: named('t'), partitionIndexes: [0] }] }]),
        } as Any,
        { versions: '0-9' },
      ),
      commit([partition()], {}, { versions: '0-9' }),
      describe(),
    ],
    { OffsetFetch: '1-9', OffsetCommit: '1-9' },
  ),
]

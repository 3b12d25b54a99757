/**
 * The group APIs as a client sees them, through the codecs, at every version that is served: what a
 * version can say and what it cannot. The rules themselves are tested in groups/.
 */
import t, { type Test } from 'tap'
import { codecFor } from '../../protocol-codecs/compile-codec.ts'
import { errorName } from '../../protocol-codecs/error-codes.ts'
import { zeroUuid } from '../../protocol-codecs/schema.ts'
import { parseVersions } from '../../protocol-codecs/versions.ts'
import { WireReader } from '../../protocol-codecs/wire-reader.ts'
import { WireWriter } from '../../protocol-codecs/wire-writer.ts'
import { createGroupCoordinator } from '../groups/group-coordinator.ts'
import { groupSettings } from '../groups/group-settings.ts'
import { call, type TestServices, testServices } from '../testing/test-services.ts'
import { deleteGroups } from './delete-groups.ts'
import { describeGroups } from './describe-groups.ts'
import { findCoordinator } from './find-coordinator.ts'
import { type Handler, noResponse } from './handler.ts'
import { heartbeat } from './heartbeat.ts'
import { joinGroup } from './join-group.ts'
import { leaveGroup } from './leave-group.ts'
import { listGroups } from './list-groups.ts'
import { offsetCommit } from './offset-commit.ts'
import { offsetDelete } from './offset-delete.ts'
import { offsetFetch } from './offset-fetch.ts'
import { syncGroup } from './sync-group.ts'

async function groupServices(t: Test): Promise<TestServices> {
  const settings = { 'offsets.topic.num.partitions': 3, 'group.initial.rebalance.delay.ms': 0 }
  const services = await testServices({ settings })
  const groups = createGroupCoordinator({ ...services, settings: groupSettings(services.settings) })
  t.teardown(async () => {
    await groups.stop()
    await services.close()
  })
  await services.createTopic('a', 2)
  await services.createTopic('b', 2)
  return { ...services, groups, clock: services.clock }
}

const versionsOf = (handler: Handler<never, never>): number[] => {
  const { first, last } = parseVersions((handler as unknown as Handler).versions)
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
}
const idOf = (services: TestServices, name: string) => services.catalog.current().topics.get(name)!.id

/** A group of one member that is as far as Stable. */
async function lonelyGroup(t: Test, services: TestServices, groupId: string, version = 9): Promise<string> {
  const request = {
    groupId,
    sessionTimeoutMs: 10_000,
    ...(version >= 1 ? { rebalanceTimeoutMs: 10_000 } : {}),
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: Buffer.from('m') }],
  }
  const given =
    version < 4 ? '' : (await call(joinGroup, version, { ...request, memberId: '' }, services)).memberId
  const joining = call(joinGroup, version, { ...request, memberId: given }, services)
  let isJoined = false
  void joining.then(() => {
    isJoined = true
  })
  while (!isJoined) {
    services.clock.advance(0)
    await new Promise(setImmediate)
  }
  const joined = await joining
  t.match(joined, { errorCode: 0, generationId: 1, protocolName: 'range', leader: joined.memberId })
  const { memberId } = joined
  const assignments = [{ memberId, assignment: Buffer.from('all') }]
  const synced = await call(
    syncGroup,
    Math.min(version, 4),
    { groupId, generationId: 1, memberId, assignments },
    services,
  )
  t.match(synced, { errorCode: 0, assignment: Buffer.from('all') })
  return memberId
}

t.test('a member joins, lives and leaves at every version', async t => {
  const services = await groupServices(t)
  for (const version of versionsOf(joinGroup as never)) {
    const groupId = `g${version}`
    const memberId = await lonelyGroup(t, services, groupId, version)
    const beat = { groupId, generationId: 1, memberId }
    t.match(await call(heartbeat, Math.min(version, 4), beat, services), { errorCode: 0 })
    t.match(await call(heartbeat, Math.min(version, 4), { ...beat, memberId: 'x' }, services), {
      errorCode: 25,
    })
    const leaveVersion = Math.min(version, 5)
    const leave = leaveVersion < 3 ? { groupId, memberId } : { groupId, members: [{ memberId }] }
    const left = await call(leaveGroup, leaveVersion, leave, services)
    t.equal(left.errorCode, 0)
    t.equal(left.members.length, leaveVersion < 3 ? 0 : 1)
    const again = await call(leaveGroup, leaveVersion, leave, services)
    t.equal(errorName(leaveVersion < 3 ? again.errorCode : again.members[0]!.errorCode), 'UNKNOWN_MEMBER_ID')
  }
})

t.test('a refused JoinGroup has no protocol: null where a version can say so, else nothing', async t => {
  const services = await groupServices(t)
  const request = {
    groupId: '',
    sessionTimeoutMs: 10_000,
    memberId: '',
    protocolType: 'consumer',
    protocols: [],
  }
  t.equal((await call(joinGroup, 6, request, services)).protocolName, '')
  t.equal((await call(joinGroup, 7, request, services)).protocolName, null)
})

t.test('from version 5 on SyncGroup has to name the protocol', async t => {
  const services = await groupServices(t)
  const memberId = await lonelyGroup(t, services, 'g')
  const request = { groupId: 'g', generationId: 1, memberId, assignments: [] }
  t.equal(errorName((await call(syncGroup, 5, request, services)).errorCode), 'INCONSISTENT_GROUP_PROTOCOL')
  const named = { ...request, protocolType: 'consumer', protocolName: 'range' }
  t.match(await call(syncGroup, 5, named, services), {
    errorCode: 0,
    protocolType: 'consumer',
    protocolName: 'range',
  })
})

t.test('offsets are committed and fetched at every version', async t => {
  const services = await groupServices(t)
  for (const version of versionsOf(offsetCommit as never)) {
    const topic = version >= 10 ? { topicId: idOf(services, 'a') } : { name: 'a' }
    const partitions = [{ partitionIndex: 1, committedOffset: BigInt(version), committedMetadata: null }]
    const committed = await call(
      offsetCommit,
      version,
      { groupId: 'g', topics: [{ ...topic, partitions }] },
      services,
    )
    t.match(committed.topics, [{ ...topic, partitions: [{ partitionIndex: 1, errorCode: 0 }] }])
    const asked = { ...topic, partitionIndexes: [1] }
    const fetched =
      version < 8
        ? (await call(offsetFetch, version, { groupId: 'g', topics: [asked] }, services)).topics
        : (await call(offsetFetch, version, { groups: [{ groupId: 'g', topics: [asked] }] }, services))
            .groups[0]!.topics
    t.match(fetched, [
      { ...topic, partitions: [{ partitionIndex: 1, committedOffset: BigInt(version), metadata: '' }] },
    ])
  }
})

t.test('a commit to what does not exist is refused, and the rest of the request is not', async t => {
  const services = await groupServices(t)
  const partitions = (...indexes: number[]) =>
    indexes.map(partitionIndex => ({ partitionIndex, committedOffset: 7n, committedMetadata: '' }))
  const topics = [
    { name: 'a', partitions: partitions(0, 2) },
    { name: 'unknown', partitions: partitions(0) },
  ]
  const { topics: answered } = await call(offsetCommit, 9, { groupId: 'g', topics }, services)
  t.same(
    answered.map(topic => [
      topic.name,
      topic.partitions.map(p => [p.partitionIndex, errorName(p.errorCode)]),
    ]),
    [
      [
        'a',
        [
          [2, 'UNKNOWN_TOPIC_OR_PARTITION'],
          [0, 'NONE'],
        ],
      ],
      ['unknown', [[0, 'UNKNOWN_TOPIC_OR_PARTITION']]],
    ],
    'what is refused comes first, as in Kafka',
  )
  const byId = [{ topicId: 'nonononononononononong', partitions: partitions(0) }]
  const refused = await call(offsetCommit, 10, { groupId: 'g', topics: byId }, services)
  t.equal(errorName(refused.topics[0]!.partitions[0]!.errorCode), 'UNKNOWN_TOPIC_ID')
})

t.test('what was never committed is an error in version 0 of OffsetFetch only', async t => {
  const services = await groupServices(t)
  const request = { groupId: 'g', topics: [{ name: 'a', partitionIndexes: [0] }] }
  const errorAt = async (version: number) =>
    errorName((await call(offsetFetch, version, request, services)).topics[0]!.partitions[0]!.errorCode)
  t.equal(await errorAt(0), 'UNKNOWN_TOPIC_OR_PARTITION')
  t.equal(await errorAt(1), 'NONE')
  t.equal(await errorAt(7), 'NONE')
})

t.test('several groups are fetched at once, and null topics are all that a group has', async t => {
  const services = await groupServices(t)
  for (const [groupId, name] of [
    ['g', 'a'],
    ['g', 'b'],
    ['h', 'b'],
  ] as const) {
    const partitions = [{ partitionIndex: 0, committedOffset: 5n, committedMetadata: '' }]
    await call(offsetCommit, 9, { groupId, topics: [{ name, partitions }] }, services)
  }
  const groups = [
    { groupId: 'g', topics: null },
    { groupId: 'h', topics: [{ name: 'a', partitionIndexes: [0] }] },
    { groupId: 'unknown', topics: null },
  ]
  const byName = await call(offsetFetch, 8, { groups }, services)
  t.match(byName.groups, [
    { groupId: 'g', errorCode: 0, topics: [{ name: 'a' }, { name: 'b' }] },
    {
      groupId: 'h',
      errorCode: 0,
      topics: [{ name: 'a', partitions: [{ committedOffset: -1n, errorCode: 0 }] }],
    },
    { groupId: 'unknown', errorCode: 0, topics: [] },
  ])
  const ids = [
    { topicId: idOf(services, 'b'), partitionIndexes: [0] },
    { topicId: 'nonononononononononong', partitionIndexes: [0] },
  ]
  const byId = await call(offsetFetch, 10, { groups: [groups[0]!, { groupId: 'h', topics: ids }] }, services)
  t.same(
    byId.groups[0]!.topics.map(({ topicId }) => topicId),
    [idOf(services, 'a'), idOf(services, 'b')],
  )
  t.match(byId.groups[1]!.topics, [
    { topicId: idOf(services, 'b'), partitions: [{ committedOffset: 5n, errorCode: 0 }] },
    { topicId: 'nonononononononononong', partitions: [{ committedOffset: -1n, errorCode: 100 }] },
  ])
  const before = await call(offsetFetch, 7, { groupId: 'g', topics: null }, services)
  t.equal(before.topics.length, 2)
})

t.test('groups are described, listed and deleted at every version', async t => {
  const services = await groupServices(t)
  const memberId = await lonelyGroup(t, services, 'g')
  for (const version of versionsOf(describeGroups as never)) {
    const more = version >= 3 ? { includeAuthorizedOperations: true } : {}
    const { groups } = await call(describeGroups, version, { groups: ['g', 'unknown'], ...more }, services)
    t.match(groups[0], {
      groupState: 'Stable',
      protocolData: 'range',
      members: [{ memberId, clientId: 'test', clientHost: '/127.0.0.1' }],
    })
    t.equal(groups[0]!.authorizedOperations, version >= 3 ? 0b110101001000 : -0x80000000)
    t.match(groups[1], { groupState: 'Dead', errorCode: version < 6 ? 0 : 69 })
  }
  for (const version of versionsOf(listGroups as never)) {
    t.match((await call(listGroups, version, {}, services)).groups, [
      { groupId: 'g', protocolType: 'consumer' },
    ])
  }
  t.same((await call(listGroups, 4, { statesFilter: ['Empty'] }, services)).groups, [])
  t.same((await call(listGroups, 5, { typesFilter: ['share'] }, services)).groups, [])
  await call(leaveGroup, 5, { groupId: 'g', members: [{ memberId }] }, services)
  for (const version of versionsOf(deleteGroups as never)) {
    const { results } = await call(deleteGroups, version, { groupsNames: ['g', 'g'] }, services)
    t.same(
      results.map(r => [r.groupId, errorName(r.errorCode)]),
      [['g', version === 0 ? 'NONE' : 'GROUP_ID_NOT_FOUND']],
    )
  }
})

t.test(
  'offsets are deleted by name; an error of the group leaves no room for those of partitions',
  async t => {
    const services = await groupServices(t)
    const topics = [
      { name: 'a', partitions: [{ partitionIndex: 0 }, { partitionIndex: 2 }, { partitionIndex: -1 }] },
      { name: 'unknown', partitions: [{ partitionIndex: 0 }] },
      { name: 'b', partitions: [{ partitionIndex: 1 }] },
    ]
    const ask = (groupId: string, asked = topics) =>
      call(offsetDelete, 0, { groupId, topics: asked }, services).then(({ errorCode, topics }) => [
        errorName(errorCode),
        Object.fromEntries(
          topics.map(({ name, partitions }) => [
            name,
            Object.fromEntries(partitions.map(p => [p.partitionIndex, errorName(p.errorCode)])),
          ]),
        ),
      ])
    t.same(await ask('g'), ['GROUP_ID_NOT_FOUND', {}], 'before there is any group')
    t.same(await ask(''), ['INVALID_GROUP_ID', {}])
    const committed = [{ partitionIndex: 0, committedOffset: 7n, committedMetadata: '' }]
    await call(offsetCommit, 9, { groupId: 'g', topics: [{ name: 'a', partitions: committed }] }, services)
    const missing = 'UNKNOWN_TOPIC_OR_PARTITION'
    t.same(await ask('g'), [
      'NONE',
      { a: { 0: 'NONE', 2: missing, '-1': missing }, unknown: { 0: missing }, b: { 1: 'NONE' } },
    ])
    const left = await call(
      offsetFetch,
      1,
      { groupId: 'g', topics: [{ name: 'a', partitionIndexes: [0] }] },
      services,
    )
    t.equal(left.topics[0]!.partitions[0]!.committedOffset, -1n)
    t.same(await ask('nobody', [topics[1]!]), ['GROUP_ID_NOT_FOUND', {}])
    await lonelyGroup(t, services, 'living')
    t.same(await ask('living', [topics[2]!]), ['NONE', { b: { 1: 'GROUP_SUBSCRIBED_TO_TOPIC' } }])
  },
)

t.test('the coordinator of a group is found at once, its topic created on the way', async t => {
  const services = await groupServices(t)
  for (const version of versionsOf(findCoordinator as never)) {
    if (version < 4) {
      const found = await call(findCoordinator, version, { key: 'g' }, services)
      t.match(found, { errorCode: 0, nodeId: 1, host: 'localhost', port: 9092 })
      if (version > 0) t.equal(found.errorMessage, 'NONE', 'which are the words that Kafka has for it')
    } else {
      const { coordinators } = await call(findCoordinator, version, { coordinatorKeys: ['g', 'h'] }, services)
      t.match(coordinators, [
        { key: 'g', errorCode: 0, nodeId: 1, host: 'localhost', port: 9092 },
        { key: 'h', errorCode: 0, nodeId: 1 },
      ])
    }
  }
  t.equal(services.catalog.current().topics.get('__consumer_offsets')!.partitions.length, 3)
})

t.test('coordinators of other kinds are refused, so that clients fail with a reason', async t => {
  const services = await groupServices(t)
  const old = await call(findCoordinator, 3, { key: 'x', keyType: 1 }, services)
  t.match(old, { nodeId: -1, errorMessage: /Transactions are not supported/ })
  t.equal(errorName(old.errorCode), 'INVALID_REQUEST')
  const { coordinators } = await call(findCoordinator, 6, { coordinatorKeys: ['x'], keyType: 2 }, services)
  t.equal(errorName(coordinators[0]!.errorCode), 'INVALID_REQUEST')
})

t.test('every API can say that it failed, at every version', async t => {
  const samples: [Handler<never, never>, (version: number) => object][] = [
    [
      joinGroup as never,
      () => ({ groupId: 'g', sessionTimeoutMs: 1, memberId: 'm', protocolType: 't', protocols: [] }),
    ],
    [syncGroup as never, () => ({ groupId: 'g', generationId: 1, memberId: 'm', assignments: [] })],
    [heartbeat as never, () => ({ groupId: 'g', generationId: 1, memberId: 'm' })],
    [leaveGroup as never, () => ({ groupId: 'g' })],
    [
      offsetCommit as never,
      version => ({
        groupId: 'g',
        topics: [
          {
            ...(version >= 10 ? { topicId: zeroUuid } : { name: 'a' }),
            partitions: [{ partitionIndex: 0, committedOffset: 1n, committedMetadata: null }],
          },
        ],
      }),
    ],
    [
      offsetFetch as never,
      version =>
        version < 8
          ? { groupId: 'g', topics: [{ name: 'a', partitionIndexes: [0] }] }
          : { groups: [{ groupId: 'g', topics: null }] },
    ],
    [describeGroups as never, () => ({ groups: ['g'] })],
    [listGroups as never, () => ({})],
    [deleteGroups as never, () => ({ groupsNames: ['g'] })],
    [findCoordinator as never, version => (version < 4 ? { key: 'g' } : { coordinatorKeys: ['g'] })],
  ]
  for (const [specific, sample] of samples) {
    const handler = specific as unknown as Handler
    for (const version of versionsOf(specific)) {
      const writer = new WireWriter()
      codecFor(handler.request, version).encode(writer, sample(version) as never)
      const request = codecFor(handler.request, version).decode(new WireReader(writer.toBuffer()))
      const answer = handler.refuse(request as never, 'NOT_COORDINATOR', 'why')
      if (answer === noResponse) throw new Error('no answer')
      const response = new WireWriter()
      codecFor(handler.response, version).encode(response, answer as never)
      const decoded = codecFor(handler.response, version).decode(new WireReader(response.toBuffer()))
      t.match(
        JSON.stringify(decoded, (_, v) => (typeof v === 'bigint' ? Number(v) : v)),
        /"errorCode":16/,
        `${handler.request.name} ${version}`,
      )
    }
  }
})

/**
 * The coordinator on a log that does what the test says: what is answered when, what a failed append
 * takes back, and that the log is all that a restart needs.
 */
import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { buildBatch } from '../../protocol-codecs/build-batch.ts'
import { errorName, ProtocolError } from '../../protocol-codecs/error-codes.ts'
import { batchRecordCount } from '../../protocol-codecs/record-batch.ts'
import { zeroUuid } from '../../protocol-codecs/schema.ts'
import { singleNode } from '../cluster/single-node.ts'
import { shardOf } from '../coordination/shard-of.ts'
import { silentLogger } from '../platform/logger.ts'
import { groupMetadataTopic } from '../storage/internal-topic-names.ts'
import type { CatalogEvent, CatalogTopic, TopicCatalog } from '../storage/topic-catalog.ts'
import { ManualClock } from '../testing/manual-clock.ts'
import { MemoryLogs } from '../testing/memory-logs.ts'
import { testGroupSettings, topicA } from '../testing/shard-tester.ts'
import { createGroupCoordinator, type GroupClient } from './group-coordinator.ts'
import type { GroupSettings, OffsetCommitRequest } from './group-events.ts'

const topic = (name: string, id: string, partitionCount: number): CatalogTopic => ({
  name,
  id,
  isInternal: false,
  partitions: Array.from({ length: partitionCount }, (_, index) => ({
    topic: name,
    topicId: id,
    index,
    leaderEpoch: 0,
  })),
  overrides: {},
  config: {} as CatalogTopic['config'],
})

class Catalog {
  topics = new Map<string, CatalogTopic>([['a', topic('a', topicA.id, 3)]])
  creations = 0
  listeners: ((event: CatalogEvent) => void)[] = []
  async ensureInternalTopic(name: string) {
    await turn()
    this.creations++
    const created = topic(name, 'offsetsoffsetsoffsetsA', 4)
    this.topics.set(name, created)
    return created
  }
  delete(name: string) {
    const deleted = [this.topics.get(name)!]
    this.topics.delete(name)
    for (const listener of this.listeners)
      listener({ snapshot: this.current(), created: [], deleted, changed: [] })
  }
  current() {
    return { topics: this.topics, topicsById: new Map(), brokerConfigs: new Map() }
  }
  onChange(listener: (event: CatalogEvent) => void) {
    this.listeners.push(listener)
  }
}

function setUp(settings: Partial<GroupSettings> = {}, parts: { logs?: MemoryLogs; catalog?: Catalog } = {}) {
  const clock = new ManualClock()
  const { logs = new MemoryLogs(), catalog = new Catalog() } = parts
  const troubles: string[] = []
  let nextId = 1
  const start = () =>
    createGroupCoordinator({
      settings: { ...testGroupSettings, initialRebalanceDelayMs: 0, ...settings },
      clock,
      catalog: catalog as unknown as TopicCatalog,
      cluster: singleNode({ clusterId: 'c', nodeId: 1, rack: null }),
      logs,
      topics: catalog,
      logger: {
        ...silentLogger,
        error: (_: object | string, message?: string) => void troubles.push(message ?? ''),
      },
      randomId: () => String(nextId++),
    })
  const partition = (groupId: string) =>
    catalog.topics.get(groupMetadataTopic)!.partitions[shardOf(groupId, 4)]!
  return { clock, logs, catalog, troubles, start, partition }
}

function testClient(apiVersion = 9) {
  const listeners = new Set<() => void>()
  const client: GroupClient = {
    apiVersion,
    clientId: 'c',
    clientHost: '127.0.0.1',
    onClose(callback) {
      listeners.add(callback)
      return () => void listeners.delete(callback)
    },
  }
  return Object.assign(client, {
    close: () => {
      for (const listener of [...listeners]) listener()
    },
    listenerCount: () => listeners.size,
  })
}

const client = testClient()
const dayMs = 24 * 3_600_000

function commitRequest(offset: bigint, groupId = 'g', partition = 0, metadata = ''): OffsetCommitRequest {
  const committed = { committedOffset: offset, commitTimestamp: -1n, committedLeaderEpoch: -1 }
  return {
    groupId,
    generationIdOrMemberEpoch: -1,
    memberId: '',
    groupInstanceId: null,
    retentionTimeMs: -1n,
    topics: [
      {
        name: 'a',
        topicId: topicA.id,
        partitions: [{ partitionIndex: partition, ...committed, committedMetadata: metadata }],
      },
    ],
  }
}
const fetchRequest = (groupId = 'g', partitionIndexes = [0]) => ({
  groupId,
  topics: [{ name: 'a', topicId: zeroUuid, partitionIndexes }],
  requireStable: false,
})
type Coordinator = ReturnType<ReturnType<typeof setUp>['start']>
async function committed(
  groups: Coordinator,
  groupId = 'g',
  partitions = [0],
): Promise<(bigint | undefined)[]> {
  const response = await groups.fetchOffsets(fetchRequest(groupId, partitions))
  return response.topics![0]!.partitions!.map(({ committedOffset }) => committedOffset)
}
const joinRequest = (memberId = '', groupId = 'g') => ({
  groupId,
  sessionTimeoutMs: 10_000,
  rebalanceTimeoutMs: 60_000,
  memberId,
  groupInstanceId: null,
  protocolType: 'consumer',
  protocols: [{ name: 'range', metadata: Buffer.from('m') }],
  reason: null,
})

/** Whether a promise has settled by now. */
async function isOpen(promise: unknown): Promise<boolean> {
  await turn()
  await turn()
  return (await Promise.race([promise, Promise.resolve(isOpen)])) === isOpen
}
const refusal = (promise: unknown): Promise<string> =>
  Promise.resolve(promise).then(
    () => 'NONE',
    error => error.name,
  )

t.test('what reads creates no topic and finds nothing; the first write creates it once', async t => {
  const { catalog, start } = setUp()
  const groups = start()
  t.same(await committed(groups), [-1n])
  t.same(await groups.listGroups({ statesFilter: [], typesFilter: [] }), [])
  t.match(await groups.describeGroups(['g'], client), [{ groupState: 'Dead' }])
  t.equal(catalog.creations, 0)
  const writes = [1n, 2n, 3n].map(offset => groups.commitOffsets(commitRequest(offset), client))
  const read = committed(groups)
  await Promise.all(writes)
  t.equal(catalog.creations, 1)
  t.same(await read, [3n], 'and those that came meanwhile keep their order')
})

t.test('a commit is answered when it is durable, and what comes after it does not overtake', async t => {
  const { logs, start } = setUp()
  const groups = start()
  await groups.shardOf('g')
  await committed(groups)
  logs.durability = 'later'
  const commit = groups.commitOffsets(commitRequest(1n), client)
  const fetch = committed(groups)
  t.ok(await isOpen(commit))
  t.ok(await isOpen(fetch), 'a read of what is not yet durable waits for it')
  logs.settle()
  await commit
  t.same(await fetch, [1n])
  t.notOk(
    groups.fetchOffsets(fetchRequest()) instanceof Promise,
    'with nothing under way the answer is there at once',
  )
})

t.test('the events of a turn are one batch, and the next turn does not wait for its disk', async t => {
  const { logs, partition, start } = setUp()
  const groups = start()
  await groups.shardOf('g')
  await committed(groups)
  logs.durability = 'later'
  const first = [0, 1, 2].map(index => groups.commitOffsets(commitRequest(1n, 'g', index), client))
  await turn()
  const second = groups.commitOffsets(commitRequest(2n), client)
  await turn()
  t.same(
    logs.batches(partition('g')).map(batch => batchRecordCount(batch, 0)),
    [3, 1],
  )
  t.equal(logs.pendingCount, 2)
  logs.settle()
  await Promise.all(first)
  t.ok(await isOpen(second))
  logs.settle()
  await second
})

t.test('records that are too many for one batch become several', async t => {
  const { partition, logs, start } = setUp()
  const groups = start()
  await groups.shardOf('g')
  await committed(groups)
  const commits = Array.from({ length: 300 }, () =>
    groups.commitOffsets(commitRequest(1n, 'g', 0, 'x'.repeat(4096)), client),
  )
  await Promise.all(commits)
  const batches = logs.batches(partition('g'))
  t.equal(batches.length, 2)
  t.equal(logs.appendCount, 1)
  t.ok(batches.every(batch => batch.length < 1_000_000))
})

t.test('a restart finds what was answered', async t => {
  const { logs, start } = setUp()
  const before = start()
  await before.commitOffsets(commitRequest(1n), client)
  await before.commitOffsets(commitRequest(2n, 'g', 1), client)
  await before.commitOffsets(commitRequest(3n), client)
  await before.stop()
  const after = start()
  t.same(await committed(after, 'g', [0, 1, 2]), [3n, 2n, -1n])
  t.equal(logs.unreleasedReads, 0)
})

t.test('a failed append is taken back, and what came before it stays', async t => {
  const { logs, start, troubles } = setUp()
  const groups = start()
  await groups.commitOffsets(commitRequest(1n), client)
  logs.refuseNext = 'NOT_ENOUGH_REPLICAS'
  const failed = groups.commitOffsets(commitRequest(2n), client)
  t.equal(await refusal(failed), 'COORDINATOR_NOT_AVAILABLE')
  t.same(await committed(groups), [1n])
  t.equal(troubles.length, 1)
  await groups.commitOffsets(commitRequest(3n), client)
  t.same(await committed(groups), [3n])
})

t.test('everything behind a failed append is refused, everything before it is answered', async t => {
  const { logs, start } = setUp()
  const groups = start()
  await groups.commitOffsets(commitRequest(1n), client)
  logs.durability = 'later'
  const first = groups.commitOffsets(commitRequest(2n), client)
  await turn()
  const second = groups.commitOffsets(commitRequest(3n), client)
  await turn()
  const third = groups.commitOffsets(commitRequest(4n, 'g', 1), client)
  const fetch = groups.fetchOffsets(fetchRequest())
  const parked = groups.commitOffsets(commitRequest(5n), client)
  logs.settle()
  await first
  logs.settle('KAFKA_STORAGE_ERROR')
  t.equal(await refusal(second), 'NOT_COORDINATOR')
  t.equal(await refusal(third), 'NOT_COORDINATOR')
  t.equal(await refusal(fetch), 'NOT_COORDINATOR')
  t.equal(await refusal(parked), 'NOT_COORDINATOR')
  while (logs.pendingCount > 0) logs.settle()
  logs.durability = 'now'
  t.same(await committed(groups, 'g', [0, 1]), [2n, -1n])
})

t.test('a request that waits for a rebalance is refused when the shard has to be reloaded', async t => {
  const { logs, start } = setUp()
  const groups = start()
  const { memberId } = await groups.joinGroup(joinRequest(), client)
  const join = groups.joinGroup(joinRequest(memberId), client)
  t.ok(await isOpen(join))
  const neighbour = ['n1', 'n2', 'n3', 'n4', 'n5', 'n6', 'n7'].find(id => shardOf(id, 4) === shardOf('g', 4))!
  logs.refuseNext = 'KAFKA_STORAGE_ERROR'
  t.equal(await refusal(groups.commitOffsets(commitRequest(1n, neighbour), client)), 'NOT_COORDINATOR')
  t.equal(await refusal(join), 'NOT_COORDINATOR')
  t.match(await groups.joinGroup(joinRequest(memberId), client), { errorCode: 25 }, 'its member is forgotten')
})

t.test('a log that keeps failing is not read over and over', async t => {
  const { clock, logs, start } = setUp()
  const groups = start()
  await groups.commitOffsets(commitRequest(1n), client)
  const names: string[] = []
  logs.broken = 'KAFKA_STORAGE_ERROR'
  for (let i = 0; i < 20; i++) {
    names.push(await refusal((async () => groups.commitOffsets(commitRequest(2n), client))()))
    await turn()
  }
  t.same([...new Set(names)], ['NOT_COORDINATOR', 'COORDINATOR_LOAD_IN_PROGRESS'])
  t.ok(logs.readCount < 3)
  logs.broken = undefined
  for (let i = 0; i < 10; i++) {
    clock.advance(1_000)
    await turn()
    await turn()
  }
  t.same(await committed(groups), [1n])
})

t.test('while the end of the log is not yet durable the load waits', async t => {
  const { clock, logs, start } = setUp()
  const before = start()
  await before.commitOffsets(commitRequest(1n), client)
  logs.durability = 'later'
  const last = before.commitOffsets(commitRequest(2n), client)
  await turn()
  const after = start()
  const fetch = committed(after)
  t.ok(await isOpen(fetch))
  logs.settle()
  await last
  clock.advance(50)
  t.same(await fetch, [2n])
})

t.test('offsets go when their topic is deleted, and all when the topic of the groups is', async t => {
  const { catalog, start } = setUp()
  const groups = start()
  await groups.commitOffsets(commitRequest(1n), client)
  t.same(groups.snapshot(), {
    groups: { Empty: 1, PreparingRebalance: 0, CompletingRebalance: 0, Stable: 0 },
    committedOffsets: 1,
  })
  catalog.delete('a')
  await turn()
  t.same(await committed(groups), [-1n])
  await groups.commitOffsets(commitRequest(2n), client)
  catalog.delete(groupMetadataTopic)
  t.same(await committed(groups), [-1n])
})

t.test('offsets whose topic was deleted before the start are gone after it', async t => {
  const { catalog, start } = setUp()
  await start().commitOffsets(commitRequest(1n), client)
  catalog.topics.set('a', topic('a', 'anotheranotheranotherA', 3))
  const after = start()
  t.same(await committed(after), [-1n])
})

t.test('a record that cannot be read costs no other its place', async t => {
  const { logs, partition, start, troubles } = setUp()
  const before = start()
  await before.commitOffsets(commitRequest(1n), client)
  await before.stop()
  const key = Buffer.from('0002000167', 'hex')
  const records = [
    { key, value: Buffer.from([0]) },
    { key: Buffer.from([0]), value: null },
    { key: Buffer.from('0063', 'hex'), value: Buffer.from('later') },
    { key: null, value: null },
  ]
  await logs.append(
    [{ partition: partition('g'), batch: buildBatch({ records }), origin: 'coordinator' }],
    'durable',
  )
  t.same(await committed(start()), [1n])
  t.equal(troubles.length, 2)
})

t.test('a group lives through its rebalances on the clock', async t => {
  const { clock, logs, start } = setUp()
  const groups = start()
  const { memberId } = await groups.joinGroup(joinRequest(), client)
  const join = groups.joinGroup(joinRequest(memberId), client)
  t.ok(await isOpen(join))
  clock.advance(0)
  t.match(await join, { errorCode: 0, generationId: 1 })
  logs.durability = 'later'
  const sync = groups.syncGroup(
    {
      groupId: 'g',
      generationId: 1,
      memberId,
      groupInstanceId: null,
      protocolType: null,
      protocolName: null,
      assignments: [{ memberId, assignment: Buffer.from('all') }],
    },
    client,
  )
  t.ok(await isOpen(sync), 'nobody is told of an assignment before it is durable')
  logs.settle()
  t.equal((await sync).assignment.toString(), 'all')
  logs.durability = 'now'
  const restarted = start()
  const heartbeat = { groupId: 'g', generationId: 1, memberId, groupInstanceId: null }
  t.same(await restarted.heartbeat(heartbeat), { errorCode: 0 })
  clock.advance(10_000)
  await turn()
  t.equal(errorName((await restarted.heartbeat(heartbeat)).errorCode), 'UNKNOWN_MEMBER_ID')
})

t.test('a wall clock that is set ends no session, and keeps none alive', async t => {
  const { clock, start } = setUp()
  const groups = start()
  const { memberId } = await groups.joinGroup(joinRequest(), client)
  const join = groups.joinGroup(joinRequest(memberId), client)
  await turn()
  clock.advance(0)
  await join
  const heartbeat = { groupId: 'g', generationId: 1, memberId, groupInstanceId: null }
  clock.jump(365 * dayMs)
  clock.advance(9_000)
  await turn()
  t.same(await groups.heartbeat(heartbeat), { errorCode: 0 })
  clock.jump(-730 * dayMs)
  clock.advance(10_000)
  await turn()
  t.equal(errorName((await groups.heartbeat(heartbeat)).errorCode), 'UNKNOWN_MEMBER_ID')
})

t.test('after a start groups that nobody asks for are seen, and expire', async t => {
  const { catalog, clock, logs, start } = setUp()
  const before = start()
  // In two of the four shards.
  const groupIds = ['g', 'h', 'k']
  for (const groupId of groupIds) await before.commitOffsets(commitRequest(7n, groupId, 2), client)
  const { memberId } = await before.joinGroup(joinRequest('', 'k'), client)
  const join = before.joinGroup(joinRequest(memberId, 'k'), client)
  await turn()
  clock.advance(0)
  await join
  await before.leaveGroup({
    groupId: 'k',
    memberId,
    members: [{ memberId, groupInstanceId: null, reason: null }],
  })
  await before.stop()
  const emptySince = clock.now()
  clock.advance(2 * dayMs)

  logs.readCount = 0
  const after = start()
  t.same([...after.eachGroup()], [])
  await after.loadAll()
  t.equal(logs.readCount, 2, 'of the shards that hold records')
  t.equal(clock.pendingCount, logs.readCount)
  const seen = [...after.eachGroup()].map(group => ({ ...group, offsets: [...group.offsets] }))
  t.same(
    seen.sort((a, b) => (a.groupId < b.groupId ? -1 : 1)),
    groupIds.map(groupId => ({
      groupId,
      state: 'Empty',
      memberCount: 0,
      offsets: [{ topic: 'a', partition: 2, offset: 7 }],
    })),
  )
  clock.advance(emptySince + 7 * dayMs - clock.now() - 600_000)
  await turn()
  t.equal([...after.eachGroup()].length, 3)
  clock.advance(1_200_000)
  await turn()
  await turn()
  t.same([...after.eachGroup()], [])
  await after.stop()
  const last = start()
  await last.loadAll()
  t.same([...last.eachGroup()], [], 'and are gone for good')
  t.equal(catalog.creations, 1)
})

t.test('a shard that cannot be read does not keep the others from being read', async t => {
  const { logs, partition, start, troubles } = setUp()
  const before = start()
  for (const groupId of ['g', 'h', 'k']) await before.commitOffsets(commitRequest(7n, groupId), client)
  const { offsets } = logs
  logs.offsets = asked => {
    if (asked.index === partition('g').index) throw new ProtocolError('KAFKA_STORAGE_ERROR')
    return offsets.call(logs, asked)
  }
  const after = start()
  await after.loadAll()
  t.same(
    [...after.eachGroup()].map(({ groupId }) => groupId),
    ['g', 'h', 'k'].filter(groupId => partition(groupId).index !== partition('g').index),
  )
  t.equal(troubles.length, 1)
})

t.test('a stop waits for the read that is under way', async t => {
  const { logs, start } = setUp()
  await start().commitOffsets(commitRequest(1n), client)
  let goOn: (() => void) | undefined
  const { read } = logs
  logs.read = async (...asked) => {
    await new Promise<void>(resolve => {
      goOn = resolve
    })
    return await read.apply(logs, asked)
  }
  const groups = start()
  const loading = groups.loadAll()
  while (goOn === undefined) await turn()
  const stopped = groups.stop()
  t.ok(await isOpen(stopped))
  goOn()
  await stopped
  await loading
  t.equal(logs.unreleasedReads, 0)
})

t.test('after a pause what members sent in time is read before they are taken for dead', async t => {
  const { clock, start } = setUp()
  const groups = start()
  const { memberId } = await groups.joinGroup(joinRequest(), client)
  const join = groups.joinGroup(joinRequest(memberId), client)
  await turn()
  clock.advance(0)
  await join
  const heartbeat = { groupId: 'g', generationId: 1, memberId, groupInstanceId: null }
  clock.advance(20_000)
  t.same(await groups.heartbeat(heartbeat), { errorCode: 0 }, 'in the turn between the timer and its effect')
  await turn()
  t.same(await groups.heartbeat(heartbeat), { errorCode: 0 })
  clock.advance(20_000)
  await turn()
  t.equal(errorName((await groups.heartbeat(heartbeat)).errorCode), 'UNKNOWN_MEMBER_ID')
})

t.test('a client that is gone frees the place where its answer waited', async t => {
  const { start } = setUp()
  const groups = start()
  const { memberId } = await groups.joinGroup(joinRequest(), client)
  const gone = testClient()
  const join = groups.joinGroup(joinRequest(memberId), gone)
  await turn()
  t.equal(gone.listenerCount(), 1)
  gone.close()
  t.not(await refusal(join), 'NONE')
  t.equal(gone.listenerCount(), 0)
  t.match(await groups.describeGroups(['g'], client), [{ members: [{ memberId }] }])
})

t.test('a stop answers what is on its way to the disk and refuses the rest', async t => {
  const { logs, start } = setUp()
  const groups = start()
  const { memberId } = await groups.joinGroup(joinRequest(), client)
  const join = groups.joinGroup(joinRequest(memberId), client)
  await turn()
  logs.durability = 'later'
  const commit = groups.commitOffsets(commitRequest(1n, 'other'), client)
  await turn()
  await turn()
  const late = groups.commitOffsets(commitRequest(2n, 'other'), client)
  const stopped = groups.stop()
  t.equal(await refusal(join), 'COORDINATOR_NOT_AVAILABLE')
  t.ok(await isOpen(stopped))
  while (logs.pendingCount > 0) logs.settle()
  await stopped
  await Promise.all([commit, late])
  t.throws(() => groups.heartbeat({ groupId: 'g', generationId: 1, memberId, groupInstanceId: null }), {
    name: 'COORDINATOR_NOT_AVAILABLE',
  })
})

t.test('requests that no group can serve are refused before they reach one', async t => {
  const { start } = setUp()
  const groups = start()
  const joinError = async (change: object) =>
    errorName((await groups.joinGroup({ ...joinRequest(), ...change }, client)).errorCode)
  t.equal(await joinError({ groupId: '' }), 'INVALID_GROUP_ID')
  t.equal(await joinError({ sessionTimeoutMs: 5_999 }), 'INVALID_SESSION_TIMEOUT')
  t.equal(await joinError({ sessionTimeoutMs: 1_800_001 }), 'INVALID_SESSION_TIMEOUT')
  t.equal(await joinError({ groupInstanceId: 'x'.repeat(40_000) }), 'INVALID_REQUEST')
  t.equal(await joinError({ groupId: 'x'.repeat(40_000) }), 'INVALID_GROUP_ID')
  const heartbeat = { groupId: '', generationId: 1, memberId: 'm', groupInstanceId: null }
  t.equal(errorName((await groups.heartbeat(heartbeat)).errorCode), 'INVALID_GROUP_ID')
})

t.test('groups are found where Kafka looks for them', async t => {
  // String.hashCode: "test-group" and "polygenelubricants", whose hash is the least int.
  t.equal(shardOf('', 50), 0)
  t.equal(shardOf('a', 50), 47)
  t.equal(shardOf('test-group', 50), 12)
  t.equal(shardOf('my-group', 50), 12, 'of a negative hash')
  t.equal(shardOf('polygenelubricants', 50), 0)
})

t.test('whatever the log does, what was answered is kept and what is kept was asked for', async t => {
  const firstSeed = Number(process.env.SEED ?? 1)
  const rounds = Number(process.env.ROUNDS ?? 25)
  for (let seed = firstSeed; seed < firstSeed + rounds; seed++) {
    const { clock, logs, start } = setUp()
    let groups = start()
    let state = seed
    const random = (below: number) => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0
      return (state >>> 8) % below
    }
    await groups.commitOffsets(commitRequest(0n), client)
    const acked = [0n, -1n, -1n]
    const tried = [new Set([0n]), new Set([-1n]), new Set([-1n])]
    let next = 1n
    for (let step = 0; step < 120; step++) {
      const action = random(12)
      if (action < 5) {
        const partition = random(3)
        const offset = next++
        tried[partition]!.add(offset)
        const answer = (async () => groups.commitOffsets(commitRequest(offset, 'g', partition), client))()
        answer.then(
          ({ topics }) => {
            if (topics[0]!.partitions[0]!.errorCode === 0 && offset > acked[partition]!)
              acked[partition] = offset
          },
          () => undefined,
        )
      } else if (action < 8) await turn()
      else if (action === 8) logs.durability = random(2) === 0 ? 'now' : 'later'
      else if (action === 9 && logs.pendingCount > 0) {
        // A disk that fails an append fails those behind it.
        if (random(4) > 0) logs.settle()
        else while (logs.pendingCount > 0) logs.settle('KAFKA_STORAGE_ERROR')
      } else if (action === 10 && logs.pendingCount === 0 && random(3) === 0)
        logs.refuseNext = 'NOT_ENOUGH_REPLICAS'
      else if (action === 11 && random(4) === 0) {
        const stopped = groups.stop()
        while (logs.pendingCount > 0) logs.settle()
        await stopped
        groups = start()
      } else clock.advance(random(500))
    }
    logs.durability = 'now'
    logs.refuseNext = undefined
    for (let i = 0; i < 20; i++) {
      while (logs.pendingCount > 0) logs.settle()
      clock.advance(1_000)
      await turn()
    }
    const live = await committed(groups, 'g', [0, 1, 2])
    t.same(await committed(start(), 'g', [0, 1, 2]), live, `seed ${seed}: a restart finds the same`)
    for (const [partition, offset] of live.entries()) {
      t.ok(offset! >= acked[partition]!, `seed ${seed}: nothing that was answered is lost`)
      t.ok(tried[partition]!.has(offset!), `seed ${seed}: nothing appears that nobody committed`)
    }
  }
})

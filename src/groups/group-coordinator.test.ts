/**
 * The coordinator on a log that does what the test says: what is answered when, what a failed append takes back,
 * and who is dropped when.
 */
import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { errorName } from '../../protocol-codecs/error-codes.ts'
import { batchRecordCount } from '../../protocol-codecs/record-batch.ts'
import { shardOf } from '../coordination/shard-of.ts'
import { groupMetadataTopic } from '../storage/internal-topic-names.ts'
import {
  client,
  commitRequest,
  committed,
  coordinatorOnLogs,
  dayMs,
  fetchRequest,
  isOpen,
  joinRequest,
  refusal,
  testClient,
} from '../testing/coordinator-on-logs.ts'

t.test('what reads creates no topic and finds nothing; the first write creates it once', async t => {
  const { catalog, start } = coordinatorOnLogs()
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
  const { logs, start } = coordinatorOnLogs()
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
  const { logs, partition, start } = coordinatorOnLogs()
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
  const { partition, logs, start } = coordinatorOnLogs()
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

t.test('a failed append is taken back, and what came before it stays', async t => {
  const { logs, start, troubles } = coordinatorOnLogs()
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
  const { logs, start } = coordinatorOnLogs()
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
  const { logs, start } = coordinatorOnLogs()
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

t.test('offsets go when their topic is deleted, and all when the topic of the groups is', async t => {
  const { catalog, start } = coordinatorOnLogs()
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

t.test('a group lives through its rebalances on the clock', async t => {
  const { clock, logs, start } = coordinatorOnLogs()
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
  const { clock, start } = coordinatorOnLogs()
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

t.test('after a pause what members sent in time is read before they are taken for dead', async t => {
  const { clock, start } = coordinatorOnLogs()
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
  const { start } = coordinatorOnLogs()
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
  const { logs, start } = coordinatorOnLogs()
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
  const { start } = coordinatorOnLogs()
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
    const { clock, logs, start } = coordinatorOnLogs()
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

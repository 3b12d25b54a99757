/**
 * Whatever happens to groups: bring a second shard up from the records that the first emitted, and it
 * has the same offsets and the same settled groups; no request is answered twice; and after a quiet
 * time none is left without an answer.
 */
import t from 'tap'
import { buildBatch } from '../../protocol-codecs/build-batch.ts'
import { loadShard } from '../coordination/load-shard.ts'
import { systemClock } from '../platform/clock.ts'
import { MemoryLogs } from '../testing/memory-logs.ts'
import { ShardTester, settledState, topicA, topicB } from '../testing/shard-tester.ts'
import type { JoinGroupResponse, SyncGroupResponse } from './group-events.ts'
import { GroupShard } from './group-shard.ts'

/** mulberry32: a small generator of known numbers. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed | 0
  return below => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return (((mixed ^ (mixed >>> 14)) >>> 0) % 0x10000) % below
  }
}

interface Waiting {
  readonly what: string
  reply(): JoinGroupResponse | SyncGroupResponse | undefined
}

function runOnce(seed: number, steps: number): { tester: ShardTester; waiting: Waiting[] } {
  const random = randomFrom(seed)
  const pick = <T>(values: readonly T[]): T => values[random(values.length)]!
  const tester = new ShardTester({
    initialRebalanceDelayMs: 500,
    maxGroupSize: 5,
    offsetsRetentionMs: 900_000,
  })
  const groupIds = ['g', 'h', 'k']
  const memberIds: string[] = ['stranger']
  const waiting: Waiting[] = []
  const protocolSets = [['range'], ['range', 'sticky'], ['sticky', 'range'], ['sticky'], ['other']].map(
    names => names.map(name => ({ name, metadata: Buffer.from(name) })),
  )
  const someMember = () => (random(20) === 0 ? '' : pick(memberIds))
  const actions: (() => void)[] = [
    () => {
      const groupInstanceId = random(3) === 0 ? pick(['i', 'j']) : null
      const memberId = random(2) === 0 ? '' : pick(memberIds)
      const groupId = pick(groupIds)
      const join = tester.join({
        groupId,
        memberId,
        groupInstanceId,
        version: pick([0, 3, 5, 8, 9]),
        sessionTimeoutMs: pick([6_000, 10_000]),
        rebalanceTimeoutMs: pick([1_000, 5_000]),
        protocols: pick(random(4) === 0 ? protocolSets : protocolSets.slice(0, 3)),
      })
      waiting.push({ what: `join ${memberId} ${groupId}`, reply: join.reply })
      const given = join.reply()?.memberId
      if (given) memberIds.push(given)
      if (random(10) === 0) tester.notify({ type: 'disconnect', requestId: join.id, groupId })
    },
    () => {
      const group = tester.shard.groups.get(pick(groupIds))
      const leader = group?.leaderId
      if (group === undefined || leader == null) return
      const member = group.members.get(leader)
      const sync = tester.sync(
        leader,
        group.generation,
        Object.fromEntries([...group.members.keys()].map(id => [id, `${id}@${group.generation}`])),
        { groupId: group.groupId, groupInstanceId: member?.instanceId ?? null },
      )
      waiting.push({ what: `sync of leader ${leader}`, reply: sync.reply })
    },
    () => {
      const group = tester.shard.groups.get(pick(groupIds))
      const memberId = someMember()
      const generation = (group?.generation ?? 0) - (random(8) === 0 ? 1 : 0)
      const sync = tester.sync(memberId, generation, {}, { groupId: group?.groupId ?? 'g' })
      waiting.push({ what: `sync of ${memberId}`, reply: sync.reply })
    },
    () => {
      for (const group of tester.shard.groups.values()) {
        for (const id of group.members.keys())
          if (random(8) > 0) tester.heartbeat(id, group.generation, null, group.groupId)
      }
    },
    () => {
      const group = tester.shard.groups.get(pick(groupIds))
      const isMember = random(3) > 0
      tester.commit(BigInt(random(1000)), {
        groupId: group?.groupId ?? pick(groupIds),
        memberId: isMember ? someMember() : '',
        generation: isMember ? (group?.generation ?? -1) : -1,
        topic: pick([topicA, topicB]),
        partition: random(3),
        retentionTimeMs: random(10) === 0 ? 60_000n : -1n,
      })
    },
    () => void tester.leave({ memberId: someMember() }, { groupInstanceId: pick(['i', 'j']) }),
    () => void tester.send({ type: 'delete', groupIds: [pick(groupIds)] }),
    () => void tester.deleteOffset(pick(['a', 'b']), random(3), pick(groupIds)),
    () => {
      if (random(25) === 0) tester.wallClockOffsetMs += random(2_000_000) - 1_000_000
    },
    () => {
      if (random(10) === 0) tester.notify({ type: 'topics-deleted', topics: [pick([topicA, topicB])] })
    },
    () => tester.advance(random(10) === 0 ? random(1_000_000) : random(4_000)),
    () => tester.advance(random(600)),
    () => {
      if (random(25) > 0) return
      // Who waits is refused by the runtime.
      waiting.length = 0
      tester.restart()
    },
  ]
  for (let step = 0; step < steps; step++) {
    pick(actions)()
    // Knowing the group's members makes for more conversations that get somewhere.
    for (const group of tester.shard.groups.values()) {
      for (const id of group.members.keys()) if (!memberIds.includes(id)) memberIds.push(id)
      checkCounts(group)
    }
    if (memberIds.length > 24) memberIds.splice(1, 8)
  }
  return { tester, waiting }
}

function checkCounts(group: ReturnType<ShardTester['shard']['groups']['get']> & object): void {
  const joining = [...group.members.values()].filter(member => member.joinRequest !== undefined).length
  if (joining !== group.joiningCount) throw new Error(`${joining} join, ${group.joiningCount} are counted`)
  if (group.members.size > 0 && !group.members.has(group.leaderId ?? ''))
    throw new Error('the leader is no member')
  if (group.state === 'Stable' && joining > 0) throw new Error('a join is parked in a stable group')
  if (group.state === 'Empty' && group.members.size > 0) throw new Error('an empty group has members')
  if (group.state !== 'Empty' && group.state !== 'PreparingRebalance' && group.members.size === 0) {
    throw new Error(`nobody is in a group that is ${group.state}`)
  }
}

t.test('the broker goes on serving while a long log is read, and a load can be given up', async t => {
  const tester = new ShardTester()
  for (let i = 0; i < 2_000; i++) tester.commit(BigInt(i), { partition: i % 50 })
  const logs = new MemoryLogs()
  const partition = { topic: 'groups', topicId: 'groups', index: 0, leaderEpoch: 0 }
  const batches = [tester.log.slice(0, 1_500), tester.log.slice(1_500)].map(records =>
    buildBatch({ records, timestamp: 0 }),
  )
  await logs.append(
    batches.map(batch => ({ partition, batch, origin: 'coordinator' as const, ownerEpoch: 0 })),
    'durable',
  )
  let looks = 0
  let turns = 0
  let turnsAllowed = Number.POSITIVE_INFINITY
  const shard = new GroupShard(tester.settings)
  const options = {
    bufferBytes: 1_000_000,
    // Every look at the clock finds it a millisecond later.
    clock: { ...systemClock, monotonic: () => looks++ },
    nextTurn: async () => void turns++,
    isCancelled: () => turns > turnsAllowed,
    onUnreadable: (offset: number) => void t.fail(`offset ${offset}`),
  }
  t.equal(await loadShard(logs, partition, shard, options), 2_000)
  t.strictSame(settledState(shard), settledState(tester.shard))
  t.ok(turns >= 7, `${turns} turns of others in 2000 records, both batches being one read`)
  turns = 0
  turnsAllowed = 2
  const cancelled = loadShard(logs, partition, new GroupShard(tester.settings), options)
  await t.rejects(cancelled, { name: 'COORDINATOR_NOT_AVAILABLE' })
  t.equal(turns, 3)
  t.equal(logs.unreleasedReads, 0)
})

t.test('a shard that is brought up from the log equals the one that wrote it', async t => {
  const firstSeed = Number(process.env.SEED ?? 1)
  const rounds = Number(process.env.ROUNDS ?? 60)
  let recordCount = 0
  for (let seed = firstSeed; seed < firstSeed + rounds; seed++) {
    const { tester, waiting } = runOnce(seed, 400)
    recordCount += tester.log.length
    t.strictSame(settledState(tester.replayed(), tester.shard), settledState(tester.shard), `seed ${seed}`)
    tester.advance(3_600_000)
    t.same(
      waiting.filter(({ reply }) => reply() === undefined).map(({ what }) => what),
      [],
      `seed ${seed}: everybody is answered in the end`,
    )
    t.strictSame(
      settledState(tester.replayed(), tester.shard),
      settledState(tester.shard),
      `seed ${seed}, an hour later`,
    )
  }
  t.ok(recordCount > rounds * 20, `${recordCount} records: enough happened to mean something`)
})

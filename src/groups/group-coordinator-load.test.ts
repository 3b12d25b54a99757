/**
 * The log is all that a coordinator needs: what it reads after a restart, when, and what it makes of a log that
 * cannot be read, or not yet.
 */
import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { buildBatch } from '../../protocol-codecs/build-batch.ts'
import { ProtocolError } from '../../protocol-codecs/error-codes.ts'
import {
  client,
  commitRequest,
  committed,
  coordinatorOnLogs,
  dayMs,
  isOpen,
  joinRequest,
  refusal,
  testTopic,
} from '../testing/coordinator-on-logs.ts'

t.test('a restart finds what was answered', async t => {
  const { logs, start } = coordinatorOnLogs()
  const before = start()
  await before.commitOffsets(commitRequest(1n), client)
  await before.commitOffsets(commitRequest(2n, 'g', 1), client)
  await before.commitOffsets(commitRequest(3n), client)
  await before.stop()
  const after = start()
  t.same(await committed(after, 'g', [0, 1, 2]), [3n, 2n, -1n])
  t.equal(logs.unreleasedReads, 0)
})

t.test('a log that keeps failing is not read over and over', async t => {
  const { clock, logs, start } = coordinatorOnLogs()
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
  const { clock, logs, start } = coordinatorOnLogs()
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

t.test('offsets whose topic was deleted before the start are gone after it', async t => {
  const { catalog, start } = coordinatorOnLogs()
  await start().commitOffsets(commitRequest(1n), client)
  catalog.topics.set('a', testTopic('a', 'anotheranotheranotherA', 3))
  const after = start()
  t.same(await committed(after), [-1n])
})

t.test('a record that cannot be read costs no other its place', async t => {
  const { logs, partition, start, troubles } = coordinatorOnLogs()
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

t.test('after a start groups that nobody asks for are seen, and expire', async t => {
  const { catalog, clock, logs, start } = coordinatorOnLogs()
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
  const { logs, partition, start, troubles } = coordinatorOnLogs()
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
  const { logs, start } = coordinatorOnLogs()
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

/** The bound on bytes that wait to be synced: when logs are synced for it, who waits, and what is counted. */
import t, { type Test } from 'tap'
import { type FaultyDisk, faultyDisk } from '../../testing/faulty-disk.ts'
import {
  appendNow,
  logOf,
  openTestStorage,
  type TestStorageOptions,
  temporaryDirectory,
  testBatch,
  until,
} from '../../testing/test-storage.ts'
import type { PartitionRef } from '../partition-log.ts'
import type { LocalStorage } from './local-storage.ts'

const batch = testBatch({ values: ['x'.repeat(930)] })
const maxUnsyncedBytes = 100 * batch.length

async function setUp(t: Test, options: Partial<TestStorageOptions> = {}) {
  const disk = faultyDisk()
  const storage = await openTestStorage({
    directory: temporaryDirectory(t),
    disk,
    maxUnsyncedBytes,
    writeCaching: true,
    ...options,
  })
  t.teardown(() => storage.close())
  const change = { type: 'create-topic' as const, name: 'events', partitionCount: 3, configs: {} }
  const { topics } = await storage.catalog.change(change)
  await storage.logs.idle()
  return { disk, storage, partitions: [...topics.get('events')!.partitions] }
}

function fill(storage: LocalStorage, partition: PartitionRef, batchCount: number): void {
  for (let i = 0; i < batchCount; i++) {
    t.equal(appendNow(storage.logs, partition, Buffer.from(batch)).error, 'NONE')
  }
}

const syncs = (disk: FaultyDisk) => disk.callsOf('sync', /events-\d\/.*\.log$/).length

t.test('up to half of the bound logs with write.caching are left to the kernel', async t => {
  const { disk, storage, partitions } = await setUp(t)
  fill(storage, partitions[0]!, 49)
  await storage.logs.idle()
  t.equal(syncs(disk), 0)
  t.equal(storage.logs.unsynced.size, 49 * batch.length)
  t.equal(storage.logs.room(), undefined)
})

t.test('at half of the bound all logs that hold unsynced bytes are synced', async t => {
  const { disk, storage, partitions } = await setUp(t)
  fill(storage, partitions[0]!, 10)
  fill(storage, partitions[1]!, 40)
  await storage.logs.idle()
  t.equal(syncs(disk), 2, 'and not the one that has none')
  t.equal(storage.logs.unsynced.size, 0)
  t.equal(logOf(storage, 'events', 0).recoveryPoint, 10)
  fill(storage, partitions[0]!, 49)
  await storage.logs.idle()
  t.equal(syncs(disk), 2, 'what was synced does not count any more')
})

t.test('at the bound appends are held back until a sync has made room', async t => {
  const { disk, storage, partitions } = await setUp(t)
  const held = disk.hold('sync', /events-0/)
  fill(storage, partitions[0]!, 99)
  t.equal(storage.logs.room(), undefined)
  fill(storage, partitions[0]!, 1)
  const room = storage.logs.room()
  t.ok(room instanceof Promise)
  t.equal(storage.logs.room(), room, 'all wait for the same')
  fill(storage, partitions[1]!, 1)
  t.pass('who appends all the same is not refused')
  await until(() => held.count > 0)
  held.release()
  await room
  t.equal(storage.logs.room(), undefined)
})

t.test('what a durable log is given while its sync runs counts as well', async t => {
  const { disk, storage, partitions } = await setUp(t, { writeCaching: false })
  const held = disk.hold('sync', /events-0/)
  fill(storage, partitions[0]!, 60)
  await until(() => held.count > 0)
  fill(storage, partitions[0]!, 60)
  const room = storage.logs.room()
  t.ok(room instanceof Promise)
  held.release()
  await room
  await storage.logs.idle()
  t.equal(storage.logs.unsynced.size, 0)
})

t.test('bytes that only the journal has still wait to be synced in their own files', async t => {
  const { storage, partitions } = await setUp(t, { writeCaching: false })
  const before = storage.logs.unsynced.size
  const results = await Promise.all(
    partitions.map(partition =>
      storage.logs.append([{ partition, batch: Buffer.from(batch), origin: 'client' }], 'durable'),
    ),
  )
  t.ok(results.every(([result]) => result?.error === 'NONE'))
  t.equal(logOf(storage, 'events', 0).recoveryPoint, 0, 'the journal stands for it')
  t.equal(storage.logs.unsynced.size - before, 3 * batch.length)
})

t.test('a log that goes offline or is deleted makes room', async t => {
  const { disk, storage, partitions } = await setUp(t)
  disk.hold('sync', /events-[012]/)
  fill(storage, partitions[0]!, 60)
  fill(storage, partitions[1]!, 39)
  t.equal(storage.logs.unsynced.size, 99 * batch.length)
  logOf(storage, 'events', 0).goOffline(new Error('the disk is gone'))
  t.equal(storage.logs.unsynced.size, 39 * batch.length)
  const { topicId } = partitions[0]!
  storage.logs.removeTopic(storage.catalog.current().topicsById.get(topicId)!)
  t.equal(storage.logs.unsynced.size, 0)
})

t.test('a failed sync lets those go on who wait for room', async t => {
  const { disk, storage, partitions } = await setUp(t)
  disk.inject({ operation: 'sync', path: /events-0/, code: 'EIO' })
  fill(storage, partitions[0]!, 100)
  await storage.logs.room()
  t.equal(logOf(storage, 'events', 0).isOffline, true)
  t.equal(storage.logs.unsynced.size, 0)
})

t.test('a bound that one batch exceeds holds back only what comes after it', async t => {
  const { storage, partitions } = await setUp(t, { maxUnsyncedBytes: 10 })
  for (let i = 0; i < 3; i++) {
    await storage.logs.room()
    fill(storage, partitions[0]!, 1)
  }
  await storage.logs.idle()
  t.equal(storage.logs.unsynced.size, 0)
})

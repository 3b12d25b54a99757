/** The local engine on a disk that is full, slow or broken, and what an acknowledgement waits for. */
import * as fs from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { halfOfThreadPool } from '../../platform/thread-pool.ts'
import { type FaultyDisk, faultyDisk } from '../../testing/faulty-disk.ts'
import { ManualClock } from '../../testing/manual-clock.ts'
import { openTestLog, testPartition } from '../../testing/test-log.ts'
import {
  append,
  appendNow,
  logOf,
  openTestStorage,
  readAll,
  type TestStorageOptions,
  temporaryDirectory,
  testBatch,
  turn,
  until,
} from '../../testing/test-storage.ts'
import type { AppendResult, PartitionRef } from '../partition-log.ts'
import type { LocalStorage } from './local-storage.ts'

interface Setup {
  readonly directory: string
  readonly disk: FaultyDisk
  readonly storage: LocalStorage
  readonly partition: PartitionRef
  create(topic: string, configs?: Record<string, string>, partitionCount?: number): Promise<PartitionRef[]>
}

async function setUp(
  t: Test,
  configs: Record<string, string> = {},
  options: Partial<TestStorageOptions> = {},
): Promise<Setup> {
  // The engine's timers keep no process alive, and here nothing else does while it waits to try again.
  const alive = setInterval(() => undefined, 60_000)
  t.teardown(() => clearInterval(alive))
  const directory = temporaryDirectory(t)
  const disk = faultyDisk()
  const storage = await openTestStorage({ directory, disk, ...options })
  t.teardown(() => storage.close())
  const create: Setup['create'] = async (name, configs = {}, partitionCount = 1) => {
    const change = { type: 'create-topic' as const, name, partitionCount, configs }
    const snapshot = await storage.catalog.change(change)
    return [...snapshot.topics.get(name)!.partitions]
  }
  const [partition] = await create('events', configs)
  return { directory, disk, storage, partition: partition!, create }
}

/** Starts an append and tells whether it was answered. */
function startAppend(storage: LocalStorage, partition: PartitionRef, values = ['v']) {
  const state = { answer: undefined as AppendResult | undefined, done: undefined as unknown as Promise<void> }
  const results = storage.logs.append(
    [{ partition, batch: testBatch({ values }), origin: 'client' }],
    'durable',
  )
  state.done = Promise.resolve(results).then(([result]) => {
    state.answer = result
  })
  return state
}

async function reopened(t: Test, directory: string): Promise<LocalStorage> {
  const copy = join(temporaryDirectory(t), 'data')
  fs.cpSync(directory, copy, { recursive: true })
  fs.rmSync(join(copy, '.lock'), { force: true })
  const storage = await openTestStorage({ directory: copy })
  t.teardown(() => storage.close())
  return storage
}

const logPath = /events-0\/.*\.log$/

t.test('a full disk refuses appends, reads go on, and it heals', async t => {
  const { storage, disk, partition, directory } = await setUp(t)
  await append(storage.logs, partition, { values: ['a'], producerId: 1, baseSequence: 0 })
  const sizeBefore = storage.logs.size(partition)
  const offsetsBefore = storage.logs.offsets(partition)
  const batch = { values: ['b'], producerId: 1, baseSequence: 1 }
  for (const bytesWritten of [0, 1, 50]) {
    const fault = disk.inject({ operation: 'write', path: logPath, code: 'ENOSPC', bytesWritten })
    t.match(await append(storage.logs, partition, batch), { error: 'KAFKA_STORAGE_ERROR', message: /ENOSPC/ })
    fault.heal()
    t.equal(fs.statSync(logOf(storage, 'events').activeSegment.path).size, sizeBefore, 'cut off')
  }
  t.same(storage.logs.offsets(partition), offsetsBefore)
  t.same(await readAll(storage.logs, partition), ['0:a'])
  t.match(await append(storage.logs, partition, batch), { baseOffset: 1, duplicate: false }, 'the retry')
  t.same(await readAll(storage.logs, partition), ['0:a', '1:b'])
  t.same(await readAll((await reopened(t, directory)).logs, partition), ['0:a', '1:b'])
})

t.test('what a failed write left is cut off before the next one, even if that took a second try', async t => {
  const { storage, disk, partition, directory } = await setUp(t)
  await append(storage.logs, partition, { values: ['a'] })
  const size = storage.logs.size(partition)
  disk.inject({ operation: 'write', path: logPath, code: 'ENOSPC', bytesWritten: 100, times: 1 })
  disk.inject({ operation: 'truncate', path: logPath, code: 'ENOSPC', times: 2 })
  const long = { values: ['b'.repeat(200)] }
  t.match(await append(storage.logs, partition, long), { error: 'KAFKA_STORAGE_ERROR' })
  t.equal(fs.statSync(logOf(storage, 'events').activeSegment.path).size, size + 100)
  t.same(await readAll(storage.logs, partition), ['0:a'], 'nobody reads it')
  t.same(await readAll((await reopened(t, directory)).logs, partition), ['0:a'], 'nor after a crash')
  t.match(await append(storage.logs, partition, { values: ['c'] }), { error: 'KAFKA_STORAGE_ERROR' })
  t.match(await append(storage.logs, partition, { values: ['d'] }), { baseOffset: 1 })
  t.equal(fs.statSync(logOf(storage, 'events').activeSegment.path).size, storage.logs.size(partition))
  await storage.close()
  t.same(await readAll((await reopened(t, directory)).logs, partition), ['0:a', '1:d'])
})

t.test('a failed sync takes the partition offline and is not tried again', async t => {
  const { storage, disk, partition, create, directory } = await setUp(t)
  const [other] = await create('other')
  await append(storage.logs, partition, { values: ['a'] })
  disk.inject({ operation: 'sync', path: logPath, code: 'EIO', times: 1 })
  const before = disk.callsOf('sync', logPath).length
  const waiting = ['b', 'c'].map(value => startAppend(storage, partition, [value]))
  await Promise.all(waiting.map(({ done }) => done))
  for (const { answer } of waiting) t.match(answer, { error: 'KAFKA_STORAGE_ERROR', message: /EIO/ })
  t.match(await append(storage.logs, partition, { values: ['d'] }), { error: 'KAFKA_STORAGE_ERROR' })
  t.match(appendNow(storage.logs, partition, { values: ['d'] }), { error: 'KAFKA_STORAGE_ERROR' })
  t.same(await readAll(storage.logs, partition), ['KAFKA_STORAGE_ERROR'])
  t.throws(() => storage.logs.offsets(partition), { name: 'KAFKA_STORAGE_ERROR' })
  await t.rejects(storage.logs.offsetAt(partition, 0, 'read_committed'), { name: 'KAFKA_STORAGE_ERROR' })
  t.match(await append(storage.logs, other!, { values: ['x'] }), { error: 'NONE' }, 'others go on')
  await storage.close()
  t.equal(disk.callsOf('sync', logPath).length, before + 1)
  t.notOk(fs.existsSync(join(directory, '.kafka_cleanshutdown')), 'the next start has to look')
  t.equal(disk.open.size, 0)
  const again = await reopened(t, directory)
  t.same((await readAll(again.logs, partition)).slice(0, 1), ['0:a'])
  t.match(await append(again.logs, partition, { values: ['e'] }), { error: 'NONE' })
})

t.test('a write or read that fails for another reason takes the partition offline', async t => {
  for (const operation of ['write', 'read', 'readLater'] as const) {
    const config = { 'internal.segment.bytes': '200' }
    const { storage, disk, partition, create } = await setUp(t, config)
    const [other] = await create('other')
    for (const value of ['a', 'b', 'c', 'd', 'e']) await append(storage.logs, partition, { values: [value] })
    await append(storage.logs, other!, { values: ['x'] })
    disk.inject({ operation, path: logPath, code: 'EIO', times: 1 })
    if (operation === 'write') {
      t.match(await append(storage.logs, partition, {}), { error: 'KAFKA_STORAGE_ERROR', message: /EIO/ })
    } else {
      const item = (partition: PartitionRef, offset: number) => ({
        partition,
        offset,
        maxBytes: 1000,
        isolation: 'read_uncommitted' as const,
      })
      const offset = operation === 'read' ? 4 : 0
      const outcome = await storage.logs.read([item(partition, offset), item(other!, 0)], 1000)
      t.match(outcome.results, [{ error: 'KAFKA_STORAGE_ERROR', size: 0 }, { error: 'NONE' }], operation)
      t.ok(outcome.results[1]!.size > 0)
      outcome.release()
    }
    t.match(await append(storage.logs, partition, {}), { error: 'KAFKA_STORAGE_ERROR' }, operation)
    t.match(await append(storage.logs, other!, {}), { error: 'NONE' })
  }
})

t.test('a sync for which no descriptor is free is put off', async t => {
  const { storage, disk, partition } = await setUp(t)
  disk.inject({ operation: 'syncDirectory', path: /events-0$/, code: 'EMFILE', times: 2 })
  const appended = append(storage.logs, partition, {})
  await turn(220)
  t.match(await appended, { error: 'NONE', baseOffset: 0 })
  t.equal(disk.callsOf('syncDirectory', /events-0$/).length, 3)
})

t.test('a roll that fails halfway is tried again, and loses nothing', async t => {
  const faults = [
    { operation: 'replaceFile', path: /\.snapshot$/ },
    { operation: 'openForWrite', path: /\.index$/ },
    { operation: 'openForWrite', path: /\.timeindex$/ },
    { operation: 'write', path: /\.timeindex$/ },
    { operation: 'openForWrite', path: /(?<!0000)\.log$/ },
    { operation: 'write', path: /(?<!0000)\.log$/ },
  ] as const
  for (const fault of faults) {
    const config = { 'internal.segment.bytes': '250', 'index.interval.bytes': '50' }
    const { storage, disk, partition, directory } = await setUp(t, config)
    for (const value of ['a', 'b', 'c']) await append(storage.logs, partition, { values: [value] })
    const syncsBefore = disk.callsOf('syncDirectory', /events-0$/).length
    disk.inject({ ...fault, code: 'ENOSPC', times: 2 })
    const title = `${fault.operation} ${fault.path}`
    for (let i = 0; i < 2; i++) {
      t.match(
        await append(storage.logs, partition, { values: ['d'] }),
        { error: 'KAFKA_STORAGE_ERROR' },
        title,
      )
    }
    await turn(5)
    t.match(await append(storage.logs, partition, { values: ['d'] }), { baseOffset: 3 }, title)
    t.ok(disk.callsOf('syncDirectory', /events-0$/).length > syncsBefore, 'the new name is synced')
    const log = logOf(storage, 'events')
    t.equal(log.segments.length, 2)
    t.same(await readAll(storage.logs, partition), ['0:a', '1:b', '2:c', '3:d'])
    const again = await reopened(t, directory)
    t.same(await readAll(again.logs, partition), ['0:a', '1:b', '2:c', '3:d'])
    t.match(await again.logs.offsetAt(partition, 0, 'read_committed'), { offset: 0 })
  }
})

t.test('the index of a full segment is on disk before the recovery point passes it', async t => {
  const config = { 'internal.segment.bytes': '250', 'index.interval.bytes': '50' }
  const { storage, disk, partition } = await setUp(t, config)
  for (const value of ['a', 'b', 'c', 'd']) await append(storage.logs, partition, { values: [value] })
  const kinds = (operation: 'sync' | 'write') =>
    disk.callsOf(operation, /events-0\/0+\.(time)?index$/).map(call => call.path.replace(/.*\./, ''))
  t.same(kinds('write'), ['index', 'timeindex'])
  t.same(kinds('sync'), ['index', 'timeindex'])
})

t.test('checkpoints that cannot be written are written later', async t => {
  const clock = new ManualClock()
  const { storage, disk, partition, directory } = await setUp(t, {}, { clock })
  await append(storage.logs, partition, { values: ['a', 'b'] })
  const fault = disk.inject({ operation: 'replaceFile', path: /checkpoint$/, code: 'ENOSPC' })
  clock.advance(60_000)
  await t.rejects(storage.logs.deleteBefore(partition, 1), { name: 'KAFKA_STORAGE_ERROR' })
  fault.heal()
  const read = (name: string) => fs.readFileSync(join(directory, `${name}-offset-checkpoint`), 'utf8')
  t.notMatch(read('recovery-point'), /events/)
  clock.advance(60_000)
  t.match(read('recovery-point'), /^0\n2\n__cluster_metadata 0 \d+\nevents 0 2\n$/)
  t.equal(read('log-start'), '0\n1\nevents 0 1\n')
  t.match(read('replication'), /^events 0 2$/m)
})

t.test('many deletions of one request are one write', async t => {
  const { storage, disk, create } = await setUp(t)
  const partitions = await create('many', {}, 10)
  await Promise.all(partitions.map(partition => append(storage.logs, partition, { values: ['a', 'b'] })))
  await Promise.all(partitions.map(partition => storage.logs.deleteBefore(partition, 1)))
  t.equal(disk.callsOf('replaceFile', /log-start/).length, 1)
})

t.test('a shutdown that meets errors closes what it can and leaves no mark', async t => {
  const faults = [
    { operation: 'replaceFile', path: /events-0\/.*snapshot$/ },
    { operation: 'openForWrite', path: /events-0\/.*index$/ },
    { operation: 'replaceFile', path: /recovery-point/ },
    { operation: 'replaceFile', path: /cleanshutdown/ },
    { operation: 'sync', path: /events-0\/.*index$/ },
  ] as const
  for (const fault of faults) {
    const { storage, disk, partition, directory, create } = await setUp(t, { 'index.interval.bytes': '0' })
    for (const value of ['a', 'b']) await append(storage.logs, partition, { values: [value] })
    const [other] = await create('other')
    await append(storage.logs, other!, { values: ['x'] })
    disk.inject({ ...fault, code: 'ENOSPC' })
    await storage.close()
    const title = `${fault.operation} ${fault.path}`
    t.notOk(fs.existsSync(join(directory, '.kafka_cleanshutdown')), title)
    t.notOk(fs.existsSync(join(directory, '.lock')), title)
    t.equal(disk.open.size, 0, title)
    t.match(appendNow(storage.logs, partition, {}), { error: 'KAFKA_STORAGE_ERROR' }, 'it is closed')
    const again = await reopened(t, directory)
    t.same(await readAll(again.logs, partition), ['0:a', '1:b'])
    t.same(await readAll(again.logs, other!), ['0:x'])
  }
})

t.test('a partition that cannot be made or opened is offline, the others are not', async t => {
  const { storage, disk, create, directory } = await setUp(t)
  disk.inject({ operation: 'makeDirectory', path: /half-1$/, code: 'ENOSPC', times: 1 })
  const [first, second] = await create('half', {}, 2)
  t.match(await append(storage.logs, first!, { values: ['a'] }), { error: 'NONE' })
  t.match(await append(storage.logs, second!, { values: ['b'] }), { error: 'KAFKA_STORAGE_ERROR' })
  await storage.close()
  const disk2 = faultyDisk()
  const fault = disk2.inject({ operation: 'readLater', path: /half-0\//, code: 'EIO' })
  const again = await openTestStorage({ directory, disk: disk2 })
  t.match(await append(again.logs, first!, { values: ['a'] }), { error: 'KAFKA_STORAGE_ERROR' })
  t.match(await append(again.logs, second!, { values: ['b'] }), { error: 'NONE' })
  fault.heal()
  await again.close()
  const third = await reopened(t, directory)
  t.same(await readAll(third.logs, first!), ['0:a'])
})

t.test('a partition for which there was no room when its topic was made is made when there is', async t => {
  const clock = new ManualClock()
  const { storage, disk, create } = await setUp(t, {}, { clock })
  const full = disk.inject({ operation: 'replaceFile', path: /late-1/, code: 'ENOSPC' })
  const [first, second] = await create('late', {}, 2)
  t.match(await append(storage.logs, first!, { values: ['a'] }), { error: 'NONE' })
  clock.advance(1000)
  await turn()
  t.match(
    await append(storage.logs, second!, { values: ['b'] }),
    { error: 'KAFKA_STORAGE_ERROR' },
    'still full',
  )
  full.heal()
  clock.advance(1000)
  await turn()
  t.match(await append(storage.logs, second!, { values: ['b'] }), { error: 'NONE' })
  t.same(await readAll(storage.logs, second!), ['0:b'])
})

t.test('the catalogue changes only when the change is stored', async t => {
  const { storage, disk, create, directory } = await setUp(t)
  const metadata = /__cluster_metadata-0\/.*\.log$/
  const full = disk.inject({ operation: 'write', path: metadata, code: 'ENOSPC' })
  await t.rejects(create('two'), { name: 'KAFKA_STORAGE_ERROR' })
  await t.rejects(storage.catalog.allocateProducerIds(), { name: 'KAFKA_STORAGE_ERROR' })
  t.notOk(storage.catalog.current().topics.has('two'))
  full.heal()
  await create('two')
  const ids = await storage.catalog.allocateProducerIds()
  disk.inject({ operation: 'sync', path: metadata, code: 'EIO', times: 1 })
  await t.rejects(create('three'), { name: 'KAFKA_STORAGE_ERROR' })
  await t.rejects(create('four'), { name: 'KAFKA_STORAGE_ERROR' })
  t.same([...storage.catalog.current().topics.keys()], ['events', 'two'])
  await storage.close()
  const again = await reopened(t, directory)
  t.ok(again.catalog.current().topics.has('two'))
  t.ok((await again.catalog.allocateProducerIds()).first >= ids.first + ids.count)
})

t.test('producer ids wait for the disk even where acks do not', async t => {
  const { storage, disk } = await setUp(t, {}, { writeCaching: true })
  const held = disk.hold('sync', /__cluster_metadata/)
  let block: unknown
  const allocated = storage.catalog.allocateProducerIds().then(ids => {
    block = ids
  })
  await until(() => held.count > 0)
  t.equal(held.count, 1)
  t.equal(block, undefined)
  held.release()
  await allocated
  t.match(block, { count: 1000 })
})

t.test('an acknowledgement waits for the sync that covers it', async t => {
  const { storage, disk, partition } = await setUp(t)
  const held = disk.hold('sync', logPath)
  const first = startAppend(storage, partition, ['a'])
  await until(() => held.count > 0)
  t.equal(held.count, 1)
  const later = ['b', 'c', 'd'].map(value => startAppend(storage, partition, [value]))
  await turn(5)
  t.equal(held.count, 1, 'one sync at a time')
  t.equal(first.answer, undefined)
  t.match(storage.logs.offsets(partition), { logEndOffset: 4, highWatermark: 0 })
  const next = disk.hold('sync', logPath)
  held.release()
  await first.done
  t.match(first.answer, { baseOffset: 0 })
  t.match(storage.logs.offsets(partition), { highWatermark: 1 })
  await until(() => next.count > 0)
  await turn(2)
  t.same(
    later.map(({ answer }) => answer),
    [undefined, undefined, undefined],
    'what came during a sync waits for the next',
  )
  t.same(await readAll(storage.logs, partition), ['0:a'])
  next.release()
  await Promise.all(later.map(({ done }) => done))
  t.match(
    later.map(({ answer }) => answer),
    [{ baseOffset: 1 }, { baseOffset: 2 }, { baseOffset: 3 }],
  )
  t.equal(disk.callsOf('sync', logPath).length, 2, 'one sync for the three of them')
})

t.test('names are on disk before what the files hold counts', async t => {
  const { storage, disk, partition, directory } = await setUp(t, { 'internal.segment.bytes': '100' })
  for (const value of ['a', 'b', 'c']) {
    const held = disk.hold('syncDirectory', /events-0$/)
    const pending = startAppend(storage, partition, [value])
    await until(() => held.count > 0)
    t.equal(held.count, 1, 'a new file each')
    t.equal(pending.answer, undefined)
    held.release()
    await pending.done
    t.match(pending.answer, { error: 'NONE' })
  }
  t.ok(disk.callsOf('syncDirectory').some(call => call.path === directory))
})

t.test('closing syncs everything, and nothing is left open', async t => {
  const { storage, disk, create, directory } = await setUp(t, {}, { writeCaching: true })
  const partitions = await create('many', {}, 20)
  for (const partition of partitions) appendNow(storage.logs, partition, {})
  t.equal(disk.callsOf('sync', /many-/).length, 0, 'relaxed')
  await storage.close()
  for (const partition of partitions) {
    const log = new RegExp(`many-${partition.index}/.*\\.log$`)
    const lastWrite = disk.calls.findLastIndex(call => call.operation === 'write' && log.test(call.path))
    const sync = disk.calls.findIndex(
      (call, i) => i > lastWrite && call.operation === 'sync' && log.test(call.path),
    )
    t.ok(sync > lastWrite && disk.calls[sync]!.done, `partition ${partition.index}`)
  }
  const mark = disk.calls.findIndex(
    call => call.path.endsWith('.kafka_cleanshutdown') && call.operation === 'replaceFile',
  )
  const late = disk.calls.slice(mark + 1).filter(call => !['close'].includes(call.operation))
  t.same(late, [], 'the mark comes last')
  t.equal(disk.open.size, 0)
  t.ok(fs.existsSync(join(directory, '.kafka_cleanshutdown')))
})

t.test('flush.messages and flush.ms sync where acks do not wait', async t => {
  const disk = faultyDisk()
  const { log, logs, clock, commit } = openTestLog(temporaryDirectory(t), {
    disk,
    config: { 'flush.messages': '3', 'flush.ms': '1000' },
  })
  const synced = async () => {
    await commit.idle()
    return log.recoveryPoint
  }
  appendNow(logs, testPartition, {})
  t.equal(await synced(), 0)
  clock.advance(999)
  t.equal(await synced(), 0)
  clock.advance(1)
  t.equal(await synced(), 1, 'flush.ms after the first unsynced record')
  appendNow(logs, testPartition, { values: ['a', 'b'] })
  t.equal(await synced(), 1)
  appendNow(logs, testPartition, {})
  t.equal(await synced(), 4, 'flush.messages')
  t.equal(clock.pendingCount, 0, 'the timer is off when all is synced')
  appendNow(logs, testPartition, {})
  log.close()
  t.equal(clock.pendingCount, 0)
})

t.test('a topic may be deleted while it is read and synced, and made again', async t => {
  const config = { 'internal.segment.bytes': '100' }
  const { storage, disk, partition, create, directory } = await setUp(t, config)
  for (const value of ['a', 'b', 'c']) await append(storage.logs, partition, { values: [value] })
  const heldSync = disk.hold('sync', logPath)
  const heldRead = disk.hold('readLater', logPath)
  const pending = startAppend(storage, partition, ['d'])
  const reading = Promise.resolve(
    storage.logs.read([{ partition, offset: 0, maxBytes: 1000, isolation: 'read_uncommitted' }], 1000),
  )
  await until(() => heldSync.count > 0 && heldRead.count > 0)
  t.equal(heldSync.count, 1)
  t.equal(heldRead.count, 1)
  await storage.catalog.change({ type: 'delete-topic', id: partition.topicId })
  await pending.done
  t.match(pending.answer, { error: 'UNKNOWN_TOPIC_OR_PARTITION' })
  const [again] = await create('events', config)
  appendNow(storage.logs, again!, { values: ['new'] })
  heldRead.release()
  heldSync.release()
  const outcome = await reading
  t.equal(outcome.results[0]!.error, 'NONE', 'the file was still there for the read')
  outcome.release()
  await storage.logs.idle()
  t.same(await readAll(storage.logs, again!), ['0:new'])
  const open = [...disk.open.values()].filter(path => logPath.test(path))
  t.equal(open.length, 1, 'only the new log is open')
  t.match(
    fs.readdirSync(directory).filter(name => name.startsWith('events')),
    ['events-0', /^events-0\.[0-9a-f]{32}-delete$/],
  )
  t.same(
    fs.readdirSync(join(directory, 'events-0')).filter(name => name.endsWith('.log')),
    ['00000000000000000000.log'],
    'no file of the old log came back',
  )
})

t.test('cold reads leave threads for others, and all get their turn', async t => {
  const disk = faultyDisk()
  const config = { 'internal.segment.bytes': '200' }
  const { log, logs } = openTestLog(temporaryDirectory(t), { disk, config })
  for (let i = 0; i < 40; i++) appendNow(logs, testPartition, { values: [`v${i}`] })
  const held = disk.hold('readLater')
  const read = (offset: number) => {
    const item = { partition: testPartition, offset, maxBytes: 1, isolation: 'read_uncommitted' as const }
    return Promise.resolve(logs.read([item], 1))
  }
  const reading = Array.from({ length: 30 }, (_, i) => read(i))
  await turn(5)
  t.equal(held.count, halfOfThreadPool())
  held.release()
  const outcomes = await Promise.all(reading)
  t.ok(outcomes.every(({ results }) => results[0]!.size > 0))
  for (const outcome of outcomes) outcome.release()
  log.close()
})

t.test('open segments are bounded, and closing one in use waits', async t => {
  const disk = faultyDisk()
  const directory = temporaryDirectory(t)
  const config = { 'internal.segment.bytes': '200', 'index.interval.bytes': '60' }
  const { log, logs, openSegments, commit } = openTestLog(directory, { disk, config, maxOpenSegments: 3 })
  for (let i = 0; i < 40; i++) appendNow(logs, testPartition, { values: [`v${i}`], timestamp: 1000 + i })
  await commit.idle()
  t.ok(log.segments.length > 10)
  t.equal((await readAll(logs, testPartition, 0, 100)).length, 40)
  t.ok(openSegments.count <= 3, `${openSegments.count}`)
  t.equal(disk.open.size, openSegments.count, 'no other descriptors')
  for (let i = 0; i < 40; i++) {
    t.equal((await logs.offsetAt(testPartition, 1000 + i, 'read_uncommitted'))?.offset, i)
  }
  t.equal(disk.open.size, openSegments.count)

  const held = disk.hold('readLater')
  const reading = [0, 20].map(offset =>
    logs.read([{ partition: testPartition, offset, maxBytes: 1, isolation: 'read_uncommitted' }], 1),
  )
  await until(() => held.count === 2)
  t.equal(held.count, 2)
  t.ok(disk.open.size >= 2, 'both stay open while they are read')
  log.close()
  t.equal(disk.open.size, 2, 'closing waits for them as well')
  held.release()
  for (const outcome of await Promise.all(reading)) t.ok(outcome.results[0]!.size > 0)
  t.equal(disk.open.size, 0)
})

t.test('the segment that is written keeps its indexes when it is closed in between', async t => {
  const disk = faultyDisk()
  const config = { 'index.interval.bytes': '60' }
  const directory = temporaryDirectory(t)
  const { log, logs, openSegments } = openTestLog(directory, { disk, config })
  for (let i = 0; i < 20; i++) {
    appendNow(logs, testPartition, { values: [`v${i}`], timestamp: 1000 + i })
    if (i % 3 === 0) t.ok(log.activeSegment.closeForNow())
  }
  t.ok(openSegments.count <= 1)
  const entries = log.activeSegment.offsets.count
  for (let i = 0; i < 20; i++) {
    t.equal((await logs.offsetAt(testPartition, 1000 + i, 'read_uncommitted'))?.offset, i)
  }
  log.activeSegment.closeForNow()
  log.roll()
  log.close()
  t.equal(fs.statSync(join(directory, '00000000000000000000.index')).size, entries * 8)
  const times = fs.readFileSync(join(directory, '00000000000000000000.timeindex'))
  t.equal(times.readBigInt64BE(times.length - 12), 1019n, 'the last entry has the largest timestamp')
})

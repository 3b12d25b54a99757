/**
 * How segments and partitions go: in steps that a crash or a disk's error may come between, with readers, writers
 * and syncs under way.
 */
import * as fs from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ProtocolError } from '../../../protocol-codecs/error-codes.ts'
import { type FaultyDisk, faultyDisk } from '../../testing/faulty-disk.ts'
import { ManualClock } from '../../testing/manual-clock.ts'
import {
  append,
  appendNow,
  logOf,
  openTestStorage,
  readAll,
  recordsIn,
  type TestStorageOptions,
  temporaryDirectory,
  testBatch,
  turn,
  until,
} from '../../testing/test-storage.ts'
import type { PartitionRef } from '../partition-log.ts'
import { finishInterruptedSwap } from './interrupted-swap.ts'
import type { LocalStorage } from './local-storage.ts'
import type { PartitionLog } from './partition-log.ts'

const batchSize = testBatch({ values: ['v'] }).length
const configs = {
  'internal.segment.bytes': String(2 * batchSize),
  'retention.ms': '-1',
  'file.delete.delay.ms': '1000',
}

interface Setup {
  readonly directory: string
  readonly disk: FaultyDisk
  readonly clock: ManualClock
  readonly storage: LocalStorage
  readonly partition: PartitionRef
  readonly log: PartitionLog
  create(topic: string, partitionCount?: number): Promise<readonly PartitionRef[]>
  /** Sets how many batches are to remain, and looks. */
  retain(batchCount: number): Promise<void>
}

/** A log of batches of one record, two in a segment. */
async function setUp(t: Test, batchCount: number, options: Partial<TestStorageOptions> = {}): Promise<Setup> {
  const directory = temporaryDirectory(t)
  const disk = faultyDisk()
  const clock = new ManualClock()
  const storage = await openTestStorage({ directory, disk, clock, ...options })
  t.teardown(() => storage.close())
  const create: Setup['create'] = async (name, partitionCount = 1) => {
    const change = { type: 'create-topic' as const, name, partitionCount, configs }
    return (await storage.catalog.change(change)).topics.get(name)!.partitions
  }
  const [partition] = await create('events')
  for (let i = 0; i < batchCount; i++) {
    await append(storage.logs, partition!, { values: [`${i % 10}`], producerId: 7, baseSequence: i })
  }
  const retain: Setup['retain'] = async batchCount => {
    const resource = { type: 'topic' as const, name: 'events' }
    const configs = { 'retention.bytes': String(batchCount * batchSize) }
    await storage.catalog.change({ type: 'alter-configs', alterations: [{ resource, configs }] })
    await storage.retention.run()
  }
  return {
    directory,
    disk,
    clock,
    storage,
    partition: partition!,
    log: logOf(storage, 'events'),
    create,
    retain,
  }
}

const basesOf = (log: PartitionLog): number[] => log.segments.map(segment => segment.baseOffset)

/** Short names of a partition's files: `2.log` for 00000000000000000002.log. */
function filesOf(directory: string): string[] {
  return fs
    .readdirSync(join(directory, 'events-0'))
    .filter(name => /^\d/.test(name))
    .map(name => name.replace(/^0+(?=\d)/, ''))
    .sort()
}

/** What a start finds if the broker is killed now. */
async function afterKill(t: Test, directory: string): Promise<{ storage: LocalStorage; directory: string }> {
  const copy = join(temporaryDirectory(t), 'data')
  fs.cpSync(directory, copy, { recursive: true })
  fs.rmSync(join(copy, '.lock'), { force: true })
  const storage = await openTestStorage({ directory: copy, clock: new ManualClock() })
  t.teardown(() => storage.close())
  return { storage, directory: copy }
}

const readItem = (partition: PartitionRef, offset: number, maxBytes = 1000) => ({
  partition,
  offset,
  maxBytes,
  isolation: 'read_uncommitted' as const,
})

t.test('files are renamed at once and removed after file.delete.delay.ms', async t => {
  const { directory, storage, clock, retain, log } = await setUp(t, 7)
  t.same(
    filesOf(directory).filter(name => /^[024]\./.test(name)).length,
    3 + 4 + 4,
    'with snapshots of producers',
  )
  await retain(3)
  const renamed = (base: number, ...kinds: string[]) => kinds.map(kind => `${base}.${kind}.deleted`)
  const doomed = [
    ...renamed(0, 'index', 'log', 'timeindex'),
    ...renamed(2, 'index', 'log', 'snapshot', 'timeindex'),
  ]
  t.same(
    filesOf(directory).filter(name => name.endsWith('.deleted')),
    doomed,
  )
  t.same(
    filesOf(directory).filter(name => /^[02]\./.test(name)),
    doomed,
    'and nothing else is left of them',
  )
  clock.advance(999)
  await storage.removal.idle()
  t.same(
    filesOf(directory).filter(name => name.endsWith('.deleted')),
    doomed,
  )
  clock.advance(1)
  await storage.removal.idle()
  t.same(
    filesOf(directory).filter(name => /^[02]\./.test(name)),
    [],
  )
  t.same(basesOf(log), [4, 6])
})

t.test('after a kill at any step the log begins where retention has put it, and keeps its end', async t => {
  const { directory, disk, storage, clock, retain, log, partition } = await setUp(t, 6)
  const found = async () => {
    const { storage, directory: copy } = await afterKill(t, directory)
    const { logStartOffset, logEndOffset } = storage.logs.offsets(partition)
    t.same(await readAll(storage.logs, partition, logStartOffset), values.slice(logStartOffset))
    const retry = { values: ['5'], producerId: 7, baseSequence: 5 }
    t.match(
      await append(storage.logs, partition, retry),
      { duplicate: true, baseOffset: 5 },
      'producers are known',
    )
    await storage.removal.idle()
    t.same(
      filesOf(copy).filter(name => name.endsWith('.deleted')),
      [],
      'leftovers are removed',
    )
    return [logStartOffset, logEndOffset]
  }
  const values = Array.from({ length: 6 }, (_, i) => `${i}:${i}`)
  const held = disk.hold('syncDirectory', /events-0$/)
  const retaining = retain(0)
  await until(() => held.count === 1)
  t.same([log.logStartOffset, log.logEndOffset], [6, 6])
  t.same(disk.callsOf('rename', /events-0/), [], 'not before the name of the empty segment is safe')
  t.same(await found(), [6, 6], 'that the log starts there is stored by now')

  const logs = (): string[] => filesOf(directory).filter(name => name.endsWith('.log'))
  const fault = disk.inject({ operation: 'rename', path: /0000002\.log$/, code: 'EIO' })
  held.release()
  await retaining
  t.same(logs(), ['2.log', '4.log', '6.log'], 'oldest first')
  t.same(await found(), [6, 6])
  t.same([log.logStartOffset, log.logEndOffset], [6, 6])
  await storage.retention.run()
  t.same(logs(), ['2.log', '4.log', '6.log'])
  t.same(await found(), [6, 6])
  fault.heal()
  const indexFault = disk.inject({ operation: 'rename', path: /0000004\.index$/, code: 'EIO' })
  await storage.retention.run()
  t.same(await found(), [6, 6], 'an index without its log is nothing')
  indexFault.heal()
  await storage.retention.run()
  t.same(
    filesOf(directory).filter(name => !/deleted|^6\./.test(name)),
    [],
  )
  clock.advance(1000)
  await storage.removal.idle()
  t.same(await found(), [6, 6])
  t.match(await append(storage.logs, partition, { producerId: 7, baseSequence: 6 }), { baseOffset: 6 })
})

t.test('a clean stop with files still to be removed leaves nothing wrong', async t => {
  const { directory, storage, retain, partition } = await setUp(t, 5)
  await retain(0)
  await storage.close()
  t.ok(filesOf(directory).some(name => name.endsWith('.deleted')))
  const again = await openTestStorage({ directory, clock: new ManualClock() })
  t.teardown(() => again.close())
  await again.removal.idle()
  t.same(filesOf(directory), ['5.index', '5.log', '5.snapshot', '5.timeindex'])
  t.match(again.logs.offsets(partition), { logStartOffset: 5, highWatermark: 5, logEndOffset: 5 })
  t.match(await append(again.logs, partition, { values: ['x'], producerId: 7, baseSequence: 5 }), {
    baseOffset: 5,
  })
  t.same(await readAll(again.logs, partition, 5), ['5:x'])
})

t.test('who reads a segment that goes gets its bytes, who comes late is out of range', async t => {
  const { storage, disk, clock, retain, partition } = await setUp(t, 40)
  const held = disk.hold('readLater')
  const readers = Array.from({ length: 30 }, (_, i) => storage.logs.read([readItem(partition, i)], 1000))
  await until(() => held.count > 0)
  const begun = held.count
  await retain(4)
  clock.advance(1000)
  await storage.removal.idle()
  t.equal(logOf(storage, 'events').logStartOffset, 36)
  held.release()
  for (const [i, reader] of readers.entries()) {
    const outcome = await reader
    const [result] = outcome.results
    if (i < begun) t.same(recordsIn(result!)[0], `${i}:${i % 10}`)
    else t.match(result, { error: 'OFFSET_OUT_OF_RANGE', size: 0, logStartOffset: 36 })
    outcome.release()
  }
  t.same(await readAll(storage.logs, partition, 36), ['36:6', '37:7', '38:8', '39:9'])
  const open = [...disk.open.values()].filter(path => path.includes('events-0'))
  t.ok(open.length <= 2, 'files of what is gone are closed')
})

t.test('a reader on its way through the log crosses the edge', async t => {
  const { storage, retain, partition, log } = await setUp(t, 20)
  let offset = 0
  const seen: string[] = []
  for (let round = 0; seen.at(-1) !== '19:9'; round++) {
    const outcome = await storage.logs.read([readItem(partition, offset, batchSize)], 1000)
    const [result] = outcome.results
    if (result!.error === 'OFFSET_OUT_OF_RANGE') offset = result!.logStartOffset
    else {
      seen.push(...recordsIn(result!))
      offset = Number.parseInt(seen.at(-1)!, 10) + 1
    }
    outcome.release()
    if (round === 3) await retain(16)
    if (round === 7) await retain(6)
  }
  const expected = [0, 1, 2, 3, 4, 5, 6, 7, 14, 15, 16, 17, 18, 19]
  t.same(
    seen,
    expected.map(i => `${i}:${i % 10}`),
  )
  t.equal(log.logStartOffset, 14)
})

t.test('a sync that is under way does not stumble over a segment that goes', async t => {
  const { storage, disk, retain, partition, log } = await setUp(t, 4, { writeCaching: true })
  await storage.logs.idle()
  const held = disk.hold('sync', /events-0\/.*\.log$/)
  for (let i = 0; i < 6; i++) appendNow(storage.logs, partition, {})
  const synced = log.whenOnDisk(log.logEndOffset)
  await until(() => held.count === 1)
  await retain(2)
  t.same(basesOf(log), [8])
  held.release()
  await synced
  t.notOk(log.isOffline)
  t.equal(log.recoveryPoint, 10)
  await storage.close()
  t.equal(disk.open.size, 0)
})

t.test('a disk that is full does not keep retention from making room', async t => {
  const { disk, retain, log, storage, partition } = await setUp(t, 5)
  const full = disk.inject({ operation: 'replaceFile', path: /snapshot$/, code: 'ENOSPC' })
  await retain(0)
  t.same(basesOf(log), [4], 'all that need not be rolled')
  await storage.retention.run()
  t.same([basesOf(log), log.logStartOffset], [[4], 4])
  full.heal()
  const noFile = disk.inject({ operation: 'openForWrite', path: /05\.log$/, code: 'ENOSPC' })
  await storage.retention.run()
  t.same([basesOf(log), log.logStartOffset], [[4, 5], 4], 'nor what the end would be forgotten with')
  noFile.heal()
  await storage.retention.run()
  t.same(basesOf(log), [5])
  t.match(await append(storage.logs, partition, {}), { baseOffset: 5 })
})

t.test('a file that cannot be removed is tried again', async t => {
  const { directory, disk, clock, retain, storage } = await setUp(t, 3)
  const fault = disk.inject({ operation: 'removeLater', path: /0+\.log/, code: 'EIO' })
  await retain(1)
  const passes = async (durationMs: number) => {
    clock.advance(durationMs)
    await storage.removal.idle()
    return filesOf(directory).filter(name => name.endsWith('.deleted'))
  }
  t.same(await passes(1000), ['0.log.deleted'], 'the others are gone')
  t.same(await passes(60_000), ['0.log.deleted'])
  fault.heal()
  t.same(await passes(60_000), [])
})

t.test('an error with one log does not keep the others from being looked at', async t => {
  const { disk, retain, create, storage } = await setUp(t, 4)
  const [other] = await create('another')
  for (let i = 0; i < 4; i++) await append(storage.logs, other!, { values: ['v'] })
  await storage.logs.deleteBefore(other!, 2)
  disk.inject({ operation: 'list', path: /events-0$/, code: 'EIO' })
  await retain(2)
  t.same(basesOf(logOf(storage, 'another')), [2])
  t.notOk(fs.existsSync(join(logOf(storage, 'another').directory, '00000000000000000000.log')))
  t.same(basesOf(logOf(storage, 'events')), [2])
})

t.test('a deleted topic is renamed, and removed after log.segment.delete.delay.ms', async t => {
  const { directory, storage, clock, partition, create } = await setUp(t, 3)
  await storage.catalog.change({ type: 'delete-topic', id: partition.topicId })
  const ofEvents = () => fs.readdirSync(directory).filter(name => name.startsWith('events'))
  t.match(ofEvents(), [/^events-0\.[0-9a-f]{32}-delete$/])
  const [again] = await create('events')
  t.match(await append(storage.logs, again!, { values: ['new'] }), { baseOffset: 0 })
  t.same(await readAll(storage.logs, again!), ['0:new'])
  clock.advance(59_999)
  await storage.removal.idle()
  t.equal(ofEvents().length, 2)
  clock.advance(1)
  await storage.removal.idle()
  t.same(ofEvents(), ['events-0'])
})

t.test('a deletion survives a kill before and after the rename', async t => {
  const { directory, disk, storage, partition, create } = await setUp(t, 3)
  const check = async (title: string, topicsLeft: string[]) => {
    const { storage, directory: copy } = await afterKill(t, directory)
    t.same([...storage.catalog.current().topics.keys()].sort(), topicsLeft, title)
    await storage.removal.idle()
    const left = fs.readdirSync(copy).filter(name => /^(events|other)/.test(name))
    t.same(
      left,
      topicsLeft.map(name => `${name}-0`),
      title,
    )
    return storage
  }
  const fault = disk.inject({ operation: 'rename', path: /events-0$/, code: 'EIO' })
  await storage.catalog.change({ type: 'delete-topic', id: partition.topicId })
  t.ok(fs.existsSync(join(directory, 'events-0')))
  await check('recorded, not renamed', [])

  // Its name is not free, and nobody may take what lies there for a new topic's.
  const [stuck] = await create('events')
  t.same(await readAll(storage.logs, stuck!), ['KAFKA_STORAGE_ERROR'])
  const again = await check('made anew by the start', ['events'])
  t.same(await readAll(again.logs, stuck!), [])
  t.match(await append(again.logs, stuck!, { values: ['new'] }), { baseOffset: 0 })

  fault.heal()
  const [other] = await create('other')
  await append(storage.logs, other!, {})
  await storage.catalog.change({ type: 'delete-topic', id: other!.topicId })
  t.equal(fs.readdirSync(directory).filter(name => /^other-0\..*-delete$/.test(name)).length, 1)
  await check('renamed, not removed', ['events'])
})

t.test('the deletion of many partitions lets others have their turn', async t => {
  const { disk, storage, create } = await setUp(t, 1, { writeCaching: true, maxOpenSegments: 1000 })
  const partitions = await create('many', 1000)
  for (const partition of partitions) appendNow(storage.logs, partition, { timestamp: 1 })
  await storage.logs.idle()
  let isOver = false
  const deleting = storage.catalog.change({ type: 'delete-topic', id: partitions[0]!.topicId }).then(() => {
    isOver = true
  })
  let most = 0
  for (let before = disk.callsOf('rename').length; !isOver; ) {
    await new Promise(resolve => setImmediate(resolve))
    const now = disk.callsOf('rename').length
    most = Math.max(most, now - before)
    before = now
  }
  await deleting
  t.equal(disk.callsOf('rename', /many-\d+$/).length, 1000)
  t.ok(most <= 64, `${most} in a turn`)
  t.throws(() => storage.logs.offsets(partitions[999]!), new ProtocolError('UNKNOWN_TOPIC_OR_PARTITION'))
})

t.test('a compaction that was interrupted is finished or undone as Kafka does', async t => {
  const { directory, storage, partition } = await setUp(t, 8)
  await storage.close()
  const path = (base: number, rest: string) =>
    join(directory, 'events-0', `${String(base).padStart(20, '0')}.${rest}`)
  const start = async () => {
    const { storage, directory: copy } = await afterKill(t, directory)
    const names = filesOf(copy).filter(name => /log/.test(name))
    return { records: await readAll(storage.logs, partition), names }
  }
  const whole = await start()
  t.equal(whole.records.length, 8)

  // A segment that is being written, and one that was renamed before the one below it.
  fs.writeFileSync(path(2, 'log.cleaned'), 'half')
  fs.copyFileSync(path(4, 'log'), path(4, 'log.swap'))
  t.same(await start(), whole, 'undone')
  fs.rmSync(path(2, 'log.cleaned'))
  fs.rmSync(path(4, 'log.swap'))

  // Segments 0 and 2 were put together into one, which holds offsets 0 and 3.
  const first = fs.readFileSync(path(0, 'log')).subarray(0, batchSize)
  const last = fs.readFileSync(path(2, 'log')).subarray(batchSize)
  fs.writeFileSync(path(0, 'log.swap'), Buffer.concat([first, last]))
  fs.writeFileSync(path(0, 'index.swap'), '')
  const replacement = fs.readFileSync(path(0, 'log.swap'))
  fs.writeFileSync(path(0, 'log.swap'), Buffer.from(replacement).fill(0, batchSize + 40, batchSize + 50))
  const kept = await start()
  t.same(kept.records, whole.records, 'one that is damaged replaces nothing')
  t.ok(kept.names.includes('0.log.swap.damaged'), kept.names.join())
  fs.writeFileSync(path(0, 'log.swap'), replacement)
  const finished = await start()
  t.same(finished.names, ['0.log', '4.log', '6.log'])
  t.same(finished.records, ['0:0', '3:3', '4:4', '5:5', '6:6', '7:7'])

  const names = ['notes.swap', 'x.cleaned', '7.log.swap']
  t.notOk(
    finishInterruptedSwap(faultyDisk(), undefined as never, directory, names),
    'strangers are left alone',
  )
  await turn()
})

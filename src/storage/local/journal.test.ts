/** The journal: many logs durable by one sync, and what a crash leaves of it. Repeat a failure with `SEED=...`. */
import * as fs from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { faultyDisk } from '../../testing/faulty-disk.ts'
import { ManualClock } from '../../testing/manual-clock.ts'
import { powerLossDisk } from '../../testing/power-loss-disk.ts'
import { appendToAll, copyOf, createTopic, storageWithTopic } from '../../testing/storage-with-topic.ts'
import {
  append,
  logOf,
  openTestStorage,
  readAll,
  type TestStorageOptions,
  temporaryDirectory,
} from '../../testing/test-storage.ts'
import type { AppendResult, PartitionRef } from '../partition-log.ts'
import type { LocalStorage } from './local-storage.ts'

const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))

const errorsOf = (results: readonly AppendResult[]): string[] => [
  ...new Set(results.map(({ error }) => error)),
]

async function setUp(t: Test, options: Partial<TestStorageOptions> = {}) {
  const opened = await storageWithTopic(t, { partitionCount: 10, ...options })
  opened.disk.calls.length = 0
  return { ...opened, journalExists: () => fs.existsSync(opened.journal) }
}

/** One batch for each partition in one call. */
const appendValue = (storage: LocalStorage, partitions: readonly PartitionRef[], value: string) =>
  appendToAll(storage, partitions, { values: [value] })

t.test('batches for ten partitions are durable after one sync, and readable', async t => {
  const { storage, disk, partitions } = await setUp(t)
  t.same(errorsOf(await appendValue(storage, partitions, 'a')), ['NONE'])
  t.same(
    disk.callsOf('sync').filter(({ path }) => /events-\d/.test(path)),
    [],
    'no file of a partition',
  )
  t.ok(disk.callsOf('sync', /__journal-0.*\.log$/).length, 'but the journal')
  disk.calls.length = 0
  await appendValue(storage, partitions, 'b')
  t.same(
    disk.callsOf('sync').map(({ path }) => path.slice(-24)),
    ['00000000000000000000.log'],
    'names are safe by now',
  )
  for (const partition of partitions) t.same(await readAll(storage.logs, partition), ['0:a', '1:b'])
})

t.test('one partition alone is synced in its own file', async t => {
  const { storage, partitions, journalExists } = await setUp(t)
  await append(storage.logs, partitions[0]!, { values: ['a'] })
  t.notOk(journalExists())
})

t.test('large batches go to their own files, not everywhere twice', async t => {
  const { storage, partitions, journalExists } = await setUp(t)
  await appendValue(storage, partitions, 'x'.repeat(70_000))
  t.notOk(journalExists())
})

t.test('topics with write.caching leave the journal alone', async t => {
  const { storage, partitions, journalExists } = await setUp(t, { writeCaching: true })
  await appendValue(storage, partitions, 'a')
  t.notOk(journalExists())
})

t.test('log.journal.enable=false syncs every log in its own file', async t => {
  const { storage, disk, partitions, journalExists } = await setUp(t, { isJournalEnabled: false })
  await appendValue(storage, partitions, 'a')
  t.equal(disk.callsOf('sync', /events-\d\/.*\.log$/).length, 10)
  t.notOk(journalExists())
})

t.test('a clean stop leaves no journal, and everything in its place', async t => {
  const { directory, storage, partitions, journalExists } = await setUp(t)
  await appendValue(storage, partitions, 'a')
  t.ok(journalExists())
  await storage.close()
  t.notOk(journalExists())
  t.ok(fs.existsSync(join(directory, '.kafka_cleanshutdown')))
  const again = await openTestStorage({ directory })
  for (const partition of partitions) t.same(await readAll(again.logs, partition), ['0:a'])
  await again.close()
})

t.test(
  'recovery gives logs what they lack, whatever was lost of their files, and a second time nothing',
  async t => {
    const { directory, storage, partitions } = await setUp(t)
    for (const value of ['a', 'b', 'c']) await appendValue(storage, partitions, value)
    const copy = copyOf(t, directory)
    fs.rmSync(join(copy, 'events-0'), { recursive: true })
    fs.truncateSync(join(copy, 'events-1', '00000000000000000000.log'), 0)
    fs.truncateSync(join(copy, 'events-2', '00000000000000000000.log'), 100)
    fs.rmSync(join(copy, 'events-3', 'partition.metadata'))
    for (let start = 0; start < 2; start++) {
      const again = await openTestStorage({ directory: copy })
      for (const partition of partitions) {
        t.same(await readAll(again.logs, partition), ['0:a', '1:b', '2:c'], `partition ${partition.index}`)
      }
      if (start === 1) {
        await again.close()
        t.notOk(fs.existsSync(join(copy, '__journal-0')))
      } else {
        const next = copyOf(t, copy)
        await again.close()
        fs.rmSync(copy, { recursive: true })
        fs.renameSync(next, copy)
      }
    }
  },
)

t.test('a segment that came to disk before the one in front of it does not hide what that lacks', async t => {
  const directory = temporaryDirectory(t)
  const storage = await openTestStorage({ directory })
  t.teardown(() => storage.close())
  const partitions = await createTopic(storage, 3, { 'internal.segment.bytes': '200' })
  const values = ['a', 'b', 'c', 'd', 'e', 'f', 'g']
  for (const value of values) await appendValue(storage, partitions, value)
  const copy = copyOf(t, directory)
  fs.rmSync(join(copy, 'recovery-point-offset-checkpoint'), { force: true })
  const segments = fs.readdirSync(join(copy, 'events-1')).filter(name => name.endsWith('.log'))
  t.ok(segments.length > 2, segments.join())
  fs.truncateSync(join(copy, 'events-1', segments.sort()[1]!))
  const again = await openTestStorage({ directory: copy })
  for (const partition of partitions) {
    t.same(
      await readAll(again.logs, partition),
      values.map((value, offset) => `${offset}:${value}`),
    )
  }
  await again.close()
})

t.test('a torn end of the journal is cut off: nobody was told of it', async t => {
  const { directory, storage, partitions } = await setUp(t)
  await appendValue(storage, partitions, 'a')
  const copy = copyOf(t, directory)
  for (const { index } of partitions) fs.truncateSync(join(copy, `events-${index}`, `${'0'.repeat(20)}.log`))
  fs.appendFileSync(join(copy, '__journal-0', `${'0'.repeat(20)}.log`), Buffer.alloc(100, 1))
  const again = await openTestStorage({ directory: copy })
  for (const partition of partitions) t.same(await readAll(again.logs, partition), ['0:a'])
  await again.close()
})

t.test('what the journal has of a deleted topic does not come back with a new one of its name', async t => {
  const { directory, storage, partitions } = await setUp(t)
  await appendValue(storage, partitions, 'old')
  await storage.catalog.change({ type: 'delete-topic', id: partitions[0]!.topicId })
  await createTopic(storage, 10)
  const again = await openTestStorage({ directory: copyOf(t, directory) })
  for (const partition of again.catalog.current().topics.get('events')!.partitions) {
    t.same(await readAll(again.logs, partition), [])
  }
  await again.close()
})

t.test('records below the log start do not come back', async t => {
  const { directory, storage, partitions } = await setUp(t)
  for (const value of ['a', 'b']) await appendValue(storage, partitions, value)
  for (const partition of partitions) await storage.logs.deleteBefore(partition, 2)
  const copy = copyOf(t, directory)
  for (const { index } of partitions) fs.truncateSync(join(copy, `events-${index}`, `${'0'.repeat(20)}.log`))
  const again = await openTestStorage({ directory: copy })
  for (const partition of partitions) {
    const { logStartOffset, logEndOffset } = again.logs.offsets(partition)
    t.same({ logStartOffset, logEndOffset }, { logStartOffset: 2, logEndOffset: 2 })
  }
  await again.close()
})

t.test('a journal that has no room, or cannot be synced, costs time and nothing else', async t => {
  for (const [operation, code] of [
    ['write', 'ENOSPC'],
    ['write', 'EIO'],
    ['sync', 'EIO'],
    ['openForWrite', 'EMFILE'],
  ] as const) {
    const { directory, storage, disk, partitions } = await setUp(t)
    await appendValue(storage, partitions, 'a')
    const fault = disk.inject({ operation, path: /__journal-0.*\.log$/, code })
    t.same(errorsOf(await appendValue(storage, partitions, 'b')), ['NONE'], `${operation} ${code}`)
    fault.heal()
    t.same(errorsOf(await appendValue(storage, partitions, 'c')), ['NONE'])
    const again = await openTestStorage({ directory: copyOf(t, directory) })
    for (const partition of partitions) t.same(await readAll(again.logs, partition), ['0:a', '1:b', '2:c'])
    await again.close()
    await storage.close()
    t.notOk(fs.existsSync(join(directory, '__journal-0')))
  }
})

t.test('the journal goes when the logs have been synced, which happens now and then', async t => {
  const clock = new ManualClock()
  const { directory, storage, partitions } = await setUp(t, { clock })
  await appendValue(storage, partitions, 'a')
  t.equal(logOf(storage, 'events', 3).recoveryPoint, 0, 'durable in the journal only')
  clock.advance(60_000)
  await storage.logs.idle()
  t.equal(logOf(storage, 'events', 3).recoveryPoint, 1)
  await storage.removal.idle()
  const kept = fs.readdirSync(join(directory, '__journal-0')).filter(name => name.startsWith('0000'))
  t.notOk(kept.includes('00000000000000000000.log'), kept.join())
})

t.test('what an offline log may lack stays in the journal until a start can open it', async t => {
  const { directory, storage, partitions } = await setUp(t)
  await appendValue(storage, partitions, 'a')
  const copy = copyOf(t, directory)
  fs.truncateSync(join(copy, 'events-4', `${'0'.repeat(20)}.log`))
  const disk = faultyDisk()
  disk.inject({ operation: 'openForWrite', path: /events-4\/.*\.log/, code: 'EIO' })
  disk.inject({ operation: 'sizeOf', path: /events-4\/.*\.log/, code: 'EIO' })
  const broken = await openTestStorage({ directory: copy, disk })
  t.same(await readAll(broken.logs, partitions[3]!), ['0:a'])
  t.same(await readAll(broken.logs, partitions[4]!), ['KAFKA_STORAGE_ERROR'])
  await broken.close()
  t.ok(fs.existsSync(join(copy, '__journal-0')))
  const again = await openTestStorage({ directory: copy })
  for (const partition of partitions) t.same(await readAll(again.logs, partition), ['0:a'])
  await again.close()
})

t.test('damage below what the journal has is reported, and what follows is kept', async t => {
  const clock = new ManualClock()
  const { directory, storage, partitions } = await setUp(t, { clock })
  await appendValue(storage, partitions, 'a')
  clock.advance(60_000)
  await storage.logs.idle()
  await appendValue(storage, partitions, 'b')
  const copy = copyOf(t, directory)
  fs.rmSync(join(copy, 'recovery-point-offset-checkpoint'))
  fs.writeFileSync(join(copy, 'events-5', `${'0'.repeat(20)}.log`), Buffer.alloc(200, 7))
  for (let start = 0; start < 2; start++) {
    const again = await openTestStorage({ directory: copy })
    t.same(await readAll(again.logs, partitions[6]!), ['0:a', '1:b'])
    t.same(await readAll(again.logs, partitions[5]!, 1), start === 0 ? ['1:b'] : ['1:b', '2:c'])
    if (start === 0) t.same(errorsOf(await appendValue(again, partitions.slice(5, 6), 'c')), ['NONE'])
    await again.close()
  }
})

t.test(`power losses at any moment, seed ${seed}`, async t => {
  let state = seed
  const random = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    return ((state >>> 8) * 2 ** -24 * below) | 0
  }
  const folder = temporaryDirectory(t)
  const directory = join(folder, 'live')
  fs.mkdirSync(directory)
  const disk = powerLossDisk(directory)
  const clock = new ManualClock()
  const storage = await openTestStorage({ directory, disk, clock })
  const partitions = await createTopic(storage, 12, { 'internal.segment.bytes': '2000' })
  const acknowledged = partitions.map((): (string | undefined)[] => [])
  const under = new Set<Promise<void>>()
  let losses = 0
  const steps = 120
  for (let step = 1; step <= steps; step++) {
    const chosen = partitions.filter(() => random(3) > 0)
    const value = `${step}`.padEnd(random(150), '.')
    const work = appendValue(storage, chosen, value).then(results => {
      results.forEach((result, i) => {
        if (result.error !== 'NONE') throw new Error(`${result.error} ${result.message}`)
        acknowledged[chosen[i]!.index]![result.baseOffset] = `${result.baseOffset}:${value}`
      })
      under.delete(work)
    })
    under.add(work)
    if (random(3) === 0) await work
    if (random(20) === 0) clock.advance(60_000)
    // At the end in any case: a seed that loses nothing would show nothing.
    if (random(20) > 0 && step < steps) continue
    const promised = acknowledged.map(values => [...values])
    const target = join(folder, `loss-${losses++}`)
    fs.mkdirSync(target)
    disk.loseInto(target, random)
    const again = await openTestStorage({ directory: target })
    for (const [i, values] of promised.entries()) {
      // An answer may come before that of an earlier request, which still waits for other partitions.
      const found = await readAll(again.logs, partitions[i]!)
      values.forEach((value, offset) => {
        if (value !== undefined && found[offset] !== value)
          t.equal(found[offset], value, `step ${step}, partition ${i}`)
      })
    }
    await again.close()
  }
  await Promise.all(under)
  await storage.close()
  t.ok(losses > 0, `${losses} losses`)
})

/**
 * The journal where things go wrong or come at once: what a log may lack beside it, who waits while it is busy, and
 * what it must not grow or give away meanwhile.
 */
import * as fs from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { faultyDisk } from '../../testing/faulty-disk.ts'
import { ManualClock } from '../../testing/manual-clock.ts'
import {
  appendToAll,
  collectingLogger,
  copyOf,
  createTopic,
  loseFilesOf,
  storageWithTopic,
} from '../../testing/storage-with-topic.ts'
import { append, logOf, openTestStorage, readAll, testBatch, until } from '../../testing/test-storage.ts'
import { DurableEnd } from './durable-end.ts'

const firstSegment = `${'0'.repeat(20)}.log`

t.test('what is lost of the own files', async t => {
  t.test('a batch that reaches over the log start keeps its offsets', async t => {
    const { directory, storage, partitions } = await storageWithTopic(t)
    await appendToAll(storage, partitions, { values: ['a', 'b', 'c'] })
    await appendToAll(storage, partitions, { values: ['d'] })
    for (const partition of partitions) await storage.logs.deleteBefore(partition, 1)
    const copy = copyOf(t, directory)
    for (const partition of partitions) loseFilesOf(copy, partition)
    const again = await openTestStorage({ directory: copy })
    t.teardown(() => again.close())
    for (const partition of partitions) {
      t.equal(again.logs.offsets(partition).logStartOffset, 1)
      const found = await readAll(again.logs, partition, 1)
      t.same(found, ['1:b', '2:c', '3:d'])
    }
  })

  t.test('the first segment: the log does not begin with the second', async t => {
    const { directory, storage, partitions } = await storageWithTopic(t, {
      configs: { 'internal.segment.bytes': '200' },
    })
    const values = ['a', 'b', 'c', 'd', 'e', 'f']
    for (const value of values) await appendToAll(storage, partitions, { values: [value] })
    const copy = copyOf(t, directory)
    fs.rmSync(join(copy, 'recovery-point-offset-checkpoint'), { force: true })
    fs.rmSync(join(copy, 'events-2', firstSegment))
    const again = await openTestStorage({ directory: copy })
    t.teardown(() => again.close())
    t.same(
      await readAll(again.logs, partitions[2]!),
      values.map((value, offset) => `${offset}:${value}`),
    )
  })

  t.test('nothing behind a gap that the journal does not fill, whatever the checkpoints say', async t => {
    const { directory, storage, partitions } = await storageWithTopic(t)
    await appendToAll(storage, partitions, { values: ['a'] })
    await storage.close()
    // A gap as compaction leaves it, or damage of long ago.
    const second = join(directory, 'events-1', '00000000000000000005.log')
    const bytes = testBatch({ values: ['f'] })
    bytes.writeBigInt64BE(5n, 0)
    fs.writeFileSync(second, bytes)
    const gapped = await openTestStorage({ directory })
    t.teardown(() => gapped.close())
    t.same(await readAll(gapped.logs, partitions[1]!), ['0:a', '5:f'])
    await appendToAll(gapped, partitions, { values: ['g'] })
    const copy = copyOf(t, directory)
    fs.rmSync(join(copy, 'recovery-point-offset-checkpoint'), { force: true })
    const again = await openTestStorage({ directory: copy })
    t.teardown(() => again.close())
    t.same(await readAll(again.logs, partitions[1]!), ['0:a', '5:f', '6:g'])
  })

  t.test('what a failed sync may not have written is written again, not only synced again', async t => {
    const clock = new ManualClock()
    const { directory, storage, disk, partitions } = await storageWithTopic(t, { clock })
    await appendToAll(storage, partitions, { values: ['a'] })
    disk.inject({ operation: 'sync', path: /events-2\/.*\.log$/, code: 'EIO' })
    clock.advance(60_000)
    await storage.logs.idle()
    t.ok(logOf(storage, 'events', 2).isOffline)
    const copy = copyOf(t, directory)
    const next = faultyDisk()
    const again = await openTestStorage({ directory: copy, disk: next })
    t.teardown(() => again.close())
    t.equal(next.callsOf('write', /events-2\/.*\.log$/).length, 1)
    t.same(await readAll(again.logs, partitions[2]!), ['0:a'])
  })
})

t.test('who waits', async t => {
  t.test('a log with more than fits an entry is not kept waiting by others', async t => {
    const { storage, partitions } = await storageWithTopic(t, { partitionCount: 141 })
    const lanes = [partitions.slice(1, 71), partitions.slice(71)]
    let rounds = 0
    let isDone = false
    const work = lanes.map(async lane => {
      while (!isDone && rounds < 100) {
        await appendToAll(storage, lane, { values: ['small'] })
        rounds++
      }
    })
    const value = 'x'.repeat(4_300_000)
    const [result] = await appendToAll(storage, partitions.slice(0, 1), { values: [value] })
    isDone = true
    t.equal(result!.error, 'NONE')
    await Promise.all(work)
    t.ok(rounds < 30, `${rounds} rounds of the others`)
  })

  t.test('one log with much to write leaves the journal to the others', async t => {
    const { storage, disk, partitions } = await storageWithTopic(t)
    await appendToAll(storage, partitions, { values: ['names are safe by now'] })
    disk.calls.length = 0
    const items = partitions.map((partition, n) => ({
      partition,
      batch: testBatch({ values: [n === 0 ? 'x'.repeat(1_000_000) : 'a'] }),
      origin: 'client' as const,
    }))
    await storage.logs.append(items, 'durable')
    t.same(
      disk.callsOf('sync', /events-\d\/.*\.log$/).map(({ path }) => /events-\d/.exec(path)?.[0]),
      ['events-0'],
    )
  })

  t.test('who asks when nothing can become durable any more is told so at once', async t => {
    const end = new DurableEnd()
    end.fail(new Error('gone'))
    await t.rejects(end.waitFor(1), { message: 'gone' })
  })

  t.test('idle comes also when a log has nothing new and others never rest', async t => {
    const { storage, partitions } = await storageWithTopic(t)
    await appendToAll(storage, partitions, { values: ['a'] })
    let isDone = false
    const work = (async () => {
      for (let round = 0; !isDone && round < 1000; round++)
        await appendToAll(storage, partitions.slice(1), { values: ['b'] })
      return isDone
    })()
    logOf(storage, 'events', 0).environment.syncWanted(logOf(storage, 'events', 0))
    await until(() => logOf(storage, 'events', 0).recoveryPoint === 1 || isDone)
    isDone = true
    t.ok(await work, 'its file was synced meanwhile')
  })
})

t.test('what fails', async t => {
  t.test(
    'no descriptor for the journal: nobody waits for one, and nothing is written over and over',
    async t => {
      const clock = new ManualClock()
      const { storage, disk, partitions, directory } = await storageWithTopic(t, { clock })
      const fault = disk.inject({ operation: 'syncDirectory', path: /__journal-0$/, code: 'EMFILE' })
      for (const value of ['a', 'b', 'c']) {
        const results = await appendToAll(storage, partitions, { values: [value] })
        t.same(new Set(results.map(({ error }) => error)), new Set(['NONE']))
      }
      const writes = disk.callsOf('write', /__journal-0\/.*\.log$/).length
      t.ok(writes <= 1, `${writes} writes`)
      fault.heal()
      clock.advance(10_000)
      await appendToAll(storage, partitions, { values: ['d'] })
      t.ok(disk.callsOf('write', /__journal-0\/.*\.log$/).length > writes, 'the journal is used again')
      const again = await openTestStorage({ directory: copyOf(t, directory) })
      t.teardown(() => again.close())
      for (const partition of partitions)
        t.same(await readAll(again.logs, partition), ['0:a', '1:b', '2:c', '3:d'])
    },
  )

  t.test(
    'a full disk is reported now and then, not with every append, and the journal comes back',
    async t => {
      const { logger, messages } = collectingLogger()
      const clock = new ManualClock()
      const { storage, disk, partitions } = await storageWithTopic(t, { logger, clock })
      await appendToAll(storage, partitions, { values: ['a'] })
      const fault = disk.inject({ operation: 'write', path: /__journal-0\/.*\.log$/, code: 'ENOSPC' })
      for (let n = 0; n < 20; n++) await appendToAll(storage, partitions, { values: ['b'] })
      t.equal(messages.filter(message => /journal/.test(message)).length, 1, messages.join('; '))
      fault.heal()
      clock.advance(60_000)
      await storage.logs.idle()
      disk.calls.length = 0
      await appendToAll(storage, partitions, { values: ['c'] })
      t.ok(disk.callsOf('sync', /__journal-0\/.*\.log$/).length)
    },
  )

  t.test('a journal that cannot be written is given up, once', async t => {
    const { logger, messages } = collectingLogger()
    const { storage, disk, partitions } = await storageWithTopic(t, { logger })
    await appendToAll(storage, partitions, { values: ['a'] })
    disk.inject({ operation: 'write', path: /__journal-0\/.*\.log$/, code: 'EIO' })
    disk.calls.length = 0
    for (let n = 0; n < 5; n++) await appendToAll(storage, partitions, { values: ['b'] })
    t.equal(disk.callsOf('write', /__journal-0\/.*\.log$/).length, 1)
    t.equal(messages.filter(message => /journal/.test(message)).length, 1, messages.join('; '))
  })

  t.test('a log that cannot be read back is synced by itself, and spoils nothing for the others', async t => {
    const { storage, disk, partitions } = await storageWithTopic(t)
    await appendToAll(storage, partitions, { values: ['a'] })
    disk.inject({ operation: 'read', path: /events-0\/.*\.log$/, code: 'EIO' })
    disk.calls.length = 0
    const results = await appendToAll(storage, partitions, { values: ['b'] })
    t.same(
      results.map(({ error }) => error),
      ['NONE', 'NONE', 'NONE', 'NONE'],
    )
    t.equal(disk.callsOf('sync', /events-0\/.*\.log$/).length, 1)
    t.equal(disk.callsOf('sync', /events-[123]\/.*\.log$/).length, 0)
  })
})

t.test('how it goes', async t => {
  t.test(
    'after recovery there is none, in use or not, and a second crash has nothing to complete',
    async t => {
      for (const isJournalEnabled of [true, false]) {
        const { directory, storage, partitions } = await storageWithTopic(t)
        await appendToAll(storage, partitions, { values: ['a'] })
        const copy = copyOf(t, directory)
        const again = await openTestStorage({ directory: copy, isJournalEnabled })
        t.teardown(() => again.close())
        t.notOk(fs.existsSync(join(copy, '__journal-0')), `enabled: ${isJournalEnabled}`)
        await appendToAll(again, partitions, { values: ['b'] })
        t.equal(fs.existsSync(join(copy, '__journal-0')), isJournalEnabled)
        for (const partition of partitions) t.same(await readAll(again.logs, partition), ['0:a', '1:b'])
      }
    },
  )

  t.test('one that cannot be removed does not keep the broker from starting', async t => {
    const { directory, storage, partitions } = await storageWithTopic(t)
    await appendToAll(storage, partitions, { values: ['a'] })
    const copy = copyOf(t, directory)
    const disk = faultyDisk()
    const fault = disk.inject({ operation: 'removeLater', path: /__journal-0$/, code: 'EIO' })
    const again = await openTestStorage({ directory: copy, disk })
    await appendToAll(again, partitions, { values: ['b'] })
    for (const partition of partitions) t.same(await readAll(again.logs, partition), ['0:a', '1:b'])
    fault.heal()
    await again.close()
    t.notOk(fs.existsSync(join(copy, '__journal-0')))
  })

  t.test('an idle broker has no journal, and does nothing about it', async t => {
    const clock = new ManualClock()
    const { storage, disk, partitions, journal } = await storageWithTopic(t, { clock })
    await appendToAll(storage, partitions, { values: ['a'] })
    await storage.catalog.change({ type: 'delete-topic', id: partitions[0]!.topicId })
    for (let n = 0; n < 3; n++) {
      disk.calls.length = 0
      clock.advance(60_000)
      await storage.logs.idle()
      await storage.removal.idle()
    }
    t.same(
      fs.readdirSync(journal).filter(name => name.endsWith('.log')),
      [],
    )
    t.same(
      disk.calls.filter(({ operation }) => operation !== 'isDirectory'),
      [],
    )
  })
})

t.test('names', async t => {
  t.test(
    'a deleted topic has lost its directories for good before a new one of its name gets them',
    async t => {
      const { directory, storage, disk, partitions } = await storageWithTopic(t)
      await appendToAll(storage, partitions, { values: ['old'] })
      disk.calls.length = 0
      await storage.catalog.change({ type: 'delete-topic', id: partitions[0]!.topicId })
      await createTopic(storage, 4)
      const calls = disk.calls.map(({ operation, path }) => `${operation} ${path}`)
      const renamed = calls.findLastIndex(call => call.startsWith('rename'))
      const synced = calls.indexOf(`syncDirectory ${directory}`, renamed)
      const made = calls.findIndex(call => call.startsWith('makeDirectory'))
      t.ok(renamed < synced && synced < made, `${renamed} ${synced} ${made}`)
    },
  )

  t.test('a segment found empty after a crash has a name that nobody has synced', async t => {
    const { directory, storage, partitions } = await storageWithTopic(t)
    await append(storage.logs, partitions[0]!, { values: ['a'] })
    await append(storage.logs, partitions[1]!, { values: ['a'] })
    await storage.close()
    fs.rmSync(join(directory, '.kafka_cleanshutdown'))
    fs.writeFileSync(join(directory, 'events-0', '00000000000000000001.log'), Buffer.alloc(30))
    const disk = faultyDisk()
    const again = await openTestStorage({ directory, disk })
    t.teardown(() => again.close())
    await append(again.logs, partitions[0]!, { values: ['b'] })
    t.equal(disk.callsOf('syncDirectory', /events-0$/).length, 1)
    await append(again.logs, partitions[1]!, { values: ['b'] })
    t.equal(disk.callsOf('syncDirectory', /events-1$/).length, 0, 'only there')
  })
})

t.test('retention', async t => {
  const configs = {
    'internal.segment.bytes': '200',
    'retention.bytes': '0',
    'file.delete.delay.ms': '100000000',
  }

  t.test('where a log starts is stored before its segments lose their names', async t => {
    const clock = new ManualClock()
    const { storage, disk, partitions } = await storageWithTopic(t, { clock, configs })
    for (const value of ['a', 'b', 'c', 'd']) await appendToAll(storage, partitions, { values: [value] })
    disk.calls.length = 0
    clock.advance(30_000)
    await storage.retention.idle()
    const calls = disk.calls.map(({ operation, path }) => `${operation} ${path}`)
    const stored = calls.findIndex(call => /replaceFile .*log-start-offset-checkpoint/.test(call))
    const renamed = calls.findIndex(call => call.startsWith('rename'))
    t.ok(stored >= 0 && stored < renamed, `${stored} ${renamed}`)
    t.equal(
      calls.filter(call => /replaceFile .*log-start-offset-checkpoint/.test(call)).length,
      1,
      'once for all',
    )
  })

  t.test('a segment that is back after a power loss, torn, does not move the log end', async t => {
    const clock = new ManualClock()
    const { directory, storage, partitions } = await storageWithTopic(t, { clock, configs })
    for (const value of ['a', 'b', 'c', 'd']) await appendToAll(storage, partitions, { values: [value] })
    clock.advance(30_000)
    await storage.retention.idle()
    await storage.removal.idle()
    const copy = copyOf(t, directory)
    // The journal is gone, for what is left of the log was synced meanwhile.
    fs.rmSync(join(copy, '__journal-0'), { recursive: true })
    const folder = join(copy, 'events-1')
    fs.renameSync(join(folder, `${firstSegment}.deleted`), join(folder, firstSegment))
    fs.truncateSync(join(folder, firstSegment), 30)
    const again = await openTestStorage({ directory: copy })
    t.teardown(() => again.close())
    const { logStartOffset, logEndOffset } = again.logs.offsets(partitions[1]!)
    t.same({ logStartOffset, logEndOffset }, { logStartOffset: 4, logEndOffset: 4 })
  })

  t.test('where the log start cannot be stored only what was synced by itself goes', async t => {
    const clock = new ManualClock()
    const {
      directory,
      disk,
      storage: first,
      partitions: made,
    } = await storageWithTopic(t, { clock, configs })
    for (const value of ['a', 'b', 'c', 'd']) await appendToAll(first, made, { values: [value] })
    // The recovery points are stored, and then the journal has something of all but one.
    await first.close()
    const storage = await openTestStorage({ directory, disk, clock })
    t.teardown(() => storage.close())
    const { partitions } = storage.catalog.current().topics.get('events')!
    await appendToAll(storage, partitions.slice(0, 3), { values: ['e'] })
    const fault = disk.inject({ operation: 'replaceFile', path: /log-start-offset/, code: 'ENOSPC' })
    disk.calls.length = 0
    clock.advance(30_000)
    await storage.retention.idle()
    const renamed = (): string[] =>
      [...new Set(disk.callsOf('rename').map(({ path }) => /events-\d/.exec(path)![0]))].sort()
    t.same(renamed(), ['events-3'])
    fault.heal()
    clock.advance(300_000)
    await storage.retention.idle()
    t.same(renamed(), ['events-0', 'events-1', 'events-2', 'events-3'])
  })
})

/**
 * What damage in the journal costs, and what it holds for logs that are offline. Logs lose their own files here, so that
 * only the journal has what was acknowledged.
 */
import * as fs from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { batchField, batchSize } from '../../../protocol-codecs/record-batch.ts'
import { type FaultyDisk, faultyDisk } from '../../testing/faulty-disk.ts'
import { ManualClock } from '../../testing/manual-clock.ts'
import {
  appendToAll,
  collectingLogger,
  copyOf,
  loseFilesOf,
  storageWithTopic,
} from '../../testing/storage-with-topic.ts'
import { logOf, openTestStorage, readAll } from '../../testing/test-storage.ts'
import type { PartitionRef } from '../partition-log.ts'
import type { LocalStorage } from './local-storage.ts'

const firstSegment = `${'0'.repeat(20)}.log`

t.test('what is damaged in the middle', async t => {
  const journalFile = (copy: string) => join(copy, '__journal-0', firstSegment)
  const values = ['a', 'b', 'c']

  /** Three entries in the journal, and nothing of the logs' own unless it is kept. */
  async function crashed(t: Test, { isKept = false } = {}) {
    const { directory, storage, partitions } = await storageWithTopic(t)
    for (const value of values) await appendToAll(storage, partitions, { values: [value] })
    const copy = copyOf(t, directory)
    if (!isKept) for (const partition of partitions) loseFilesOf(copy, partition)
    const bytes = fs.readFileSync(journalFile(copy))
    const second = batchSize(bytes, 0)
    const third = second + batchSize(bytes, second)
    return { copy, partitions, bytes, second, third }
  }

  async function open(t: Test, copy: string) {
    const { logger, messages } = collectingLogger()
    const storage = await openTestStorage({ directory: copy, logger })
    t.teardown(() => storage.close())
    return { storage, messages }
  }

  t.test('costs what was in it and nothing behind it, and is told of', async t => {
    for (const field of [70, batchField.crc]) {
      const { copy, partitions, bytes, second } = await crashed(t)
      bytes[second + field]! ^= 0x10
      fs.writeFileSync(journalFile(copy), bytes)
      const { storage, messages } = await open(t, copy)
      for (const partition of partitions) t.same(await readAll(storage.logs, partition), ['0:a', '2:c'])
      t.equal(messages.filter(message => /the journal is damaged/.test(message)).length, 1)
      t.equal(messages.filter(message => /neither a log nor the journal/.test(message)).length, 4)
      const [result] = await appendToAll(storage, partitions.slice(0, 1), { values: ['d'] })
      t.match(result, { error: 'NONE', baseOffset: 3 })
    }
  })

  t.test('costs nothing where the logs have it in their own files, and is told of all the same', async t => {
    const { copy, partitions, bytes, second } = await crashed(t, { isKept: true })
    bytes.fill(0, second, second + 50)
    fs.writeFileSync(journalFile(copy), bytes)
    const { storage, messages } = await open(t, copy)
    for (const partition of partitions) {
      t.same(await readAll(storage.logs, partition), ['0:a', '1:b', '2:c'])
    }
    t.match(messages, [/the journal is damaged/])
  })

  t.test('costs nothing where it is a field that no checksum covers', async t => {
    for (const field of ['baseOffset', 'batchLength', 'partitionLeaderEpoch', 'magic'] as const) {
      const { copy, partitions, bytes, second } = await crashed(t)
      bytes[second + batchField[field] + (field === 'magic' ? 0 : 2)]! ^= 0x01
      fs.writeFileSync(journalFile(copy), bytes)
      const { storage, messages } = await open(t, copy)
      for (const partition of partitions) {
        t.same(await readAll(storage.logs, partition), ['0:a', '1:b', '2:c'], field)
      }
      t.same(messages, [], field)
    }
  })

  t.test('is a torn tail where nothing sound follows, of which nobody is told', async t => {
    const { copy, partitions, bytes, third } = await crashed(t)
    fs.writeFileSync(journalFile(copy), bytes.fill(0, third + 30, third + 90))
    const { storage, messages } = await open(t, copy)
    for (const partition of partitions) t.same(await readAll(storage.logs, partition), ['0:a', '1:b'])
    t.same(messages, [])
  })

  t.test('is not followed by what a file system shows of bytes that were there before', async t => {
    const { copy, partitions, bytes, second, third } = await crashed(t)
    const old = Buffer.from(bytes.subarray(second, third))
    old.writeBigInt64BE(0n, 0)
    fs.writeFileSync(journalFile(copy), Buffer.concat([bytes.subarray(0, second), Buffer.alloc(100), old]))
    const { storage, messages } = await open(t, copy)
    for (const partition of partitions) t.same(await readAll(storage.logs, partition), ['0:a'])
    t.same(messages, [])
  })
})

t.test('what an offline log needs', async t => {
  const minutes = 8

  /** Each minute something for everybody, and a checkpoint. Gives in how many of them the journal was synced. */
  async function goOn(
    storage: LocalStorage,
    disk: FaultyDisk,
    clock: ManualClock,
    partitions: PartitionRef[],
  ) {
    let journaled = 0
    for (let minute = 0; minute < minutes; minute++) {
      disk.calls.length = 0
      const results = await appendToAll(storage, partitions, { values: [`minute ${minute}`] })
      t.same(new Set(results.map(({ error }) => error)), new Set(['NONE']))
      if (disk.callsOf('sync', /__journal-0\/.*\.log$/).length > 0) journaled++
      clock.advance(60_000)
      await storage.logs.idle()
      await storage.removal.idle()
    }
    return journaled
  }

  const segmentsIn = (directory: string) =>
    fs.readdirSync(join(directory, '__journal-0')).filter(name => name.endsWith('.log')).length

  t.test('is held for it while the others go on with the journal', async t => {
    const clock = new ManualClock()
    const { directory, storage, disk, partitions } = await storageWithTopic(t, { clock })
    await appendToAll(storage, partitions, { values: ['acknowledged'] })
    disk.inject({ operation: 'sync', path: /events-2\/.*\.log$/, code: 'EIO' })
    clock.advance(60_000)
    await storage.logs.idle()
    t.ok(logOf(storage, 'events', 2).isOffline)
    const others = partitions.filter(({ index }) => index !== 2)
    t.equal(await goOn(storage, disk, clock, others), minutes)
    t.equal(segmentsIn(directory), 1, 'only what is held')
    const copy = copyOf(t, directory)
    loseFilesOf(copy, partitions[2]!)
    const again = await openTestStorage({ directory: copy })
    t.teardown(() => again.close())
    t.same(await readAll(again.logs, partitions[2]!), ['0:acknowledged'])
    t.notOk(fs.existsSync(join(copy, '__journal-0')))
  })

  t.test('is held over a start that cannot open it, and given back by one that can', async t => {
    const { directory, storage, partitions } = await storageWithTopic(t)
    await appendToAll(storage, partitions, { values: ['acknowledged'] })
    const copy = copyOf(t, directory)
    // The end is torn as well: in front of what is written next it must not look like damage.
    fs.appendFileSync(join(copy, '__journal-0', firstSegment), Buffer.alloc(50, 1))
    fs.truncateSync(join(copy, 'events-2', firstSegment))
    const disk = faultyDisk()
    disk.inject({ operation: 'sizeOf', path: /events-2\/.*\.log/, code: 'EIO' })
    const clock = new ManualClock()
    const broken = await openTestStorage({ directory: copy, disk, clock })
    t.teardown(() => broken.close())
    const others = partitions.filter(({ index }) => index !== 2)
    t.equal(await goOn(broken, disk, clock, others), minutes)
    t.equal(segmentsIn(copy), 1, 'only what is held')
    await appendToAll(broken, others, { values: ['last'] })
    const next = copyOf(t, copy)
    for (const partition of partitions) fs.truncateSync(join(next, `events-${partition.index}`, firstSegment))
    const { logger, messages } = collectingLogger()
    const again = await openTestStorage({ directory: next, logger })
    t.teardown(() => again.close())
    t.same(await readAll(again.logs, partitions[2]!), ['0:acknowledged'])
    t.match(await readAll(again.logs, partitions[3]!, minutes), [`${minutes + 1}:last`])
    t.notOk(messages.some(message => /the journal is damaged/.test(message)))
    t.notOk(fs.existsSync(join(next, '__journal-0')))
  })

  t.test('is let go when its topic is deleted', async t => {
    const clock = new ManualClock()
    const { directory, storage, disk, partitions } = await storageWithTopic(t, { clock })
    await appendToAll(storage, partitions, { values: ['a'] })
    disk.inject({ operation: 'sync', path: /events-2\/.*\.log$/, code: 'EIO' })
    clock.advance(60_000)
    await storage.logs.idle()
    await storage.removal.idle()
    t.equal(segmentsIn(directory), 1)
    await storage.catalog.change({ type: 'delete-topic', id: partitions[0]!.topicId })
    clock.advance(60_000)
    await storage.logs.idle()
    await storage.removal.idle()
    t.equal(segmentsIn(directory), 0)
  })
})

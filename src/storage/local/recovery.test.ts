/** What the local engine makes of a folder that a crash, a bad disk or a stranger has left behind. */
import * as fs from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { batchField } from '../../../protocol-codecs/record-batch.ts'
import { faultyDisk } from '../../testing/faulty-disk.ts'
import { openTestLog, type TestLogOptions, testPartition } from '../../testing/test-log.ts'
import {
  append,
  appendNow,
  logOf,
  openTestStorage,
  readAll,
  temporaryDirectory,
  testBatch,
} from '../../testing/test-storage.ts'
import type { LocalStorage } from './local-storage.ts'

/** The folder as kill -9 would leave it: the page cache survives, the lock names a process that is gone. */
function crashedCopy(t: Test, directory: string): string {
  const copy = join(temporaryDirectory(t), 'data')
  fs.cpSync(directory, copy, { recursive: true })
  fs.writeFileSync(join(copy, '.lock'), '999999999 1\n')
  return copy
}

async function storageIn(t: Test, directory: string, options: object = {}): Promise<LocalStorage> {
  const storage = await openTestStorage({ directory, ...options })
  t.teardown(() => storage.close())
  return storage
}

async function createTopic(storage: LocalStorage, name: string, configs: Record<string, string> = {}) {
  const snapshot = await storage.catalog.change({ type: 'create-topic', name, partitionCount: 1, configs })
  return snapshot.topics.get(name)!.partitions[0]!
}

const logFile = (directory: string, baseOffset = 0, kind = 'log') =>
  join(directory, `${String(baseOffset).padStart(20, '0')}.${kind}`)

/** Writes batches into a log of one segment or more; gives the sizes of the batches. */
async function writeLog(
  directory: string,
  batches: Parameters<typeof testBatch>[0][],
  options: TestLogOptions,
) {
  fs.mkdirSync(directory, { recursive: true })
  const { log, logs, commit, partition } = openTestLog(directory, options)
  const sizes: number[] = []
  for (const batch of batches) {
    const bytes = testBatch(batch)
    sizes.push(bytes.length)
    const result = appendNow(logs, partition, bytes)
    if (result.error !== 'NONE') throw new Error(result.error)
  }
  await commit.idle()
  return { log, logs, sizes }
}

t.test('after kill -9 every acknowledged record is there, and producers are known', async t => {
  const directory = temporaryDirectory(t)
  const storage = await storageIn(t, directory)
  const partition = await createTopic(storage, 'events', { 'internal.segment.bytes': '400' })
  for (let i = 0; i < 20; i++) {
    await append(storage.logs, partition, { values: [`v${i}`], producerId: 4, baseSequence: i })
  }
  await storage.logs.deleteBefore(partition, 3)
  const copy = crashedCopy(t, directory)

  const recovered = await storageIn(t, copy)
  t.match(recovered.logs.offsets(partition), { logStartOffset: 3, highWatermark: 20, logEndOffset: 20 })
  t.equal((await readAll(recovered.logs, partition, 3)).length, 17)
  for (const sequence of [15, 16, 17, 18, 19]) {
    const retry = { values: [`v${sequence}`], producerId: 4, baseSequence: sequence }
    t.match(await append(recovered.logs, partition, retry), { duplicate: true, baseOffset: sequence })
  }
  t.match(await append(recovered.logs, partition, { producerId: 4, baseSequence: 20 }), { baseOffset: 20 })
  t.notOk(fs.existsSync(join(copy, '.kafka_cleanshutdown')))
})

t.test('what a crash left unsynced is synced before anybody can read it', async t => {
  const directory = temporaryDirectory(t)
  const storage = await storageIn(t, directory)
  const partition = await createTopic(storage, 'events')
  await append(storage.logs, partition, {})
  const disk = faultyDisk()
  const recovered = await storageIn(t, crashedCopy(t, directory), { disk })
  const synced = disk.callsOf('sync', /events-0.*\.log$/)
  t.equal(synced.length, 1)
  t.ok(synced[0]!.done)
  t.ok(logOf(recovered, 'events').isSynced)
})

t.test('a tail torn at any byte is cut off where the last whole batch ends', async t => {
  const directory = temporaryDirectory(t)
  const { sizes } = await writeLog(
    directory,
    [{ values: ['a', 'b'] }, { values: ['c'], producerId: 1 }, { values: ['d', 'e'] }, { values: ['f'] }],
    {},
  )
  const whole = fs.readFileSync(logFile(directory))
  const ends = sizes.map((_, i) => sizes.slice(0, i + 1).reduce((sum, size) => sum + size, 0))
  const endOffsets = [2, 3, 5, 6]
  const copy = temporaryDirectory(t)
  const wrong: string[] = []
  for (let length = ends[0]!; length <= whole.length; length++) {
    fs.rmSync(copy, { recursive: true })
    fs.mkdirSync(copy)
    fs.writeFileSync(logFile(copy), whole.subarray(0, length))
    const { log, commit } = openTestLog(copy)
    const last = ends.findLastIndex(end => end <= length)
    const size = fs.statSync(logFile(copy)).size
    if (log.logEndOffset !== endOffsets[last] || size !== ends[last] || log.size !== size) {
      wrong.push(`${length}: ${log.logEndOffset}, ${size} bytes`)
    }
    log.close()
    await commit.idle()
  }
  t.same(wrong, [])
})

t.test('a flipped bit in the tail cuts it off there, whichever byte it is in', async t => {
  const directory = temporaryDirectory(t)
  const { sizes } = await writeLog(
    directory,
    [{ values: ['a', 'b'] }, { values: ['c', 'd'], producerId: 7, baseSequence: 5 }, { values: ['e'] }],
    {},
  )
  const whole = fs.readFileSync(logFile(directory))
  const copy = temporaryDirectory(t)
  const wrong: string[] = []
  for (let position = sizes[0]!; position < whole.length; position++) {
    const field = position < sizes[0]! + sizes[1]! ? position - sizes[0]! : position - sizes[0]! - sizes[1]!
    for (const bit of [0x01, 0x80]) {
      fs.rmSync(copy, { recursive: true })
      fs.mkdirSync(copy)
      const damaged = Buffer.from(whole)
      damaged[position]! ^= bit
      fs.writeFileSync(logFile(copy), damaged)
      const { log, commit } = openTestLog(copy)
      const expected = field === position - sizes[0]! ? 2 : 4
      // The leader epoch is outside the checksum; a wrong one is not worth a record.
      const isEpoch = field >= batchField.partitionLeaderEpoch && field < batchField.magic
      if (log.logEndOffset !== (isEpoch ? 5 : expected)) wrong.push(`${field}: ${log.logEndOffset}`)
      if (log.epochs.latest() > 0) wrong.push(`${field}: epoch ${log.epochs.latest()}`)
      log.close()
      await commit.idle()
    }
  }
  t.same(wrong, [])
})

t.test('segments behind a damaged one are removed, and the log goes on from there', async t => {
  const directory = temporaryDirectory(t)
  const batches = Array.from({ length: 12 }, (_, i) => ({
    values: [`v${i}`],
    producerId: 3,
    baseSequence: i,
  }))
  const config = { 'internal.segment.bytes': '300' }
  const { log, sizes } = await writeLog(directory, batches, { config })
  t.ok(log.segments.length >= 3)
  const damaged = log.segments[1]!
  const bytes = fs.readFileSync(damaged.path)
  bytes[sizes[0]! + 65]! ^= 1
  fs.writeFileSync(damaged.path, bytes)

  const again = openTestLog(directory, { config })
  t.equal(again.log.logEndOffset, damaged.baseOffset + 1)
  t.equal(again.log.activeSegment.baseOffset, damaged.baseOffset)
  const left = fs.readdirSync(directory).filter(name => Number.parseInt(name, 10) > again.log.logEndOffset)
  t.same(left, [], 'no file of a later segment, not even a snapshot')
  const next = { values: ['again'], producerId: 3, baseSequence: damaged.baseOffset + 1 }
  t.match(appendNow(again.logs, testPartition, next), {
    baseOffset: damaged.baseOffset + 1,
    duplicate: false,
  })
  t.equal((await readAll(again.logs, testPartition)).length, damaged.baseOffset + 2)
})

t.test('a segment that overlaps its predecessor is not believed', async t => {
  const directory = temporaryDirectory(t)
  await writeLog(directory, [{ values: ['a', 'b', 'c', 'd'] }], {})
  fs.copyFileSync(logFile(directory), logFile(directory, 2))
  const { log } = openTestLog(directory)
  t.equal(log.logEndOffset, 4)
  t.same(
    log.segments.map(segment => segment.baseOffset),
    [0],
  )
})

t.test('compaction leaves gaps, and only there may they be', async t => {
  const directory = temporaryDirectory(t)
  await writeLog(directory, [{ values: ['a'] }, { values: ['b'] }, { values: ['c'] }], {})
  const bytes = fs.readFileSync(logFile(directory))
  const size = bytes.length / 3
  fs.writeFileSync(logFile(directory), Buffer.concat([bytes.subarray(0, size), bytes.subarray(2 * size)]))
  const compacted = openTestLog(directory, { config: { 'cleanup.policy': 'compact' } })
  t.equal(compacted.log.logEndOffset, 3)
  t.same(await readAll(compacted.logs, testPartition), ['0:a', '2:c'])
  await compacted.commit.idle()
  t.equal(openTestLog(directory, { recoveryPoint: 3 }).log.logEndOffset, 3, 'nor are they looked for below')
  t.equal(openTestLog(directory).log.logEndOffset, 1)
})

t.test('segments below the recovery point are not read', async t => {
  const directory = temporaryDirectory(t)
  const batches = Array.from({ length: 50 }, (_, i) => ({
    values: [`v${i}`],
    producerId: 3,
    baseSequence: i,
  }))
  const config = { 'internal.segment.bytes': '500' }
  const { log } = await writeLog(directory, batches, { config })
  const recoveryPoint = 30
  const first = log.segmentIndex(recoveryPoint)
  const disk = faultyDisk()
  const again = openTestLog(directory, { config, disk, recoveryPoint })
  t.equal(again.log.logEndOffset, 50)
  for (const [i, segment] of log.segments.entries()) {
    const bytes = disk
      .callsOf('read')
      .filter(call => call.path === segment.path)
      .reduce((sum, call) => sum + call.size, 0)
    if (i < first) t.equal(bytes, 0, `segment ${segment.baseOffset}`)
    else t.equal(bytes, segment.size, `segment ${segment.baseOffset} once`)
  }
  t.match(appendNow(again.logs, testPartition, { values: ['v49'], producerId: 3, baseSequence: 49 }), {
    duplicate: true,
  })
})

t.test('a clean start reads neither sealed segments nor the indexed part of the active one', async t => {
  const directory = temporaryDirectory(t)
  const batches = Array.from({ length: 200 }, (_, i) => ({
    values: ['x'.repeat(400)],
    producerId: 3,
    baseSequence: i,
  }))
  const config = { 'internal.segment.bytes': '60000', 'index.interval.bytes': '1000' }
  const { log } = await writeLog(directory, batches, { config })
  const { path, size } = log.activeSegment
  log.close()
  const disk = faultyDisk()
  const again = openTestLog(directory, { config, disk, wasShutDownCleanly: true })
  t.equal(again.log.logEndOffset, 200)
  t.ok(again.log.isSynced, 'nothing is left to sync')
  t.ok(size > 30000)
  const read = disk.callsOf('read', /\.log$/)
  t.ok(read.every(call => call.path === path))
  t.ok(read.reduce((sum, call) => sum + call.size, 0) < 3000)
  t.equal(disk.open.size, 0, 'nor does a log that nobody uses keep a file open')
  const entries = [...again.log.producers.all()]
  t.match(entries, [{ producerId: 3, batches: [{ lastSequence: 199 }] }])
})

t.test('a clean shutdown is not believed blindly', async t => {
  const directory = temporaryDirectory(t)
  const batches = Array.from({ length: 10 }, (_, i) => ({ values: [`v${i}`] }))
  const { log, sizes } = await writeLog(directory, batches, {})
  log.close()
  const bytes = fs.readFileSync(logFile(directory))
  bytes[sizes[0]! * 6 + batchField.magic] = 0
  fs.writeFileSync(logFile(directory), bytes)
  const again = openTestLog(directory, { wasShutDownCleanly: true, recoveryPoint: 10 })
  t.equal(again.log.logEndOffset, 6)
  fs.appendFileSync(logFile(directory), Buffer.alloc(100))
  again.log.close()
  t.equal(openTestLog(directory, { wasShutDownCleanly: true }).log.logEndOffset, 6, 'zeroes at the end')
})

t.test('indexes that are missing, cut, too long or of something else are rebuilt', async t => {
  const original = temporaryDirectory(t)
  const config = { 'internal.segment.bytes': '4000', 'index.interval.bytes': '200' }
  const batches = Array.from({ length: 100 }, (_, i) => ({
    records: [
      { value: Buffer.from('x'.repeat(50)), timestamp: 1000 + 10 * i },
      { value: Buffer.from('y'), timestamp: 1000 + 10 * i - 5 },
    ],
  }))
  const { log } = await writeLog(original, batches, { config })
  log.close()
  t.ok(log.segments.length >= 3)
  const damages: [string, (bytes: Buffer) => Buffer | undefined][] = [
    ['missing', () => undefined],
    ['empty', () => Buffer.alloc(0)],
    ['cut within an entry', bytes => bytes.subarray(0, 30)],
    ['zeroes behind, as preallocated', bytes => Buffer.concat([bytes, Buffer.alloc(10_000)])],
    ['nonsense behind', bytes => Buffer.concat([bytes, Buffer.alloc(96, 0x7f)])],
    [
      'zeroes in the middle',
      bytes => Buffer.concat([bytes.subarray(0, 24), Buffer.alloc(48), bytes.subarray(24)]),
    ],
    ['all ones', bytes => Buffer.alloc(bytes.length, 0xff)],
    ['descending', bytes => Buffer.concat([bytes.subarray(24), bytes.subarray(0, 24)])],
  ]
  for (const kind of ['index', 'timeindex']) {
    for (const [name, damage] of damages) {
      // A time index that is merely empty says that there are no timestamps, and nothing tells otherwise.
      if (kind === 'timeindex' && name === 'empty') continue
      for (const wasShutDownCleanly of [true, false]) {
        const directory = join(temporaryDirectory(t), 'events-0')
        fs.cpSync(original, directory, { recursive: true })
        for (const segment of log.segments) {
          const path = logFile(directory, segment.baseOffset, kind)
          const damaged = damage(fs.readFileSync(path))
          if (damaged === undefined) fs.rmSync(path)
          else fs.writeFileSync(path, damaged)
        }
        const recoveryPoint = 190
        const again = openTestLog(directory, { config, wasShutDownCleanly, recoveryPoint })
        const title = `${kind} ${name}, ${wasShutDownCleanly ? 'clean' : 'crashed'}`
        t.equal(again.log.logEndOffset, 200, title)
        t.same(again.log.recoveryPoint, wasShutDownCleanly ? 200 : recoveryPoint)
        const wrong: string[] = []
        for (let offset = 0; offset < 200; offset++) {
          const item = {
            partition: testPartition,
            offset,
            maxBytes: 1,
            isolation: 'read_uncommitted' as const,
          }
          const outcome = await again.logs.read([item], 1)
          const base = outcome.results[0]!.chunks[0]?.readBigInt64BE(0)
          if (base !== BigInt(offset - (offset % 2))) wrong.push(`offset ${offset}: ${base}`)
          outcome.release()
        }
        for (let i = 0; i < 100; i++) {
          const found = await again.logs.offsetAt(testPartition, 1000 + 10 * i, 'read_uncommitted')
          if (found?.offset !== 2 * i) wrong.push(`time ${i}: ${found?.offset}`)
        }
        const max = await again.logs.maxTimestamp(testPartition)
        if (max?.offset !== 198) wrong.push(`max: ${max?.offset}`)
        t.same(wrong, [], title)
      }
    }
  }
})

t.test('without a snapshot, or with a damaged one, producers are found in the log', async t => {
  const original = temporaryDirectory(t)
  const config = { 'internal.segment.bytes': '300' }
  const batches = Array.from({ length: 12 }, (_, i) => ({
    values: [`v${i}`],
    producerId: 3,
    baseSequence: i,
  }))
  const { log } = await writeLog(original, batches, { config })
  log.close()
  const snapshots = fs.readdirSync(original).filter(name => name.endsWith('.snapshot'))
  t.ok(snapshots.length >= 3)
  const damages: [string, (path: string) => void][] = [
    ['missing', path => fs.rmSync(path)],
    ['empty', path => fs.writeFileSync(path, '')],
    [
      'flipped',
      path => {
        const bytes = fs.readFileSync(path)
        bytes[bytes.length - 1]! ^= 1
        fs.writeFileSync(path, bytes)
      },
    ],
  ]
  for (const [name, damage] of damages) {
    for (const which of [snapshots.slice(-1), snapshots]) {
      for (const wasShutDownCleanly of [true, false]) {
        const directory = join(temporaryDirectory(t), 'events-0')
        fs.cpSync(original, directory, { recursive: true })
        for (const snapshot of which) damage(join(directory, snapshot))
        const { logs } = openTestLog(directory, { config, wasShutDownCleanly, recoveryPoint: 11 })
        const retry = { values: ['v11'], producerId: 3, baseSequence: 11 }
        t.match(appendNow(logs, testPartition, retry), { duplicate: true, baseOffset: 11 }, name)
        t.match(appendNow(logs, testPartition, { ...retry, baseSequence: 12 }), { duplicate: false })
      }
    }
  }
})

t.test('restarts do not pile up snapshots', async t => {
  const directory = temporaryDirectory(t)
  const config = { 'internal.segment.bytes': '300' }
  for (let run = 0; run < 10; run++) {
    const { log, logs } = openTestLog(directory, { config, wasShutDownCleanly: true })
    appendNow(logs, testPartition, { producerId: 1, baseSequence: run })
    log.close()
  }
  const { log } = openTestLog(directory, { config, wasShutDownCleanly: true })
  const snapshots = fs.readdirSync(directory).filter(name => name.endsWith('.snapshot'))
  t.ok(snapshots.length <= log.segments.length + 1, `${snapshots.length}`)
})

t.test('half-done work is tidied up, strangers are left alone', async t => {
  const directory = temporaryDirectory(t)
  await writeLog(directory, [{ values: ['a'] }], {})
  const junk = ['00000000000000000000.log.deleted', '00000000000000000007.log.cleaned', 'x.tmp']
  const orphans = ['00000000000000000099.index', '00000000000000000099.timeindex']
  for (const name of [...junk, ...orphans, 'README', '7.log']) fs.writeFileSync(join(directory, name), 'x')
  const { log } = openTestLog(directory)
  t.equal(log.logEndOffset, 1)
  const names = fs.readdirSync(directory)
  for (const name of [...junk, ...orphans]) t.notOk(names.includes(name), name)
  for (const name of ['README', '7.log']) t.ok(names.includes(name), name)
})

t.test('directories of deleted topics go, those of nobody are set aside', async t => {
  const directory = temporaryDirectory(t)
  const storage = await openTestStorage({ directory })
  const kept = await createTopic(storage, 'kept')
  const gone = await createTopic(storage, 'gone')
  await append(storage.logs, kept, { values: ['a'] })
  await append(storage.logs, gone, { values: ['b'] })
  fs.cpSync(join(directory, 'gone-0'), join(temporaryDirectory(t), 'gone-0'), { recursive: true })
  const goneCopy = join(temporaryDirectory(t), 'gone-0')
  fs.cpSync(join(directory, 'gone-0'), goneCopy, { recursive: true })
  await storage.catalog.change({ type: 'delete-topic', id: gone.topicId })
  t.notOk(fs.existsSync(join(directory, 'gone-0')))
  await storage.close()
  t.equal(fs.readdirSync(directory).filter(name => /^gone-0\.[0-9a-f]{32}-delete$/.test(name)).length, 1)

  fs.cpSync(goneCopy, join(directory, 'gone-0'), { recursive: true })
  fs.cpSync(join(directory, 'kept-0'), join(directory, 'kept-0.abc-delete'), { recursive: true })
  fs.cpSync(join(directory, 'kept-0'), join(directory, 'kept-5'), { recursive: true })
  const longName = 'n'.repeat(249)
  fs.mkdirSync(join(directory, `${longName}-0`))
  fs.writeFileSync(join(directory, `${longName}-0`, logFile('', 0).slice(1)), 'data')
  fs.writeFileSync(join(directory, 'notes-1'), 'a file')

  const again = await storageIn(t, directory)
  t.notOk(fs.existsSync(join(directory, 'gone-0')), 'the crash came between the deletion and the removal')
  await again.removal.idle()
  const names = fs.readdirSync(directory)
  t.same(
    names.filter(name => name.endsWith('-delete')),
    [],
  )
  t.equal(names.filter(name => /^kept-5\.[0-9a-f]{32}-stray$/.test(name)).length, 1, 'not of that topic')
  t.ok(names.includes('notes-1'))
  t.equal(names.filter(name => /^n{200,}-0\.[0-9a-f]{32}-stray$/.test(name)).length, 1)
  t.same(await readAll(again.logs, kept), ['0:a'])
})

t.test('a topic with the longest name can be deleted', async t => {
  const directory = temporaryDirectory(t)
  const storage = await storageIn(t, directory)
  const partition = await createTopic(storage, 'n'.repeat(249))
  await append(storage.logs, partition, {})
  await storage.catalog.change({ type: 'delete-topic', id: partition.topicId })
  t.match(
    fs.readdirSync(directory).filter(name => name.startsWith('nnn')),
    [/^n{200,}-0\.[0-9a-f]{32}-delete$/],
  )
})

t.test('a log that ends below its start offset starts empty there', async t => {
  const directory = temporaryDirectory(t)
  await writeLog(directory, [{ values: ['a', 'b', 'c'], producerId: 5 }], {})
  for (const wasShutDownCleanly of [false, true]) {
    const { log, logs } = openTestLog(directory, { logStartOffset: 10, wasShutDownCleanly, recoveryPoint: 3 })
    t.match(logs.offsets(testPartition), { logStartOffset: 10, highWatermark: 10, logEndOffset: 10 })
    t.equal(log.producers.size, 0)
    t.match(appendNow(logs, testPartition, { values: ['d'] }), { baseOffset: 10 })
    log.close()
    t.same(
      fs.readdirSync(directory).filter(name => name.endsWith('.log')),
      ['00000000000000000010.log'],
    )
    fs.rmSync(logFile(directory, 10))
  }
})

t.test('the epochs of a log survive the loss of their file', async t => {
  const directory = temporaryDirectory(t)
  const config = { 'internal.segment.bytes': '200' }
  const { log, logs } = openTestLog(directory, { config })
  for (const leaderEpoch of [0, 0, 0, 0, 4, 4, 4, 7]) {
    appendNow(logs, { ...testPartition, leaderEpoch } as typeof testPartition, {})
  }
  t.same(log.epochs.endOf(0, 8), { epoch: 0, endOffset: 4 })
  log.close()
  for (const content of [undefined, '', '0\n2\n3 4\n1 0\n']) {
    if (content === undefined) fs.rmSync(join(directory, 'leader-epoch-checkpoint'))
    else fs.writeFileSync(join(directory, 'leader-epoch-checkpoint'), content)
    const again = openTestLog(directory, { config, wasShutDownCleanly: true })
    t.same(again.log.epochs.endOf(0, 8), { epoch: 0, endOffset: 4 })
    t.same(again.log.epochs.latest() >= 4, true)
    again.log.close()
  }
})

t.test('one directory, one broker', async t => {
  const directory = temporaryDirectory(t)
  const storage = await openTestStorage({ directory, nodeId: 3, clusterId: 'one' })
  await t.rejects(openTestStorage({ directory, nodeId: 3 }), {
    name: 'DataDirectoryError',
    message: /in use/,
  })
  await storage.close()
  await t.rejects(openTestStorage({ directory, nodeId: 4 }), { message: /the data is of node.id 3/ })
  await t.rejects(openTestStorage({ directory, nodeId: 3, clusterId: 'two' }), { message: /cluster one/ })
  fs.writeFileSync(join(directory, '.lock'), `${process.ppid} ${startTimeOf(process.ppid)}\n`)
  await t.rejects(openTestStorage({ directory, nodeId: 3 }), {
    message: new RegExp(`process ${process.ppid}`),
  })
  fs.writeFileSync(join(directory, '.lock'), `${process.pid} ${startTimeOf(process.pid)}\n`)
  await t.rejects(openTestStorage({ directory, nodeId: 3 }), { message: /in use/ }, 'another thread')
  fs.writeFileSync(join(directory, '.lock'), `${process.ppid} 12345\n`)
  const again = await openTestStorage({ directory, nodeId: 3, clusterId: 'one' })
  t.equal(again.identity.directoryId, storage.identity.directoryId)
  await again.close()
  fs.writeFileSync(join(directory, 'meta.properties'), 'version=1\n')
  await t.rejects(openTestStorage({ directory, nodeId: 3 }), { message: /damaged/ })
  t.notOk(fs.existsSync(join(directory, '.lock')), 'a failed start leaves no lock')
  fs.writeFileSync(join(directory, 'meta.properties'), 'version=0\nbroker.id=3\ncluster.id=one\n')
  const old = await openTestStorage({ directory, nodeId: 3 })
  await old.close()
  const oldAgain = await openTestStorage({ directory, nodeId: 3 })
  t.equal(oldAgain.identity.directoryId, old.identity.directoryId, 'an id that was missing is made once')
  await oldAgain.close()
})

function startTimeOf(pid: number): string {
  const stat = fs.readFileSync(`/proc/${pid}/stat`, 'latin1')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]!
}

/** What a start after a crash reads, and what it makes of what the last checkpoint has left: all of it, or less. */
import * as fs from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { faultyDisk } from '../../testing/faulty-disk.ts'
import { openTestLog, type TestLog, type TestLogOptions, testPartition } from '../../testing/test-log.ts'
import { appendNow, temporaryDirectory, testBatch } from '../../testing/test-storage.ts'

const config = { 'index.interval.bytes': '8192' }
const producers = [11, 12, 13]
const recordBytes = 4000
const firstMs = 1_700_000_000_000

const file = (directory: string, kind: string) => join(directory, `00000000000000000000.${kind}`)

/** The n-th batch of a log: one record, of one of three producers, a second after the one before. */
const batchOf = (n: number) => ({
  records: [{ value: Buffer.alloc(recordBytes, `${n}.`) }],
  timestamp: firstMs + 1000 * n,
  producerId: producers[n % producers.length]!,
  baseSequence: Math.floor(n / producers.length),
})

function appendUpTo({ log, logs }: TestLog, count: number): void {
  while (log.logEndOffset < count) appendNow(logs, testPartition, batchOf(log.logEndOffset))
}

/** Syncs and checkpoints the log at its end. */
async function checkpoint({ log }: TestLog): Promise<number> {
  await log.whenOnDisk(log.logEndOffset)
  log.checkpoint()
  return log.recoveryPoint
}

/** A log with 300 batches, of which 250 were there at the last checkpoint; as a crash leaves it. */
async function crashed(t: Test): Promise<{ directory: string; recoveryPoint: number; live: TestLog }> {
  const directory = temporaryDirectory(t)
  const live = openTestLog(directory, { config })
  appendUpTo(live, 150)
  await checkpoint(live)
  appendUpTo(live, 250)
  const recoveryPoint = await checkpoint(live)
  appendUpTo(live, 300)
  const copy = join(temporaryDirectory(t), 'events-0')
  fs.cpSync(directory, copy, { recursive: true })
  return { directory: copy, recoveryPoint, live }
}

function reopened(directory: string, options: TestLogOptions) {
  const disk = faultyDisk()
  const opened = openTestLog(directory, { config, disk, ...options })
  const bytesRead = disk.callsOf('read', /\.log$/).reduce((sum, { size }) => sum + size, 0)
  return { ...opened, bytesRead }
}

/** Index files as a clean stop leaves them. */
function indexesAfterClose({ log }: Pick<TestLog, 'log'>, directory: string): string[] {
  log.close()
  return ['index', 'timeindex'].map(kind => fs.readFileSync(file(directory, kind)).toString('hex'))
}

t.test('recovery reads from the recovery point on, and knows all that a full read would', async t => {
  const { directory, recoveryPoint, live } = await crashed(t)
  t.equal(recoveryPoint, 250)
  const again = reopened(directory, { recoveryPoint })
  const batchBytes = testBatch(batchOf(0)).length
  t.ok(again.bytesRead >= 50 * batchBytes)
  // Three batches or so between index entries, a look at the entries, and the first header.
  t.ok(again.bytesRead < 55 * batchBytes, `${again.bytesRead / batchBytes} batches`)
  t.equal(again.log.logEndOffset, 300)
  const { activeSegment: found } = again.log
  const { activeSegment: wanted } = live.log
  t.match(found, {
    size: wanted.size,
    firstTimestampMs: firstMs,
    maxTimestampMs: firstMs + 299_000,
    maxTimestampOffset: 299,
    bytesSinceIndexEntry: wanted.bytesSinceIndexEntry,
  })
  t.same(again.log.epochs.endOf(0, 300), { epoch: 0, endOffset: 300 })
  t.same(indexesAfterClose(again, directory), indexesAfterClose(live, live.log.directory))
})

t.test('after such a recovery a retried batch gets its offset, and a lost one is noticed', async t => {
  const { directory, recoveryPoint } = await crashed(t)
  const { logs } = reopened(directory, { recoveryPoint })
  // All that was read, and what the snapshot says of each producer.
  for (let n = 285; n < 300; n++) {
    t.match(appendNow(logs, testPartition, batchOf(n)), { duplicate: true, baseOffset: n })
  }
  t.match(appendNow(logs, testPartition, batchOf(303)), { error: 'OUT_OF_ORDER_SEQUENCE_NUMBER' })
  t.match(appendNow(logs, testPartition, batchOf(300)), { baseOffset: 300, duplicate: false })
})

t.test('producers that wrote nothing since the checkpoint are known, too', async t => {
  const directory = temporaryDirectory(t)
  const live = openTestLog(directory, { config })
  appendUpTo(live, 150)
  const recoveryPoint = await checkpoint(live)
  for (let i = 0; i < 5; i++) appendNow(live.logs, testPartition, { values: ['without a producer'] })
  const again = reopened(directory, { recoveryPoint })
  t.equal(again.log.logEndOffset, 155)
  t.ok(again.bytesRead < 10 * recordBytes)
  for (const n of [147, 148, 149]) {
    t.match(appendNow(again.logs, testPartition, batchOf(n)), { duplicate: true, baseOffset: n })
  }
})

t.test('index files that a power loss has torn are found out, and what is missing is made anew', async t => {
  const { directory: original, recoveryPoint, live } = await crashed(t)
  const wanted = indexesAfterClose(live, live.log.directory)
  const zeroed = (bytes: Buffer, from: number, to: number) => Buffer.from(bytes).fill(0, from, to)
  const damages: [string, (bytes: Buffer, entrySize: number) => Buffer | undefined][] = [
    ['missing', () => undefined],
    ['empty', () => Buffer.alloc(0)],
    ['cut between entries', (bytes, size) => bytes.subarray(0, 20 * size)],
    ['cut within an entry', (bytes, size) => bytes.subarray(0, 20 * size + 5)],
    ['zeroes at the end', (bytes, size) => zeroed(bytes, 20 * size, bytes.length)],
    ['zeroes from within an entry on', (bytes, size) => zeroed(bytes, 20 * size + 5, bytes.length)],
    ['zeroes in the middle', (bytes, size) => zeroed(bytes, 10 * size, 30 * size)],
    ['zeroes at the beginning', (bytes, size) => zeroed(bytes, 0, 10 * size)],
    ['all zeroes', bytes => Buffer.alloc(bytes.length)],
    ['nonsense at the end', bytes => Buffer.concat([bytes.subarray(0, -24), Buffer.alloc(24, 0x55)])],
    [
      'entries that ascend, of another log',
      (bytes, size) => {
        const other = Buffer.from(bytes)
        // The low bytes of an offset entry's position, of a time entry's timestamp.
        for (let at = 0; at < bytes.length; at += size) other[at + 7]! ^= 0x01
        return other
      },
    ],
  ]
  for (const kinds of [['index'], ['timeindex'], ['index', 'timeindex']]) {
    for (const [name, damage] of damages) {
      const title = `${kinds.join(' and ')} ${name}`
      const directory = join(temporaryDirectory(t), 'events-0')
      fs.cpSync(original, directory, { recursive: true })
      for (const kind of kinds) {
        const damaged = damage(fs.readFileSync(file(directory, kind)), kind === 'index' ? 8 : 12)
        if (damaged === undefined) fs.rmSync(file(directory, kind))
        else fs.writeFileSync(file(directory, kind), damaged)
      }
      const again = reopened(directory, { recoveryPoint })
      t.equal(again.log.logEndOffset, 300, title)
      t.equal(again.log.activeSegment.maxTimestampMs, firstMs + 299_000, title)
      const wrong: string[] = []
      for (let n = 0; n < 300; n += 7) {
        const found = await again.logs.offsetAt(testPartition, firstMs + 1000 * n, 'read_uncommitted')
        if (found?.offset !== n) wrong.push(`${n}: ${found?.offset}`)
      }
      t.same(wrong, [], title)
      t.same(indexesAfterClose(again, directory), wanted, title)
    }
  }
})

t.test('a snapshot that is torn, or ahead of what is kept, is not used', async t => {
  const { directory: original, recoveryPoint } = await crashed(t)
  const newest = `${String(recoveryPoint).padStart(20, '0')}.snapshot`
  t.ok(fs.existsSync(join(original, newest)))
  for (const content of [Buffer.alloc(0), Buffer.alloc(148)]) {
    const directory = join(temporaryDirectory(t), 'events-0')
    fs.cpSync(original, directory, { recursive: true })
    fs.writeFileSync(join(directory, newest), content)
    const { logs } = reopened(directory, { recoveryPoint })
    t.match(appendNow(logs, testPartition, batchOf(299)), { duplicate: true, baseOffset: 299 })
  }
  // Damage where nothing should be torn: the log ends before the snapshot.
  const size = testBatch(batchOf(0)).length
  fs.truncateSync(file(original, 'log'), 200 * size + 100)
  const { log, logs } = reopened(original, { recoveryPoint })
  t.equal(log.logEndOffset, 200)
  t.notOk(fs.existsSync(join(original, newest)))
  t.match(appendNow(logs, testPartition, batchOf(199)), { duplicate: true, baseOffset: 199 })
  t.match(appendNow(logs, testPartition, batchOf(200)), { duplicate: false, baseOffset: 200 })
})

t.test('after such a recovery segments roll by the time of their first record', async t => {
  const { directory, recoveryPoint } = await crashed(t)
  const rolling = { ...config, 'segment.ms': '400000' }
  const again = reopened(directory, { recoveryPoint, config: rolling })
  appendUpTo(again, 401)
  t.equal(again.log.segments.length, 1)
  appendUpTo(again, 402)
  t.equal(again.log.segments.length, 2, 'more than 400 s after the first')
})

t.test('without its history of epochs a log is read as a whole', async t => {
  const { directory, recoveryPoint, live } = await crashed(t)
  fs.rmSync(join(directory, 'leader-epoch-checkpoint'))
  const again = reopened(directory, { recoveryPoint })
  t.ok(again.bytesRead >= live.log.size)
  t.same(again.log.epochs.endOf(0, 300), { epoch: 0, endOffset: 300 })
})

t.test('checkpoints leave two snapshots at most besides those at the start of segments', async t => {
  const directory = temporaryDirectory(t)
  const live = openTestLog(directory, { config: { ...config, 'segment.bytes': '3000000' } })
  const snapshots = () => fs.readdirSync(directory).filter(name => name.endsWith('.snapshot'))
  for (let count = 100; count <= 1500; count += 100) {
    appendUpTo(live, count)
    await checkpoint(live)
    const bases = new Set(live.log.segments.map(({ baseOffset }) => baseOffset))
    const others = snapshots().filter(name => !bases.has(Number.parseInt(name, 10)))
    t.ok(others.length <= 2, others.join())
  }
  t.ok(live.log.segments.length > 1)
  live.log.recoveryPoint = live.log.snapshots.newest - 1
  const before = snapshots()
  appendUpTo(live, 1600)
  live.log.checkpoint()
  t.same(snapshots(), before, 'nor is one written before the last one is of use')
})

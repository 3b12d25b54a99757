/**
 * Which segments retention takes, exactly: each of Kafka's rules under a clock that stands still, and all of them
 * together against a model that does what Kafka does. Repeat a failure of the model with `SEED=...`.
 */
import * as fs from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type Disk, systemDisk, unsyncedDisk } from '../../platform/disk.ts'
import { type Logger, silentLogger } from '../../platform/logger.ts'
import { faultyDisk } from '../../testing/faulty-disk.ts'
import { ManualClock } from '../../testing/manual-clock.ts'
import {
  append,
  appendNow,
  logOf,
  openTestStorage,
  readAll,
  type TestBatch,
  temporaryDirectory,
  testBatch,
  turn,
} from '../../testing/test-storage.ts'
import type { PartitionRef } from '../partition-log.ts'
import type { LocalStorage } from './local-storage.ts'
import type { PartitionLog } from './partition-log.ts'

type Configs = Record<string, string | null>

const nowMs = 1_700_000_000_000
const batchSize = testBatch({ values: ['v'] }).length
/** Room for two batches of one short record. */
const twoBatches = { 'internal.segment.bytes': String(2 * batchSize) }
const keepAll = { 'retention.ms': '-1', 'retention.bytes': '-1' }

interface Setup {
  readonly storage: LocalStorage
  readonly clock: ManualClock
  readonly partition: PartitionRef
  readonly log: PartitionLog
  readonly messages: string[]
  readonly directory: string
  /** One batch of one record for each timestamp. */
  fill(...timestamps: number[]): Promise<void>
  configure(configs: Configs): Promise<void>
  /** Base offsets of the segments after a check. */
  check(): Promise<number[]>
}

function loggerInto(messages: string[]): Logger {
  const note = (details: object | string, message?: string) => {
    messages.push(typeof details === 'string' ? details : message!)
  }
  const logger: Logger = { ...silentLogger, info: note, warn: note, error: note, child: () => logger }
  return logger
}

async function setUp(
  t: Test,
  configs: Configs = {},
  disk?: Disk,
  clock = new ManualClock(nowMs),
): Promise<Setup> {
  const directory = temporaryDirectory(t)
  const messages: string[] = []
  const storage = await openTestStorage({ directory, clock, disk, logger: loggerInto(messages) })
  t.teardown(() => storage.close())
  const snapshot = await storage.catalog.change({
    type: 'create-topic',
    name: 'events',
    partitionCount: 1,
    configs: { ...twoBatches, ...keepAll, ...(configs as Record<string, string>) },
  })
  const partition = snapshot.topics.get('events')!.partitions[0]!
  const log = logOf(storage, 'events')
  return {
    storage,
    clock,
    partition,
    log,
    messages,
    directory,
    async fill(...timestamps) {
      for (const timestamp of timestamps) await append(storage.logs, partition, { timestamp })
    },
    async configure(configs) {
      const resource = { type: 'topic' as const, name: 'events' }
      await storage.catalog.change({ type: 'alter-configs', alterations: [{ resource, configs }] })
    },
    async check() {
      await storage.retention.run()
      return basesOf(log)
    },
  }
}

const basesOf = (log: PartitionLog): number[] => log.segments.map(segment => segment.baseOffset)

t.test('a segment goes when its youngest record is older than retention.ms', async t => {
  const { fill, check, clock, log, storage, partition } = await setUp(t, { 'retention.ms': '1000' })
  await fill(nowMs - 900, nowMs - 950, nowMs - 500, nowMs - 501, nowMs)
  t.same(await check(), [0, 2, 4])
  clock.advance(100)
  t.same(await check(), [0, 2, 4], 'exactly retention.ms is not older')
  clock.advance(1)
  t.same(await check(), [2, 4])
  t.same([log.logStartOffset, log.logEndOffset, log.highWatermark], [2, 5, 5])
  t.same(await readAll(storage.logs, partition, 1), ['OFFSET_OUT_OF_RANGE'])
  t.same(await readAll(storage.logs, partition, 2), ['2:v', '3:v', '4:v'])
  clock.advance(400)
  t.same(await check(), [4])
})

t.test('a young segment keeps the old ones behind it', async t => {
  const { fill, check } = await setUp(t, { 'retention.ms': '1000' })
  await fill(0, 1, nowMs - 1001, nowMs - 1000, 2, 3, 4, 5)
  t.same(await check(), [2, 4, 6], 'its largest timestamp counts')
})

t.test('when everything is too old a new segment begins at the end, and the offsets go on', async t => {
  const { fill, check, log, storage, partition, directory, messages } = await setUp(t, {
    'retention.ms': '1000',
  })
  await fill(1, 2, 3)
  t.same(await check(), [3])
  t.same([log.logStartOffset, log.highWatermark, log.logEndOffset, log.size], [3, 3, 3, 0])
  t.ok(fs.existsSync(join(directory, 'events-0', '00000000000000000003.log')), 'which is what tells the end')
  t.same(await check(), [3], 'an empty segment is not too old')
  t.same(await readAll(storage.logs, partition, 3), [])
  t.match(await append(storage.logs, partition, { timestamp: nowMs }), { baseOffset: 3, logStartOffset: 3 })
  t.same(await readAll(storage.logs, partition, 3), ['3:v'])
  t.same(
    messages.filter(message => /^deleting/.test(message)),
    [
      'deleting a segment due to log retention time 1000ms breach based on the largest record timestamp in the segment',
      'deleting a segment due to log retention time 1000ms breach based on the largest record timestamp in the segment',
    ],
  )
})

t.test('retention.bytes is what remains at least', async t => {
  const { fill, check, configure, log, messages } = await setUp(t)
  await fill(1, 2, 3, 4, 5, 6, 7)
  const keep = (batches: number, bytes = 0) =>
    configure({ 'retention.bytes': String(batches * batchSize + bytes) })
  await keep(7)
  t.same(await check(), [0, 2, 4, 6])
  await keep(5, 1)
  t.same(await check(), [0, 2, 4, 6], 'one byte too few would remain')
  await keep(5)
  t.same(await check(), [2, 4, 6])
  await keep(2)
  t.same(await check(), [4, 6], 'two of the segments in front of the active one hold four, one holds two')
  await keep(0, 1)
  t.same(await check(), [6])
  t.match(messages.at(-2), `due to log retention size 1 breach. Log size after deletion will be ${batchSize}`)
  t.same([log.logStartOffset, log.logEndOffset], [6, 7])
  await keep(0)
  t.same(await check(), [7], 'of 0 nothing remains, not even the active segment')
  t.same([log.logStartOffset, log.logEndOffset], [7, 7])
  const before = messages.length
  t.same(await check(), [7])
  t.equal(messages.length, before, 'nobody speaks of deleting an empty one')
})

t.test('below the log start offset whole segments go, whatever the policy', async t => {
  for (const policy of ['delete', 'compact', '', 'compact,delete']) {
    const { fill, check, log, storage, partition, messages } = await setUp(t, { 'cleanup.policy': policy })
    await fill(1, 2, 3, 4, 5)
    await storage.logs.deleteBefore(partition, 3)
    t.same(basesOf(log), [0, 2, 4], 'not before the check')
    t.same(await check(), [2, 4], `${policy}: not the one that the start lies in`)
    t.match(messages.at(-2), 'due to log start offset 3 breach')
    t.equal(log.logStartOffset, 3, 'and the start stays where it was')
    await storage.logs.deleteBefore(partition, 4)
    t.same(await check(), [4])
    await storage.logs.deleteBefore(partition, 5)
    t.same(await check(), [4], 'never the active one')
    t.same([log.logStartOffset, log.logEndOffset], [5, 5])
    t.match(await append(storage.logs, partition, {}), { baseOffset: 5, logStartOffset: 5 })
  }
})

t.test('time and size count only under a policy of delete', async t => {
  const configs = { 'retention.ms': '1000', 'retention.bytes': '0' }
  for (const [policy, expected] of [
    ['delete', [5]],
    ['compact,delete', [5]],
    ['compact', [0, 2, 4]],
    ['', [0, 2, 4]],
  ] as const) {
    const { fill, check } = await setUp(t, { ...configs, 'cleanup.policy': policy })
    await fill(1, 2, 3, 4, 5)
    t.same(await check(), expected, policy)
  }
})

t.test('nothing goes that reaches above the high watermark', async t => {
  const disk = faultyDisk()
  const { fill, check, storage, log, partition } = await setUp(t, { 'retention.bytes': '0' }, disk)
  await fill(1, 2, 3)
  const held = disk.hold('sync', /events-0/)
  const pending = [4, 5].map(timestamp => append(storage.logs, partition, { timestamp }))
  t.same([log.highWatermark, log.logEndOffset], [3, 5])
  t.same(await check(), [2, 4], 'offset 3 is not readable yet')
  held.release()
  await Promise.all(pending)
  t.same(await check(), [5])
})

t.test('the three rules look one after the other, each at what is left', async t => {
  const { fill, check, storage, partition, configure, messages } = await setUp(t)
  await fill(nowMs, nowMs, 1, 2, 3, 4, 5, 6, nowMs)
  await configure({ 'retention.ms': '1000', 'retention.bytes': String(5 * batchSize) })
  await storage.logs.deleteBefore(partition, 2)
  t.same(await check(), [8])
  t.same(
    messages
      .filter(message => /^deleting/.test(message))
      .map(message => /due to log (\w+ \w+)/.exec(message)![1]),
    ['start offset', 'retention size', 'retention time', 'retention time'],
    'without the first, size would have taken one more; without it, age none',
  )
})

t.test('records without timestamps age with their file', async t => {
  const { fill, check, log, messages } = await setUp(t, { 'retention.ms': '1000' })
  await fill(-1, -1, -1, nowMs, -1)
  const setAge = (index: number, ageMs: number) => {
    const time = (nowMs - ageMs) / 1000
    fs.utimesSync(log.segments[index]!.path, time, time)
  }
  setAge(0, 900)
  setAge(1, 5000)
  t.same(await check(), [0, 2, 4])
  setAge(0, 1100)
  t.same(await check(), [2, 4], 'but where one has a timestamp, that counts')
  t.match(messages.at(-2), 'based on the last modified time of the segment')
})

t.test('a timestamp in the future keeps its segment and is complained about', async t => {
  const { fill, check, clock, messages } = await setUp(t, { 'retention.ms': '1000' })
  await fill(1, 2, nowMs + 5000, 3, 4, 5, nowMs)
  t.same(await check(), [2, 4, 6])
  const complaints = () => messages.filter(message => message.includes('in the future')).length
  t.equal(complaints(), 1)
  clock.advance(6000)
  t.same(await check(), [2, 4, 6])
  t.equal(complaints(), 1, 'it is not any more')
  clock.advance(1)
  t.same(await check(), [7])
})

t.test('-1 is for ever, and a change holds from the next check on', async t => {
  const { fill, check, configure } = await setUp(t)
  await fill(1, 2, 3, 4, 5)
  t.same(await check(), [0, 2, 4])
  await configure({ 'retention.bytes': String(3 * batchSize) })
  t.same(await check(), [2, 4])
  await configure({ 'retention.bytes': '0', 'cleanup.policy': 'compact' })
  t.same(await check(), [2, 4])
  await configure({ 'retention.bytes': null, 'cleanup.policy': null, 'retention.ms': null })
  t.same(await check(), [5], 'the default is seven days')
})

t.test('checks come after the initial delay, then at intervals', async t => {
  const { fill, clock, storage, log } = await setUp(t, { 'retention.bytes': String(2 * batchSize) })
  const passes = async (durationMs: number) => {
    clock.advance(durationMs)
    await storage.retention.idle()
    return basesOf(log)
  }
  await fill(1, 2, 3, 4)
  t.same(await passes(29_999), [0, 2])
  t.same(await passes(1), [2])
  await fill(5, 6)
  t.same(await passes(299_999), [2, 4])
  t.same(await passes(1), [4])
})

t.test('the broker keeps its own records', async t => {
  const { fill, check, storage, configure } = await setUp(t)
  await storage.catalog.change({
    type: 'create-topic',
    name: '__consumer_offsets',
    partitionCount: 1,
    configs: { 'cleanup.policy': 'compact', ...twoBatches, 'retention.bytes': '0', 'retention.ms': '1' },
  })
  const offsets = storage.catalog.current().topics.get('__consumer_offsets')!.partitions[0]!
  for (let i = 0; i < 5; i++) await append(storage.logs, offsets, { timestamp: 1 })
  await configure({ 'retention.bytes': '0' })
  await fill(1)
  await check()
  t.same(basesOf(logOf(storage, '__consumer_offsets')), [0, 2, 4])
  t.ok(storage.catalog.current().topics.has('events'))
})

// The model

interface ModelSegment {
  readonly baseOffset: number
  readonly size: number
  /** Largest timestamp of the records, or of the last write where they have none. */
  readonly timestampMs: number
}

interface ModelLog {
  segments: ModelSegment[]
  logStartOffset: number
  readonly highWatermark: number
  readonly logEndOffset: number
}

/** What Kafka does, step by step: a pass for each rule, with what it takes away removed before the next. */
function deleteOldSegments(
  log: ModelLog,
  terms: { deletes: boolean; ms: number; bytes: number },
  now: number,
) {
  const pass = (shouldDelete: (segment: ModelSegment, next: ModelSegment | undefined) => boolean) => {
    let count = 0
    while (count < log.segments.length) {
      const segment = log.segments[count]!
      const next = log.segments[count + 1]
      const upperBound = next === undefined ? log.logEndOffset : next.baseOffset
      const isLastAndEmpty = next === undefined && segment.size === 0
      if (!(log.highWatermark >= upperBound && shouldDelete(segment, next)) || isLastAndEmpty) break
      count++
    }
    if (count === 0) return
    if (count === log.segments.length) {
      log.segments.push({ baseOffset: log.logEndOffset, size: 0, timestampMs: now })
    }
    log.segments = log.segments.slice(count)
    log.logStartOffset = Math.max(log.logStartOffset, log.segments[0]!.baseOffset)
  }
  pass((_, next) => next !== undefined && next.baseOffset <= log.logStartOffset)
  if (!terms.deletes) return
  const size = log.segments.reduce((sum, segment) => sum + segment.size, 0)
  if (terms.bytes >= 0 && size >= terms.bytes) {
    let difference = size - terms.bytes
    pass(segment => {
      if (difference - segment.size < 0) return false
      difference -= segment.size
      return true
    })
  }
  if (terms.ms >= 0) pass(segment => now - segment.timestampMs > terms.ms)
}

const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))
const operationCount = Number(process.env.OPERATIONS ?? 800)

function generator(seed: number): (below: number) => number {
  let state = seed
  return below => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    return ((state >>> 8) * 2 ** -24 * below) | 0
  }
}

t.test(`${operationCount} random operations do what Kafka's rules do, seed ${seed}`, async t => {
  const random = generator(seed)
  const clock = new ManualClock(nowMs)
  const written = new Map<string, number>()
  const paths = new Map<number, string>()
  const inner = unsyncedDisk(systemDisk())
  // Files are as old as the clock says, and a sync takes a turn.
  const disk: Disk = {
    ...inner,
    sync: () => turn(),
    openForWrite(path, create) {
      const descriptor = inner.openForWrite(path, create)
      paths.set(descriptor, path)
      if (!written.has(path)) written.set(path, clock.now())
      return descriptor
    },
    write(descriptor, bytes, position) {
      written.set(paths.get(descriptor)!, clock.now())
      inner.write(descriptor, bytes, position)
    },
    modifiedTimeMs: path => written.get(path)!,
  }
  const setup = await setUp(t, { 'internal.segment.bytes': '500' }, disk, clock)
  const { storage, partition, log } = setup
  const terms = { deletes: true, ms: -1, bytes: -1 }
  const values: { value: string; timestampMs: number; appendedMs: number }[] = []
  let logStartOffset = 0
  let removed = 0
  let rolled = 0
  const fail = (message: string): never => {
    throw new Error(`seed ${seed}: ${message}`)
  }

  function newBatch(): TestBatch {
    const records = Array.from({ length: 1 + random(3) }, () => {
      const value = `${values.length}`.padEnd(random(40))
      const age = random(20) === 0 ? -random(4000) : random(3000)
      const timestamp = random(6) === 0 ? -1 : clock.now() - age
      values.push({ value, timestampMs: timestamp, appendedMs: clock.now() })
      return { value: Buffer.from(value), timestamp }
    })
    return { records }
  }

  function modelOf(highWatermark: number): ModelLog {
    const segments = log.segments.map((segment, i): ModelSegment => {
      const end = log.segments[i + 1]?.baseOffset ?? values.length
      const own = values.slice(segment.baseOffset, end)
      const largest = Math.max(-1, ...own.map(record => record.timestampMs))
      const lastWrite = own.at(-1)?.appendedMs ?? 0
      const { baseOffset, size } = segment
      return { baseOffset, size, timestampMs: largest >= 0 ? largest : lastWrite }
    })
    return { segments, logStartOffset, highWatermark, logEndOffset: values.length }
  }

  async function check(): Promise<void> {
    // Sometimes something is written and not yet synced.
    const pending = random(3) > 0 ? undefined : append(storage.logs, partition, newBatch())
    const { highWatermark } = log
    const model = modelOf(highWatermark)
    const before = model.segments.length
    deleteOldSegments(model, terms, clock.now())
    await storage.retention.run()
    await pending
    const title = `at ${clock.now() - nowMs}, ${JSON.stringify(terms)}, start ${logStartOffset}, mark ${highWatermark}`
    const bases = model.segments.map(segment => segment.baseOffset)
    if (basesOf(log).join() !== bases.join()) fail(`${title}: ${basesOf(log)} instead of ${bases}`)
    logStartOffset = model.logStartOffset
    if (log.logStartOffset !== logStartOffset)
      fail(`${title}: start ${log.logStartOffset}, not ${logStartOffset}`)
    if (log.logEndOffset !== values.length) fail(`${title}: end ${log.logEndOffset}, not ${values.length}`)
    removed += Math.max(0, before - model.segments.length)
    if (model.segments[0]!.baseOffset === values.length) rolled++
  }

  async function read(): Promise<void> {
    const from = random(values.length + 1)
    const found = await readAll(storage.logs, partition, from, 1 + random(2000))
    const expected =
      from < logStartOffset
        ? ['OFFSET_OUT_OF_RANGE']
        : values.slice(from, log.highWatermark).map(({ value }, i) => `${from + i}:${value}`)
    if (found.join() !== expected.join()) fail(`read ${from}: ${found[0]} instead of ${expected[0]}`)
  }

  /** What a start after a kill at this moment finds. */
  async function crash(): Promise<void> {
    await storage.logs.idle()
    const copy = join(temporaryDirectory(t), 'data')
    fs.cpSync(setup.directory, copy, { recursive: true })
    fs.rmSync(join(copy, '.lock'))
    const again = await openTestStorage({ directory: copy, clock: new ManualClock(clock.now()) })
    const offsets = again.logs.offsets(partition)
    if (offsets.logStartOffset !== logStartOffset || offsets.logEndOffset !== values.length) {
      fail(`after a crash ${JSON.stringify(offsets)}, not ${logStartOffset} to ${values.length}`)
    }
    const expected = values.slice(logStartOffset).map(({ value }, i) => `${logStartOffset + i}:${value}`)
    const found = await readAll(again.logs, partition, logStartOffset)
    if (found.join() !== expected.join())
      fail(`after a crash ${found.length} records, not ${expected.length}`)
    await again.close()
    fs.rmSync(copy, { recursive: true })
  }

  async function configure(): Promise<void> {
    terms.ms = random(3) === 0 ? -1 : random(4000)
    terms.bytes = random(3) === 0 ? -1 : random(2) * random(3000)
    const policy = ['delete', 'delete', 'delete', 'compact', '', 'compact,delete'][random(6)]!
    terms.deletes = policy.includes('delete')
    await setup.configure({
      'retention.ms': String(terms.ms),
      'retention.bytes': String(terms.bytes),
      'cleanup.policy': policy,
      'internal.segment.bytes': String(400 + random(800)),
    })
  }

  for (let i = 0; i < operationCount; i++) {
    const kind = random(100)
    if (kind < 50) {
      const result = appendNow(storage.logs, partition, newBatch())
      if (result.error !== 'NONE') fail(`append: ${result.error}`)
      if (random(3) === 0) await storage.logs.idle()
    } else if (kind < 62) await read()
    else if (kind < 68) clock.advance(random(1000))
    else if (kind < 72) {
      const offset = Math.min(log.highWatermark, logStartOffset + random(10))
      logStartOffset = Math.max(logStartOffset, await storage.logs.deleteBefore(partition, offset))
    } else if (kind < 78) await configure()
    else if (kind < 79) await crash()
    else if (kind < 95) await check()
    else if (random(2) === 0) log.roll()
  }
  await crash()
  t.ok(removed > 20, `${removed} segments removed`)
  t.comment(`${removed} segments removed, ${rolled} checks left an empty log of ${values.length} records`)
})

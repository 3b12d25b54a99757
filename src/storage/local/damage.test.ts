/** A flipped bit, or a file cut short, in a directory that was left in order: what readers get, and what is said of it. */
import * as fs from 'node:fs'
import { basename, join } from 'node:path'
import t, { type Test } from 'tap'
import { batchField, batchSize } from '../../../protocol-codecs/record-batch.ts'
import { DecodeError } from '../../../protocol-codecs/wire-reader.ts'
import { loadShard } from '../../coordination/load-shard.ts'
import { systemClock } from '../../platform/clock.ts'
import type { Logger, LogMethod } from '../../platform/logger.ts'
import { append, logOf, openTestStorage, readAll, temporaryDirectory } from '../../testing/test-storage.ts'
import type { LocalStorage } from './local-storage.ts'

const batchCount = 24
const timestampMs = 1_700_000_000_000
const segmentBytes = 600

interface Opened {
  readonly storage: LocalStorage
  readonly remarks: string[]
}

/** Single-record batches of one producer, in segments of seven or so, and an index entry for nearly each. */
async function directoryOf(t: Test, deleteBefore = 0): Promise<string> {
  const directory = join(temporaryDirectory(t), 'data')
  fs.mkdirSync(directory)
  const storage = await openTestStorage({ directory })
  const configs = { 'internal.segment.bytes': `${segmentBytes}`, 'index.interval.bytes': '50' }
  const change = { type: 'create-topic' as const, name: 'events', partitionCount: 1, configs }
  const partition = (await storage.catalog.change(change)).topics.get('events')!.partitions[0]!
  for (let n = 0; n < batchCount; n++) {
    const batch = { values: [`v${n}`], timestamp: timestampMs + n, producerId: 7, baseSequence: n }
    await append(storage.logs, partition, batch)
  }
  if (deleteBefore > 0) await storage.logs.deleteBefore(partition, deleteBefore)
  await storage.close()
  return directory
}

function copyOf(t: Test, directory: string): string {
  const copy = join(temporaryDirectory(t), 'data')
  fs.cpSync(directory, copy, { recursive: true })
  return copy
}

async function open(t: Test, directory: string): Promise<Opened> {
  const remarks: string[] = []
  const ignore: LogMethod = () => {}
  const note: LogMethod = (first: string | object, second?: string) => {
    remarks.push(typeof first === 'string' ? first : second!)
  }
  const logger: Logger = {
    debug: ignore,
    info: ignore,
    warn: note,
    error: note,
    fatal: note,
    child: () => logger,
  }
  const storage = await openTestStorage({ directory, logger })
  t.teardown(() => storage.close())
  return { storage, remarks }
}

const eventsOf = (storage: LocalStorage) => storage.catalog.current().topics.get('events')!.partitions[0]!

const values = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, n) => `${from + n}:v${from + n}`)

const segments = (directory: string, kind = 'log') =>
  fs
    .readdirSync(join(directory, 'events-0'))
    .filter(name => name.endsWith(`.${kind}`))
    .sort()
    .map(name => join(directory, 'events-0', name))

/** Where a batch of a segment lies. */
function positionOf(path: string, number: number): number {
  const bytes = fs.readFileSync(path)
  let at = 0
  for (let n = 0; n < number; n++) at += batchSize(bytes, at)
  return at
}

function flip(path: string, at: number, bits: number): void {
  const bytes = fs.readFileSync(path)
  bytes[at]! ^= bits
  fs.writeFileSync(path, bytes)
}

t.test('a damaged field outside the checksum is an error where it is read, and nowhere else', async t => {
  const fields: [name: string, at: number, bits: number][] = [
    ['base offset, up', batchField.baseOffset + 7, 0x40],
    ['base offset, far up', batchField.baseOffset + 2, 0x40],
    ['base offset, beyond all numbers', batchField.baseOffset, 0x40],
    ['base offset, by one', batchField.baseOffset + 7, 0x01],
    ['length, longer than the segment', batchField.batchLength + 1, 0x40],
    ['length, negative', batchField.batchLength, 0x80],
    ['leader epoch', batchField.partitionLeaderEpoch + 3, 0x01],
    ['leader epoch, negative', batchField.partitionLeaderEpoch, 0x80],
    ['magic', batchField.magic, 0x03],
  ]
  const pristine = await directoryOf(t)
  for (const [name, field, bits] of fields) {
    const directory = copyOf(t, pristine)
    const path = segments(directory)[1]!
    const first = Number(basename(path, '.log'))
    const damaged = first + 3
    flip(path, positionOf(path, 3) + field, bits)
    const { storage, remarks } = await open(t, directory)
    const partition = eventsOf(storage)
    const read = await readAll(storage.logs, partition)
    t.same(read, [...values(0, damaged), 'CORRUPT_MESSAGE'], name)
    t.ok(remarks.length > 0, `${name}: ${remarks}`)
    for (let offset = first; offset < damaged; offset++) {
      t.equal(
        (await readAll(storage.logs, partition, offset, 1))[0],
        `${offset}:v${offset}`,
        `${name}, from ${offset}`,
      )
    }
    const next = Number(basename(segments(directory)[2]!, '.log'))
    t.same(await readAll(storage.logs, partition, next), values(next, batchCount), `${name}, behind it`)
    const from = await readAll(storage.logs, partition, damaged)
    t.notMatch(from[0], /:/, `${name}, itself`)
  }
})

t.test(
  'a leader epoch that has not begun yet is an error, also where it is the latest of the log',
  async t => {
    const directory = await directoryOf(t)
    const last = segments(directory).at(-1)!
    const first = Number(basename(last, '.log'))
    const epochAt = batchField.partitionLeaderEpoch + 3
    for (let n = 0; n < batchCount - first; n++) flip(last, positionOf(last, n) + epochAt, 0x01)
    fs.writeFileSync(join(directory, 'events-0', 'leader-epoch-checkpoint'), `0\n2\n0 0\n1 ${first}\n`)
    flip(segments(directory)[0]!, epochAt, 0x01)
    const { storage } = await open(t, directory)
    const partition = eventsOf(storage)
    t.same(await readAll(storage.logs, partition), ['CORRUPT_MESSAGE'])
    t.same(await readAll(storage.logs, partition, 1), values(1, batchCount), 'and nothing else')
  },
)

t.test("the last batch's base offset does not move the end of a log", async t => {
  const directory = await directoryOf(t)
  const path = segments(directory).at(-1)!
  const count = batchCount - Number(basename(path, '.log'))
  flip(path, positionOf(path, count - 1) + batchField.baseOffset + 6, 0x01)
  const { storage, remarks } = await open(t, directory)
  t.ok(remarks.some(remark => /does not end where a clean stop has left it/.test(remark)))
  const partition = eventsOf(storage)
  t.match(await append(storage.logs, partition, { values: ['new'] }), { baseOffset: batchCount })
  t.same(await readAll(storage.logs, partition), [...values(0, batchCount - 1), 'CORRUPT_MESSAGE'])
  t.same(await readAll(storage.logs, partition, batchCount), [`${batchCount}:new`])
})

t.test('records that are gone from the end of a log leave their offsets unused', async t => {
  const directory = await directoryOf(t)
  const path = segments(directory).at(-1)!
  const first = Number(basename(path, '.log'))
  fs.truncateSync(path, positionOf(path, 1))
  const { storage, remarks } = await open(t, directory)
  t.ok(remarks.some(remark => /does not end where a clean stop has left it/.test(remark)))
  const partition = eventsOf(storage)
  t.match(await append(storage.logs, partition, { values: ['new'] }), { baseOffset: batchCount })
  t.same(await readAll(storage.logs, partition), [...values(0, first + 1), `${batchCount}:new`])
})

t.test(
  'records that are gone between two segments are told of once, and readers go on behind them',
  async t => {
    const directory = await directoryOf(t)
    const [, path] = segments(directory)
    const first = Number(basename(path!, '.log'))
    const next = Number(basename(segments(directory)[2]!, '.log'))
    fs.truncateSync(path!, positionOf(path!, next - first - 1))
    const { storage, remarks } = await open(t, directory)
    const partition = eventsOf(storage)
    const expected = [...values(0, next - 1), ...values(next, batchCount)]
    t.same(await readAll(storage.logs, partition), expected)
    t.same(await readAll(storage.logs, partition), expected)
    t.equal(remarks.filter(remark => /lacks offsets/.test(remark)).length, 1)
  },
)

t.test('an index entry is held against its batch before it sends a reader anywhere', async t => {
  const pristine = await directoryOf(t)
  const { length } = fs.readFileSync(segments(pristine, 'index')[1]!)
  t.ok(length >= 32)
  for (let at = 0; at < length; at++) {
    const directory = copyOf(t, pristine)
    flip(segments(directory, 'index')[1]!, at, 0x01)
    const { storage, remarks } = await open(t, directory)
    // Backwards, since where a read has ended is remembered.
    for (let offset = batchCount - 1; offset >= 0; offset--) {
      const [found] = await readAll(storage.logs, eventsOf(storage), offset, 1)
      if (found !== `${offset}:v${offset}`) t.fail(`byte ${at}: ${found} instead of ${offset}`)
    }
    t.match(remarks, [/index/], `byte ${at}`)
    await storage.close()
  }
})

t.test('a time index entry is held against its batch before a search or retention relies on it', async t => {
  const pristine = await directoryOf(t)
  const { length } = fs.readFileSync(segments(pristine, 'timeindex')[1]!)
  for (let at = 0; at < length; at++) {
    const directory = copyOf(t, pristine)
    flip(segments(directory, 'timeindex')[1]!, at, 0x02)
    const { storage } = await open(t, directory)
    for (let n = 0; n < batchCount; n++) {
      const found = await storage.logs.offsetAt(eventsOf(storage), timestampMs + n, 'read_uncommitted')
      if (found?.offset !== n) t.fail(`byte ${at}: ${found?.offset} instead of ${n}`)
    }
    await storage.close()
  }
  for (const left of [0, 12, 24]) {
    const directory = copyOf(t, pristine)
    const path = segments(directory, 'timeindex')[1]!
    fs.truncateSync(path, left)
    const next = Number(basename(segments(directory)[2]!, '.log'))
    const { storage } = await open(t, directory)
    const segment = logOf(storage, 'events').segments[1]!
    t.equal(segment.findMaxTimestamp(), timestampMs + next - 1, `retention, with ${left} bytes left`)
    for (let n = 0; n < batchCount; n++) {
      const found = await storage.logs.offsetAt(eventsOf(storage), timestampMs + n, 'read_uncommitted')
      if (found?.offset !== n) t.fail(`${left} bytes left: ${found?.offset} instead of ${n}`)
    }
  }
})

t.test('a search by timestamp does not believe a batch that does not fit its checksum', async t => {
  const directory = await directoryOf(t)
  const path = segments(directory)[1]!
  flip(path, positionOf(path, 3) + batchField.maxTimestamp + 7, 0x40)
  const { storage } = await open(t, directory)
  const offset = Number(basename(path, '.log')) + 3
  await t.rejects(storage.logs.offsetAt(eventsOf(storage), timestampMs + offset, 'read_uncommitted'), {
    name: 'CORRUPT_MESSAGE',
  })
})

t.test('a checkpoint that is damaged is told of and hides nothing', async t => {
  const cases: [file: string, damage: (text: string) => string, remark: RegExp][] = [
    [
      'recovery-point-offset-checkpoint',
      text => text.replace('events 0 24', 'events 0 94'),
      /is not the end/,
    ],
    [
      'recovery-point-offset-checkpoint',
      text => text.replace('events 0 24', 'events 0 04'),
      /is not the end/,
    ],
    ['recovery-point-offset-checkpoint', text => text.replace('events 0', 'eventr 0'), /is not the end/],
    ['recovery-point-offset-checkpoint', text => text.replace('0\n2\n', '0\n3\n'), /checkpoint is damaged/],
    ['log-start-offset-checkpoint', text => text.replace('events 0 5', 'events 0 7'), /first epoch/],
    ['log-start-offset-checkpoint', text => text.replace('events 0 5', 'events 0 85'), /behind the end/],
    [
      'log-start-offset-checkpoint',
      text => text.replace('events 0 5', 'events 0 u'),
      /checkpoint is damaged/,
    ],
    ['log-start-offset-checkpoint', text => text.slice(0, -1), /checkpoint is damaged/],
    ['events-0/leader-epoch-checkpoint', text => text.replace('0 5', '1 5'), /history of epochs/],
    ['events-0/leader-epoch-checkpoint', text => text.replace('0 5', '0 7'), /first epoch/],
  ]
  const pristine = await directoryOf(t, 5)
  for (const [file, damage, remark] of cases) {
    const directory = copyOf(t, pristine)
    const path = join(directory, file)
    const before = fs.readFileSync(path, 'utf8')
    const damaged = damage(before)
    t.not(damaged, before, file)
    fs.writeFileSync(path, damaged)
    const { storage, remarks } = await open(t, directory)
    t.ok(
      remarks.some(text => remark.test(text)),
      `${JSON.stringify(damaged)}: ${remarks}`,
    )
    const partition = eventsOf(storage)
    t.same(await readAll(storage.logs, partition, 5), values(5, batchCount), JSON.stringify(damaged))
    t.match(await append(storage.logs, partition, { values: ['new'] }), { baseOffset: batchCount })
    t.same(storage.logs.epochEnd(partition, 0), { epoch: 0, endOffset: batchCount + 1 })
    await storage.close()
  }
})

t.test('a damaged owner costs no partition its records', async t => {
  for (const at of [20, 35]) {
    const directory = await directoryOf(t)
    const path = join(directory, 'events-0', 'partition.metadata')
    const before = fs.readFileSync(path)
    flip(path, at, 0x01)
    const { storage, remarks } = await open(t, directory)
    t.match(remarks, [/owner is damaged/])
    t.same(await readAll(storage.logs, eventsOf(storage)), values(0, batchCount))
    t.same(fs.readFileSync(path), before)
  }
})

t.test('a damaged catalogue, or one whose owner is unknown, is not opened and not changed', async t => {
  const directory = await directoryOf(t)
  const path = join(directory, '__cluster_metadata-0', '00000000000000000000.log')
  const before = fs.readFileSync(path)
  for (let at = 0; at < before.length; at++) {
    // Epoch and base offset of a change mean nothing.
    const field = at - (at < batchSize(before, 0) ? 0 : batchSize(before, 0))
    if (
      field < batchField.batchLength ||
      (field >= batchField.partitionLeaderEpoch && field < batchField.magic)
    )
      continue
    flip(path, at, 0x10)
    const damaged = fs.readFileSync(path)
    await openTestStorage({ directory }).then(
      () => t.fail(`byte ${at} is opened`),
      error => {
        if (error.name !== 'DataDirectoryError') t.fail(`byte ${at}: ${error}`)
      },
    )
    if (!damaged.equals(fs.readFileSync(path))) t.fail(`byte ${at} is changed`)
    fs.writeFileSync(path, before)
  }
  t.ok(fs.existsSync(join(directory, '.kafka_cleanshutdown')), 'the mark of the clean stop is still there')
  fs.rmSync(join(directory, 'meta.properties'))
  await t.rejects(openTestStorage({ directory }), {
    name: 'DataDirectoryError',
    message: /meta.properties, which says .* is missing; restore it/,
  })
})

t.test('a coordinator passes over a batch that does not fit its checksum, and says so', async t => {
  const pristine = await directoryOf(t)
  // In a record; and in the header, so that the batch seems to end before it begins.
  for (const [at, bits] of [
    [70, 0x01],
    [batchField.lastOffsetDelta, 0x80],
  ] as const) {
    await passesOver(t, copyOf(t, pristine), at, bits)
  }
})

async function passesOver(t: Test, directory: string, at: number, bits: number): Promise<void> {
  const path = segments(directory)[1]!
  const offset = Number(basename(path, '.log')) + 2
  flip(path, positionOf(path, 2) + at, bits)
  const { storage } = await open(t, directory)
  const seen: string[] = []
  const unreadable: number[] = []
  const state = {
    replay: ({ value }: { value: Buffer | null }) => void seen.push(String(value)),
    replayMarker: () => {},
  }
  const count = await loadShard(storage.logs, eventsOf(storage), state, {
    bufferBytes: 300,
    clock: systemClock,
    nextTurn: () => Promise.resolve(),
    isCancelled: () => false,
    onUnreadable: (at, error) => {
      t.ok(error instanceof DecodeError)
      unreadable.push(at)
    },
  })
  t.equal(count, batchCount - 1)
  t.same(unreadable, [offset])
  t.notOk(seen.includes(`v${offset}`))
}

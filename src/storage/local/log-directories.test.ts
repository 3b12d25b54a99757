/** A broker with several log directories: where partitions go and are found, and what one directory's failure costs. */
import * as fs from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { buildBatch } from '../../../protocol-codecs/build-batch.ts'
import { partitionRecord } from '../../../protocol-codecs/internal-topics/metadata-records.ts'
import { type Logger, silentLogger } from '../../platform/logger.ts'
import { type FaultyDisk, faultyDisk } from '../../testing/faulty-disk.ts'
import { ManualClock } from '../../testing/manual-clock.ts'
import {
  append,
  appendNow,
  openTestStorage,
  readAll,
  type TestStorageOptions,
  temporaryDirectory,
  testBatch,
} from '../../testing/test-storage.ts'
import type { PartitionRef } from '../partition-log.ts'
import type { LocalStorage } from './local-storage.ts'
import { encodeMetadata } from './metadata-frame.ts'

const firstSegment = `${'0'.repeat(20)}.log`

type Options = Partial<TestStorageOptions>

/** Folders `a`, `b`, ... beside each other, made by the broker. */
function places(t: Test, count = 2): string[] {
  const root = temporaryDirectory(t)
  return ['a', 'b', 'c'].slice(0, count).map(name => join(root, name))
}

async function open(t: Test, directories: readonly string[], options: Options = {}): Promise<LocalStorage> {
  const storage = await openTestStorage({ directory: directories[0]!, directories, ...options })
  t.teardown(() => storage.close())
  return storage
}

async function create(
  storage: LocalStorage,
  name: string,
  partitionCount: number,
): Promise<readonly PartitionRef[]> {
  const change = { type: 'create-topic' as const, name, partitionCount, configs: {} }
  return (await storage.catalog.change(change)).topics.get(name)!.partitions
}

/** Appends `<name>` to each partition and waits until it is durable; gives the errors. */
async function appendToEach(storage: LocalStorage, partitions: readonly PartitionRef[], value: string) {
  const results = await storage.logs.append(
    partitions.map(partition => ({
      partition,
      batch: testBatch({ values: [value] }),
      origin: 'client' as const,
    })),
    'durable',
  )
  return results.map(({ error }) => error)
}

function readEach(storage: LocalStorage, partitions: readonly PartitionRef[]) {
  return Promise.all(partitions.map(partition => readAll(storage.logs, partition)))
}

const partitionsIn = (directory: string) =>
  fs
    .readdirSync(directory)
    .filter(name => /^[a-z].*-\d+$/.test(name))
    .sort()
const property = (directory: string, name: string) =>
  new RegExp(`^${name}=(.*)$`, 'm').exec(fs.readFileSync(join(directory, 'meta.properties'), 'utf8'))?.[1]

/** As a kill -9 leaves directories: copies of them, and as they were. */
function killed(t: Test, directories: readonly string[]): string[] {
  const copies = places(t, directories.length)
  for (const [n, copy] of copies.entries()) {
    fs.cpSync(directories[n]!, copy, { recursive: true })
    fs.rmSync(join(copy, '.lock'))
  }
  return copies
}

function errorsInto(messages: string[]): Logger {
  const logger: Logger = {
    ...silentLogger,
    error: (_: object | string, message?: string) => void messages.push(message ?? ''),
    child: () => logger,
  }
  return logger
}

t.test('every directory is complete in itself', async t => {
  const [a, b] = places(t) as [string, string]
  const storage = await open(t, [a, b])
  for (const name of ['cluster.id', 'node.id']) t.equal(property(a, name), property(b, name), name)
  t.not(property(a, 'directory.id'), property(b, 'directory.id'))
  t.equal(storage.identity.directoryId, property(a, 'directory.id'))
  const partitions = await create(storage, 'events', 6)
  t.same(await appendToEach(storage, partitions, 'x'), Array(6).fill('NONE'))
  for (const directory of [a, b]) {
    t.ok(fs.existsSync(join(directory, '.lock')))
    t.ok(fs.existsSync(join(directory, '__journal-0')), 'what waits together shares a journal')
  }
  await storage.close()
  for (const directory of [a, b]) {
    const names = fs.readdirSync(directory)
    t.ok(names.includes('.kafka_cleanshutdown'))
    t.notOk(names.includes('.lock'))
    t.notOk(names.includes('__journal-0'))
    const checkpoint = fs.readFileSync(join(directory, 'recovery-point-offset-checkpoint'), 'utf8')
    const listed = [...checkpoint.matchAll(/^events (\d) 1$/gm)].map(([, index]) => `events-${index}`)
    t.same(listed.sort(), partitionsIn(directory))
  }
  t.ok(fs.existsSync(join(a, '__cluster_metadata-0')))
  t.notOk(fs.existsSync(join(b, '__cluster_metadata-0')))
})

t.test('placement', async t => {
  await t.test('a new partition goes to the directory with the fewest', async t => {
    const [a, b, c] = places(t, 3) as [string, string, string]
    const storage = await open(t, [a, b])
    await create(storage, 'one', 1)
    await create(storage, 'three', 3)
    t.same(
      [partitionsIn(a), partitionsIn(b)],
      [
        ['one-0', 'three-1'],
        ['three-0', 'three-2'],
      ],
    )
    await storage.close()
    const wider = await open(t, [a, b, c])
    await create(wider, 'more', 2)
    t.same(partitionsIn(c), ['more-0', 'more-1'])
    const one = wider.catalog.current().topics.get('one')!
    await wider.catalog.change({ type: 'delete-topic', id: one.id })
    await wider.catalog.change({ type: 'create-partitions', id: idOf(wider, 'more'), partitionCount: 3 })
    t.ok(partitionsIn(a).includes('more-2'), 'what was deleted does not count')
  })

  await t.test('the catalogue may have a directory of its own, which takes no partitions', async t => {
    const [a, b, c] = places(t, 3) as [string, string, string]
    const storage = await open(t, [a, b], { directory: c })
    await create(storage, 'events', 4)
    t.same(partitionsIn(c), [])
    t.ok(fs.existsSync(join(c, '__cluster_metadata-0')))
    t.same(
      storage.directories.map(({ path }) => path),
      [c, a, b],
    )
  })

  await t.test('the catalogue names the directory, and the one that a partition was moved to', async t => {
    const [a, b] = places(t) as [string, string]
    const storage = await open(t, [a, b])
    const partitions = await create(storage, 'events', 2)
    await appendToEach(storage, partitions, 'x')
    const ids = [a, b].map(directory => property(directory, 'directory.id'))
    t.same(
      partitions.map(partition => storage.catalog.directoryOf(partition)),
      ids,
    )
    await storage.close()
    fs.renameSync(join(a, 'events-0'), join(b, 'events-0'))
    const moved = await open(t, [a, b])
    t.same(await readEach(moved, partitions), [['0:x'], ['0:x']])
    await moved.close()
    fs.renameSync(b, `${b}-away`)
    const without = await open(t, [a, b])
    t.same(await readEach(without, partitions), [['KAFKA_STORAGE_ERROR'], ['KAFKA_STORAGE_ERROR']])
    t.same(partitionsIn(a), [], 'it is not made anew where it was before')
  })
})

/** Puts a partition's record into a catalogue that nobody uses now, as a broker wrote it that knew of no directories. */
function recordWithout(
  directory: string,
  { topicId, index }: PartitionRef,
  version: number,
  directories: string[],
) {
  const value = encodeMetadata(partitionRecord, version, {
    partitionId: index,
    topicId,
    replicas: [1],
    isr: [1],
    removingReplicas: [],
    addingReplicas: [],
    leader: 1,
    leaderEpoch: 0,
    partitionEpoch: 0,
    directories,
  })
  const checkpoint = fs.readFileSync(join(directory, 'recovery-point-offset-checkpoint'), 'utf8')
  const baseOffset = Number(/^__cluster_metadata 0 (\d+)$/m.exec(checkpoint)?.[1])
  const batch = buildBatch({ records: [{ value }], baseOffset, partitionLeaderEpoch: 1, timestamp: 1 })
  fs.appendFileSync(join(directory, '__cluster_metadata-0', firstSegment), batch)
}

t.test('data of a broker that knew of no directories', async t => {
  for (const [what, version, directories] of [
    ['no field for them', 0, []],
    ['none named', 1, []],
    ["Kafka's id for none yet", 1, ['AAAAAAAAAAAAAAAAAAAAAA']],
  ] as const) {
    await t.test(`${what}: a partition lives where it is found, and that is kept`, async t => {
      const [a, b] = places(t) as [string, string]
      const alone = await open(t, [a])
      const [partition] = await create(alone, 'events', 1)
      await appendToEach(alone, [partition!], 'x')
      await alone.close()
      recordWithout(a, partition!, version, [...directories])
      for (const round of ['first', 'second']) {
        const storage = await open(t, [a, b])
        t.same(await readAll(storage.logs, partition!), ['0:x'], round)
        t.equal(storage.catalog.directoryOf(partition!), property(a, 'directory.id'), round)
        await storage.close()
      }
    })
  }

  await t.test(
    'what lies nowhere is made, but not while a directory is missing that may have it',
    async t => {
      const [a, b] = places(t) as [string, string]
      const storage = await open(t, [a, b])
      const partitions = await create(storage, 'events', 2)
      await appendToEach(storage, partitions, 'x')
      await storage.close()
      recordWithout(a, partitions[1]!, 1, [])
      fs.renameSync(b, `${b}-away`)
      fs.writeFileSync(b, 'no directory')
      const without = await open(t, [a, b])
      t.same(await readEach(without, partitions), [['0:x'], ['KAFKA_STORAGE_ERROR']])
      await without.close()
      fs.rmSync(b)
      const empty = await open(t, [a, b])
      t.match(await append(empty.logs, partitions[1]!, {}), { error: 'NONE', baseOffset: 0 })
    },
  )
})

t.test('a start that finds a directory', async t => {
  /** Two directories with a partition of one record in each, after a clean stop. */
  async function used(t: Test, options: Options = {}) {
    const [a, b] = places(t) as [string, string]
    const storage = await open(t, [a, b], options)
    const partitions = await create(storage, 'events', 2)
    await appendToEach(storage, partitions, 'x')
    await storage.close()
    return { a, b, partitions }
  }
  const offline = 'KAFKA_STORAGE_ERROR'

  await t.test('taken away: its partitions are offline, and back with it', async t => {
    const { a, b, partitions } = await used(t)
    fs.renameSync(b, `${b}-away`)
    const messages: string[] = []
    const storage = await open(t, [a, b], { logger: errorsInto(messages) })
    t.match(messages, [/partitions are offline because their log directory is missing/])
    t.same(await appendToEach(storage, partitions, 'y'), ['NONE', offline])
    t.same(await readEach(storage, partitions), [['0:x', '1:y'], [offline]])
    t.same(
      partitions.map(partition => storage.logs.isLeaderless(partition)),
      [false, true],
    )
    t.same(partitionsIn(b), [], 'nothing is made in the empty place')
    await storage.close()
    fs.rmSync(b, { recursive: true })
    fs.renameSync(`${b}-away`, b)
    const again = await open(t, [a, b])
    t.same(await readEach(again, partitions), [['0:x', '1:y'], ['0:x']])
    t.same(await appendToEach(again, partitions, 'z'), ['NONE', 'NONE'])
  })

  await t.test('left out of log.dirs: the same', async t => {
    const { a, b, partitions } = await used(t)
    const storage = await open(t, [a])
    t.same(await readEach(storage, partitions), [['0:x'], [offline]])
    await create(storage, 'later', 3)
    await storage.close()
    const again = await open(t, [a, b])
    t.same(await readEach(again, partitions), [['0:x'], ['0:x']])
  })

  for (const [what, fault] of [
    ['that cannot be made', { operation: 'makeDirectory', path: /b$/, code: 'EIO' }],
    ['that cannot be listed', { operation: 'list', path: /b$/, code: 'EIO' }],
    ['whose identity cannot be read', { operation: 'readFile', path: /b\/meta/, code: 'EIO' }],
    ['that is read-only', { operation: 'remove', path: /b\/\.kafka_clean/, code: 'EROFS' }],
    ['whose names cannot be synced', { operation: 'syncDirectory', path: /b$/, code: 'EIO' }],
  ] as const) {
    await t.test(`${what}: the others are served, and it is back when it is healed`, async t => {
      const { a, b, partitions } = await used(t)
      const disk = faultyDisk()
      const fs = disk.inject(fault)
      const messages: string[] = []
      const storage = await open(t, [a, b], { disk, logger: errorsInto(messages) })
      t.match(messages, [/a log directory/, /partitions are offline/])
      t.same(
        storage.directories.map(({ isOffline }) => isOffline),
        [false, true],
      )
      t.same(await appendToEach(storage, partitions, 'y'), ['NONE', offline])
      await create(storage, 'later', 2)
      t.same(partitionsIn(a), ['events-0', 'later-0', 'later-1'])
      await storage.close()
      fs.heal()
      const again = await open(t, [a, b])
      t.same(await readEach(again, partitions), [['0:x', '1:y'], ['0:x']])
    })
  }

  await t.test('with a damaged identity: the others are served', async t => {
    const { a, b, partitions } = await used(t)
    fs.writeFileSync(join(b, 'meta.properties'), 'version=1\n')
    const storage = await open(t, [a, b])
    t.same(await readEach(storage, partitions), [['0:x'], [offline]])
  })

  await t.test('whose journal cannot be read after a crash: the others are served', async t => {
    const [a, b] = places(t) as [string, string]
    const storage = await open(t, [a, b])
    const partitions = await create(storage, 'events', 6)
    await appendToEach(storage, partitions, 'x')
    const copies = killed(t, [a, b])
    const disk = faultyDisk()
    const fault = disk.inject({ operation: 'readLater', path: /b\/__journal-0\//, code: 'EIO' })
    const half = await open(t, copies, { disk })
    t.same(await appendToEach(half, partitions, 'y'), ['NONE', offline, 'NONE', offline, 'NONE', offline])
    await half.close()
    fault.heal()
    const whole = await open(t, copies)
    const [inA, inB] = [['0:x', '1:y'], ['0:x']]
    t.same(await readEach(whole, partitions), [inA, inB, inA, inB, inA, inB])
  })

  await t.test('of which nothing may go on without, stops', async t => {
    const { a, b, partitions } = await used(t)
    const cannot = (reason: RegExp, directories: readonly string[], options: Options = {}) =>
      t.rejects(open(t, directories, options), { name: 'DataDirectoryError', message: reason })
    const marks = () => [a, b].filter(path => fs.existsSync(join(path, '.kafka_cleanshutdown')))
    const disk = faultyDisk()
    disk.inject({ operation: 'list', path: /a$/, code: 'EIO' })
    await cannot(/a, which holds the catalogue \(metadata.log.dir\), cannot be used: EIO/, [a, b], { disk })
    await cannot(/a\/events-0 and|b holds|a holds __cluster_metadata-0, but .*b is to/, [b, a])
    await cannot(/are the same directory/, [a, b, `${b}/../b`])
    const link = `${b}-link`
    fs.symlinkSync(b, link)
    await cannot(/are the same directory/, [a, b, link])
    await cannot(/says that the data is of node.id 1, and this broker's node.id is 2/, [a, b], {
      nodeId: 2,
    })
    const [foreign] = places(t) as [string]
    await (await open(t, [foreign])).close()
    fs.rmSync(join(foreign, '__cluster_metadata-0'), { recursive: true })
    await cannot(/belongs to cluster .*, but .*a belongs to cluster/, [a, b, foreign])
    const [other] = places(t) as [string]
    await cannot(/has partitions, but .* has no __cluster_metadata-0/, [other, b])
    fs.cpSync(join(a, 'events-0'), join(b, 'events-0'), { recursive: true })
    await cannot(/events-0 is in both .*a and .*b; take one of the two away/, [a, b])
    fs.rmSync(join(b, 'events-0'), { recursive: true })
    const copy = `${b}-copy`
    fs.cpSync(b, copy, { recursive: true })
    await cannot(/have the same directory.id/, [a, b, copy])
    const holder = await open(t, [other])
    await cannot(/is in use by another broker/, [a, b, other])
    await holder.close()
    t.same(marks(), [a, b], 'a start that is refused leaves everything as it was')
    const storage = await open(t, [a, b])
    t.same(await readEach(storage, partitions), [['0:x'], ['0:x']])
  })

  await t.test('that is the last one for partitions, stops when it cannot be used', async t => {
    const [a, b, c] = places(t, 3) as [string, string, string]
    await (await open(t, [a, b], { directory: c })).close()
    const disk = faultyDisk()
    disk.inject({ operation: 'list', path: /[ab]$/, code: 'EIO' })
    await t.rejects(open(t, [a, b], { directory: c, disk }), { message: /none of .*a, .*b can be used/ })
  })
})

t.test('a directory that fails while the broker runs', async t => {
  async function running(t: Test, options: Options = {}) {
    const directories = places(t) as [string, string]
    const disk = faultyDisk()
    const clock = new ManualClock()
    const messages: string[] = []
    const logger = errorsInto(messages)
    const storage = await open(t, directories, { disk, clock, logger, ...options })
    const partitions = await create(storage, 'events', 4)
    await appendToEach(storage, partitions, 'x')
    return { directories, disk, clock, messages, storage, partitions }
  }
  const offline = 'KAFKA_STORAGE_ERROR'
  const inB = ['NONE', offline, 'NONE', offline]

  /** What is done, what fails then, and what makes it do so. */
  const failures: [
    string,
    Parameters<FaultyDisk['inject']>[0],
    (_: Running) => Promise<unknown> | undefined,
  ][] = [
    [
      'its checkpoints',
      { operation: 'replaceFile', path: /b\/recovery-point/, code: 'EIO' },
      async ({ clock }) => clock.advance(60_000),
    ],
    [
      'its journal',
      { operation: 'sync', path: /b\/__journal-0\//, code: 'EIO' },
      ({ storage, partitions }) => appendToEach(storage, partitions, 'lost'),
    ],
    [
      'the names of new partitions',
      { operation: 'syncDirectory', path: /b$/, code: 'EIO' },
      async ({ storage }) => appendToEach(storage, await create(storage, 'new', 2), 'lost'),
    ],
    [
      'where its logs start',
      { operation: 'replaceFile', path: /b\/log-start/, code: 'EIO' },
      async ({ storage, partitions }) => storage.logs.deleteBefore(partitions[1]!, 1).catch(() => {}),
    ],
  ]
  type Running = Awaited<ReturnType<typeof running>>
  for (const [what, fault, cause] of failures) {
    await t.test(`${what}: all its partitions are offline, the others go on`, async t => {
      const all = await running(t)
      const { directories, disk, messages, partitions, storage } = all
      const injected = disk.inject(fault)
      await cause(all)
      t.ok(messages.some(message => /a log directory has failed/.test(message)))
      t.same(await appendToEach(storage, partitions, 'y'), inB)
      t.same(
        storage.directories.map(({ isOffline }) => isOffline),
        [false, true],
      )
      const added = await create(storage, 'later', 3)
      t.same(await appendToEach(storage, added, 'z'), ['NONE', 'NONE', 'NONE'], 'new ones go elsewhere')
      await storage.close()
      t.ok(fs.existsSync(join(directories[0], '.kafka_cleanshutdown')))
      t.notOk(fs.existsSync(join(directories[1], '.kafka_cleanshutdown')))
      t.equal(disk.open.size, 0)
      injected.heal()
      const again = await open(t, directories)
      const records = await readEach(again, partitions)
      for (const [n, found] of records.entries()) {
        t.equal(found[0], '0:x')
        t.equal(
          found.some(record => record.endsWith(':y')),
          n % 2 === 0,
        )
      }
    })
  }

  await t.test('one log that cannot be synced is no failure of its directory', async t => {
    const { disk, partitions, storage } = await running(t, { isJournalEnabled: false })
    disk.inject({ operation: 'sync', path: /b\/events-1\//, code: 'EIO', times: 1 })
    t.same(await appendToEach(storage, partitions, 'y'), ['NONE', offline, 'NONE', 'NONE'])
    t.notOk(storage.directories[1]!.isOffline)
  })

  await t.test('that takes no mark of a failed sync has another one marked for it', async t => {
    const { directories, disk, partitions, storage } = await running(t, { isJournalEnabled: false })
    for (const operation of ['sync', 'openForWrite', 'replaceFile'] as const)
      disk.inject({ operation, path: /b\//, code: 'EIO' })
    t.same(await appendToEach(storage, partitions, 'y'), inB)
    const marks = (directory: string) =>
      fs.readdirSync(directory).filter(name => name.startsWith('failed-sync'))
    t.same(marks(directories[0]), [`failed-sync.${property(directories[1], 'directory.id')}`])
    const copies = killed(t, directories) as [string, string]
    const next = faultyDisk()
    const again = await open(t, copies, { disk: next })
    t.equal(next.callsOf('write', /b\/events-1\/.*\.log$/).length, 2, 'what the kernel shows is written anew')
    t.equal(next.callsOf('write', /a\/events-0\/.*\.log$/).length, 0)
    t.same(await readEach(again, partitions), Array(4).fill(['0:x', '1:y']))
    t.same([...marks(copies[0]), ...marks(copies[1])], [], 'the mark goes when that is on disk')
  })

  await t.test('for want of room: it is tried again, as in a directory that is the only one', async t => {
    const { clock, disk, partitions, storage } = await running(t)
    const full = disk.inject({ operation: 'replaceFile', path: /b\/.*offset-checkpoint$/, code: 'ENOSPC' })
    clock.advance(60_000)
    t.same(await appendToEach(storage, partitions, 'y'), ['NONE', 'NONE', 'NONE', 'NONE'])
    full.heal()
  })

  await t.test('with the catalogue in it: what is elsewhere is served, and nothing is changed', async t => {
    const { clock, disk, partitions, storage } = await running(t)
    disk.inject({ operation: 'replaceFile', path: /a\/recovery-point/, code: 'EIO' })
    clock.advance(60_000)
    t.same(await appendToEach(storage, partitions, 'y'), [offline, 'NONE', offline, 'NONE'])
    await t.rejects(create(storage, 'later', 1), { name: 'KAFKA_STORAGE_ERROR' })
  })

  await t.test('the only one is kept as long as its logs can be written', async t => {
    const [a] = places(t) as [string]
    const disk = faultyDisk()
    const clock = new ManualClock()
    const storage = await open(t, [a], { disk, clock })
    const partitions = await create(storage, 'events', 2)
    disk.inject({ operation: 'replaceFile', path: /offset-checkpoint$/, code: 'EIO' })
    clock.advance(60_000)
    t.same(await appendToEach(storage, partitions, 'y'), ['NONE', 'NONE'])
  })

  await t.test('a topic that is deleted meanwhile goes when the directory is back', async t => {
    const { clock, directories, disk, storage } = await running(t)
    const injected = disk.inject({ operation: 'replaceFile', path: /b\/recovery-point/, code: 'EIO' })
    clock.advance(60_000)
    t.ok(storage.directories[1]!.isOffline)
    await storage.catalog.change({ type: 'delete-topic', id: idOf(storage, 'events') })
    const remade = await create(storage, 'events', 2)
    t.same(await appendToEach(storage, remade, 'new'), ['NONE', 'NONE'])
    await storage.close()
    injected.heal()
    const again = await open(t, directories)
    t.same(await readEach(again, remade), [['0:new'], ['0:new']])
    await again.removal.idle()
    t.same(partitionsIn(directories[1]), [])
  })
})

t.test('after a crash each directory is recovered by its own checkpoints and journal', async t => {
  const [a, b] = places(t) as [string, string]
  const storage = await open(t, [a, b])
  const partitions = await create(storage, 'events', 6)
  for (const value of ['x', 'y', 'z']) await appendToEach(storage, partitions, value)
  const unsynced = appendNow(storage.logs, partitions[0]!, {})
  t.equal(unsynced.error, 'NONE')
  const copies = killed(t, [a, b])
  // The journal alone has what is lost of the logs' own files.
  for (const copy of copies) {
    for (const name of partitionsIn(copy)) fs.rmSync(join(copy, name), { recursive: true })
  }
  const again = await open(t, copies)
  const records = await readEach(again, partitions)
  for (const found of records) t.same(found.slice(0, 3), ['0:x', '1:y', '2:z'])
  for (const copy of copies) t.notOk(fs.existsSync(join(copy, '__journal-0')))
})

t.test(
  'a partition that is moved after a crash gets what the journal of the other directory has',
  async t => {
    const [a, b] = places(t) as [string, string]
    const storage = await open(t, [a, b])
    const partitions = await create(storage, 'events', 4)
    for (const value of ['x', 'y', 'z']) await appendToEach(storage, partitions, value)
    const copies = killed(t, [a, b])
    const [inA, inB] = copies as [string, string]
    fs.truncateSync(join(inA, 'events-0', firstSegment), 0)
    fs.renameSync(join(inA, 'events-0'), join(inB, 'events-0'))
    const again = await open(t, copies)
    t.same(await readAll(again.logs, partitions[0]!), ['0:x', '1:y', '2:z'])
    for (const copy of copies)
      t.notOk(fs.existsSync(join(copy, '__journal-0')), 'all is synced where it is now')
    t.same(await appendToEach(again, partitions, 'after'), Array(4).fill('NONE'))
  },
)

function idOf(storage: LocalStorage, topic: string): string {
  return storage.catalog.current().topics.get(topic)!.id
}

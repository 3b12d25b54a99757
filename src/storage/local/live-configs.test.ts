/** Configurations that change under open logs: how the catalogue keeps them, and what they do. Repeat with `SEED=...`. */
import * as fs from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { seededRandom } from '../../../scripts/seeded-random.ts'
import { faultyDisk } from '../../testing/faulty-disk.ts'
import { ManualClock } from '../../testing/manual-clock.ts'
import { powerLossDisk } from '../../testing/power-loss-disk.ts'
import {
  append,
  appendNow,
  logOf,
  openTestStorage,
  readAll,
  type TestStorageOptions,
  temporaryDirectory,
  testBatch,
  until,
} from '../../testing/test-storage.ts'
import type { CatalogEvent, ConfigResource } from '../topic-catalog.ts'
import type { LocalStorage } from './local-storage.ts'

const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))

async function opened(t: Test, options: Partial<TestStorageOptions> = {}) {
  const directory = options.directory ?? temporaryDirectory(t)
  const storage = await openTestStorage({ ...options, directory })
  t.teardown(() => storage.close())
  return { storage, directory }
}

type Configs = Readonly<Record<string, string | null>>

const create = (storage: LocalStorage, name: string, configs = {}, partitionCount = 1) =>
  storage.catalog.change({ type: 'create-topic', name, partitionCount, configs })

const alter = (storage: LocalStorage, ...changes: readonly (readonly [ConfigResource, Configs])[]) =>
  storage.catalog.change({
    type: 'alter-configs',
    alterations: changes.map(([resource, configs]) => ({ resource, configs })),
  })

const topic = (name: string) => ({ type: 'topic', name }) as const
const broker = (name: string) => ({ type: 'broker', name }) as const

const partitionOf = (storage: LocalStorage, name: string, index = 0) =>
  storage.catalog.current().topics.get(name)!.partitions[index]!

t.test('what is set on topics and brokers holds at once, and after a restart', async t => {
  const { storage, directory } = await opened(t)
  await create(storage, 'own', { 'retention.ms': '5' })
  await create(storage, 'plain', {}, 2)
  const before = storage.catalog.current()
  const events: CatalogEvent[] = []
  storage.catalog.onChange(event => events.push(event))

  const all = { 'log.retention.ms': '1000', 'message.max.bytes': '2000' }
  await alter(
    storage,
    [topic('own'), { 'segment.ms': '77', 'flush.ms': '9' }],
    [broker(''), all],
    [broker('1'), { 'message.max.bytes': '3000' }],
    [broker('2'), { 'message.max.bytes': '4000' }],
  )
  const after = storage.catalog.current()
  t.match(after.topics.get('own')!.config, { retentionMs: 5, segmentMs: 77, maxMessageBytes: 3000 })
  t.match(after.topics.get('plain')!.config, { retentionMs: 1000, maxMessageBytes: 3000 })
  t.same(after.topics.get('own')!.overrides, { 'retention.ms': '5', 'segment.ms': '77', 'flush.ms': '9' })
  t.same(after.brokerConfigs.get(''), all)
  t.equal(logOf(storage, 'plain', 1).config, after.topics.get('plain')!.config, 'open logs have it')
  t.equal(events.length, 1)
  t.same(events[0]!.changed.map(({ name }) => name).sort(), ['own', 'plain'])
  t.equal(
    after.topics.get('plain')!.partitions,
    before.topics.get('plain')!.partitions,
    'the same partitions',
  )
  t.match(
    before.topics.get('plain')!.config,
    { maxMessageBytes: 1048588 },
    'the old snapshot stays as it was',
  )

  await alter(
    storage,
    [topic('own'), { 'flush.ms': null, 'never.set': null }],
    [broker('1'), { 'message.max.bytes': null }],
    [broker('2'), { 'message.max.bytes': null }],
  )
  const stored = storage.catalog.current()
  t.match(stored.topics.get('plain')!.config, { maxMessageBytes: 2000 })
  t.same([...stored.brokerConfigs.keys()], [''])
  await alter(storage, [broker(''), { 'max.connections': '5' }])
  t.same(events.at(-1)!.changed, [], 'topics have nothing from there')
  t.equal(storage.catalog.current().topics.get('own'), stored.topics.get('own'))

  await storage.close()
  const again = await opened(t, { directory })
  t.same(again.storage.catalog.current(), storage.catalog.current())

  await again.storage.catalog.change({ type: 'delete-topic', id: stored.topics.get('own')!.id })
  const recreated = (await create(again.storage, 'own')).topics.get('own')!
  t.same(recreated.overrides, {}, 'a topic takes what is set on it along')
  await again.storage.close()
  const third = await opened(t, { directory })
  t.same(third.storage.catalog.current().topics.get('own'), recreated)
})

t.test('an alteration is made whole or not at all, and changes that wait together wait once', async t => {
  const disk = faultyDisk()
  const { storage, directory } = await opened(t, { disk })
  await create(storage, 'there')
  const before = storage.catalog.current()
  const events: CatalogEvent[] = []
  storage.catalog.onChange(event => events.push(event))
  await t.rejects(
    alter(storage, [topic('there'), { 'retention.ms': '1' }], [topic('absent'), { 'retention.ms': '1' }]),
    { name: 'UNKNOWN_TOPIC_OR_PARTITION' },
  )
  t.equal(storage.catalog.current(), before)
  t.equal(await alter(storage, [topic('there'), { 'never.set': null }]), before, 'nothing is different')
  t.same(events, [])

  const syncs = () => disk.callsOf('sync', /__cluster_metadata-0\/.*\.log$/).length
  const earlier = syncs()
  const names = Array.from({ length: 30 }, (_, n) => `t${n}`)
  const outcomes = await Promise.allSettled([
    ...names.map(name => create(storage, name)),
    create(storage, 't7'),
    ...names.map(name => alter(storage, [topic(name), { 'retention.ms': '7' }])),
  ])
  t.same(
    outcomes.flatMap(({ status }, n) => (status === 'rejected' ? [n] : [])),
    [30],
    'one that does not fit fails alone',
  )
  t.equal(syncs() - earlier, 1)
  t.equal(events.length, 1)
  t.same([events[0]!.created.length, events[0]!.changed.length], [30, 0], 'created as they ended up')
  t.ok(events[0]!.created.every(({ config }) => config.retentionMs === 7))
  await storage.close()
  const again = await opened(t, { directory })
  t.same(again.storage.catalog.current(), storage.catalog.current())
})

t.test('an alteration that cannot be stored changes nothing', async t => {
  const disk = faultyDisk()
  const { storage, directory } = await opened(t, { disk })
  await create(storage, 'events')
  const before = storage.catalog.current()
  const full = disk.inject({ operation: 'write', path: /__cluster_metadata/, code: 'ENOSPC' })
  await t.rejects(alter(storage, [topic('events'), { 'retention.ms': '1' }]), { name: 'KAFKA_STORAGE_ERROR' })
  t.equal(storage.catalog.current(), before)
  full.heal()
  await alter(storage, [topic('events'), { 'segment.ms': '2' }])
  const { overrides } = storage.catalog.current().topics.get('events')!
  t.same(overrides, { 'segment.ms': '2' }, 'nor does it come back with the next one')

  disk.inject({ operation: 'sync', path: /__cluster_metadata/, code: 'EIO' })
  await t.rejects(alter(storage, [topic('events'), { 'segment.ms': '3' }]), { name: 'KAFKA_STORAGE_ERROR' })
  t.same(storage.catalog.current().topics.get('events')!.overrides, { 'segment.ms': '2' })
  await t.rejects(
    create(storage, 'more'),
    { name: 'KAFKA_STORAGE_ERROR' },
    'a failed sync is not tried again',
  )
  await storage.close()
  const again = await openTestStorage({ directory })
  t.teardown(() => again.close())
  t.match(again.catalog.current().topics.get('events')!.overrides, { 'segment.ms': /^[23]$/ })
})

t.test('an open log rolls by the size that is set while it grows', async t => {
  const { storage } = await opened(t, { writeCaching: true })
  await create(storage, 'events')
  const partition = partitionOf(storage, 'events')
  const { length } = testBatch({ values: ['x'] })
  const baseOffsets = () => logOf(storage, 'events').segments.map(({ baseOffset }) => baseOffset)
  for (let n = 0; n < 4; n++) appendNow(storage.logs, partition, { values: ['x'] })
  t.same(baseOffsets(), [0])
  await alter(storage, [topic('events'), { 'internal.segment.bytes': String(2 * length) }])
  t.same(baseOffsets(), [0], 'nothing happens before the next append')
  for (let n = 0; n < 4; n++) appendNow(storage.logs, partition, { values: ['x'] })
  t.same(baseOffsets(), [0, 4, 6])
  await alter(storage, [topic('events'), { 'internal.segment.bytes': null }])
  for (let n = 0; n < 4; n++) appendNow(storage.logs, partition, { values: ['x'] })
  t.same(baseOffsets(), [0, 4, 6])
  t.equal((await readAll(storage.logs, partition)).length, 12)
})

t.test('when acks begin to wait for the disk, what is not there yet goes there', async t => {
  const disk = faultyDisk()
  const { storage } = await opened(t, { disk })
  await create(storage, 'events', { 'write.caching': 'true' })
  const partition = partitionOf(storage, 'events')
  const log = logOf(storage, 'events')
  const first = { values: ['a'], producerId: 5, baseSequence: 0 }
  t.match(appendNow(storage.logs, partition, first), { baseOffset: 0 })
  t.equal(log.highWatermark, 1)
  t.equal(disk.callsOf('sync', /events-0/).length, 0)

  const held = disk.hold('sync', /events-0/)
  await alter(storage, [topic('events'), { 'write.caching': 'false' }])
  t.equal(log.highWatermark, 1, 'the high watermark does not move back')
  let isAnswered = false
  const repeated = append(storage.logs, partition, first).then(result => {
    isAnswered = true
    return result
  })
  await until(() => held.count > 0)
  t.notOk(isAnswered, 'a repeated append waits, though nothing new was appended')
  appendNow(storage.logs, partition, { values: ['b'] })
  t.equal(log.highWatermark, 1, 'what is new waits for the disk')
  held.release()
  t.match(await repeated, { duplicate: true, baseOffset: 0 })
  t.ok(log.durable.offset >= 1)
  await until(() => log.highWatermark === 2)
})

t.test(
  'when acks no longer wait for the disk, readers see the end and those who wait are answered',
  async t => {
    const disk = faultyDisk()
    const { storage } = await opened(t, { disk })
    await create(storage, 'events')
    const partition = partitionOf(storage, 'events')
    const held = disk.hold('sync', /events-0/)
    let isAnswered = false
    const waiting = append(storage.logs, partition, { values: ['a'] }).then(() => {
      isAnswered = true
    })
    t.same(await readAll(storage.logs, partition), [])
    let told = 0
    const watch = storage.logs.watch([partition], ({ readableBytes }) => {
      told += readableBytes
    })
    t.teardown(() => watch.cancel())
    await alter(storage, [topic('events'), { 'write.caching': 'true' }])
    t.same(await readAll(storage.logs, partition), ['0:a'])
    t.ok(told > 0, 'who watches is told')
    t.match(await append(storage.logs, partition, { values: ['b'] }), { baseOffset: 1 }, 'answered at once')
    t.same(await readAll(storage.logs, partition), ['0:a', '1:b'])
    t.notOk(isAnswered, 'what was promised to wait for the disk does')
    held.release()
    await waiting
  },
)

t.test('intervals of flushing change for what waits already', async t => {
  const disk = faultyDisk()
  const clock = new ManualClock()
  const { storage } = await opened(t, { disk, clock, writeCaching: true })
  await create(storage, 'events')
  const partition = partitionOf(storage, 'events')
  const synced = () => logOf(storage, 'events').durable.offset
  appendNow(storage.logs, partition, { values: ['a'] })
  clock.advance(10_000_000)
  t.equal(synced(), 0)
  await alter(storage, [topic('events'), { 'flush.ms': '500' }])
  clock.advance(499)
  t.equal(disk.callsOf('sync', /events-0/).length, 0)
  clock.advance(1)
  await until(() => synced() === 1)

  await alter(storage, [topic('events'), { 'flush.ms': null }])
  appendNow(storage.logs, partition, { values: ['b'] })
  appendNow(storage.logs, partition, { values: ['c'] })
  clock.advance(10_000_000)
  t.equal(synced(), 1)
  await alter(storage, [topic('events'), { 'flush.messages': '2' }])
  await until(() => synced() === 3)
})

t.test(`acks=all is kept when the power fails, however acks change: seed ${seed}`, async t => {
  const random = seededRandom(seed)
  const folder = temporaryDirectory(t)
  const directory = join(folder, 'live')
  fs.mkdirSync(directory)
  const disk = powerLossDisk(directory)
  const storage = await openTestStorage({ directory, disk })
  const snapshot = await create(storage, 'events', { 'internal.segment.bytes': '1500' }, 3)
  const { partitions } = snapshot.topics.get('events')!
  const promised = partitions.map((): string[] => [])
  const underway = new Set<Promise<void>>()
  const isRelaxed = () => storage.catalog.current().topics.get('events')!.config.writeCaching
  let losses = 0
  for (let step = 0; step < 120; step++) {
    if (random.chance(0.1)) {
      await alter(storage, [topic('events'), { 'write.caching': String(!isRelaxed()) }])
    }
    const value = `${step}`.padEnd(random.between(1, 90), '.')
    const isPromise = !isRelaxed()
    const items = partitions
      .filter(() => random.chance(0.6))
      .map(partition => ({ partition, batch: testBatch({ values: [value] }), origin: 'client' as const }))
    const work = Promise.resolve(storage.logs.append(items, 'durable')).then(results => {
      results.forEach((result, n) => {
        if (result.error !== 'NONE') throw new Error(`${result.error} ${result.message}`)
        if (isPromise)
          promised[items[n]!.partition.index]![result.baseOffset] = `${result.baseOffset}:${value}`
      })
      underway.delete(work)
    })
    underway.add(work)
    if (random.chance(0.5)) await work
    if (random.chance(0.9)) continue
    const expected = promised.map(values => values.slice())
    const relaxed = isRelaxed()
    const target = join(folder, `loss-${losses++}`)
    fs.mkdirSync(target)
    disk.loseInto(target, below => random.between(0, below - 1))
    const again = await openTestStorage({ directory: target })
    t.equal(again.catalog.current().topics.get('events')!.config.writeCaching, relaxed, `step ${step}`)
    for (const [index, values] of expected.entries()) {
      const found = await readAll(again.logs, partitions[index]!)
      values.forEach((record, offset) => {
        if (found[offset] !== record) t.equal(found[offset], record, `step ${step}, partition ${index}`)
      })
    }
    await again.close()
  }
  await Promise.all(underway)
  await storage.close()
  t.ok(losses > 0, `${losses} losses`)
})

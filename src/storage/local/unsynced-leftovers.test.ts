/**
 * What was not synced when one process ended is the next one's concern, too: a power loss may take it back long after
 * a start has seen it. On a simulated machine, where exactly that can be arranged.
 */
import t from 'tap'
import { dataDirectory, type Fault, Machine } from '../../testing/engine-model/machine.ts'
import { StepRandom } from '../../testing/engine-model/random.ts'
import { appendNow, recordsIn, testBatch } from '../../testing/test-storage.ts'
import type { AppendResult, PartitionRef } from '../partition-log.ts'
import type { CatalogPartition } from '../topic-catalog.ts'
import type { LocalStorage } from './local-storage.ts'

const failingSync: Fault = { code: 'EIO', actions: ['sync'], percent: 100, left: 1 }
const seeds = 60

class Scene {
  readonly machine: Machine
  storage!: LocalStorage

  constructor(seed = 1, isJournalEnabled = false) {
    const told = (): void => {}
    this.machine = new Machine({ random: new StepRandom(seed), maxOpenSegments: 10, isJournalEnabled, told })
  }

  async start(): Promise<void> {
    this.storage = (await this.machine.finish(this.machine.start()))!
  }
  async createTopic(name = 'events'): Promise<CatalogPartition> {
    const change = { type: 'create-topic' as const, name, partitionCount: 1, configs: {} }
    const snapshot = await this.machine.finish(this.storage.catalog.change(change))
    return snapshot!.topics.get(name)!.partitions[0]!
  }
  async append(partition: PartitionRef, value: string): Promise<AppendResult | undefined> {
    const item = { partition, batch: testBatch({ values: [value] }), origin: 'client' as const }
    const results = await this.machine.finish(Promise.resolve(this.storage.logs.append([item], 'durable')))
    return results?.[0]
  }
  async read(partition: PartitionRef, offset = 0): Promise<string[]> {
    const item = { partition, offset, maxBytes: 1e6, isolation: 'read_uncommitted' as const }
    const outcome = await this.machine.finish(Promise.resolve(this.storage.logs.read([item], 1e6)))
    return recordsIn(outcome!.results[0]!)
  }
  partition(name = 'events'): CatalogPartition | undefined {
    return this.storage.catalog.current().topics.get(name)?.partitions[0]
  }
  async close(): Promise<void> {
    await this.machine.finish(this.storage.close())
  }
}

t.test('a data directory that was just made is found again after a power loss', async t => {
  const scene = new Scene()
  await scene.start()
  const partition = await scene.createTopic()
  t.match(await scene.append(partition, 'a'), { error: 'NONE' })
  scene.machine.losePower('nothing')
  await scene.start()
  t.same(await scene.read(scene.partition()!), ['0:a'])
})

t.test('records that were deleted stay so when the power is lost after a clean stop', async t => {
  const scene = new Scene()
  await scene.start()
  const partition = await scene.createTopic()
  await scene.append(partition, 'a')
  await scene.append(partition, 'b')
  t.equal(await scene.machine.finish(scene.storage.logs.deleteBefore(partition, 1)), 1)
  await scene.close()
  scene.machine.losePower('nothing')
  await scene.start()
  t.match(scene.storage.logs.offsets(scene.partition()!), { logStartOffset: 1, logEndOffset: 2 })
})

t.test(
  'what readers see after a start outlives a power loss, also if a sync of it has failed before',
  async t => {
    const scene = new Scene()
    await scene.start()
    const partition = await scene.createTopic()
    await scene.append(partition, 'a')
    scene.machine.process.fault = { ...failingSync }
    t.match(await scene.append(partition, 'b'), { error: 'KAFKA_STORAGE_ERROR' })
    scene.machine.kill()
    await scene.start()
    t.same(await scene.read(scene.partition()!), ['0:a', '1:b'])
    scene.machine.losePower('nothing')
    await scene.start()
    t.same(await scene.read(scene.partition()!), ['0:a', '1:b'])
    const names = scene.machine.process.disk.list(`${dataDirectory}/events-0`)
    t.notOk(names.includes('failed-sync'), 'the mark goes with the first sync that succeeds')
  },
)

t.test(
  'what a failed write has left stays cut off, whoever is killed and whatever the power does',
  async t => {
    for (let seed = 1; seed <= seeds; seed++) {
      const scene = new Scene(seed)
      await scene.start()
      const partition = await scene.createTopic()
      await scene.append(partition, 'a')
      scene.machine.process.fault = { code: 'ENOSPC', actions: ['grow'], percent: 100, left: 1 }
      const refused = appendNow(scene.storage.logs, partition, testBatch({ values: ['b'.repeat(200)] }))
      t.equal(refused.error, 'KAFKA_STORAGE_ERROR')
      scene.machine.kill()
      await scene.start()
      await scene.close()
      scene.machine.losePower('any')
      await scene.start()
      const { disk } = scene.machine.process
      const size = disk.sizeOf(`${dataDirectory}/events-0/00000000000000000000.log`)
      t.equal(size, scene.storage.logs.size(scene.partition()!), `seed ${seed}`)
      t.same(await scene.read(scene.partition()!), ['0:a'], `seed ${seed}`)
    }
  },
)

t.test(
  'a new topic begins at 0, wherever an earlier one of its name began and the power is lost',
  async t => {
    for (let point = 0, isDone = false; !isDone; point++) {
      const scene = new Scene()
      await scene.start()
      const earlier = await scene.createTopic()
      await scene.append(earlier, 'a')
      await scene.machine.finish(scene.storage.logs.deleteBefore(earlier, 1))
      const deletion = { type: 'delete-topic' as const, id: earlier.topicId }
      await scene.machine.finish(scene.storage.catalog.change(deletion))
      const { disk } = scene.machine.process
      disk.diesAt = disk.writePoints + point
      const change = { type: 'create-topic' as const, name: 'events', partitionCount: 1, configs: {} }
      isDone = (await scene.machine.finish(scene.storage.catalog.change(change))) !== undefined
      // The second start finds what the first one has made.
      for (let start = 0; start < 2; start++) {
        scene.machine.losePower('everything')
        await scene.start()
      }
      const partition = scene.partition()
      if (partition === undefined) continue
      t.match(scene.storage.logs.offsets(partition), { logStartOffset: 0, logEndOffset: 0 }, `point ${point}`)
    }
  },
)

t.test('a deletion that a power loss may take back takes no records with it', async t => {
  const scene = new Scene()
  await scene.start()
  const partition = await scene.createTopic()
  await scene.append(partition, 'a')
  const deletion = { type: 'delete-topic' as const, id: partition.topicId }
  const deleted = scene.storage.catalog.change(deletion)
  deleted.catch(() => {})
  await scene.machine.settle()
  scene.machine.kill()
  const starting = scene.machine.start(undefined, { ...failingSync, path: /__cluster_metadata/ })
  await t.rejects(scene.machine.finish(starting), /could not be synced/)
  scene.machine.losePower('nothing')
  await scene.start()
  t.same(await scene.read(scene.partition()!), ['0:a'])
})

t.test('a topic that is made while no descriptor is free is offline, and the catalogue goes on', async t => {
  const scene = new Scene()
  await scene.start()
  await scene.createTopic('first')
  const { process } = scene.machine
  const change = { type: 'create-topic' as const, name: 'events', partitionCount: 1, configs: {} }
  const made = scene.storage.catalog.change(change)
  // Once it is on disk that there is one.
  process.disk.pending[0] ?? (await scene.machine.settle())
  process.fault = { code: 'EMFILE', actions: ['open'], percent: 100, left: undefined }
  const snapshot = await scene.machine.finish(made)
  process.fault = undefined
  t.match(await scene.append(snapshot!.topics.get('events')!.partitions[0]!, 'a'), {
    error: 'KAFKA_STORAGE_ERROR',
  })
  t.match(await scene.append(await scene.createTopic('third'), 'a'), { error: 'NONE' })
})

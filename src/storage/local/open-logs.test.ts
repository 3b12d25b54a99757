/** How the logs of a data directory are opened together, and what the periodic checkpoint does for the next time. */
import * as fs from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type Logger, silentLogger } from '../../platform/logger.ts'
import { faultyDisk } from '../../testing/faulty-disk.ts'
import { ManualClock } from '../../testing/manual-clock.ts'
import {
  append,
  appendNow,
  logOf,
  openTestStorage,
  readAll,
  type TestStorageOptions,
  temporaryDirectory,
  until,
} from '../../testing/test-storage.ts'
import type { LocalStorage } from './local-storage.ts'
import { type LogToOpen, openLogs } from './open-logs.ts'
import type { PartitionLog } from './partition-log.ts'

async function opened(t: Test, options: Partial<TestStorageOptions> = {}) {
  const directory = options.directory ?? temporaryDirectory(t)
  const storage = await openTestStorage({ ...options, directory })
  t.teardown(() => storage.close())
  return { storage, directory }
}

async function createTopic(storage: LocalStorage, partitionCount: number) {
  const change = { type: 'create-topic', name: 'events', partitionCount, configs: {} } as const
  return (await storage.catalog.change(change)).topics.get('events')!.partitions
}

function crashedCopy(t: Test, directory: string): string {
  const copy = join(temporaryDirectory(t), 'data')
  fs.cpSync(directory, copy, { recursive: true })
  fs.writeFileSync(join(copy, '.lock'), '999999999 1\n')
  return copy
}

t.test('a clean start of many logs keeps none of their files open, and serves them all', async t => {
  const { storage, directory } = await opened(t)
  const partitions = await createTopic(storage, 60)
  for (const partition of partitions) await append(storage.logs, partition, { values: ['a', 'b'] })
  await storage.close()
  const disk = faultyDisk()
  const { storage: again } = await opened(t, { directory, disk })
  const opens = () => [...disk.open.values()].filter(path => path.includes('events-'))
  t.same(opens(), [])
  for (const partition of partitions) {
    t.match(again.logs.offsets(partition), { highWatermark: 2, logEndOffset: 2 })
    t.same(await readAll(again.logs, partition), ['0:a', '1:b'])
    t.match(await append(again.logs, partition, { values: ['c'] }), { baseOffset: 2 })
  }
})

t.test('partitions that were created and not written to have no file open', async t => {
  const disk = faultyDisk()
  const { storage } = await opened(t, { disk })
  await createTopic(storage, 40)
  t.same(
    [...disk.open.values()].filter(path => path.includes('events-')),
    [],
  )
})

t.test('after a crash logs are read by the thread pool, several side by side', async t => {
  const { storage, directory } = await opened(t)
  const partitions = await createTopic(storage, 10)
  for (const partition of partitions) await append(storage.logs, partition, { values: ['a'] })
  const disk = faultyDisk()
  const held = disk.hold('readLater', /events-\d+\/.*\.log$/)
  const starting = opened(t, { directory: crashedCopy(t, directory), disk })
  await until(() => held.count >= 2)
  t.same(disk.callsOf('read', /events-\d+\/.*\.log$/), [], 'the event loop waits for none of them')
  held.release()
  const { storage: again } = await starting
  for (const partition of partitions) t.same(await readAll(again.logs, partition), ['0:a'])
})

t.test('a start that takes longer than a second says every second how far it is', async t => {
  const clock = new ManualClock()
  const lines: string[] = []
  const logger: Logger = {
    ...silentLogger,
    info: (...parts: unknown[]) => void lines.push(`${parts.at(-1)}`),
  }
  const logs = Array.from(
    { length: 7 },
    (): LogToOpen => ({
      // biome-ignore lint/correctness/useYield: nothing is to be read.
      *open() {
        clock.advance(400)
        return {} as PartitionLog
      },
      opened: () => {},
      failed: () => {},
    }),
  )
  await openLogs(logs, { clock, logger, concurrency: 2 })
  t.same(lines, ['opened 2 of 7 logs', 'opened 4 of 7 logs', 'opened all 7 logs'])
  lines.length = 0
  await openLogs(logs.slice(0, 2), { clock, logger, concurrency: 2 })
  clock.advance(5000)
  t.same(lines, [], 'and one that is done by then says nothing')
})

t.test('one log that cannot be opened is told of, and the others are opened', async t => {
  const outcomes: string[] = []
  const logs = [1, 2, 3].map(
    (n): LogToOpen => ({
      // biome-ignore lint/correctness/useYield: nothing is to be read.
      *open() {
        if (n === 2) throw new Error('no')
        return {} as PartitionLog
      },
      opened: () => void outcomes.push(`${n} opened`),
      failed: error => void outcomes.push(`${n} ${(error as Error).message}`),
    }),
  )
  await openLogs(logs, { clock: new ManualClock(), logger: silentLogger, concurrency: 2 })
  t.same(outcomes.toSorted(), ['1 opened', '2 no', '3 opened'])
})

t.test(
  'with write.caching the recovery point follows the checkpoints, though nobody asks for a sync',
  async t => {
    const clock = new ManualClock()
    const disk = faultyDisk()
    const { storage, directory } = await opened(t, { clock, disk, writeCaching: true })
    const [partition] = await createTopic(storage, 1)
    const log = logOf(storage, 'events')
    for (let i = 0; i < 3; i++) appendNow(storage.logs, partition!, { values: [`v${i}`] })
    const syncs = () => disk.callsOf('sync', /events-0\/.*\.log$/).length
    clock.advance(60_000)
    await storage.logs.idle()
    t.equal(syncs(), 0, 'it may still be on its way')
    appendNow(storage.logs, partition!, { values: ['v3'] })
    clock.advance(60_000)
    await storage.logs.idle()
    t.equal(syncs(), 1, 'what was there at the last one is synced')
    t.equal(log.recoveryPoint, 4)
    clock.advance(60_000)
    const checkpoint = fs.readFileSync(join(directory, 'recovery-point-offset-checkpoint'), 'utf8')
    t.match(checkpoint, /^events 0 4$/m)
    clock.advance(600_000)
    await storage.logs.idle()
    t.equal(syncs(), 1, 'a log that is synced is left alone')
  },
)

/** The memory disk beside the real one: the engine's life on both comes to the same. */
import * as fs from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { memoryDisk, readDirectory } from './memory-disk.ts'
import { openTestStorage, readAll, temporaryDirectory, testBatch } from './test-storage.ts'

t.test('a log is opened, appended to and rolled on it, and what it began as stays as it was', async t => {
  const directory = join(temporaryDirectory(t), 'data')
  fs.mkdirSync(directory)
  const first = await openTestStorage({ directory })
  const configs = { 'internal.segment.bytes': '200' }
  const change = { type: 'create-topic' as const, name: 'events', partitionCount: 2, configs }
  const { partitions } = (await first.catalog.change(change)).topics.get('events')!
  const append = (storage: typeof first, value: string) => {
    const items = partitions.map(partition => {
      return { partition, batch: testBatch({ values: [value] }), origin: 'client' as const }
    })
    return storage.logs.append(items, 'durable')
  }
  for (const value of ['a', 'b', 'c']) await append(first, value)
  await first.close()
  const content = readDirectory(directory)
  const elsewhere = join(temporaryDirectory(t), 'data')
  // The lock is a real file.
  fs.mkdirSync(elsewhere)
  for (let time = 0; time < 2; time++) {
    const disk = memoryDisk(elsewhere, content)
    const storage = await openTestStorage({ directory: elsewhere, disk })
    await append(storage, 'd')
    await storage.close()
    t.ok(disk.readFile(join(elsewhere, '.kafka_cleanshutdown')))
    const again = await openTestStorage({ directory: elsewhere, disk })
    for (const partition of partitions) {
      t.same(await readAll(again.logs, partition), ['0:a', '1:b', '2:c', '3:d'])
    }
    await again.catalog.change({ type: 'delete-topic', id: partitions[0]!.topicId })
    t.notOk(disk.isDirectory(join(elsewhere, 'events-0')))
    await again.close()
  }
  t.same(fs.readdirSync(elsewhere), [])
})

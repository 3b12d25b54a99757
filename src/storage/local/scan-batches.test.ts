/** Scans, whatever the size of the batches is beside the size of the pieces that are read. */
import { randomBytes } from 'node:crypto'
import { cpSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { append, logOf, openTestStorage, temporaryDirectory } from '../../testing/test-storage.ts'

const kilobyte = 1024

t.test('recovery keeps batches that are larger than what a scan reads at once', async t => {
  const directory = temporaryDirectory(t)
  const storage = await openTestStorage({ directory })
  t.teardown(() => storage.close())
  const configs = { 'max.message.bytes': '16777216' }
  const snapshot = await storage.catalog.change({
    type: 'create-topic',
    name: 'large',
    partitionCount: 1,
    configs,
  })
  const partition = snapshot.topics.get('large')!.partitions[0]!
  // Below, just around and far above the pieces of 16 KB, 128 KB and 1 MB that a scan reads.
  for (const size of [1, 15, 16, 17, 40, 127, 130, 1000, 1025, 3000]) {
    const value = randomBytes((size * kilobyte) / 2).toString('hex')
    const result = await append(storage.logs, partition, { values: [value] })
    t.equal(result.error, 'NONE')
  }
  const crashed = join(temporaryDirectory(t), 'data')
  cpSync(directory, crashed, { recursive: true })
  writeFileSync(join(crashed, '.lock'), '999999999 1\n')

  const recovered = await openTestStorage({ directory: crashed })
  t.teardown(() => recovered.close())
  t.equal(logOf(recovered, 'large').logEndOffset, 10)
  t.equal(logOf(recovered, 'large').size, logOf(storage, 'large').size)
})

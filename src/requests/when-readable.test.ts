/** What was appended with acks=1 and is not on disk yet, as programs see it that ask where the log ends. */
import t, { type Test } from 'tap'
import { errorName } from '../../protocol-codecs/error-codes.ts'
import { faultyDisk } from '../testing/faulty-disk.ts'
import { call, testServices } from '../testing/test-services.ts'
import { turn, until } from '../testing/test-storage.ts'
import { deleteRecords } from './delete-records.ts'
import { listOffsets } from './list-offsets.ts'

const place = { latest: -1, earliest: -2, maxTimestamp: -3 }

async function broker(t: Test) {
  const disk = faultyDisk()
  const services = await testServices({ disk, settings: { 'write.caching.default': false } })
  t.teardown(() => services.close())
  await services.createTopic('orders')
  const list = async (timestamp: number, version = 7): Promise<number | string> => {
    const partitions = [{ partitionIndex: 0, timestamp: BigInt(timestamp), maxNumOffsets: 1 }]
    const request = { replicaId: -1, topics: [{ name: 'orders', partitions }] }
    const [found] = (await call(listOffsets, version, request, services)).topics[0]!.partitions
    if (found!.errorCode !== 0) return errorName(found!.errorCode)
    return Number(version === 0 ? found!.oldStyleOffsets[0] : found!.offset)
  }
  const remove = async (offset: number): Promise<string> => {
    const partitions = [{ partitionIndex: 0, offset: BigInt(offset) }]
    const request = { topics: [{ name: 'orders', partitions }], timeoutMs: 1000 }
    const [done] = (await call(deleteRecords, 2, request, services)).topics[0]!.partitions
    return `${done!.lowWatermark} ${errorName(done!.errorCode)}`
  }
  return { disk, services, list, remove }
}

t.test('a program that has produced finds its records where it asks for the end of the log', async t => {
  const { services, list } = await broker(t)
  let end = 0
  for (const version of [0, 1, 7, 11]) {
    services.append('orders', 0, 'a', 'b')
    end += 2
    t.equal(await list(place.latest, version), end, `version ${version}`)
  }
  services.append('orders', 0, { value: Buffer.from('late'), timestamp: services.clock.now() + 1000 })
  t.equal(await list(services.clock.now() + 1), end, 'by time')
  services.append('orders', 0, { value: Buffer.from('latest'), timestamp: services.clock.now() + 2000 })
  t.equal(await list(place.maxTimestamp), end + 1, 'by the largest time')
  t.equal(services.clock.pendingCount, 0, 'and no timer is left')
})

t.test('it may have them deleted at once', async t => {
  const { services, remove } = await broker(t)
  services.append('orders', 0, 'a', 'b', 'c')
  t.equal(await remove(2), '2 NONE')
  services.append('orders', 0, 'd')
  t.equal(await remove(-1), '4 NONE')
})

t.test(
  'a disk that hangs is waited for five seconds, and not at all where the start is asked for',
  async t => {
    const { disk, services, list, remove } = await broker(t)
    const held = disk.hold('sync', /orders-0|journal/)
    t.teardown(() => held.release())
    services.append('orders', 0, 'a')
    t.equal(await list(place.earliest), 0)
    const answers: unknown[] = []
    const asked = [list(place.latest), remove(1)].map(async answer => answers.push(await answer))
    await until(() => held.count > 0)
    services.clock.advance(4_999)
    await turn()
    t.same(answers, [])
    services.clock.advance(1)
    await Promise.all(asked)
    t.same(new Set(answers), new Set([0, '-1 OFFSET_OUT_OF_RANGE']), 'what is so is told then')
    held.release()
    t.equal(await list(place.latest), 1)
    t.equal(services.clock.pendingCount, 0)
  },
)

t.test('whoever waits for a disk that fails is told so', async t => {
  const { disk, services, list } = await broker(t)
  const partition = services.catalog.current().topics.get('orders')!.partitions[0]!
  disk.inject({ operation: 'sync', path: /orders-0|journal/, code: 'EIO' })
  services.append('orders', 0, 'a')
  const answer = list(place.latest)
  await until(() => {
    try {
      return services.logs.offsets(partition) === undefined
    } catch {
      return true
    }
  })
  services.clock.advance(5_000)
  t.equal(await answer, 'KAFKA_STORAGE_ERROR')
})

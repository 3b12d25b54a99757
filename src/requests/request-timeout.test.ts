/** The time that clients give to changes of topics: what waits longer than that before it begins is not begun. */
import t from 'tap'
import { errorName } from '../../protocol-codecs/error-codes.ts'
import { faultyDisk } from '../testing/faulty-disk.ts'
import { call, testServices } from '../testing/test-services.ts'
import { turn, until } from '../testing/test-storage.ts'
import { createPartitions } from './create-partitions.ts'
import { createTopics } from './create-topics.ts'
import { deleteTopics } from './delete-topics.ts'

t.test('a change that waits for another', async t => {
  const disk = faultyDisk()
  const services = await testServices({
    disk,
    engineSharesClock: true,
    settings: { 'write.caching.default': false },
  })
  t.teardown(() => services.close())
  const { clock } = services
  await services.createTopic('old')
  const create = async (name: string, timeoutMs: number) => {
    const topic = { name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }
    const { topics } = await call(createTopics, 7, { topics: [topic], timeoutMs }, services)
    return errorName(topics[0]!.errorCode)
  }
  const grow = async (name: string, timeoutMs: number) => {
    const topics = [{ name, count: 2, assignments: null }]
    const { results } = await call(createPartitions, 3, { topics, timeoutMs, validateOnly: false }, services)
    return errorName(results[0]!.errorCode)
  }
  const remove = async (name: string, timeoutMs: number) => {
    const { responses } = await call(deleteTopics, 5, { topicNames: [name], timeoutMs }, services)
    return errorName(responses[0]!.errorCode)
  }
  const partitionCounts = () =>
    Object.fromEntries(
      [...services.catalog.current().topics.values()].map(({ name, partitions }) => [
        name,
        partitions.length,
      ]),
    )
  const held = disk.hold('sync', /__cluster_metadata/)
  const first = create('first', 1)
  await until(() => held.count > 0)

  await t.test('is REQUEST_TIMED_OUT when its time is over, and never made', async t => {
    const hasty = Promise.all([create('second', 500), grow('old', 500), remove('old', 500)])
    clock.advance(499)
    await turn()
    const patient = create('third', 500)
    clock.advance(1)
    t.same(await hasty, ['REQUEST_TIMED_OUT', 'REQUEST_TIMED_OUT', 'REQUEST_TIMED_OUT'])
    held.release()
    t.equal(await patient, 'NONE')
    t.same(partitionCounts(), { old: 1, first: 1, third: 1 })
  })

  await t.test('does so only before it has begun', async t => {
    t.equal(await first, 'NONE', 'which its own time did not end')
  })
})

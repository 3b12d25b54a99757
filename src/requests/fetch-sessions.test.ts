import t, { type Test } from 'tap'
import { errorName } from '../../protocol-codecs/error-codes.ts'
import type { fetchRequest, fetchResponse } from '../../protocol-codecs/messages/fetch.ts'
import { type Infer, type InferInput, zeroUuid } from '../../protocol-codecs/schema.ts'
import { seededRandom } from '../../scripts/seeded-random.ts'
import type { PartitionLogs } from '../storage/partition-log.ts'
import {
  call,
  type TestServices,
  type TestServicesOptions,
  testContext,
  testServices,
} from '../testing/test-services.ts'
import { fetch } from './fetch.ts'
import { nextEpoch } from './fetch-sessions.ts'

type FetchRequest = InferInput<typeof fetchRequest>
type Positions = Record<string, number[] | Record<number, number>>

async function broker(t: Test, options: TestServicesOptions = {}): Promise<TestServices> {
  const services = await testServices(options)
  t.teardown(() => services.close())
  return services
}

/** Offsets to fetch from, by topic and partition. */
function topicsOf(positions: Positions): FetchRequest['topics'] {
  return Object.entries(positions).map(([topic, offsets]) => ({
    topic,
    partitions: Object.entries(offsets).map(([index, offset]) => ({
      partition: Number(index),
      fetchOffset: BigInt(offset),
      partitionMaxBytes: 1_000_000,
    })),
  }))
}

/** A consumer that keeps a session as Kafka's FetchSessionHandler does. */
class SessionClient {
  sessionId = 0
  epoch = 0
  /** The high watermark or error of every partition, put together from all answers. */
  readonly believed = new Map<string, string>()
  private readonly services: TestServices
  private readonly version: number

  constructor(services: TestServices, version = 11) {
    this.services = services
    this.version = version
  }

  async fetch(
    positions: Positions = {},
    options: Partial<FetchRequest> = {},
    context = testContext(this.version),
  ): Promise<Record<string, string>> {
    const response = await call(
      fetch,
      this.version,
      {
        maxWaitMs: 0,
        minBytes: 1,
        maxBytes: 1_000_000,
        sessionId: this.sessionId,
        sessionEpoch: this.epoch,
        topics: topicsOf(positions),
        forgottenTopicsData: [],
        ...options,
      },
      this.services,
      context,
    )
    if (response.errorCode !== 0) return { error: errorName(response.errorCode) }
    this.sessionId = response.sessionId
    this.epoch = nextEpoch(this.epoch)
    for (const topic of response.responses) {
      for (const { partitionIndex, errorCode, highWatermark } of topic.partitions) {
        const state = errorCode === 0 ? `up to ${highWatermark}` : errorName(errorCode)
        this.believed.set(`${topic.topic}-${partitionIndex}`, state)
      }
    }
    return entriesOf(response)
  }
}

function entriesOf(response: Infer<typeof fetchResponse>): Record<string, string> {
  const entries: Record<string, string> = {}
  for (const topic of response.responses) {
    for (const { partitionIndex, errorCode, records, highWatermark } of topic.partitions) {
      const error = errorName(errorCode)
      const found = records!.length > 0 ? 'records' : `up to ${highWatermark}`
      entries[`${topic.topic}-${partitionIndex}`] = error === 'NONE' ? found : error
    }
  }
  return entries
}

t.test('a session answers with what is new', async t => {
  const services = await broker(t)
  await services.createTopic('orders', 3)
  services.append('orders', 0, 'a')
  const consumer = new SessionClient(services)

  t.same(await consumer.fetch({ orders: [0, 0, 0] }), {
    'orders-0': 'records',
    'orders-1': 'up to 0',
    'orders-2': 'up to 0',
  })
  t.not(consumer.sessionId, 0)
  t.equal(services.fetchSessions.sessionCount, 1)
  t.equal(services.fetchSessions.partitionCount, 3)

  t.same(
    await consumer.fetch(),
    { 'orders-0': 'records' },
    'what the client does not move on from comes again',
  )
  t.same(await consumer.fetch({ orders: [1] }), {}, 'a partition that was read to its end is left out')
  services.append('orders', 1, 'b')
  services.append('orders', 2, 'c')
  t.same(await consumer.fetch(), { 'orders-1': 'records', 'orders-2': 'records' })
  t.same(await consumer.fetch({ orders: { 1: 1, 2: 1 } }), {})

  await t.test('forgotten partitions drop out', async t => {
    const forgottenTopicsData = [{ topic: 'orders', partitions: [1, 9] }]
    t.same(await consumer.fetch({}, { forgottenTopicsData }), {})
    services.append('orders', 0, 'd')
    services.append('orders', 1, 'd')
    t.same(await consumer.fetch(), { 'orders-0': 'records' })
    t.equal(services.fetchSessions.partitionCount, 2)
  })

  await t.test('a partition that joins is told once', async t => {
    t.same(await consumer.fetch({ orders: { 0: 2, 1: 2 } }), { 'orders-1': 'up to 2' })
    t.same(await consumer.fetch(), {})
  })

  await t.test('a high watermark that moved is news without records', async t => {
    services.append('orders', 2, 'e')
    t.same(await consumer.fetch({ orders: { 2: 2 } }), { 'orders-2': 'up to 2' })
    t.same(await consumer.fetch(), {})
  })

  await t.test('a log start offset that moved is news', async t => {
    const [partition] = services.catalog.current().topics.get('orders')!.partitions
    await services.logs.deleteBefore(partition!, 1)
    t.same(await consumer.fetch({ orders: [2] }), { 'orders-0': 'up to 2' })
  })

  await t.test('an error comes again until it is healed, and the healing is told', async t => {
    t.same(await consumer.fetch({ orders: { 0: 99 } }), { 'orders-0': 'OFFSET_OUT_OF_RANGE' })
    t.same(await consumer.fetch(), { 'orders-0': 'OFFSET_OUT_OF_RANGE' })
    t.same(await consumer.fetch({ orders: { 0: 2 } }), { 'orders-0': 'up to 2' })
    t.same(await consumer.fetch(), {})
  })

  await t.test('a topic that comes into being is found', async t => {
    t.same(await consumer.fetch({ later: [0] }), { 'later-0': 'UNKNOWN_TOPIC_OR_PARTITION' })
    await services.createTopic('later')
    t.same(await consumer.fetch(), { 'later-0': 'up to 0' })
    services.append('later', 0, 'a')
    t.same(await consumer.fetch(), { 'later-0': 'records' })
  })

  await t.test('a topic that is deleted and made anew is another one', async t => {
    t.same(await consumer.fetch({ later: [1] }), {})
    await services.topics.delete([{ name: 'later', topicId: zeroUuid }])
    t.same(await consumer.fetch(), { 'later-0': 'UNKNOWN_TOPIC_OR_PARTITION' })
    await services.createTopic('later')
    t.same(await consumer.fetch({ later: [0] }), { 'later-0': 'up to 0' })
    services.append('later', 0, 'anew')
    t.same(await consumer.fetch(), { 'later-0': 'records' })
  })
})

t.test('a session without news does not touch its partitions', async t => {
  let readCount = 0
  const wrapLogs = (logs: PartitionLogs): PartitionLogs => {
    const counting = Object.create(logs) as PartitionLogs
    counting.read = (items, maxBytes) => {
      readCount += items.length
      return logs.read(items, maxBytes)
    }
    return counting
  }
  const services = await broker(t, { wrapLogs })
  await services.createTopic('orders', 50)
  const consumer = new SessionClient(services)
  await consumer.fetch({ orders: new Array(50).fill(0) })
  t.equal(readCount, 50)
  await consumer.fetch()
  await consumer.fetch()
  t.equal(readCount, 50)

  const answer = consumer.fetch({}, { maxWaitMs: 500 })
  await new Promise(resolve => setImmediate(resolve))
  services.append('orders', 17, 'a')
  t.same(await answer, { 'orders-17': 'records' })
  t.equal(readCount, 51, 'only the partition that was appended to is read')
})

t.test('no partition starves behind one that always has more', async t => {
  const services = await broker(t)
  await services.createTopic('orders', 3)
  for (const index of [0, 1, 2]) services.append('orders', index, 'x'.repeat(1000))
  const consumer = new SessionClient(services)
  const served = new Set<string>()
  const limit = { maxBytes: 500 }
  for (let i = 0; i < 3; i++) {
    const entries = await consumer.fetch(i === 0 ? { orders: [0, 0, 0] } : {}, limit)
    for (const [partition, found] of Object.entries(entries)) if (found === 'records') served.add(partition)
  }
  t.same([...served].sort(), ['orders-0', 'orders-1', 'orders-2'])
})

t.test('whatever happens, a session tells what a fetch without one would', async t => {
  const seed = Number(process.env.SEED ?? Date.now() % 1_000_000)
  t.comment(`SEED=${seed}`)
  const random = seededRandom(seed)
  const pick = (count: number) => random.between(0, count - 1)
  const services = await broker(t)
  const consumer = new SessionClient(services)
  const topics = ['a', 'b', 'c']
  const positions = new Map<string, number>()
  const { believed } = consumer
  const steps: Record<string, () => Promise<unknown> | unknown> = {
    create: () => services.topics.ensureTopic(topics[pick(3)]!).catch(() => undefined),
    async delete() {
      if (pick(4) === 0) await services.topics.delete([{ name: topics[pick(3)]!, topicId: zeroUuid }])
    },
    append() {
      const topic = services.catalog.current().topics.get(topics[pick(3)]!)
      if (topic !== undefined) services.append(topic.name, pick(topic.partitions.length), 'v')
    },
  }
  for (let round = 0; round < 300; round++) {
    for (let i = pick(3); i >= 0; i--) await Object.values(steps)[pick(3)]!()
    const changed: Positions = {}
    for (let i = pick(3); i >= 0; i--) {
      const topic = topics[pick(3)]!
      const index = pick(2)
      const offset = pick(6)
      positions.set(`${topic}-${index}`, offset)
      changed[topic] = { ...changed[topic], [index]: offset }
    }
    const forgottenTopicsData = []
    if (round > 0 && pick(3) === 0) {
      const topic = topics[pick(3)]!
      forgottenTopicsData.push({ topic, partitions: [0] })
      positions.delete(`${topic}-0`)
      believed.delete(`${topic}-0`)
    }
    await new Promise(resolve => setImmediate(resolve))
    const news = await consumer.fetch(changed, { forgottenTopicsData })
    if (consumer.sessionId === 0) {
      consumer.epoch = 0
      believed.clear()
      positions.clear()
      continue
    }

    const all: Positions = {}
    for (const [partition, offset] of positions) {
      const [topic, index] = partition.split('-') as [string, string]
      all[topic] = { ...all[topic], [index]: offset }
    }
    const sessionless = new SessionClient(services)
    const truth = await sessionless.fetch(all, { sessionEpoch: -1 })
    for (const [partition, state] of sessionless.believed) {
      // Records come with every answer until they are consumed; a high watermark comes once.
      const isHeldBack = truth[partition] === 'records' && news[partition] !== 'records'
      if (isHeldBack) return t.fail(`round ${round}: records of ${partition} were held back`)
      const told = believed.get(partition)
      if (told !== state) return t.fail(`round ${round}: ${partition} is '${state}', told was '${told}'`)
    }
  }
  t.equal(services.fetchSessions.partitionCount, consumer.sessionId === 0 ? 0 : positions.size)
})

t.test('session ids and epochs are checked', async t => {
  const services = await broker(t)
  await services.createTopic('orders')
  const consumer = new SessionClient(services)
  await consumer.fetch({ orders: [0] })
  const { sessionId } = consumer

  t.same(await consumer.fetch({}, { sessionId: sessionId ^ 1 }), { error: 'FETCH_SESSION_ID_NOT_FOUND' })
  t.same(await consumer.fetch({}, { sessionEpoch: 2 }), { error: 'INVALID_FETCH_SESSION_EPOCH' })
  const byId = new SessionClient(services, 13)
  t.same(await byId.fetch({}, { sessionId, sessionEpoch: 1 }), { error: 'FETCH_SESSION_TOPIC_ID_ERROR' })
  t.same(await consumer.fetch(), {}, 'a wrong request does not move the epoch')

  await t.test('one that is being served cannot be continued from elsewhere', async t => {
    const waiting = consumer.fetch({}, { maxWaitMs: 500 })
    const other = new SessionClient(services)
    t.same(await other.fetch({}, { sessionId, sessionEpoch: 3 }), { error: 'INVALID_FETCH_SESSION_EPOCH' })
    services.append('orders', 0, 'a')
    t.same(await waiting, { 'orders-0': 'records' })
  })

  await t.test('a full request with an id puts a new session in place of the old one', async t => {
    const again = new SessionClient(services)
    t.same(await again.fetch({ orders: [0] }, { sessionId: consumer.sessionId }), { 'orders-0': 'records' })
    t.not(again.sessionId, sessionId)
    t.equal(services.fetchSessions.sessionCount, 1)
    t.same(await consumer.fetch(), { error: 'FETCH_SESSION_ID_NOT_FOUND' })

    t.same(await again.fetch({ orders: [1] }, { sessionEpoch: -1 }), { 'orders-0': 'up to 1' })
    t.equal(again.sessionId, 0, 'epoch -1 ends it')
    t.equal(services.fetchSessions.sessionCount, 0)
    t.equal(services.fetchSessions.partitionCount, 0)
  })

  await t.test('a session that forgets everything is over', async t => {
    const short = new SessionClient(services)
    await short.fetch({ orders: [1] })
    t.not(short.sessionId, 0)
    const forgottenTopicsData = [{ topic: 'orders', partitions: [0] }]
    t.same(await short.fetch({}, { forgottenTopicsData, maxWaitMs: 500 }), {})
    t.equal(short.sessionId, 0)
    t.equal(services.fetchSessions.sessionCount, 0)
  })

  await t.test('a request that ends a session wakes the fetch that waits in it', async t => {
    const first = new SessionClient(services)
    await first.fetch({ orders: [1] })
    const waiting = first.fetch({}, { maxWaitMs: 500 })
    await new SessionClient(services).fetch({ orders: [1] }, { sessionId: first.sessionId })
    t.same(await waiting, {})
    t.equal(first.sessionId, 0)
  })

  t.equal(nextEpoch(2 ** 31 - 1), 1, 'epochs go round and leave out 0')
})

t.test('a closed connection leaves its session as it was', async t => {
  const services = await broker(t)
  await services.createTopic('orders')
  const consumer = new SessionClient(services)
  await consumer.fetch({ orders: [0] })
  const context = testContext(11)
  const waiting = consumer.fetch({}, { maxWaitMs: 500 }, context)
  await new Promise(resolve => setImmediate(resolve))
  context.close()
  await t.rejects(waiting)
  services.append('orders', 0, 'a')
  consumer.epoch++
  t.same(await consumer.fetch(), { 'orders-0': 'records' })
})

t.test('the cache is bounded', async t => {
  const services = await broker(t, { settings: { 'max.incremental.fetch.session.cache.slots': 2 } })
  await services.createTopic('orders', 3)
  const open = async (positions: number[]) => {
    const consumer = new SessionClient(services)
    await consumer.fetch({ orders: positions })
    return consumer
  }
  const [small, large] = [await open([0]), await open([0, 0])]
  services.clock.jump(3_600_000)
  t.equal((await open([0, 0, 0])).sessionId, 0, 'young sessions stay, the newcomer is served without one')

  services.clock.advance(120_000)
  await small.fetch()
  await large.fetch()
  t.equal((await open([0])).sessionId, 0, 'a newcomer must be larger than an old session in use')
  t.not((await open([0, 0, 0])).sessionId, 0)
  t.same(await small.fetch(), { error: 'FETCH_SESSION_ID_NOT_FOUND' }, 'the smallest one has gone')
  t.same(await large.fetch(), {})

  services.clock.advance(120_000)
  t.not((await open([0])).sessionId, 0, 'one that nobody uses gives way to anybody')
  t.equal(services.fetchSessions.sessionCount, 2)
  t.equal(services.fetchSessions.evictionCount, 2)

  const off = await broker(t, { settings: { 'max.incremental.fetch.session.cache.slots': 0 } })
  await off.createTopic('orders')
  const without = new SessionClient(off)
  t.same(await without.fetch({ orders: [0] }), { 'orders-0': 'up to 0' })
  t.equal(without.sessionId, 0)
})

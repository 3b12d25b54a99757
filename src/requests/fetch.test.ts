import t, { type Test } from 'tap'
import { errorName } from '../../protocol-codecs/error-codes.ts'
import { fetchRequest, type fetchResponse } from '../../protocol-codecs/messages/fetch.ts'
import { recordsOf } from '../../protocol-codecs/read-records.ts'
import { batchesIn } from '../../protocol-codecs/record-batch.ts'
import { type Infer, type InferInput, zeroUuid } from '../../protocol-codecs/schema.ts'
import type { PartitionLogs, ReadOutcome } from '../storage/partition-log.ts'
import { faultyDisk } from '../testing/faulty-disk.ts'
import {
  call,
  type TestServices,
  type TestServicesOptions,
  testContext,
  testServices,
} from '../testing/test-services.ts'
import { fetch } from './fetch.ts'
import { closeConnection } from './handler.ts'

type FetchRequest = InferInput<typeof fetchRequest>
/** Bytes of a batch that holds one record with a value of one character. */
const batchSize = 69

type FetchResponse = Infer<typeof fetchResponse>

async function broker(t: Test, options: TestServicesOptions = {}): Promise<TestServices> {
  const services = await testServices(options)
  t.teardown(() => services.close())
  return services
}

interface Wanted {
  topic: string
  topicId?: string
  index?: number
  offset?: number
  maxBytes?: number
  currentLeaderEpoch?: number
  lastFetchedEpoch?: number
}

function fetchOf(wanted: Wanted[], options: Partial<FetchRequest> = {}): FetchRequest {
  return {
    maxWaitMs: 0,
    minBytes: 1,
    maxBytes: 1_000_000,
    sessionId: 0,
    sessionEpoch: -1,
    topics: wanted.map(
      ({ topic, topicId = zeroUuid, index = 0, offset = 0, maxBytes = 1_000_000, ...epochs }) => ({
        topic,
        topicId,
        partitions: [
          { partition: index, fetchOffset: BigInt(offset), partitionMaxBytes: maxBytes, ...epochs },
        ],
      }),
    ),
    forgottenTopicsData: [],
    ...options,
  }
}

/** The answer in short: `orders-0: a b`, or the error's name. */
function summary(response: FetchResponse): Record<string, string> {
  const entries: Record<string, string> = {}
  for (const topic of response.responses) {
    for (const partition of topic.partitions) {
      const error = errorName(partition.errorCode)
      entries[`${topic.topic}-${partition.partitionIndex}`] =
        error === 'NONE' ? valuesIn(partition.records!).join(' ') : error
    }
  }
  return entries
}

function valuesIn(records: Buffer): string[] {
  const values: string[] = []
  for (const at of batchesIn(records)) {
    for (const record of recordsOf(records, at)) values.push(String(record.value))
  }
  return values
}

/** Whether a promise settles before anything further happens. */
async function isPending(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol('pending')
  await new Promise(resolve => setImmediate(resolve))
  return (await Promise.race([promise, Promise.resolve(pending)])) === pending
}

t.test('a fetch gives what is there', async t => {
  const services = await broker(t)
  await services.createTopic('orders', 2)
  services.append('orders', 0, 'a', 'b')
  services.append('orders', 0, 'c')
  services.append('orders', 1, 'x')

  await t.test('in every version, from the batch that holds the offset', async t => {
    const topicId = services.catalog.current().topics.get('orders')!.id
    for (let version = 4; version <= 18; version++) {
      const wanted = version < 13 ? { topic: 'orders' } : { topic: '', topicId }
      const response = await call(fetch, version, fetchOf([{ ...wanted, offset: 1 }]), services)
      t.same(Object.values(summary(response)), ['a b c'], `version ${version}`)
      const partition = response.responses[0]!.partitions[0]!
      t.equal(partition.highWatermark, 3n)
      t.equal(partition.lastStableOffset, 3n)
      t.equal(partition.preferredReadReplica, -1)
      t.equal(partition.abortedTransactions, null)
    }
  })

  await t.test('at the end of the log there is nothing, and no error', async t => {
    t.same(summary(await call(fetch, 11, fetchOf([{ topic: 'orders', offset: 3 }]), services)), {
      'orders-0': '',
    })
  })

  await t.test('before and behind the log the offset is out of range', async t => {
    const wanted = [
      { topic: 'orders', offset: 4 },
      { topic: 'orders', index: 1, offset: -1 },
    ]
    t.same(summary(await call(fetch, 11, fetchOf(wanted), services)), {
      'orders-0': 'OFFSET_OUT_OF_RANGE',
      'orders-1': 'OFFSET_OUT_OF_RANGE',
    })
  })

  await t.test('an offset beyond what a number holds is out of range too', async t => {
    const request = fetchOf([{ topic: 'orders' }])
    const topics = request.topics.map(topic => ({
      ...topic,
      partitions: topic.partitions.map(partition => ({ ...partition, fetchOffset: 2n ** 63n - 1n })),
    }))
    t.same(summary(await call(fetch, 11, { ...request, topics }, services)), {
      'orders-0': 'OFFSET_OUT_OF_RANGE',
    })
  })

  await t.test('the first partition gives a whole batch above every limit, the others obey', async t => {
    const wanted = [
      { topic: 'orders', maxBytes: 1 },
      { topic: 'orders', index: 1, maxBytes: 1 },
    ]
    t.same(summary(await call(fetch, 11, fetchOf(wanted, { maxBytes: 1 }), services)), {
      'orders-0': 'a b',
      'orders-1': '',
    })
  })

  await t.test('a topic or partition that does not exist is not created', async t => {
    const wanted = [
      { topic: 'nobody', index: 0 },
      { topic: 'orders', index: 7 },
      { topic: 'orders', index: 1 },
    ]
    t.same(summary(await call(fetch, 12, fetchOf(wanted), services)), {
      'nobody-0': 'UNKNOWN_TOPIC_OR_PARTITION',
      'orders-7': 'UNKNOWN_TOPIC_OR_PARTITION',
      'orders-1': 'x',
    })
    t.notOk(services.catalog.current().topics.has('nobody'))
    const byId = await call(fetch, 13, fetchOf([{ topic: '', topicId: 'AAAAAAAAAAAAAAAAAAAAAg' }]), services)
    t.same(Object.values(summary(byId)), ['UNKNOWN_TOPIC_ID'])
  })

  await t.test('what there is not is answered last, unknown topics before unknown partitions', async t => {
    const { id } = services.catalog.current().topics.get('orders')!
    const orders = { topic: '', topicId: id }
    const nobody = { topic: '', topicId: 'AAAAAAAAAAAAAAAAAAAAAg' }
    const wanted = [{ ...orders, index: 7 }, nobody, orders, { ...orders, index: 1 }]
    const { responses } = await call(fetch, 13, fetchOf(wanted), services)
    t.same(
      responses.map(({ topicId, partitions }) => [
        topicId === id,
        ...partitions.map(({ partitionIndex }) => partitionIndex),
      ]),
      [
        [true, 0, 1],
        [false, 0],
        [true, 7],
      ],
    )
  })

  await t.test('a committed reader gets a list of aborted transactions, if an empty one', async t => {
    const response = await call(fetch, 11, fetchOf([{ topic: 'orders' }], { isolationLevel: 1 }), services)
    t.same(response.responses[0]!.partitions[0]!.abortedTransactions, [])
  })

  await t.test('a request for nothing is answered at once', async t => {
    t.same((await call(fetch, 11, fetchOf([], { maxWaitMs: 1000 }), services)).responses, [])
  })
})

t.test('epochs are checked', async t => {
  const services = await broker(t)
  await services.createTopic('orders')
  services.append('orders', 0, 'a')
  const fetchAt = (version: number, epochs: Partial<Wanted>) =>
    call(fetch, version, fetchOf([{ topic: 'orders', ...epochs }], { maxWaitMs: 1000 }), services)

  t.same(summary(await fetchAt(12, { currentLeaderEpoch: 0 })), { 'orders-0': 'a' })
  t.same(summary(await fetchAt(12, { currentLeaderEpoch: 3 })), { 'orders-0': 'UNKNOWN_LEADER_EPOCH' })
  t.same(summary(await fetchAt(12, { lastFetchedEpoch: 0, offset: 0 })), { 'orders-0': 'a' })

  const beyond = (await fetchAt(12, { lastFetchedEpoch: 0, offset: 9 })).responses[0]!.partitions[0]!
  t.same(
    beyond.divergingEpoch,
    { epoch: 0, endOffset: 1n },
    'a position behind the end of its epoch diverges',
  )
  t.equal(beyond.records!.length, 0)

  const topic = services.catalog.current().topics.get('orders')!
  const led = { ...topic, partitions: topic.partitions.map(partition => ({ ...partition, leaderEpoch: 5 })) }
  const snapshot = {
    ...services.catalog.current(),
    topics: new Map([['orders', led]]),
    topicsById: new Map([[led.id, led]]),
  }
  const later = { ...services, catalog: { ...services.catalog, current: () => snapshot } } as TestServices
  const fenced = await call(
    fetch,
    16,
    fetchOf([{ topic: '', topicId: led.id, currentLeaderEpoch: 4 }]),
    later,
  )
  const partition = fenced.responses[0]!.partitions[0]!
  t.equal(errorName(partition.errorCode), 'FENCED_LEADER_EPOCH')
  t.same(partition.currentLeader, { leaderId: 1, leaderEpoch: 5 }, 'the leader is named')
  t.same(fenced.nodeEndpoints, [{ nodeId: 1, host: 'localhost', port: 9092, rack: null }], 'and where it is')
})

t.test('a topic of zstd is refused to consumers from before it existed', async t => {
  const services = await broker(t)
  await services.createTopic('packed')
  await services.createTopic('plain')
  const resource = { type: 'topic', name: 'packed' } as const
  const configs = { 'compression.type': 'zstd' }
  await services.catalog.change({ type: 'alter-configs', alterations: [{ resource, configs }] })
  services.append('packed', 0, 'a')
  services.append('plain', 0, 'a')
  const wanted = fetchOf([{ topic: 'packed' }, { topic: 'plain' }])
  t.same(summary(await call(fetch, 9, wanted, services)), {
    'packed-0': 'UNSUPPORTED_COMPRESSION_TYPE',
    'plain-0': 'a',
  })
  t.same(summary(await call(fetch, 10, wanted, services)), { 'packed-0': 'a', 'plain-0': 'a' })
})

t.test(
  'a size below 0 is an error where there is something to read, of the request for its first',
  async t => {
    const services = await broker(t)
    await services.createTopic('orders', 3)
    services.append('orders', 0, 'a')
    services.append('orders', 1, 'b')
    const wanted = [0, 1, 2].map(index => ({ topic: 'orders', index, maxBytes: -1 }))
    t.same(summary(await call(fetch, 11, fetchOf(wanted), services)), {
      'orders-0': 'UNKNOWN_SERVER_ERROR',
      'orders-1': 'UNKNOWN_SERVER_ERROR',
      'orders-2': '',
    })
    const sound = [0, 1, 2].map(index => ({ topic: 'orders', index }))
    t.same(summary(await call(fetch, 11, fetchOf(sound, { maxBytes: -1 }), services)), {
      'orders-0': 'UNKNOWN_SERVER_ERROR',
      'orders-1': 'b',
      'orders-2': '',
    })
  },
)

t.test('a fetch that finds too little waits', async t => {
  const services = await broker(t)
  await services.createTopic('orders', 2)
  /** A fetch from where the partitions end now. */
  const start = async () => {
    const ends = [0, 1].map(
      index =>
        services.logs.offsets(services.catalog.current().topics.get('orders')!.partitions[index]!)
          .logEndOffset,
    )
    return (options: Partial<FetchRequest> = {}, context = testContext(11)) =>
      call(
        fetch,
        11,
        fetchOf(
          ends.map((offset, index) => ({ topic: 'orders', index, offset })),
          { maxWaitMs: 500, ...options },
        ),
        services,
        context,
      )
  }

  await t.test('for an append', async t => {
    const fetchFromEnd = await start()
    const answer = fetchFromEnd()
    t.ok(await isPending(answer))
    services.append('orders', 1, 'x')
    t.same(summary(await answer), { 'orders-0': '', 'orders-1': 'x' })
    t.equal(services.clock.pendingCount, 0, 'and leaves no timer behind')
  })

  await t.test('for min_bytes, added up over its partitions', async t => {
    const fetchFromEnd = await start()
    const answer = fetchFromEnd({ minBytes: 2 * batchSize })
    services.append('orders', 0, 'a')
    t.ok(await isPending(answer), 'one batch is too little')
    services.append('orders', 1, 'b')
    t.same(summary(await answer), { 'orders-0': 'a', 'orders-1': 'b' })
  })

  await t.test('with some of it there already', async t => {
    const fetchFromEnd = await start()
    services.append('orders', 0, 'a')
    const answer = fetchFromEnd({ minBytes: 100 })
    t.ok(await isPending(answer))
    services.append('orders', 0, 'b')
    t.same(summary(await answer), { 'orders-0': 'a b', 'orders-1': '' })
  })

  await t.test('no longer than max_wait, then answers with what there is', async t => {
    const fetchFromEnd = await start()
    const answer = fetchFromEnd({ minBytes: 1_000_000 })
    services.append('orders', 0, 'late')
    t.ok(await isPending(answer))
    services.clock.jump(3_600_000)
    services.clock.advance(499)
    t.ok(await isPending(answer), 'a wall clock that is set ends no wait')
    services.clock.jump(-7_200_000)
    services.clock.advance(1)
    t.same(summary(await answer), { 'orders-0': 'late', 'orders-1': '' })
  })

  await t.test('but not where a partition has an error, or has diverged', async t => {
    const wanted = (changes: Partial<Wanted>) =>
      fetchOf([{ topic: 'orders', offset: 99, ...changes }], { maxWaitMs: 500 })
    t.same(summary(await call(fetch, 12, wanted({}), services)), { 'orders-0': 'OFFSET_OUT_OF_RANGE' })
    t.same(summary(await call(fetch, 12, wanted({ topic: 'nobody' }), services)), {
      'nobody-0': 'UNKNOWN_TOPIC_OR_PARTITION',
    })
    const diverged = await call(fetch, 12, wanted({ lastFetchedEpoch: 0 }), services)
    t.equal(diverged.responses[0]!.partitions[0]!.divergingEpoch.epoch, 0)
    t.equal(services.clock.pendingCount, 0)
  })

  await t.test('but not for more than the answer can hold', async t => {
    const fetchFromEnd = await start()
    services.append('orders', 0, 'a')
    t.same(summary(await fetchFromEnd({ minBytes: 5000, maxBytes: 10 })), { 'orders-0': 'a', 'orders-1': '' })
  })

  await t.test('not when the connection closes: timer, watch and listener are given back', async t => {
    const fetchFromEnd = await start()
    const context = testContext(11)
    const answer = fetchFromEnd({}, context)
    t.ok(await isPending(answer))
    t.equal(context.closeListenerCount, 1)
    context.close()
    await t.rejects(answer, { message: `no answer: ${String(closeConnection)}` })
    t.equal(context.closeListenerCount, 0)
    t.equal(services.clock.pendingCount, 0)
  })

  await t.test('and not for a partition that is deleted', async t => {
    const fetchFromEnd = await start()
    const answer = fetchFromEnd()
    t.ok(await isPending(answer))
    await services.topics.delete([{ name: 'orders', topicId: zeroUuid }])
    t.equal(summary(await answer)['orders-0'], 'UNKNOWN_TOPIC_OR_PARTITION')
  })
})

t.test('a fetch behind what is durable finds nothing, and waits', async t => {
  const disk = faultyDisk()
  const services = await broker(t, { disk, settings: { 'write.caching.default': false } })
  await services.createTopic('orders')
  const held = disk.hold('sync', /orders-0/)
  t.teardown(() => held.release())
  services.append('orders', 0, 'a')
  services.append('orders', 0, 'b')
  const request = (offset: number, maxWaitMs: number) => fetchOf([{ topic: 'orders', offset }], { maxWaitMs })
  for (const offset of [0, 1, 2]) {
    const response = await call(fetch, 11, request(offset, 0), services)
    t.same(summary(response), { 'orders-0': '' })
    t.equal(response.responses[0]!.partitions[0]!.highWatermark, 0n)
  }
  t.same(summary(await call(fetch, 11, request(3, 500), services)), { 'orders-0': 'OFFSET_OUT_OF_RANGE' })
  const answer = call(fetch, 11, request(1, 500), services)
  t.ok(await isPending(answer))
  held.release()
  t.same(summary(await answer), { 'orders-0': 'b' })
})

t.test('a read that takes time', async t => {
  let hold: Promise<void> | undefined
  let held = 0
  const wrapLogs = (logs: PartitionLogs): PartitionLogs => {
    const slow = Object.create(logs) as PartitionLogs
    slow.read = (items, maxBytes) => {
      const outcome = logs.read(items, maxBytes) as ReadOutcome
      held++
      const counted: ReadOutcome = {
        results: outcome.results,
        size: outcome.size,
        release() {
          held--
          outcome.release()
        },
      }
      return hold === undefined ? counted : hold.then(() => counted)
    }
    return slow
  }
  const services = await broker(t, { wrapLogs })
  await services.createTopic('orders')
  const request = fetchOf([{ topic: 'orders' }], { maxWaitMs: 500 })

  await t.test('does not miss what is appended meanwhile', async t => {
    let finish!: () => void
    hold = new Promise(resolve => {
      finish = resolve
    })
    const answer = call(fetch, 11, request, services)
    services.append('orders', 0, 'meanwhile')
    await new Promise(resolve => setImmediate(resolve))
    hold = undefined
    finish()
    t.same(summary(await answer), { 'orders-0': 'meanwhile' })
    t.equal(services.clock.pendingCount, 0)
  })

  await t.test('does not miss it in a session either', async t => {
    const open = fetchOf([{ topic: 'orders', offset: 1 }], { sessionEpoch: 0 })
    const { sessionId } = await call(fetch, 11, open, services)
    t.not(sessionId, 0)
    let finish!: () => void
    hold = new Promise(resolve => {
      finish = resolve
    })
    const next = fetchOf([{ topic: 'orders', offset: 1 }], { sessionId, sessionEpoch: 1, maxWaitMs: 500 })
    const answer = call(fetch, 11, next, services)
    services.append('orders', 0, 'later')
    await new Promise(resolve => setImmediate(resolve))
    hold = undefined
    finish()
    t.same(summary(await answer), { 'orders-0': 'later' })
  })

  await t.test('gives memory back only after the answer was sent', async t => {
    const context = testContext(11)
    const answer = await fetch.handle({ ...(await decodedRequest(request)), maxWaitMs: 0 }, services, context)
    t.type(answer, 'object')
    t.equal(held, 1)
    context.sent()
    t.equal(held, 0, 'every read was given back')
  })
})

async function decodedRequest(request: FetchRequest): Promise<Infer<typeof fetchRequest>> {
  const { encodeMessage, decodeMessage } = await import('../../protocol-codecs/compile-codec.ts')
  return decodeMessage(fetchRequest, 11, encodeMessage(fetchRequest, 11, request))
}

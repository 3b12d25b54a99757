/**
 * What is answered to requests that ask for what there is not, or that make no sense: what Apache Kafka says to the
 * same. `npm run compat -- differential` has found these, and holds many more against a real one.
 */
import t, { type Test } from 'tap'
import { buildBatch } from '../../protocol-codecs/build-batch.ts'
import { errorName } from '../../protocol-codecs/error-codes.ts'
import { call, type TestServices, testContext, testServices } from '../testing/test-services.ts'
import { deleteAcls } from './delete-acls.ts'
import { deleteRecords } from './delete-records.ts'
import { describeAcls } from './describe-acls.ts'
import { fetch } from './fetch.ts'
import { closeConnection } from './handler.ts'
import { listOffsets } from './list-offsets.ts'
import { offsetForLeaderEpoch } from './offset-for-leader-epoch.ts'
import { produce } from './produce.ts'

async function broker(t: Test): Promise<TestServices> {
  const services = await testServices()
  t.teardown(() => services.close())
  await services.createTopic('orders', 2)
  services.append('orders', 0, 'a')
  services.append('orders', 0, 'b')
  return services
}

const wanted = (partition: number, rest: object = {}) => ({
  partition,
  fetchOffset: 0n,
  partitionMaxBytes: 1000,
  ...rest,
})
const fetchOf = (
  topics: { topic: string; partitions: ReturnType<typeof wanted>[] }[],
  rest: object = {},
) => ({
  maxWaitMs: 0,
  minBytes: 1,
  sessionEpoch: -1,
  topics,
  forgottenTopicsData: [],
  ...rest,
})

t.test('Fetch', async t => {
  const services = await broker(t)
  const orders = { topic: 'orders', partitions: [wanted(0)] }

  await t.test('answers for what there is not behind everything else, with no transactions', async t => {
    const topics = [{ topic: 'nobody', partitions: [wanted(0)] }, orders]
    const { responses } = await call(fetch, 12, fetchOf(topics), services)
    t.same(
      responses.map(({ topic }) => topic),
      ['orders', 'nobody'],
    )
    t.same(
      responses.map(({ partitions }) => partitions[0]!.abortedTransactions),
      [null, []],
    )
  })

  await t.test('tells where the log stands when the reader has diverged from it', async t => {
    const partitions = [wanted(0, { lastFetchedEpoch: 0, fetchOffset: 9n })]
    const { responses } = await call(fetch, 12, fetchOf([{ topic: 'orders', partitions }]), services)
    t.match(responses[0]!.partitions[0], {
      divergingEpoch: { epoch: 0, endOffset: 2n },
      highWatermark: 2n,
      logStartOffset: 0n,
    })
  })

  await t.test('has nothing for followers', async t => {
    const follower = { replicaId: 3 }
    const { responses } = await call(fetch, 12, fetchOf([orders], follower), services)
    t.equal(errorName(responses[0]!.partitions[0]!.errorCode), 'NOT_LEADER_OR_FOLLOWER')
    const debugging = await call(fetch, 12, fetchOf([orders], { replicaId: -2 }), services)
    t.equal(debugging.responses[0]!.partitions[0]!.errorCode, 0, 'but for who looks over its shoulder')
  })

  await t.test('takes any negative leader epoch for none', async t => {
    const partitions = [wanted(0, { currentLeaderEpoch: -2 })]
    const { responses } = await call(fetch, 12, fetchOf([{ topic: 'orders', partitions }]), services)
    t.equal(responses[0]!.partitions[0]!.errorCode, 0)
  })

  await t.test('knows two isolation levels', async t => {
    await t.rejects(async () => await call(fetch, 12, fetchOf([orders], { isolationLevel: 2 }), services), {
      name: 'UNKNOWN_SERVER_ERROR',
    })
  })
})

t.test('ListOffsets', async t => {
  const services = await broker(t)
  const ask = async (name: string, partition: object, version = 5, rest: object = {}) => {
    const topics = [{ name, partitions: [{ partitionIndex: 0, timestamp: -1n, ...partition }] }]
    const { topics: answers } = await call(listOffsets, version, { replicaId: -1, topics, ...rest }, services)
    return errorName(answers[0]!.partitions[0]!.errorCode)
  }
  t.equal(await ask('nobody', { timestamp: -9n }), 'UNSUPPORTED_VERSION', 'the place comes before the topic')
  t.equal(await ask('orders', { currentLeaderEpoch: -2 }), 'FENCED_LEADER_EPOCH')
  await t.rejects(ask('orders', {}, 5, { isolationLevel: 7 }), { name: 'UNKNOWN_SERVER_ERROR' })

  const nothing = { replicaId: -1, topics: [{ name: 'orders', partitions: [] }] }
  t.same((await call(listOffsets, 5, nothing, services)).topics, [], 'no topic without partitions')

  const partition = { partitionIndex: 0, timestamp: -2n }
  const twice = { replicaId: -1, topics: [{ name: 'orders', partitions: [partition, partition] }] }
  const errors = async (version: number) =>
    (await call(listOffsets, version, twice, services)).topics[0]!.partitions.map(p => errorName(p.errorCode))
  t.same(await errors(1), ['INVALID_REQUEST'])
  t.same(await errors(0), ['NONE', 'NONE'], 'version 0 minds no repetition')
})

t.test('DeleteRecords has no answer for a topic without partitions', async t => {
  const services = await broker(t)
  const request = { topics: [{ name: 'orders', partitions: [] }], timeoutMs: 100 }
  t.same((await call(deleteRecords, 2, request, services)).topics, [])
})

t.test('OffsetForLeaderEpoch', async t => {
  const services = await broker(t)
  const ask = async (partition: number, leaderEpoch: number, currentLeaderEpoch = -1) => {
    const topics = [{ topic: 'orders', partitions: [{ partition, leaderEpoch, currentLeaderEpoch }] }]
    const { topics: answers } = await call(offsetForLeaderEpoch, 3, { replicaId: -1, topics }, services)
    const found = answers[0]!.partitions[0]!
    return [errorName(found.errorCode), found.leaderEpoch, Number(found.endOffset)]
  }
  t.same(await ask(0, 0), ['NONE', 0, 2])
  t.same(await ask(1, 0), ['NONE', 0, 0], 'the epoch of an empty log has begun')
  t.same(await ask(0, -1), ['NONE', -1, -1])
  t.same(await ask(0, -2), ['NONE', -2, 0], 'an epoch before all others ends where the first begins')
  t.same(await ask(0, 0, -2), ['FENCED_LEADER_EPOCH', -1, -1])
})

t.test('Produce', async t => {
  const services = await broker(t)
  const send = async (batch: Buffer, rest: object = {}) => {
    const topicData = [{ name: 'orders', partitionData: [{ index: 1, records: batch }] }]
    const answer = await call(produce, 8, { acks: -1, timeoutMs: 100, topicData, ...rest }, services)
    const { errorCode, baseOffset, logStartOffset, logAppendTimeMs } =
      answer.responses[0]!.partitionResponses[0]!
    return [errorName(errorCode), baseOffset, logStartOffset, logAppendTimeMs]
  }
  const batchOf = (rest: object) =>
    buildBatch({ records: [{ value: Buffer.from('v') }], timestamp: 5, ...rest })
  const producer = { producerId: 7, producerEpoch: 0, baseSequence: 0 }

  t.same(await send(batchOf({}), { transactionalId: 'x' }), ['NONE', 0n, 0n, -1n], 'the batch decides')
  t.same(await send(batchOf({ ...producer, isTransactional: true })), [
    ...['TRANSACTIONAL_ID_AUTHORIZATION_FAILED', -1n, -1n, -1n],
  ])
  t.same(await send(batchOf(producer)), ['NONE', 1n, 0n, -1n])
  t.same(await send(batchOf(producer)), ['NONE', 1n, 0n, 5n], 'a repetition gets the time of the first')
  t.same(await send(batchOf({ ...producer, producerId: 8, producerEpoch: -2 })), [
    ...['INVALID_PRODUCER_EPOCH', -1n, 0n, -1n],
  ])
  t.same(await send(batchOf({ isControl: true })), ['INVALID_RECORD', -1n, 0n, -1n], 'the log refuses it')
  t.same(await send(Buffer.alloc(0)), ['INVALID_RECORD', -1n, -1n, -1n], 'no log was asked')

  const nothing = { acks: -1, timeoutMs: 100, topicData: [{ name: 'orders', partitionData: [] }] }
  t.same((await call(produce, 8, nothing, services)).responses, [])
})

t.test('a filter of access control lists that says "unknown" cannot be read', async t => {
  const services = await broker(t)
  const filter = {
    resourceTypeFilter: 1,
    resourceNameFilter: null,
    patternTypeFilter: 1,
    principalFilter: null,
    hostFilter: null,
    operation: 1,
    permissionType: 1,
  }
  const context = testContext(3)
  for (const unknown of ['resourceTypeFilter', 'patternTypeFilter', 'operation', 'permissionType']) {
    const bad = { ...filter, [unknown]: 0 }
    t.equal(describeAcls.handle(bad, services, context), closeConnection, unknown)
    t.equal(deleteAcls.handle({ filters: [filter, bad] }, services, context), closeConnection, unknown)
  }
  t.throws(() => describeAcls.handle({ ...filter, operation: 99 }, services, context), {
    name: 'SECURITY_DISABLED',
  })
})

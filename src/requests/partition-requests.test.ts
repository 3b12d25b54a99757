/** Leaders, replicas and producers of partitions: ElectLeaders, the reassignments, DescribeProducers. */
import t, { type Test } from 'tap'
import { buildBatch } from '../../protocol-codecs/build-batch.ts'
import { errorName } from '../../protocol-codecs/error-codes.ts'
import type { PartitionLogs } from '../storage/partition-log.ts'
import { call, type TestServices, testNode, testServices } from '../testing/test-services.ts'
import { alterPartitionReassignments } from './alter-partition-reassignments.ts'
import { describeProducers } from './describe-producers.ts'
import { electLeaders } from './elect-leaders.ts'
import { listPartitionReassignments } from './list-partition-reassignments.ts'

const { nodeId } = testNode
const timeoutMs = 1000

async function servicesFor(
  t: Test,
  wrapLogs?: (logs: PartitionLogs) => PartitionLogs,
): Promise<TestServices> {
  const services = await testServices({ wrapLogs })
  t.teardown(() => services.close())
  await services.createTopic('orders', 2)
  return services
}

/** Logs of which one partition's place is offline. */
function withOffline(logs: PartitionLogs, index: number): PartitionLogs {
  const wrapped = Object.create(logs) as PartitionLogs
  wrapped.isLeaderless = partition => partition.index === index
  return wrapped
}

t.test('ElectLeaders', async t => {
  const services = await servicesFor(t, logs => withOffline(logs, 1))
  const ask = async (version: number, request: object) => {
    const whole = { topicPartitions: null, timeoutMs, ...request }
    const { errorCode, replicaElectionResults } = await call(electLeaders, version, whole, services)
    return [
      errorName(errorCode),
      ...replicaElectionResults.flatMap(({ topic, partitionResult }) => [
        topic,
        ...partitionResult.map(result => `${result.partitionId} ${errorName(result.errorCode)}`),
      ]),
    ]
  }
  const orders = { topic: 'orders', partitions: [0, 1, 7] }

  await t.test('is not needed where the partition is led, and finds nobody where it is not', async t => {
    for (const version of [0, 1, 2]) {
      t.same(await ask(version, { topicPartitions: [orders, { topic: 'nobody', partitions: [0] }] }), [
        'NONE',
        'orders',
        '0 ELECTION_NOT_NEEDED',
        '1 PREFERRED_LEADER_NOT_AVAILABLE',
        '7 UNKNOWN_TOPIC_OR_PARTITION',
        'nobody',
        '0 UNKNOWN_TOPIC_OR_PARTITION',
      ])
    }
    const unclean = await ask(2, { topicPartitions: [orders], electionType: 1 })
    t.same(unclean.slice(2, 4), ['0 ELECTION_NOT_NEEDED', '1 ELIGIBLE_LEADERS_NOT_AVAILABLE'])
  })

  await t.test('of all partitions leaves out those that need none', async t => {
    t.same(await ask(2, {}), ['NONE', 'orders', '1 PREFERRED_LEADER_NOT_AVAILABLE'])
    t.same(await ask(0, { topicPartitions: [], timeoutMs: 0 }), ['NONE'], 'an empty list is not all')
  })

  await t.test('refuses what it does not know, and what leaves it no time', async t => {
    await t.rejects(ask(2, { electionType: 2 }), { name: 'INVALID_REQUEST' })
    await t.rejects(ask(1, { electionType: -1 }), { name: 'INVALID_REQUEST' })
    await t.rejects(ask(0, { timeoutMs: 0 }), { name: 'REQUEST_TIMED_OUT' })
  })
})

t.test('AlterPartitionReassignments', async t => {
  const services = await servicesFor(t)
  const ask = async (
    replicas: number[] | null,
    { name = 'orders', partitionIndex = 0, version = 1 } = {},
  ) => {
    const topics = [{ name, partitions: [{ partitionIndex, replicas }] }]
    const answer = await call(alterPartitionReassignments, version, { timeoutMs, topics }, services)
    t.match(answer, { errorCode: 0, errorMessage: null })
    const { errorCode, errorMessage } = answer.responses[0]!.partitions[0]!
    return errorMessage === null ? errorName(errorCode) : `${errorName(errorCode)} ${errorMessage}`
  }

  await t.test('to the replica that there is is done at once', async t => {
    t.equal(await ask([nodeId]), 'NONE')
    t.equal(await ask([nodeId], { version: 0 }), 'NONE')
  })

  await t.test('to others is refused, in the order of Kafka’s checks', async t => {
    const wrong = 'INVALID_REPLICA_ASSIGNMENT The manual partition assignment includes'
    t.equal(await ask([]), `${wrong} an empty replica list.`)
    t.equal(await ask([nodeId, 9]), `${wrong} broker 9, but no such broker is registered.`)
    t.equal(await ask([nodeId, nodeId, -1]), `${wrong} broker -1, but no such broker is registered.`)
    t.equal(await ask([nodeId, nodeId]), `${wrong} the broker ${nodeId} more than once.`)
    t.equal(
      await ask(null, { partitionIndex: 2 }),
      'UNKNOWN_TOPIC_OR_PARTITION Unable to find partition orders:2.',
    )
    t.equal(
      await ask([nodeId], { name: 'nobody' }),
      'UNKNOWN_TOPIC_OR_PARTITION Unable to find a topic named nobody.',
    )
  })

  await t.test('that is to be cancelled is not under way', async t => {
    t.equal(await ask(null), 'NO_REASSIGNMENT_IN_PROGRESS')
  })

  await t.test('says of a request without topics that it is done, however little time it leaves', async t => {
    const answer = await call(alterPartitionReassignments, 1, { timeoutMs: 0, topics: [] }, services)
    t.match(answer, { errorCode: 0, errorMessage: '', responses: [] })
    const topics = [{ name: 'orders', partitions: [{ partitionIndex: 0, replicas: [nodeId] }] }]
    const late = call(alterPartitionReassignments, 1, { timeoutMs: -1, topics }, services)
    await t.rejects(late, { name: 'REQUEST_TIMED_OUT' })
  })
})

t.test('ListPartitionReassignments never finds any', async t => {
  const services = await servicesFor(t)
  const some = [
    { name: 'orders', partitionIndexes: [0, 9] },
    { name: 'nobody', partitionIndexes: [0] },
  ]
  for (const topics of [null, [], some]) {
    const answer = await call(listPartitionReassignments, 0, { timeoutMs: 0, topics }, services)
    t.match(answer, { errorCode: 0, errorMessage: null, topics: [] })
  }
})

t.test('DescribeProducers', async t => {
  const services = await servicesFor(t)
  const ask = async (name: string, ...partitionIndexes: number[]) => {
    const answer = await call(describeProducers, 0, { topics: [{ name, partitionIndexes }] }, services)
    return answer.topics[0]!.partitions
  }
  const append = (producerId: number, producerEpoch: number, baseSequence: number, timestamp: number) => {
    const records = [{ value: Buffer.from('a') }, { value: Buffer.from('b') }]
    const batch = buildBatch({ records, timestamp, producerId, producerEpoch, baseSequence })
    services.appendBatch('orders', 0, batch)
  }

  await t.test('knows each producer’s epoch, last sequence and last timestamp', async t => {
    append(7, 0, 0, 1000)
    append(7, 0, 2, 2000)
    append(8, 3, 0, 1500)
    services.append('orders', 0, 'by nobody in particular')
    const unopened = { coordinatorEpoch: -1, currentTxnStartOffset: -1n }
    const [first, second] = await ask('orders', 0, 1)
    t.match(first, { partitionIndex: 0, errorCode: 0, errorMessage: null })
    t.same(first!.activeProducers, [
      { producerId: 7n, producerEpoch: 0, lastSequence: 3, lastTimestamp: 2000n, ...unopened },
      { producerId: 8n, producerEpoch: 3, lastSequence: 1, lastTimestamp: 1500n, ...unopened },
    ])
    t.same(second, { partitionIndex: 1, errorCode: 0, errorMessage: null, activeProducers: [] })
  })

  await t.test('answers for each partition by itself', async t => {
    const errors = async (...asked: Parameters<typeof ask>) =>
      (await ask(...asked)).map(({ errorCode }) => errorName(errorCode))
    t.same(await errors('orders', 0, 2, -1), [
      'NONE',
      'UNKNOWN_TOPIC_OR_PARTITION',
      'UNKNOWN_TOPIC_OR_PARTITION',
    ])
    t.same(await errors('nobody', 0), ['UNKNOWN_TOPIC_OR_PARTITION'])
    t.same(await errors('no name', 0), ['INVALID_TOPIC_EXCEPTION'])
  })
})

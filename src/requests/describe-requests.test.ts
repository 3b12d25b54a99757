import t, { type Test } from 'tap'
import { errorName } from '../../protocol-codecs/error-codes.ts'
import type { describeClusterRequest } from '../../protocol-codecs/messages/describe-cluster.ts'
import type { describeTopicPartitionsRequest } from '../../protocol-codecs/messages/describe-topic-partitions.ts'
import { type InferInput, zeroUuid } from '../../protocol-codecs/schema.ts'
import {
  call,
  type TestServices,
  type TestServicesOptions,
  testNode,
  testServices,
} from '../testing/test-services.ts'
import { createAcls } from './create-acls.ts'
import { deleteAcls } from './delete-acls.ts'
import { describeAcls } from './describe-acls.ts'
import { describeCluster } from './describe-cluster.ts'
import { describeLogDirs } from './describe-log-dirs.ts'
import { describeTopicPartitions } from './describe-topic-partitions.ts'
import type { Services } from './services.ts'

async function broker(t: Test, options: TestServicesOptions = {}): Promise<TestServices> {
  const services = await testServices(options)
  t.teardown(() => services.close())
  return services
}

t.test('DescribeCluster', async t => {
  const services = await broker(t)
  const ask = (version: number, changes: Partial<InferInput<typeof describeClusterRequest>> = {}) =>
    call(describeCluster, version, { includeClusterAuthorizedOperations: false, ...changes }, services)

  await t.test('tells the brokers in every version', async t => {
    for (let version = 0; version <= 2; version++) {
      t.match(await ask(version), {
        errorCode: 0,
        errorMessage: null,
        endpointType: 1,
        clusterId: testNode.clusterId,
        controllerId: testNode.nodeId,
        brokers: [{ brokerId: testNode.nodeId, host: 'localhost', port: 9092, rack: null, isFenced: false }],
        clusterAuthorizedOperations: -2147483648,
      })
    }
    t.equal((await ask(2, { includeFencedBrokers: true })).brokers.length, 1)
  })

  await t.test('says what is allowed when it is asked', async t => {
    const response = await ask(0, { includeClusterAuthorizedOperations: true })
    t.equal(response.clusterAuthorizedOperations, 0b1111110100000)
  })

  await t.test('is no endpoint of another type', async t => {
    await t.rejects(ask(1, { endpointType: 2 }), { name: 'MISMATCHED_ENDPOINT_TYPE' })
    for (const endpointType of [0, 3, -1]) {
      await t.rejects(ask(2, { endpointType }), {
        name: 'UNSUPPORTED_ENDPOINT_TYPE',
        message: `Unsupported endpoint type ${endpointType}`,
      })
    }
  })
})

t.test('DescribeTopicPartitions', async t => {
  const services = await broker(t, { settings: { 'max.request.partition.size.limit': 8 } })
  await services.createTopic('zed', 2)
  await services.createTopic('abc', 3)
  type Request = InferInput<typeof describeTopicPartitionsRequest>
  const ask = (names: string[], limit = 2000, cursor: Request['cursor'] = null) =>
    call(
      describeTopicPartitions,
      0,
      { topics: names.map(name => ({ name })), responsePartitionLimit: limit, cursor },
      services,
    )
  const at = (topicName: string, partitionIndex: number) => ({ topicName, partitionIndex })
  /** `name: partitions`, or the error; a cursor, if any, behind an arrow. */
  const short = async (...parameters: Parameters<typeof ask>) => {
    const { nextCursor, topics } = await ask(...parameters)
    const shown = topics.map(({ name, errorCode, partitions }) => {
      const what = errorCode === 0 ? partitions.map(each => each.partitionIndex) : errorName(errorCode)
      return `${name}: ${what}`
    })
    return nextCursor === null ? shown : [...shown, `-> ${nextCursor.topicName} ${nextCursor.partitionIndex}`]
  }

  await t.test('shows topics as Metadata does', async t => {
    const response = await ask(['zed', 'nobody'])
    t.match(response.topics[1], {
      errorCode: 0,
      name: 'zed',
      topicId: services.catalog.current().topics.get('zed')!.id,
      isInternal: false,
      topicAuthorizedOperations: 0b110111111000,
    })
    t.same(response.topics[1]!.partitions[1], {
      errorCode: 0,
      partitionIndex: 1,
      leaderId: 1,
      leaderEpoch: 0,
      replicaNodes: [1],
      isrNodes: [1],
      eligibleLeaderReplicas: [],
      lastKnownElr: [],
      offlineReplicas: [],
    })
    t.match(response.topics[0], {
      name: 'nobody',
      topicId: zeroUuid,
      topicAuthorizedOperations: 0b110111111000,
    })
  })

  await t.test('comes in order of names, each topic once', async t => {
    t.same(await short([]), ['abc: 0,1,2', 'zed: 0,1'])
    t.same(await short(['zed', 'nobody', 'abc', 'zed', 'b a d']), [
      'abc: 0,1,2',
      'b a d: INVALID_TOPIC_EXCEPTION',
      'nobody: UNKNOWN_TOPIC_OR_PARTITION',
      'zed: 0,1',
    ])
  })

  await t.test('is cut where there are enough partitions, and goes on at the cursor', async t => {
    t.same(await short(['abc', 'zed'], 2), ['abc: 0,1', '-> abc 2'])
    t.same(await short(['abc', 'zed'], 2, at('abc', 2)), ['abc: 2', 'zed: 0', '-> zed 1'])
    t.same(await short(['abc', 'zed'], 2, at('zed', 1)), ['zed: 1'])
    t.same(await short(['abc', 'zed'], 3), ['abc: 0,1,2', '-> zed 0'])
    t.same(await short(['abc', 'nobody', 'zed'], 3), ['abc: 0,1,2', '-> nobody 0'])
    t.same(await short(['abc', 'nobody', 'zed'], 4), [
      'abc: 0,1,2',
      'nobody: UNKNOWN_TOPIC_OR_PARTITION',
      'zed: 0',
      '-> zed 1',
    ])
    t.same(await short(['abc', 'zed'], 5), ['abc: 0,1,2', 'zed: 0,1'])
    t.same(await short(['abc'], 0), ['abc: 0', '-> abc 1'], 'one partition at least')
    t.same(await short(['abc'], -1), ['abc: 0', '-> abc 1'])
  })

  await t.test('has a limit of the broker as well', async t => {
    await services.createTopic('wide', 9)
    t.same(await short(['wide'], 2000), ['wide: 0,1,2,3,4,5,6,7', '-> wide 8'])
    await services.catalog.change({
      type: 'delete-topic',
      id: services.catalog.current().topics.get('wide')!.id,
    })
  })

  await t.test(
    'a cursor may be at a topic that is gone meanwhile, and behind the last partition',
    async t => {
      t.same(await short([], 9, at('gone', 4)), ['zed: 0,1'])
      t.same(await short(['abc', 'gone', 'zed'], 9, at('gone', 4)), [
        'gone: UNKNOWN_TOPIC_OR_PARTITION',
        'zed: 0,1',
      ])
      t.same(await short(['abc', 'zed'], 9, at('abc', 3)), ['abc: ', 'zed: 0,1'])
      t.same(await short(['abc', 'zed'], 9, at('abc', 7)), ['abc: ', 'zed: 0,1'])
    },
  )

  await t.test('a cursor outside the topics that are asked for is refused', async t => {
    await t.rejects(ask(['zed'], 9, at('abc', 0)), { name: 'INVALID_REQUEST' })
    await t.rejects(ask(['abc', 'zed'], 9, at('abd', 0)), { name: 'INVALID_REQUEST' })
    await t.rejects(ask(['abc'], 9, at('zed', 0)), { name: 'INVALID_REQUEST' })
    await t.rejects(ask(['abc'], 9, at('abc', -1)), { name: 'INVALID_REQUEST' })
    const request = { topics: [{ name: 'abc' }], responsePartitionLimit: 9, cursor: at('zed', 0) }
    t.match(describeTopicPartitions.refuse(request, 'INVALID_REQUEST', 'no'), {
      topics: [{ name: 'abc', errorCode: 42 }],
    })
  })
})

t.test('DescribeLogDirs', async t => {
  const services = await broker(t)
  await services.createTopic('orders', 2)
  await services.createTopic('empty')
  services.append('orders', 1, 'some', 'records')
  const ask = async (
    version: number,
    topics: { topic: string; partitions: number[] }[] | null,
    asked: Services = services,
  ) => {
    const response = await call(describeLogDirs, version, { topics }, asked)
    t.equal(response.errorCode, 0)
    t.equal(response.results.length, 1)
    return response.results[0]!
  }
  const sizes = (directory: Awaited<ReturnType<typeof ask>>) =>
    directory.topics.map(({ name, partitions }) => [
      name,
      ...partitions.map(each => `${each.partitionIndex}: ${each.partitionSize}`),
    ])
  const { partitions } = services.catalog.current().topics.get('orders')!
  const size = services.logs.size(partitions[1]!)

  await t.test('shows every partition and its size', async t => {
    t.ok(size > 0)
    for (let version = 1; version <= 5; version++) {
      const directory = await ask(version, null)
      t.match(directory, { errorCode: 0, logDir: services.logDirectories[0]!.path, isCordoned: false })
      t.same(sizes(directory), [
        ['orders', '0: 0', `1: ${size}`],
        ['empty', '0: 0'],
      ])
      t.match(directory.topics[0]!.partitions[1], { offsetLag: 0n, isFutureKey: false })
    }
  })

  await t.test('tells the room on the disk from version 4 on', async t => {
    t.match(await ask(3, null), { totalBytes: -1n, usableBytes: -1n })
    const { totalBytes, usableBytes } = await ask(4, null)
    t.ok(usableBytes > 0n && usableBytes <= totalBytes)
  })

  await t.test('leaves out what is not there', async t => {
    t.same(sizes(await ask(4, [])), [])
    const wanted = [
      { topic: 'orders', partitions: [1, 9, 1, -1] },
      { topic: 'nobody', partitions: [0] },
      { topic: 'empty', partitions: [] },
    ]
    t.same(sizes(await ask(4, wanted)), [['orders', `1: ${size}`]])
  })

  await t.test('a directory that cannot be looked at says so', async t => {
    const diskSpace = () => Promise.reject(Object.assign(new Error('gone'), { code: 'EIO' }))
    const directory = await ask(4, null, { ...services, diskSpace })
    t.equal(errorName(directory.errorCode), 'KAFKA_STORAGE_ERROR')
    t.match(directory, { logDir: services.logDirectories[0]!.path, topics: [], totalBytes: -1n })
  })
})

t.test('ACLs are not there to be described, made or deleted, and it is said why', async t => {
  const services = await broker(t)
  const filter = {
    resourceTypeFilter: 1,
    resourceNameFilter: null,
    principalFilter: null,
    hostFilter: null,
    operation: 1,
    permissionType: 1,
  }
  const creation = {
    resourceType: 2,
    resourceName: 'orders',
    principal: 'User:a',
    host: '*',
    operation: 3,
    permissionType: 3,
  }
  const disabled = { name: 'SECURITY_DISABLED', message: /^No Authorizer is configured/ }
  for (let version = 1; version <= 3; version++) {
    await t.rejects(async () => await call(describeAcls, version, filter, services), disabled)
    await t.rejects(
      async () => await call(createAcls, version, { creations: [creation] }, services),
      disabled,
    )
    await t.rejects(async () => await call(deleteAcls, version, { filters: [filter] }, services), disabled)
  }
  const said = { errorCode: 54, errorMessage: 'no' }
  t.match(
    createAcls.refuse({ creations: [{ ...creation, resourcePatternType: 3 }] }, 'SECURITY_DISABLED', 'no'),
    {
      results: [said],
    },
  )
  t.match(deleteAcls.refuse({ filters: [{ ...filter, patternTypeFilter: 3 }] }, 'SECURITY_DISABLED', 'no'), {
    filterResults: [{ ...said, matchingAcls: [] }],
  })
})

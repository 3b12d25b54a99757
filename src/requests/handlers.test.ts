import t, { type Test } from 'tap'
import { decodeMessage, encodeMessage } from '../../protocol-codecs/compile-codec.ts'
import { errorCodes, errorName } from '../../protocol-codecs/error-codes.ts'
import { apiVersionsResponse } from '../../protocol-codecs/messages/api-versions.ts'
import type { listOffsetsRequest } from '../../protocol-codecs/messages/list-offsets.ts'
import type { metadataRequest } from '../../protocol-codecs/messages/metadata.ts'
import {
  type AnyField,
  type Fields,
  type Infer,
  type InferInput,
  zeroUuid,
} from '../../protocol-codecs/schema.ts'
import { inVersions, parseVersions } from '../../protocol-codecs/versions.ts'
import {
  call,
  type TestServices,
  type TestServicesOptions,
  testNode,
  testServices,
} from '../testing/test-services.ts'
import { apiVersions, unsupportedApiVersions } from './api-versions.ts'
import { handlers } from './handlers.ts'
import { initProducerId } from './init-producer-id.ts'
import { listOffsets } from './list-offsets.ts'
import { metadata } from './metadata.ts'
import { offsetForLeaderEpoch } from './offset-for-leader-epoch.ts'
import { ProducerIds } from './producer-ids.ts'

async function broker(t: Test, options: TestServicesOptions = {}): Promise<TestServices> {
  const services = await testServices(options)
  t.teardown(() => services.close())
  return services
}

t.test('every handler', async t => {
  for (const handler of handlers) {
    const { request, response, versions } = handler
    const name = request.name.replace('Request', '')
    const { first, last } = parseVersions(versions)
    t.ok(
      inVersions(request.versions, first) && inVersions(request.versions, last),
      `${name} can be described`,
    )
    for (let version = first; version <= last; version++) {
      const value = decodeMessage(
        request,
        version,
        encodeMessage(request, version, sample(request.fields, version)),
      )
      const refused = handler.refuse(value, 'CLUSTER_AUTHORIZATION_FAILED', 'no')
      if (typeof refused === 'symbol') continue
      encodeMessage(response, version, refused)
    }
    t.pass(`${name} can refuse in every version`)
  }
  const keys = handlers.map(handler => handler.request.apiKey)
  t.equal(new Set(keys).size, keys.length, 'is in the list once')
})

/** A value of these fields at a version, with one element in every array. */
function sample(fields: Fields, version: number): Record<string, unknown> {
  const present = Object.entries(fields).filter(([, field]) => inVersions(field.options.versions, version))
  return Object.fromEntries(present.map(([name, field]) => [name, sampleOf(field, version)]))
}

function sampleOf(field: AnyField, version: number): unknown {
  switch (field.kind) {
    case 'array':
      return [sampleOf(field.element!, version)]
    case 'struct':
      return sample(field.fields!, version)
    case 'string':
      return 'text'
    case 'uuid':
      return zeroUuid
    case 'int64':
      return 1n
    case 'bool':
      return true
    case 'bytes':
    case 'records':
      return Buffer.from('bytes')
    default:
      return 1
  }
}

t.test('ApiVersions', async t => {
  const services = await broker(t)
  const client = { clientSoftwareName: 'a-client', clientSoftwareVersion: '1.0' }

  await t.test('advertises what is handled, in every version', async t => {
    for (let version = 0; version <= 5; version++) {
      const response = await call(apiVersions, version, version < 3 ? {} : client, services)
      t.equal(response.errorCode, 0)
      t.equal(response.apiKeys.length, handlers.length)
      const fetch = response.apiKeys.find(({ apiKey }) => apiKey === 1)
      t.match(fetch, { minVersion: 0, maxVersion: 18 })
      if (version < 3) continue
      t.ok(response.finalizedFeaturesEpoch >= 0n)
      t.same(
        response.finalizedFeatures.map(({ name }) => name),
        ['metadata.version'],
        'no feature is finalized whose APIs are not served',
      )
      t.ok(response.supportedFeatures.every(({ minVersion }) => version > 3 || minVersion > 0))
    }
  })

  await t.test('a version that is not known is told the range that is, in the oldest form', async t => {
    const bytes = encodeMessage(apiVersionsResponse, 0, unsupportedApiVersions())
    const answer = decodeMessage(apiVersionsResponse, 0, bytes)
    t.equal(errorName(answer.errorCode), 'UNSUPPORTED_VERSION')
    t.same(answer.apiKeys, [{ apiKey: 18, minVersion: 0, maxVersion: 5 }])
  })

  await t.test('names of software are of a certain form from version 3 on', async t => {
    const errorOf = async (version: number, changes: object) =>
      errorName((await call(apiVersions, version, { ...client, ...changes }, services)).errorCode)
    for (const clientSoftwareName of ['', '-a', 'a-', 'a b', 'a\n', 'ä']) {
      t.equal(await errorOf(3, { clientSoftwareName }), 'INVALID_REQUEST', JSON.stringify(clientSoftwareName))
    }
    t.equal(await errorOf(3, { clientSoftwareVersion: '' }), 'INVALID_REQUEST')
    t.equal(await errorOf(4, { clientSoftwareName: 'a', clientSoftwareVersion: '1.2-x.3' }), 'NONE')
  })

  await t.test('version 5 may say which broker it means', async t => {
    const errorOf = async (clusterId: string | null, nodeId: number) =>
      errorName((await call(apiVersions, 5, { ...client, clusterId, nodeId }, services)).errorCode)
    t.equal(await errorOf(testNode.clusterId, testNode.nodeId), 'NONE')
    t.equal(await errorOf(testNode.clusterId, -1), 'INVALID_REQUEST')
    t.equal(await errorOf(null, testNode.nodeId), 'INVALID_REQUEST')
    t.equal(await errorOf('another-cluster', testNode.nodeId), 'REBOOTSTRAP_REQUIRED')
    t.equal(await errorOf(testNode.clusterId, 9), 'REBOOTSTRAP_REQUIRED')
  })
})

t.test('Metadata', async t => {
  const services = await broker(t, { settings: { 'num.partitions': 2 } })
  await services.createTopic('orders', 3)
  await services.topics.ensureInternalTopic('__consumer_offsets')
  const orders = services.catalog.current().topics.get('orders')!
  const ask = (version: number, topics: Infer<typeof metadataRequest>['topics'], changes = {}) =>
    call(metadata, version, { topics, ...changes }, services)
  const named = (name: string | null, topicId = zeroUuid) => ({ name, topicId })
  const short = (response: Awaited<ReturnType<typeof ask>>) =>
    response.topics.map(({ name, errorCode, partitions }) => [name, errorName(errorCode), partitions.length])

  await t.test('tells brokers, leaders and ids in every version', async t => {
    for (let version = 0; version <= 13; version++) {
      const response = await ask(version, [named('orders')])
      t.same(response.brokers, [{ nodeId: 1, host: 'localhost', port: 9092, rack: null }])
      t.same(short(response), [['orders', 'NONE', 3]])
      t.match(response.topics[0]!.partitions[1], {
        partitionIndex: 1,
        leaderId: 1,
        replicaNodes: [1],
        isrNodes: [1],
      })
      if (version >= 1) t.equal(response.controllerId, 1)
      if (version >= 2) t.equal(response.clusterId, testNode.clusterId)
      if (version >= 7) t.equal(response.topics[0]!.partitions[1]!.leaderEpoch, 0)
      if (version >= 10) t.equal(response.topics[0]!.topicId, orders.id)
    }
  })

  await t.test('null means all topics, and so does an empty list in version 0', async t => {
    const all = [
      ['orders', 'NONE', 3],
      ['__consumer_offsets', 'NONE', 50],
    ]
    t.same(short(await ask(0, [])), all)
    t.same(short(await ask(1, [])), [])
    t.same(short(await ask(1, null)), all)
    t.same(
      (await ask(1, null)).topics.map(({ isInternal }) => isInternal),
      [false, true],
    )
  })

  await t.test('creates a topic that is asked for by name, where both sides allow it', async t => {
    t.same(short(await ask(3, [named('implied')])), [['implied', 'NONE', 2]])
    t.same(short(await ask(4, [named('allowed')], { allowAutoTopicCreation: true })), [
      ['allowed', 'NONE', 2],
    ])
    t.same(short(await ask(4, [named('forbidden')], { allowAutoTopicCreation: false })), [
      ['forbidden', 'UNKNOWN_TOPIC_OR_PARTITION', 0],
    ])
    t.same(short(await ask(9, [named('b a d'), named('same'), named('same')])), [
      ['b a d', 'INVALID_TOPIC_EXCEPTION', 0],
      ['same', 'NONE', 2],
    ])
    t.same(short(await ask(9, [named('__transaction_state')])), [
      ['__transaction_state', 'UNKNOWN_TOPIC_OR_PARTITION', 0],
    ])
    const strict = await broker(t, { settings: { 'auto.create.topics.enable': false } })
    const response = await call(metadata, 4, { topics: [named('x')], allowAutoTopicCreation: true }, strict)
    t.equal(errorName(response.topics[0]!.errorCode), 'UNKNOWN_TOPIC_OR_PARTITION')
  })

  await t.test('finds topics by id from version 12 on', async t => {
    t.same(short(await ask(12, [named(null, orders.id), named(null, 'AAAAAAAAAAAAAAAAAAAAAg')])), [
      ['orders', 'NONE', 3],
      [null, 'UNKNOWN_TOPIC_ID', 0],
    ])
    t.same(short(await ask(12, [named('', orders.id), named('nobody', 'AAAAAAAAAAAAAAAAAAAAAg')])), [
      ['orders', 'NONE', 3],
      [null, 'UNKNOWN_TOPIC_ID', 0],
    ])
    await t.rejects(ask(11, [named(null)]), { name: 'INVALID_REQUEST' })
    await t.rejects(ask(10, [named('orders', orders.id)]), { name: 'INVALID_REQUEST' })
    const request = {
      topics: [named(null)],
      allowAutoTopicCreation: true,
      includeClusterAuthorizedOperations: false,
      includeTopicAuthorizedOperations: false,
    }
    const refused = metadata.refuse(request, 'INVALID_REQUEST', null)
    t.ok(encodeMessage(metadata.response, 11, refused as InferInput<typeof metadata.response>))
  })

  await t.test('says what is allowed only when it is asked', async t => {
    const none = -2147483648
    const plain = await ask(8, [named('orders')])
    t.equal(plain.topics[0]!.topicAuthorizedOperations, none)
    t.equal(plain.clusterAuthorizedOperations, none)
    const changes = { includeTopicAuthorizedOperations: true, includeClusterAuthorizedOperations: true }
    const full = await ask(8, [named('orders')], changes)
    t.equal(full.topics[0]!.topicAuthorizedOperations, 0b110111111000)
    t.equal(full.clusterAuthorizedOperations, 0b1111110100000)
    const operationsOn = async (wanted: ReturnType<typeof named>) =>
      (await ask(12, [wanted], { includeTopicAuthorizedOperations: true })).topics[0]!
        .topicAuthorizedOperations
    t.equal(await operationsOn(named('nobody')), 0b110111111000)
    t.equal(await operationsOn(named(null, 'AAAAAAAAAAAAAAAAAAAAAg')), none)
  })

  await t.test('goes by ids alone where there are any, and by nothing else than names and ids', async t => {
    const { id } = services.catalog.current().topics.get('orders')!
    const asked = await ask(12, [named('nobody'), named('other', id), named(null, id)])
    t.same(
      asked.topics.map(({ name }) => name),
      ['orders'],
    )
    await t.rejects(ask(12, [named('orders'), named(null)]), { name: 'UNKNOWN_SERVER_ERROR' })
  })
})

t.test('ListOffsets', async t => {
  const services = await broker(t)
  await services.createTopic('orders')
  await services.createTopic('empty')
  const record = (timestamp: number) => ({ value: Buffer.from('v'), timestamp })
  services.append('orders', 0, record(1000), record(3000), record(2000))
  services.append('orders', 0, record(2500), record(2600))
  type Topics = InferInput<typeof listOffsetsRequest>['topics']
  const ask = async (version: number, timestamp: number, changes = {}, name = 'orders') => {
    const partition = { partitionIndex: 0, timestamp: BigInt(timestamp), ...changes }
    const topics: Topics = [{ name, partitions: [partition] }]
    const response = await call(listOffsets, version, { replicaId: -1, topics }, services)
    return response.topics[0]!.partitions[0]!
  }
  const short = async (...parameters: Parameters<typeof ask>) => {
    const { errorCode, offset, timestamp } = await ask(...parameters)
    return errorCode === 0 ? [Number(offset), Number(timestamp)] : errorName(errorCode)
  }

  await t.test('knows the places of a log in the versions that have them', async t => {
    for (let version = 1; version <= 11; version++) {
      const since = (first: number, found: number[]) => (version < first ? 'UNSUPPORTED_VERSION' : found)
      t.same(await short(version, -1), [5, -1], `latest, version ${version}`)
      t.same(await short(version, -2), [0, -1], 'earliest')
      t.same(await short(version, -3), since(7, [1, 3000]), 'largest timestamp')
      t.same(await short(version, -4), since(8, [0, -1]), 'earliest local')
      t.same(await short(version, -5), since(9, [-1, -1]), 'latest tiered')
      t.same(await short(version, -6), since(11, [-1, -1]), 'earliest pending upload')
      t.same(await short(version, -7), 'UNSUPPORTED_VERSION')
    }
  })

  await t.test('finds the first record at or after a time, inside its batch', async t => {
    t.same(await short(5, 0), [0, 1000])
    t.same(await short(5, 1001), [1, 3000])
    t.same(await short(5, 2600), [1, 3000])
    t.same(await short(5, 3001), [-1, -1])
  })

  await t.test('in an empty log there is nothing to find', async t => {
    t.same(await short(7, -1, {}, 'empty'), [0, -1])
    t.same(await short(7, -2, {}, 'empty'), [0, -1])
    t.same(await short(7, -3, {}, 'empty'), [-1, -1])
    t.same(await short(7, 5, {}, 'empty'), [-1, -1])
  })

  await t.test('tells and checks leader epochs', async t => {
    t.equal((await ask(4, -1)).leaderEpoch, 0)
    t.equal((await ask(4, -2)).leaderEpoch, 0)
    t.equal((await ask(4, -2, {}, 'empty')).leaderEpoch, 0)
    t.same(await short(4, -1, { currentLeaderEpoch: 0 }), [5, -1])
    t.same(await short(4, -1, { currentLeaderEpoch: 1 }), 'UNKNOWN_LEADER_EPOCH')
  })

  await t.test('version 0 answers with a list', async t => {
    const offsets = async (timestamp: number, maxNumOffsets: number) =>
      (await ask(0, timestamp, { maxNumOffsets })).oldStyleOffsets
    t.same(await offsets(-1, 1), [5n])
    t.same(await offsets(-1, 9), [5n, 0n])
    t.same(await offsets(-2, 9), [0n])
    t.same(await offsets(1001, 1), [1n])
    t.same(await offsets(9999, 1), [5n])
  })

  await t.test('refuses one partition without the others', async t => {
    const partition = (partitionIndex: number) => ({ partitionIndex, timestamp: -1n })
    const topics = [
      { name: 'orders', partitions: [partition(0), partition(1)] },
      { name: 'empty', partitions: [partition(0), partition(0)] },
      { name: 'nobody', partitions: [partition(0)] },
    ]
    const response = await call(listOffsets, 1, { replicaId: -1, topics }, services)
    t.same(
      response.topics.map(({ partitions }) => partitions.map(({ errorCode }) => errorName(errorCode))),
      [['NONE', 'UNKNOWN_TOPIC_OR_PARTITION'], ['INVALID_REQUEST'], ['UNKNOWN_TOPIC_OR_PARTITION']],
    )
  })
})

t.test('OffsetForLeaderEpoch', async t => {
  const services = await broker(t)
  await services.createTopic('orders')
  services.append('orders', 0, 'a', 'b')
  const ask = async (version: number, leaderEpoch: number, changes = {}, topic = 'orders') => {
    const topics = [{ topic, partitions: [{ partition: 0, leaderEpoch, ...changes }] }]
    const response = await call(offsetForLeaderEpoch, version, { topics }, services)
    return response.topics[0]!.partitions[0]!
  }
  for (let version = 0; version <= 4; version++) {
    const found = await ask(version, 0)
    t.match(found, { errorCode: 0, partition: 0, endOffset: 2n }, 'the latest epoch ends where the log does')
    t.equal(found.leaderEpoch, version === 0 ? -1 : 0)
  }
  t.match(
    await ask(4, 7),
    { errorCode: 0, leaderEpoch: -1, endOffset: -1n },
    'an epoch of the future is unknown',
  )
  t.match(await ask(4, -1), { errorCode: 0, leaderEpoch: -1, endOffset: -1n })
  const { UNKNOWN_LEADER_EPOCH, UNKNOWN_TOPIC_OR_PARTITION } = errorCodes
  t.match(await ask(4, 0, { currentLeaderEpoch: 9 }), { errorCode: UNKNOWN_LEADER_EPOCH })
  t.match(await ask(4, 0, {}, 'nobody'), { errorCode: UNKNOWN_TOPIC_OR_PARTITION, endOffset: -1n })
})

t.test('InitProducerId', async t => {
  const services = await broker(t)
  const ask = async (version: number, changes = {}) => {
    const request = { transactionalId: null, transactionTimeoutMs: 60_000, ...changes }
    const { errorCode, producerId, producerEpoch } = await call(initProducerId, version, request, services)
    return errorCode === 0 ? { producerId, producerEpoch } : errorName(errorCode)
  }
  const given = new Set<bigint>()
  for (let version = 0; version <= 5; version++) {
    const answer = await ask(version)
    if (typeof answer === 'string') return t.fail(answer)
    t.equal(answer.producerEpoch, 0)
    given.add(answer.producerId)
  }
  t.equal(given.size, 6, 'everybody gets an id of their own')
  t.match(await ask(3, { producerId: 7n, producerEpoch: 3 }), { producerEpoch: 0 }, 'an old one is not kept')
  t.equal(await ask(3, { producerId: 7n }), 'INVALID_REQUEST')
  t.equal(await ask(3, { producerEpoch: 1 }), 'INVALID_REQUEST')
  t.equal(await ask(3, { transactionalId: '' }), 'INVALID_REQUEST')
  t.equal(await ask(3, { transactionalId: 'tx' }), 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED')
  t.match(services.warnings, ['A transactional producer was turned away: transactions are not served yet.'])
})

t.test('producer ids', async t => {
  await t.test('come from blocks, of which the next is fetched ahead, and never twice', async t => {
    let blocks = 0
    const ids = new ProducerIds({
      allocateProducerIds: async () => ({ first: 1000 * blocks++, count: 1000 }),
    })
    const given = await Promise.all(Array.from({ length: 850 }, () => ids.next()))
    t.equal(blocks, 1)
    for (let i = 0; i < 1400; i++) given.push(await ids.next())
    t.equal(new Set(given).size, 2250)
    t.equal(Math.max(...given), 2249)
    t.equal(blocks, 3)
  })

  await t.test('a block that cannot be had is asked for again', async t => {
    let calls = 0
    const ids = new ProducerIds({
      async allocateProducerIds() {
        if (++calls <= 2) throw new Error('disk full')
        return { first: 5, count: 1 }
      },
    })
    await t.rejects(Promise.all([ids.next(), ids.next()]), { message: 'disk full' })
    await t.rejects(ids.next(), { message: 'disk full' })
    t.equal(await ids.next(), 5)
  })
})

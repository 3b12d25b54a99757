/** DescribeQuorum and UpdateFeatures: the metadata log, and the levels that are kept in it. */
import t, { type Test } from 'tap'
import { errorName } from '../../protocol-codecs/error-codes.ts'
import { call, type TestServices, testNode, testServices } from '../testing/test-services.ts'
import { apiVersions } from './api-versions.ts'
import { describeQuorum } from './describe-quorum.ts'
import { updateFeatures } from './update-features.ts'

const { nodeId } = testNode

async function servicesFor(t: Test): Promise<TestServices> {
  const services = await testServices()
  t.teardown(() => services.close())
  return services
}

const topicOf = (topicName: string, ...indexes: number[]) => ({
  topicName,
  partitions: indexes.map(partitionIndex => ({ partitionIndex })),
})

t.test('DescribeQuorum', async t => {
  const services = await servicesFor(t)
  const ask = (version: number, ...topics: ReturnType<typeof topicOf>[]) =>
    call(describeQuorum, version, { topics }, services)

  await t.test('tells that this node leads, votes and is caught up, and where its log ends', async t => {
    const endOf = async (version: number) => {
      const answer = await ask(version, topicOf('__cluster_metadata', 0))
      const partition = answer.topics[0]!.partitions[0]!
      t.match(answer, { errorCode: 0 })
      t.match(partition, { partitionIndex: 0, errorCode: 0, leaderId: nodeId, leaderEpoch: 1, observers: [] })
      const [voter, ...others] = partition.currentVoters
      t.same(others, [])
      t.equal(voter!.replicaId, nodeId)
      t.equal(voter!.logEndOffset, partition.highWatermark)
      t.equal(voter!.lastCaughtUpTimestamp, version === 0 ? -1n : BigInt(services.clock.now()))
      return { end: partition.highWatermark, nodes: answer.nodes }
    }
    const before = await endOf(0)
    await services.createTopic('orders', 2)
    const after = await endOf(1)
    t.equal(after.end - before.end, 3n, 'a topic and two partitions')
    t.same(after.nodes, [])
    t.same((await endOf(2)).nodes, [
      { nodeId, listeners: [{ name: 'PLAINTEXT', host: 'localhost', port: 9092 }] },
    ])
  })

  await t.test('knows no other quorum, and not this one among others', async t => {
    const errors = async (...topics: ReturnType<typeof topicOf>[]) => {
      const answer = await ask(2, ...topics)
      t.equal(answer.errorCode, 0)
      return answer.topics.flatMap(({ partitions }) =>
        partitions.map(({ errorCode }) => errorName(errorCode)),
      )
    }
    const unknown = 'UNKNOWN_TOPIC_OR_PARTITION'
    t.same(await errors(topicOf('__cluster_metadata', 1)), [unknown])
    t.same(await errors(topicOf('__cluster_metadata', 0, 0)), [unknown, unknown])
    t.same(await errors(topicOf('__cluster_metadata', 0), topicOf('orders', 0)), [unknown, unknown])
    t.same(await errors(), [])
  })
})

t.test('UpdateFeatures', async t => {
  const services = await servicesFor(t)
  const upgrade = 1
  const safeDowngrade = 2
  const unsafeDowngrade = 3
  const ask = (
    maxVersionLevel: number,
    upgradeType: number,
    { feature = 'metadata.version', version = 2, validateOnly = false } = {},
  ) => {
    const featureUpdates = [{ feature, maxVersionLevel, upgradeType }]
    return call(updateFeatures, version, { timeoutMs: 0, featureUpdates, validateOnly }, services)
  }
  const inForce = async () => {
    const client = { clientSoftwareName: 'a', clientSoftwareVersion: '1' }
    const answer = await call(apiVersions, 4, client, services)
    return [answer.finalizedFeatures[0]!.maxVersionLevel, Number(answer.finalizedFeaturesEpoch)]
  }

  await t.test('sets a level, which ApiVersions tells with a higher epoch', async t => {
    t.same(await inForce(), [25, 1])
    t.match(await ask(23, safeDowngrade), { errorCode: 0, errorMessage: null, results: [] })
    t.same(await inForce(), [23, 2])
    t.match(await ask(25, upgrade, { version: 1 }), {
      errorCode: 0,
      results: [{ feature: 'metadata.version', errorCode: 0, errorMessage: 'NONE' }],
    })
    t.same(await inForce(), [25, 3])
  })

  await t.test('changes nothing when it is to check only, or where the level is in force', async t => {
    t.match(await ask(24, safeDowngrade, { validateOnly: true }), { errorCode: 0 })
    t.match(await ask(25, upgrade), { errorCode: 0 })
    t.same(await inForce(), [25, 3])
  })

  await t.test('refuses all of a request for what one feature may not be, and says why', async t => {
    const refused = async (level: number, type: number, feature: string, reason: RegExp) =>
      t.rejects(ask(level, type, { feature }), { name: 'INVALID_UPDATE_VERSION', message: reason })
    await refused(25, 0, 'metadata.version', /does not support the given upgrade type/)
    await refused(-1, upgrade, 'metadata.version', /cannot be less than 0/)
    await refused(26, upgrade, 'metadata.version', /Local controller 1 only supports versions 7-25/)
    await refused(24, upgrade, 'metadata.version', /Can't downgrade the version of this feature without/)
    await refused(22, safeDowngrade, 'metadata.version', /from 25 to 22\. Refusing to perform/)
    await refused(7, unsafeDowngrade, 'metadata.version', /Unsafe metadata downgrade is not supported/)
    await refused(1, upgrade, 'transaction.version', /Local controller 1 does not support this feature/)
    await refused(0, upgrade, 'nobody', /Feature nobody not found/)
    const featureUpdates = [
      { feature: 'metadata.version', maxVersionLevel: 24, upgradeType: safeDowngrade },
      { feature: 'nobody', maxVersionLevel: 1 },
    ]
    await t.rejects(call(updateFeatures, 1, { featureUpdates }, services), { name: 'INVALID_UPDATE_VERSION' })
    t.same(await inForce(), [25, 3])
    await ask(24, safeDowngrade)
    await t.rejects(ask(25, safeDowngrade), { message: /Can't downgrade to a newer version/ })
  })
})

/** A broker of which one log directory cannot be used, as clients see it. */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { buildBatch } from '../protocol-codecs/build-batch.ts'
import { errorName } from '../protocol-codecs/error-codes.ts'
import { type Broker, openBroker } from './broker.ts'
import { createTopics } from './requests/create-topics.ts'
import { describeLogDirs } from './requests/describe-log-dirs.ts'
import { describeTopicPartitions } from './requests/describe-topic-partitions.ts'
import { fetch } from './requests/fetch.ts'
import { metadata } from './requests/metadata.ts'
import { produce } from './requests/produce.ts'
import { brokerSettings } from './settings/broker-settings.ts'
import { RawClient } from './testing/raw-client.ts'

async function started(t: Test, directories: string[]): Promise<{ broker: Broker; client: RawClient }> {
  const broker = await openBroker(
    brokerSettings({ listeners: ['PLAINTEXT://127.0.0.1:0'], 'log.dirs': directories }),
  )
  t.teardown(() => broker.stop())
  const client = await RawClient.connect({ host: '127.0.0.1', port: broker.listeners[0]!.port })
  t.teardown(() => client.close())
  return { broker, client }
}

/** Produces a record to each of two partitions; gives the errors. */
async function produceToBoth(client: RawClient, value: string): Promise<string[]> {
  const { responses } = await client.send(produce, 9, {
    transactionalId: null,
    acks: -1,
    timeoutMs: 30_000,
    topicData: [
      {
        name: 'orders',
        partitionData: [0, 1].map(index => ({
          index,
          records: buildBatch({ records: [{ value: Buffer.from(value) }], timestamp: Date.now() }),
        })),
      },
    ],
  })
  return responses[0]!.partitionResponses.map(({ errorCode }) => errorName(errorCode))
}

t.test('one log directory of two is missing', async t => {
  const root = mkdtempSync(join(tmpdir(), 'ottla-test-'))
  t.teardown(() => rmSync(root, { recursive: true }))
  const [a, b] = ['a', 'b'].map(name => join(root, name)) as [string, string]
  const whole = await started(t, [a, b])
  t.same(whole.broker.logDirectories, [a, b])
  t.equal(whole.broker.dataDirectory, a)
  await whole.client.send(createTopics, 7, {
    topics: [{ name: 'orders', numPartitions: 2, replicationFactor: 1, assignments: [], configs: [] }],
    timeoutMs: 1000,
    validateOnly: false,
  })
  t.same(await produceToBoth(whole.client, 'first'), ['NONE', 'NONE'])
  await whole.broker.stop()

  renameSync(b, `${b}-away`)
  writeFileSync(b, 'in the way')
  const { broker, client } = await started(t, [a, b])

  await t.test('its partitions have no leader, as in Kafka', async t => {
    const { topics } = await client.send(metadata, 12, { topics: null })
    const offline = {
      partitionIndex: 1,
      leaderId: -1,
      replicaNodes: [1],
      isrNodes: [1],
      offlineReplicas: [1],
    }
    t.match(topics[0]!.partitions[0], { errorCode: 0, leaderId: 1, isrNodes: [1], offlineReplicas: [] })
    t.match(topics[0]!.partitions[1], offline)
    t.equal(errorName(topics[0]!.partitions[1]!.errorCode), 'LEADER_NOT_AVAILABLE')
    const described = await client.send(describeTopicPartitions, 0, {
      topics: [{ name: 'orders' }],
      responsePartitionLimit: 10,
      cursor: null,
    })
    t.match(described.topics[0]!.partitions[1], offline)
  })

  await t.test('who asks for them all the same is told that the storage has failed', async t => {
    t.same(await produceToBoth(client, 'second'), ['NONE', 'KAFKA_STORAGE_ERROR'])
    const { responses } = await client.send(fetch, 11, {
      maxWaitMs: 0,
      minBytes: 1,
      sessionEpoch: -1,
      topics: [
        {
          topic: 'orders',
          partitions: [{ partition: 1, fetchOffset: 0n, partitionMaxBytes: 1_000_000 }],
        },
      ],
      forgottenTopicsData: [],
    })
    t.equal(errorName(responses[0]!.partitions[0]!.errorCode), 'KAFKA_STORAGE_ERROR')
  })

  await t.test('DescribeLogDirs tells of both', async t => {
    const { results } = await client.send(describeLogDirs, 4, { topics: null })
    t.same(
      results.map(({ errorCode, logDir, topics }) => [
        errorName(errorCode),
        logDir,
        topics.flatMap(({ name, partitions }) => partitions.map(each => `${name}-${each.partitionIndex}`)),
      ]),
      [
        ['NONE', a, ['orders-0']],
        ['KAFKA_STORAGE_ERROR', b, []],
      ],
    )
  })

  await t.test('and with the directory everything is back', async t => {
    await broker.stop()
    rmSync(b)
    renameSync(`${b}-away`, b)
    const again = await started(t, [a, b])
    const { topics } = await again.client.send(metadata, 12, { topics: null })
    t.match(topics[0]!.partitions, [{ leaderId: 1 }, { leaderId: 1, errorCode: 0 }])
    t.same(await produceToBoth(again.client, 'third'), ['NONE', 'NONE'])
    const { results } = await again.client.send(describeLogDirs, 4, { topics: null })
    t.match(
      results.map(({ topics: [topic] }) => topic!.partitions),
      [[{ partitionIndex: 0 }], [{ partitionIndex: 1 }]],
    )
  })
})

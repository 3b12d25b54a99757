/** The broker as its administrators meet it: kafka-cluster, kafka-broker-api-versions, kafka-acls. */
import assert from 'node:assert/strict'
import { type Capability, inArea, type TestContext } from '../capability.ts'
import { connectedAdmin } from '../kafkajs/client.ts'
import { linesOf, refusedTool, tableOf, tool } from './tools.ts'

async function describesCluster(context: TestContext): Promise<void> {
  const admin = await connectedAdmin(context)
  const { brokers, clusterId } = await admin.describeCluster()
  assert.equal(await tool(context, 'kafka-cluster', ['cluster-id']), `Cluster ID: ${clusterId}\n`)
  const [{ host, nodeId, port }] = brokers as [(typeof brokers)[number]]
  for (const options of [[], ['--include-fenced-brokers']]) {
    const [endpoint, ...others] = tableOf(
      await tool(context, 'kafka-cluster', ['list-endpoints', ...options]),
    )
    assert.deepEqual(others, [])
    assert.deepEqual([endpoint!.ID, endpoint!.HOST, endpoint!.PORT], [String(nodeId), host, String(port)])
    assert.deepEqual([endpoint!.STATE, endpoint!.ENDPOINT_TYPE], ['unfenced', 'broker'])
  }
}

/** What these tools, a producer and a consumer cannot do without. */
const neededApis = [
  ...[
    'Produce',
    'Fetch',
    'ListOffsets',
    'Metadata',
    'OffsetCommit',
    'OffsetFetch',
    'FindCoordinator',
    'JoinGroup',
  ],
  ...['Heartbeat', 'LeaveGroup', 'SyncGroup', 'DescribeGroups', 'ListGroups', 'ApiVersions', 'CreateTopics'],
  ...[
    'DeleteTopics',
    'DeleteRecords',
    'InitProducerId',
    'OffsetForLeaderEpoch',
    'DescribeAcls',
    'CreateAcls',
  ],
  ...['DeleteAcls', 'DescribeConfigs', 'AlterConfigs', 'DescribeLogDirs', 'CreatePartitions', 'DeleteGroups'],
  ...[
    'IncrementalAlterConfigs',
    'OffsetDelete',
    'DescribeCluster',
    'ListConfigResources',
    'DescribeTopicPartitions',
    'ElectLeaders',
    'AlterPartitionReassignments',
    'ListPartitionReassignments',
    'DescribeProducers',
    'DescribeQuorum',
    'UpdateFeatures',
  ],
]

async function tellsVersions(context: TestContext): Promise<void> {
  const lines = linesOf(await tool(context, 'kafka-broker-api-versions', []))
  assert.ok(lines[0]!.startsWith(`${context.bootstrap} (id: `), lines[0])
  const usable = lines.flatMap(line => /^\t(\w+)\(\d+\): .*\[usable: \d+\]/.exec(line)?.[1] ?? [])
  assert.deepEqual(
    neededApis.filter(api => !usable.includes(api)),
    [],
    'APIs that are missing',
  )
}

async function hasNoAuthorizer(context: TestContext): Promise<void> {
  const what = ['--allow-principal', 'User:somebody', '--operation', 'Read', '--topic', 'anything']
  for (const args of [['--list'], ['--add', ...what], ['--remove', '--force', ...what]]) {
    assert.match(
      await refusedTool(context, 'kafka-acls', args),
      /SecurityDisabledException: No Authorizer is configured/,
    )
  }
}

export const clusterCapabilities: Capability[] = inArea('cluster', [
  { name: 'kafka-cluster cluster-id and list-endpoints', test: describesCluster },
  { name: 'kafka-broker-api-versions', test: tellsVersions },
  { name: 'kafka-acls, told that there is no authorizer', test: hasNoAuthorizer },
])

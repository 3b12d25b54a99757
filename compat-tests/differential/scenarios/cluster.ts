/** The cluster: what is served, who coordinates, where things lie, who may do what; and frames that are none. */
import { zeroUuid } from '../../../protocol-codecs/schema.ts'
import { clusterId, frame, named, type Scenario, scenario, send, since, until } from '../scenario.ts'
import { timeoutMs, withRecords, withTopic } from './requests.ts'

// biome-ignore lint/suspicious/noExplicitAny: values that may stand for others
type Any = any

const strangeId = 'c29tZSBvdGhlciBpZCEhIQ'
const software = { clientSoftwareName: since(3, 'differential'), clientSoftwareVersion: since(3, '1.0') }
const aclFilter = {
  resourceTypeFilter: 1,
  resourceNameFilter: null,
  patternTypeFilter: since(1, 1),
  principalFilter: null,
  hostFilter: null,
  operation: 1,
  permissionType: 1,
}
const acl = {
  resourceType: 2,
  resourceName: 'orders',
  resourcePatternType: since(1, 3),
  principal: 'User:alice',
  host: '*',
  operation: 3,
  permissionType: 3,
}

/** A request header of version 1, and a body. */
const request = (apiKey: number, version: number, body = '', clientId = '0001' + '61') =>
  Buffer.concat([Buffer.from([0, apiKey, 0, version, 0, 0, 0, 9]), Buffer.from(clientId + body, 'hex')])

export const clusterScenarios: Scenario[] = [
  scenario('what is served', [
    send('ApiVersions', software),
    send('ApiVersions', { ...software, clientSoftwareName: since(3, '') }, { versions: '3+' }),
    send('ApiVersions', { ...software, clientSoftwareName: since(3, '-a') }, { versions: '3+' }),
    send('ApiVersions', { ...software, clientSoftwareName: since(3, 'a b') }, { versions: '3+' }),
    send('ApiVersions', { ...software, clientSoftwareVersion: since(3, '') }, { versions: '3+' }),
    send('ApiVersions', { ...software, clientSoftwareVersion: since(3, '1_0') }, { versions: '3+' }),
    send('ApiVersions', { ...software, clusterId, nodeId: 1 }, { versions: '5+' }),
    send('ApiVersions', { ...software, clusterId }, { versions: '5+' }),
    send('ApiVersions', { ...software, nodeId: 1 }, { versions: '5+' }),
    send('ApiVersions', { ...software, clusterId: 'another', nodeId: 1 }, { versions: '5+' }),
    send('ApiVersions', { ...software, clusterId, nodeId: 7 }, { versions: '5+' }),
    send('ApiVersions', software, { clientId: null }),
  ]),
  scenario('the cluster', [
    send('DescribeCluster', {}),
    send('DescribeCluster', { includeClusterAuthorizedOperations: true }),
    send('DescribeCluster', { endpointType: since(1, 2) }, { versions: '1+' }),
    send('DescribeCluster', { endpointType: since(1, 0) }, { versions: '1+' }),
    send('DescribeCluster', { endpointType: since(1, 9) }, { versions: '1+' }),
    send('DescribeCluster', { includeFencedBrokers: since(2, true) }, { versions: '2+' }),
  ]),
  scenario('who coordinates', [
    send('FindCoordinator', {
      key: until(3, named('g')),
      coordinatorKeys: since(4, [named('g'), named('h'), named('g')]),
    } as Any),
    send('FindCoordinator', { key: until(3, ''), coordinatorKeys: since(4, ['']) } as Any),
    send('FindCoordinator', { coordinatorKeys: [] }, { versions: '4+' }),
    send(
      'FindCoordinator',
      { key: until(3, 'g'), coordinatorKeys: since(4, ['g']), keyType: since(1, 2) } as Any,
      { versions: '1+' },
    ),
    send(
      'FindCoordinator',
      { key: until(3, 'g'), coordinatorKeys: since(4, ['g']), keyType: since(1, 3) } as Any,
      { versions: '1+' },
    ),
    send(
      'FindCoordinator',
      { key: until(3, 'g'), coordinatorKeys: since(4, ['g']), keyType: since(1, -1) } as Any,
      { versions: '1+' },
    ),
  ]),
  scenario('where partitions lie', [
    withTopic('t', 2),
    ...withRecords('t', 2),
    send('DescribeLogDirs', { topics: [{ topic: named('t'), partitions: [0, 1] }] }),
    send('DescribeLogDirs', { topics: [{ topic: named('t'), partitions: [1, 0, 7] }] }),
    send('DescribeLogDirs', { topics: [{ topic: named('t'), partitions: [0, 0] }] }),
    send('DescribeLogDirs', { topics: [{ topic: named('none'), partitions: [0] }] }),
    send('DescribeLogDirs', { topics: [{ topic: named('t'), partitions: [] }] }),
    send('DescribeLogDirs', { topics: [] }),
  ]),
  scenario('access control lists without an authorizer', [
    send('DescribeAcls', aclFilter as Any),
    send('DescribeAcls', { ...aclFilter, resourceTypeFilter: 0 } as Any),
    send('DescribeAcls', { ...aclFilter, operation: 99 } as Any),
    send('CreateAcls', { creations: [acl] } as Any),
    send('CreateAcls', { creations: [] }),
    send('CreateAcls', {
      creations: [
        { ...acl, principal: 'alice' },
        { ...acl, operation: 1 },
      ],
    } as Any),
    send('DeleteAcls', { filters: [aclFilter] } as Any),
    send('DeleteAcls', { filters: [] }),
    send('DeleteAcls', { filters: [aclFilter, { ...aclFilter, operation: 0 }] } as Any),
  ]),
  scenario('frames that are no requests', [
    frame('nothing', Buffer.alloc(0)),
    frame('a few bytes', Buffer.from([0, 18])),
    frame('an API that there is not', request(120, 0)),
    frame(
      'a negative API',
      Buffer.concat([Buffer.from([0xff, 0xff, 0, 0, 0, 0, 0, 9]), Buffer.from('ffff', 'hex')]),
    ),
    frame('an API of the controller', request(62, 0, '00')),
    frame('a removed API', request(4, 0)),
    frame('ApiVersions in a version that there is not', request(18, 99)),
    frame('ApiVersions in a negative version', Buffer.from('0012ffff00000009ffff', 'hex')),
    frame('ApiVersions 0 with bytes behind it', request(18, 0, '0102', 'ffff')),
    frame('Metadata in a version that there is not', request(3, 99)),
    frame('half a Metadata request', request(3, 1, '0000')),
    frame('Metadata that counts what is not there', request(3, 1, '7fffffff')),
    frame('Metadata that counts less than none', request(3, 1, 'fffffffe')),
    frame('Metadata with bytes behind it', request(3, 1, '00000000aabb')),
    frame('a client id that ends beyond the frame', Buffer.from('001200000000000900ff61', 'hex')),
    frame('Heartbeat with a null for a group', request(12, 0, 'ffff0000000100016d')),
    frame('Metadata 9 with an unknown tag', Buffer.from('00030009000000090001610001000000010102aabb', 'hex')),
    frame('FindCoordinator with a null for a key', request(10, 0, 'ffff')),
    frame('ListGroups 0', request(16, 99)),
    frame('SaslHandshake where there is no SASL', request(17, 1, '0005504c41494e')),
  ]),
  scenario('leaders are elected', [
    withTopic('t', 2),
    send('ElectLeaders', {
      electionType: since(1, 0),
      topicPartitions: [{ topic: named('t'), partitions: [0, 1, 9] }],
      timeoutMs,
    } as Any),
    send(
      'ElectLeaders',
      {
        electionType: since(1, 1),
        topicPartitions: [{ topic: named('t'), partitions: [0] }],
        timeoutMs,
      } as Any,
      { versions: '1+' },
    ),
    send(
      'ElectLeaders',
      {
        electionType: since(1, 7),
        topicPartitions: [{ topic: named('t'), partitions: [0] }],
        timeoutMs,
      } as Any,
      { versions: '1+' },
    ),
    send('ElectLeaders', {
      electionType: since(1, 0),
      topicPartitions: [{ topic: named('none'), partitions: [0] }],
      timeoutMs,
    } as Any),
    send('ElectLeaders', { electionType: since(1, 0), topicPartitions: [], timeoutMs } as Any),
  ]),
  scenario('partitions are reassigned', [
    withTopic('t', 2),
    send('AlterPartitionReassignments', {
      timeoutMs,
      topics: [
        {
          name: named('t'),
          partitions: [
            { partitionIndex: 0, replicas: [1] },
            { partitionIndex: 1, replicas: [9] },
            { partitionIndex: 7, replicas: [1] },
          ],
        },
      ],
    } as Any),
    send('AlterPartitionReassignments', {
      timeoutMs,
      topics: [{ name: named('t'), partitions: [{ partitionIndex: 0, replicas: null }] }],
    } as Any),
    send('AlterPartitionReassignments', {
      timeoutMs,
      topics: [
        {
          name: named('t'),
          partitions: [
            { partitionIndex: 0, replicas: [] },
            { partitionIndex: 1, replicas: [1, 1] },
          ],
        },
      ],
    } as Any),
    send('AlterPartitionReassignments', {
      timeoutMs,
      topics: [{ name: named('none'), partitions: [{ partitionIndex: 0, replicas: [1] }] }],
    } as Any),
    send('AlterPartitionReassignments', { timeoutMs, topics: [] } as Any),
    send('ListPartitionReassignments', {
      timeoutMs,
      topics: [{ name: named('t'), partitionIndexes: [0] }],
    } as Any),
    send('ListPartitionReassignments', {
      timeoutMs,
      topics: [{ name: named('none'), partitionIndexes: [0] }],
    } as Any),
    send('ListPartitionReassignments', { timeoutMs, topics: null } as Any),
  ]),
  scenario('who produces', [
    withTopic('t', 1),
    ...withRecords('t', 1),
    send('DescribeProducers', {
      topics: [
        { name: named('t'), partitionIndexes: [0, 9] },
        { name: named('none'), partitionIndexes: [0] },
        { name: '', partitionIndexes: [0] },
      ],
    } as Any),
    send('DescribeProducers', { topics: [] } as Any),
  ]),
  scenario('the quorum', [
    send('DescribeQuorum', {
      topics: [{ topicName: '__cluster_metadata', partitions: [{ partitionIndex: 0 }] }],
    } as Any),
    send('DescribeQuorum', {
      topics: [{ topicName: '__cluster_metadata', partitions: [{ partitionIndex: 1 }] }],
    } as Any),
    send('DescribeQuorum', { topics: [{ topicName: 'other', partitions: [{ partitionIndex: 0 }] }] } as Any),
    send('DescribeQuorum', { topics: [] } as Any),
  ]),
  scenario('telemetry', [
    send('PushTelemetry', { clientInstanceId: strangeId, subscriptionId: 5 } as Any),
    send('GetTelemetrySubscriptions', { clientInstanceId: strangeId } as Any),
    send('GetTelemetrySubscriptions', { clientInstanceId: strangeId } as Any),
    send('PushTelemetry', { clientInstanceId: strangeId, subscriptionId: 5 } as Any),
    send('PushTelemetry', { clientInstanceId: zeroUuid, subscriptionId: 5 } as Any),
    send('GetTelemetrySubscriptions', { clientInstanceId: zeroUuid } as Any, { as: 'without an id' }),
  ]),
  scenario('features are altered', [
    send('UpdateFeatures', {
      timeoutMs,
      featureUpdates: [{ feature: 'no.such.feature', maxVersionLevel: 1, upgradeType: since(1, 1) }],
      validateOnly: since(1, true),
    } as Any),
    send('UpdateFeatures', { timeoutMs, featureUpdates: [], validateOnly: since(1, true) } as Any),
    send('UpdateFeatures', {
      timeoutMs,
      featureUpdates: [{ feature: 'group.version', maxVersionLevel: 99, upgradeType: since(1, 1) }],
      validateOnly: since(1, true),
    } as Any),
  ]),
]

/**
 * Requests as @platformatic/kafka encodes them, through the request creators that it exports, with arguments in
 * which every number and text occurs once. As with kafkajs, Kafka's own classes say afterwards what the bytes mean.
 */
import * as platformatic from '@platformatic/kafka'
import type { EncodedMessage } from './kafkajs-requests.ts'

const uuid = '0b4d1e6c-7f8a-4b2c-9d3e-5f6071829304'
const topicPartitions = [{ topicId: uuid, partitions: [1, 2] }]
const acl = {
  ...{ resourceType: 2, resourceName: 'orders', resourcePatternType: 3, principal: 'User:otto' },
  ...{ host: '10.0.0.1', operation: 4, permissionType: 3 },
}
const anyAcl = { ...acl, resourceName: null, principal: null, host: null }
const transactions = [
  {
    ...{ transactionalId: 'tx', producerId: 4711n, producerEpoch: 12, verifyOnly: true },
    topics: [{ name: 'orders', partitions: [1, 2] }],
  },
]
const commits = [
  {
    name: 'orders',
    partitions: [
      {
        partitionIndex: 1,
        committedOffset: 9007199254740993n,
        committedLeaderEpoch: 6,
        committedMetadata: 'näher',
      },
      { partitionIndex: 2, committedOffset: 4n, committedLeaderEpoch: -1, committedMetadata: null },
    ],
  },
]
const fetchTopics = [
  {
    topicId: uuid,
    partitions: [
      {
        partition: 1,
        currentLeaderEpoch: 6,
        fetchOffset: 9007199254740993n,
        lastFetchedEpoch: 5,
        partitionMaxBytes: 1048576,
      },
    ],
  },
]
const dirTopics = [{ name: 'orders', partitions: [1, 2] }]
const timestamp = 1_700_000_000_000n
const produced = () => [
  {
    topic: 'orders',
    partition: 3,
    timestamp,
    key: Buffer.from('key'),
    value: Buffer.from('value'),
    headers: new Map([[Buffer.from('trace'), Buffer.from('abc')]]),
  },
  { topic: 'orders', partition: 3, timestamp: timestamp + 5n, value: Buffer.from([0, 255, 128]) },
  { topic: 'größe', partition: 0, timestamp: timestamp + 9n, key: Buffer.from('🦦'), value: Buffer.alloc(0) },
]

/** By the name that platformatic gives an API without its version: arguments for each case, or one per version. */
const requests: Record<string, Record<string, (version: number) => unknown[]>> = {
  produce: {
    plain: () => [-1, 30001, produced(), { compression: 'none' }],
    gzip: () => [1, 30001, produced(), { compression: 'gzip' }],
    transactional: () => [
      -1,
      30001,
      produced(),
      {
        transactionalId: 'tx',
        producerId: 4711n,
        producerEpoch: 12,
        sequences: new platformatic.NumericMap(),
        compression: 'none',
      },
    ],
  },
  fetch: {
    full: version => [
      501,
      7,
      10485760,
      1,
      99,
      3,
      version < 13 ? [{ ...fetchTopics[0], topicId: 'orders' }] : fetchTopics,
      version < 13 ? [] : [{ topic: uuid, partitions: [8, 9] }],
      'rack-a',
    ],
  },
  listOffsets: {
    full: () => [
      -1,
      1,
      [
        {
          name: 'orders',
          partitions: [
            { partitionIndex: 4, currentLeaderEpoch: 6, timestamp: -1n },
            { partitionIndex: 5, currentLeaderEpoch: -1, timestamp },
          ],
        },
      ],
    ],
  },
  metadata: { some: () => [['orders', 'größe'], true, true], all: () => [null, false, false] },
  offsetCommit: { full: () => ['group', 17, 'member-1', 'static', commits] },
  offsetFetch: {
    full: () => [
      [
        {
          groupId: 'group',
          memberId: 'member-1',
          memberEpoch: 7,
          topics: [{ name: 'orders', partitionIndexes: [1, 2] }],
        },
      ],
      true,
    ],
    all: () => [[{ groupId: 'group', memberId: null, memberEpoch: -1, topics: null }], false],
  },
  findCoordinator: { full: () => [1, ['tx', 'größe']] },
  joinGroup: {
    full: () => [
      'group',
      30001,
      60002,
      'member-1',
      'static',
      'consumer',
      [{ name: 'range', metadata: Buffer.from('meta') }],
      'because',
    ],
  },
  heartbeat: {
    full: () => ['group', 17, 'member-1', 'static'],
    dynamic: () => ['group', 17, 'member-1', null],
  },
  leaveGroup: {
    full: () => [
      'group',
      [{ memberId: 'a', groupInstanceId: 'static', reason: 'because' }, { memberId: 'b' }],
    ],
  },
  syncGroup: {
    full: () => [
      'group',
      17,
      'member-1',
      'static',
      'consumer',
      'range',
      [{ memberId: 'a', assignment: Buffer.from('assigned') }],
    ],
  },
  consumerGroupHeartbeat: {
    full: () => [
      'group',
      'member-1',
      4,
      'static',
      'rack-a',
      60002,
      ['orders'],
      'or.*',
      'uniform',
      topicPartitions,
    ],
    nulls: () => ['group', 'member-1', 0, null, null, -1, null, null, null, []],
  },
  consumerGroupDescribe: { full: () => [['a', 'größe'], true] },
  offsetForLeaderEpoch: {
    full: () => [
      -1,
      [{ name: 'orders', partitions: [{ partitionIndex: 1, currentLeaderEpoch: 6, leaderEpoch: 5 }] }],
    ],
  },
  apiVersions: { full: () => ['ottla-vectors', '1.2.3'] },
  saslHandshake: { full: () => ['SCRAM-SHA-256'] },
  saslAuthenticate: { full: () => [Buffer.from('\0otto\0secret')] },
  initProducerId: { full: () => ['tx', 60001, 4711n, 12], idempotent: () => [null, 0, -1n, -1] },
  addPartitionsToTxn: { full: () => [transactions] },
  addOffsetsToTxn: { full: () => ['tx', 4711n, 12, 'group'] },
  endTxn: { commit: () => ['tx', 4711n, 12, true], abort: () => ['tx', 4711n, 12, false] },
  txnOffsetCommit: { full: () => ['tx', 'group', 4711n, 12, 17, 'member-1', 'static', commits] },
  createTopics: {
    full: () => [
      [
        {
          name: 'orders',
          numPartitions: 3,
          replicationFactor: 2,
          assignments: [{ partitionIndex: 0, brokerIds: [5, 6] }],
          configs: [{ name: 'cleanup.policy', value: 'compact' }, { name: 'retention.ms' }],
        },
      ],
      5001,
      true,
    ],
  },
  deleteTopics: { full: () => [[{ name: 'orders' }, { name: 'größe' }], 5002] },
  deleteRecords: {
    full: () => [[{ name: 'orders', partitions: [{ partitionIndex: 1, offset: 9007199254740993n }] }], 5003],
  },
  createPartitions: {
    full: () => [[{ name: 'orders', count: 5, assignments: [{ brokerIds: [1, 2] }] }], 5004, true],
  },
  deleteGroups: { full: () => [['a', 'größe']] },
  describeGroups: { full: () => [['a', 'größe'], true] },
  listGroups: { full: () => [['Stable', 'Empty'], ['classic']], all: () => [[], []] },
  describeConfigs: {
    full: () => [
      [{ resourceType: 2, resourceName: 'orders', configurationKeys: ['retention.ms'] }],
      true,
      true,
    ],
  },
  alterConfigs: {
    full: () => [
      [
        {
          resourceType: 2,
          resourceName: 'orders',
          configs: [{ name: 'retention.ms', value: '1' }, { name: 'x' }],
        },
      ],
      true,
    ],
  },
  incrementalAlterConfigs: {
    full: () => [
      [
        {
          resourceType: 2,
          resourceName: 'orders',
          configs: [{ name: 'retention.ms', configOperation: 1, value: '1' }],
        },
      ],
      true,
    ],
  },
  describeAcls: { full: () => [acl], any: () => [anyAcl] },
  createAcls: { full: () => [[acl]] },
  deleteAcls: { full: () => [[acl, anyAcl]] },
  describeLogDirs: { full: () => [dirTopics] },
  alterReplicaLogDirs: { full: () => [[{ path: '/data', topics: dirTopics }]] },
  describeClientQuotas: {
    full: () => [
      [
        { entityType: 'user', matchType: 0, match: 'otto' },
        { entityType: 'client-id', matchType: 2 },
      ],
      true,
    ],
  },
  alterClientQuotas: {
    full: () => [
      [
        {
          entities: [{ entityType: 'user', entityName: 'otto' }],
          ops: [{ key: 'producer_byte_rate', value: 1024.5, remove: false }],
        },
      ],
      true,
    ],
  },
  describeUserScramCredentials: { full: () => [[{ name: 'otto' }]] },
  alterUserScramCredentials: {
    full: () => [
      [{ name: 'a', mechanism: 1 }],
      [
        {
          name: 'b',
          mechanism: 2,
          iterations: 4096,
          salt: Buffer.from('salt'),
          saltedPassword: Buffer.from('password'),
        },
      ],
    ],
  },
  describeDelegationToken: { full: () => [[{ principalType: 'User', principalName: 'otto' }]] },
  createDelegationToken: {
    full: () => ['User', 'otto', [{ principalType: 'User', principalName: 'anna' }], 86400001n],
  },
  renewDelegationToken: { full: () => [Buffer.from('hmac'), 3600001n] },
  expireDelegationToken: { full: () => [Buffer.from('hmac'), 3600002n] },
  describeQuorum: {
    full: () => [[{ topicName: '__cluster_metadata', partitions: [{ partitionIndex: 0 }] }]],
  },
  describeCluster: { full: () => [true, 1] },
  describeProducers: { full: () => [[{ name: 'orders', partitionIndexes: [1, 2] }]] },
  describeTransactions: { full: () => [['tx', 'größe']] },
  listTransactions: { full: () => [['Ongoing'], [4711n], 5000n, 'tx.*'] },
  describeTopicPartitions: {
    full: () => [[{ name: 'orders' }], 100, { topicName: 'orders', partitionIndex: 5 }],
    first: () => [[{ name: 'orders' }], 100, null],
  },
  alterPartitionReassignments: {
    full: () => [5005, true, [{ name: 'orders', partitions: [{ partitionIndex: 1, replicas: [2, 3] }] }]],
  },
  listPartitionReassignments: { full: () => [5006, [{ name: 'orders', partitionIndexes: [1, 2] }]] },
  offsetDelete: { full: () => ['group', [{ name: 'orders', partitions: [{ partitionIndex: 1 }] }]] },
  unregisterBroker: { full: () => [3] },
  updateFeatures: {
    full: () => [5008, [{ feature: 'metadata.version', maxVersionLevel: 25, upgradeType: 1 }], true],
  },
  getTelemetrySubscriptions: { full: () => [uuid] },
  pushTelemetry: { full: () => [uuid, 99, true, 1, Buffer.from('metrics')] },
}

/** Not for clients, so that we have no vectors of them from elsewhere and no definitions. */
const notForClients = ['alterPartition', 'envelope', 'listClientMetricsResources']

/**
 * Requests that release 1.35 encodes differently from Kafka: one byte too many (which Kafka ignores at the end),
 * a field of another version, or the compact form in a version that is not flexible.
 */
const notAsKafka = [
  'alterUserScramCredentialsV0',
  'describeClientQuotasV0',
  'describeConfigsV2',
  'metadataV11',
]

export function encodeWithPlatformatic(): EncodedMessage[] {
  const encoded: EncodedMessage[] = []
  for (const [name, exported] of Object.entries(platformatic)) {
    const match = /^([a-z]\w+?)V(\d+)$/.exec(name)
    if (match === null || !('createRequest' in exported)) continue
    const [, api, digits] = match as unknown as [string, string, string]
    if (notForClients.includes(api) || notAsKafka.includes(name)) continue
    const cases = requests[api]
    if (cases === undefined) throw new Error(`no arguments for ${name}`)
    const create = exported.createRequest as unknown as (...args: unknown[]) => { buffer: Buffer }
    for (const [kind, args] of Object.entries(cases)) {
      const message = `${api[0]!.toUpperCase()}${api.slice(1)}Request`
      const version = Number(digits)
      encoded.push({ message, version, case: kind, bytes: Buffer.from(create(...args(version)).buffer) })
    }
  }
  return encoded
}

/**
 * Requests as kafkajs encodes them: its internal encoders, each at every version that it has, called with
 * arguments in which every number and text occurs once, so that swapped fields show. What the bytes mean is
 * described afterwards by Kafka's own classes (DescribeVectors.java), not by us and not by these arguments.
 */
import { createRequire } from 'node:module'

export interface EncodedMessage {
  readonly message: string
  readonly version: number
  readonly case: string
  readonly bytes: Buffer
}

interface KafkajsRequest {
  apiKey: number
  apiVersion: number
  encode(): Promise<{ buffer: Buffer }>
}

const require = createRequire(import.meta.url)
const timestamp = 1_700_000_000_000

const messages = [
  { key: 'key', value: 'value', timestamp, headers: { trace: 'abc', many: ['1', '2'] } },
  { key: null, value: Buffer.from([0, 255, 128]), timestamp: timestamp + 5, headers: {} },
  { key: 'größe 🦦', value: null, timestamp: timestamp + 11, headers: { '': '' } },
]
const topicData = [
  { topic: 'orders', partitions: [{ partition: 3, firstSequence: 44, messages }] },
  { topic: 'größe', partitions: [{ partition: 0, firstSequence: 0, messages: messages.slice(0, 1) }] },
]
const acl = {
  ...{ resourceType: 2, resourceName: 'orders', resourcePatternType: 3, principal: 'User:otto' },
  ...{ host: '10.0.0.1', operation: 4, permissionType: 5 },
}
const anyAcl = { ...acl, resourceName: null, principal: null, host: null }
const offsets = [
  {
    topic: 'orders',
    partitions: [
      { partition: 1, offset: '9007199254740993', metadata: 'näher', timestamp: '1700000000007' },
      { partition: 2, offset: '4', metadata: null, timestamp: '1700000000008' },
    ],
  },
  { topic: 'empty', partitions: [] },
]
const group = {
  groupId: 'group',
  groupGenerationId: 17,
  generationId: 17,
  memberId: 'member-1',
  groupInstanceId: 'static',
}
const producer = { transactionalId: 'tx', producerId: '4711', producerEpoch: 12 }
const fetchTopics = [
  {
    topic: 'orders',
    partitions: [
      {
        partition: 1,
        currentLeaderEpoch: 6,
        fetchOffset: '9007199254740993',
        logStartOffset: '5',
        maxBytes: 1048576,
      },
    ],
  },
]

/** The caller brings the length along here. */
const saslBytes = Buffer.from('\0\0\0\x0c\0otto\0secret')

/** By Kafka's name: kafkajs's folder if it is another, and the arguments of each case. */
const requests: { api: string; folder?: string; cases: Record<string, unknown> }[] = [
  {
    api: 'Produce',
    cases: {
      plain: { acks: -1, timeout: 30001, compression: 0, topicData },
      gzip: { acks: 1, timeout: 30001, compression: 1, topicData },
      transactional: { acks: -1, timeout: 30001, compression: 0, topicData, ...producer },
      empty: { acks: 0, timeout: 0, compression: 0, topicData: [] },
    },
  },
  {
    api: 'Fetch',
    cases: {
      full: {
        ...{
          replicaId: -1,
          maxWaitTime: 501,
          minBytes: 7,
          maxBytes: 10485760,
          isolationLevel: 1,
          topics: fetchTopics,
        },
        ...{
          sessionId: 99,
          sessionEpoch: 3,
          forgottenTopics: [{ topic: 'gone', partitions: [8, 9] }],
          rackId: 'rack-a',
        },
      },
      defaults: { replicaId: -1, maxWaitTime: 5000, minBytes: 1, maxBytes: 1, topics: fetchTopics },
    },
  },
  {
    api: 'ListOffsets',
    cases: {
      full: {
        replicaId: -1,
        isolationLevel: 1,
        topics: [
          { topic: 'orders', partitions: [{ partition: 4, timestamp: '1700000000000' }, { partition: 5 }] },
        ],
      },
    },
  },
  {
    api: 'Metadata',
    cases: { some: { topics: ['orders', 'größe'], allowAutoTopicCreation: false }, none: { topics: [] } },
  },
  { api: 'OffsetCommit', cases: { full: { ...group, retentionTime: '86400001', topics: offsets } } },
  { api: 'OffsetFetch', cases: { full: { ...group, topics: offsets } } },
  { api: 'FindCoordinator', cases: { full: { groupId: 'group', coordinatorKey: 'tx', coordinatorType: 1 } } },
  {
    api: 'JoinGroup',
    cases: {
      full: {
        ...group,
        ...{ sessionTimeout: 30001, rebalanceTimeout: 60002, protocolType: 'consumer' },
        groupProtocols: [{ name: 'RoundRobin', metadata: Buffer.from('meta') }, { name: 'empty' }],
      },
      first: {
        groupId: 'g',
        sessionTimeout: 1,
        rebalanceTimeout: 2,
        memberId: '',
        protocolType: '',
        groupProtocols: [],
      },
    },
  },
  { api: 'Heartbeat', cases: { full: group, dynamic: { ...group, groupInstanceId: null } } },
  {
    api: 'LeaveGroup',
    cases: { full: { ...group, members: [{ memberId: 'a', groupInstanceId: 'static' }, { memberId: 'b' }] } },
  },
  {
    api: 'SyncGroup',
    cases: {
      full: { ...group, groupAssignment: [{ memberId: 'a', memberAssignment: Buffer.from('assigned') }] },
      follower: { ...group, groupInstanceId: null, groupAssignment: [] },
    },
  },
  { api: 'DescribeGroups', cases: { full: { groupIds: ['a', 'größe'] } } },
  { api: 'ListGroups', cases: { full: {} } },
  { api: 'SaslHandshake', cases: { full: { mechanism: 'SCRAM-SHA-256' } } },
  { api: 'SaslAuthenticate', cases: { full: { authBytes: saslBytes } } },
  { api: 'ApiVersions', cases: { full: {} } },
  {
    api: 'CreateTopics',
    cases: {
      full: {
        ...{ validateOnly: true, timeout: 5001 },
        topics: [
          {
            ...{ topic: 'orders', numPartitions: 3, replicationFactor: 2 },
            replicaAssignment: [{ partition: 0, replicas: [5, 6] }],
            configEntries: [
              { name: 'cleanup.policy', value: 'compact' },
              { name: 'retention.ms', value: null },
            ],
          },
          { topic: 'defaults' },
        ],
      },
    },
  },
  { api: 'DeleteTopics', cases: { full: { topics: ['orders', 'größe'], timeout: 5002 } } },
  { api: 'DeleteRecords', cases: { full: { topics: offsets, timeout: 5003 } } },
  {
    api: 'InitProducerId',
    cases: {
      full: { transactionalId: 'tx', transactionTimeout: 60001 },
      idempotent: { transactionalId: null, transactionTimeout: 0 },
    },
  },
  {
    api: 'AddPartitionsToTxn',
    cases: { full: { ...producer, topics: [{ topic: 'orders', partitions: [1, 2] }] } },
  },
  { api: 'AddOffsetsToTxn', cases: { full: { ...producer, groupId: 'group' } } },
  {
    api: 'EndTxn',
    cases: {
      commit: { ...producer, transactionResult: true },
      abort: { ...producer, transactionResult: false },
    },
  },
  { api: 'TxnOffsetCommit', cases: { full: { ...producer, groupId: 'group', topics: offsets } } },
  { api: 'DescribeAcls', cases: { full: acl, any: anyAcl } },
  { api: 'CreateAcls', cases: { full: { creations: [acl, { ...acl, resourceName: 'other' }] } } },
  { api: 'DeleteAcls', cases: { full: { filters: [acl, anyAcl] } } },
  {
    api: 'DescribeConfigs',
    cases: {
      full: {
        includeSynonyms: true,
        resources: [
          { type: 2, name: 'orders', configNames: ['retention.ms'] },
          { type: 4, name: '1' },
        ],
      },
    },
  },
  {
    api: 'AlterConfigs',
    cases: {
      full: {
        validateOnly: true,
        resources: [{ type: 2, name: 'orders', configEntries: [{ name: 'retention.ms', value: '1' }] }],
      },
    },
  },
  {
    api: 'CreatePartitions',
    cases: {
      full: {
        ...{ validateOnly: true, timeout: 5004 },
        topicPartitions: [
          { topic: 'orders', count: 5, assignments: [[1, 2], [3]] },
          { topic: 'more', count: 6 },
        ],
      },
    },
  },
  { api: 'DeleteGroups', cases: { full: ['a', 'b'] } },
  {
    api: 'AlterPartitionReassignments',
    cases: {
      full: {
        timeout: 5005,
        topics: [{ topic: 'orders', partitionAssignment: [{ partition: 1, replicas: [2, 3] }] }],
      },
    },
  },
  {
    api: 'ListPartitionReassignments',
    cases: {
      full: { timeout: 5006, topics: [{ topic: 'orders', partitions: [1, 2] }] },
      all: { timeout: 5007, topics: null },
    },
  },
]

/** Since these two are flexible, their tag section of the request header is written in front of their body. */
const bodiesWithHeaderTags = ['AlterPartitionReassignments', 'ListPartitionReassignments']

export async function encodeWithKafkajs(): Promise<EncodedMessage[]> {
  const encoded: EncodedMessage[] = []
  for (const { api, cases } of requests) {
    const folder = `kafkajs/src/protocol/requests/${api[0]!.toLowerCase()}${api.slice(1)}`
    const { versions } = require(folder) as { versions: (number | string)[] }
    for (const version of versions.map(Number)) {
      const request = require(`${folder}/v${version}/request`) as (args: unknown) => KafkajsRequest
      for (const [name, args] of Object.entries(cases)) {
        const { apiVersion, encode } = request(args)
        if (apiVersion !== version)
          throw new Error(`kafkajs's ${api} ${version} says that it is ${apiVersion}`)
        const { buffer } = await encode()
        const bytes = Buffer.from(bodiesWithHeaderTags.includes(api) ? buffer.subarray(1) : buffer)
        encoded.push({ message: `${api}Request`, version, case: name, bytes })
      }
    }
  }
  return encoded
}

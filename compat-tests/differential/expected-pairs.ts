/**
 * Differences that are meant, each with its reason; FINDINGS.md beside this file says more. A difference that is not
 * one of these fails the suite, and so does one of these that a whole run has not seen.
 */
import type { ExpectedPair } from './exceptions.ts'

const words = 'Ottla says what is wrong where Kafka leaves it to the error code'
const twice = 'before 4.0 Kafka gathered offsets in maps, so that of two equal ones it knew one'
const elr = 'with eligible leader replicas (KIP-966) Kafka sets min.insync.replicas for the cluster'
const unserved = 'what is not served is not advertised'
const zooKeeper = 'Kafka 3.9 serves it with ZooKeeper alone; Ottla takes it as later versions are taken'

export const expectedPairs: readonly ExpectedPair[] = [
  ...(['Produce', 'CreatePartitions', 'IncrementalAlterConfigs'] as const).map(api => ({
    api,
    field: 'errorMessage',
    kafka: 'null',
    ottla: '"<words>"',
    reason: words,
  })),

  {
    api: 'ApiVersions',
    field: 'apiKeys.contents',
    ottla: '[]',
    reason: unserved,
  },
  {
    api: 'ApiVersions',
    field: 'apiKeys.*.minVersion',
    ottla: '0',
    reason: 'old versions are served that 4.0 removed',
  },
  { api: 'ApiVersions', field: 'finalizedFeatures.contents', ottla: '[]', reason: unserved },
  { api: 'ApiVersions', field: 'supportedFeatures.contents', ottla: '[]', reason: unserved },
  {
    api: 'ApiVersions',
    field: 'maxVersion',
    reason: 'of metadata.version: what is stored uses no newer record',
  },
  {
    api: 'ApiVersions',
    field: 'maxVersionLevel',
    reason: 'of metadata.version: what is stored uses no newer record',
  },
  {
    api: 'ApiVersions',
    field: 'minVersionLevel',
    reason: 'of metadata.version: what is stored uses no newer record',
  },

  {
    api: 'CreateTopics',
    field: 'topics.*.configs.contents',
    reason: 'settings without effect are not offered, and write.caching is',
  },
  { api: 'CreateTopics', field: 'topics.*.configs.*.configSource', kafka: '3', ottla: '5', reason: elr },
  {
    api: 'Metadata',
    scenario: 'a topic is made by asking for it',
    step: '0 Metadata',
    reason: 'the answer waits for the topic, so that clients need not ask again',
  },
  {
    api: 'DescribeConfigs',
    field: 'configs.contents',
    reason: 'settings without effect are not offered, and write.caching is',
  },
  {
    api: 'DescribeConfigs',
    field: 'configs.*.value',
    release: '3.9.1',
    kafka: '"9223372036854775807"',
    ottla: '"3600000"',
    reason: 'message.timestamp.after.max.ms is an hour since 4.0 (KIP-1030)',
  },
  { api: 'DescribeConfigs', field: 'configSource', kafka: '3', ottla: '5', reason: elr },
  { api: 'DescribeConfigs', field: 'documentation', reason: 'words for people, in sentences of our own' },

  ...(['Produce', 'Fetch'] as const).flatMap(api => [
    { api, scenario: 'a null batch', reason: 'Kafka never answers it, nor anything else on that connection' },
  ]),
  {
    api: 'Fetch',
    scenario: 'a record with offsets out of order',
    field: 'offset',
    reason: 'the batch is made anew, or its consumers would see offsets that are wrong',
  },
  {
    api: 'ListOffsets',
    field: 'oldStyleOffsets.length',
    release: '3.9.1',
    reason: 'Kafka goes by the times of its files, Ottla by those of records',
  },
  { api: 'OffsetFetch', release: '3.9.1', field: 'topics.*.partitions.length', reason: twice },
  {
    api: 'OffsetFetch',
    release: '3.9.1',
    field: 'topics.contents',
    reason: 'before 4.0 a topic without partitions was left out',
  },
  {
    api: 'DescribeGroups',
    release: '3.9.1',
    scenario: 'offsets are deleted',
    reason: 'before 4.0 a group without offsets went at once',
  },
  {
    api: 'DescribeGroups',
    release: '3.9.1',
    scenario: 'a topic goes with what was committed for it',
    reason: 'before 4.0 a group without offsets went at once',
  },
  {
    api: 'DescribeQuorum',
    field: 'listeners.contents',
    reason: 'there is no listener for controllers; this one answers',
  },
  {
    api: 'GetTelemetrySubscriptions',
    step: 'without an id',
    field: 'subscriptionId',
    reason: 'it goes by the id that was given, which is made at random',
  },
  {
    api: 'Fetch',
    scenario: 'record batches for an old consumer',
    versions: '0-2',
    field: 'records.contents',
    reason:
      'a consumer that asks for less than the first batch is given it whole, or it would never get beyond',
  },
  {
    api: 'OffsetCommit',
    release: '3.9.1',
    field: 'partitions.order',
    reason: 'out of a hash table, before 4.0',
  },
  { api: 'OffsetCommit', step: 'a partition twice', release: '3.9.1', reason: twice },
  {
    api: 'OffsetDelete',
    scenario: 'offsets are deleted',
    release: '3.9.1',
    field: 'partitions.length',
    reason: twice,
  },
  { api: 'DescribeConfigs', field: 'synonyms.length', kafka: '2', ottla: '1', reason: elr },
  { api: 'DescribeConfigs', field: 'synonyms.*.source', kafka: '3', ottla: '5', reason: elr },
  {
    api: 'DescribeConfigs',
    scenario: 'configurations of a broker are described',
    step: 'of a group',
    reason: 'groups have configurations with KIP-848, which is not served yet',
  },
  { api: 'OffsetCommit', versions: '0', release: '3.9.1', reason: zooKeeper },
  { api: 'OffsetFetch', versions: '0', release: '3.9.1', reason: zooKeeper },
  {
    api: 'AlterConfigs',
    scenario: 'configurations of a topic are replaced',
    step: 'a resource twice',
    reason: 'Kafka never answers it, because of an exception that it did not foresee',
  },
]

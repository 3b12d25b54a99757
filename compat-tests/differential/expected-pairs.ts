/**
 * Differences that are meant, each with its reason; FINDINGS.md beside this file says more. A difference that is not
 * one of these fails the suite, and so does one of these that a whole run has not seen.
 */
import { zeroUuid } from '../../protocol-codecs/schema.ts'
import type { ExpectedPair } from './exceptions.ts'

const words = 'Ottla says what is wrong where Kafka leaves it to the error code'
const twice =
  'Kafka gathers what was asked for in a map, so that of two equal ones it knows one; nobody sends that'
const accident =
  'Kafka answers so because of an exception that it did not foresee; Ottla refuses, or does what can be done'
const elr = 'with eligible leader replicas (KIP-966) Kafka sets min.insync.replicas for the cluster'
const unserved = 'what is not served is not advertised'
const olderConfigs =
  'Kafka 3.9 has other configurations and defaults, and says that nothing is a default in version 0'
const zooKeeper = 'Kafka 3.9 serves it with ZooKeeper alone; Ottla takes it as later versions are taken'
const wordsOf = ['Produce', 'CreatePartitions', 'IncrementalAlterConfigs'] as const

export const expectedPairs: readonly ExpectedPair[] = [
  ...wordsOf.map(api => ({
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
    api: 'CreateTopics',
    field: 'topics.*.topicId',
    ottla: JSON.stringify(zeroUuid),
    reason: 'no id for a topic that is not made',
  },
  {
    api: 'DeleteTopics',
    scenario: 'a topic is deleted by a name that is there twice',
    reason: 'answered for each, so that each caller finds its own',
  },
  {
    api: 'Metadata',
    scenario: 'a topic is made by asking for it',
    step: '0 Metadata',
    reason: 'the answer waits for the topic, so that clients need not ask again',
  },
  { api: 'DeleteTopics', step: 'a topic twice', reason: twice },
  { api: 'DeleteTopics', step: 'an id twice', reason: twice },
  { api: 'Metadata', step: 'a topic twice', reason: twice },
  { api: 'Metadata', step: 'neither name nor id', reason: accident },
  {
    api: 'DescribeConfigs',
    field: 'configs.contents',
    reason: 'settings without effect are not offered, and write.caching is',
  },
  { api: 'DescribeConfigs', release: '3.9.1', reason: olderConfigs },
  { api: 'DescribeConfigs', field: 'configSource', kafka: '3', ottla: '5', reason: elr },
  { api: 'DescribeConfigs', field: 'documentation', reason: 'words for people, in sentences of our own' },

  {
    api: 'Fetch',
    scenario: 'records are appended and read',
    step: 'partition_max_bytes of -1',
    reason: accident,
  },
  { api: 'Fetch', scenario: 'records are appended and read', step: 'a partition twice', reason: twice },
  { api: 'Fetch', scenario: 'bad places to read from', step: 'max_bytes of -1', reason: accident },
  {
    api: 'Fetch',
    scenario: 'a batch compressed with zstd',
    versions: '8-9',
    reason: 'a consumer that cannot read zstd is told so; Kafka looks only at what the topic is set to',
  },
  {
    api: 'Fetch',
    scenario: 'no session',
    reason: 'no session is kept for no partitions, which is always allowed',
  },
  ...(['Produce', 'Fetch'] as const).flatMap(api => [
    {
      api,
      scenario: 'a batch that says it was stamped',
      reason: 'a client cannot know the append time; see validate-batch.ts',
    },
    { api, scenario: 'a null batch', reason: 'Kafka never answers it, nor anything else on that connection' },
  ]),
  {
    api: 'Fetch',
    scenario: 'a record with offsets out of order',
    field: 'offset',
    reason: 'the batch is made anew, or its consumers would see offsets that are wrong',
  },
  { api: 'Produce', scenario: 'bad places to append to', step: 'a partition twice', reason: twice },
  { api: 'Fetch', scenario: 'bad places to append to', reason: twice },
  { api: 'ListOffsets', scenario: 'offsets are looked up', step: 'a partition twice', reason: twice },
  { api: 'ListOffsets', scenario: 'offsets are looked up', step: 'a topic twice', reason: twice },
  {
    api: 'ListOffsets',
    field: 'oldStyleOffsets.length',
    release: '3.9.1',
    reason: 'Kafka goes by the times of its files, Ottla by those of records',
  },
  { api: 'DeleteRecords', scenario: 'records are deleted', step: 'a partition twice', reason: twice },
  {
    api: 'DescribeGroups',
    scenario: 'ways not to join',
    field: 'groupState',
    kafka: '"Empty"',
    ottla: '"Dead"',
    reason: 'no group is made where nobody could join',
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
  { api: 'Produce', scenario: 'a batch of an unknown compression', reason: accident },
  { api: 'Produce', scenario: 'a batch that is not compressed as it says', reason: accident },
  {
    api: 'Produce',
    scenario: 'messages that say they are compressed',
    field: 'errorCode',
    kafka: 'UNKNOWN_SERVER_ERROR',
    ottla: 'INVALID_RECORD',
    reason: accident,
  },
  {
    api: 'Produce',
    scenario: 'messages of an unknown compression',
    field: 'errorCode',
    kafka: 'UNKNOWN_SERVER_ERROR',
    ottla: 'UNSUPPORTED_COMPRESSION_TYPE',
    reason: accident,
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
  {
    api: 'DescribeGroups',
    scenario: 'a topic goes with what was committed for it',
    reason: 'a group that nothing is left of goes at once, and in Kafka when it next looks for those',
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
    api: 'IncrementalAlterConfigs',
    field: 'errorCode',
    kafka: 'UNKNOWN_SERVER_ERROR',
    ottla: 'INVALID_REQUEST',
    reason: accident,
  },
  {
    api: 'AlterConfigs',
    scenario: 'configurations of a topic are replaced',
    step: 'a resource twice',
    reason: accident,
  },
  {
    api: 'IncrementalAlterConfigs',
    scenario: 'configurations of a broker are altered',
    field: 'errorCode',
    kafka: 'NONE',
    ottla: 'INVALID_CONFIG',
    reason: 'Kafka keeps configurations that nobody knows for plugins; here they would be mistakes',
  },
]

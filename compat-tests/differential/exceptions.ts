/**
 * The reviewed list of what two brokers may answer differently, with the reason for each. Error codes, nulls and the
 * order of things are not on it, but where Kafka's own order comes of chance.
 *
 * `exceptions` say of fields in which terms they are compared: see `compare.ts`. `expectedPairs` are differences that
 * are meant. Of these, and of the lists whose order does not count, each must be seen to be needed in a whole run, or
 * it has to go from here.
 */
import type { ApiName } from './apis.ts'

export interface Exception {
  /** Absent: every API. */
  readonly api?: ApiName
  /** Its path from the answer's top, with `*` for the indexes of arrays; or its name alone, wherever it stands. */
  readonly field: string
  /** Of an id: the field that has the same ones. */
  readonly of?: string
  readonly as: 'id' | 'time' | 'address' | 'amount' | 'words' | 'members' | 'set'
  readonly reason: string
}

export interface ExpectedPair {
  readonly api: ApiName
  /** Absent: any of the answer. '' is what came of the request: an answer, none, the connection's end. */
  readonly field?: string
  /** Of the API. */
  readonly versions?: string
  /** What they say; absent: whatever it is. */
  readonly kafka?: string
  readonly ottla?: string
  /** Absent: in every scenario, at every step. */
  readonly scenario?: string
  readonly step?: string
  /** Of Apache Kafka, where only that one differs. */
  readonly release?: string
  readonly reason: string
}

export const exceptions: readonly Exception[] = [
  // Ids: the same one must stay the same within a scenario.
  { field: 'topicId', as: 'id', reason: 'made at random' },
  { field: 'clusterId', as: 'id', reason: 'made at random' },
  { field: 'clientInstanceId', as: 'id', reason: 'made at random for who has none' },
  { field: 'memberId', as: 'id', reason: 'ends in a random part' },
  { api: 'JoinGroup', field: 'leader', as: 'id', of: 'memberId', reason: 'the id of a member' },
  { field: 'producerId', as: 'id', reason: 'given out in blocks, which depend on the history of the broker' },
  { api: 'Fetch', field: 'sessionId', as: 'id', reason: 'made at random' },
  {
    api: 'ApiVersions',
    field: 'finalizedFeaturesEpoch',
    as: 'amount',
    reason: 'an offset of the metadata log',
  },
  // Times.
  { field: 'logAppendTimeMs', as: 'time', reason: 'the time of the append' },
  { field: 'lastTimestamp', as: 'time', reason: 'the time of the append' },
  { api: 'DescribeQuorum', field: 'lastFetchTimestamp', as: 'time', reason: 'the time of a fetch' },
  { api: 'DescribeQuorum', field: 'lastCaughtUpTimestamp', as: 'time', reason: 'the time of a fetch' },
  {
    api: 'DescribeQuorum',
    field: 'highWatermark',
    as: 'amount',
    reason: 'of the metadata log, which holds what each broker has done',
  },
  { api: 'DescribeQuorum', field: 'logEndOffset', as: 'amount', reason: 'of the metadata log' },
  // Addresses.
  { field: 'host', as: 'address', reason: 'where the broker listens' },
  { field: 'port', as: 'address', reason: 'where the broker listens' },
  { field: 'clientHost', as: 'address', reason: 'where the client comes from' },
  { field: 'logDir', as: 'address', reason: 'a path of this machine' },
  { field: 'totalBytes', as: 'amount', reason: 'of the disk' },
  { field: 'usableBytes', as: 'amount', reason: 'of the disk, at that moment' },
  // Words for people; that there are none is compared.
  { field: 'errorMessage', as: 'words', reason: 'words for people, in sentences of our own' },
  { field: 'batchIndexErrorMessage', as: 'words', reason: 'words for people, in sentences of our own' },
  // Order that comes of chance: of random ids, of hash tables, of shuffling.
  { api: 'DescribeGroups', field: 'groups.*.members', as: 'members', reason: 'sorted by random ids' },
  { api: 'JoinGroup', field: 'members', as: 'members', reason: 'sorted by random ids' },
  {
    api: 'DescribeGroups',
    field: 'groups',
    as: 'set',
    reason: 'gathered by coordinating partition, in a hash table',
  },
  { api: 'DeleteGroups', field: 'results', as: 'set', reason: 'out of a hash table' },
  {
    api: 'DeleteTopics',
    field: 'responses',
    as: 'set',
    reason: 'shuffled, so that it does not tell which exist',
  },
  { api: 'CreatePartitions', field: 'results', as: 'set', reason: 'out of a hash table' },
  { api: 'Metadata', field: 'topics', as: 'set', reason: 'out of a hash table' },
  { api: 'Metadata', field: 'partitions', as: 'set', reason: 'out of a hash table, before 4.0' },
  { api: 'ListOffsets', field: 'topics', as: 'set', reason: 'out of a hash table' },
  { api: 'ListOffsets', field: 'partitions', as: 'set', reason: 'out of a hash table' },
  { api: 'OffsetFetch', field: 'partitions', as: 'set', reason: 'out of a hash table, before 4.0' },
  { api: 'Produce', field: 'responses', as: 'set', reason: 'out of hash tables, what was refused last' },
  {
    api: 'Produce',
    field: 'partitionResponses',
    as: 'set',
    reason: 'out of hash tables, what was refused last',
  },
  { api: 'DeleteRecords', field: 'topics', as: 'set', reason: 'out of a hash table' },
  { api: 'DeleteRecords', field: 'partitions', as: 'set', reason: 'out of a hash table' },
  { api: 'DescribeConfigs', field: 'configs', as: 'set', reason: 'out of a hash table' },
  { api: 'DescribeLogDirs', field: 'topics', as: 'set', reason: 'out of a hash table' },
  { api: 'DescribeLogDirs', field: 'partitions', as: 'set', reason: 'out of a hash table' },
  { api: 'ListConfigResources', field: 'configResources', as: 'set', reason: 'out of hash tables' },
  { api: 'ElectLeaders', field: 'replicaElectionResults', as: 'set', reason: 'out of a hash table' },
  { api: 'ApiVersions', field: 'finalizedFeatures', as: 'set', reason: 'out of a hash table' },
  { api: 'ApiVersions', field: 'supportedFeatures', as: 'set', reason: 'out of a hash table' },
]

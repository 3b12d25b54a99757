/**
 * Scenarios made at random, by a seed that repeats them: a topic with records and a group with offsets, and then
 * requests whose fields take values that mean something here, are wrong, or make no sense. Which values those are goes
 * by the names that Kafka has for fields; a field without such a name takes any of its kind.
 *
 * What would only wait (JoinGroup, acks of 0, long polls) is left to the scenarios that are written by hand, and so is
 * the same thing named twice in one list.
 */
import { type AnyField, type Fields, zeroUuid } from '../../protocol-codecs/schema.ts'
import { inVersions } from '../../protocol-codecs/versions.ts'
import type { SeededRandom } from '../../scripts/seeded-random.ts'
import { type ApiName, apis } from './apis.ts'
import { batch, named, type Scenario, Standin, type Step, scenario, send, topicId } from './scenario.ts'
import { modern, record, recordTime, timeoutMs, withRecords, withTopic } from './scenarios/requests.ts'

/** Versions that 4.0 has not removed: what else the older release does otherwise is not of interest here. */
const ofNewestKafka = {
  ...modern,
  Metadata: '4+',
  ListOffsets: '1+',
  OffsetCommit: '2+',
  OffsetFetch: '1+',
  CreateTopics: '2+',
  OffsetForLeaderEpoch: '2+',
  DescribeConfigs: '1+',
} as const
const stepsOfEach = 16
const apisOfEach = 5
const longestList = 2

const candidates: readonly ApiName[] = [
  ...(['Metadata', 'Produce', 'Fetch', 'ListOffsets', 'OffsetForLeaderEpoch', 'OffsetCommit'] as const),
  ...(['OffsetFetch', 'OffsetDelete', 'DescribeGroups', 'Heartbeat', 'LeaveGroup', 'SyncGroup'] as const),
  ...(['DeleteGroups', 'DeleteRecords', 'CreatePartitions', 'CreateTopics', 'DescribeConfigs'] as const),
  ...(['IncrementalAlterConfigs', 'DescribeLogDirs', 'FindCoordinator', 'InitProducerId'] as const),
  'AlterConfigs',
]

// Twice what is to come more often; one object each, or a list could name it twice.
const [t, u, g] = [named('t'), named('u'), named('g')]
const [idOfT, idOfU] = [topicId('t'), topicId('u')]
const topics = [t, t, u, named('none'), '', 'a b']
// Not '': that group is the same one for all rounds, which go on side by side.
const groups = [g, g, named('h')]
const partitions = [0, 0, 1, 2, 7, -1]
const epochs = [-1, 0, 1]
const offsets = [0n, 1n, 2n, 3n, 4n, -1n, 100n, 9_223_372_036_854_775_807n]
const configNames = ['retention.ms', 'cleanup.policy', 'max.message.bytes', 'no.such']
const batches = [
  batch({ records: [record('random')] }),
  batch({ records: [record('one', { key: Buffer.from('k') }), record('two')], compression: 'gzip' }),
  batch({ records: [record('x')], producerId: 4242, producerEpoch: 0, baseSequence: 0 }),
  batch({ records: [record('y')], producerId: 4242, producerEpoch: 0, baseSequence: 1 }),
  batch({ records: [record('z')], producerId: 4242, producerEpoch: 1, baseSequence: 1 }),
  Buffer.from('0102', 'hex'),
]

/** By the field's name, behind its API's where that one means something else by it. */
const values: Readonly<Record<string, readonly unknown[]>> = {
  name: topics,
  topic: topics,
  topicName: topics,
  topicNames: topics,
  topicId: [idOfT, idOfT, idOfU, 'c29tZSBvdGhlciBpZCEhIQ'],
  partitionIndex: partitions,
  partition: partitions,
  index: partitions,
  partitions,
  partitionIndexes: partitions,
  groupId: groups,
  groups,
  groupsNames: groups,
  key: groups,
  coordinatorKeys: groups,
  keyType: [0],
  memberId: ['', 'nobody'],
  groupInstanceId: [null, null, 'instance'],
  generationId: epochs,
  generationIdOrMemberEpoch: epochs,
  memberEpoch: [-1],
  timestamp: [-1n, -2n, -3n, -4n, -9n, 0n, BigInt(recordTime), BigInt(recordTime + 1)],
  fetchOffset: offsets,
  offset: offsets,
  committedOffset: offsets,
  logStartOffset: [-1n],
  highWatermark: [9_223_372_036_854_775_807n],
  currentLeaderEpoch: epochs,
  leaderEpoch: epochs,
  lastFetchedEpoch: epochs,
  committedLeaderEpoch: epochs,
  committedMetadata: ['', 'm', null],
  commitTimestamp: [-1n],
  retentionTimeMs: [-1n],
  acks: [-1, 1, 2],
  transactionalId: [null],
  transactionTimeoutMs: [60_000],
  producerId: [-1n, 5n],
  producerEpoch: [-1, 0],
  records: batches,
  timeoutMs: [timeoutMs],
  maxWaitMs: [0],
  minBytes: [0, 1],
  maxBytes: [1, 1_000_000],
  partitionMaxBytes: [1, 1_000_000],
  isolationLevel: [0, 1],
  replicaId: [-1],
  replicaEpoch: [-1n],
  sessionId: [0],
  sessionEpoch: [-1],
  forgottenTopicsData: [],
  clusterId: [null],
  maxNumOffsets: [1],
  allowAutoTopicCreation: [false],
  numPartitions: [-1, 1, 2, 0],
  replicationFactor: [-1, 1, 2],
  count: [1, 3, 4, 0, -1],
  assignments: [],
  brokerIds: [1],
  protocolType: ['consumer', null],
  protocolName: ['range', null],
  resourceType: [2, 2, 2, 99],
  resourceName: topics,
  configurationKeys: configNames,
  'configs.name': configNames,
  value: ['1000', 'compact', 'nonsense', null],
  configOperation: [0, 1, 2, 3],
  includeDocumentation: [false],
  validateOnly: [true, false],
}

export function randomScenarios(random: SeededRandom, count: number): Scenario[] {
  return Array.from({ length: count }, (_, index) =>
    randomScenario(random.fork(), `random requests ${index + 1}`),
  )
}

function randomScenario(random: SeededRandom, name: string): Scenario {
  const chosen = Array.from({ length: apisOfEach }, () => pick(random, candidates))
  const partition = { partitionIndex: 0, committedOffset: 3n, committedMetadata: 'm' }
  const begin: Step[] = [
    withTopic('t', 3),
    withTopic('u'),
    ...withRecords('t', 3),
    send(
      'OffsetCommit',
      { groupId: named('g'), topics: [{ name: named('t'), partitions: [partition] }] },
      { at: 5, as: 'with offsets' },
    ),
  ]
  const steps = Array.from({ length: stepsOfEach }, () => {
    const api = pick(random, chosen)
    return send(api, structure(apis[api].request.fields, '', random) as never)
  })
  return scenario(name, [...begin, ...steps], ofNewestKafka)
}

function structure(fields: Fields, parent: string, random: SeededRandom): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, field]) => {
      const value = randomValue(name, parent, field, random)
      const range = field.options.versions
      return [name, new Standin(resolution => (inVersions(range, resolution.version) ? value : undefined))]
    }),
  )
}

function randomValue(name: string, parent: string, field: AnyField, random: SeededRandom): unknown {
  const pool = values[`${parent}.${name}`] ?? values[name]
  if (field.kind === 'array') return list(name, pool, field, random)
  if (field.kind === 'struct') return pool?.includes(null) ? null : structure(field.fields!, name, random)
  const said = pool?.filter(value => value !== null || 'nullable' in field.options)
  if (said !== undefined && said.length > 0) return pick(random, said)
  switch (field.kind) {
    case 'bool':
      return random.chance(0.5)
    case 'string':
      return 'text'
    case 'uuid':
      return zeroUuid
    case 'int64':
      return BigInt(random.between(-1, 5))
    case 'bytes':
      return Buffer.from('bytes')
    default:
      return random.between(-1, 5)
  }
}

/** Few items, of which no two are called the same. */
function list(
  name: string,
  pool: readonly unknown[] | undefined,
  field: AnyField,
  random: SeededRandom,
): unknown {
  const { fields } = field.element!
  if (fields === undefined) {
    const distinct = [...new Set(pool ?? [0])]
    return Array.from({ length: random.between(0, longestList) }, () => take(random, distinct)).filter(
      item => item !== undefined,
    )
  }
  if (pool?.length === 0) return []
  const naming = Object.keys(fields).filter(field => namesItems.has(field))
  const left = new Map(
    naming.map(field => [field, [...new Set(values[`${name}.${field}`] ?? values[field] ?? [])]]),
  )
  // No topics at all would be all of them to some.
  const least = name === 'topics' ? 1 : 0
  return Array.from({ length: random.between(least, longestList) }, () => ({
    ...structure(fields, name, random),
    ...Object.fromEntries(
      [...left].map(([field, names]) => [field, nameIn(fields[field]!, take(random, names))]),
    ),
  }))
}

const namesItems = new Set([
  'name',
  'topic',
  'topicId',
  'partitionIndex',
  'partition',
  'index',
  'groupId',
  'resourceName',
])

function nameIn(field: AnyField, value: unknown): Standin {
  const { versions } = field.options
  return new Standin(resolution => (inVersions(versions, resolution.version) ? value : undefined))
}

function take<T>(random: SeededRandom, from: T[]): T | undefined {
  return from.splice(random.between(0, from.length - 1), 1)[0]
}

function pick<T>(random: SeededRandom, from: readonly T[]): T {
  return from[random.between(0, from.length - 1)]!
}

/** Records: appended and read, and the places where they are not. */

import { batch, named, type Scenario, scenario, send, since, topicId, until } from '../scenario.ts'
import {
  fetchFrom,
  fetchPartition,
  gone,
  modern,
  oneRecord,
  produceTo,
  record,
  timeoutMs,
  topicOfRecords,
  topicsToDelete,
  withRecords,
  withTopic,
} from './requests.ts'

const unknownId = 'c29tZSBvdGhlciBpZCEhIQ'
export const recordScenarios: Scenario[] = [
  scenario(
    'records are appended and read',
    [
      withTopic('t', 2),
      produceTo('t', oneRecord('first')),
      produceTo(
        't',
        batch({
          records: [
            record('second', { key: Buffer.from('key') }),
            record(null, {
              headers: [
                { key: 'h', value: Buffer.from('v') },
                { key: 'h', value: null },
              ],
            }),
          ],
        }),
      ),
      produceTo('t', oneRecord('third'), { acks: 1 }),
      produceTo('t', oneRecord('fourth'), { acks: 0, unanswered: true }),
      produceTo('t', oneRecord('elsewhere'), { index: 1 }),
      fetchFrom('t', [fetchPartition(), fetchPartition({ partition: 1 })]),
      fetchFrom('t', [fetchPartition({ partition: 1 }), fetchPartition()]),
      fetchFrom('t', [fetchPartition({ fetchOffset: 1n })]),
      fetchFrom('t', [fetchPartition({ fetchOffset: 2n })]),
      fetchFrom('t', [fetchPartition({ fetchOffset: 5n })]),
      fetchFrom('t', [fetchPartition({ fetchOffset: 6n })]),
      fetchFrom('t', [fetchPartition({ fetchOffset: -1n })]),
      fetchFrom('t', [fetchPartition({ partitionMaxBytes: 1 })]),
      fetchFrom('t', [fetchPartition({ partitionMaxBytes: 0 })]),
      fetchFrom('t', [fetchPartition({ partitionMaxBytes: -1 })], {}, { as: 'partition_max_bytes of -1' }),
      fetchFrom('t', [fetchPartition(), fetchPartition({ partition: 1 })], { maxBytes: 1 }),
      fetchFrom('t', [fetchPartition(), fetchPartition({ partition: 1 })], { maxBytes: 0 }),
      fetchFrom('t', [fetchPartition({ partition: 7 })]),
      fetchFrom('t', [fetchPartition({ partition: -1 })]),
      fetchFrom('t', [fetchPartition()], { isolationLevel: 1 }),
      fetchFrom('t', [fetchPartition()], { isolationLevel: 9 }),
      fetchFrom('t', [fetchPartition()], { minBytes: 0 }),
      fetchFrom('t', [fetchPartition()], { minBytes: 10_000_000, maxWaitMs: 20 }),
      fetchFrom('t', [fetchPartition({ fetchOffset: 5n })], { maxWaitMs: 20 }),
      fetchFrom('t', [fetchPartition()], { replicaId: until(14, -2) }),
      fetchFrom('t', [fetchPartition()], { rackId: since(11, 'rack') }),
      fetchFrom('t', [fetchPartition()], { clusterId: since(12, 'another') }),
      fetchFrom('t', [fetchPartition(), fetchPartition()], {}, { as: 'a partition twice' }),
      send('Fetch', { maxWaitMs: 0, minBytes: 1, topics: [] }),
    ],
    modern,
  ),
  scenario(
    'bad places to append to',
    [
      withTopic('t'),
      withTopic('u'),
      send('Produce', {
        acks: -1,
        timeoutMs,
        topicData: [
          {
            name: until(12, named('none')),
            topicId: since(13, unknownId),
            partitionData: [{ index: 0, records: oneRecord() }],
          },
        ],
      }),
      produceTo('t', oneRecord(), { index: 1 }),
      produceTo('t', oneRecord(), { index: -1 }),
      produceTo('t', oneRecord(), { acks: 2 }),
      produceTo('t', oneRecord(), { acks: -2 }),
      send('Produce', { acks: -1, timeoutMs, topicData: [] }),
      send('Produce', {
        acks: -1,
        timeoutMs,
        topicData: [{ ...topicOfRecords('name', 't'), partitionData: [] }],
      }),
      send(
        'Produce',
        {
          acks: -1,
          timeoutMs,
          topicData: [
            {
              ...topicOfRecords('name', 't'),
              partitionData: [
                { index: 0, records: oneRecord() },
                { index: 5, records: oneRecord() },
                { index: 0, records: oneRecord() },
              ],
            },
            {
              ...topicOfRecords('name', 'u'),
              partitionData: [{ index: 0, records: Buffer.from('00', 'hex') }],
            },
          ],
        },
        { as: 'a partition twice' },
      ),
      send('Produce', {
        acks: -1,
        timeoutMs,
        topicData: [
          {
            name: until(12, '__consumer_offsets'),
            topicId: since(13, unknownId),
            partitionData: [{ index: 0, records: oneRecord() }],
          },
        ],
      }),
      send('Produce', {
        acks: -1,
        timeoutMs,
        topicData: [
          {
            name: until(12, ''),
            topicId: since(13, undefined),
            partitionData: [{ index: 0, records: oneRecord() }],
          },
        ],
      }),
      send('Produce', {
        acks: -1,
        timeoutMs,
        topicData: [
          {
            name: until(12, 'a b'),
            topicId: since(13, unknownId),
            partitionData: [{ index: 0, records: oneRecord() }],
          },
        ],
      }),
      produceTo('t', oneRecord(), { index: 9, acks: 0, unanswered: true }),
      produceTo('t', oneRecord(), { acks: 5, as: 'acks of five' }),
      send('Produce', { acks: 0, timeoutMs, topicData: [] }, { unanswered: true }),
      fetchFrom('t'),
    ],
    modern,
  ),
  scenario(
    'a time limit of zero, and a negative one',
    [
      withTopic('t'),
      send('Produce', {
        acks: -1,
        timeoutMs: 0,
        topicData: [{ ...topicOfRecords('name', 't'), partitionData: [{ index: 0, records: oneRecord() }] }],
      }),
      send('Produce', {
        acks: -1,
        timeoutMs: -1,
        topicData: [{ ...topicOfRecords('name', 't'), partitionData: [{ index: 0, records: oneRecord() }] }],
      }),
      send('Produce', {
        acks: 1,
        timeoutMs: -1,
        topicData: [{ ...topicOfRecords('name', 't'), partitionData: [{ index: 0, records: oneRecord() }] }],
      }),
    ],
    modern,
  ),
  scenario(
    'more in-sync replicas than there are',
    [
      withTopic('t', 1, { 'min.insync.replicas': '2' }),
      produceTo('t', oneRecord()),
      produceTo('t', oneRecord(), { acks: 1 }),
      fetchFrom('t'),
    ],
    modern,
  ),
  scenario(
    'a transactional id that nobody has',
    [
      withTopic('t'),
      send('Produce', {
        transactionalId: named('tx'),
        acks: -1,
        timeoutMs,
        topicData: [{ ...topicOfRecords('name', 't'), partitionData: [{ index: 0, records: oneRecord() }] }],
      }),
    ],
    modern,
  ),
  scenario(
    'bad places to read from',
    [
      withTopic('t'),
      ...withRecords('t', 1),
      send('Fetch', {
        maxWaitMs: 0,
        minBytes: 1,
        topics: [
          { topic: until(12, named('none')), topicId: since(13, unknownId), partitions: [fetchPartition()] },
        ],
      }),
      send('Fetch', {
        maxWaitMs: 0,
        minBytes: 1,
        topics: [{ topic: until(12, ''), partitions: [fetchPartition()] }],
      }),
      send('Fetch', {
        maxWaitMs: 0,
        minBytes: 1,
        topics: [
          { topic: until(12, 'a b'), topicId: since(13, unknownId), partitions: [fetchPartition()] },
          { ...topicOfRecords('topic', 't'), partitions: [fetchPartition()] },
        ],
      }),
      fetchFrom('t', [fetchPartition({ currentLeaderEpoch: since(9, 0) })]),
      fetchFrom('t', [fetchPartition({ currentLeaderEpoch: since(9, 1) })]),
      fetchFrom('t', [fetchPartition({ currentLeaderEpoch: since(9, -2) })]),
      fetchFrom('t', [fetchPartition({ lastFetchedEpoch: since(12, 0) })]),
      fetchFrom('t', [fetchPartition({ lastFetchedEpoch: since(12, 0), fetchOffset: 1n })]),
      fetchFrom('t', [fetchPartition({ lastFetchedEpoch: since(12, 5), fetchOffset: 1n })]),
      fetchFrom('t', [fetchPartition({ lastFetchedEpoch: since(12, 0), fetchOffset: 9n })]),
      fetchFrom('t', [fetchPartition({ lastFetchedEpoch: since(12, -3) })]),
      fetchFrom('t', [fetchPartition({ logStartOffset: since(5, 3n) })]),
      fetchFrom('t', [fetchPartition()], { maxWaitMs: -1 }),
      fetchFrom('t', [fetchPartition()], { minBytes: -1 }),
      fetchFrom('t', [fetchPartition()], { maxBytes: -1 }, { as: 'max_bytes of -1' }),
      fetchFrom('t', [fetchPartition()], {
        replicaId: until(14, 3),
        replicaState: since(15, { replicaId: 3, replicaEpoch: 1n }),
      }),
      fetchFrom('t', [fetchPartition()], {
        replicaId: until(14, 1),
        replicaState: since(15, { replicaId: 1, replicaEpoch: -1n }),
      }),
    ],
    modern,
  ),
  scenario(
    'a topic is read under the id that it had before',
    [
      withTopic('t'),
      ...withRecords('t', 1),
      fetchFrom('t', [fetchPartition()], {}, { versions: '13+' }),
      send('DeleteTopics', topicsToDelete(named('t')), { at: 4 }),
      gone('t'),
      withTopic('t'),
      send(
        'Fetch',
        { maxWaitMs: 0, minBytes: 1, topics: [{ topicId: topicId('t'), partitions: [fetchPartition()] }] },
        { versions: '13+' },
      ),
      send(
        'Produce',
        {
          acks: -1,
          timeoutMs,
          topicData: [{ topicId: topicId('t'), partitionData: [{ index: 0, records: oneRecord() }] }],
        },
        { versions: '13+' },
      ),
    ],
    modern,
  ),
  scenario(
    'a fetch waits for records',
    [
      withTopic('t'),
      fetchFrom('t', [fetchPartition()], { maxWaitMs: 5000 }, { pending: true, on: 'waiting', as: 'waits' }),
      produceTo('t', oneRecord('at last'), { at: 7 }),
    ],
    modern,
  ),
]

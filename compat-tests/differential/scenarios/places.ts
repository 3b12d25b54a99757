/** Places in logs: looked up by time and by epoch, and moved by deleting records. */
import { batch, named, type Scenario, type Step, scenario, send, since, until } from '../scenario.ts'
import {
  fetchFrom,
  fetchPartition,
  listOffsets,
  modern,
  produceTo,
  record,
  recordTime,
  timeoutMs,
  withRecords,
  withTopic,
} from './requests.ts'

export const placeScenarios: Scenario[] = [
  scenario('offsets are looked up', [
    withTopic('t', 2),
    produceTo(
      't',
      batch({
        records: [
          record('a', { timestamp: recordTime - 30 }),
          record('b', { timestamp: recordTime - 10 }),
          record('c', { timestamp: recordTime - 20 }),
        ],
      }),
      { at: 7 },
    ),
    produceTo(
      't',
      batch({
        records: [record('d', { timestamp: recordTime - 5 }), record('e', { timestamp: recordTime - 5 })],
        compression: 'gzip',
      }),
      { at: 7 },
    ),
    ...[
      -1n,
      -2n,
      -3n,
      -4n,
      -5n,
      -6n,
      -7n,
      0n,
      BigInt(recordTime - 30),
      BigInt(recordTime - 25),
      BigInt(recordTime - 20),
      BigInt(recordTime - 10),
      BigInt(recordTime - 7),
      BigInt(recordTime - 5),
      BigInt(recordTime),
      9_223_372_036_854_775_807n,
      -9_223_372_036_854_775_808n,
    ].map(timestamp =>
      listOffsets(
        't',
        [{ partitionIndex: 0, timestamp }],
        {},
        { as: `at ${timestamp < 0n ? timestamp : timestamp - BigInt(recordTime)}` },
      ),
    ),
    listOffsets('t', [{ partitionIndex: 1, timestamp: -1n }]),
    listOffsets('t', [{ partitionIndex: 1, timestamp: -2n }]),
    listOffsets('t', [{ partitionIndex: 1, timestamp: -3n }]),
    listOffsets('t', [{ partitionIndex: 1, timestamp: 5n }]),
    listOffsets(
      't',
      [
        { partitionIndex: 0, timestamp: -1n },
        { partitionIndex: 0, timestamp: -2n },
      ],
      {},
      { as: 'a partition twice' },
    ),
    listOffsets('t', [
      { partitionIndex: 1, timestamp: -1n },
      { partitionIndex: 0, timestamp: -1n },
    ]),
    listOffsets('t', [{ partitionIndex: 0, timestamp: -1n }], { isolationLevel: since(2, 1) }),
    listOffsets('t', [{ partitionIndex: 0, timestamp: -1n }], { isolationLevel: since(2, 7) }),
    listOffsets('t', [{ partitionIndex: 5, timestamp: -1n }]),
    listOffsets('t', [{ partitionIndex: -1, timestamp: -1n }]),
    listOffsets('none', [{ partitionIndex: 0, timestamp: -1n }]),
    listOffsets('none', [{ partitionIndex: 0, timestamp: -99n }]),
    listOffsets('t', [{ partitionIndex: 0, timestamp: -1n, currentLeaderEpoch: since(4, 0) }]),
    listOffsets('t', [{ partitionIndex: 0, timestamp: -1n, currentLeaderEpoch: since(4, 3) }]),
    listOffsets('t', [{ partitionIndex: 0, timestamp: -1n, currentLeaderEpoch: since(4, -2) }]),
    listOffsets('t', [{ partitionIndex: 0, timestamp: -1n }], { replicaId: -2 }),
    listOffsets('t', [{ partitionIndex: 0, timestamp: -1n }], { replicaId: 1 }),
    listOffsets('t', [{ partitionIndex: 0, timestamp: -1n }], { replicaId: 9 }),
    listOffsets('t', [{ partitionIndex: 0, timestamp: -1n, maxNumOffsets: until(0, 10) }]),
    listOffsets('t', [{ partitionIndex: 0, timestamp: -1n, maxNumOffsets: until(0, 0) }]),
    listOffsets('t', []),
    send('ListOffsets', { replicaId: -1, topics: [] }),
    send(
      'ListOffsets',
      {
        replicaId: -1,
        topics: [
          { name: named('t'), partitions: [{ partitionIndex: 0, timestamp: -1n }] },
          { name: named('t'), partitions: [{ partitionIndex: 0, timestamp: -2n }] },
        ],
      },
      { as: 'a topic twice' },
    ),
    send('ListOffsets', {
      replicaId: -1,
      topics: [{ name: '', partitions: [{ partitionIndex: 0, timestamp: -1n }] }],
    }),
  ]),
  scenario(
    'records are deleted',
    [
      withTopic('t', 2),
      ...withRecords('t', 5),
      ...deletions([2n, 2n, 1n, 5n, 6n, -1n, -2n, 9_223_372_036_854_775_807n]),
      listOffsets('t', [{ partitionIndex: 0, timestamp: -2n }]),
      fetchFrom('t', [fetchPartition({ fetchOffset: 1n })], {}, { at: 11 }),
      deletion('t', 5, 0n),
      deletion('t', -1, 0n),
      deletion('none', 0, 0n),
      deletion('t', 1, 0n),
      deletion('t', 1, -1n),
      deletion('t', 1, 1n),
      send('DeleteRecords', { topics: [], timeoutMs }),
      send('DeleteRecords', { topics: [{ name: named('t'), partitions: [] }], timeoutMs }),
      send('DeleteRecords', {
        topics: [{ name: '__consumer_offsets', partitions: [{ partitionIndex: 0, offset: 0n }] }],
        timeoutMs,
      }),
      send('DeleteRecords', {
        topics: [{ name: '', partitions: [{ partitionIndex: 0, offset: 0n }] }],
        timeoutMs,
      }),
      send('DeleteRecords', {
        topics: [
          {
            name: named('t'),
            partitions: [
              { partitionIndex: 1, offset: 0n },
              { partitionIndex: 0, offset: 0n },
              { partitionIndex: 7, offset: 0n },
            ],
          },
          { name: named('none'), partitions: [{ partitionIndex: 0, offset: 0n }] },
        ],
        timeoutMs,
      }),
      send(
        'DeleteRecords',
        {
          topics: [
            {
              name: named('t'),
              partitions: [
                { partitionIndex: 0, offset: -1n },
                { partitionIndex: 0, offset: 1n },
              ],
            },
          ],
          timeoutMs,
        },
        { as: 'a partition twice' },
      ),
    ],
    modern,
  ),
  scenario('records of a compacted topic are not deleted', [
    withTopic('t', 1, { 'cleanup.policy': 'compact' }),
    deletion('t', 0, 0n),
    deletion('t', 0, -1n),
  ]),
  scenario('where leader epochs end', [
    withTopic('t', 2),
    ...withRecords('t', 3),
    ...[0, 1, -1, -2, 2_147_483_647].map(leaderEpoch => epochEnd('t', { partition: 0, leaderEpoch })),
    epochEnd('t', { partition: 1, leaderEpoch: 0 }),
    epochEnd('t', { partition: 9, leaderEpoch: 0 }),
    epochEnd('none', { partition: 0, leaderEpoch: 0 }),
    epochEnd('t', { partition: 0, leaderEpoch: 0, currentLeaderEpoch: since(2, 0) }),
    epochEnd('t', { partition: 0, leaderEpoch: 0, currentLeaderEpoch: since(2, 4) }),
    epochEnd('t', { partition: 0, leaderEpoch: 0, currentLeaderEpoch: since(2, -2) }),
    send('OffsetForLeaderEpoch', { replicaId: -1, topics: [] }),
    send('OffsetForLeaderEpoch', {
      replicaId: -1,
      topics: [
        {
          topic: named('t'),
          partitions: [
            { partition: 1, leaderEpoch: 0 },
            { partition: 0, leaderEpoch: 0 },
          ],
        },
        { topic: named('none'), partitions: [{ partition: 0, leaderEpoch: 0 }] },
      ],
    }),
    send('OffsetForLeaderEpoch', {
      replicaId: since(3, -2),
      topics: [{ topic: named('t'), partitions: [{ partition: 0, leaderEpoch: 0 }] }],
    }),
    send('OffsetForLeaderEpoch', {
      replicaId: since(3, 5),
      topics: [{ topic: named('t'), partitions: [{ partition: 0, leaderEpoch: 0 }] }],
    }),
  ]),
]

function deletion(label: string, partitionIndex: number, offset: bigint): Step {
  return send('DeleteRecords', {
    topics: [{ name: named(label), partitions: [{ partitionIndex, offset }] }],
    timeoutMs,
  })
}

function deletions(offsets: bigint[]): Step[] {
  return offsets.map(offset => deletion('t', 0, offset))
}

function epochEnd(label: string, partition: Record<string, unknown>): Step {
  return send('OffsetForLeaderEpoch', {
    replicaId: -1,
    topics: [{ topic: named(label), partitions: [partition as never] }],
  })
}

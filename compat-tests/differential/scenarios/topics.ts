/** Topics: how they are created, grown, described and deleted, and what is refused. */
import { answerOf, named, type Scenario, scenario, send, since, topicId } from '../scenario.ts'
import { gone, newTopic, there, timeoutMs, topicsToDelete, withTopic } from './requests.ts'

const seen = (label: string) =>
  send('Metadata', { topics: [{ name: named(label) }], allowAutoTopicCreation: since(4, false) })
const long = 'x'.repeat(250)

/** One CreateTopics request with one topic. */
const creation = (name: string, topic: Record<string, unknown>, rest: Record<string, unknown> = {}) =>
  scenario(name, [
    send('CreateTopics', { topics: [newTopic(named('t'), topic)], timeoutMs, ...rest }),
    send('Metadata', { topics: [{ name: named('t') }], allowAutoTopicCreation: false }, { at: 9 }),
  ])

const configs = (...entries: [string, string | null][]) => entries.map(([name, value]) => ({ name, value }))

export const topicScenarios: Scenario[] = [
  scenario(
    'a topic is created, seen, created again, deleted, and deleted again',
    [
      send('CreateTopics', { topics: [newTopic(named('t'))], timeoutMs }),
      seen('t'),
      send('CreateTopics', { topics: [newTopic(named('t'))], timeoutMs }),
      send('DeleteTopics', topicsToDelete(named('t'))),
      gone('t'),
      send('DeleteTopics', topicsToDelete(named('t'))),
    ],
    { Metadata: '4+' },
  ),
  creation('three partitions', { numPartitions: 3 }),
  creation('no partitions', { numPartitions: 0 }),
  creation('a negative number of partitions', { numPartitions: -2 }),
  creation('the default number of partitions', { numPartitions: -1 }),
  creation('the default replication factor', { replicationFactor: -1 }),
  creation('defaults of both', { numPartitions: -1, replicationFactor: -1 }),
  creation('two replicas', { replicationFactor: 2 }),
  creation('no replicas', { replicationFactor: 0 }),
  creation('minus two replicas', { replicationFactor: -2 }),
  creation('both wrong', { numPartitions: 0, replicationFactor: 0 }),
  creation('more partitions than a broker may have', { numPartitions: 2_147_483_647 }),
  creation('an assignment', {
    numPartitions: -1,
    replicationFactor: -1,
    assignments: [
      { partitionIndex: 0, brokerIds: [1] },
      { partitionIndex: 1, brokerIds: [1] },
    ],
  }),
  creation('an assignment beside a number of partitions', {
    assignments: [{ partitionIndex: 0, brokerIds: [1] }],
  }),
  creation('an assignment with a gap', {
    numPartitions: -1,
    replicationFactor: -1,
    assignments: [
      { partitionIndex: 0, brokerIds: [1] },
      { partitionIndex: 2, brokerIds: [1] },
    ],
  }),
  creation('an assignment that does not begin with 0', {
    numPartitions: -1,
    replicationFactor: -1,
    assignments: [{ partitionIndex: 1, brokerIds: [1] }],
  }),
  creation('an assignment that names a partition twice', {
    numPartitions: -1,
    replicationFactor: -1,
    assignments: [
      { partitionIndex: 0, brokerIds: [1] },
      { partitionIndex: 0, brokerIds: [1] },
    ],
  }),
  creation('an assignment to nobody', {
    numPartitions: -1,
    replicationFactor: -1,
    assignments: [{ partitionIndex: 0, brokerIds: [] }],
  }),
  creation('an assignment to an unknown broker', {
    numPartitions: -1,
    replicationFactor: -1,
    assignments: [{ partitionIndex: 0, brokerIds: [9] }],
  }),
  creation('an assignment to a broker twice', {
    numPartitions: -1,
    replicationFactor: -1,
    assignments: [{ partitionIndex: 0, brokerIds: [1, 1] }],
  }),
  creation('an assignment of a negative partition', {
    numPartitions: -1,
    replicationFactor: -1,
    assignments: [{ partitionIndex: -1, brokerIds: [1] }],
  }),
  creation('an assignment with sizes that differ', {
    numPartitions: -1,
    replicationFactor: -1,
    assignments: [
      { partitionIndex: 0, brokerIds: [1] },
      { partitionIndex: 1, brokerIds: [] },
    ],
  }),
  creation('configurations', {
    configs: configs(['retention.ms', '1000'], ['cleanup.policy', 'compact,delete']),
  }),
  creation('an unknown configuration', { configs: configs(['no.such', '1']) }),
  creation('a configuration that is no number', { configs: configs(['retention.ms', 'long']) }),
  creation('a configuration out of its range', { configs: configs(['segment.bytes', '1']) }),
  creation('a configuration without a value', { configs: configs(['retention.ms', null]) }),
  creation('a configuration with an empty value', { configs: configs(['cleanup.policy', '']) }),
  creation('a configuration twice', { configs: configs(['retention.ms', '1000'], ['retention.ms', '2000']) }),
  creation('configurations that contradict each other', {
    configs: configs(['min.compaction.lag.ms', '2000'], ['max.compaction.lag.ms', '1000']),
  }),
  creation('a bad configuration and a bad number of partitions', {
    numPartitions: 0,
    configs: configs(['no.such', '1']),
  }),
  creation(
    'only validated',
    { configs: configs(['retention.ms', '1000']) },
    { validateOnly: since(1, true) },
  ),
  creation('only validated, and wrong', { numPartitions: 0 }, { validateOnly: since(1, true) }),
  creation('no time', {}, { timeoutMs: 0 }),
  creation('a negative time', {}, { timeoutMs: -1 }),
  scenario('bad names', [
    send('CreateTopics', {
      topics: ['', '.', '..', 'a b', 'a/b', 'ä', long].map(name => newTopic(name)),
      timeoutMs,
    }),
    send('Metadata', { topics: ['', '.', '..', 'a b', 'ä', long].map(name => ({ name })) }),
    send('DeleteTopics', topicsToDelete('', '.', 'a b')),
  ]),
  scenario('internal topics', [
    send('CreateTopics', { topics: [newTopic('__consumer_offsets')], timeoutMs }),
    send('CreateTopics', {
      topics: [newTopic('__cluster_metadata')],
      timeoutMs,
      validateOnly: since(1, true),
    }),
    send(
      'Metadata',
      { topics: [{ name: '__cluster_metadata' }], allowAutoTopicCreation: since(4, false) },
      { versions: '4+' },
    ),
    send('CreatePartitions', {
      topics: [{ name: '__consumer_offsets', count: 3, assignments: null }],
      timeoutMs,
    }),
  ]),
  scenario('names that collide in metrics', [
    send('CreateTopics', { topics: [newTopic(named('a.b'))], timeoutMs }),
    send('CreateTopics', { topics: [newTopic(named('a_b'))], timeoutMs }),
    send('CreateTopics', { topics: [newTopic(named('c.d')), newTopic(named('c_d'))], timeoutMs }),
  ]),
  scenario('several topics in one request', [
    send('CreateTopics', { topics: [newTopic(named('a')), newTopic(named('b')), newTopic('')], timeoutMs }),
    send('CreateTopics', {
      topics: [newTopic(named('c')), newTopic(named('c')), newTopic(named('d'))],
      timeoutMs,
    }),
    send('CreateTopics', { topics: [], timeoutMs }),
    send('CreateTopics', {
      topics: [newTopic(named('a')), newTopic(named('e'), { numPartitions: 0 })],
      timeoutMs,
    }),
  ]),
  scenario('several topics are deleted in one request', [
    withTopic('a'),
    withTopic('b'),
    send('DeleteTopics', topicsToDelete(named('a'), named('none'), named('b'))),
    gone('a'),
    send('DeleteTopics', topicsToDelete()),
  ]),
  scenario('a topic is deleted by a name that is there twice', [
    withTopic('a'),
    send('DeleteTopics', topicsToDelete(named('a'), named('a'))),
  ]),
  scenario(
    'topics are deleted by id',
    [
      withTopic('a'),
      withTopic('b'),
      withTopic('c'),
      send(
        'DeleteTopics',
        { topics: [{ name: null, topicId: topicId('a') }], timeoutMs },
        { versions: '6+' },
      ),
      gone('a'),
      send(
        'DeleteTopics',
        { topics: [{ name: null, topicId: topicId('a') }], timeoutMs },
        { versions: '6+' },
      ),
      send(
        'DeleteTopics',
        { topics: [{ name: named('b'), topicId: topicId('b') }], timeoutMs },
        { versions: '6+' },
      ),
      send('DeleteTopics', { topics: [{ name: null }], timeoutMs }, { versions: '6+' }),
      send(
        'DeleteTopics',
        { topics: [{ name: named('c') }, { name: null, topicId: topicId('c') }], timeoutMs },
        { versions: '6+', as: 'a topic twice' },
      ),
      send(
        'DeleteTopics',
        {
          topics: [
            { name: null, topicId: topicId('b') },
            { name: null, topicId: topicId('b') },
          ],
          timeoutMs,
        },
        { versions: '6+', as: 'an id twice' },
      ),
    ],
    { DeleteTopics: '6+' },
  ),
  scenario('a topic is created anew with another id', [
    send('CreateTopics', { topics: [newTopic(named('t'))], timeoutMs }, { as: 'first' }),
    send('DeleteTopics', topicsToDelete(named('t'))),
    gone('t'),
    send(
      'CreateTopics',
      { topics: [newTopic(named('t'), { numPartitions: 2 })], timeoutMs },
      { as: 'second' },
    ),
    send(
      'Metadata',
      { topics: [{ name: null, topicId: answerOf('first', 'topics', 0, 'topicId') }] },
      { versions: '12+' },
    ),
    send(
      'Metadata',
      { topics: [{ name: null, topicId: answerOf('second', 'topics', 0, 'topicId') }] },
      { versions: '12+' },
    ),
  ]),
  scenario(
    'partitions are added',
    [
      withTopic('t'),
      send('CreatePartitions', { topics: [{ name: named('t'), count: 3, assignments: null }], timeoutMs }),
      seen('t'),
      send('CreatePartitions', { topics: [{ name: named('t'), count: 3, assignments: null }], timeoutMs }),
      send('CreatePartitions', { topics: [{ name: named('t'), count: 2, assignments: null }], timeoutMs }),
      send('CreatePartitions', { topics: [{ name: named('t'), count: 0, assignments: null }], timeoutMs }),
      send('CreatePartitions', { topics: [{ name: named('t'), count: -1, assignments: null }], timeoutMs }),
      send('CreatePartitions', { topics: [{ name: named('none'), count: 3, assignments: null }], timeoutMs }),
      send('CreatePartitions', { topics: [{ name: '', count: 3, assignments: null }], timeoutMs }),
      send('CreatePartitions', { topics: [], timeoutMs }),
      send('CreatePartitions', { topics: [{ name: named('t'), count: 4, assignments: [] }], timeoutMs }),
      send('CreatePartitions', {
        topics: [{ name: named('t'), count: 5, assignments: [{ brokerIds: [1] }] }],
        timeoutMs,
      }),
      send('CreatePartitions', {
        topics: [{ name: named('t'), count: 6, assignments: [{ brokerIds: [9] }] }],
        timeoutMs,
      }),
      send('CreatePartitions', {
        topics: [{ name: named('t'), count: 7, assignments: [{ brokerIds: [1, 1] }, { brokerIds: [1] }] }],
        timeoutMs,
      }),
      send('CreatePartitions', {
        topics: [{ name: named('t'), count: 6, assignments: [{ brokerIds: [] }] }],
        timeoutMs,
      }),
      send('CreatePartitions', {
        topics: [{ name: named('t'), count: 6, assignments: [{ brokerIds: [1] }, { brokerIds: [1] }] }],
        timeoutMs,
      }),
      send('CreatePartitions', {
        topics: [{ name: named('t'), count: 2_147_483_647, assignments: null }],
        timeoutMs,
      }),
      send('CreatePartitions', {
        topics: [{ name: named('t'), count: 8, assignments: null }],
        timeoutMs,
        validateOnly: true,
      }),
      send('CreatePartitions', {
        topics: [
          { name: named('t'), count: 8, assignments: null },
          { name: named('t'), count: 9, assignments: null },
        ],
        timeoutMs,
      }),
      seen('t'),
    ],
    { Metadata: '4+' },
  ),
  scenario('partitions are added to several topics in one request', [
    withTopic('a'),
    withTopic('b'),
    send('CreatePartitions', {
      topics: [
        { name: named('a'), count: 2, assignments: null },
        { name: named('none'), count: 2, assignments: null },
        { name: named('b'), count: 1, assignments: null },
      ],
      timeoutMs,
    }),
  ]),
  scenario('metadata of some topics, none and unknown ones', [
    withTopic('a', 2),
    send('Metadata', { topics: [{ name: named('a') }] }),
    send('Metadata', { topics: [] }, { versions: '1+' }),
    send(
      'Metadata',
      { topics: [{ name: named('none') }], allowAutoTopicCreation: since(4, false) },
      { versions: '4+' },
    ),
    send('Metadata', { topics: [{ name: named('a') }, { name: named('a') }] }),
    send('Metadata', { topics: [{ name: named('a') }], includeTopicAuthorizedOperations: since(8, true) }),
    send(
      'Metadata',
      { topics: [{ name: named('a') }], includeClusterAuthorizedOperations: since(8, true) },
      { versions: '8-10' },
    ),
    send('Metadata', { topics: [{ name: null, topicId: topicId('a') }] }, { versions: '10+' }),
    send('Metadata', { topics: [{ name: named('a'), topicId: topicId('a') }] }, { versions: '10+' }),
    send('Metadata', { topics: [{ name: null, topicId: 'c29tZSBvdGhlciBpZCEhIQ' }] }, { versions: '10+' }),
    send('Metadata', { topics: [{ name: null }] }, { versions: '10+', as: 'neither name nor id' }),
    send('Metadata', { topics: [{ name: '', topicId: topicId('a') }] }, { versions: '12+' }),
    send(
      'Metadata',
      { topics: [{ name: named('a') }, { name: null, topicId: topicId('a') }] },
      { versions: '12+', as: 'a topic twice' },
    ),
  ]),
  scenario('a topic is made by asking for it', [
    send('Metadata', { topics: [{ name: named('auto') }] }),
    there('auto'),
    send('Metadata', { topics: [{ name: named('auto') }] }),
    send(
      'Metadata',
      { topics: [{ name: named('not') }], allowAutoTopicCreation: since(4, false) },
      { versions: '4+' },
    ),
  ]),
  scenario('partitions are described page by page', [
    withTopic('a', 3),
    withTopic('b', 2),
    send('DescribeTopicPartitions', { topics: [{ name: named('a') }, { name: named('b') }] }),
    send('DescribeTopicPartitions', {
      topics: [{ name: named('b') }, { name: named('a') }],
      responsePartitionLimit: 2,
    }),
    send('DescribeTopicPartitions', {
      topics: [{ name: named('b') }, { name: named('a') }],
      responsePartitionLimit: 3,
    }),
    send('DescribeTopicPartitions', {
      topics: [{ name: named('a') }, { name: named('b') }],
      responsePartitionLimit: 0,
    }),
    send('DescribeTopicPartitions', { topics: [{ name: named('a') }], responsePartitionLimit: -1 }),
    send('DescribeTopicPartitions', {
      topics: [{ name: named('a') }, { name: named('b') }],
      cursor: { topicName: named('a'), partitionIndex: 1 },
    }),
    send('DescribeTopicPartitions', {
      topics: [{ name: named('a') }, { name: named('b') }],
      cursor: { topicName: named('b'), partitionIndex: 0 },
    }),
    send('DescribeTopicPartitions', {
      topics: [{ name: named('a') }],
      cursor: { topicName: named('a'), partitionIndex: -1 },
    }),
    send('DescribeTopicPartitions', {
      topics: [{ name: named('a') }],
      cursor: { topicName: named('a'), partitionIndex: 9 },
    }),
    send('DescribeTopicPartitions', {
      topics: [{ name: named('a') }],
      cursor: { topicName: named('none'), partitionIndex: 0 },
    }),
    send('DescribeTopicPartitions', { topics: [{ name: named('none') }, { name: named('a') }] }),
    send('DescribeTopicPartitions', { topics: [{ name: named('a') }, { name: named('a') }] }),
    send('DescribeTopicPartitions', { topics: [{ name: 'a b' }] }),
  ]),
]

/**
 * DescribeConfigs, AlterConfigs, IncrementalAlterConfigs and ListConfigResources, called as clients call them. Codes
 * and messages are those of Apache Kafka 4.4 for the same requests, unless a comment says otherwise.
 */
import t, { type Test } from 'tap'
import { errorCodes, errorName } from '../../protocol-codecs/error-codes.ts'
import { alterConfigs } from '../requests/alter-configs.ts'
import { createTopics } from '../requests/create-topics.ts'
import { describeConfigs } from '../requests/describe-configs.ts'
import { incrementalAlterConfigs } from '../requests/incremental-alter-configs.ts'
import { listConfigResources } from '../requests/list-config-resources.ts'
import { DynamicSettings } from '../settings/dynamic-settings.ts'
import type { TopicCatalog } from '../storage/topic-catalog.ts'
import { call, type TestServices, type TestServicesOptions, testServices } from '../testing/test-services.ts'
import { configAdministration } from './config-administration.ts'

const topicType = 2
const brokerType = 4
const [set, remove, append, subtract] = [0, 1, 2, 3]

async function broker(t: Test, options: TestServicesOptions = {}): Promise<TestServices> {
  const services = await testServices({
    ...options,
    settings: { 'write.caching.default': false, ...options.settings },
  })
  t.teardown(() => services.close())
  return services
}

type Step = readonly [name: string, operation: number | undefined, value: string | null]
type Resource<Configs> = readonly [type: number, name: string, configs: Configs]

/** The outcome of each resource: NONE, or the error with its message. */
const outcomes = (responses: readonly { errorCode: number; errorMessage: string | null }[]) =>
  responses.map(({ errorCode, errorMessage }) =>
    errorCode === errorCodes.NONE ? (errorMessage ?? 'NONE') : `${errorName(errorCode)}: ${errorMessage}`,
  )

async function alter(
  services: TestServices,
  resources: readonly Resource<readonly Step[]>[],
  { validateOnly = false, version = 1 } = {},
): Promise<string[]> {
  const request = {
    resources: resources.map(([resourceType, resourceName, steps]) => ({
      resourceType,
      resourceName,
      configs: steps.map(([name, configOperation, value]) => ({
        name,
        configOperation: configOperation!,
        value,
      })),
    })),
    validateOnly,
  }
  return outcomes((await call(incrementalAlterConfigs, version, request, services)).responses)
}

const alterTopic = (services: TestServices, name: string, ...steps: Step[]) =>
  alter(services, [[topicType, name, steps]])
const alterBroker = (services: TestServices, name: string, ...steps: Step[]) =>
  alter(services, [[brokerType, name, steps]])

async function replace(
  services: TestServices,
  resources: readonly Resource<Readonly<Record<string, string | null>> | [string, string][]>[],
  { validateOnly = false, version = 2 } = {},
): Promise<string[]> {
  const request = {
    resources: resources.map(([resourceType, resourceName, configs]) => ({
      resourceType,
      resourceName,
      configs: (Array.isArray(configs) ? configs : Object.entries(configs)).map(([name, value]) => ({
        name,
        value,
      })),
    })),
    validateOnly,
  }
  return outcomes((await call(alterConfigs, version, request, services)).responses)
}

async function describe(
  services: TestServices,
  resourceType: number,
  resourceName: string,
  configurationKeys: string[] | null = null,
) {
  const request = {
    resources: [{ resourceType, resourceName, configurationKeys }],
    includeSynonyms: true,
    includeDocumentation: true,
  }
  return (await call(describeConfigs, 4, request, services)).results[0]!
}

/** Each configuration as `value from source: synonyms`. */
async function described(
  services: TestServices,
  resourceType: number,
  name: string,
  keys: string[] | null = null,
) {
  const { configs } = await describe(services, resourceType, name, keys)
  return Object.fromEntries(
    configs.map(({ name, value, configSource, synonyms }) => [
      name,
      [value, configSource, ...synonyms.map(({ name, value, source }) => `${name}=${value}@${source}`)],
    ]),
  )
}

const topicNamed = (name: string) => ({ type: 'topic', name }) as const

const overridesOf = (services: TestServices, topic: string) =>
  services.catalog.current().topics.get(topic)!.overrides

t.test('configurations of a topic are described with where they come from', async t => {
  const services = await broker(t, {
    settings: { 'message.max.bytes': 2_000_000, 'log.retention.hours': 24, 'log.segment.bytes': 5_000_000 },
  })
  const configs = [
    { name: 'segment.bytes', value: '2000000' },
    { name: 'cleanup.policy', value: ' compact , delete ' },
  ]
  const created = await call(
    createTopics,
    7,
    {
      topics: [{ name: 'events', numPartitions: 1, replicationFactor: 1, assignments: [], configs }],
      timeoutMs: 1000,
    },
    services,
  )
  const some = ['segment.bytes', 'max.message.bytes', 'retention.ms', 'flush.ms', 'cleanup.policy', 'no.such']
  t.same(await described(services, topicType, 'events', some), {
    'cleanup.policy': ['compact,delete', 1, 'cleanup.policy=compact,delete@1', 'log.cleanup.policy=delete@5'],
    'flush.ms': ['9223372036854775807', 5],
    'max.message.bytes': ['2000000', 4, 'message.max.bytes=2000000@4', 'message.max.bytes=1048588@5'],
    // Kafka looks for log.retention.ms alone, which is not set.
    'retention.ms': ['86400000', 5],
    'segment.bytes': [
      '2000000',
      1,
      'segment.bytes=2000000@1',
      'log.segment.bytes=5000000@4',
      'log.segment.bytes=1073741824@5',
    ],
  })
  const shown = Object.fromEntries(
    created.topics[0]!.configs!.map(({ name, value, configSource }) => [name, [value, configSource]]),
  )
  t.match(shown, {
    'segment.bytes': ['2000000', 1],
    'max.message.bytes': ['2000000', 4],
    // CreateTopics tells what counts.
    'retention.ms': ['86400000', 4],
    'flush.ms': ['9223372036854775807', 5],
  })
  const everything = await described(services, topicType, 'events')
  t.same(Object.keys(everything), Object.keys(shown), 'all of them, if none is named')
  t.same(await described(services, topicType, 'events', []), everything, 'or an empty list')
  t.notOk('internal.segment.bytes' in everything)

  const { configs: one } = await describe(services, topicType, 'events', ['retention.ms'])
  t.match(one, [
    { readOnly: false, isSensitive: false, configType: 5, documentation: /^How long records are kept/ },
  ])
})

t.test('configurations of a broker are described with all that stands behind them', async t => {
  const services = await broker(t, { settings: { 'log.retention.hours': 24 } })
  t.same(
    await alter(services, [
      [brokerType, '1', [['message.max.bytes', set, '1500000']]],
      [
        brokerType,
        '',
        [
          ['message.max.bytes', set, '1600000'],
          ['log.retention.ms', set, ' 7200000 '],
        ],
      ],
    ]),
    ['NONE', 'NONE'],
  )
  const names = [
    'message.max.bytes',
    'log.retention.ms',
    'log.retention.hours',
    'log.retention.minutes',
    'log.roll.ms',
  ]
  const ofBroker = await described(services, brokerType, '1', names)
  t.same(ofBroker, {
    'log.retention.hours': ['24', 4, 'log.retention.hours=24@4', 'log.retention.hours=168@5'],
    'log.retention.minutes': [null, 5],
    'log.retention.ms': [
      '7200000',
      3,
      'log.retention.ms= 7200000 @3',
      'log.retention.hours=24@4',
      'log.retention.hours=168@5',
    ],
    'log.roll.ms': [null, 5],
    'message.max.bytes': [
      '1500000',
      2,
      'message.max.bytes=1500000@2',
      'message.max.bytes=1600000@3',
      'message.max.bytes=1048588@5',
    ],
  })
  t.same(await described(services, brokerType, '01', names), ofBroker, 'a number is a number')
  t.same(await described(services, brokerType, ''), {
    'log.retention.ms': [' 7200000 ', 3, 'log.retention.ms= 7200000 @3'],
    'message.max.bytes': ['1600000', 3, 'message.max.bytes=1600000@3'],
  })
  t.same(Object.keys(await described(services, brokerType, '', ['message.max.bytes'])), ['message.max.bytes'])

  const { configs } = await describe(services, brokerType, '1', ['node.id', 'max.connections', 'log.dirs'])
  t.match(configs, [
    { name: 'log.dirs', readOnly: true, configType: 7 },
    { name: 'max.connections', readOnly: false, configType: 3 },
    { name: 'node.id', readOnly: true, documentation: /^The id of this broker/ },
  ])
  await services.createTopic('events')
  t.same(await described(services, topicType, 'events', ['retention.ms']), {
    'retention.ms': [
      '7200000',
      3,
      'log.retention.ms= 7200000 @3',
      'log.retention.hours=24@4',
      'log.retention.hours=168@5',
    ],
  })
})

t.test('each version of DescribeConfigs says what it can', async t => {
  const services = await broker(t)
  await services.createTopic('events')
  await alterTopic(services, 'events', ['retention.ms', set, '5'])
  const resources = [
    { resourceType: topicType, resourceName: 'events', configurationKeys: ['retention.ms', 'segment.ms'] },
  ]
  const ofVersion = async (version: number, options = {}) =>
    (await call(describeConfigs, version, { resources, ...options }, services)).results[0]!.configs
  const first = [
    { value: '5', isDefault: false },
    { value: '604800000', isDefault: false },
  ]
  t.match(await ofVersion(0), first, 'of nothing that it is a default, as Kafka 3.9')
  t.match(await ofVersion(1), [{ configSource: 1, synonyms: [] }, { configSource: 5 }])
  t.match(await ofVersion(2, { includeSynonyms: true }), [
    { synonyms: [{ name: 'retention.ms', source: 1 }] },
    {},
  ])
  t.match(await ofVersion(3), [{ configType: 5, documentation: null }, {}])
  t.match(await ofVersion(4, { includeDocumentation: true }), [{ documentation: /./ }, {}])
})

t.test('what cannot be described is told of each resource', async t => {
  const services = await broker(t)
  await services.createTopic('events')
  const asked: [number, string, string][] = [
    [topicType, 'events', ''],
    [topicType, 'absent', "UNKNOWN_TOPIC_OR_PARTITION: The topic 'absent' does not exist."],
    [brokerType, '7', 'INVALID_REQUEST: Unexpected broker id, expected 1 or empty string, but received 7'],
    [brokerType, 'x', 'INVALID_REQUEST: Broker id must be an integer, but it is: x'],
    // Kafka describes this one.
    [32, 'one', 'INVALID_REQUEST: Configurations of groups are not served yet'],
  ]
  const resources = asked.map(([resourceType, resourceName]) => ({
    resourceType,
    resourceName,
    configurationKeys: null,
  }))
  const { results } = await call(describeConfigs, 4, { resources }, services)
  t.same(
    outcomes(results),
    asked.map(([, , outcome]) => outcome),
  )
  t.match(results[1], { resourceType: topicType, resourceName: 'absent', configs: [] })
  for (const name of ['a b', '']) {
    t.match(outcomes([await describe(services, topicType, name)]), [/^INVALID_TOPIC_EXCEPTION: /])
  }
})

t.test('configurations of a topic are set, taken away, and changed as lists', async t => {
  const services = await broker(t)
  await services.createTopic('events')
  const steps: [Step[], Record<string, string>][] = [
    [
      [
        ['retention.ms', set, ' 77 '],
        ['cleanup.policy', append, 'compact'],
      ],
      { 'retention.ms': ' 77 ', 'cleanup.policy': 'delete,compact' },
    ],
    [
      [
        ['cleanup.policy', append, 'compact,delete'],
        ['retention.ms', remove, 'whatever'],
      ],
      { 'cleanup.policy': 'delete,compact' },
    ],
    [[['cleanup.policy', subtract, 'delete']], { 'cleanup.policy': 'compact' }],
    [[['cleanup.policy', subtract, 'compact']], { 'cleanup.policy': '' }],
    [[['cleanup.policy', append, 'compact']], { 'cleanup.policy': 'compact' }],
    [[['cleanup.policy', remove, null]], {}],
    [[['cleanup.policy', subtract, 'delete']], { 'cleanup.policy': '' }],
    [
      [
        ['cleanup.policy', remove, null],
        ['flush.ms', remove, null],
        ['no.such', remove, null],
      ],
      {},
    ],
    [[], {}],
  ]
  for (const [taken, expected] of steps) {
    t.same(await alterTopic(services, 'events', ...taken), ['NONE'])
    t.same(overridesOf(services, 'events'), expected, JSON.stringify(taken))
  }
  t.same(await alter(services, [[topicType, 'events', [['segment.ms', set, '9']]]], { version: 0 }), ['NONE'])
  t.equal(services.catalog.current().topics.get('events')!.config.segmentMs, 9)
  t.same(await alter(services, []), [])
})

t.test('an alteration of a topic is refused in the words of Kafka', async t => {
  const services = await broker(t)
  await services.createTopic('events')
  const invalid = (text: string) => `INVALID_CONFIG: ${text}`
  const refusals: [Step[], string][] = [
    [[['no.such', set, '1']], invalid('Unknown topic config name: no.such')],
    [[['__proto__', set, '1']], invalid('Unknown topic config name: __proto__')],
    [[['no.such', append, '1']], invalid("Can't APPEND to key no.such because its type is not LIST.")],
    [
      [['retention.ms', append, '1']],
      invalid("Can't APPEND to key retention.ms because its type is not LIST."),
    ],
    [
      [['retention.ms', subtract, '1']],
      invalid("Can't SUBTRACT to key retention.ms because its type is not LIST."),
    ],
    [
      [['retention.ms', set, 'abc']],
      invalid('Invalid value abc for configuration retention.ms: Not a number of type LONG'),
    ],
    [
      [['retention.ms', set, '-5']],
      invalid('Invalid value -5 for configuration retention.ms: Value must be at least -1'),
    ],
    [
      [['preallocate', set, 'yes']],
      invalid('Invalid value yes for configuration preallocate: Expected value to be either true or false'),
    ],
    [
      [
        ['min.compaction.lag.ms', set, '50'],
        ['max.compaction.lag.ms', set, '5'],
      ],
      invalid('conflict topic config setting min.compaction.lag.ms (50) > max.compaction.lag.ms (5)'),
    ],
    [[['retention.ms', set, null]], 'INVALID_REQUEST: Null value not supported for : retention.ms'],
    [
      [
        ['retention.ms', set, null],
        ['segment.ms', append, null],
        ['flush.ms', remove, null],
      ],
      'INVALID_REQUEST: Null value not supported for : retention.ms, segment.ms',
    ],
    [
      [
        ['retention.ms', set, '5'],
        ['retention.ms', remove, null],
      ],
      'INVALID_REQUEST: Error due to duplicate config keys',
    ],
    // Kafka answers UNKNOWN_SERVER_ERROR for a topic, and this for a broker.
    [[['retention.ms', 9, '5']], 'UNKNOWN_SERVER_ERROR: Unknown operations type 9'],
  ]
  for (const [steps, refusal] of refusals) {
    t.same(await alterTopic(services, 'events', ...steps), [refusal], JSON.stringify(steps))
  }
  t.same(overridesOf(services, 'events'), {})

  const retention = (value: string): Step[] => [['retention.ms', set, value]]
  t.same(await alter(services, [[topicType, 'absent', retention('5')]]), [
    "UNKNOWN_TOPIC_OR_PARTITION: The topic 'absent' does not exist.",
  ])
  t.match(await alter(services, [[topicType, 'absent', retention('abc')]]), [/^INVALID_CONFIG/])
  t.same(await alter(services, [[topicType, 'absent', []]]), [
    "UNKNOWN_TOPIC_OR_PARTITION: The topic 'absent' does not exist.",
  ])
  t.match(await alter(services, [[topicType, 'a b', retention('5')]]), [/^INVALID_TOPIC_EXCEPTION/])
  const listed: Step[] = [['retention.ms', append, '5']]
  t.match(await alter(services, [[topicType, 'a b', listed]]), [/^INVALID_CONFIG/], 'wherever it was to go')
  t.same(await alter(services, [[topicType, '', retention('5')]]), [
    'INVALID_REQUEST: Default topic resources are not allowed.',
  ])
})

t.test('resources of a request succeed and fail one by one', async t => {
  const services = await broker(t)
  for (const name of ['a', 'b', 'c']) await services.createTopic(name)
  let changes = 0
  services.catalog.onChange(() => changes++)
  const once = 'INVALID_REQUEST: Each resource must appear at most once.'
  const retention = (value: string): Step[] => [['retention.ms', set, value]]
  t.match(
    await alter(services, [
      [topicType, 'a', retention('1')],
      [topicType, 'b', retention('x')],
      [topicType, 'absent', retention('1')],
      [brokerType, '', [['log.retention.ms', set, '2']]],
      [topicType, 'c', retention('1')],
      [topicType, 'c', retention('2')],
      [99, 'c', []],
    ]),
    ['NONE', /^INVALID_CONFIG/, /^UNKNOWN_TOPIC/, 'NONE', once, once, /Unknown resource type 99/],
  )
  t.equal(changes, 1, 'those that succeed change together')
  const retentions = [...services.catalog.current().topics.values()].map(({ config }) => config.retentionMs)
  t.same(retentions, [1, 2, 2])
  t.same(services.settings['log.retention.ms'], 2)

  t.same(await alter(services, [[topicType, 'a', retention('9')]], { validateOnly: true }), ['NONE'])
  t.match(await alter(services, [[topicType, 'a', retention('x')]], { validateOnly: true }), [
    /^INVALID_CONFIG/,
  ])
  t.same(await replace(services, [[topicType, 'a', {}]], { validateOnly: true }), ['NONE'])
  t.equal(changes, 1)

  const both = await Promise.all([
    alterTopic(services, 'a', ['cleanup.policy', append, 'compact']),
    alterTopic(services, 'a', ['cleanup.policy', subtract, 'delete']),
  ])
  t.same(both, [['NONE'], ['NONE']])
  t.equal(
    overridesOf(services, 'a')['cleanup.policy'],
    'compact',
    'each sees what the one before it has left',
  )
})

t.test('AlterConfigs takes away what it does not name', async t => {
  const services = await broker(t)
  await services.createTopic('events')
  await alterTopic(services, 'events', ['retention.ms', set, '5'], ['segment.ms', set, '6'])
  t.same(await replace(services, [[topicType, 'events', { 'segment.ms': '6', 'flush.ms': '7' }]]), ['NONE'])
  t.same(overridesOf(services, 'events'), { 'segment.ms': '6', 'flush.ms': '7' })
  const refusals: [Resource<Record<string, string | null> | [string, string][]>, string][] = [
    [
      [topicType, 'events', { 'segment.ms': null }],
      'INVALID_REQUEST: Null value not supported for : segment.ms',
    ],
    [
      [
        topicType,
        'events',
        [
          ['segment.ms', '1'],
          ['segment.ms', '1'],
        ],
      ],
      'INVALID_REQUEST: Error due to duplicate config keys',
    ],
    [[topicType, 'events', { 'no.such': '3' }], 'INVALID_CONFIG: Unknown topic config name: no.such'],
    [
      [topicType, 'events', { 'segment.bytes': '3' }],
      'INVALID_CONFIG: Invalid value 3 for configuration segment.bytes: Value must be at least 1048576',
    ],
    [
      [topicType, 'absent', { 'segment.ms': '3' }],
      "UNKNOWN_TOPIC_OR_PARTITION: The topic 'absent' does not exist.",
    ],
    [
      [brokerType, '1', { 'num.partitions': '17' }],
      'INVALID_REQUEST: Cannot update these configs dynamically: [num.partitions]',
    ],
    [[99, '1', {}], 'INVALID_REQUEST: Unknown resource type 99'],
  ]
  for (const [resource, refusal] of refusals) t.same(await replace(services, [resource]), [refusal])
  // Kafka does not answer this at all.
  t.match(
    await replace(services, [
      [topicType, 'events', {}],
      [topicType, 'events', {}],
    ]),
    [/at most once/, /at most once/],
  )
  t.same(overridesOf(services, 'events'), { 'segment.ms': '6', 'flush.ms': '7' })
  for (const version of [0, 1]) {
    t.same(await replace(services, [[topicType, 'events', {}]], { version }), ['NONE'])
    t.same(overridesOf(services, 'events'), {})
  }
  await alterBroker(services, '', ['message.max.bytes', set, '5'], ['log.roll.ms', set, '6'])
  t.same(await replace(services, [[brokerType, '', { 'log.roll.ms': '7' }]]), ['NONE'])
  t.match(services.settings, { 'message.max.bytes': 1048588, 'log.roll.ms': 7 })
})

t.test('settings of a broker change if they may and can', async t => {
  const services = await broker(t)
  await services.createTopic('events')
  const perIpZero =
    'INVALID_REQUEST: max.connections.per.ip can be set to zero only if max.connections.per.ip.overrides property is set.'
  const outcomesOf: [string, Step[], string][] = [
    [
      '1',
      [['num.partitions', set, '3']],
      'INVALID_REQUEST: Cannot update these configs dynamically: [num.partitions]',
    ],
    [
      '',
      [
        ['num.partitions', set, '3'],
        ['max.connections', set, '3'],
        ['log.dirs', set, '/x'],
      ],
      'INVALID_REQUEST: Cannot update these configs dynamically: [num.partitions, log.dirs]',
    ],
    ['1', [['num.partitions', remove, null]], 'NONE'],
    ['1', [['no.such', remove, null]], 'NONE'],
    ['1', [['no.such', append, '3']], 'INVALID_CONFIG: Unknown config name: no.such'],
    ['', [['no.such', set, '3']], 'NONE'],
    // Kafka takes this one; here it could do nothing.
    [
      '1',
      [['num.io.threads', set, '3']],
      'INVALID_REQUEST: num.io.threads would have no effect: Ottla has an event loop where Kafka has thread pools.',
    ],
    [
      '1',
      [['message.max.bytes', append, '1']],
      'INVALID_CONFIG: Config value append is not allowed for config key: message.max.bytes',
    ],
    [
      '1',
      [['log.retention.ms', set, 'x']],
      'INVALID_REQUEST: Invalid value x for configuration log.retention.ms: Not a number of type LONG',
    ],
    [
      '',
      [['message.max.bytes', set, '-1']],
      'INVALID_REQUEST: Invalid value -1 for configuration message.max.bytes: Value must be at least 0',
    ],
    [
      '7',
      [['message.max.bytes', set, '1']],
      'INVALID_REQUEST: Unexpected broker id, expected 1, but received 7',
    ],
    ['x', [['message.max.bytes', set, '1']], 'INVALID_REQUEST: Node id must be an integer, but it is: x'],
    ['1', [['message.max.bytes', 9, '1']], 'UNKNOWN_SERVER_ERROR: Unknown operations type 9'],
    ['1', [['max.connections.per.ip', set, '0']], perIpZero],
    ['', [['max.connections.per.ip.overrides', set, '10.0.0.1:5']], 'NONE'],
    ['1', [['max.connections.per.ip', set, '0']], 'NONE'],
    ['', [['max.connections.per.ip.overrides', remove, null]], perIpZero],
    ['01', [['log.cleanup.policy', append, 'compact']], 'NONE'],
  ]
  for (const [name, steps, outcome] of outcomesOf) {
    t.same(await alterBroker(services, name, ...steps), [outcome], `${name} ${JSON.stringify(steps)}`)
  }
  const resets = ['1', ''].map(name => {
    const limit = name === '1' ? 'max.connections.per.ip' : 'max.connections.per.ip.overrides'
    return [brokerType, name, [[limit, remove, null]]] as const
  })
  t.same(
    await alter(services, resets, { validateOnly: true }),
    ['NONE', 'NONE'],
    'the second after the first',
  )
  t.match(services.settings, { 'max.connections.per.ip': 0, 'log.cleanup.policy': ['delete', 'compact'] })
  t.same([...services.catalog.current().brokerConfigs.keys()], ['', '1'])
  t.same(services.catalog.current().topics.get('events')!.config.cleanupPolicy, {
    delete: true,
    compact: true,
  })
  t.same(
    await alter(services, [[brokerType, '1', [['max.connections', set, '3']]]], { validateOnly: true }),
    ['NONE'],
  )
  t.not(services.settings['max.connections'], 3)
  t.match(services.warnings, [
    'no.such=3 is stored, but there is no such setting',
    'log.cleanup.policy=delete,compact is stored, but compaction is not carried out yet',
  ])
})

t.test('resources that configurations could be described of are listed', async t => {
  const services = await broker(t)
  for (const name of ['a', 'b']) await services.createTopic(name)
  const listed = async (resourceTypes: number[]) => {
    const { errorCode, configResources } = await call(listConfigResources, 1, { resourceTypes }, services)
    t.equal(errorCode, errorCodes.NONE)
    return configResources.map(({ resourceType, resourceName }) => `${resourceType}:${resourceName}`)
  }
  t.same(await listed([]), ['8:1', '4:1', '2:a', '2:b'])
  t.same(await listed([2]), ['2:a', '2:b'])
  t.same(await listed([4, 32]), ['4:1'])
  t.same(await listed([16]), [])
  t.same((await call(listConfigResources, 0, {}, services)).configResources, [])
  await t.rejects(call(listConfigResources, 1, { resourceTypes: [2, 99] }, services), {
    name: 'UNSUPPORTED_VERSION',
  })
})

t.test(
  'a topic that goes while others are altered with it is told so, and the others are altered',
  async t => {
    const services = await broker(t)
    for (const name of ['stays', 'goes']) await services.createTopic(name)
    const { catalog } = services
    let isFirst = true
    const interrupted: TopicCatalog = {
      current: () => catalog.current(),
      onChange: listener => catalog.onChange(listener),
      allocateProducerIds: () => catalog.allocateProducerIds(),
      metadataLog: () => catalog.metadataLog(),
      async change(change) {
        if (isFirst) {
          isFirst = false
          await catalog.change({ type: 'delete-topic', id: catalog.current().topics.get('goes')!.id })
        }
        return catalog.change(change)
      },
    }
    const settings = new DynamicSettings(services.settings)
    const configs = configAdministration({ catalog: interrupted, settings, logger: services.logger })
    const results = await configs.replace(
      ['stays', 'goes'].map(name => ({ resource: topicNamed(name), configs: { 'retention.ms': '5' } })),
      false,
    )
    t.match(results, [{ error: 'NONE' }, { error: 'UNKNOWN_TOPIC_OR_PARTITION' }])
    t.same(overridesOf(services, 'stays'), { 'retention.ms': '5' })

    const full: TopicCatalog = {
      ...interrupted,
      change: () => services.catalog.change({ type: 'delete-topic', id: 'nobody' }),
    }
    const failing = configAdministration({ catalog: full, settings, logger: services.logger })
    const failed = await failing.replace([{ resource: topicNamed('stays'), configs: {} }], false)
    t.match(failed, [{ error: 'UNKNOWN_TOPIC_ID' }], 'any other error is told of all that were to change')
  },
)

/** Configurations of topics, brokers and what else has them: described, altered one by one and replaced. */
import { named, type Scenario, type SendOptions, type Step, scenario, send, since } from '../scenario.ts'
import { withTopic } from './requests.ts'

// biome-ignore lint/suspicious/noExplicitAny: values that may stand for others
type Any = any

const topic = 2
const broker = 4
const logger = 8
const [set, remove, append, subtract] = [0, 1, 2, 3]

const theTopic = { resourceType: topic, resourceName: named('t') }
function describe(
  resource: Record<string, unknown>,
  configurationKeys: string[] | null = null,
  rest: Record<string, unknown> = {},
  options: SendOptions = {},
): Step {
  return send('DescribeConfigs', { resources: [{ ...resource, configurationKeys }], ...rest } as Any, options)
}
function alter(
  resource: Record<string, unknown>,
  changes: [name: string, operation: number, value: string | null][],
  rest: Record<string, unknown> = {},
): Step {
  const configs = changes.map(([name, configOperation, value]) => ({ name, configOperation, value }))
  return send('IncrementalAlterConfigs', { resources: [{ ...resource, configs }], ...rest } as Any)
}
function replace(
  resource: Record<string, unknown>,
  values: [name: string, value: string | null][],
  rest: Record<string, unknown> = {},
): Step {
  const configs = values.map(([name, value]) => ({ name, value }))
  return send('AlterConfigs', { resources: [{ ...resource, configs }], ...rest } as Any)
}
/** What was altered on the topic, with where it comes from. */
const asked = describe(theTopic, ['retention.ms', 'cleanup.policy', 'max.message.bytes', 'segment.bytes'], {
  includeSynonyms: since(1, true),
})

export const configScenarios: Scenario[] = [
  scenario('configurations of a topic are described', [
    withTopic('t', 1, { 'retention.ms': '1000' }),
    describe(theTopic),
    describe(theTopic, []),
    describe(theTopic, ['retention.ms']),
    describe(theTopic, ['retention.ms', 'no.such']),
    describe(theTopic, ['no.such']),
    describe(theTopic, ['retention.ms', 'retention.ms']),
    describe(theTopic, ['segment.bytes', 'retention.ms'], { includeSynonyms: since(1, true) }),
    describe(theTopic, null, { includeSynonyms: since(1, true) }),
    describe(theTopic, ['retention.ms'], { includeDocumentation: since(3, true) }),
    describe({ resourceType: topic, resourceName: named('none') }),
    describe({ resourceType: topic, resourceName: '' }),
    describe({ resourceType: topic, resourceName: 'a b' }),
    describe({ resourceType: 0, resourceName: 'x' }),
    describe({ resourceType: 1, resourceName: 'x' }),
    describe({ resourceType: 3, resourceName: 'x' }),
    describe({ resourceType: 99, resourceName: 'x' }),
    describe({ resourceType: -1, resourceName: 'x' }),
    send('DescribeConfigs', { resources: [] }),
    send('DescribeConfigs', {
      resources: [
        { ...theTopic, configurationKeys: ['retention.ms'] },
        { ...theTopic, configurationKeys: ['segment.ms'] },
        { resourceType: topic, resourceName: named('none'), configurationKeys: null },
      ],
    } as Any),
  ]),
  scenario('configurations of a broker are described', [
    describe({ resourceType: broker, resourceName: '1' }, [
      'log.retention.ms',
      'log.retention.hours',
      'num.network.threads',
      'message.max.bytes',
      'node.id',
      'compression.type',
      'log.cleaner.threads',
    ]),
    describe(
      { resourceType: broker, resourceName: '1' },
      ['log.retention.ms', 'num.io.threads', 'message.max.bytes'],
      { includeSynonyms: since(1, true) },
    ),
    describe({ resourceType: broker, resourceName: '' }),
    describe({ resourceType: broker, resourceName: '' }, ['log.retention.ms']),
    describe({ resourceType: broker, resourceName: '9' }),
    describe({ resourceType: broker, resourceName: 'x' }),
    describe({ resourceType: broker, resourceName: '-1' }),
    describe({ resourceType: logger, resourceName: '' }),
    describe({ resourceType: logger, resourceName: '9' }),
    describe({ resourceType: logger, resourceName: 'x' }),
    describe({ resourceType: 16, resourceName: 'metrics' }),
    describe({ resourceType: 16, resourceName: '' }),
    describe({ resourceType: 32, resourceName: named('g') }, null, {}, { as: 'of a group' }),
    describe({ resourceType: 32, resourceName: '' }),
  ]),
  scenario('configurations of a topic are altered one by one', [
    withTopic('t'),
    alter(theTopic, [
      ['retention.ms', set, '1000'],
      ['max.message.bytes', set, '2000'],
    ]),
    asked,
    alter(theTopic, [['retention.ms', remove, null]]),
    asked,
    alter(theTopic, [['retention.ms', remove, 'ignored']]),
    alter(theTopic, [['cleanup.policy', append, 'compact']]),
    asked,
    alter(theTopic, [['cleanup.policy', append, 'compact']]),
    asked,
    alter(theTopic, [['cleanup.policy', subtract, 'delete']]),
    asked,
    alter(theTopic, [['cleanup.policy', subtract, 'nothing']]),
    alter(theTopic, [['cleanup.policy', subtract, 'compact']]),
    asked,
    alter(theTopic, [['cleanup.policy', append, 'nonsense']]),
    alter(theTopic, [['retention.ms', append, '5']]),
    alter(theTopic, [['retention.ms', subtract, '5']]),
    alter(theTopic, [['retention.ms', set, null]]),
    alter(theTopic, [['retention.ms', set, '']]),
    alter(theTopic, [['retention.ms', set, 'long']]),
    alter(theTopic, [['retention.ms', set, ' 77 ']]),
    alter(theTopic, [['retention.ms', set, '-2']]),
    alter(theTopic, [['segment.bytes', set, '1']]),
    alter(theTopic, [['no.such', set, '1']]),
    alter(theTopic, [['no.such', remove, null]]),
    alter(theTopic, [['', set, '1']]),
    alter(theTopic, [['retention.ms', 9, '1']]),
    alter(theTopic, [['retention.ms', -1, '1']]),
    alter(theTopic, [
      ['retention.ms', set, '1'],
      ['retention.ms', set, '2'],
    ]),
    alter(theTopic, [
      ['retention.ms', set, '1'],
      ['retention.ms', remove, null],
    ]),
    alter(theTopic, [
      ['retention.ms', set, '1'],
      ['no.such', set, '2'],
    ]),
    alter(theTopic, [
      ['min.compaction.lag.ms', set, '20'],
      ['max.compaction.lag.ms', set, '10'],
    ]),
    alter(theTopic, []),
    alter(theTopic, [['retention.ms', set, '4321']], { validateOnly: true }),
    alter(theTopic, [['no.such', set, '4321']], { validateOnly: true }),
    asked,
    alter({ resourceType: topic, resourceName: named('none') }, [['retention.ms', set, '1']]),
    alter({ resourceType: topic, resourceName: '' }, [['retention.ms', set, '1']]),
    alter({ resourceType: topic, resourceName: 'a b' }, [['retention.ms', set, '1']]),
    alter({ resourceType: 0, resourceName: 'x' }, [['retention.ms', set, '1']]),
    alter({ resourceType: 3, resourceName: 'x' }, [['retention.ms', set, '1']]),
    alter({ resourceType: 99, resourceName: 'x' }, [['retention.ms', set, '1']]),
    send('IncrementalAlterConfigs', { resources: [] }),
    send('IncrementalAlterConfigs', {
      resources: [
        { ...theTopic, configs: [{ name: 'retention.ms', configOperation: 0, value: '9' }] },
        { ...theTopic, configs: [{ name: 'segment.ms', configOperation: 0, value: '9' }] },
      ],
    } as Any),
    send('IncrementalAlterConfigs', {
      resources: [
        { resourceType: topic, resourceName: named('none'), configs: [] },
        { ...theTopic, configs: [{ name: 'retention.ms', configOperation: 0, value: '99' }] },
      ],
    } as Any),
    asked,
  ]),
  scenario('configurations of a topic are replaced', [
    withTopic('t', 1, { 'retention.ms': '1000' }),
    replace(theTopic, [['max.message.bytes', '2000']]),
    asked,
    replace(
      theTopic,
      [
        ['max.message.bytes', '3000'],
        ['cleanup.policy', 'compact'],
      ],
      { validateOnly: true },
    ),
    asked,
    replace(theTopic, [['max.message.bytes', null]]),
    asked,
    replace(theTopic, [['retention.ms', 'long']]),
    replace(theTopic, [['no.such', '1']]),
    replace(theTopic, [
      ['retention.ms', '1'],
      ['retention.ms', '2'],
    ]),
    asked,
    replace(theTopic, []),
    asked,
    replace({ resourceType: topic, resourceName: named('none') }, [['retention.ms', '1']]),
    replace({ resourceType: topic, resourceName: '' }, [['retention.ms', '1']]),
    replace({ resourceType: 0, resourceName: 'x' }, [['retention.ms', '1']]),
    replace({ resourceType: 99, resourceName: 'x' }, [['retention.ms', '1']]),
    replace({ resourceType: logger, resourceName: '1' }, [['root', 'INFO']]),
    send('AlterConfigs', { resources: [] }),
    send(
      'AlterConfigs',
      {
        resources: [
          { ...theTopic, configs: [{ name: 'retention.ms', value: '9' }] },
          { ...theTopic, configs: [{ name: 'segment.ms', value: '9' }] },
        ],
      } as Any,
      { as: 'a resource twice' },
    ),
  ]),
  {
    ...scenario('configurations of a broker are altered', [
      alter({ resourceType: broker, resourceName: '1' }, [['log.retention.ms', set, '99999999']]),
      describe({ resourceType: broker, resourceName: '1' }, ['log.retention.ms'], {
        includeSynonyms: since(1, true),
      }),
      alter({ resourceType: broker, resourceName: '' }, [
        ['log.retention.ms', set, '88888888'],
        ['message.max.bytes', set, '2000000'],
      ]),
      describe({ resourceType: broker, resourceName: '1' }, ['log.retention.ms', 'message.max.bytes'], {
        includeSynonyms: since(1, true),
      }),
      describe({ resourceType: broker, resourceName: '' }),
      alter({ resourceType: broker, resourceName: '1' }, [['log.retention.ms', remove, null]]),
      describe({ resourceType: broker, resourceName: '1' }, ['log.retention.ms'], {
        includeSynonyms: since(1, true),
      }),
      alter({ resourceType: broker, resourceName: '' }, [
        ['log.retention.ms', remove, null],
        ['message.max.bytes', remove, null],
      ]),
      replace({ resourceType: broker, resourceName: '1' }, []),
      describe({ resourceType: broker, resourceName: '' }),
      alter({ resourceType: broker, resourceName: '1' }, [['node.id', set, '7']]),
      alter({ resourceType: broker, resourceName: '' }, [['listeners', set, 'PLAINTEXT://:1']]),
      alter({ resourceType: broker, resourceName: '9' }, [['log.retention.ms', set, '1']]),
      alter({ resourceType: broker, resourceName: 'x' }, [['log.retention.ms', set, '1']]),
      alter({ resourceType: broker, resourceName: '1' }, [['no.such', set, '1']]),
      describe({ resourceType: broker, resourceName: '1' }, ['no.such'], { includeSynonyms: since(1, true) }),
      alter({ resourceType: broker, resourceName: '' }, [['no.such', set, '2']]),
      describe({ resourceType: broker, resourceName: '1' }, ['no.such'], { includeSynonyms: since(1, true) }),
      describe({ resourceType: broker, resourceName: '' }),
      alter({ resourceType: broker, resourceName: '1' }, [['no.such', remove, null]]),
      alter({ resourceType: broker, resourceName: '' }, [['no.such', remove, null]]),
      alter({ resourceType: broker, resourceName: '1' }, [
        ['leader.replication.throttled.rate', set, '1000'],
      ]),
      alter({ resourceType: broker, resourceName: '1' }, [
        ['leader.replication.throttled.rate', remove, null],
      ]),
      alter({ resourceType: broker, resourceName: '1' }, [['log.retention.ms', set, 'long']]),
      alter({ resourceType: broker, resourceName: '' }, [['message.max.bytes', set, '-1']]),
      alter({ resourceType: logger, resourceName: '1' }, [['root', set, 'NONSENSE']]),
      alter({ resourceType: logger, resourceName: '1' }, [['no.such.logger', set, 'INFO']]),
      alter({ resourceType: logger, resourceName: '9' }, [['root', set, 'INFO']]),
      alter({ resourceType: logger, resourceName: '' }, [['root', set, 'INFO']]),
    ]),
    isAlone: true,
  },
]

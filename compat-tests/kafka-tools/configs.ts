/** kafka-configs: of topics, of one broker, and of all of them; what is altered holds, and holds after a crash. */
import assert from 'node:assert/strict'
import { type Capability, inArea, requireRestart, type TestContext } from '../capability.ts'
import { connectedAdmin, createTopic } from '../kafkajs/client.ts'
import { eventually } from '../wait-for.ts'
import { linesOf, refusedTool, tool } from './tools.ts'

interface Entry {
  value: string
  /** `SOURCE:name=value`, what holds first. */
  synonyms: string[]
}

type Entries = Record<string, Entry>

/** What `--describe` prints below each heading: `name=value sensitive=false synonyms={...}`. */
function entriesOf(output: string): Entries {
  const entries: Entries = {}
  for (const line of linesOf(output)) {
    const match = /^ {2}(\S+?)=(.*) sensitive=\w+ synonyms=\{(.*)\}$/.exec(line)
    if (match === null) continue
    const [, name, value, synonyms] = match
    entries[name!] = { value: value!, synonyms: synonyms === '' ? [] : synonyms!.split(', ') }
  }
  return entries
}

async function describe(context: TestContext, resource: string[], ...options: string[]): Promise<Entries> {
  return entriesOf(await tool(context, 'kafka-configs', ['--describe', ...resource, ...options]))
}

/** Describes until it is so: an alteration is answered before every part of Kafka has heard of it. */
function described(
  context: TestContext,
  resource: string[],
  isSo: (entries: Entries) => boolean,
): Promise<Entries> {
  return eventually(`configurations of ${resource.join(' ')}`, () => describe(context, resource), isSo)
}

function alter(context: TestContext, resource: string[], ...options: string[]): Promise<string> {
  return tool(context, 'kafka-configs', ['--alter', ...resource, ...options])
}

function refusedAlter(context: TestContext, resource: string[], ...options: string[]): Promise<string> {
  return refusedTool(context, 'kafka-configs', ['--alter', ...resource, ...options])
}

const topicNamed = (name: string) => ['--entity-type', 'topics', '--entity-name', name]
const brokerDefault = ['--entity-type', 'brokers', '--entity-default']

async function thisBroker(context: TestContext): Promise<string[]> {
  const admin = await connectedAdmin(context)
  const { brokers } = await admin.describeCluster()
  return ['--entity-type', 'brokers', '--entity-name', String(brokers[0]!.nodeId)]
}

async function topicConfigs(context: TestContext): Promise<void> {
  const topic = topicNamed(await createTopic(context, 'tools-configs', 1, { 'retention.ms': '3600000' }))
  const before = await describe(context, topic)
  assert.deepEqual(Object.keys(before), ['retention.ms'])
  assert.equal(before['retention.ms']!.value, '3600000')
  assert.equal(before['retention.ms']!.synonyms[0], 'DYNAMIC_TOPIC_CONFIG:retention.ms=3600000')

  const completed = await alter(
    context,
    topic,
    '--add-config',
    'retention.ms=7200000,cleanup.policy=[compact,delete]',
  )
  assert.match(completed, /^Completed updating config for topic /)
  const after = await described(context, topic, entries => 'cleanup.policy' in entries)
  assert.deepEqual(Object.keys(after).sort(), ['cleanup.policy', 'retention.ms'])
  assert.equal(after['retention.ms']!.value, '7200000')
  assert.deepEqual(after['cleanup.policy'], {
    value: 'compact,delete',
    synonyms: [
      'DYNAMIC_TOPIC_CONFIG:cleanup.policy=compact,delete',
      'DEFAULT_CONFIG:log.cleanup.policy=delete',
    ],
  })

  const all = await describe(context, topic, '--all')
  assert.deepEqual(all['segment.bytes'], {
    value: '1073741824',
    synonyms: ['DEFAULT_CONFIG:log.segment.bytes=1073741824'],
  })
  assert.deepEqual(all['max.message.bytes']!.synonyms, ['DEFAULT_CONFIG:message.max.bytes=1048588'])
  assert.equal(all['retention.ms']!.value, '7200000')

  // What is not set may be taken away as well.
  for (let time = 0; time < 2; time++) await alter(context, topic, '--delete-config', 'cleanup.policy')
  await described(context, topic, entries => Object.keys(entries).join() === 'retention.ms')
}

async function refusedTopicConfigs(context: TestContext): Promise<void> {
  const topic = topicNamed(await createTopic(context, 'tools-refused-configs'))
  const refusals: [setting: string, reason: RegExp][] = [
    ['no.such.config=1', /InvalidConfigurationException: Unknown topic config name: no\.such\.config/],
    [
      'retention.ms=long',
      /InvalidConfigurationException: Invalid value long for configuration retention\.ms/,
    ],
    ['segment.bytes=1', /InvalidConfigurationException/],
    ['cleanup.policy=forget', /InvalidConfigurationException/],
  ]
  for (const [setting, reason] of refusals) {
    assert.match(await refusedAlter(context, topic, '--add-config', setting), reason)
  }
  assert.deepEqual(await describe(context, topic), {})
  const nobody = topicNamed(context.uniqueName('nobody'))
  assert.match(
    await refusedAlter(context, nobody, '--add-config', 'retention.ms=1'),
    /UnknownTopicOrPartitionException/,
  )
  const absent = await tool(context, 'kafka-configs', ['--describe', ...nobody])
  assert.match(absent, /doesn't exist and doesn't have dynamic config/)
}

async function everyTopic(context: TestContext): Promise<void> {
  const topics = [
    await createTopic(context, 'tools-every', 1, { 'flush.messages': '7' }),
    await createTopic(context, 'tools-every'),
  ]
  const output = await tool(context, 'kafka-configs', ['--describe', '--entity-type', 'topics'])
  for (const topic of topics)
    assert.match(output, new RegExp(`^Dynamic configs for topic ${topic} are:$`, 'm'))
  assert.match(output, /^ {2}flush\.messages=7 /m)
}

/** A setting that nothing else in these tests looks at. */
const setting = 'log.retention.ms'

async function brokerConfigs(context: TestContext): Promise<void> {
  const broker = await thisBroker(context)
  const isUnset = (entries: Entries) => !(setting in entries)
  context.cleanUp(() => alter(context, broker, '--delete-config', setting))
  context.cleanUp(() => alter(context, brokerDefault, '--delete-config', setting))
  assert.ok(isUnset(await describe(context, broker)))

  assert.match(
    await alter(context, brokerDefault, '--add-config', `${setting}=700000002`),
    /^Completed updating default config for brokers in the cluster/,
  )
  await alter(context, broker, '--add-config', `${setting}=700000001`)
  const ofBroker = await described(context, broker, entries => entries[setting]?.synonyms.length === 3)
  assert.deepEqual(ofBroker[setting], {
    value: '700000001',
    synonyms: [
      `DYNAMIC_BROKER_CONFIG:${setting}=700000001`,
      `DYNAMIC_DEFAULT_BROKER_CONFIG:${setting}=700000002`,
      'DEFAULT_CONFIG:log.retention.hours=168',
    ],
  })
  const ofAll = await described(context, brokerDefault, entries => setting in entries)
  assert.deepEqual(ofAll[setting], {
    value: '700000002',
    synonyms: [`DYNAMIC_DEFAULT_BROKER_CONFIG:${setting}=700000002`],
  })

  // A topic takes it over, from the nearest that says something.
  const topic = topicNamed(await createTopic(context, 'tools-inherits'))
  const retention = async () => (await describe(context, topic, '--all'))['retention.ms']!.value
  assert.equal(await retention(), '700000001')
  await alter(context, broker, '--delete-config', setting)
  await eventually('the default of all brokers to hold', retention, value => value === '700000002')
  await alter(context, brokerDefault, '--delete-config', setting)
  await eventually('the default to hold', retention, value => value === '604800000')
  assert.ok(isUnset(await describe(context, broker)) && isUnset(await describe(context, brokerDefault)))
}

async function refusedBrokerConfigs(context: TestContext): Promise<void> {
  const broker = await thisBroker(context)
  const refused = (text: string) => refusedAlter(context, broker, '--add-config', text)
  assert.match(await refused('node.id=7'), /Cannot update these configs dynamically: \[node\.id\]/)
  assert.match(await refused(`${setting}=long`), /Invalid value long for configuration log\.retention\.ms/)
  assert.ok(!(setting in (await describe(context, broker))))
}

async function brokerLoggers(context: TestContext): Promise<void> {
  const [, , , id] = await thisBroker(context)
  const loggers = ['--entity-type', 'broker-loggers', '--entity-name', id!]
  const level = async (name: string) => (await describe(context, loggers))[name]?.value
  assert.equal(await level('root'), 'INFO')
  const names = Object.keys(await describe(context, loggers))
  const other = names.find(name => name !== 'root')!
  context.cleanUp(() => alter(context, loggers, '--add-config', 'root=INFO'))
  await alter(context, loggers, '--add-config', `root=WARN,${other}=ERROR`)
  assert.deepEqual([await level('root'), await level(other)], ['WARN', 'ERROR'])
  await alter(context, loggers, '--delete-config', other)
  assert.equal(await level(other), 'WARN')
  assert.match(
    await refusedAlter(context, loggers, '--add-config', 'root=LOUD'),
    /Cannot set the log level of root to LOUD as it is not a supported log level/,
  )
  assert.match(
    await refusedAlter(context, loggers, '--add-config', 'nobody=INFO'),
    /Invalid broker logger\(s\): nobody/,
  )
  assert.match(
    await refusedAlter(context, loggers, '--delete-config', 'root'),
    /Removing the log level of the root logger is not allowed/,
  )
}

async function survivesCrash(context: TestContext): Promise<void> {
  const restart = requireRestart(context)
  const topic = topicNamed(await createTopic(context, 'tools-durable'))
  const broker = await thisBroker(context)
  await alter(context, topic, '--add-config', 'retention.bytes=123456789')
  await alter(context, broker, '--add-config', `${setting}=700000003`)
  context.cleanUp(() => alter(context, broker, '--delete-config', setting))
  await restart()
  const configs = await described(context, topic, entries => 'retention.bytes' in entries)
  assert.equal(configs['retention.bytes']!.value, '123456789')
  const ofBroker = await described(context, broker, entries => setting in entries)
  assert.equal(ofBroker[setting]!.value, '700000003')
}

export const configCapabilities: Capability[] = inArea('configs', [
  { name: 'kafka-configs of a topic: describe, add, delete', test: topicConfigs },
  { name: 'kafka-configs of a topic: what is refused', test: refusedTopicConfigs },
  { name: 'kafka-configs of every topic', test: everyTopic },
  { name: 'kafka-configs of a broker and of all brokers', test: brokerConfigs },
  { name: 'kafka-configs of a broker: what is refused', test: refusedBrokerConfigs },
  { name: 'kafka-configs of broker loggers', test: brokerLoggers },
  { name: 'kill -9: altered configurations hold', area: 'restart', timeLimitMs: 90_000, test: survivesCrash },
])

/** Tests of the tables: types, ranges, defaults, the topic configurations and where their defaults come from. */
import t from 'tap'
import {
  type BrokerSettings,
  brokerSettings,
  brokerSettingTable,
  findBrokerSetting,
} from './broker-settings.ts'
import { DynamicSettings } from './dynamic-settings.ts'
import { format, parse, type Setting } from './setting.ts'
import { defaultFromBroker, effectiveTopicConfig, validateTopicConfigs } from './topic-config.ts'
import { topicSettingTable } from './topic-settings.ts'

const topicTable: Readonly<Record<string, Setting>> = topicSettingTable
const everySetting: [string, Setting][] = [
  ...Object.entries(brokerSettingTable),
  ...Object.entries(topicTable),
]

function parseFor(name: string, text: string) {
  const setting = findBrokerSetting(name)
  if (setting === undefined) throw new Error(`no setting ${name}`)
  return parse(setting, text)
}

t.test('every default passes its own check and comes back from its text', async t => {
  for (const [name, setting] of everySetting) {
    if (setting.default === null) continue
    const text = format(setting.default)
    t.same(parse(setting, text ?? ''), { ok: true, value: setting.default }, name)
  }
})

t.test('every setting says in whole sentences what it does', async t => {
  for (const [name, setting] of everySetting) t.match(setting.documentation, /^[A-Z].*[.]$/s, name)
})

t.test('the types of the settings follow from the table', async t => {
  const settings: BrokerSettings = brokerSettings()
  const hours: number = settings['log.retention.hours']
  const retentionMs: number | null = settings['log.retention.ms']
  const directories: readonly string[] = settings['log.dirs']
  const timestamps: 'CreateTime' | 'LogAppendTime' = settings['log.message.timestamp.type']
  // @ts-expect-error a misspelt key does not compile
  t.equal(settings['log.retention.hour'], undefined)
  t.same([hours, retentionMs, directories, timestamps], [168, null, ['./data'], 'CreateTime'])
  t.ok(Object.isFrozen(settings))
})

t.test('values parse by type, with blanks around them', async t => {
  t.same(parseFor('num.partitions', ' 12 '), { ok: true, value: 12 })
  t.same(parseFor('node.id', '+7'), { ok: true, value: 7 })
  t.same(parseFor('auto.create.topics.enable', 'FALSE'), { ok: true, value: false })
  t.same(parseFor('log.cleaner.min.cleanable.ratio', '.25'), { ok: true, value: 0.25 })
  t.same(parseFor('log.cleanup.policy', 'compact , delete'), { ok: true, value: ['compact', 'delete'] })
  t.same(parseFor('log.cleanup.policy', ''), { ok: true, value: [] })
  t.same(parseFor('log.retention.bytes', '-1'), { ok: true, value: -1 })
})

t.test('64-bit values that no number holds become Infinity and are written as Long.MAX_VALUE', async t => {
  t.same(parseFor('log.flush.interval.ms', '9223372036854775807'), { ok: true, value: Infinity })
  t.same(parseFor('log.flush.interval.ms', '-9223372036854775808'), { ok: true, value: -Infinity })
  t.equal(format(Infinity), '9223372036854775807')
  t.equal(format(-Infinity), '-9223372036854775808')
  t.equal(format(['a', 'b']), 'a,b')
  t.equal(format(null), null)
})

t.test('bad values are told apart, in the words that Kafka uses', async t => {
  const cases: [name: string, text: string, problem: string][] = [
    ['num.partitions', '0', 'Value must be at least 1'],
    ['num.partitions', 'many', 'Not a number of type INT'],
    ['num.partitions', '1.5', 'Not a number of type INT'],
    ['num.partitions', '2147483648', 'Not a number of type INT'],
    ['log.retention.bytes', '9223372036854775808', 'Not a number of type LONG'],
    ['log.cleaner.min.cleanable.ratio', '1.1', 'Value must be no more than 1'],
    ['log.cleaner.min.cleanable.ratio', 'half', 'Not a number of type DOUBLE'],
    ['auto.create.topics.enable', 'yes', 'Expected value to be either true or false'],
    ['log.message.timestamp.type', 'Never', 'String must be one of: CreateTime, LogAppendTime'],
    ['log.cleanup.policy', 'shred', 'List must only contain: compact, delete'],
    ['log.cleanup.policy', 'delete,delete', 'List must not contain duplicates'],
    ['log.dirs', '', 'List must not be empty'],
    ['log.dirs', '/a,/b,/a/', 'The directory /a is given twice'],
    ['process.roles', 'controller', 'List must contain broker'],
    ['listeners', 'localhost:9092', "'localhost:9092' is not of the form NAME://host:port"],
    ['listeners', 'PLAINTEXT://:99999', "The port of 'PLAINTEXT://:99999' must be between 0 and 65535"],
    [
      'listener.security.protocol.map',
      'A:TLS',
      "'TLS' is no security protocol; known are PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL",
    ],
    ['listener.security.protocol.map', 'A', "'A' is not of the form NAME:PROTOCOL"],
    ['listener.security.protocol.map', 'A:SSL,a:SSL', 'Listener name A appears twice'],
    ['max.connections.per.ip.overrides', '127.0.0.1', "'127.0.0.1' is not of the form address:count"],
  ]
  for (const [name, text, problem] of cases)
    t.same(parseFor(name, text), { ok: false, problem }, `${name}=${text}`)
})

t.test('a topic configuration takes its default from the first broker setting that has a value', async t => {
  const hourMs = 3600000
  const retention = (changes: Partial<BrokerSettings>) =>
    effectiveTopicConfig(brokerSettings(changes)).retentionMs
  t.equal(retention({}), 168 * hourMs)
  t.equal(retention({ 'log.retention.hours': 1 }), hourMs)
  t.equal(retention({ 'log.retention.hours': 1, 'log.retention.minutes': 3 }), 3 * 60000)
  t.equal(retention({ 'log.retention.minutes': 3, 'log.retention.ms': 5 }), 5)
  t.equal(retention({ 'log.retention.hours': -1 }), -1, 'for ever, in whatever unit')

  const config = effectiveTopicConfig(
    brokerSettings({
      'log.roll.hours': 2,
      'log.roll.jitter.hours': 1,
      'log.flush.scheduler.interval.ms': 9,
      'write.caching.default': true,
    }),
  )
  t.match(config, { segmentMs: 2 * hourMs, segmentJitterMs: hourMs, flushMs: 9, writeCaching: true })
})

t.test('by default both tables say the same', async t => {
  for (const [name, setting] of Object.entries(topicSettingTable)) {
    t.same(defaultFromBroker(brokerSettings(), setting), setting.default, name)
    for (const { setting: synonym } of setting.synonyms)
      t.ok(findBrokerSetting(synonym), `${name} <- ${synonym}`)
  }
})

t.test('what is set on a topic counts before what the broker supplies', async t => {
  const config = effectiveTopicConfig(brokerSettings({ 'log.retention.ms': 5 }), {
    'retention.ms': '-1',
    'cleanup.policy': 'compact',
    'flush.messages': '9223372036854775807',
    'message.timestamp.type': 'LogAppendTime',
    'segment.bytes': '100',
    'max.message.bytes': 'garbage',
  })
  t.match(config, {
    retentionMs: -1,
    cleanupPolicy: { compact: true, delete: false },
    flushMessages: Infinity,
    messageTimestampType: 'LogAppendTime',
    segmentBytes: 100,
    maxMessageBytes: 1048588,
  })
  t.ok(Object.isFrozen(config))
  t.equal(effectiveTopicConfig(brokerSettings(), { 'internal.segment.bytes': '512' }).segmentBytes, 512)
})

t.test('topic configurations from clients are checked', async t => {
  t.equal(validateTopicConfigs({}), undefined)
  t.equal(validateTopicConfigs({ 'retention.ms': '1000', 'write.caching': 'true' }), undefined)
  t.equal(validateTopicConfigs({ 'retention.sm': '1' }), 'Unknown topic config name: retention.sm')
  t.equal(validateTopicConfigs({ toString: '1' }), 'Unknown topic config name: toString')
  t.equal(
    validateTopicConfigs({ 'retention.ms': null }),
    'Null value not supported for topic configs: retention.ms',
  )
  t.equal(
    validateTopicConfigs({ 'segment.bytes': '1' }),
    'Invalid value 1 for configuration segment.bytes: Value must be at least 1048576',
  )
  t.equal(
    validateTopicConfigs({ 'remote.storage.enable': 'true' }),
    'Invalid value true for configuration remote.storage.enable: Value must be false',
  )
  t.equal(
    validateTopicConfigs({ 'min.compaction.lag.ms': '10', 'max.compaction.lag.ms': '5' }),
    'conflict topic config setting min.compaction.lag.ms (10) > max.compaction.lag.ms (5)',
  )
})

t.test('what is set on brokers while they run counts before what this one was started with', async t => {
  const atStart = brokerSettings({ 'node.id': 3, 'message.max.bytes': 5, 'num.partitions': 4 })
  const settings = new DynamicSettings(atStart)
  t.equal(settings.current(), atStart)
  const seen: number[] = []
  settings.onChange(changed => seen.push(changed['message.max.bytes']))
  const brokerConfigs = new Map<string, Record<string, string>>([
    ['', { 'message.max.bytes': '6', 'log.roll.ms': '60', 'num.partitions': '9', 'no.such': '1' }],
    ['3', { 'message.max.bytes': ' 7 ', 'log.retention.ms': 'garbage' }],
    ['4', { 'message.max.bytes': '8' }],
  ])
  settings.apply(brokerConfigs)
  t.match(settings.current(), { 'message.max.bytes': 7, 'log.roll.ms': 60, 'log.retention.ms': null })
  t.equal(settings.current()['num.partitions'], 4, 'what only a start may change stays as it is')
  t.ok(Object.isFrozen(settings.current()))
  settings.apply(brokerConfigs)
  settings.apply(new Map())
  t.same(seen, [7, 5], 'told once a change')
  t.same(settings.current(), atStart)

  const texts = (name: string) => settings.layers.map(({ text }) => text(name) ?? null)
  settings.apply(brokerConfigs)
  t.same(texts('message.max.bytes'), [' 7 ', '6', '5', '1048588'])
  t.same(texts('log.dirs'), [null, null, null, './data'], 'without knowing better, a default was not set')
  const given = new Map([['log.dirs', { text: ' ./data ' }]])
  t.equal(new DynamicSettings(atStart, given).layers[2]!.text('log.dirs'), './data')
})

t.test('what was set before and contradicts what the broker is started with now is passed over', async t => {
  const perIp = { 'max.connections.per.ip.overrides': '10.0.0.1:3' }
  const none = new Map([['1', { 'max.connections.per.ip': '0', 'max.connections': '7' }]])
  t.match(new DynamicSettings(brokerSettings(perIp)).with(none), { 'max.connections.per.ip': 0 })
  const restarted = new DynamicSettings(brokerSettings())
  t.match(restarted.conflictIn(none), { name: 'max.connections.per.ip' })
  t.match(restarted.with(none), { 'max.connections.per.ip': 2147483647, 'max.connections': 7 })
})

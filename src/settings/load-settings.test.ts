/** Tests of the sources: properties files, the environment, flags, their order, and what is said about bad input. */
import t from 'tap'
import type { BrokerSettingName } from './broker-settings.ts'
import { environmentSettings } from './environment.ts'
import { parseIpOverrides } from './listener-syntax.ts'
import { resolveListeners } from './listeners.ts'
import { loadSettings, type SettingSources, SettingsError } from './load-settings.ts'
import { parseProperties } from './properties-file.ts'

const file = (text: string) => ({ path: 'server.properties', text })

function problemsOf(sources: SettingSources): readonly string[] {
  try {
    loadSettings(sources)
  } catch (error) {
    if (error instanceof SettingsError) return error.problems
    throw error
  }
  return []
}

t.test('properties files follow the rules of java.util.Properties', async t => {
  const pairs = (text: string) => parseProperties(text).map(({ key, value }) => [key, value])
  t.same(pairs('a=1\nb: 2\nc 3\r\nd   =   4\re\n'), [
    ['a', '1'],
    ['b', '2'],
    ['c', '3'],
    ['d', '4'],
    ['e', ''],
  ])
  t.same(pairs('# no\n  ! no\n\n \t\f\n  a = b # yes\n'), [['a', 'b # yes']])
  t.same(pairs('list=x,\\\n   y,\\\n\tz\nnext=1'), [
    ['list', 'x,y,z'],
    ['next', '1'],
  ])
  t.same(
    pairs('a=b\\\\\nc=d'),
    [
      ['a', 'b\\'],
      ['c', 'd'],
    ],
    'an escaped backslash does not continue the line',
  )
  t.same(pairs('a\\ b\\=c\\:d=e=f:g'), [['a b=c:d', 'e=f:g']])
  t.same(pairs('k=\\u00e9\\t\\n\\r\\f\\q\\u0041'), [['k', 'é\t\n\r\fqA']])
  t.same(pairs('a=1  \n'), [['a', '1  ']], 'blanks at the end belong to the value')
  t.same(pairs('a=b\\\n# not a comment'), [['a', 'b# not a comment']])
  t.same(pairs('=v'), [['', 'v']])
  t.same(pairs('\uFEFFa=1\nb=2\\'), [
    ['a', '1'],
    ['b', '2'],
  ])
  t.same(
    parseProperties('a=1\n\nb=\\\n 2\nc=3').map(({ line }) => line),
    [1, 3, 5],
  )
  t.throws(() => parseProperties('a=\\u12g4'), {
    message: "\\u must be followed by four hexadecimal digits, not '12g4'",
    line: 1,
  })
})

t.test('environment variables map to settings as in the apache/kafka image', async t => {
  const map = (environment: Record<string, string>) =>
    Object.fromEntries(environmentSettings(environment).map(({ key, value }) => [key, value]))
  t.same(map({ KAFKA_LOG_DIRS: '/d', KAFKA_A__B___C: '1', PATH: '/bin' }), { 'log.dirs': '/d', 'a_b-c': '1' })
  t.same(map({ KAFKA_CFG_NODE_ID: '2', KAFKA_CFG_NUM_PARTITIONS: '5', KAFKA_NUM_PARTITIONS: '6' }), {
    'node.id': '2',
    'num.partitions': '6',
  })
  t.same(map({ CLUSTER_ID: 'abc' }), { 'cluster.id': 'abc' })
  t.same(map({ KAFKA_KRAFT_CLUSTER_ID: 'abc' }), { 'cluster.id': 'abc' })
  t.same(
    map({
      KAFKA_VERSION: '4',
      KAFKA_HEAP_OPTS: '-Xmx1g',
      KAFKA_OPTS: 'x',
      KAFKA_JMX_OPTS: 'x',
      KAFKA_JMX_HOSTNAME: 'x',
      KAFKA_LOG4J_ROOT_LOGLEVEL: 'x',
      KAFKA_LOG4J_LOGGERS: 'x',
      KAFKA_TOOLS_LOG4J_LOGLEVEL: 'x',
      KAFKA_GC_LOG_OPTS: 'x',
      KAFKA_JVM_PERFORMANCE_OPTS: 'x',
      KAFKA_PORT_9092_TCP: 'tcp://10.0.0.1:9092',
      KAFKA_SERVICE_HOST: '10.0.0.1',
      KAFKA_ADVERTISED_LISTENERS: '',
    }),
    {},
    'variables of the scripts, of Kubernetes and empty ones are no settings',
  )
  t.same(map({ KAFKA_ADVERTISED_LISTENERS: 'PLAINTEXT://kafka:9092,V6://[fe80::1]:9093' }), {
    'advertised.listeners': 'PLAINTEXT://kafka:9092,V6://[fe80::1]:9093',
    listeners: 'PLAINTEXT://0.0.0.0:9092,V6://0.0.0.0:9093',
  })
  t.equal(map({ KAFKA_ADVERTISED_LISTENERS: 'A://b:1', KAFKA_LISTENERS: 'A://:2' }).listeners, 'A://:2')
})

t.test(
  'flags come before the environment, the environment before the file, the file before defaults',
  async t => {
    const name: BrokerSettingName = 'num.partitions'
    const sources = {
      options: { [name]: 5 },
      overrides: [`${name}=3`, `${name}=4`],
      environment: { KAFKA_NUM_PARTITIONS: '2' },
      file: file(`# one\n${name}=1\n`),
    }
    const load = (sources: SettingSources) => {
      const { settings, given } = loadSettings(sources)
      return [settings[name], given.get(name)?.text, given.get(name)?.origin]
    }
    t.same(load(sources), [5, '5', 'option'])
    t.same(load({ ...sources, options: {} }), [4, '4', '--override'])
    t.same(load({ environment: sources.environment, file: sources.file }), [2, '2', 'KAFKA_NUM_PARTITIONS'])
    t.same(load({ file: sources.file }), [1, '1', 'server.properties:2'])
    t.same(loadSettings({}).settings[name], 1)
    t.notOk(loadSettings({}).given.has(name))
  },
)

t.test(
  'every bad value stops the start with one sentence that names key, value, place and what is allowed',
  async t => {
    t.same(
      problemsOf({
        overrides: ['log.segment.bytes=1k', 'no-equals'],
        environment: { KAFKA_NUM_PARTITIONS: '0' },
        file: file('log.message.timestamp.type=Sometimes\nlog.cleanup.policy = shred\n'),
      }),
      [
        "--override takes key=value, not 'no-equals'.",
        "log.message.timestamp.type cannot be 'Sometimes' (server.properties:1): String must be one of: CreateTime, LogAppendTime. Allowed: [CreateTime, LogAppendTime].",
        "log.cleanup.policy cannot be 'shred' (server.properties:2): List must only contain: compact, delete. Allowed: [compact, delete].",
        "num.partitions cannot be '0' (KAFKA_NUM_PARTITIONS): Value must be at least 1. Allowed: int in [1,...].",
        "log.segment.bytes cannot be '1k' (--override): Not a number of type INT. Allowed: int in [1048576,...].",
      ],
    )
    t.same(problemsOf({ file: file('a=1\nb=\\u00') }), [
      "server.properties:2: \\u must be followed by four hexadecimal digits, not '00'.",
    ])
  },
)

t.test('values that contradict each other stop the start too', async t => {
  const first = (...overrides: string[]) => problemsOf({ overrides })[0]
  t.equal(
    first('group.min.session.timeout.ms=10', 'group.max.session.timeout.ms=5'),
    'group.min.session.timeout.ms (--override): 10 is more than group.max.session.timeout.ms, which is 5.',
  )
  t.equal(first('broker.id=3', 'node.id=4'), 'broker.id (--override): 3 is not node.id, which is 4.')
  t.match(first('max.connections.per.ip=0'), /can be set to zero only if .*overrides property is set/)
  t.match(first('listeners=CONTROLLER://:9093'), /No listener is left/)
  t.match(first('listeners=PLAINTEXT://:1,PLAINTEXT://:2'), /PLAINTEXT appears twice/)
  t.match(
    first('listeners=A://:1,B://:1', 'listener.security.protocol.map=A:PLAINTEXT,B:PLAINTEXT'),
    /different address/,
  )
  t.match(first('listeners=INTERNAL://:1'), /No security protocol defined for listener INTERNAL/)
  t.match(first('listeners=SSL://:1'), /Listener SSL wants SSL, and only PLAINTEXT is served yet/)
  t.match(
    first('advertised.listeners=OTHER://host:1'),
    /Listener OTHER is advertised but not among the listeners/,
  )
  t.match(first('advertised.listeners=PLAINTEXT://0.0.0.0:1'), /Clients cannot connect to the host '0.0.0.0'/)
  t.match(first('authorizer.class.name=org.example.Authorizer'), /access control is not enforced yet/)
})

t.test('unknown keys warn, keys without effect are mentioned, older names are understood', async t => {
  const { settings, remarks } = loadSettings({
    overrides: [
      'log.retention.houres=3',
      'num.io.threads=8',
      'controller.quorum.voters=1@localhost:9093',
      'ssl.key.password=x',
      'log.cleaner.min.compaction.lag.ms=5',
    ],
    file: file(
      'broker.id=9\nlog.dir=/var/lib/ottla\nauthorizer.class.name=\nnum.partitions=1\nnum.partitions=2\n',
    ),
  })
  t.same(
    remarks.map(({ level, message }) => `${level}: ${message}`),
    [
      'warn: num.partitions is set twice: server.properties:5 counts, server.properties:4 does not',
      'warn: Unknown setting log.retention.houres (--override) is ignored; did you mean log.retention.hours?',
      'info: num.io.threads (--override) has no effect: Ottla has an event loop where Kafka has thread pools',
      'debug: controller.quorum.voters (--override) has no effect: it concerns several brokers, and this is a single node',
      'warn: ssl.key.password (--override) has no effect: TLS and SASL are not served yet',
      'warn: log.cleaner.min.compaction.lag.ms (--override) has no effect: compaction is not carried out yet',
    ],
  )
  t.match(settings, { 'node.id': 9, 'log.dirs': ['/var/lib/ottla'], 'num.partitions': 2 })
})

t.test(
  "the server.properties that comes with Kafka and a usual compose file's environment are accepted",
  async t => {
    const properties = [
      'process.roles=broker,controller',
      'node.id=1',
      'controller.quorum.bootstrap.servers=localhost:9093',
      'listeners=PLAINTEXT://:9092,CONTROLLER://:9093',
      'inter.broker.listener.name=PLAINTEXT',
      'advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093',
      'controller.listener.names=CONTROLLER',
      'listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL',
      'num.network.threads=3',
      'socket.send.buffer.bytes=102400',
      'log.dirs=/tmp/kraft-combined-logs',
      'offsets.topic.replication.factor=1',
      'share.coordinator.state.topic.replication.factor=1',
      'transaction.state.log.min.isr=1',
    ]
    const { settings, remarks } = loadSettings({
      file: file(properties.join('\n')),
      environment: {
        KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS: '0',
        KAFKA_CONTROLLER_LISTENER_NAMES: 'CONTROLLER',
      },
    })
    t.same(
      remarks.filter(({ level }) => level === 'warn'),
      [],
    )
    t.same(resolveListeners(settings), [
      {
        name: 'PLAINTEXT',
        host: '',
        port: 9092,
        securityProtocol: 'PLAINTEXT',
        advertised: { name: 'PLAINTEXT', host: 'localhost', port: 9092 },
      },
    ])
  },
)

t.test('listeners may have names, IPv6 hosts and the same port on other hosts', async t => {
  const { settings } = loadSettings({
    overrides: [
      'listeners=internal://[::1]:9092,EXTERNAL://127.0.0.1:9092',
      'listener.security.protocol.map=INTERNAL:PLAINTEXT, EXTERNAL:plaintext',
      'advertised.listeners=EXTERNAL://broker.example:19092',
    ],
  })
  t.match(resolveListeners(settings), [
    { name: 'INTERNAL', host: '::1', port: 9092, advertised: undefined },
    { name: 'EXTERNAL', host: '127.0.0.1', advertised: { host: 'broker.example', port: 19092 } },
  ])
  t.same(
    parseIpOverrides('127.0.0.1:5, [::1]:6,'),
    new Map([
      ['127.0.0.1', 5],
      ['::1', 6],
    ]),
  )
})

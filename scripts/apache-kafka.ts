/**
 * Apache Kafka on this machine, for comparison: its jars come through Maven into `.cache/apache-kafka/VERSION`
 * (once), a single combined KRaft node is formatted and started from them, and Kafka's own command-line tools
 * run from the same jars. Needs `java` (17 or later) and `mvn` on the PATH; without them every function rejects
 * with an `ApacheKafkaUnavailable`, whose message is fit to be printed as the reason for skipping.
 *
 * The broker gets the JVM flags and heap of Kafka's own start script, because it is what people compare with;
 * only what a single node cannot do otherwise (replication factors of internal topics) and the first
 * rebalance's delay differ from Kafka's defaults.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join, resolve } from 'node:path'
import { freePort, type RunningBroker, startBrokerProcess } from './broker-process.ts'

/** The newest 4.x whose server jars are on Maven Central at the time of writing. */
export const apacheKafkaVersion = '4.4.0'
/** The last release that serves the versions of APIs that 4.0 removed (KIP-896). */
export const apacheKafkaBeforeRemovals = '3.9.1'
/** The newest release that has its command-line tools there too. */
export const apacheKafkaToolsVersion = '4.4.0'

/** The reason why Apache Kafka cannot run here, in words fit for a skipped test. */
export class ApacheKafkaUnavailable extends Error {
  override name = 'ApacheKafkaUnavailable'
}

export interface ApacheKafkaOptions {
  port?: number
  /** The release; absent: the newest. */
  version?: string
  /** A data directory to (re)use; without one a temporary one is made and removed by `stop`. */
  directory?: string
  /** Lines of server.properties on top of the defaults. */
  overrides?: Record<string, string>
  /** Folders of classes beside its own: plugins that the settings name. */
  classes?: string[]
  /** The JVM's heap, as in -Xmx; Kafka's start script says 1G. */
  heap?: string
  startTimeoutMs?: number
  stopTimeoutMs?: number
  /** Kills it while it starts. */
  signal?: AbortSignal
}

export interface KafkaToolOptions {
  /** Text for the tool's standard input. */
  input?: string
  heap?: string
  timeoutMs?: number
  /** Called with each line of stdout while the tool runs. */
  onLine?: (line: string) => void
}

export interface KafkaToolResult {
  code: number
  stdout: string
  stderr: string
}

const logConfiguration = (target: 'SYSTEM_OUT' | 'SYSTEM_ERR', level: string) =>
  `status = error
appender.console.type = Console
appender.console.name = console
appender.console.target = ${target}
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d] %p %m (%c)%n
rootLogger.level = ${level}
rootLogger.appenderRef.console.ref = console
`

export type Artifact = [group: string, name: string, version: string]

// Kafka's own binding of slf4j 1.7 to log4j 2; without it nothing is logged, the ready line included.
export const logBinding: Artifact = ['org.apache.logging.log4j', 'log4j-slf4j-impl', '2.25.5']
// Before 4.0 the broker asks log4j 1 for its levels, so that is what it has to log with.
const oldLogBinding: Artifact = ['org.slf4j', 'slf4j-reload4j', '1.7.36']
const oldLogConfiguration = `log4j.rootLogger=INFO, console
log4j.appender.console=org.apache.log4j.ConsoleAppender
log4j.appender.console.layout=org.apache.log4j.PatternLayout
log4j.appender.console.layout.ConversionPattern=[%d] %p %m (%c)%n
`

const installations = new Map<string, Promise<string>>()

/** Makes sure that the broker's jars are here and resolves with the directory that holds `libs` and `config`. */
export function installApacheKafka(version = apacheKafkaVersion): Promise<string> {
  const binding = version.startsWith('3.') ? oldLogBinding : logBinding
  return installJars(version, [['org.apache.kafka', 'kafka_2.13', version], binding])
}

/** The same for the command-line tools. */
export function installApacheKafkaTools(): Promise<string> {
  return installJars(`tools-${apacheKafkaToolsVersion}`, [
    ['org.apache.kafka', 'kafka-tools', apacheKafkaToolsVersion],
    ['org.apache.kafka', 'kafka_2.13', apacheKafkaToolsVersion],
    logBinding,
  ])
}

/** Any jars with all that they need, into a folder of that name in the cache; resolves as `installApacheKafka`. */
export function installJars(name: string, artifacts: Artifact[]): Promise<string> {
  let installation = installations.get(name)
  if (installation === undefined) {
    installation = install(resolve('.cache', 'apache-kafka', name), artifacts)
    installations.set(name, installation)
  }
  return installation
}

async function install(home: string, artifacts: Artifact[]): Promise<string> {
  if ((await run('java', ['-version'])).code !== 0) {
    throw new ApacheKafkaUnavailable('Apache Kafka needs Java 17 or later, and there is no java on the PATH')
  }
  if (existsSync(home)) return home
  if ((await run('mvn', ['-version'])).code !== 0) {
    throw new ApacheKafkaUnavailable('Apache Kafka is fetched with Maven, and there is no mvn on the PATH')
  }
  // Built aside and renamed, so that two runs at once cannot see half an installation.
  await mkdir(dirname(home), { recursive: true })
  const building = await mkdtemp(`${home}.building-`)
  try {
    await writeFile(join(building, 'pom.xml'), projectFor(artifacts))
    const goal = ['dependency:copy-dependencies', '-DincludeScope=runtime']
    const output = `-DoutputDirectory=${join(building, 'libs')}`
    const maven = await run('mvn', ['-B', '-q', '-f', join(building, 'pom.xml'), ...goal, output])
    if (maven.code !== 0) {
      const reason = /Could not [^(\n]*/.exec(maven.stdout + maven.stderr)?.[0] ?? `exit code ${maven.code}`
      throw new ApacheKafkaUnavailable(`Maven could not fetch Apache Kafka: ${reason.trim()}`)
    }
    await mkdir(join(building, 'config'))
    await writeFile(
      join(building, 'config', 'broker-log4j2.properties'),
      logConfiguration('SYSTEM_OUT', 'info'),
    )
    await writeFile(
      join(building, 'config', 'tools-log4j2.properties'),
      logConfiguration('SYSTEM_ERR', 'warn'),
    )
    await writeFile(join(building, 'config', 'broker-log4j.properties'), oldLogConfiguration)
    await rename(building, home).catch(error => {
      if (!existsSync(home)) throw error
    })
  } finally {
    await rm(building, { recursive: true, force: true })
  }
  return home
}

function projectFor(artifacts: Artifact[]): string {
  const dependencies = artifacts.map(
    ([group, name, version]) =>
      `<dependency><groupId>${group}</groupId><artifactId>${name}</artifactId><version>${version}</version></dependency>`,
  )
  return `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>ottla</groupId>
  <artifactId>apache-kafka-jars</artifactId>
  <version>1</version>
  <dependencies>
    ${dependencies.join('\n    ')}
  </dependencies>
</project>
`
}

/** Starts a single-node KRaft broker and resolves when it says that it has started. */
export async function startApacheKafka(options: ApacheKafkaOptions = {}): Promise<RunningBroker> {
  const home = await installApacheKafka(options.version)
  const port = options.port ?? (await freePort())
  const controllerPort = await freePort()
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), 'apache-kafka-')))
  const isTemporary = options.directory === undefined
  const dataDirectory = join(directory, 'data')
  const propertiesFile = join(directory, 'server.properties')
  const nodeId = options.overrides?.['node.id'] ?? '1'
  const properties: Record<string, string> = {
    'process.roles': 'broker,controller',
    'node.id': nodeId,
    'controller.quorum.voters': `${nodeId}@127.0.0.1:${controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'log.dirs': dataDirectory,
    'offsets.topic.replication.factor': '1',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'share.coordinator.state.topic.replication.factor': '1',
    'share.coordinator.state.topic.min.isr': '1',
    'group.initial.rebalance.delay.ms': '0',
    ...options.overrides,
  }
  await mkdir(directory, { recursive: true })
  await writeFile(
    propertiesFile,
    Object.entries(properties)
      .map(([key, value]) => `${key}=${value}\n`)
      .join(''),
  )
  if (!existsSync(join(dataDirectory, 'meta.properties'))) {
    // Any 16 bytes in base64url make a cluster id; a fixed one keeps a copied directory recognisable.
    const clusterId = Buffer.from('ottla-comparison').toString('base64url')
    // By its own release, which knows what it can read.
    const arguments_ = ['kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', propertiesFile]
    const format = await run('java', [...javaArguments(home, '512M'), ...arguments_])
    if (format.code !== 0) throw new Error(`formatting the storage failed: ${format.stdout}${format.stderr}`)
  }
  const heap = options.heap ?? '1G'
  const broker = await startBrokerProcess({
    command: 'java',
    args: [
      `-Xmx${heap}`,
      `-Xms${heap}`,
      '-server',
      '-XX:+UseG1GC',
      '-XX:MaxGCPauseMillis=20',
      '-XX:InitiatingHeapOccupancyPercent=35',
      '-XX:+ExplicitGCInvokesConcurrent',
      '-Djava.awt.headless=true',
      `-Dlog4j2.configurationFile=${join(home, 'config', 'broker-log4j2.properties')}`,
      `-Dlog4j.configuration=file:${join(home, 'config', 'broker-log4j.properties')}`,
      '-cp',
      [...(options.classes ?? []), join(home, 'libs', '*')].join(delimiter),
      'kafka.Kafka',
      propertiesFile,
    ],
    readyPattern: /Kafka Server started/,
    startTimeoutMs: options.startTimeoutMs ?? 120_000,
    stopTimeoutMs: options.stopTimeoutMs ?? 60_000,
    signal: options.signal,
  })
  const removeTemporary = async () => {
    if (isTemporary) await rm(directory, { recursive: true, force: true })
  }
  return {
    ...broker,
    bootstrap: `127.0.0.1:${port}`,
    host: '127.0.0.1',
    port,
    directory,
    logDirectory: dataDirectory,
    async stop() {
      await broker.stop()
      await removeTemporary()
    },
    kill9: broker.kill9,
  }
}

/**
 * Runs one of Kafka's tools to its end, for example
 * `kafkaTool('org.apache.kafka.tools.ProducerPerformance', ['--topic', 'events', ...])`.
 * A non-zero exit code is in the result, not an error.
 */
export async function kafkaTool(
  mainClass: string,
  args: string[],
  options: KafkaToolOptions = {},
): Promise<KafkaToolResult> {
  return await collect(await spawnKafkaTool(mainClass, args, options), options)
}

/** Starts one of Kafka's tools and hands over the child, its three streams piped. */
export async function spawnKafkaTool(
  mainClass: string,
  args: string[],
  options: Pick<KafkaToolOptions, 'heap'> = {},
): Promise<ChildProcess> {
  const home = await installApacheKafkaTools()
  return spawn('java', [...javaArguments(home, options.heap ?? '512M'), mainClass, ...args])
}

/**
 * What stands before the main class: jars of an installation, and classes that were compiled against them. A tool
 * logs warnings to stderr, a service logs like a broker, to stdout.
 */
export function javaArguments(
  home: string,
  heap: string,
  classes: string[] = [],
  logs: 'tools' | 'broker' = 'tools',
): string[] {
  const logging = [
    `-Dlog4j2.configurationFile=${join(home, 'config', `${logs}-log4j2.properties`)}`,
    `-Dlog4j.configuration=file:${join(home, 'config', 'broker-log4j.properties')}`,
  ]
  return [`-Xmx${heap}`, ...logging, '-cp', [...classes, join(home, 'libs', '*')].join(delimiter)]
}

async function run(command: string, args: string[]): Promise<KafkaToolResult> {
  return await collect(spawn(command, args), {})
}

async function collect(child: ChildProcess, options: KafkaToolOptions): Promise<KafkaToolResult> {
  return await new Promise(resolve => {
    let stdout = ''
    let stderr = ''
    let lineStart = 0
    child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
      for (let end = stdout.indexOf('\n', lineStart); end !== -1; end = stdout.indexOf('\n', lineStart)) {
        options.onLine?.(stdout.slice(lineStart, end))
        lineStart = end + 1
      }
    })
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    const killOnExit = () => child.kill('SIGKILL')
    process.once('exit', killOnExit)
    const timer =
      options.timeoutMs === undefined
        ? undefined
        : setTimeout(() => {
            stderr += `\nkilled after ${options.timeoutMs} ms`
            child.kill('SIGKILL')
          }, options.timeoutMs)
    const finish = (code: number) => {
      clearTimeout(timer)
      process.off('exit', killOnExit)
      resolve({ code, stdout, stderr })
    }
    child.once('error', error => {
      stderr += error.message
      finish(127)
    })
    child.once('close', code => finish(code ?? 137))
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(options.input ?? '')
  })
}

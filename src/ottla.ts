/**
 * What the package `ottla` gives to a program that imports it: `startBroker`, which runs the broker of the command
 * inside this process, as tests want it. The same broker, not a mock; only defaults differ (`embeddedDefaults`), and
 * data go to a temporary directory, which is neither synced nor kept, unless a directory is named.
 *
 * A broker touches nothing of the process but its port and its directory: no signal handlers, no environment, no
 * output. Brokers in one process share nothing. A running one keeps the process alive, as an `http.Server` does.
 */
/// <reference lib="esnext.disposable" preserve="true" />
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openBroker } from './broker.ts'
import { systemDisk, unsyncedDisk } from './platform/disk.ts'
import { type ConsoleLike, consoleLogger, type Logger, silentLogger } from './platform/logger.ts'
import type { BrokerSettingName, BrokerSettings } from './settings/broker-settings.ts'
import type { ListenerAddress } from './settings/listener-syntax.ts'
import { loadSettings, SettingsError } from './settings/load-settings.ts'

export type { Logger }
export { SettingsError }

/** Settings in Kafka's names, as values or as the text of a `server.properties`. */
export type EmbeddedBrokerSettings = {
  readonly [Name in BrokerSettingName]?: BrokerSettings[Name] | string
}

export interface EmbeddedBrokerOptions {
  /** The port to listen on, on 127.0.0.1; any free one if not given. `listeners` of the settings says more. */
  readonly port?: number
  /**
   * A directory whose data outlive the broker. Then acks=all waits for the disk, as with the command. If not given, a
   * temporary one that `stop` removes, and acks=all waits for the page cache only.
   */
  readonly dataDirectory?: string
  /** Any settings of the broker: those of the command, checked in the same way. */
  readonly settings?: EmbeddedBrokerSettings
  /** Where messages go: `console` or a pino logger. Nowhere if not given. */
  readonly logger?: Logger | ConsoleLike
}

/** A broker that runs in this process. */
export interface EmbeddedBroker {
  /** What clients are given to connect to: `127.0.0.1:` and the port. */
  readonly bootstrapServers: string
  readonly host: string
  readonly port: number
  /** All that it listens on; more than one only if the settings say so. */
  readonly listeners: readonly ListenerAddress[]
  readonly clusterId: string
  readonly dataDirectory: string
  /** Where metrics are served; undefined unless `metrics.port` was set. */
  readonly metricsPort: number | undefined
  /** Answers what was accepted, closes connections and files, and removes a temporary directory. May be repeated. */
  stop(): Promise<void>
  /** `stop`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>
}

/** Where an embedded broker differs from `ottla start`, besides its directory. */
const embeddedDefaults: EmbeddedBrokerSettings = {
  listeners: 'PLAINTEXT://127.0.0.1:0',
  'group.initial.rebalance.delay.ms': 0,
  'offsets.topic.num.partitions': 1,
  'metrics.port': -1,
}

const optionNames = ['port', 'dataDirectory', 'settings', 'logger']

/** Sandboxes such as Jest's do not have the symbol where V8 does not; this is the one that Node 20 puts in its place. */
const asyncDispose: typeof Symbol.asyncDispose = (Symbol.asyncDispose ??
  Symbol.for('nodejs.asyncDispose')) as typeof Symbol.asyncDispose

/**
 * Starts a broker, which serves clients when the promise resolves. Rejects with a `SettingsError`, whose `problems`
 * are sentences, if options or settings are wrong.
 */
export async function startBroker(options: EmbeddedBrokerOptions = {}): Promise<EmbeddedBroker> {
  const problems = problemsOf(options)
  if (problems.length > 0) throw new SettingsError(problems)
  const logger = loggerOf(options.logger)
  const given = givenSettings(options)
  const isKept = 'log.dirs' in given || 'log.dir' in given
  const temporaryDirectory = isKept ? undefined : await mkdtemp(join(tmpdir(), 'ottla-'))
  const removeTemporaryDirectory = async () => {
    if (temporaryDirectory !== undefined) await rm(temporaryDirectory, { recursive: true, force: true })
  }
  try {
    const temporary = isKept ? {} : { 'log.dirs': temporaryDirectory, 'write.caching.default': true }
    const loaded = loadSettings({ options: { ...embeddedDefaults, ...temporary, ...given } })
    for (const { level, message } of loaded.remarks) logger[level](message)
    const disk = isKept ? systemDisk() : unsyncedDisk(systemDisk())
    const { settings, given: origins } = loaded
    const metrics = { portIsRequired: true }
    const broker = await openBroker(settings, { logger, disk, given: origins, metrics })
    let stopped: Promise<void> | undefined
    const stop = () => {
      stopped ??= broker.stop().finally(removeTemporaryDirectory)
      return stopped
    }
    const { listeners, clusterId, dataDirectory, metricsPort } = broker
    const place = placeOf(listeners[0]!)
    return { ...place, listeners, clusterId, dataDirectory, metricsPort, stop, [asyncDispose]: stop }
  } catch (error) {
    await removeTemporaryDirectory()
    throw error
  }
}

/** The settings that were given, those with a name of their own among the options included. */
function givenSettings({ port, dataDirectory, settings = {} }: EmbeddedBrokerOptions) {
  const named = {
    listeners: port === undefined ? undefined : `PLAINTEXT://127.0.0.1:${port}`,
    'log.dirs': dataDirectory,
  }
  const entries = [...Object.entries(named), ...Object.entries(settings)]
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined && value !== null))
}

/** What is wrong with the options besides the settings, which the table of settings judges. */
function problemsOf(options: EmbeddedBrokerOptions): string[] {
  const { port, dataDirectory, settings = {} } = options
  const problems = Object.keys(options)
    .filter(name => !optionNames.includes(name))
    .map(name => `${name} is no option; options are ${optionNames.join(', ')}.`)
  if (port !== undefined && settings.listeners !== undefined) {
    problems.push('port cannot be given together with the setting listeners.')
  }
  for (const name of ['log.dirs', 'log.dir'] as const) {
    if (dataDirectory === undefined || settings[name] === undefined) continue
    problems.push(`dataDirectory cannot be given together with the setting ${name}.`)
  }
  return problems
}

function loggerOf(target: EmbeddedBrokerOptions['logger']): Logger {
  if (target === undefined) return silentLogger
  return 'child' in target ? target : consoleLogger(target)
}

/** Where clients of this machine reach a listener; one on every interface has no address to connect to. */
function placeOf({ host, port }: ListenerAddress) {
  const reachable = host === '' || host === '::' || host === '0.0.0.0' ? '127.0.0.1' : host
  const bootstrapServers = `${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`
  return { host: reachable, port, bootstrapServers }
}

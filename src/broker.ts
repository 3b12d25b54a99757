/**
 * The composition root: the only file that wires the parts of a broker together, and the only one that
 * knows the storage engine. `openBroker` opens the log directories, then listens: a client that can connect
 * is served.
 */
import { resolve } from 'node:path'
import { prepareCompression } from '../protocol-codecs/compression/compression.ts'
import { prepareCrc32c } from '../protocol-codecs/crc32c.ts'
import { singleNode } from './cluster/single-node.ts'
import { createGroupCoordinator } from './groups/group-coordinator.ts'
import { groupSettings } from './groups/group-settings.ts'
import type { MetricsOptions, MetricsServer } from './metrics/http-server.ts'
import { DiskTimes, measuredDisk } from './metrics/measured-disk.ts'
import { RequestMetrics } from './metrics/request-metrics.ts'
import { ConnectionBudget } from './network/connection-budget.ts'
import { type Listener, listen } from './network/listener.ts'
import { OpenListeners } from './network/open-listeners.ts'
import { RequestMemory } from './network/request-memory.ts'
import { bufferPool } from './platform/buffer-pool.ts'
import { type Clock, systemClock } from './platform/clock.ts'
import { descriptorLimit, shareDescriptors } from './platform/descriptor-limit.ts'
import { type Disk, systemDisk } from './platform/disk.ts'
import { diskSpaceOf } from './platform/disk-space.ts'
import { type Logger, silentLogger } from './platform/logger.ts'
import { Loggers } from './platform/loggers.ts'
import { usableMemoryBytes } from './platform/memory-size.ts'
import { Dispatcher } from './requests/dispatch.ts'
import { features } from './requests/features.ts'
import { FetchSessions } from './requests/fetch-sessions.ts'
import { handlers, handlersWithoutTelemetry } from './requests/handlers.ts'
import { ProducerIds } from './requests/producer-ids.ts'
import type { Services } from './requests/services.ts'
import { supportedApis } from './requests/supported-apis.ts'
import type { BrokerSettings } from './settings/broker-settings.ts'
import { DynamicSettings, type StaticConfigs } from './settings/dynamic-settings.ts'
import { parseIpOverrides } from './settings/listener-syntax.ts'
import { type Listener as ListenerSetting, resolveListeners } from './settings/listeners.ts'
import { liveTopicConfigs } from './settings/topic-config.ts'
import { openLocalStorage } from './storage/local/local-storage.ts'
import { ClientTelemetry } from './telemetry/client-telemetry.ts'
import { configAdministration } from './topics/config-administration.ts'
import { topicAdministration } from './topics/topic-administration.ts'
import { version } from './version.ts'

export interface BrokerOptions {
  readonly logger?: Logger
  /** In place of `logger`: loggers whose levels are in force already. */
  readonly loggers?: Loggers
  readonly clock?: Clock
  readonly disk?: Disk
  /** Which settings somebody has set, for who asks; if not given, those that differ from the defaults. */
  readonly given?: StaticConfigs
  /** Serves metrics on `metrics.port`; without this no port but the listeners is opened. */
  readonly metrics?: MetricsOptions
}

export interface BoundListener {
  readonly name: string
  readonly host: string
  readonly port: number
}

/** A running broker. */
export interface Broker {
  readonly clusterId: string
  /** The log directory that holds the catalogue; mostly the only one. */
  readonly dataDirectory: string
  readonly logDirectories: readonly string[]
  readonly listeners: readonly BoundListener[]
  /** Where metrics are served; undefined: nowhere. */
  readonly metricsPort: number | undefined
  /** Finishes what was accepted, closes connections and files. */
  stop(): Promise<void>
}

/** Requests of one connection that may wait for the disk at the same time. */
const maxInFlight = 100
/** A client that leaves so much unread is not served further until it reads. */
const maxQueuedBytes = 1024 * 1024
const maxOpenSegments = 2000
/** The part of memory that may wait to be synced if no setting says how much. */
const unsyncedShare = 0.1
/** How long a stopping broker waits for what it has accepted. */
const stopTimeoutMs = 10_000

export async function openBroker(settings: BrokerSettings, options: BrokerOptions = {}): Promise<Broker> {
  // A logger that was given is given everything, until somebody asks for less.
  const loggers = options.loggers ?? new Loggers(options.logger ?? silentLogger, 'debug')
  // Before anything that may take long: who watches is to see that the broker is starting.
  const metrics = await openMetricsPort(settings, loggers, options.metrics)
  try {
    return await openWatchedBroker(settings, options, loggers, metrics)
  } catch (error) {
    metrics?.close()
    throw error
  }
}

async function openMetricsPort(
  settings: BrokerSettings,
  loggers: Loggers,
  asked: MetricsOptions | undefined,
): Promise<MetricsServer | undefined> {
  const port = settings['metrics.port']
  if (asked === undefined || port < 0) return undefined
  const { serveMetrics } = await import('./metrics/http-server.ts')
  // Whom the first listener is for may also watch.
  const { host } = resolveListeners(settings)[0]!
  return serveMetrics({ ...asked, host, port, logger: loggers.logger('ottla.metrics') })
}

async function openWatchedBroker(
  settings: BrokerSettings,
  options: BrokerOptions,
  loggers: Loggers,
  metrics: MetricsServer | undefined,
): Promise<Broker> {
  const logger = loggers.logger('ottla.broker')
  const clock = options.clock ?? systemClock
  const startedMs = clock.now()
  await Promise.all([prepareCrc32c(), prepareCompression()])

  const diskTimes = new DiskTimes()
  const pool = bufferPool()
  const logDirectories = (settings['log.dir'] ?? settings['log.dirs']).map(path => resolve(path))
  const metadataDirectory = resolve(settings['metadata.log.dir'] ?? logDirectories[0]!)
  const nodeId = settings['node.id']
  const dynamicSettings = new DynamicSettings(settings, options.given)
  const descriptors = shareDescriptors(descriptorLimit())
  if (descriptors.segments < maxOpenSegments) {
    logger.info(
      descriptors,
      'few descriptors (ulimit -n): so many segments are open and connections accepted',
    )
  }
  const storage = await openLocalStorage({
    directories: logDirectories,
    metadataDirectory,
    nodeId,
    clusterId: settings['cluster.id'] ?? undefined,
    metadataVersion: features[0]!.level,
    maxOpenSegments: Math.min(maxOpenSegments, descriptors.segments),
    maxUnsyncedBytes: maxUnsyncedBytes(settings['log.unflushed.max.bytes']),
    producerIdExpirationMs: () => dynamicSettings.current()['producer.id.expiration.ms'],
    checkpointIntervalMs: settings['log.flush.offset.checkpoint.interval.ms'],
    startOffsetCheckpointIntervalMs: settings['log.flush.start.offset.checkpoint.interval.ms'],
    initialTaskDelayMs: settings['log.initial.task.delay.ms'],
    concurrentOpenings: settings['num.recovery.threads.per.data.dir'],
    retentionCheckIntervalMs: settings['log.retention.check.interval.ms'],
    isJournalEnabled: settings['log.journal.enable'],
    topicConfigs: liveTopicConfigs(dynamicSettings),
    disk: measuredDisk(options.disk ?? systemDisk(), diskTimes),
    clock,
    logger: loggers.logger('ottla.storage'),
    pool,
  })

  const { clusterId } = storage.identity
  const { catalog, logs } = storage
  const cluster = singleNode({ clusterId, nodeId, rack: settings['broker.rack'] }, logs)
  dynamicSettings.apply(catalog.current().brokerConfigs)
  catalog.onChange(({ snapshot }) => dynamicSettings.apply(snapshot.brokerConfigs))
  const topicsLogger = loggers.logger('ottla.topics')
  const topics = topicAdministration({ catalog, settings: dynamicSettings, cluster, logger: topicsLogger })
  const groups = createGroupCoordinator({
    settings: groupSettings(settings),
    catalog,
    logs,
    cluster,
    topics,
    clock,
    logger: loggers.logger('ottla.groups'),
  })
  const telemetry = new ClientTelemetry({
    clock,
    maxBytes: settings['telemetry.max.bytes'],
    subscriptionConfigs: () => catalog.current().clientMetricsConfigs,
  })
  // As Kafka has it where nobody receives what clients would push.
  const served = metrics === undefined ? handlersWithoutTelemetry : handlers
  const services: Services = {
    get settings() {
      return dynamicSettings.current()
    },
    clock,
    logger: loggers.logger('ottla.requests'),
    loggers,
    catalog,
    logs,
    logDirectories: storage.directories,
    diskSpace: diskSpaceOf,
    cluster,
    topics,
    configs: configAdministration({ catalog, settings: dynamicSettings, logger: topicsLogger }),
    groups,
    fetchSessions: new FetchSessions({
      maxSessionCount: settings['max.incremental.fetch.session.cache.slots'],
      logs,
      clock,
    }),
    producerIds: new ProducerIds(catalog),
    telemetry,
    supportedApis: supportedApis(served),
    advertisedAddress: context => {
      const advertised = listeners.advertised(context.listenerName)
      if (advertised === undefined) return { host: context.localAddress, port: context.localPort }
      return { host: advertised.host, port: advertised.port === 0 ? context.localPort : advertised.port }
    },
  }

  const requestMetrics = new RequestMetrics()
  const dispatcher = new Dispatcher(served, services, requestMetrics)
  const limitsOf = (current: BrokerSettings) => connectionLimits(current, descriptors.connections)
  const budget = new ConnectionBudget(...limitsOf(dynamicSettings.current()))
  dynamicSettings.onChange(changed => budget.limit(...limitsOf(changed)))
  const limits = {
    maxFrameSize: settings['socket.request.max.bytes'],
    maxInFlight,
    maxQueuedBytes,
    maxIdleMs: settings['connections.max.idle.ms'],
    maxBacklogCount: settings['socket.listen.backlog.size'],
  }
  const memory = new RequestMemory(settings['queued.max.request.bytes'])
  let stopped: Promise<void> | undefined
  const closeAll = async (): Promise<void> => {
    await listeners.stopAccepting()
    await groups.stop()
    await listeners.close()
    // Last, so that who watches sees to the end that the broker is stopping.
    await storage.close().finally(() => metrics?.close())
  }
  const network = { clock, logger: loggers.logger('ottla.network'), pool, memory, budget }
  const listeners = new OpenListeners(
    address => listen(address, dispatcher, limits, network),
    network.logger,
    stopTimeoutMs,
  )
  try {
    const addresses = resolveListeners(dynamicSettings.current())
    await listeners.open(addresses, resolveListeners(settings))
    dynamicSettings.onChange(changed => listeners.follow(resolveListeners(changed)))
    metrics?.started({
      version,
      startedMs,
      brokerId: nodeId,
      address: firstAddress(addresses[0]!, listeners.all[0]),
      requests: requestMetrics,
      telemetry,
      disk: diskTimes,
      logs,
      listeners: listeners.all,
      requestMemory: memory,
      fetchSessions: services.fetchSessions,
      maxPartitionCount: settings['metrics.max.partitions'],
      topics: () => catalog.current().topics.values(),
      groupCounts: () => groups.snapshot(),
      groups: () => groups.eachGroup(),
      logDirectories: storage.directories,
      diskSpace: diskSpaceOf,
      isStopping: () => stopped !== undefined,
    })
    // Clients are served meanwhile.
    void groups.loadAll()
  } catch (error) {
    await closeAll()
    throw error
  }

  return {
    clusterId,
    dataDirectory: metadataDirectory,
    logDirectories,
    get listeners() {
      return listeners.all.map(({ name, host, port }) => ({ name, host, port }))
    },
    metricsPort: metrics?.port,
    stop() {
      stopped ??= closeAll()
      return stopped
    },
  }
}

function maxUnsyncedBytes(setting: number): number {
  return setting >= 0 ? setting : usableMemoryBytes() * unsyncedShare
}

function connectionLimits(
  settings: BrokerSettings,
  possibleCount: number,
): [max: number, perIp: number, ReadonlyMap<string, number>] {
  const overrides = parseIpOverrides(settings['max.connections.per.ip.overrides'])
  return [
    Math.min(settings['max.connections'], possibleCount),
    settings['max.connections.per.ip'],
    typeof overrides === 'string' ? new Map() : overrides,
  ]
}

/** Where clients are sent, as far as it is known without one. */
function firstAddress(address: ListenerSetting, bound: Listener | undefined): string {
  const { host, port } = address.advertised ?? bound ?? address
  return `${host.includes(':') ? `[${host}]` : host}:${port === 0 ? (bound?.port ?? port) : port}`
}

/**
 * The composition root: the only file that wires the parts of a broker together, and the only one that
 * knows the storage engine. `openBroker` opens the data directory, then listens: a client that can connect
 * is served.
 */
import { resolve } from 'node:path'
import { prepareCompression } from '../protocol-codecs/compression/compression.ts'
import { prepareCrc32c } from '../protocol-codecs/crc32c.ts'
import { singleNode } from './cluster/single-node.ts'
import { createGroupCoordinator } from './groups/group-coordinator.ts'
import { groupSettings } from './groups/group-settings.ts'
import type { MetricsOptions, MetricsServer } from './metrics/http-server.ts'
import { RequestMetrics } from './metrics/request-metrics.ts'
import { ConnectionBudget } from './network/connection-budget.ts'
import { type Listener, listen } from './network/listener.ts'
import { RequestMemory } from './network/request-memory.ts'
import { bufferPool } from './platform/buffer-pool.ts'
import { type Clock, systemClock } from './platform/clock.ts'
import { type Disk, systemDisk } from './platform/disk.ts'
import { diskSpaceOf } from './platform/disk-space.ts'
import { type Logger, silentLogger } from './platform/logger.ts'
import { Dispatcher } from './requests/dispatch.ts'
import { features } from './requests/features.ts'
import { FetchSessions } from './requests/fetch-sessions.ts'
import { handlers } from './requests/handlers.ts'
import { ProducerIds } from './requests/producer-ids.ts'
import type { Services } from './requests/services.ts'
import { supportedApis } from './requests/supported-apis.ts'
import type { BrokerSettings } from './settings/broker-settings.ts'
import { parseIpOverrides } from './settings/listener-syntax.ts'
import { resolveListeners } from './settings/listeners.ts'
import { effectiveTopicConfig } from './settings/topic-config.ts'
import { openLocalStorage } from './storage/local/local-storage.ts'
import { topicAdministration } from './topics/topic-administration.ts'

export interface BrokerOptions {
  readonly logger?: Logger
  readonly clock?: Clock
  readonly disk?: Disk
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
  readonly dataDirectory: string
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
/** How long a stopping broker waits for what it has accepted. */
const stopTimeoutMs = 10_000

export async function openBroker(settings: BrokerSettings, options: BrokerOptions = {}): Promise<Broker> {
  const logger = options.logger ?? silentLogger
  const clock = options.clock ?? systemClock
  await Promise.all([prepareCrc32c(), prepareCompression()])

  const pool = bufferPool()
  const dataDirectory = resolve(settings['log.dir']?.[0] ?? settings['log.dirs'][0]!)
  const nodeId = settings['node.id']
  const storage = await openLocalStorage({
    directory: dataDirectory,
    nodeId,
    clusterId: settings['cluster.id'] ?? undefined,
    metadataVersion: features[0]!.level,
    maxOpenSegments,
    producerIdExpirationMs: settings['producer.id.expiration.ms'],
    checkpointIntervalMs: settings['log.flush.offset.checkpoint.interval.ms'],
    topicConfigs: () => overrides => effectiveTopicConfig(settings, overrides),
    disk: options.disk ?? systemDisk(),
    clock,
    logger,
    pool,
  })

  const { clusterId } = storage.identity
  const cluster = singleNode({ clusterId, nodeId, rack: settings['broker.rack'] })
  const { catalog, logs } = storage
  const topics = topicAdministration({ catalog, settings, cluster, logger })
  const groups = createGroupCoordinator({
    settings: groupSettings(settings),
    catalog,
    logs,
    cluster,
    topics,
    clock,
    logger,
  })
  const addresses = resolveListeners(settings)
  const services: Services = {
    settings,
    clock,
    logger,
    catalog,
    logs,
    logDirectory: { path: dataDirectory, space: () => diskSpaceOf(dataDirectory) },
    cluster,
    topics,
    groups,
    fetchSessions: new FetchSessions({
      maxSessionCount: settings['max.incremental.fetch.session.cache.slots'],
      logs,
      clock,
    }),
    producerIds: new ProducerIds(catalog),
    supportedApis: supportedApis(handlers),
    advertisedAddress: context => {
      const advertised = addresses.find(({ name }) => name === context.listenerName)?.advertised
      if (advertised === undefined) return { host: context.localAddress, port: context.localPort }
      return { host: advertised.host, port: advertised.port === 0 ? context.localPort : advertised.port }
    },
  }

  const requestMetrics = new RequestMetrics()
  const dispatcher = new Dispatcher(handlers, services, requestMetrics)
  const perIp = parseIpOverrides(settings['max.connections.per.ip.overrides'])
  const budget = new ConnectionBudget(
    settings['max.connections'],
    settings['max.connections.per.ip'],
    typeof perIp === 'string' ? new Map() : perIp,
  )
  const limits = {
    maxFrameSize: settings['socket.request.max.bytes'],
    maxInFlight,
    maxQueuedBytes,
    maxIdleMs: settings['connections.max.idle.ms'],
    maxBacklogCount: settings['socket.listen.backlog.size'],
  }
  const memory = new RequestMemory(settings['queued.max.request.bytes'])
  const listeners: Listener[] = []
  let metrics: MetricsServer | undefined
  let stopped: Promise<void> | undefined
  const serveMetrics = async (asked: MetricsOptions): Promise<MetricsServer | undefined> => {
    const server = await import('./metrics/http-server.ts')
    const sources = {
      requests: requestMetrics,
      logs,
      listeners,
      topics: () => catalog.current().topics.values(),
      groups: () => groups.snapshot(),
      isStopping: () => stopped !== undefined,
    }
    // Whom the first listener is for may also watch.
    return server.serveMetrics(sources, {
      ...asked,
      host: addresses[0]!.host,
      port: settings['metrics.port'],
      logger,
    })
  }
  const closeAll = async (): Promise<void> => {
    for (const listener of listeners) listener.stopAccepting()
    await groups.stop()
    await Promise.all(listeners.map(listener => listener.close(stopTimeoutMs)))
    metrics?.close()
    await storage.close()
  }
  try {
    for (const address of addresses) {
      listeners.push(await listen(address, dispatcher, limits, { clock, logger, pool, memory, budget }))
    }
    if (options.metrics !== undefined && settings['metrics.port'] >= 0) {
      metrics = await serveMetrics(options.metrics)
    }
    // Clients are served meanwhile.
    void groups.loadAll()
  } catch (error) {
    await closeAll()
    throw error
  }

  return {
    clusterId,
    dataDirectory,
    listeners: listeners.map(({ name, host, port }) => ({ name, host, port })),
    metricsPort: metrics?.port,
    stop() {
      stopped ??= closeAll()
      return stopped
    },
  }
}

/**
 * What a handler needs, for tests that call `handle` without a network: the on-disk engine in a temporary
 * folder of its own, a clock that the test moves, and no groups. Appends are relaxed (`write.caching`) unless the
 * test wants otherwise, so what was appended can be read at once.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildBatch, type RecordToBuild } from '../../protocol-codecs/build-batch.ts'
import { codecFor } from '../../protocol-codecs/compile-codec.ts'
import type { Infer, InferInput, Message } from '../../protocol-codecs/schema.ts'
import { WireReader } from '../../protocol-codecs/wire-reader.ts'
import { WireWriter } from '../../protocol-codecs/wire-writer.ts'
import { singleNode } from '../cluster/single-node.ts'
import { bufferPool } from '../platform/buffer-pool.ts'
import { systemClock } from '../platform/clock.ts'
import { type Disk, systemDisk } from '../platform/disk.ts'
import { diskSpaceOf } from '../platform/disk-space.ts'
import { type Logger, silentLogger } from '../platform/logger.ts'
import { Loggers } from '../platform/loggers.ts'
import { FetchSessions } from '../requests/fetch-sessions.ts'
import { type Handler, handleOf, type RequestContext } from '../requests/handler.ts'
import { handlers } from '../requests/handlers.ts'
import { ProducerIds } from '../requests/producer-ids.ts'
import type { Services } from '../requests/services.ts'
import { supportedApis } from '../requests/supported-apis.ts'
import { type BrokerSettings, brokerSettings } from '../settings/broker-settings.ts'
import { DynamicSettings } from '../settings/dynamic-settings.ts'
import { liveTopicConfigs } from '../settings/topic-config.ts'
import { openLocalStorage } from '../storage/local/local-storage.ts'
import type { PartitionLogs } from '../storage/partition-log.ts'
import { ClientTelemetry } from '../telemetry/client-telemetry.ts'
import { configAdministration } from '../topics/config-administration.ts'
import { topicAdministration } from '../topics/topic-administration.ts'
import { ManualClock } from './manual-clock.ts'

export interface TestServices extends Services {
  readonly clock: ManualClock
  /** Messages of the warnings that were logged. */
  readonly warnings: string[]
  close(): Promise<void>
  createTopic(name: string, partitionCount?: number): Promise<void>
  /** Appends records with these values as one batch; gives its base offset. */
  append(topic: string, index: number, ...records: (string | RecordToBuild)[]): number
  appendBatch(topic: string, index: number, batch: Buffer): number
}

export interface TestServicesOptions {
  readonly settings?: Partial<BrokerSettings>
  readonly randomId?: () => number
  readonly disk?: Disk
  /** The engine goes by the test's clock, too. */
  readonly engineSharesClock?: boolean
  /** Puts something between the handlers and the logs. */
  readonly wrapLogs?: (logs: PartitionLogs) => PartitionLogs
}

export const testNode = { clusterId: 'test-cluster', nodeId: 1, rack: null }

export async function testServices(options: TestServicesOptions = {}): Promise<TestServices> {
  const directory = mkdtempSync(join(tmpdir(), 'ottla-test-'))
  const settings = brokerSettings({ 'write.caching.default': true, ...options.settings })
  const dynamicSettings = new DynamicSettings(settings)
  const clock = new ManualClock()
  const warnings: string[] = []
  const logger = warningsInto(warnings)
  const storage = await openLocalStorage({
    directories: [directory],
    nodeId: testNode.nodeId,
    clusterId: undefined,
    metadataVersion: 25,
    maxOpenSegments: 1000,
    maxUnsyncedBytes: Number.POSITIVE_INFINITY,
    producerIdExpirationMs: () => settings['producer.id.expiration.ms'],
    checkpointIntervalMs: 60_000,
    startOffsetCheckpointIntervalMs: 60_000,
    initialTaskDelayMs: 30_000,
    concurrentOpenings: 2,
    retentionCheckIntervalMs: 300_000,
    isJournalEnabled: true,
    topicConfigs: liveTopicConfigs(dynamicSettings),
    disk: options.disk ?? systemDisk(),
    clock: options.engineSharesClock === true ? clock : systemClock,
    logger: silentLogger,
    pool: bufferPool(),
  })
  const { catalog } = storage
  catalog.onChange(({ snapshot }) => dynamicSettings.apply(snapshot.brokerConfigs))
  const logs = options.wrapLogs?.(storage.logs) ?? storage.logs
  const cluster = singleNode(testNode, logs)
  const appendBatch = (topic: string, index: number, batch: Buffer): number => {
    const partition = catalog.current().topics.get(topic)!.partitions[index]!
    const results = logs.append([{ partition, batch, origin: 'client' }], 'written')
    if (results instanceof Promise) throw new Error('a written append takes no time')
    const result = results[0]!
    if (result.error !== 'NONE') throw new Error(`append: ${result.error}`)
    return result.baseOffset
  }
  return {
    get settings() {
      return dynamicSettings.current()
    },
    clock,
    logger,
    loggers: new Loggers(logger, 'info'),
    catalog,
    logs,
    logDirectories: storage.directories,
    diskSpace: diskSpaceOf,
    cluster,
    topics: topicAdministration({ catalog, cluster, settings: dynamicSettings, logger }),
    configs: configAdministration({ catalog, settings: dynamicSettings, logger }),
    groups: undefined as never,
    fetchSessions: new FetchSessions({
      maxSessionCount: settings['max.incremental.fetch.session.cache.slots'],
      clock,
      logs,
      ...(options.randomId === undefined ? undefined : { randomId: options.randomId }),
    }),
    producerIds: new ProducerIds(catalog),
    telemetry: new ClientTelemetry({
      clock,
      maxBytes: settings['telemetry.max.bytes'],
      subscriptionConfigs: () => catalog.current().clientMetricsConfigs,
    }),
    supportedApis: supportedApis(handlers),
    advertisedAddress: () => ({ host: 'localhost', port: 9092 }),
    warnings,
    async close() {
      await storage.close()
      rmSync(directory, { recursive: true })
    },
    async createTopic(name, partitionCount = 1) {
      await catalog.change({ type: 'create-topic', name, partitionCount, configs: {} })
    },
    append(topic, index, ...records) {
      const timestamp = clock.now()
      const batch = buildBatch({
        timestamp,
        records: records.map(record =>
          typeof record === 'string' ? { key: null, value: Buffer.from(record) } : record,
        ),
      })
      return appendBatch(topic, index, batch)
    },
    appendBatch,
  }
}

function warningsInto(warnings: string[]): Logger {
  const logger: Logger = {
    ...silentLogger,
    warn: (details: object | string, message?: string) => {
      warnings.push(typeof details === 'string' ? details : message!)
    },
    child: () => logger,
  }
  return logger
}

export interface TestContext extends RequestContext {
  /** What the connection does when the answer is on its way. */
  sent(): void
  /** What the connection does when it closes. */
  close(): void
  readonly closeListenerCount: number
}

export function testContext(apiVersion: number): TestContext {
  const sent: (() => void)[] = []
  const close = new Set<() => void>()
  return {
    apiVersion,
    clientId: 'test',
    clientHost: '127.0.0.1',
    clientPort: 40_000,
    clientSoftware: undefined,
    listenerName: 'PLAINTEXT',
    localAddress: '127.0.0.1',
    localPort: 9092,
    connectionId: 'test-connection',
    afterSend: callback => sent.push(callback),
    onClose(callback) {
      close.add(callback)
      return () => void close.delete(callback)
    },
    sent() {
      for (const callback of sent.splice(0)) callback()
    },
    close() {
      for (const callback of [...close]) callback()
    },
    get closeListenerCount() {
      return close.size
    },
  }
}

/**
 * Calls a handler as the dispatcher does, through the codecs both ways: a test sees what a client would
 * see in that version, and a field that the version cannot carry fails the test.
 */
export async function call<Q extends Message, R extends Message>(
  handler: Handler<Q, R>,
  version: number,
  value: InferInput<Q>,
  services: Services,
  context: TestContext = testContext(version),
): Promise<Infer<R>> {
  const request = roundTrip(handler.request, version, value)
  const answer = await handleOf(handler, version)(request, services, context)
  if (typeof answer === 'symbol') throw new Error(`no answer: ${String(answer)}`)
  const response = roundTrip(handler.response, version, answer)
  context.sent()
  return response
}

function roundTrip<M extends Message>(message: M, version: number, value: InferInput<M>): Infer<M> {
  const codec = codecFor(message, version)
  const writer = new WireWriter()
  codec.encode(writer, value)
  return codec.decode(new WireReader(writer.toBuffer()))
}

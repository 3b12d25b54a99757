/**
 * The metrics of one broker for Prometheus, under the names that the JMX exporter gives Kafka's and that dashboards
 * ask for. Nothing is counted here: at a scrape each metric copies the plain numbers that the broker keeps anyway.
 * This file loads prom-client, so it is imported when somebody scrapes for the first time.
 *
 * A scrape of many partitions takes long, so between metrics the event loop gets its turn; what one scrape says
 * is therefore not all of the same instant.
 */
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Counter, collectDefaultMetrics, Gauge, Registry, Summary } from 'prom-client'
import { errorName } from '../../protocol-codecs/error-codes.ts'
import type { ApiMetrics } from './request-metrics.ts'
import type { MeasuredGroups, MeasuredLog, MeasuredTopic, MetricSources } from './sources.ts'
import { RecentTimes } from './time-buckets.ts'
import { LogTraffic } from './traffic.ts'

type Labels = Record<string, string | number>
type Put = (labels: Labels, value: number) => void

/** What several metrics of a scrape are taken from, gathered once. */
interface Gathered {
  readonly logs: readonly MeasuredLog[]
  readonly topics: readonly MeasuredTopic[]
  readonly groups: MeasuredGroups
  readonly trafficByTopic: ReadonlyMap<string, LogTraffic>
  readonly traffic: LogTraffic
}

/** A metric holds the loop for no longer than this many milliseconds with others before it pauses. */
const longestStretchMs = 2
const quantiles = [0.5, 0.75, 0.95, 0.98, 0.99, 0.999]
/** Kafka's BrokerState. */
const running = 3
const shuttingDown = 7
/** How often the event loop's delay is looked at. */
const delayResolutionMs = 20

export interface BrokerMetrics {
  readonly contentType: string
  scrape(): Promise<string>
  stop(): void
}

export function brokerMetrics(sources: MetricSources, options: { ofProcess: boolean }): BrokerMetrics {
  const registry = new Registry()
  const metrics = new Definitions(registry, sources)
  metrics.defineTraffic()
  metrics.defineRequests()
  metrics.defineConnections()
  metrics.defineReplicas()
  metrics.defineLogs()
  metrics.defineGroups()
  const delay = monitorEventLoopDelay({ resolution: delayResolutionMs })
  delay.enable()
  metrics.defineEventLoop(delay)
  if (options.ofProcess) collectDefaultMetrics({ register: registry })

  return {
    contentType: registry.contentType,
    async scrape() {
      metrics.gather()
      const texts: string[] = []
      let stretchSinceMs = performance.now()
      for (const { name } of registry.getMetricsAsArray()) {
        texts.push(await registry.getSingleMetricAsString(name))
        if (performance.now() - stretchSinceMs < longestStretchMs) continue
        await nextTurn()
        stretchSinceMs = performance.now()
      }
      return `${texts.join('\n\n')}\n`
    },
    stop() {
      delay.disable()
      registry.clear()
    },
  }
}

class Definitions {
  private readonly registers: Registry[]
  private readonly sources: MetricSources
  private gathered: Gathered

  constructor(registry: Registry, sources: MetricSources) {
    this.registers = [registry]
    this.sources = sources
    this.gathered = gather(sources)
  }

  gather(): void {
    this.gathered = gather(this.sources)
  }

  private gauge(name: string, help: string, value: () => number): void {
    this.gauges(name, help, [], put => put({}, value()))
  }

  private gauges(name: string, help: string, labelNames: string[], fill: (put: Put) => void): void {
    new Gauge({
      name,
      help,
      labelNames,
      registers: this.registers,
      collect() {
        this.reset()
        fill((labels, value) => this.set(labels, value))
      },
    })
  }

  private counters(name: string, help: string, labelNames: string[], fill: (put: Put) => void): void {
    new Counter({
      name,
      help,
      labelNames,
      registers: this.registers,
      collect() {
        this.reset()
        fill((labels, value) => this.inc(labels, value))
      },
    })
  }

  /** prom-client's own can only be observed into; this one is told what it says. */
  private summary(
    name: string,
    help: string,
    fill: (put: (metricName: string, labels: Labels, value: number) => void) => void,
  ): void {
    const summary = new Summary({ name, help, registers: this.registers })
    const getEmpty = summary.get.bind(summary)
    summary.get = async () => {
      const values: { metricName: string; labels: Labels; value: number }[] = []
      fill((metricName, labels, value) => values.push({ metricName, labels, value }))
      return { ...(await getEmpty()), values }
    }
  }

  defineTraffic(): void {
    const define = (name: string, help: string, read: (traffic: LogTraffic) => number) => {
      this.counters(`kafka_server_brokertopicmetrics_${name}_total`, help, ['topic'], put => {
        put({}, read(this.gathered.traffic))
        for (const [topic, traffic] of this.gathered.trafficByTopic) put({ topic }, read(traffic))
      })
    }
    define('messagesin', 'Records appended.', traffic => traffic.messagesIn)
    define('bytesin', 'Bytes of records appended.', traffic => traffic.bytesIn)
    define('bytesout', 'Bytes of records given to consumers.', traffic => traffic.bytesOut)
    define(
      'totalproducerequests',
      'Appends to a partition that were asked for.',
      traffic => traffic.produceRequests,
    )
    define(
      'failedproducerequests',
      'Appends to a partition that were refused.',
      traffic => traffic.failedProduceRequests,
    )
    define(
      'totalfetchrequests',
      'Answers to fetches, one for each partition in them.',
      traffic => traffic.fetchRequests,
    )
    define(
      'failedfetchrequests',
      'Answers to fetches that were errors, one for each partition.',
      traffic => traffic.failedFetchRequests,
    )
  }

  defineRequests(): void {
    const prefix = 'kafka_network_requestmetrics'
    const { apis } = this.sources.requests
    const each = (visit: (request: string, api: ApiMetrics) => void) => {
      for (const api of apis) for (const request of namesOf(api)) visit(request, api)
    }
    this.counters(`${prefix}_requests_total`, 'Requests, by API and version.', ['request', 'version'], put =>
      each((request, { requests }) => {
        for (const [version, count] of requests.entries()) if (count > 0) put({ request, version }, count)
      }),
    )
    this.counters(`${prefix}_errors_total`, 'Errors in responses.', ['request', 'error'], put =>
      each((request, { errors }) => {
        for (const [code, count] of errors) put({ request, error: errorName(code) }, count)
      }),
    )
    const recent = new Map(apis.map(api => [api, new RecentTimes(api.totalTimes, performance.now())]))
    const name = `${prefix}_totaltimems`
    this.summary(name, 'Milliseconds from the arrival of a request to its response.', put =>
      each((request, api) => {
        const micros = recent.get(api)!.quantiles(quantiles, performance.now())
        for (const [i, value] of micros.entries())
          put(name, { request, quantile: quantiles[i]! }, value / 1000)
        put(`${name}_count`, { request }, api.totalTimes.count)
        put(`${name}_sum`, { request }, api.totalTimes.sumMicros / 1000)
      }),
    )
  }

  defineConnections(): void {
    const prefix = 'kafka_server_socket_server_metrics'
    const { listeners } = this.sources
    this.gauges(`${prefix}_connection_count`, 'Open connections.', ['listener'], put => {
      for (const { name, connectionCount } of listeners) put({ listener: name }, connectionCount)
    })
    this.counters(`${prefix}_connection_creation_total`, 'Connections accepted.', ['listener'], put => {
      for (const { name, traffic } of listeners) put({ listener: name }, traffic.connectionCreations)
    })
    this.counters(`${prefix}_incoming_byte_total`, 'Bytes received.', ['listener'], put => {
      for (const { name, traffic } of listeners) put({ listener: name }, traffic.incomingBytes)
    })
    this.counters(`${prefix}_outgoing_byte_total`, 'Bytes sent.', ['listener'], put => {
      for (const { name, traffic } of listeners) put({ listener: name }, traffic.outgoingBytes)
    })
  }

  defineReplicas(): void {
    const offline = () => this.gathered.logs.filter(log => log.isOffline).length
    const manager = 'kafka_server_replicamanager'
    this.gauge(`${manager}_partitioncount`, 'Partitions on this broker.', () => this.gathered.logs.length)
    this.gauge(
      `${manager}_leadercount`,
      'Partitions that this broker leads.',
      () => this.gathered.logs.length - offline(),
    )
    this.gauge(
      `${manager}_underreplicatedpartitions`,
      'Partitions with replicas that lag behind: none, there is one replica of each.',
      () => 0,
    )
    this.gauge(`${manager}_offlinereplicacount`, 'Partitions offline after a disk error.', offline)
    const controller = 'kafka_controller_kafkacontroller'
    this.gauge(`${controller}_activecontrollercount`, 'Whether this broker is the controller.', () => 1)
    this.gauge(`${controller}_offlinepartitionscount`, 'Partitions without a leader.', offline)
    this.gauge(`${controller}_globaltopiccount`, 'Topics.', () => this.gathered.topics.length)
    this.gauge(`${controller}_globalpartitioncount`, 'Partitions of all topics.', () =>
      this.gathered.topics.reduce((count, { partitions }) => count + partitions.length, 0),
    )
    this.gauge('kafka_server_kafkaserver_brokerstate', '3: running, 7: shutting down.', () =>
      this.sources.isStopping() ? shuttingDown : running,
    )
  }

  defineLogs(): void {
    const define = (name: string, help: string, read: (log: MeasuredLog) => number) => {
      this.gauges(`kafka_log_log_${name}`, help, ['topic', 'partition'], put => {
        for (const log of this.gathered.logs) {
          put({ topic: log.partition.topic, partition: log.partition.index }, read(log))
        }
      })
    }
    define('size', "Bytes of a partition's segments.", log => log.size)
    define('numlogsegments', 'Segments of a partition.', log => log.segments.length)
    define('logstartoffset', 'Offset of the first record.', log => log.logStartOffset)
    define('logendoffset', 'Offset that the next record gets.', log => log.logEndOffset)
  }

  defineGroups(): void {
    const prefix = 'kafka_coordinator_group_groupmetadatamanager'
    const define = (name: string, help: string, read: (groups: MeasuredGroups['groups']) => number) =>
      this.gauge(`${prefix}_numgroups${name}`, help, () => read(this.gathered.groups.groups))
    define('', 'Consumer groups.', groups => {
      return groups.Empty + groups.PreparingRebalance + groups.CompletingRebalance + groups.Stable
    })
    define('empty', 'Groups without members.', groups => groups.Empty)
    define('preparingrebalance', 'Groups waiting for members to join.', groups => groups.PreparingRebalance)
    define('completingrebalance', 'Groups waiting for the assignment.', groups => groups.CompletingRebalance)
    define('stable', 'Groups whose members have their assignment.', groups => groups.Stable)
    define('dead', 'Groups on their way out: none, they go at once.', () => 0)
    this.gauge(`${prefix}_numoffsets`, 'Committed offsets.', () => this.gathered.groups.committedOffsets)
  }

  defineEventLoop(delay: IntervalHistogram): void {
    this.gauges(
      'ottla_event_loop_delay_seconds',
      'For how long the event loop was late, since the last scrape.',
      ['quantile'],
      put => {
        // Node counts the interval between two looks at it, which is the resolution when nothing is late.
        const seconds = (nanos: number) => Math.max(0, nanos / 1e9 - delayResolutionMs / 1e3)
        for (const quantile of [0.5, 0.99, 1]) {
          const nanos = delay.count === 0 ? 0 : delay.percentile(quantile * 100)
          put({ quantile }, seconds(nanos))
        }
        delay.reset()
      },
    )
  }
}

/** Kafka counts a consumer's fetch twice: as what it is and, with those of followers, under the API's name. */
function namesOf({ name }: ApiMetrics): readonly string[] {
  return name === 'Fetch' ? [name, 'FetchConsumer'] : [name]
}

function gather(sources: MetricSources): Gathered {
  const logs = [...sources.logs.all()]
  const traffic = new LogTraffic()
  traffic.add(sources.logs.deletedTraffic)
  const trafficByTopic = new Map<string, LogTraffic>()
  for (const log of logs) {
    const { topic } = log.partition
    let sum = trafficByTopic.get(topic)
    if (sum === undefined) {
      sum = new LogTraffic()
      trafficByTopic.set(topic, sum)
    }
    sum.add(log.traffic)
    traffic.add(log.traffic)
  }
  return { logs, traffic, trafficByTopic, topics: [...sources.topics()], groups: sources.groups() }
}

/** The broker as a whole: what it is, its part in the cluster of one, its connections and its limits. */
import { counter, counters, type Family, gauge, gauges } from './family.ts'
import type { MeasuredListener } from './sources.ts'

/** Kafka's BrokerState. */
const running = 3
const shuttingDown = 7

export function brokerFamilies(): Family[] {
  return [...identityFamilies(), ...clusterFamilies(), ...connectionFamilies()]
}

function identityFamilies(): Family[] {
  return [
    gauge('kafka_server_kafkaserver_brokerstate', '3: running, 7: shutting down.', ({ sources }) =>
      sources.isStopping() ? shuttingDown : running,
    ),
    gauge(
      'kafka_server_app_info_starttimems',
      'When the broker started, in milliseconds since 1970.',
      ({ sources }) => sources.startedMs,
    ),
    gauges('ottla_info', '1, with the versions as labels.', ({ sources }) => [
      { labels: { version: sources.version, node: process.version }, value: 1 },
    ]),
    gauge('kafka_brokers', 'Brokers of the cluster: one.', () => 1),
    gauges('kafka_broker_info', '1, with id and address as labels.', ({ sources }) => [
      { labels: { id: sources.brokerId, address: sources.address }, value: 1 },
    ]),
  ]
}

function clusterFamilies(): Family[] {
  const manager = 'kafka_server_replicamanager'
  const controller = 'kafka_controller_kafkacontroller'
  return [
    gauge(`${manager}_partitioncount`, 'Partitions on this broker.', ({ logs }) => logs.length),
    gauge(`${manager}_leadercount`, 'Partitions that this broker leads.', ({ logs, offlineCount }) => {
      return logs.length - offlineCount
    }),
    gauge(`${manager}_underreplicatedpartitions`, 'Led partitions with replicas that lag: none.', () => 0),
    gauge(`${manager}_underminisrpartitioncount`, 'Led partitions with too few replicas: none.', () => 0),
    gauge(`${manager}_atminisrpartitioncount`, 'Led partitions with just enough replicas: all.', scrape => {
      return scrape.logs.length - scrape.offlineCount
    }),
    gauge(`${manager}_offlinereplicacount`, 'Partitions offline after a disk error.', s => s.offlineCount),
    counter(`${manager}_isrshrinks_total`, 'Replicas that fell behind: none.', () => 0),
    counter(`${manager}_isrexpands_total`, 'Replicas that caught up: none.', () => 0),
    gauge(`${controller}_activecontrollercount`, 'Whether this broker is the controller.', () => 1),
    gauge(`${controller}_offlinepartitionscount`, 'Partitions without leader.', s => s.offlineCount),
    gauge(`${controller}_globaltopiccount`, 'Topics.', ({ topics }) => topics.length),
    gauge(`${controller}_globalpartitioncount`, 'Partitions of all topics.', ({ topics }) =>
      topics.reduce((count, { partitions }) => count + partitions.length, 0),
    ),
    gauge(`${controller}_preferredreplicaimbalancecount`, 'Partitions led by another broker: none.', () => 0),
    counter(
      'kafka_controller_controllerstats_uncleanleaderelections_total',
      'Leaders elected that lacked records: none.',
      () => 0,
    ),
  ]
}

function connectionFamilies(): Family[] {
  const prefix = 'kafka_server_socket_server_metrics'
  const each =
    (read: (listener: MeasuredListener) => number): Family['samples'] =>
    ({ sources }) =>
      sources.listeners.map(listener => ({ labels: { listener: listener.name }, value: read(listener) }))
  const sessions = 'kafka_server_fetchsessioncache'
  return [
    gauges(
      `${prefix}_connection_count`,
      'Open connections.',
      each(({ connectionCount }) => connectionCount),
    ),
    counters(
      `${prefix}_connection_creation_total`,
      'Connections accepted.',
      each(({ traffic }) => traffic.connectionCreations),
    ),
    counters(
      `${prefix}_connection_close_total`,
      'Connections that ended.',
      each(({ traffic, connectionCount }) => traffic.connectionCreations - connectionCount),
    ),
    counters(
      `${prefix}_incoming_byte_total`,
      'Bytes received.',
      each(({ traffic }) => traffic.incomingBytes),
    ),
    counters(
      `${prefix}_outgoing_byte_total`,
      'Bytes sent.',
      each(({ traffic }) => traffic.outgoingBytes),
    ),
    counters(
      'ottla_connections_refused_total',
      'Connections closed at once because there were too many.',
      each(({ traffic }) => traffic.refusedConnections),
    ),
    gauges(
      'ottla_requests_in_flight',
      'Requests that were started and not answered yet.',
      each(({ inFlightCount }) => inFlightCount),
    ),
    gauge(
      'kafka_network_socketserver_memorypoolused',
      'Bytes of memory that requests hold which have not started.',
      ({ sources }) => sources.requestMemory.size,
    ),
    gauge(`${sessions}_numincrementalfetchsessions`, 'Fetch sessions.', ({ sources }) => {
      return sources.fetchSessions.sessionCount
    }),
    gauge(`${sessions}_numincrementalfetchpartitionscached`, 'Partitions in fetch sessions.', s => {
      return s.sources.fetchSessions.partitionCount
    }),
    counter(`${sessions}_incrementalfetchsessionevictions_total`, 'Fetch sessions put out for others.', s => {
      return s.sources.fetchSessions.evictionCount
    }),
  ]
}

/**
 * Topics and partitions: what passes through them (Kafka's BrokerTopicMetrics), what their logs hold (Kafka's Log),
 * and the same once more under the names of kafka_exporter. Series of single partitions are bounded in number.
 */
import { counters, type Family, gauge, gauges, type Labels } from './family.ts'
import type { Scrape } from './scrape.ts'
import type { MeasuredLog } from './sources.ts'
import type { LogTraffic } from './traffic.ts'

/** There is one replica of each partition; while it is offline, none is in sync. */
const replicaCount = 1

function inSyncCount(log: MeasuredLog): number {
  return log.isOffline ? 0 : replicaCount
}

/** Kafka asks for no more replicas than a partition has. */
function wantedInSyncCount(log: MeasuredLog): number {
  return Math.min(log.config.minInsyncReplicas, replicaCount)
}

export function topicFamilies(): Family[] {
  return [...trafficFamilies(), ...partitionFamilies()]
}

function trafficFamilies(): Family[] {
  const sums = (name: string, help: string, read: (traffic: LogTraffic) => number): Family =>
    counters(name, help, function* (scrape) {
      yield { value: read(scrape.traffic) }
      for (const [topic, ofTopic] of scrape.trafficByTopic) {
        yield { labels: { topic }, value: read(ofTopic) }
      }
    })
  const traffic = (name: string, help: string, read: (traffic: LogTraffic) => number): Family =>
    sums(`kafka_server_brokertopicmetrics_${name}_total`, help, read)
  return [
    traffic('messagesin', 'Records appended.', ({ messagesIn }) => messagesIn),
    traffic('bytesin', 'Bytes of records appended.', ({ bytesIn }) => bytesIn),
    traffic('bytesout', 'Bytes of records given to consumers.', ({ bytesOut }) => bytesOut),
    traffic('bytesrejected', 'Bytes of batches that were too large.', ({ bytesRejected }) => bytesRejected),
    traffic(
      'totalproducerequests',
      'Appends to a partition asked for.',
      ({ produceRequests }) => produceRequests,
    ),
    traffic(
      'failedproducerequests',
      'Appends to a partition refused.',
      ({ failedProduceRequests }) => failedProduceRequests,
    ),
    traffic('totalfetchrequests', 'Answers to fetches, by partition.', ({ fetchRequests }) => fetchRequests),
    traffic(
      'failedfetchrequests',
      'Answers to fetches that were errors, by partition.',
      ({ failedFetchRequests }) => failedFetchRequests,
    ),
    traffic(
      'producemessageconversions',
      'Records that the broker had to compress anew, or to convert from an old format.',
      ({ producedConversions }) => producedConversions,
    ),
    traffic(
      'fetchmessageconversions',
      'Records converted to an old format for old consumers.',
      ({ fetchedConversions }) => fetchedConversions,
    ),
    sums(
      'ottla_log_deleted_segments_total',
      'Segments that retention took out.',
      traffic => traffic.deletedSegments,
    ),
    sums(
      'ottla_log_deleted_bytes_total',
      'Bytes of segments that retention took out.',
      traffic => traffic.deletedBytes,
    ),
  ]
}

function partitionFamilies(): Family[] {
  const labels = new WeakMap<MeasuredLog, Labels>()
  const labelsOf = (log: MeasuredLog): Labels => {
    let known = labels.get(log)
    if (known === undefined) {
      known = { topic: log.partition.topic, partition: log.partition.index }
      labels.set(log, known)
    }
    return known
  }
  const each = (name: string, help: string, read: (log: MeasuredLog, scrape: Scrape) => number): Family =>
    gauges(name, help, function* (scrape) {
      for (const log of scrape.shownLogs) yield { sharedLabels: labelsOf(log), value: read(log, scrape) }
    })
  const log = 'kafka_log_log'
  const cluster = 'kafka_cluster_partition'
  const exporter = 'kafka_topic_partition'
  return [
    each(`${log}_size`, "Bytes of a partition's segments.", ({ size }) => size),
    each(`${log}_numlogsegments`, 'Segments of a partition.', ({ segments }) => segments.length),
    each(`${log}_logstartoffset`, 'Offset of the first record.', ({ logStartOffset }) => logStartOffset),
    each(`${log}_logendoffset`, 'Offset that the next record gets.', ({ logEndOffset }) => logEndOffset),
    each(`${cluster}_replicascount`, 'Replicas: one.', () => replicaCount),
    each(`${cluster}_underminisr`, '1: fewer replicas in sync than acks=all wants.', log =>
      Number(inSyncCount(log) < wantedInSyncCount(log)),
    ),
    each(`${cluster}_atminisr`, '1: just as many in sync as acks=all wants.', log =>
      Number(inSyncCount(log) === wantedInSyncCount(log)),
    ),
    gauges('kafka_topic_partitions', 'Partitions of a topic.', function* ({ topics }) {
      for (const { name, partitions } of topics) yield { labels: { topic: name }, value: partitions.length }
    }),
    each(`${exporter}_current_offset`, 'Offset behind the last readable record.', log => log.highWatermark),
    each(`${exporter}_oldest_offset`, 'Offset of the first record.', log => log.logStartOffset),
    each(`${exporter}_replicas`, 'Replicas: one.', () => replicaCount),
    each(`${exporter}_in_sync_replica`, 'Replicas in sync.', inSyncCount),
    each(`${exporter}_leader`, 'Id of the broker that leads; -1: offline.', (log, { sources }) =>
      log.isOffline ? -1 : sources.brokerId,
    ),
    each(`${exporter}_leader_is_preferred`, '1: the leader is the preferred one.', inSyncCount),
    each(`${exporter}_under_replicated_partition`, '1: not all replicas are in sync.', log =>
      Number(inSyncCount(log) < replicaCount),
    ),
    gauge(
      'ottla_partitions_without_series',
      'Partitions that get no series of their own because they are too many.',
      ({ logs, shownLogs }) => logs.length - shownLogs.length,
    ),
  ]
}

/**
 * The text of a scrape where no broker would easily go: hundreds of partitions, some offline, names that must be
 * escaped, more than there may be series for. What is measured is made up; Prometheus' format is read independently.
 */
import t from 'tap'
import { parseExposition } from '../testing/parse-exposition.ts'
import { exposition } from './exposition.ts'
import { DiskTimes } from './measured-disk.ts'
import { RequestMetrics } from './request-metrics.ts'
import type { MeasuredGroup, MeasuredLog, MetricSources } from './sources.ts'
import { LogTraffic } from './traffic.ts'

function log(index: number, changes: Partial<MeasuredLog> = {}): MeasuredLog {
  return {
    partition: { topic: 'orders', index },
    config: { minInsyncReplicas: 2 },
    size: 1000 + index,
    segments: [{}],
    logStartOffset: 10,
    highWatermark: 50,
    logEndOffset: 60,
    isOffline: false,
    traffic: new LogTraffic(),
    ...changes,
  }
}

function group(groupId: string, offsets: MeasuredGroup['offsets']): MeasuredGroup {
  return { groupId, memberCount: 3, offsets }
}

function sources(
  logs: readonly MeasuredLog[],
  groups: readonly MeasuredGroup[],
  changes: Partial<MetricSources> = {},
): MetricSources {
  const committedOffsets = groups.reduce((count, { offsets }) => count + [...offsets].length, 0)
  return {
    version: '1.2.3',
    startedMs: 1_700_000_000_000,
    brokerId: 7,
    address: 'localhost:9092',
    requests: new RequestMetrics(),
    telemetry: {
      instances: { count: 0, unknownSubscriptionCount: 0, throttledCount: 0 },
      metrics: { size: 0, droppedCount: 0, current: () => [] },
    },
    disk: new DiskTimes(),
    logs: { all: () => logs, deletedTraffic: new LogTraffic(), unsynced: { size: 0, maxBytes: 0 } },
    listeners: [],
    requestMemory: { size: 0 },
    fetchSessions: { sessionCount: 0, partitionCount: 0, evictionCount: 0 },
    maxPartitionCount: 1000,
    topics: () => [{ name: 'orders', partitions: logs }],
    groupCounts: () => ({
      groups: { Empty: 0, PreparingRebalance: 0, CompletingRebalance: 0, Stable: groups.length },
      committedOffsets,
    }),
    groups: () => groups,
    logDirectories: [{ path: '/a', isOffline: false }],
    diskSpace: async () => ({ totalBytes: 100, usableBytes: 40 }),
    isStopping: () => false,
    ...changes,
  }
}

async function scrape(of: MetricSources): Promise<Map<string, number>> {
  const exposed = exposition(of, { ofProcess: false })
  try {
    const [first, second] = [await exposed.scrape(), await exposed.scrape()]
    parseExposition(Buffer.concat(first).toString())
    return parseExposition(Buffer.concat(second).toString())
  } finally {
    exposed.stop()
  }
}

t.test('a family of many series is one family, whatever pieces it is written in', async t => {
  const logs = Array.from({ length: 777 }, (_, index) => log(index))
  const readers = group(
    'readers',
    logs.map(({ partition: { index } }) => ({ topic: 'orders', partition: index, offset: 40 })),
  )
  const samples = await scrape(sources(logs, [readers]))
  for (let partition = 0; partition < 777; partition++) {
    const value = samples.get(`kafka_log_log_size{topic="orders",partition="${partition}"}`)
    if (value !== 1000 + partition) t.fail(`the size of ${partition} is ${value}`)
    const lag = samples.get(
      `kafka_consumergroup_lag{consumergroup="readers",topic="orders",partition="${partition}"}`,
    )
    if (lag !== 10) t.fail(`the lag of ${partition} is ${lag}`)
  }
  t.equal(samples.get('kafka_consumergroup_lag_sum{consumergroup="readers",topic="orders"}'), 7770)
})

t.test('a partition that is offline has no leader', async t => {
  const samples = await scrape(sources([log(0), log(1, { isOffline: true })], []))
  const of = (name: string) => [0, 1].map(i => samples.get(`${name}{topic="orders",partition="${i}"}`))
  t.same(of('kafka_topic_partition_leader'), [7, -1])
  t.same(of('kafka_topic_partition_in_sync_replica'), [1, 0])
  t.same(of('kafka_topic_partition_under_replicated_partition'), [0, 1])
  t.same(of('kafka_cluster_partition_atminisr'), [1, 0], 'no more replicas can be asked for than there are')
  t.same(of('kafka_cluster_partition_underminisr'), [0, 1])
  t.equal(samples.get('kafka_controller_kafkacontroller_offlinepartitionscount'), 1)
  t.equal(samples.get('kafka_server_replicamanager_leadercount'), 1)
})

t.test('lag is counted from what can be read, per topic and group, and never below zero', async t => {
  const logs = [log(0), log(1), log(0, { partition: { topic: 'trades', index: 0 } })]
  const offsets = [
    { topic: 'orders', partition: 0, offset: 20 },
    { topic: 'orders', partition: 1, offset: 55 },
    { topic: 'trades', partition: 0, offset: 49 },
    { topic: 'trades', partition: 9, offset: 49 },
    { topic: 'gone', partition: 0, offset: 5 },
  ]
  const samples = await scrape(
    sources(logs, [group('a', offsets), group('none', []), group('b', offsets.slice(2, 3))]),
  )
  const sum = (name: string, id: string, topic: string) =>
    samples.get(`kafka_consumergroup_${name}_sum{consumergroup="${id}",topic="${topic}"}`)
  t.same([sum('lag', 'a', 'orders'), sum('lag', 'a', 'trades'), sum('lag', 'b', 'trades')], [30, 1, 1])
  t.same([sum('current_offset', 'a', 'orders'), sum('current_offset', 'a', 'trades')], [75, 49])
  t.equal(sum('lag', 'a', 'gone'), undefined)
  const of = (name: string) =>
    [...samples.keys()].filter(key => key.startsWith(`kafka_consumergroup_${name}{`))
  t.equal(of('lag').length, 4)
  t.equal(of('members').length, 3)
})

t.test('names are escaped', async t => {
  const readers = group('a "b" \\ c\nd', [{ topic: 'orders', partition: 0, offset: 0 }])
  const samples = await scrape(sources([log(0)], [readers]))
  t.equal(samples.get('kafka_consumergroup_members{consumergroup="a \\"b\\" \\\\ c\\nd"}'), 3)
})

t.test('with too many partitions or offsets there are sums only, and a number that says so', async t => {
  const readers = group('readers', [
    { topic: 'orders', partition: 0, offset: 0 },
    { topic: 'orders', partition: 1, offset: 0 },
  ])
  const has = (samples: Map<string, number>, name: string) =>
    [...samples.keys()].some(key => key.startsWith(`${name}{`))
  const shown = await scrape(sources([log(0), log(1)], [readers], { maxPartitionCount: 2 }))
  t.ok(has(shown, 'kafka_log_log_size') && has(shown, 'kafka_consumergroup_lag'))
  t.equal(shown.get('ottla_partitions_without_series'), 0)
  t.equal(shown.get('ottla_offsets_without_series'), 0)

  const bounded = await scrape(sources([log(0), log(1)], [readers], { maxPartitionCount: 1 }))
  for (const name of ['kafka_log_log_size', 'kafka_topic_partition_leader', 'kafka_consumergroup_lag']) {
    t.notOk(has(bounded, name), name)
  }
  t.equal(bounded.get('kafka_consumergroup_lag_sum{consumergroup="readers",topic="orders"}'), 100)
  t.equal(bounded.get('kafka_topic_partitions{topic="orders"}'), 2)
  t.ok(has(bounded, 'kafka_server_brokertopicmetrics_messagesin_total'))
  t.equal(bounded.get('ottla_partitions_without_series'), 2)
  t.equal(bounded.get('ottla_offsets_without_series'), 2)
})

t.test('a broker that stops says so, and one without a request has no quantiles', async t => {
  const samples = await scrape(sources([], [], { isStopping: () => true }))
  t.equal(samples.get('kafka_server_kafkaserver_brokerstate'), 7)
  t.equal(samples.get('ottla_disk_seconds_count{operation="write"}'), 0)
  t.equal(samples.get('ottla_disk_seconds{operation="write",quantile="0.5"}'), undefined)
  t.equal(samples.get(`ottla_info{version="1.2.3",node="${process.version}"}`), 1)
})

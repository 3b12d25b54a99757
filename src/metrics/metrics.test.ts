/**
 * Metrics as Prometheus would see them: over HTTP from a whole broker that an unmodified client has used. The
 * arithmetic under them is held against sorted lists, and the search for errors against hand-made responses.
 */
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import kafkajs from 'kafkajs'
import t, { type Test } from 'tap'
import { buildBatch } from '../../protocol-codecs/build-batch.ts'
import { fetchResponse } from '../../protocol-codecs/messages/fetch.ts'
import { metadataResponse } from '../../protocol-codecs/messages/metadata.ts'
import { offsetFetchResponse } from '../../protocol-codecs/messages/offset-fetch.ts'
import { syncGroupResponse } from '../../protocol-codecs/messages/sync-group.ts'
import { seededRandom } from '../../scripts/seeded-random.ts'
import { type Broker, type BrokerOptions, openBroker } from '../broker.ts'
import { exitCodeOf, exitCodes } from '../exit-codes.ts'
import { type Logger, silentLogger } from '../platform/logger.ts'
import { fetch } from '../requests/fetch.ts'
import { handlers } from '../requests/handlers.ts'
import { produce } from '../requests/produce.ts'
import { type BrokerSettings, brokerSettings } from '../settings/broker-settings.ts'
import { loadSettings } from '../settings/load-settings.ts'
import { parseExposition } from '../testing/parse-exposition.ts'
import { RawClient } from '../testing/raw-client.ts'
import { serveMetrics } from './http-server.ts'
import { compileErrorReader } from './response-errors.ts'
import { RecentTimes, TimeBuckets } from './time-buckets.ts'

const { CompressionTypes, Kafka, logLevel } = kafkajs

async function running(t: Test, changes: Partial<BrokerSettings>, options: BrokerOptions): Promise<Broker> {
  const directory = mkdtempSync(join(tmpdir(), 'ottla-test-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const broker = await openBroker(
    brokerSettings({
      listeners: ['PLAINTEXT://127.0.0.1:0'],
      'log.dirs': [directory],
      'group.initial.rebalance.delay.ms': 0,
      'write.caching.default': true,
      'offsets.topic.num.partitions': 2,
      'metrics.port': 0,
      ...changes,
    }),
    options,
  )
  t.teardown(() => broker.stop())
  return broker
}

interface Answer {
  readonly status: number
  readonly contentType: string | undefined
  readonly body: string
}

async function get(port: number, path: string, method = 'GET'): Promise<Answer> {
  const asked = request({ host: '127.0.0.1', port, path, method, agent: false }).end()
  const [response] = await once(asked, 'response')
  let body = ''
  for await (const piece of response) body += piece
  return { status: response.statusCode, contentType: response.headers['content-type'], body }
}

/** Every sample by its name with labels. */
async function scrape(t: Test, broker: Broker): Promise<Map<string, number>> {
  const { status, contentType, body } = await get(broker.metricsPort!, '/metrics')
  t.same([status, contentType], [200, 'text/plain; version=0.0.4; charset=utf-8'])
  return parseExposition(body)
}

t.test('after producing and consuming, a scrape has the right numbers', async t => {
  const broker = await running(t, {}, { metrics: {} })
  const empty = await scrape(t, broker)
  t.equal(empty.get('kafka_server_brokertopicmetrics_messagesin_total'), 0)
  t.equal(empty.get('kafka_server_kafkaserver_brokerstate'), 3)
  t.equal(empty.get('kafka_coordinator_group_groupmetadatamanager_numgroups'), 0)

  const kafka = new Kafka({
    brokers: [`127.0.0.1:${broker.listeners[0]!.port}`],
    logLevel: logLevel.NOTHING,
    retry: { retries: 0 },
  })
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic: 'orders', numPartitions: 3 }] })
  const producer = kafka.producer({ allowAutoTopicCreation: false })
  await producer.connect()
  const value = Buffer.alloc(1000, 'x')
  for (let i = 0; i < 10; i++) {
    await producer.send({
      topic: 'orders',
      compression: CompressionTypes.None,
      messages: Array.from({ length: 7 }, () => ({ value, partition: i % 2 })),
    })
  }
  const consumer = kafka.consumer({ groupId: 'readers', maxWaitTimeInMs: 100 })
  await consumer.subscribe({ topic: 'orders', fromBeginning: true })
  let seen = 0
  await new Promise<void>(resolve => {
    void consumer.run({
      autoCommit: false,
      eachMessage: async () => {
        if (++seen === 70) resolve()
      },
    })
  })
  await consumer.commitOffsets([
    { topic: 'orders', partition: 0, offset: '35' },
    { topic: 'orders', partition: 1, offset: '30' },
  ])
  // A scrape takes turns with requests: what it says of Fetch agrees with itself when none is under way.
  consumer.pause([{ topic: 'orders' }])
  // A batch that was damaged on its way, a partition that there is not, and a batch that is too large.
  const damaged = buildBatch({ records: [{ value }], timestamp: Date.now() })
  damaged.writeUInt8(damaged.readUInt8(100) ^ 1, 100)
  const partitionData = [
    { index: 0, records: damaged },
    { index: 8, records: damaged },
  ]
  const topicData = [{ name: 'orders', partitionData }]
  const raw = await RawClient.connect({ port: broker.listeners[0]!.port })
  await raw.send(produce, 9, { transactionalId: null, acks: 1, timeoutMs: 1000, topicData })
  const large = buildBatch({ records: [{ value: Buffer.alloc(2 * 1024 * 1024) }], timestamp: Date.now() })
  const largeData = [{ name: 'orders', partitionData: [{ index: 2, records: large }] }]
  await raw.send(produce, 9, { transactionalId: null, acks: 1, timeoutMs: 1000, topicData: largeData })
  // A fetch that waits in vain, and longer than the consumer's last one.
  const topics = [{ topic: 'orders', partitions: [{ partition: 2, fetchOffset: 0n, partitionMaxBytes: 1 }] }]
  await raw.send(fetch, 11, {
    maxWaitMs: 255,
    minBytes: 1,
    isolationLevel: 0,
    topics,
    forgottenTopicsData: [],
  })
  await raw.close()

  const samples = await scrape(t, broker)
  const sample = (name: string) => samples.get(name)
  const traffic = (name: string, topic?: string) =>
    sample(`kafka_server_brokertopicmetrics_${name}_total${topic === undefined ? '' : `{topic="${topic}"}`}`)!
  await t.test('of topics', async t => {
    t.equal(traffic('messagesin', 'orders'), 70)
    t.equal(traffic('totalproducerequests', 'orders'), 12)
    t.equal(traffic('failedproducerequests', 'orders'), 2)
    t.equal(traffic('bytesrejected', 'orders'), large.length)
    t.equal(traffic('bytesrejected'), large.length)
    const bytes = traffic('bytesin', 'orders')
    t.ok(bytes > 70_000 && bytes < 72_000, `${bytes}`)
    t.equal(traffic('bytesout', 'orders'), bytes, 'one consumer read everything once')
    t.ok(traffic('totalfetchrequests', 'orders') >= 2)
    t.equal(traffic('failedfetchrequests', 'orders'), 0)
    // The groups' own records count as well, as they do in Kafka.
    const ofGroups = traffic('messagesin', '__consumer_offsets')
    t.ok(ofGroups >= 2, `${ofGroups}`)
    t.equal(traffic('messagesin'), 70 + ofGroups)
    t.equal(traffic('bytesin'), bytes + traffic('bytesin', '__consumer_offsets'))
  })
  await t.test('of requests', async t => {
    const requests = (name: string) => {
      let count = 0
      for (const [key, value] of samples) {
        if (key.startsWith(`kafka_network_requestmetrics_requests_total{request="${name}",`)) count += value
      }
      return count
    }
    const times = (name: string, labels: string) =>
      sample(`kafka_network_requestmetrics_totaltimems${name}{request=${labels}}`)!
    t.equal(requests('CreateTopics'), 1)
    t.equal(sample('kafka_network_requestmetrics_requests_total{request="Produce",version="7"}'), 10)
    t.equal(requests('JoinGroup'), times('_count', '"JoinGroup"'))
    t.equal(requests('Fetch'), requests('FetchConsumer'))
    t.ok(requests('Fetch') >= 1)
    const errors = (name: string, error: string) =>
      sample(`kafka_network_requestmetrics_errors_total{request="${name}",error="${error}"}`)
    t.equal(errors('JoinGroup', 'MEMBER_ID_REQUIRED'), 1)
    t.equal(errors('Produce', 'CORRUPT_MESSAGE'), 1)
    t.equal(errors('Produce', 'UNKNOWN_TOPIC_OR_PARTITION'), 1)
    t.equal(errors('Produce', 'MESSAGE_TOO_LARGE'), 1)
    t.equal(times('_count', '"Produce"'), 12)
    const [median, highest] = [times('', '"Produce",quantile="0.5"'), times('', '"Produce",quantile="0.999"')]
    t.ok(median > 0 && highest >= median && highest < 5000, `${median} to ${highest} ms`)
    const mean = times('_sum', '"Produce"') / 12
    t.ok(mean > 0 && mean <= highest * 1.13, `mean ${mean}`)
    const piece = (name: string, suffix: string, request: string) =>
      sample(`kafka_network_requestmetrics_${name}timems${suffix}{request="${request}"}`)!
    for (const request of ['Produce', 'Fetch', 'JoinGroup', 'Metadata']) {
      let sum = 0
      for (const name of ['requestqueue', 'local', 'remote', 'responsequeue']) {
        t.equal(piece(name, '_count', request), times('_count', `"${request}"`), `${request}: ${name}`)
        sum += piece(name, '_sum', request)
      }
      const total = times('_sum', `"${request}"`)
      t.ok(Math.abs(sum - total) < 0.001, `${request}: the pieces are ${sum} ms, the whole is ${total} ms`)
    }
    t.ok(piece('remote', '_sum', 'Fetch') >= 50, 'a fetch waits for records')
  })
  await t.test('of logs, connections, groups and the broker', async t => {
    const log = (name: string, partition: number) =>
      sample(`kafka_log_log_${name}{topic="orders",partition="${partition}"}`)!
    t.same([log('logendoffset', 0), log('logendoffset', 1), log('logendoffset', 2)], [35, 35, 0])
    t.equal(log('size', 0) + log('size', 1) + log('size', 2), traffic('bytesin', 'orders'))
    t.same([log('numlogsegments', 0), log('logstartoffset', 0)], [1, 0])

    const socket = (name: string) =>
      sample(`kafka_server_socket_server_metrics_${name}{listener="PLAINTEXT"}`)!
    t.ok(socket('connection_count') >= 3)
    t.ok(socket('connection_creation_total') >= socket('connection_count'))
    t.ok(socket('incoming_byte_total') > traffic('bytesin', 'orders'))
    t.ok(socket('outgoing_byte_total') > traffic('bytesout', 'orders'))

    const groups = 'kafka_coordinator_group_groupmetadatamanager'
    t.equal(sample(`${groups}_numgroups`), 1)
    t.equal(sample(`${groups}_numgroupsstable`), 1)
    t.equal(sample(`${groups}_numgroupsempty`), 0)
    t.ok(sample(`${groups}_numoffsets`)! >= 2)
    const ofGroup = (name: string, labels = '') =>
      sample(`kafka_consumergroup_${name}{consumergroup="readers"${labels}}`)
    const ofPartition = (name: string, partition: number) =>
      ofGroup(name, `,topic="orders",partition="${partition}"`)
    t.equal(ofGroup('members'), 1)
    t.same([ofPartition('current_offset', 0), ofPartition('current_offset', 1)], [35, 30])
    t.same([ofPartition('lag', 0), ofPartition('lag', 1)], [0, 5])
    t.equal(ofGroup('current_offset_sum', ',topic="orders"'), 65)
    t.equal(ofGroup('lag_sum', ',topic="orders"'), 5)

    t.equal(sample('kafka_topic_partitions{topic="orders"}'), 3)
    t.equal(sample('kafka_topic_partition_current_offset{topic="orders",partition="1"}'), 35)
    t.equal(sample('kafka_topic_partition_leader{topic="orders",partition="1"}'), 1)
    t.equal(sample(`kafka_broker_info{id="1",address="127.0.0.1:${broker.listeners[0]!.port}"}`), 1)

    t.equal(sample('kafka_controller_kafkacontroller_globaltopiccount'), 2)
    t.equal(sample('kafka_controller_kafkacontroller_globalpartitioncount'), 5)
    t.equal(sample('kafka_controller_kafkacontroller_activecontrollercount'), 1)
    t.equal(sample('kafka_controller_kafkacontroller_offlinepartitionscount'), 0)
    t.equal(sample('kafka_server_replicamanager_partitioncount'), 5)
    t.equal(sample('kafka_server_replicamanager_leadercount'), 5)
    t.equal(sample('kafka_server_replicamanager_underreplicatedpartitions'), 0)
    t.ok(sample('ottla_event_loop_delay_seconds_count')! >= 0)
    const idle = sample('kafka_server_kafkarequesthandlerpool_requesthandleravgidle_percent')!
    t.ok(idle > 0 && idle < 1, `idle for ${idle}`)
    const disk = (suffix: string, operation: string) =>
      sample(`ottla_disk_seconds_${suffix}{operation="${operation}"}`)!
    t.ok(disk('count', 'write') >= 10)
    t.ok(disk('sum', 'write') > 0)
    t.equal(disk('count', 'sync'), sample('kafka_log_logflushstats_logflushrateandtimems_count'))
    const ofDirectory = (name: string) => sample(`${name}{logDirectory="${broker.dataDirectory}"}`)!
    t.ok(ofDirectory('ottla_disk_usable_bytes') < ofDirectory('ottla_disk_total_bytes'))
    t.equal(sample('kafka_log_logmanager_offlinelogdirectorycount'), 0)
    t.equal(ofDirectory('kafka_log_logmanager_logdirectoryoffline'), 0)
    const startedMs = sample('kafka_server_app_info_starttimems')!
    t.ok(Date.now() - startedMs < 120_000 && startedMs <= Date.now())
    t.equal(sample('process_resident_memory_bytes'), undefined, "the process is the embedding program's")
  })

  await t.test('and docs/metrics.md names all of them, with their labels', async t => {
    const served = new Map<string, Set<string>>()
    // Quantiles are there while there is something to say; the loop's delay may have been looked at after this.
    const again = await scrape(t, broker)
    for (const series of [...samples.keys(), ...again.keys()]) {
      const [, name = '', labels = ''] = /^(\w+)(.*)$/.exec(series)!
      const labelNames = served.get(name) ?? new Set()
      for (const [, labelName = ''] of labels.matchAll(/(\w+)="/g)) labelNames.add(labelName)
      served.set(name, labelNames)
    }
    const rows = readFileSync('docs/metrics.md', 'utf8').matchAll(/^\| `((?:kafka|ottla)_\w+)` \|(.*)\|$/gm)
    const documented = new Map(Array.from(rows, ([, name = '', cells = '']) => [name, cells.split('|')]))
    t.same([...documented.keys()].sort(), [...served.keys()].sort())
    for (const [name, [labels = '', meaning]] of documented) {
      if (meaning === undefined) continue
      const labelNames = Array.from(labels.matchAll(/`(\w+)`/g), ([, labelName]) => labelName)
      t.same(labelNames.sort(), [...served.get(name)!].sort(), name)
    }
  })

  await t.test('and totals do not fall when a topic goes', async t => {
    await consumer.disconnect()
    await admin.deleteTopics({ topics: ['orders'] })
    const later = await scrape(t, broker)
    t.equal(later.get('kafka_server_brokertopicmetrics_messagesin_total{topic="orders"}'), undefined)
    t.equal(later.get('kafka_log_log_size{topic="orders",partition="0"}'), undefined)
    t.ok(later.get('kafka_server_brokertopicmetrics_bytesin_total')! >= traffic('bytesin'))
  })
  await Promise.all([admin.disconnect(), producer.disconnect()])
})

t.test('the port of the metrics', async t => {
  await t.test('answers those who ask whether the broker is up, and nobody else', async t => {
    const broker = await running(t, {}, { metrics: { ofProcess: true } })
    const port = broker.metricsPort!
    for (const path of ['/livez', '/readyz', '/healthz', '/health/live', '/health/ready', '/livez?verbose']) {
      t.equal((await get(port, path)).status, 200, path)
    }
    for (const path of ['/', '/metrics/', '/etc/passwd']) t.equal((await get(port, path)).status, 404, path)
    t.equal((await get(port, '/metrics', 'POST')).status, 404)
    t.match(await get(port, '/metrics', 'HEAD'), { status: 200, body: '' })
    const together = await Promise.all([scrape(t, broker), scrape(t, broker), scrape(t, broker)])
    for (const samples of together) t.ok(samples.get('process_resident_memory_bytes')! > 0)
    await broker.stop()
    await t.rejects(get(port, '/livez'), { code: 'ECONNREFUSED' })
  })

  await t.test('says that the broker is not ready while it starts', async t => {
    const server = await serveMetrics({ host: '127.0.0.1', port: 0, logger: silentLogger })
    t.teardown(() => server!.close())
    const { port } = server!
    for (const path of ['/readyz', '/health/ready', '/metrics']) {
      t.match(await get(port, path), { status: 503, body: 'starting\n' }, path)
    }
    t.equal((await get(port, '/livez')).status, 200)
  })

  await t.test('is closed when the broker does not start', async t => {
    const other = createServer()
    await new Promise<void>(resolve => other.listen(0, '127.0.0.1', resolve))
    t.teardown(() => other.close())
    const taken = (other.address() as { port: number }).port
    const ports: number[] = []
    const logger: Logger = {
      ...silentLogger,
      info: (details: object | string) => {
        if (typeof details !== 'string' && 'port' in details) ports.push(details.port as number)
      },
    }
    const listeners = [`PLAINTEXT://127.0.0.1:${taken}`]
    await t.rejects(running(t, { listeners }, { metrics: {}, logger }), { code: 'EADDRINUSE' })
    t.equal(ports.length, 1)
    await t.rejects(get(ports[0]!, '/livez'), { code: 'ECONNREFUSED' })
  })

  await t.test('can be set from the environment', t => {
    const { settings } = loadSettings({ environment: { KAFKA_METRICS_PORT: '-1' } })
    t.equal(settings['metrics.port'], -1)
    t.equal(loadSettings({}).settings['metrics.port'], 9404)
    t.end()
  })

  await t.test('says that the broker is not ready while it stops', async t => {
    const broker = await running(t, {}, { metrics: {} })
    const stopped = broker.stop()
    const { status } = await get(broker.metricsPort!, '/readyz').catch(() => ({ status: 'closed' }))
    t.ok(status === 503 || status === 'closed', `${status}`)
    await stopped
  })

  await t.test(
    'is not opened by an embedded broker that was not asked to, nor when it is turned off',
    async t => {
      t.equal((await running(t, {}, {})).metricsPort, undefined)
      t.equal((await running(t, { 'metrics.port': -1 }, { metrics: {} })).metricsPort, undefined)
    },
  )

  await t.test('may be taken, unless it was asked for', async t => {
    const other = createServer()
    await new Promise<void>(resolve => other.listen(0, '127.0.0.1', resolve))
    t.teardown(() => other.close())
    const { port } = other.address() as { port: number }
    const warnings: string[] = []
    const warn = (details: object | string, message?: string) => warnings.push(message ?? String(details))
    const logger = { ...silentLogger, warn }
    const broker = await running(t, { 'metrics.port': port }, { logger, metrics: {} })
    t.equal(broker.metricsPort, undefined)
    t.match(warnings, [
      /^Going on without metrics .*Cannot serve metrics on port \d+ of 127.0.0.1: it is in use/,
    ])
    const error = await running(t, { 'metrics.port': port }, { metrics: { portIsRequired: true } }).catch(
      (error: Error) => error,
    )
    t.match(error, {
      message: `Cannot serve metrics on port ${port} of 127.0.0.1: it is in use; is another broker running?`,
    })
    t.equal(exitCodeOf(error), exitCodes.unavailable)
  })
})

t.test('brokers in one process have metrics of their own', async t => {
  const [used, idle] = await Promise.all([running(t, {}, { metrics: {} }), running(t, {}, { metrics: {} })])
  const kafka = new Kafka({ brokers: [`127.0.0.1:${used.listeners[0]!.port}`], logLevel: logLevel.NOTHING })
  const producer = kafka.producer()
  await producer.connect()
  await producer.send({ topic: 'orders', messages: [{ value: 'one' }] })
  await producer.disconnect()
  const messagesIn = 'kafka_server_brokertopicmetrics_messagesin_total'
  t.equal((await scrape(t, used)).get(`${messagesIn}{topic="orders"}`), 1)
  const ofIdle = await scrape(t, idle)
  t.equal(ofIdle.get(messagesIn), 0)
  t.equal(ofIdle.get(`${messagesIn}{topic="orders"}`), undefined)
  await used.stop()
  t.equal((await scrape(t, idle)).get('kafka_server_kafkaserver_brokerstate'), 3)
})

t.test('quantiles of buckets are within an eighth of those of the list', async t => {
  const seed = Date.now() % 1_000_000
  t.comment(`seed ${seed}`)
  const random = seededRandom(seed)
  const parts = [0, 0.25, 0.5, 0.9, 0.99, 0.999, 1]
  for (let round = 0; round < 50; round++) {
    const earlier = new TimeBuckets()
    const buckets = new TimeBuckets()
    const times: number[] = []
    for (let i = 0; i < 2000; i++) {
      const micros = Math.floor(2 ** (random.fraction() * 31))
      if (random.fraction() < 0.3) {
        earlier.add(micros)
        buckets.add(micros)
      } else {
        times.push(micros)
        buckets.add(micros)
      }
    }
    times.sort((a, b) => a - b)
    const quantiles = buckets.quantiles(parts, earlier)
    for (const [i, part] of parts.entries()) {
      const exact = times[Math.max(0, Math.ceil(part * times.length) - 1)]!
      const difference = Math.abs(quantiles[i]! - exact)
      if (difference > Math.max(1, exact / 8)) t.fail(`${part}: ${quantiles[i]} for ${exact}`)
    }
  }
  const bounds = new TimeBuckets()
  t.same(bounds.quantiles([0.5], undefined), [], 'of nothing there are none')
  bounds.add(0)
  bounds.add(2 ** 31 - 1)
  t.same([bounds.count, bounds.sumMicros], [2, 2 ** 31 - 1])
})

t.test('recent quantiles forget what is more than four minutes old', async t => {
  const times = new TimeBuckets()
  const recent = new RecentTimes(times, 0)
  const median = (nowMs: number) => recent.quantiles([0.5], nowMs)[0] ?? Number.NaN
  for (let i = 0; i < 100; i++) times.add(1_000_000)
  t.ok(median(60_000) > 900_000)
  t.ok(median(120_000) > 900_000, 'two minutes')
  for (let i = 0; i < 50; i++) times.add(1000)
  t.ok(median(239_000) > 900_000, 'not yet')
  t.ok(median(240_000) < 1200, 'four minutes')
  t.ok(Number.isNaN(median(360_000)), 'nothing since')
})

t.test('errors are found wherever a response has them, and nowhere else', async t => {
  const read = (message: Parameters<typeof compileErrorReader>[0], response: object) => {
    const found: number[] = []
    compileErrorReader(message)(response, { countError: code => found.push(code) })
    return found
  }
  const partition = (errorCode: number) => ({ partitionIndex: 0, errorCode })
  t.same(
    read(fetchResponse, {
      errorCode: 71,
      responses: [
        { partitions: [partition(0), partition(1)] },
        { partitions: [partition(6)] },
        { partitions: [] },
      ],
    }),
    [71, 1, 6],
  )
  t.same(read(fetchResponse, { errorCode: 0, responses: [] }), [])
  t.same(read(syncGroupResponse, { errorCode: -1 }), [-1], 'an unknown error is one too')
  t.same(read(metadataResponse, { topics: [{ errorCode: 3, partitions: [] }] }), [3])
  t.same(
    read(offsetFetchResponse, {
      groups: [{ errorCode: 16, topics: [{ partitions: [{ errorCode: 3 }] }] }, { topics: null }],
    }).sort(),
    [16, 3],
  )
  for (const { response } of handlers) t.same(read(response, {}), [], response.name)
})

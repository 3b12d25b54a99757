/** GetTelemetrySubscriptions and PushTelemetry: who may push what when, and what becomes of it. */
import t, { type Test } from 'tap'
import { compress, prepareCompression } from '../../protocol-codecs/compression/compression.ts'
import type { CompressionId } from '../../protocol-codecs/compression/compression-names.ts'
import { type ErrorName, errorName, ProtocolError } from '../../protocol-codecs/error-codes.ts'
import { zeroUuid } from '../../protocol-codecs/schema.ts'
import { readMetricsData } from '../telemetry/otlp-reader.ts'
import { otlpMetrics, type WrittenMetric } from '../testing/otlp-writer.ts'
import { call, type TestServices, testContext, testServices } from '../testing/test-services.ts'
import { apiVersions } from './api-versions.ts'
import { getTelemetrySubscriptions } from './get-telemetry-subscriptions.ts'
import { pushTelemetry } from './push-telemetry.ts'

async function servicesFor(t: Test): Promise<TestServices> {
  await prepareCompression()
  const services = await testServices({ settings: { 'telemetry.max.bytes': 20_000 } })
  t.teardown(() => services.close())
  return services
}

const sentTotal: WrittenMetric = {
  name: 'org.apache.kafka.producer.record.send.total',
  kind: 'delta',
  value: 3,
}

/** A client of one connection. */
class Client {
  id = zeroUuid
  subscriptionId = 0
  readonly context = testContext(0)
  readonly services: TestServices

  constructor(services: TestServices) {
    this.services = services
  }

  async ask() {
    const answer = await call(
      getTelemetrySubscriptions,
      0,
      { clientInstanceId: this.id },
      this.services,
      this.context,
    )
    this.id = answer.clientInstanceId
    this.subscriptionId = answer.subscriptionId
    return answer
  }

  async push(metrics: Buffer, changes = {}): Promise<ErrorName> {
    const request = {
      clientInstanceId: this.id,
      subscriptionId: this.subscriptionId,
      terminating: false,
      compressionType: 0,
      metrics,
      ...changes,
    }
    try {
      const { errorCode } = await call(pushTelemetry, 0, request, this.services, this.context)
      return errorName(errorCode) as ErrorName
    } catch (error) {
      if (error instanceof ProtocolError) return error.name
      throw error
    }
  }
}

async function subscribe(services: TestServices, name: string, configs: Record<string, string | null>) {
  const resource = { type: 'client-metrics', name } as const
  await services.catalog.change({ type: 'alter-configs', alterations: [{ resource, configs }] })
}

/** The lines that a scrape would have, without the client's own labels. */
function shown(services: TestServices): string[] {
  return services.telemetry.metrics.current().flatMap(({ name, samples }) =>
    samples.map(({ labels, value }) => {
      const { client_id: _, client_instance_id: __, ...others } = labels
      const text = Object.entries(others).map(([label, of]) => `${label}=${of}`)
      return `${name}{${text.join(',')}} ${value}`
    }),
  )
}

const seriesOf = (services: TestServices) => shown(services).filter(line => !line.includes('_info'))

t.test('a client is asked for the metrics of every subscription that it matches', async t => {
  const services = await servicesFor(t)
  await t.test('by default for nothing, every five minutes', async t => {
    const client = new Client(services)
    const answer = await client.ask()
    t.match(answer, {
      requestedMetrics: [],
      pushIntervalMs: 300_000,
      telemetryMaxBytes: 20_000,
      deltaTemporality: true,
      acceptedCompressionTypes: [4, 3, 1, 2],
    })
    t.not(answer.clientInstanceId, zeroUuid, 'it is given an id')
  })

  await t.test('all that match together, at the shortest interval', async t => {
    await subscribe(services, 'every', { metrics: 'b.,a.' })
    await subscribe(services, 'this', { metrics: 'a.,c.', 'interval.ms': '1000', match: 'client_id=te.t' })
    await subscribe(services, 'that', { metrics: 'd.', 'interval.ms': '100', match: 'client_id=es' })
    const first = await new Client(services).ask()
    t.match(first, { requestedMetrics: ['a.', 'b.', 'c.'], pushIntervalMs: 1000 })
    const second = await new Client(services).ask()
    t.not(second.subscriptionId, first.subscriptionId, 'each client has its own id of the same wishes')
    await subscribe(services, 'all', { metrics: '*' })
    t.same((await new Client(services).ask()).requestedMetrics, ['*'])
    await subscribe(services, 'all', { metrics: null })
  })

  await t.test('its software is what it said on the same connection', async t => {
    const pattern = 'client_software_name=a-client,client_software_version=2\\..*,client_source_port=4.*'
    await subscribe(services, 'software', { metrics: 'of.software', match: pattern })
    const client = new Client(services)
    const software = { clientSoftwareName: 'a-client', clientSoftwareVersion: '2.1' }
    const context = Object.assign(client.context, { apiVersion: 3 })
    await call(apiVersions, 3, software, services, context)
    t.ok((await client.ask()).requestedMetrics.includes('of.software'))
    t.notOk((await new Client(services).ask()).requestedMetrics.includes('of.software'))
  })
})

t.test('a client that keeps to its interval may push', async t => {
  const services = await servicesFor(t)
  await subscribe(services, 'all', { metrics: '*', 'interval.ms': '10000' })
  const client = new Client(services)
  const { clock, telemetry } = services
  const nothing = Buffer.alloc(0)
  await client.ask()
  t.equal(await client.push(nothing), 'NONE', 'the first time at once')
  t.equal(await client.push(nothing), 'THROTTLING_QUOTA_EXCEEDED')
  await t.rejects(client.ask(), { name: 'THROTTLING_QUOTA_EXCEEDED' })
  t.equal(telemetry.instances.throttledCount, 2)
  clock.advance(10_000)
  t.equal(await client.push(nothing), 'NONE')

  clock.advance(10_000)
  t.equal(await client.push(nothing, { subscriptionId: 7 }), 'UNKNOWN_SUBSCRIPTION_ID')
  t.match(await client.ask(), { pushIntervalMs: 10_000 }, 'it is to ask again at once')
  clock.advance(10_000)
  t.equal(await client.push(nothing, { compressionType: 5 }), 'UNSUPPORTED_COMPRESSION_TYPE')
  await client.ask()
  clock.advance(10_000)
  t.equal(await client.push(Buffer.alloc(20_001)), 'TELEMETRY_TOO_LARGE')

  await subscribe(services, 'all', { 'interval.ms': '5000' })
  t.equal((await client.ask()).pushIntervalMs, 5000, 'other subscriptions are told at once')
  t.equal(await client.push(nothing, { terminating: true }), 'NONE')
  clock.advance(5000)
  t.equal(await client.push(nothing), 'INVALID_REQUEST', 'after its last push')
  t.equal(await client.push(nothing, { clientInstanceId: zeroUuid }), 'INVALID_REQUEST')
})

t.test('a client is forgotten with its connection, or when it is silent', async t => {
  const services = await servicesFor(t)
  const { instances } = services.telemetry
  const client = new Client(services)
  await client.ask()
  t.equal(instances.count, 1)
  client.context.close()
  t.equal(instances.count, 0)
  await client.ask()
  services.clock.advance(900_000)
  t.equal(instances.count, 0, 'three intervals later')
  t.equal(client.context.closeListenerCount, 1, 'a listener per instance, taken back with it')
  for (let i = 0; i < 20_000; i++) {
    client.id = zeroUuid
    await client.ask()
  }
  t.equal(instances.count, 16_384)
  t.ok(client.context.closeListenerCount <= 16_385)
})

t.test('what was pushed is shown', async t => {
  const services = await servicesFor(t)
  await subscribe(services, 'all', { metrics: '*', 'interval.ms': '1000' })
  const client = new Client(services)
  const push = async (metrics: readonly WrittenMetric[], compressionType: CompressionId = 0) => {
    services.clock.advance(1000)
    const payload = compress(compressionType, otlpMetrics(metrics, { client_rack: 'r1' }))
    return client.push(payload, { compressionType })
  }
  await client.ask()

  await t.test('differences are added up, whatever they are compressed with', async t => {
    for (const codec of [0, 1, 2, 3, 4] as const) t.equal(await push([sentTotal], codec), 'NONE')
    t.same(seriesOf(services), ['kafka_client_producer_record_send_total{} 15'])
  })

  await t.test('gauges and totals are replaced, and an average of nothing is no longer there', async t => {
    const lag = { name: 'org.apache.kafka.consumer.records-lag', kind: 'gauge' } as const
    await push([
      { ...lag, value: 1.5, attributes: { topic: 'orders', partition: '0' } },
      { ...lag, value: 2, attributes: { topic: 'orders', partition: '1' }, isInteger: true },
      { name: 'custom.count', kind: 'cumulative', value: 4 },
    ])
    await push([
      { ...lag, value: -7, attributes: { topic: 'orders', partition: '0' } },
      { name: 'custom.count', kind: 'cumulative', value: 6 },
      { name: 'custom.level', kind: 'up-down', value: 6 },
      { name: 'custom.average', kind: 'gauge', value: 2 },
    ])
    await push([{ name: 'custom.average', kind: 'gauge', value: Number.NaN }])
    t.same(seriesOf(services), [
      'kafka_client_consumer_records_lag{topic=orders,partition=0} -7',
      'kafka_client_consumer_records_lag{topic=orders,partition=1} 2',
      'kafka_client_custom_count_total{} 6',
      'kafka_client_custom_level{} 6',
      'kafka_client_producer_record_send_total{} 15',
    ])
  })

  await t.test('with who it is, once', async t => {
    t.same(
      shown(services).filter(line => line.includes('_info')),
      [
        'kafka_client_info{client_rack=r1,client_software_name=,client_software_version=,client_source_address=127.0.0.1} 1',
      ],
    )
  })

  await t.test('but not what is no number with a name', async t => {
    const before = services.telemetry.metrics.droppedCount
    const odd: WrittenMetric[] = [
      { name: 'a.histogram', kind: 'histogram', value: 0 },
      { name: 'info', kind: 'gauge', value: 1 },
      { name: 'custom.count.total', kind: 'gauge', value: 1 },
      { name: '', kind: 'gauge', value: 1 },
      { name: 'long'.repeat(100), kind: 'gauge', value: 1 },
    ]
    t.equal(await push(odd), 'NONE')
    t.equal(services.telemetry.metrics.droppedCount - before, odd.length)
    t.equal(seriesOf(services).length, 5)
  })

  await t.test('and nothing of what cannot be read', async t => {
    services.clock.advance(1000)
    const whole = otlpMetrics([sentTotal])
    t.equal(await client.push(whole.subarray(0, whole.length - 1)), 'INVALID_RECORD')
    services.clock.advance(1000)
    t.equal(await client.push(whole, { compressionType: 1 }), 'INVALID_RECORD')
    services.clock.advance(1000)
    const bomb = compress(1, Buffer.alloc(1_000_000))
    t.equal(await client.push(bomb, { compressionType: 1 }), 'INVALID_RECORD', 'that would become too large')
    t.equal(seriesOf(services).length, 5)
  })

  await t.test('until nothing was heard for a minute, even if the connection is gone', async t => {
    client.context.close()
    services.clock.advance(56_000)
    t.equal(seriesOf(services).length, 5)
    services.clock.advance(4000)
    t.same(shown(services), [])
    t.equal(services.telemetry.metrics.size, 0)
  })
})

t.test('of more points than could be shown the rest is not read', t => {
  const payload = otlpMetrics(
    Array.from({ length: 7 }, (_, i): WrittenMetric => ({ name: `m${i}`, kind: 'gauge', value: i })),
  )
  const { metrics, skippedCount } = readMetricsData(payload, 5)
  t.same([metrics.length, skippedCount], [5, 2])
  t.end()
})

t.test('one client may fill its own series only', async t => {
  const services = await servicesFor(t)
  await subscribe(services, 'all', { metrics: '*', 'interval.ms': '100' })
  const client = new Client(services)
  await client.ask()
  for (let round = 0; round < 50; round++) {
    services.clock.advance(100)
    const metrics = Array.from({ length: 100 }, (_, i): WrittenMetric => {
      return { name: `m${round * 100 + i}`, kind: 'gauge', value: 1 }
    })
    t.equal(await client.push(otlpMetrics(metrics)), 'NONE')
  }
  t.equal(services.telemetry.metrics.size, 2000)
  t.equal(services.telemetry.metrics.droppedCount, 3000)
  const other = new Client(services)
  await other.ask()
  t.equal(await other.push(otlpMetrics([sentTotal])), 'NONE')
  t.equal(services.telemetry.metrics.size, 2001)
})

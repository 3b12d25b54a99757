/**
 * What clients have pushed last, as series for `/metrics`. A metric `org.apache.kafka.producer.record.send.total` is the
 * family `kafka_client_producer_record_send_total`; all get that prefix, so that a client cannot speak in the broker's
 * name. A series is told from others by the client's instance id, its client id and the attributes of the point; what
 * else is known of the client is in `kafka_client_info`, once.
 *
 * A counter comes as the difference since the push before, and is added up here. The series of a client are forgotten
 * when it has not pushed for as long as its instance is kept: its connection may be gone before the next scrape, which
 * should still see how it ended.
 *
 * Bounds: the series of one client and of all, the labels of a series and their length. What is over them is counted
 * and dropped.
 */
import type { Clock } from '../platform/clock.ts'
import { type ClientInstance, expiryMs } from './client-instances.ts'
import type { Attributes, PushedMetric, PushedMetrics, PushedPoint } from './otlp-reader.ts'

const prefix = 'kafka_client_'
const kafkaNamespace = 'org.apache.kafka.'
export const maxSeriesPerClient = 2000
const maxSeriesCount = 50_000
const maxLabelCount = 16
const maxLabelLength = 256
const maxNameLength = 200
/** Names of labels that say who it is, which attributes do not replace. */
const ownLabels = ['client_instance_id', 'client_id'] as const

export type MetricType = 'counter' | 'gauge'
export type Labels = Readonly<Record<string, string>>

interface Series {
  readonly family: string
  readonly type: MetricType
  readonly labels: Labels
  value: number
}

interface Client {
  info: Labels
  readonly series: Map<string, Series>
  expiresMs: number
}

export interface ClientFamily {
  readonly name: string
  readonly type: MetricType
  readonly samples: readonly { readonly labels: Labels; readonly value: number }[]
}

export class ClientMetrics {
  /** Points of metrics that were not taken, because there were too many or they say what cannot be shown. */
  droppedCount = 0
  private readonly clock: Clock
  private readonly clients = new Map<string, Client>()
  /** Of each family the first type that came: it must not change, and how many series there are of it. */
  private readonly families = new Map<string, { readonly type: MetricType; count: number }>()
  private seriesCount = 0

  constructor(clock: Clock) {
    this.clock = clock
  }

  get size(): number {
    return this.seriesCount
  }

  take(instance: ClientInstance, { metrics, skippedCount }: PushedMetrics): void {
    this.forgetExpired()
    this.droppedCount += skippedCount
    const client = this.clientOf(instance, metrics)
    client.expiresMs = this.clock.monotonic() + expiryMs(instance.wanted)
    for (const metric of metrics) {
      for (const point of metric.points) {
        if (!this.takePoint(client, instance, metric, point)) this.droppedCount++
      }
    }
  }

  private takePoint(
    client: Client,
    instance: ClientInstance,
    { name, sum }: PushedMetric,
    { value, attributes }: PushedPoint,
  ): boolean {
    const type = sum?.isMonotonic === true ? 'counter' : 'gauge'
    const family = familyName(name, type)
    const labels = labelsOf(instance, attributes)
    if (family === undefined || labels === undefined) return false
    const key = JSON.stringify([type, family, labels])
    let series = client.series.get(key)
    if (Number.isNaN(value)) {
      // An average of nothing, say: there is no value now.
      if (series !== undefined && type === 'gauge') this.remove(client, key, series)
      return true
    }
    if (series === undefined) {
      if (client.series.size === maxSeriesPerClient || this.seriesCount === maxSeriesCount) return false
      const known = this.families.get(family) ?? { type, count: 0 }
      if (known.type !== type) return false
      known.count++
      this.families.set(family, known)
      series = { family, type, labels, value: 0 }
      client.series.set(key, series)
      this.seriesCount++
    }
    series.value = sum?.isDelta === true ? series.value + value : value
    return true
  }

  private clientOf(instance: ClientInstance, metrics: readonly PushedMetric[]): Client {
    let client = this.clients.get(instance.id)
    if (client === undefined) {
      client = { info: {}, series: new Map(), expiresMs: 0 }
      this.clients.set(instance.id, client)
    }
    // What it says of itself may be more by now, such as the group that it has joined.
    client.info = infoOf(instance, metrics[0]?.resource ?? {})
    return client
  }

  /** What there is now, family by family. */
  current(): ClientFamily[] {
    this.forgetExpired()
    const samples = new Map<string, { labels: Labels; value: number }[]>()
    for (const { series } of this.clients.values()) {
      for (const { family, labels, value } of series.values()) {
        const ofFamily = samples.get(family)
        if (ofFamily === undefined) samples.set(family, [{ labels, value }])
        else ofFamily.push({ labels, value })
      }
    }
    const infos = Array.from(this.clients.values(), ({ info }) => ({ labels: info, value: 1 }))
    const families = Array.from(samples, ([name, ofFamily]) => ({
      name,
      type: this.families.get(name)!.type,
      samples: ofFamily,
    }))
    families.sort((a, b) => (a.name < b.name ? -1 : 1))
    return infos.length === 0 ? [] : [{ name: infoName, type: 'gauge', samples: infos }, ...families]
  }

  private forgetExpired(): void {
    const nowMs = this.clock.monotonic()
    for (const [id, client] of this.clients) {
      if (client.expiresMs > nowMs) continue
      this.clients.delete(id)
      for (const [key, series] of client.series) this.remove(client, key, series)
    }
  }

  private remove(client: Client, key: string, { family }: Series): void {
    client.series.delete(key)
    this.seriesCount--
    const known = this.families.get(family)!
    if (--known.count === 0) this.families.delete(family)
  }
}

const infoName = `${prefix}info`

/** undefined: it cannot be a name, or is one of ours. */
function familyName(name: string, type: MetricType): string | undefined {
  const short = name.startsWith(kafkaNamespace) ? name.slice(kafkaNamespace.length) : name
  if (short === '' || short.length > maxNameLength) return undefined
  const plain = `${prefix}${short.replaceAll(/[^a-zA-Z0-9_]/g, '_')}`
  if (plain === infoName) return undefined
  return type === 'gauge' || plain.endsWith('_total') ? plain : `${plain}_total`
}

function labelsOf({ id, facts }: ClientInstance, attributes: Attributes): Labels | undefined {
  const labels: Record<string, string> = { client_instance_id: id, client_id: bounded(facts.client_id ?? '') }
  const entries = Object.entries(attributes)
  if (entries.length > maxLabelCount) return undefined
  for (const [key, value] of entries) {
    const label = labelName(key)
    if (label !== undefined && !ownLabels.some(own => own === label)) labels[label] = bounded(value)
  }
  return labels
}

/** What is known of the client, and what it says of itself; the broker knows better. */
function infoOf({ id, facts }: ClientInstance, resource: Attributes): Labels {
  const info: Record<string, string> = {}
  for (const [key, value] of Object.entries(resource).slice(0, maxLabelCount)) {
    const label = labelName(key)
    if (label !== undefined) info[label] = bounded(value)
  }
  // A port is another one with each connection.
  const { client_source_port: _, ...known } = facts
  for (const [label, value] of Object.entries(known)) info[label] = bounded(value ?? '')
  return { ...info, client_instance_id: id }
}

function labelName(key: string): string | undefined {
  if (key === '' || key.length > maxLabelLength) return undefined
  const plain = key.replaceAll(/[^a-zA-Z0-9_]/g, '_')
  // Prometheus keeps what begins with two underscores for itself.
  return /^[0-9]|^__/.test(plain) ? undefined : plain
}

function bounded(text: string): string {
  return text.length > maxLabelLength ? text.slice(0, maxLabelLength) : text
}

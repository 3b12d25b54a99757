/**
 * Which metrics a client is asked for, out of all subscriptions that match it (KIP-714): the sum of their metrics, the
 * shortest of their intervals. The id of the outcome changes with it, so that a client which pushes by an older one
 * is noticed.
 */
import { crc32c } from '../../protocol-codecs/crc32c.ts'
import {
  type ClientAttribute,
  type ClientPattern,
  clientMetricsSettings,
  clientMetricsSettingTable,
  parseClientPattern,
} from '../settings/client-metrics-settings.ts'

export type SubscriptionConfigs = ReadonlyMap<string, Readonly<Record<string, string>>>
/** What is known of a client; a client that does not say its software has none. */
export type ClientFacts = Readonly<Record<ClientAttribute, string | undefined>>

export interface WantedMetrics {
  readonly subscriptionId: number
  /** Prefixes of names; `*` alone: all; none: nothing. */
  readonly metrics: readonly string[]
  readonly pushIntervalMs: number
}

const everything = '*'

export class MetricSubscriptions {
  private readonly subscriptions: readonly {
    readonly metrics: readonly string[]
    readonly intervalMs: number
    readonly patterns: readonly ClientPattern[]
  }[]

  constructor(configs: SubscriptionConfigs) {
    this.subscriptions = Array.from(configs.values(), one => {
      const { metrics, match, 'interval.ms': intervalMs } = clientMetricsSettings(one)
      // Of two patterns for the same attribute the last one counts, as in Kafka.
      const byAttribute = new Map<ClientAttribute, ClientPattern>()
      for (const text of match) {
        const pattern = parseClientPattern(text)
        if (pattern !== undefined) byAttribute.set(pattern.attribute, pattern)
      }
      return { metrics, intervalMs, patterns: [...byAttribute.values()] }
    })
  }

  wantedOf(client: ClientFacts, clientInstanceId: string): WantedMetrics {
    const matching = this.subscriptions.filter(({ patterns }) =>
      patterns.every(({ attribute, pattern }) => {
        const value = client[attribute]
        return value !== undefined && pattern.test(value)
      }),
    )
    const all = new Set(matching.flatMap(({ metrics }) => metrics))
    const metrics = all.has(everything) ? [everything] : [...all].sort()
    const pushIntervalMs = matching.reduce(
      (shortest, { intervalMs }) => Math.min(shortest, intervalMs),
      clientMetricsSettingTable['interval.ms'].default,
    )
    return { subscriptionId: idOf(metrics, pushIntervalMs, clientInstanceId), metrics, pushIntervalMs }
  }
}

/** The checksum of what is wanted, mixed with who it is wanted of. */
function idOf(metrics: readonly string[], pushIntervalMs: number, clientInstanceId: string): number {
  const checksum = crc32c(Buffer.from(`[${metrics.join(', ')}]${pushIntervalMs}`))
  const id = Buffer.from(clientInstanceId, 'base64url')
  let mixed = checksum
  for (let at = 0; at + 4 <= id.length; at += 4) mixed ^= id.readInt32BE(at)
  return mixed | 0
}

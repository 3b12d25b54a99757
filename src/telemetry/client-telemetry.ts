/**
 * Metrics that clients push (KIP-714), put together: who pushes and what is wanted of it (`client-instances.ts`), the
 * payload (`otlp-reader.ts`), and what becomes of it (`client-metrics.ts`).
 */
import { decompress } from '../../protocol-codecs/compression/compression.ts'
import { isCompressionId } from '../../protocol-codecs/compression/compression-names.ts'
import { ProtocolError } from '../../protocol-codecs/error-codes.ts'
import type { Clock } from '../platform/clock.ts'
import { type ClientInstance, ClientInstances, type ClientRequest } from './client-instances.ts'
import { ClientMetrics, maxSeriesPerClient } from './client-metrics.ts'
import type { SubscriptionConfigs } from './metric-subscriptions.ts'
import { readMetricsData } from './otlp-reader.ts'

/** What comes beyond is not even read: it could hardly be shown. */
const maxPointsPerPush = 2 * maxSeriesPerClient

export interface Push {
  readonly subscriptionId: number
  readonly terminating: boolean
  readonly compressionType: number
  readonly metrics: Buffer
}

export interface ClientTelemetryParts {
  readonly clock: Clock
  readonly maxBytes: number
  /** What is set on subscriptions now: the same object as long as that is the same. */
  subscriptionConfigs(): SubscriptionConfigs
}

export class ClientTelemetry {
  /** The largest payload, compressed or not. */
  readonly maxBytes: number
  readonly instances: ClientInstances
  readonly metrics: ClientMetrics

  constructor({ clock, maxBytes, subscriptionConfigs }: ClientTelemetryParts) {
    this.maxBytes = maxBytes
    this.instances = new ClientInstances(clock, subscriptionConfigs)
    this.metrics = new ClientMetrics(clock)
  }

  /** Throws what is wrong with the push; INVALID_RECORD, after which a client pushes no more, if it cannot be read. */
  pushed(request: ClientRequest, { compressionType, metrics, subscriptionId, terminating }: Push): void {
    const isCompressionKnown = isCompressionId(compressionType)
    const { maxBytes: maxSize } = this
    const facts = { subscriptionId, terminating, isCompressionKnown, size: metrics.length, maxSize }
    const instance = this.instances.pushed(request, facts)
    if (metrics.length > 0 && isCompressionId(compressionType)) {
      this.take(instance, () => decompress(compressionType, metrics, maxSize))
    }
  }

  private take(instance: ClientInstance, payload: () => Buffer): void {
    try {
      this.metrics.take(instance, readMetricsData(payload(), maxPointsPerPush))
    } catch (error) {
      throw new ProtocolError('INVALID_RECORD', `The metrics cannot be read: ${(error as Error).message}`)
    }
  }
}

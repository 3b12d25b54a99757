/**
 * The clients that push metrics, by the instance id that they were given (KIP-714): what each is asked for, and whether
 * it keeps to the rules. The checks are those of Kafka's ClientMetricsManager, in its order. An instance is forgotten
 * with its connection, or when nothing was heard of it for three intervals, a minute at least; the one that was not
 * heard of for longest makes room where there are too many.
 *
 * When subscriptions change an instance is asked anew, and may come back at once.
 */
import { type ErrorName, ProtocolError } from '../../protocol-codecs/error-codes.ts'
import type { Clock } from '../platform/clock.ts'
import {
  type ClientFacts,
  MetricSubscriptions,
  type SubscriptionConfigs,
  type WantedMetrics,
} from './metric-subscriptions.ts'

/** Kafka's bound. */
const maxInstanceCount = 16_384
const minExpiryMs = 60_000
const sweepIntervalMs = 10_000

export interface ClientInstance {
  readonly id: string
  readonly facts: ClientFacts
  readonly wanted: WantedMetrics
}

interface KnownInstance extends ClientInstance {
  readonly subscriptions: MetricSubscriptions
  lastGetMs: number
  lastPushMs: number
  lastHeardMs: number
  isTerminating: boolean
  lastError: ErrorName
  /** Takes back what was asked of its connection. */
  readonly letGo: () => void
}

export interface ClientRequest {
  readonly clientInstanceId: string
  /** Asked for when the instance is new. */
  facts(): ClientFacts
  /** Runs when the client's connection closes; gives a function that takes the callback back. */
  onClose(callback: () => void): () => void
}

/** Of a push, what its checks need. */
export interface PushFacts {
  readonly subscriptionId: number
  readonly terminating: boolean
  readonly isCompressionKnown: boolean
  readonly size: number
  readonly maxSize: number
}

export class ClientInstances {
  unknownSubscriptionCount = 0
  throttledCount = 0
  private readonly clock: Clock
  private readonly configs: () => SubscriptionConfigs
  private readonly instances = new Map<string, KnownInstance>()
  private subscriptions = new MetricSubscriptions(new Map())
  private subscribedConfigs: SubscriptionConfigs | undefined
  private lastSweepMs = Number.NEGATIVE_INFINITY

  /** `configs` gives what is set on subscriptions now: the same object as long as that is the same. */
  constructor(clock: Clock, configs: () => SubscriptionConfigs) {
    this.clock = clock
    this.configs = configs
  }

  get count(): number {
    this.sweep()
    return this.instances.size
  }

  /** A client asks what is wanted of it; throws where it asks too often. */
  asked(request: ClientRequest): ClientInstance {
    const instance = this.heardOf(request)
    const nowMs = this.clock.monotonic()
    const sinceLastMs = nowMs - Math.max(instance.lastGetMs, instance.lastPushMs)
    if (sinceLastMs >= instance.wanted.pushIntervalMs) {
      instance.lastGetMs = nowMs
    } else if (!isAskedAgain(instance.lastError)) {
      throw this.throttled()
    }
    instance.lastError = 'NONE'
    return instance
  }

  /** A client pushes; throws what is wrong with that. */
  pushed(request: ClientRequest, push: PushFacts): ClientInstance {
    const instance = this.heardOf(request)
    try {
      this.checkPush(instance, push)
      instance.lastError = 'NONE'
      return instance
    } catch (error) {
      if (error instanceof ProtocolError) instance.lastError = error.name
      throw error
    } finally {
      instance.isTerminating = push.terminating
    }
  }

  private checkPush(instance: KnownInstance, push: PushFacts): void {
    if (instance.isTerminating) throw new ProtocolError('INVALID_REQUEST', 'The client has said goodbye.')
    // A client that has just asked spreads its first push over the interval.
    const nowMs = this.clock.monotonic()
    const isFirst = instance.lastGetMs > instance.lastPushMs
    const isDue = isFirst || nowMs - instance.lastPushMs >= instance.wanted.pushIntervalMs
    if (isDue) instance.lastPushMs = nowMs
    else if (!push.terminating) throw this.throttled()
    if (push.subscriptionId !== instance.wanted.subscriptionId) {
      this.unknownSubscriptionCount++
      throw new ProtocolError('UNKNOWN_SUBSCRIPTION_ID')
    }
    if (!push.isCompressionKnown) throw new ProtocolError('UNSUPPORTED_COMPRESSION_TYPE')
    if (push.size > push.maxSize) throw new ProtocolError('TELEMETRY_TOO_LARGE')
  }

  private throttled(): ProtocolError {
    this.throttledCount++
    return new ProtocolError('THROTTLING_QUOTA_EXCEEDED')
  }

  /** The instance of a request, as subscriptions are now; the one that was heard of last comes last. */
  private heardOf({ clientInstanceId: id, facts, onClose }: ClientRequest): KnownInstance {
    this.sweep()
    const configs = this.configs()
    if (configs !== this.subscribedConfigs) {
      this.subscriptions = new MetricSubscriptions(configs)
      this.subscribedConfigs = configs
    }
    const { subscriptions } = this
    const known = this.instances.get(id)
    this.instances.delete(id)
    if (known === undefined && this.instances.size === maxInstanceCount) {
      const [oldest] = this.instances.values()
      this.forget(oldest!)
    }
    let instance = known
    if (instance?.subscriptions !== subscriptions) {
      const factsOfClient = known?.facts ?? facts()
      instance = {
        id,
        facts: factsOfClient,
        wanted: subscriptions.wantedOf(factsOfClient, id),
        subscriptions,
        lastGetMs: Number.NEGATIVE_INFINITY,
        lastPushMs: Number.NEGATIVE_INFINITY,
        lastHeardMs: 0,
        isTerminating: false,
        lastError: 'NONE',
        letGo: known?.letGo ?? onClose(() => this.instances.delete(id)),
      }
    }
    instance.lastHeardMs = this.clock.monotonic()
    this.instances.set(id, instance)
    return instance
  }

  private forget(instance: KnownInstance): void {
    this.instances.delete(instance.id)
    instance.letGo()
  }

  private sweep(): void {
    const nowMs = this.clock.monotonic()
    if (nowMs - this.lastSweepMs < sweepIntervalMs) return
    this.lastSweepMs = nowMs
    for (const instance of this.instances.values()) {
      if (nowMs - instance.lastHeardMs >= expiryMs(instance.wanted)) this.forget(instance)
    }
  }
}

/** How long something is kept of a client that is not heard of. */
export function expiryMs({ pushIntervalMs }: WantedMetrics): number {
  return Math.max(minExpiryMs, 3 * pushIntervalMs)
}

/** What a client was told that is to ask again at once. */
function isAskedAgain(error: ErrorName): boolean {
  return error === 'UNKNOWN_SUBSCRIPTION_ID' || error === 'UNSUPPORTED_COMPRESSION_TYPE'
}

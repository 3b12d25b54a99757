/**
 * GetTelemetrySubscriptions (KIP-714): a client asks which metrics it is to push, and how often. One that comes for the
 * first time has no instance id and is given one.
 */
import { compressionId } from '../../protocol-codecs/compression/compression-names.ts'
import { errorCodes } from '../../protocol-codecs/error-codes.ts'
import {
  getTelemetrySubscriptionsRequest,
  getTelemetrySubscriptionsResponse,
} from '../../protocol-codecs/messages/get-telemetry-subscriptions.ts'
import { zeroUuid } from '../../protocol-codecs/schema.ts'
import { randomUuid } from '../platform/random-uuid.ts'
import { handler } from './handler.ts'
import { telemetryRequest } from './telemetry-request.ts'

/** The one that is liked best comes first, as Kafka has them. */
const acceptedCompressionTypes = (['zstd', 'lz4', 'gzip', 'snappy'] as const).map(compressionId)

export const getTelemetrySubscriptions = handler({
  request: getTelemetrySubscriptionsRequest,
  response: getTelemetrySubscriptionsResponse,
  versions: '0',
  ordering: 'pipelined',

  handle(request, { telemetry }, context) {
    const clientInstanceId = request.clientInstanceId === zeroUuid ? randomUuid() : request.clientInstanceId
    const { wanted } = telemetry.instances.asked(telemetryRequest(clientInstanceId, context))
    return {
      throttleTimeMs: 0,
      errorCode: errorCodes.NONE,
      clientInstanceId,
      subscriptionId: wanted.subscriptionId,
      acceptedCompressionTypes,
      pushIntervalMs: wanted.pushIntervalMs,
      telemetryMaxBytes: telemetry.maxBytes,
      deltaTemporality: true,
      requestedMetrics: wanted.metrics,
    }
  },

  refuse: (_request, error) => ({
    throttleTimeMs: 0,
    errorCode: errorCodes[error],
    clientInstanceId: zeroUuid,
    subscriptionId: 0,
    acceptedCompressionTypes: [],
    pushIntervalMs: 0,
    telemetryMaxBytes: 0,
    deltaTemporality: false,
    requestedMetrics: [],
  }),
})

/** PushTelemetry (KIP-714): a client brings the metrics that it was asked for, which appear in the broker's own. */
import { errorCodes, ProtocolError } from '../../protocol-codecs/error-codes.ts'
import { pushTelemetryRequest, pushTelemetryResponse } from '../../protocol-codecs/messages/push-telemetry.ts'
import { zeroUuid } from '../../protocol-codecs/schema.ts'
import { handler } from './handler.ts'
import { telemetryRequest } from './telemetry-request.ts'

/** Ids that are nobody's. */
const reservedIds: readonly string[] = [zeroUuid, 'AAAAAAAAAAAAAAAAAAAAAQ']

export const pushTelemetry = handler({
  request: pushTelemetryRequest,
  response: pushTelemetryResponse,
  versions: '0',
  ordering: 'pipelined',

  handle(request, { telemetry }, context) {
    const { clientInstanceId } = request
    if (reservedIds.includes(clientInstanceId)) {
      throw new ProtocolError('INVALID_REQUEST', `${clientInstanceId} is no client instance id.`)
    }
    telemetry.pushed(telemetryRequest(clientInstanceId, context), request)
    return { throttleTimeMs: 0, errorCode: errorCodes.NONE }
  },

  refuse: (_request, error) => ({ throttleTimeMs: 0, errorCode: errorCodes[error] }),
})

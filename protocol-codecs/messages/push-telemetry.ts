/** PushTelemetry (API key 72), versions 0. */
import { bool, bytes, int8, int16, int32, message, uuid } from '../schema.ts'

export const pushTelemetryRequest = message(
  'PushTelemetryRequest',
  { apiKey: 72, versions: '0', flexible: '0+' },
  {
    clientInstanceId: uuid(),
    subscriptionId: int32(),
    terminating: bool(),
    compressionType: int8(),
    metrics: bytes(),
  },
)

export const pushTelemetryResponse = message(
  'PushTelemetryResponse',
  { apiKey: 72, versions: '0', flexible: '0+' },
  {
    throttleTimeMs: int32(),
    errorCode: int16(),
  },
)

/** Heartbeat (API key 12), versions 0-4. */
import { int16, int32, message, string } from '../schema.ts'

export const heartbeatRequest = message(
  'HeartbeatRequest',
  { apiKey: 12, versions: '0-4', flexible: '4+' },
  {
    groupId: string(),
    generationId: int32(),
    memberId: string(),
    groupInstanceId: string({ versions: '3+', nullable: '3+', default: null }),
  },
)

export const heartbeatResponse = message(
  'HeartbeatResponse',
  { apiKey: 12, versions: '0-4', flexible: '4+' },
  {
    throttleTimeMs: int32({ versions: '1+', ignorable: true }),
    errorCode: int16(),
  },
)

/** The header in front of every request, versions 1-2; clientId is never compact (KIP-482). */
import { int16, int32, message, string } from '../schema.ts'

export const requestHeader = message(
  'RequestHeader',
  { versions: '1-2', flexible: '2+' },
  {
    requestApiKey: int16(),
    requestApiVersion: int16(),
    correlationId: int32(),
    clientId: string({ nullable: '1+', flexible: 'none' }),
  },
)

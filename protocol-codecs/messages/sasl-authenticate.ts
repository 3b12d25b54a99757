/** SaslAuthenticate (API key 36), versions 0-2. */
import { bytes, int16, int64, message, string } from '../schema.ts'

export const saslAuthenticateRequest = message(
  'SaslAuthenticateRequest',
  { apiKey: 36, versions: '0-2', flexible: '2+' },
  {
    authBytes: bytes(),
  },
)

export const saslAuthenticateResponse = message(
  'SaslAuthenticateResponse',
  { apiKey: 36, versions: '0-2', flexible: '2+' },
  {
    errorCode: int16(),
    errorMessage: string({ nullable: '0+' }),
    authBytes: bytes(),
    sessionLifetimeMs: int64({ versions: '1+', default: 0n, ignorable: true }),
  },
)

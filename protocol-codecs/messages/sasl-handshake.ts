/** SaslHandshake (API key 17), versions 0-1. */
import { array, int16, message, string } from '../schema.ts'

export const saslHandshakeRequest = message(
  'SaslHandshakeRequest',
  { apiKey: 17, versions: '0-1', flexible: 'none' },
  {
    mechanism: string(),
  },
)

export const saslHandshakeResponse = message(
  'SaslHandshakeResponse',
  { apiKey: 17, versions: '0-1', flexible: 'none' },
  {
    errorCode: int16(),
    mechanisms: array(string()),
  },
)

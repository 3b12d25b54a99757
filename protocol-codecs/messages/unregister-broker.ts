/** UnregisterBroker (API key 64), versions 0. */
import { int16, int32, message, string } from '../schema.ts'

export const unregisterBrokerRequest = message(
  'UnregisterBrokerRequest',
  { apiKey: 64, versions: '0', flexible: '0+' },
  {
    brokerId: int32(),
  },
)

export const unregisterBrokerResponse = message(
  'UnregisterBrokerResponse',
  { apiKey: 64, versions: '0', flexible: '0+' },
  {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: '0+' }),
  },
)

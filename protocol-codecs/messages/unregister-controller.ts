/** UnregisterController (API key 94), versions 0. */
import { int16, int32, message, string } from '../schema.ts'

export const unregisterControllerRequest = message(
  'UnregisterControllerRequest',
  { apiKey: 94, versions: '0', flexible: '0+' },
  {
    controllerId: int32(),
  },
)

export const unregisterControllerResponse = message(
  'UnregisterControllerResponse',
  { apiKey: 94, versions: '0', flexible: '0+' },
  {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: '0+' }),
  },
)

/** AlterConfigs (API key 33), versions 0-2. */
import { array, bool, int8, int16, int32, message, string } from '../schema.ts'

export const alterConfigsRequest = message(
  'AlterConfigsRequest',
  { apiKey: 33, versions: '0-2', flexible: '2+' },
  {
    resources: array({
      resourceType: int8(),
      resourceName: string(),
      configs: array({
        name: string(),
        value: string({ nullable: '0+' }),
      }),
    }),
    validateOnly: bool(),
  },
)

export const alterConfigsResponse = message(
  'AlterConfigsResponse',
  { apiKey: 33, versions: '0-2', flexible: '2+' },
  {
    throttleTimeMs: int32(),
    responses: array({
      errorCode: int16(),
      errorMessage: string({ nullable: '0+' }),
      resourceType: int8(),
      resourceName: string(),
    }),
  },
)

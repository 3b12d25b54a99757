/** ListConfigResources (API key 74), versions 0-1. */
import { array, int8, int16, int32, message, string } from '../schema.ts'

export const listConfigResourcesRequest = message(
  'ListConfigResourcesRequest',
  { apiKey: 74, versions: '0-1', flexible: '0+' },
  {
    resourceTypes: array(int8(), { versions: '1+' }),
  },
)

export const listConfigResourcesResponse = message(
  'ListConfigResourcesResponse',
  { apiKey: 74, versions: '0-1', flexible: '0+' },
  {
    throttleTimeMs: int32(),
    errorCode: int16(),
    configResources: array({
      resourceName: string(),
      resourceType: int8({ versions: '1+', default: 16, ignorable: true }),
    }),
  },
)

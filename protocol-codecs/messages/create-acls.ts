/** CreateAcls (API key 30), versions 0-3. */
import { array, int8, int16, int32, message, string } from '../schema.ts'

export const createAclsRequest = message(
  'CreateAclsRequest',
  { apiKey: 30, versions: '0-3', flexible: '2+' },
  {
    creations: array({
      resourceType: int8(),
      resourceName: string(),
      resourcePatternType: int8({ versions: '1+', default: 3 }),
      principal: string(),
      host: string(),
      operation: int8(),
      permissionType: int8(),
    }),
  },
)

export const createAclsResponse = message(
  'CreateAclsResponse',
  { apiKey: 30, versions: '0-3', flexible: '2+' },
  {
    throttleTimeMs: int32(),
    results: array({
      errorCode: int16(),
      errorMessage: string({ nullable: '0+' }),
    }),
  },
)

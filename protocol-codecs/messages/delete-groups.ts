/** DeleteGroups (API key 42), versions 0-3. */
import { array, int16, int32, message, string } from '../schema.ts'

export const deleteGroupsRequest = message(
  'DeleteGroupsRequest',
  { apiKey: 42, versions: '0-3', flexible: '2+' },
  {
    groupsNames: array(string()),
  },
)

export const deleteGroupsResponse = message(
  'DeleteGroupsResponse',
  { apiKey: 42, versions: '0-3', flexible: '2+' },
  {
    throttleTimeMs: int32(),
    results: array({
      groupId: string(),
      errorCode: int16(),
      errorMessage: string({ versions: '3+', nullable: '3+', default: null, ignorable: true }),
    }),
  },
)

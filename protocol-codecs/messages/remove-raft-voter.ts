/** RemoveRaftVoter (API key 81), versions 0. */
import { int16, int32, message, string, uuid } from '../schema.ts'

export const removeRaftVoterRequest = message(
  'RemoveRaftVoterRequest',
  { apiKey: 81, versions: '0', flexible: '0+' },
  {
    clusterId: string({ nullable: '0+' }),
    voterId: int32(),
    voterDirectoryId: uuid(),
  },
)

export const removeRaftVoterResponse = message(
  'RemoveRaftVoterResponse',
  { apiKey: 81, versions: '0', flexible: '0+' },
  {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: '0+', ignorable: true }),
  },
)

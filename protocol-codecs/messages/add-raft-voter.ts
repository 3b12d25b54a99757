/** AddRaftVoter (API key 80), versions 0-1. */
import { array, bool, int16, int32, message, string, uint16, uuid } from '../schema.ts'

export const addRaftVoterRequest = message(
  'AddRaftVoterRequest',
  { apiKey: 80, versions: '0-1', flexible: '0+' },
  {
    clusterId: string({ nullable: '0+' }),
    timeoutMs: int32(),
    voterId: int32(),
    voterDirectoryId: uuid(),
    listeners: array({
      name: string(),
      host: string(),
      port: uint16(),
    }),
    ackWhenCommitted: bool({ versions: '1+', default: true }),
  },
)

export const addRaftVoterResponse = message(
  'AddRaftVoterResponse',
  { apiKey: 80, versions: '0-1', flexible: '0+' },
  {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: '0+', ignorable: true }),
  },
)

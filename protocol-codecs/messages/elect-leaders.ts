/** ElectLeaders (API key 43), versions 0-2. */
import { array, int8, int16, int32, message, string } from '../schema.ts'

export const electLeadersRequest = message(
  'ElectLeadersRequest',
  { apiKey: 43, versions: '0-2', flexible: '2+' },
  {
    electionType: int8({ versions: '1+' }),
    topicPartitions: array(
      {
        topic: string(),
        partitions: array(int32()),
      },
      { nullable: '0+' },
    ),
    timeoutMs: int32({ default: 60000 }),
  },
)

export const electLeadersResponse = message(
  'ElectLeadersResponse',
  { apiKey: 43, versions: '0-2', flexible: '2+' },
  {
    throttleTimeMs: int32(),
    // Version 0 says it of each partition only.
    errorCode: int16({ versions: '1+', ignorable: true }),
    replicaElectionResults: array({
      topic: string(),
      partitionResult: array({
        partitionId: int32(),
        errorCode: int16(),
        errorMessage: string({ nullable: '0+' }),
      }),
    }),
  },
)

/** OffsetDelete (API key 47), versions 0. */
import { array, int16, int32, message, string } from '../schema.ts'

export const offsetDeleteRequest = message(
  'OffsetDeleteRequest',
  { apiKey: 47, versions: '0', flexible: 'none' },
  {
    groupId: string(),
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
      }),
    }),
  },
)

export const offsetDeleteResponse = message(
  'OffsetDeleteResponse',
  { apiKey: 47, versions: '0', flexible: 'none' },
  {
    errorCode: int16(),
    throttleTimeMs: int32({ ignorable: true }),
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        errorCode: int16(),
      }),
    }),
  },
)

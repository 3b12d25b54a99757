/** DeleteRecords (API key 21), versions 0-2. */
import { array, int16, int32, int64, message, string } from '../schema.ts'

export const deleteRecordsRequest = message(
  'DeleteRecordsRequest',
  { apiKey: 21, versions: '0-2', flexible: '2+' },
  {
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        offset: int64(),
      }),
    }),
    timeoutMs: int32(),
  },
)

export const deleteRecordsResponse = message(
  'DeleteRecordsResponse',
  { apiKey: 21, versions: '0-2', flexible: '2+' },
  {
    throttleTimeMs: int32(),
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        lowWatermark: int64(),
        errorCode: int16(),
      }),
    }),
  },
)

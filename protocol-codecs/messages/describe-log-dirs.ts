/** DescribeLogDirs (API key 35), versions 0-5. */
import { array, bool, int16, int32, int64, message, string } from '../schema.ts'

export const describeLogDirsRequest = message(
  'DescribeLogDirsRequest',
  { apiKey: 35, versions: '0-5', flexible: '2+' },
  {
    topics: array(
      {
        topic: string(),
        partitions: array(int32()),
      },
      { nullable: '0+' },
    ),
  },
)

export const describeLogDirsResponse = message(
  'DescribeLogDirsResponse',
  { apiKey: 35, versions: '0-5', flexible: '2+' },
  {
    throttleTimeMs: int32(),
    errorCode: int16({ versions: '3+', ignorable: true }),
    results: array({
      errorCode: int16(),
      logDir: string(),
      topics: array({
        name: string(),
        partitions: array({
          partitionIndex: int32(),
          partitionSize: int64(),
          offsetLag: int64(),
          isFutureKey: bool(),
        }),
      }),
      totalBytes: int64({ versions: '4+', default: -1n, ignorable: true }),
      usableBytes: int64({ versions: '4+', default: -1n, ignorable: true }),
      isCordoned: bool({ versions: '5+', default: false, ignorable: true }),
    }),
  },
)

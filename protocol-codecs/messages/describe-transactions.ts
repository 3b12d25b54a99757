/** DescribeTransactions (API key 65), versions 0. */
import { array, int16, int32, int64, message, string } from '../schema.ts'

export const describeTransactionsRequest = message(
  'DescribeTransactionsRequest',
  { apiKey: 65, versions: '0', flexible: '0+' },
  {
    transactionalIds: array(string()),
  },
)

export const describeTransactionsResponse = message(
  'DescribeTransactionsResponse',
  { apiKey: 65, versions: '0', flexible: '0+' },
  {
    throttleTimeMs: int32(),
    transactionStates: array({
      errorCode: int16(),
      transactionalId: string(),
      transactionState: string(),
      transactionTimeoutMs: int32(),
      transactionStartTimeMs: int64(),
      producerId: int64(),
      producerEpoch: int16(),
      topics: array({
        topic: string(),
        partitions: array(int32()),
      }),
    }),
  },
)

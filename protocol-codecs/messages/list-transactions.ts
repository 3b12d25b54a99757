/** ListTransactions (API key 66), versions 0-2. */
import { array, int16, int32, int64, message, string } from '../schema.ts'

export const listTransactionsRequest = message(
  'ListTransactionsRequest',
  { apiKey: 66, versions: '0-2', flexible: '0+' },
  {
    stateFilters: array(string()),
    producerIdFilters: array(int64()),
    durationFilter: int64({ versions: '1+', default: -1n }),
    transactionalIdPattern: string({ versions: '2+', nullable: '2+', default: null }),
  },
)

export const listTransactionsResponse = message(
  'ListTransactionsResponse',
  { apiKey: 66, versions: '0-2', flexible: '0+' },
  {
    throttleTimeMs: int32(),
    errorCode: int16(),
    unknownStateFilters: array(string()),
    transactionStates: array({
      transactionalId: string(),
      producerId: int64(),
      transactionState: string(),
    }),
  },
)

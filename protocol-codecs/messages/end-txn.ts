/** EndTxn (API key 26), versions 0-5. */
import { bool, int16, int32, int64, message, string } from '../schema.ts'

export const endTxnRequest = message(
  'EndTxnRequest',
  { apiKey: 26, versions: '0-5', flexible: '3+' },
  {
    transactionalId: string(),
    producerId: int64(),
    producerEpoch: int16(),
    committed: bool(),
  },
)

export const endTxnResponse = message(
  'EndTxnResponse',
  { apiKey: 26, versions: '0-5', flexible: '3+' },
  {
    throttleTimeMs: int32(),
    errorCode: int16(),
    producerId: int64({ versions: '5+', default: -1n, ignorable: true }),
    producerEpoch: int16({ versions: '5+', default: -1, ignorable: true }),
  },
)

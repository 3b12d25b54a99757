/** AddPartitionsToTxn (API key 24), versions 0-5. */
import { array, bool, int16, int32, int64, message, string } from '../schema.ts'

const addPartitionsToTxnTopicOfRequest = {
  name: string(),
  partitions: array(int32()),
}

export const addPartitionsToTxnRequest = message(
  'AddPartitionsToTxnRequest',
  { apiKey: 24, versions: '0-5', flexible: '3+' },
  {
    transactions: array(
      {
        transactionalId: string({ versions: '4+' }),
        producerId: int64({ versions: '4+' }),
        producerEpoch: int16({ versions: '4+' }),
        verifyOnly: bool({ versions: '4+', default: false }),
        topics: array(addPartitionsToTxnTopicOfRequest, { versions: '4+' }),
      },
      { versions: '4+' },
    ),
    v3AndBelowTransactionalId: string({ versions: '0-3' }),
    v3AndBelowProducerId: int64({ versions: '0-3' }),
    v3AndBelowProducerEpoch: int16({ versions: '0-3' }),
    v3AndBelowTopics: array(addPartitionsToTxnTopicOfRequest, { versions: '0-3' }),
  },
)

const addPartitionsToTxnPartitionResultOfResponse = {
  partitionIndex: int32(),
  partitionErrorCode: int16(),
}

const addPartitionsToTxnTopicResultOfResponse = {
  name: string(),
  resultsByPartition: array(addPartitionsToTxnPartitionResultOfResponse),
}

export const addPartitionsToTxnResponse = message(
  'AddPartitionsToTxnResponse',
  { apiKey: 24, versions: '0-5', flexible: '3+' },
  {
    throttleTimeMs: int32(),
    errorCode: int16({ versions: '4+', ignorable: true }),
    resultsByTransaction: array(
      {
        transactionalId: string({ versions: '4+' }),
        topicResults: array(addPartitionsToTxnTopicResultOfResponse, { versions: '4+' }),
      },
      { versions: '4+' },
    ),
    resultsByTopicV3AndBelow: array(addPartitionsToTxnTopicResultOfResponse, { versions: '0-3' }),
  },
)

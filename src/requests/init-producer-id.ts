/**
 * InitProducerId: an idempotent producer asks for its identity. Without a transactional id that is a
 * new producer id with epoch 0, every time.
 *
 * With a transactional id it is the start of transactions, which are not served yet. The answer is then
 * TRANSACTIONAL_ID_AUTHORIZATION_FAILED: the Java client, librdkafka, franz-go and kafkajs all take it
 * for final and fail at once, while librdkafka repeats what it was told most other errors until its time
 * is over. What it really means stands in the broker's log.
 */
import { errorCodes } from '../../protocol-codecs/error-codes.ts'
import {
  initProducerIdRequest,
  initProducerIdResponse,
} from '../../protocol-codecs/messages/init-producer-id.ts'
import { handler } from './handler.ts'

const noProducerId = -1n
const noProducerEpoch = -1

export const initProducerId = handler({
  request: initProducerIdRequest,
  response: initProducerIdResponse,
  // Version 6 (two-phase commit) is unstable in Kafka 4.4, and not advertised there either.
  versions: '0-5',
  ordering: 'pipelined',

  async handle(request, services, context) {
    const { transactionalId, producerId, producerEpoch } = request
    const hasHalf = (producerId === noProducerId) !== (producerEpoch === noProducerEpoch)
    if (transactionalId === '' || hasHalf) return refused(errorCodes.INVALID_REQUEST)
    if (transactionalId !== null) {
      services.logger.warn(
        { transactionalId, clientId: context.clientId },
        'A transactional producer was turned away: transactions are not served yet.',
      )
      return refused(errorCodes.TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
    }
    const id = await services.producerIds.next()
    return { throttleTimeMs: 0, errorCode: errorCodes.NONE, producerId: BigInt(id), producerEpoch: 0 }
  },

  refuse: (_request, error) => refused(errorCodes[error]),
})

function refused(errorCode: number) {
  return { throttleTimeMs: 0, errorCode, producerId: noProducerId, producerEpoch: noProducerEpoch }
}

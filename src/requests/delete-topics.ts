/** DeleteTopics: by name, and from version 6 on by id as well. */
import { errorCodes, ProtocolError } from '../../protocol-codecs/error-codes.ts'
import { deleteTopicsRequest, deleteTopicsResponse } from '../../protocol-codecs/messages/delete-topics.ts'
import { type Infer, zeroUuid } from '../../protocol-codecs/schema.ts'
import type { TopicToDelete } from '../topics/topics-to-delete.ts'
import { handler } from './handler.ts'
import { refuseIfTimedOut } from './request-timeout.ts'

/** From this version on a client knows the error for "deletion is switched off". */
const firstVersionWithDeletionDisabled = 3

export const deleteTopics = handler({
  request: deleteTopicsRequest,
  response: deleteTopicsResponse,
  versions: '0-6',
  ordering: 'sequential',

  async handle(request, services, context) {
    refuseIfTimedOut(request.timeoutMs)
    try {
      const results = await services.topics.delete(wantedTopics(request), request.timeoutMs)
      return {
        responses: results.map(({ name, topicId, error, message }) => ({
          name,
          topicId,
          errorCode: errorCodes[error],
          errorMessage: message,
        })),
      }
    } catch (error) {
      const isDisabled = error instanceof ProtocolError && error.name === 'TOPIC_DELETION_DISABLED'
      if (!isDisabled || context.apiVersion >= firstVersionWithDeletionDisabled) throw error
      throw new ProtocolError('INVALID_REQUEST', error.message)
    }
  },

  refuse: (request, error, message) => ({
    responses: wantedTopics(request).map(({ name, topicId }) => ({
      name,
      topicId,
      errorCode: errorCodes[error],
      errorMessage: message,
    })),
  }),
})

function wantedTopics(request: Infer<typeof deleteTopicsRequest>): TopicToDelete[] {
  // A version carries one of the two lists; the other is empty.
  return [...request.topics, ...request.topicNames.map(name => ({ name, topicId: zeroUuid }))]
}

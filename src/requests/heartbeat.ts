/** Heartbeat of a group member. */
import { errorCodes } from '../../protocol-codecs/error-codes.ts'
import { heartbeatRequest, heartbeatResponse } from '../../protocol-codecs/messages/heartbeat.ts'
import { handler } from './handler.ts'

export const heartbeat = handler({
  request: heartbeatRequest,
  response: heartbeatResponse,
  versions: '0-4',
  ordering: 'pipelined',
  handle: (request, { groups }) => groups.heartbeat(request),
  refuse: (_request, error) => ({
    // While the group is being loaded its members are left in peace: their sessions begin after it.
    errorCode: error === 'COORDINATOR_LOAD_IN_PROGRESS' ? errorCodes.NONE : errorCodes[error],
  }),
})

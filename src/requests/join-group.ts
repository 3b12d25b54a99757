/** JoinGroup: the answer waits for the rebalance, so it holds up what follows on its connection, as in Kafka. */
import { joinGroupRequest, joinGroupResponse } from '../../protocol-codecs/messages/join-group.ts'
import { type JoinGroupResponse, joinError } from '../groups/group-events.ts'
import { handler } from './handler.ts'

export const joinGroup = handler({
  request: joinGroupRequest,
  response: joinGroupResponse,
  versions: '0-9',
  ordering: 'sequential',
  handle(request, { groups }, context) {
    const response = groups.joinGroup(request, context)
    if (context.apiVersion >= firstVersionWithNullProtocol) return response
    return response instanceof Promise ? response.then(withoutNull) : withoutNull(response)
  },
  // No protocol is '' here, which every version can say.
  refuse: (request, error) => withoutNull(joinError(error, request.memberId)),
})

const firstVersionWithNullProtocol = 7

function withoutNull(response: JoinGroupResponse): JoinGroupResponse {
  return response.protocolName === null ? { ...response, protocolName: '' } : response
}

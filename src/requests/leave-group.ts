/** LeaveGroup: of one member up to version 2, of several, each with an error of its own, from version 3 on (KIP-345). */
import { errorCodes } from '../../protocol-codecs/error-codes.ts'
import { leaveGroupRequest, leaveGroupResponse } from '../../protocol-codecs/messages/leave-group.ts'
import type { LeaveGroupResponse } from '../groups/group-events.ts'
import { handler } from './handler.ts'

const firstVersionWithMembers = 3

export const leaveGroup = handler({
  request: leaveGroupRequest,
  response: leaveGroupResponse,
  versions: '0-5',
  ordering: 'pipelined',
  async handle(request, { groups }, context) {
    if (context.apiVersion >= firstVersionWithMembers) return groups.leaveGroup(request)
    const members = [{ memberId: request.memberId, groupInstanceId: null, reason: null }]
    return ofOneMember(await groups.leaveGroup({ ...request, members }))
  },
  refuse: (_request, error) => ({ errorCode: errorCodes[error] }),
})

/** Before version 3 the member's error is the request's. */
function ofOneMember({ errorCode, members }: LeaveGroupResponse): LeaveGroupResponse {
  return {
    errorCode: errorCode !== errorCodes.NONE ? errorCode : (members?.[0]?.errorCode ?? errorCodes.NONE),
  }
}

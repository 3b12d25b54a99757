/** DescribeGroups: state and members of classic groups. */
import { errorCodes } from '../../protocol-codecs/error-codes.ts'
import {
  describeGroupsRequest,
  describeGroupsResponse,
} from '../../protocol-codecs/messages/describe-groups.ts'
import { handler } from './handler.ts'

/** READ, DELETE, DESCRIBE, DESCRIBE_CONFIGS and ALTER_CONFIGS: without an authorizer everybody may do all. */
const allGroupOperations = (1 << 3) | (1 << 6) | (1 << 8) | (1 << 10) | (1 << 11)

export const describeGroups = handler({
  request: describeGroupsRequest,
  response: describeGroupsResponse,
  versions: '0-6',
  ordering: 'pipelined',
  async handle(request, { groups }, context) {
    const described = await groups.describeGroups(request.groups, context)
    if (!request.includeAuthorizedOperations) return { groups: described }
    return {
      groups: described.map(group =>
        group.errorCode === errorCodes.NONE ? { ...group, authorizedOperations: allGroupOperations } : group,
      ),
    }
  },
  refuse: (request, error) => ({
    groups: request.groups.map(groupId => ({
      errorCode: errorCodes[error],
      groupId,
      groupState: '',
      protocolType: '',
      protocolData: '',
      members: [],
    })),
  }),
})

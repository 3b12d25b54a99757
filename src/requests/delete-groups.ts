/** DeleteGroups: of groups without members, with all that they committed. */
import { errorCodes } from '../../protocol-codecs/error-codes.ts'
import { deleteGroupsRequest, deleteGroupsResponse } from '../../protocol-codecs/messages/delete-groups.ts'
import { handler } from './handler.ts'

export const deleteGroups = handler({
  request: deleteGroupsRequest,
  response: deleteGroupsResponse,
  versions: '0-3',
  ordering: 'pipelined',
  async handle(request, { groups }) {
    return { throttleTimeMs: 0, results: await groups.deleteGroups(request.groupsNames) }
  },
  refuse: (request, error) => ({
    throttleTimeMs: 0,
    results: request.groupsNames.map(groupId => ({ groupId, errorCode: errorCodes[error] })),
  }),
})

/** ListGroups, with filters by state from version 4 and by type from version 5 on. */
import { errorCodes } from '../../protocol-codecs/error-codes.ts'
import { listGroupsRequest, listGroupsResponse } from '../../protocol-codecs/messages/list-groups.ts'
import { handler } from './handler.ts'

export const listGroups = handler({
  request: listGroupsRequest,
  response: listGroupsResponse,
  versions: '0-5',
  ordering: 'pipelined',
  async handle(request, { groups }) {
    return { errorCode: errorCodes.NONE, groups: await groups.listGroups(request) }
  },
  refuse: (_request, error) => ({ errorCode: errorCodes[error], groups: [] }),
})

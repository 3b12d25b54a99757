/** DeleteAcls: refused as long as there is no authorizer that could have any. */
import { errorCodes, ProtocolError } from '../../protocol-codecs/error-codes.ts'
import { deleteAclsRequest, deleteAclsResponse } from '../../protocol-codecs/messages/delete-acls.ts'
import { isReadable } from './acl-filters.ts'
import { closeConnection, handler } from './handler.ts'

export const deleteAcls = handler({
  request: deleteAclsRequest,
  response: deleteAclsResponse,
  versions: '1-3',
  ordering: 'pipelined',

  handle(request) {
    if (!request.filters.every(isReadable)) return closeConnection
    throw new ProtocolError('SECURITY_DISABLED', 'No Authorizer is configured.')
  },

  refuse: (request, error, message) => ({
    throttleTimeMs: 0,
    filterResults: request.filters.map(() => ({
      errorCode: errorCodes[error],
      errorMessage: message,
      matchingAcls: [],
    })),
  }),
})

/** CreateAcls: refused as long as there is no authorizer to keep them. */
import { errorCodes, ProtocolError } from '../../protocol-codecs/error-codes.ts'
import { createAclsRequest, createAclsResponse } from '../../protocol-codecs/messages/create-acls.ts'
import { handler } from './handler.ts'

export const createAcls = handler({
  request: createAclsRequest,
  response: createAclsResponse,
  versions: '1-3',
  ordering: 'pipelined',

  handle() {
    throw new ProtocolError('SECURITY_DISABLED', 'No Authorizer is configured.')
  },

  refuse: (request, error, message) => ({
    throttleTimeMs: 0,
    results: request.creations.map(() => ({ errorCode: errorCodes[error], errorMessage: message })),
  }),
})

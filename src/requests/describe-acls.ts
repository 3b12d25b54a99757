/** DescribeAcls: there is no authorizer yet, so there are no ACLs, and clients are told why. */
import { errorCodes, ProtocolError } from '../../protocol-codecs/error-codes.ts'
import { describeAclsRequest, describeAclsResponse } from '../../protocol-codecs/messages/describe-acls.ts'
import { isReadable } from './acl-filters.ts'
import { closeConnection, handler } from './handler.ts'

export const describeAcls = handler({
  request: describeAclsRequest,
  response: describeAclsResponse,
  versions: '1-3',
  ordering: 'pipelined',

  handle(request) {
    if (!isReadable(request)) return closeConnection
    throw new ProtocolError('SECURITY_DISABLED', 'No Authorizer is configured on the broker')
  },

  refuse: (_request, error, message) => ({
    throttleTimeMs: 0,
    errorCode: errorCodes[error],
    errorMessage: message,
    resources: [],
  }),
})

/** SyncGroup: a follower's answer waits for the leader's assignment. */
import { syncGroupRequest, syncGroupResponse } from '../../protocol-codecs/messages/sync-group.ts'
import { syncError } from '../groups/group-events.ts'
import { handler } from './handler.ts'

/** From this version on a member must say which protocol it believes to be chosen (KIP-559). */
const firstVersionWithProtocol = 5

export const syncGroup = handler({
  request: syncGroupRequest,
  response: syncGroupResponse,
  versions: '0-5',
  ordering: 'sequential',
  handle(request, { groups }, context) {
    const saysProtocol = request.protocolType !== null && request.protocolName !== null
    if (context.apiVersion >= firstVersionWithProtocol && !saysProtocol) {
      return syncError('INCONSISTENT_GROUP_PROTOCOL')
    }
    return groups.syncGroup(request, context)
  },
  refuse: (_request, error) => syncError(error),
})

/** Groups of the small data directory: one that commits, one that has a member, and one that was deleted. */
import { deleteGroupsRequest, deleteGroupsResponse } from '../../../protocol-codecs/messages/delete-groups.ts'
import { joinGroupRequest, joinGroupResponse } from '../../../protocol-codecs/messages/join-group.ts'
import { offsetCommitRequest, offsetCommitResponse } from '../../../protocol-codecs/messages/offset-commit.ts'
import { syncGroupRequest, syncGroupResponse } from '../../../protocol-codecs/messages/sync-group.ts'
import type { RawClient } from '../../../src/testing/raw-client.ts'
import { requireNoError } from './small-catalogue.ts'

export const groupId = 'readers'
export const memberGroupId = 'workers'

// COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR
const passing = [14, 15, 16]

async function untilItIsLoaded<Answer extends { errorCode: number }>(
  ask: () => Promise<Answer>,
): Promise<Answer> {
  for (;;) {
    const answer = await ask()
    if (!passing.includes(answer.errorCode)) return answer
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

export async function commitOffsets(client: RawClient, group: string, offset: number): Promise<void> {
  const partitions = [0, 1].map(partitionIndex => {
    return { partitionIndex, committedOffset: BigInt(offset + partitionIndex), committedMetadata: 'here' }
  })
  const topics = [{ name: 'plain', partitions }]
  const exchange = { request: offsetCommitRequest, response: offsetCommitResponse }
  const answer = await untilItIsLoaded(async () => {
    const { topics: answered } = await client.send(exchange, 8, { groupId: group, topics })
    return answered[0]!.partitions[0]!
  })
  requireNoError([answer])
}

export async function deleteGroup(client: RawClient, group: string): Promise<void> {
  const exchange = { request: deleteGroupsRequest, response: deleteGroupsResponse }
  requireNoError((await client.send(exchange, 2, { groupsNames: [group] })).results)
}

/** As a consumer does, which is gone then without a word. */
export async function joinGroup(client: RawClient): Promise<void> {
  const joining = { request: joinGroupRequest, response: joinGroupResponse }
  const join = {
    groupId: memberGroupId,
    sessionTimeoutMs: 1_800_000,
    rebalanceTimeoutMs: 1_800_000,
    memberId: '',
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: Buffer.from('subscription') }],
  }
  const joined = await untilItIsLoaded(() => client.send(joining, 3, join))
  requireNoError([joined])
  const { generationId, memberId } = joined
  const syncing = { request: syncGroupRequest, response: syncGroupResponse }
  const assignments = [{ memberId, assignment: Buffer.from('assignment') }]
  requireNoError([
    await client.send(syncing, 2, { groupId: memberGroupId, generationId, memberId, assignments }),
  ])
}

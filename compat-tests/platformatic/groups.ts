/**
 * Groups of two to five members of @platformatic/kafka, each a process, and static members.
 */
import assert from 'node:assert/strict'
import { type Capability, inArea, type TestContext } from '../capability.ts'
import { groupCapabilitiesOf } from '../group-capabilities.ts'
import { type GroupClient, groupUnderTest } from '../group-under-test.ts'
import { staticMemberCapabilitiesOf } from '../static-member-capabilities.ts'
import { createTopic, openAdmin, openProducer } from './client.ts'

const groupClient: GroupClient = {
  memberProgram: new URL('./group-member.js', import.meta.url),
  createTopic: (context, partitions) => createTopic(context, 'group', partitions),
  // A fetch that was under way when the member joined again brings records that come once more afterwards.
  restMs: 300,
  async openProducer(context) {
    const producer = openProducer(context)
    return (topic, messages) =>
      producer.send({
        messages: messages.map(({ value, partition }) => ({ topic, partition, value: Buffer.from(value) })),
      })
  },
  async openOwners(context) {
    const admin = openAdmin(context)
    return async (groupId, topic) => {
      // A group that nobody has joined yet is an error in the versions that this client speaks.
      const group = (await admin.describeGroups({ groups: [groupId] }).catch(() => undefined))?.get(groupId)
      if (group?.state !== 'STABLE') return []
      return [...group.members.values()].map(({ id, groupInstanceId, assignments }) => ({
        memberId: id,
        instanceId: groupInstanceId,
        owned: assignments?.get(topic)?.partitions ?? [],
      }))
    }
  },
}

async function memberIsRemoved(context: TestContext): Promise<void> {
  const group = await groupUnderTest(groupClient, context, 4)
  const [first, second] = [group.addMember('first'), group.addMember('second')]
  await group.deliversToOwners([first, second])
  await second.kill9()
  const memberId = second.memberId()!
  await openAdmin(context).removeMembersFromConsumerGroup({ groupId: group.groupId, members: [{ memberId }] })
  const removedAt = performance.now()
  await group.deliversToOwners([first])
  assert.ok(performance.now() - removedAt < 4_000, 'a removed member kept its partitions')
}

export const groupCapabilities: Capability[] = inArea('groups', [
  ...groupCapabilitiesOf(groupClient),
  ...staticMemberCapabilitiesOf(groupClient),
  {
    name: 'a member removed by an administrator',
    area: 'group admin',
    timeLimitMs: 60_000,
    test: memberIsRemoved,
  },
])

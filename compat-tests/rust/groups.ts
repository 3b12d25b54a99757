/** Groups of two to five krafka members, each a process: eager, cooperative, static. */
import type { Capability } from '../capability.ts'
import { cooperativeCapabilitiesOf, groupCapabilitiesOf } from '../group-capabilities.ts'
import type { GroupClient, Ownership } from '../group-under-test.ts'
import { commandProgram } from '../member-programs.ts'
import { staticMemberCapabilitiesOf } from '../static-member-capabilities.ts'
import { createTopic, openProducer } from './client.ts'
import { driverProgram, startDriver } from './driver.ts'

interface DescribedGroup {
  state: string
  members: Ownership[]
}

const groupClient: GroupClient = {
  memberProgram: commandProgram(driverProgram, settings => ['member', JSON.stringify(settings)]),
  createTopic: (context, partitions) => createTopic(context, startDriver(context), 'group', partitions),
  async openProducer(context) {
    const producer = await openProducer(startDriver(context))
    return (topic, messages) => producer.send(messages.map(message => ({ ...message, topic })))
  },
  async openOwners(context) {
    const driver = startDriver(context)
    return async (groupId, topic) => {
      // A group that nobody has joined yet is an error in the versions that this client speaks.
      const described = driver.call<DescribedGroup>('admin.describeGroup', { groupId, topic })
      const { state, members } = await described.catch(() => ({ state: 'Dead', members: [] }))
      return state === 'Stable' ? members : []
    }
  },
}

export const groupCapabilities: Capability[] = [
  ...groupCapabilitiesOf(groupClient),
  // Not for continuous integration: some of its groups do not come to rest (FINDINGS.md).
  ...cooperativeCapabilitiesOf({ ...groupClient, assignor: 'cooperative-sticky' }).map(capability => ({
    ...capability,
    ci: false,
  })),
  ...staticMemberCapabilitiesOf(groupClient),
]

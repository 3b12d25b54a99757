/**
 * Groups of two to five members of @confluentinc/kafka-javascript, each a process: with librdkafka's default assignors,
 * cooperatively, and static ones.
 */

import assert from 'node:assert/strict'
import { type Capability, inArea, type TestContext } from '../capability.ts'
import { cooperativeCapabilitiesOf, groupCapabilitiesOf } from '../group-capabilities.ts'
import type { GroupClient } from '../group-under-test.ts'
import { numberedValues, texts } from '../record-values.ts'
import { staticMemberCapabilitiesOf } from '../static-member-capabilities.ts'
import { collector } from '../wait-for.ts'
import {
  collectInto,
  committedOffsets,
  connectedAdmin,
  connectedConsumer,
  connectedProducer,
  createTopic,
  groupStates,
  type StoredRecord,
} from './client.ts'

const groupClient: GroupClient = {
  memberProgram: new URL('./group-member.js', import.meta.url),
  createTopic: (context, partitions) => createTopic(context, 'group', partitions),
  async openProducer(context) {
    const producer = await connectedProducer(context)
    // The producer turns the values of the messages that it is given into buffers, in place.
    return (topic, messages) => producer.send({ topic, messages: messages.map(message => ({ ...message })) })
  },
  async openOwners(context) {
    const admin = await connectedAdmin(context)
    return async (groupId, topic) => {
      const { groups } = await admin.describeGroups([groupId])
      if (groups[0]?.state !== groupStates.stable) return []
      return groups[0].members.map(({ clientId, groupInstanceId, assignment }) => ({
        memberId: clientId,
        instanceId: groupInstanceId,
        owned: assignment.topicPartitions
          .filter(partition => partition.topic === topic)
          .map(({ partition }) => partition),
      }))
    }
  },
}

async function independentGroups(context: TestContext): Promise<void> {
  const topic = await createTopic(context, 'shared', 2)
  const producer = await connectedProducer(context)
  const values = numberedValues(30)
  await producer.send({ topic, messages: values.map((value, index) => ({ value, partition: index % 2 })) })
  const groupIds = [context.uniqueName('one'), context.uniqueName('two')]
  for (const groupId of groupIds) {
    const consumer = await connectedConsumer(context, { kafkaJS: { groupId } })
    const records = collector<StoredRecord>()
    await consumer.subscribe({ topics: [topic] })
    await collectInto(consumer, records)
    await records.until(({ length }) => length === values.length, 'all records in each group')
    assert.deepEqual(texts(records.items).sort(), [...values].sort())
    // Leaving, it commits what it has read.
    await consumer.disconnect()
  }
  const admin = await connectedAdmin(context)
  for (const groupId of groupIds) assert.deepEqual(await committedOffsets(admin, groupId, topic), [15, 15])
}

export const groupCapabilities: Capability[] = inArea('groups', [
  ...groupCapabilitiesOf(groupClient),
  ...cooperativeCapabilitiesOf({ ...groupClient, assignor: 'cooperative-sticky' }),
  ...staticMemberCapabilitiesOf(groupClient),
  { name: 'two groups on one topic, independently', test: independentGroups },
])

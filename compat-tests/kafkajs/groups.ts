/**
 * Groups of two to five kafkajs members, each a process: joining, leaving, crashing, stalling.
 */

import assert from 'node:assert/strict'
import kafkajs from 'kafkajs'
import { type Capability, inArea, type TestContext } from '../capability.ts'
import { groupCapabilitiesOf } from '../group-capabilities.ts'
import type { GroupClient } from '../group-under-test.ts'
import { numberedValues, texts } from '../record-values.ts'
import { collector } from '../wait-for.ts'
import {
  collectInto,
  committedOffsets,
  connectedAdmin,
  connectedConsumer,
  connectedProducer,
  createTopic,
  type StoredRecord,
} from './client.ts'

const groupClient: GroupClient = {
  memberProgram: new URL('./group-member.js', import.meta.url),
  createTopic: (context, partitions) => createTopic(context, 'group', partitions),
  async openProducer(context) {
    const producer = await connectedProducer(context)
    return (topic, messages) => producer.send({ topic, messages })
  },
  async openOwners(context) {
    const admin = await connectedAdmin(context)
    return async (groupId, topic) => {
      const { groups } = await admin.describeGroups([groupId])
      if (groups[0]?.state !== 'Stable') return []
      return groups[0].members.map(({ memberId, memberAssignment }) => ({
        memberId,
        owned: kafkajs.AssignerProtocol.MemberAssignment.decode(memberAssignment)?.assignment[topic] ?? [],
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
    const consumer = await connectedConsumer(context, { groupId })
    const records = collector<StoredRecord>()
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    await collectInto(consumer, records)
    await records.until(({ length }) => length === values.length, 'all records in each group')
    assert.deepEqual(texts(records.items).sort(), [...values].sort())
    await consumer.disconnect()
  }
  const admin = await connectedAdmin(context)
  for (const groupId of groupIds) {
    const offsets = await committedOffsets(admin, groupId, topic)
    assert.deepEqual(
      offsets.map(({ offset }) => offset),
      ['15', '15'],
    )
  }
}

export const groupCapabilities: Capability[] = inArea('groups', [
  ...groupCapabilitiesOf(groupClient),
  { name: 'two groups on one topic, independently', test: independentGroups },
])

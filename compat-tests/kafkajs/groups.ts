/**
 * Groups of two to five kafkajs members, each a process: joining, leaving, crashing, stalling. At rest every
 * partition has one owner and only the owner gets its records; through every change no value is lost.
 */
import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import type { Capability, TestContext } from '../capability.ts'
import { collector } from '../wait-for.ts'
import {
  collectInto,
  committedOffsets,
  connectedAdmin,
  connectedConsumer,
  connectedProducer,
  createTopic,
  numberedValues,
  type StoredRecord,
  texts,
} from './client.ts'
import { groupUnderTest, nothingLost } from './group-members.ts'

async function membersJoin(context: TestContext): Promise<void> {
  const group = await groupUnderTest(context, 7)
  const members = [group.addMember()]
  await group.settled(members)
  const stopProducing = await group.startProducing()
  for (let count = 2; count <= 5; count++) {
    members.push(group.addMember())
    await group.deliversToOwners(members)
  }
  await nothingLost(group, await stopProducing())
}

async function membersStartTogether(context: TestContext): Promise<void> {
  const group = await groupUnderTest(context, 10)
  const members = Array.from({ length: 5 }, () => group.addMember())
  await group.deliversToOwners(members)
  const joined = members.map(member => member.timesJoined())
  // Longer than a session: heartbeats alone keep the members in.
  await delay(7_000)
  await group.deliversToOwners(members)
  assert.deepEqual(
    members.map(member => member.timesJoined()),
    joined,
    'a group at rest rebalanced',
  )
}

async function membersLeave(context: TestContext): Promise<void> {
  const group = await groupUnderTest(context, 6)
  const members = Array.from({ length: 4 }, () => group.addMember())
  await group.settled(members)
  const stopProducing = await group.startProducing()
  for (let count = 3; count >= 1; count--) {
    const [leaving] = members.splice(0, 1)
    const leftAt = performance.now()
    await leaving!.leave()
    await group.deliversToOwners(members)
    const afterMs = performance.now() - leftAt
    assert.ok(afterMs < 5_000, `the rest took ${afterMs} ms to take over from a member that said goodbye`)
  }
  await nothingLost(group, await stopProducing())
}

async function membersCrash(context: TestContext): Promise<void> {
  const group = await groupUnderTest(context, 6)
  const members = Array.from({ length: 4 }, () => group.addMember())
  await group.deliversToOwners(members)
  const stopProducing = await group.startProducing()
  // Two at once: one eviction finds the other one dead as well.
  await Promise.all(members.splice(1, 2).map(member => member.kill9()))
  await group.deliversToOwners(members)
  await nothingLost(group, await stopProducing())
}

async function memberStalls(context: TestContext): Promise<void> {
  const group = await groupUnderTest(context, 4)
  const members = [group.addMember(), group.addMember()]
  await group.deliversToOwners(members)
  const stopProducing = await group.startProducing()
  const [stalled, other] = members
  stalled!.suspend()
  await group.settled([other!])
  stalled!.proceed()
  await group.deliversToOwners(members)
  await nothingLost(group, await stopProducing())
}

async function wholeGroupResumes(context: TestContext): Promise<void> {
  const group = await groupUnderTest(context, 4)
  const first = [group.addMember(), group.addMember()]
  await group.deliversToOwners(first)
  await group.deliversToOwners(first)
  await Promise.all(first.map(member => member.leave()))
  const handled = group.deliveries.items.length
  const topic = group.topic
  const producer = await connectedProducer(context)
  const values = numberedValues(40, 'while nobody was there')
  await producer.send({ topic, messages: values.map((value, index) => ({ value, partition: index % 4 })) })
  const second = [group.addMember(), group.addMember(), group.addMember()]
  await group.deliversToOwners(second)
  const afterwards = group.deliveries.items.slice(handled).map(({ value }) => value)
  const resumed = afterwards.filter(value => !value.startsWith('round 3'))
  assert.deepEqual(
    resumed.sort(),
    [...values].sort(),
    'the group did not go on exactly where it had committed',
  )
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

export const groupCapabilities: Capability[] = [
  { name: 'a group growing from one member to five', timeLimitMs: 60_000, test: membersJoin },
  { name: 'five members at once, then at rest', timeLimitMs: 60_000, test: membersStartTogether },
  { name: 'members leaving', timeLimitMs: 60_000, test: membersLeave },
  { name: 'members killed with -9', timeLimitMs: 60_000, test: membersCrash },
  { name: 'a member that stalls, is evicted and comes back', timeLimitMs: 60_000, test: memberStalls },
  { name: 'a whole group stopping and going on', timeLimitMs: 60_000, test: wholeGroupResumes },
  { name: 'two groups on one topic, independently', test: independentGroups },
]

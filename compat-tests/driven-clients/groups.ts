/**
 * Groups of a driven client's members, each a driver process: everything that ../group-capabilities.ts asks of any
 * client with the first of its assignors, and for each of the others that members share, come and go; for one that
 * does not stop the world, that what stays is not taken away; static members.
 */
import assert from 'node:assert/strict'
import { inArea, type TestContext } from '../capability.ts'
import { groupCapabilitiesOf } from '../group-capabilities.ts'
import { type GroupClient, groupUnderTest, nothingLost } from '../group-under-test.ts'
import { type MemberEvent, type MemberSettings, sessionTimeoutMs } from '../member-process.ts'
import type { MemberProcess } from '../member-programs.ts'
import { staticMemberReturns } from '../static-member-capabilities.ts'
import { eventually } from '../wait-for.ts'
import type { DrivenCapability, Subject } from './driven-client.ts'
import type { Driver, DriverError } from './driver.ts'
import { createTopic, errorCodes, partitionsOf, valuesOnly } from './topics.ts'

/** A group that nobody has joined is an error in the newest version; a broker's first group waits for its coordinator. */
const nobodyYet = new Set<number | null>([
  errorCodes.GROUP_ID_NOT_FOUND,
  errorCodes.COORDINATOR_LOAD_IN_PROGRESS,
  errorCodes.COORDINATOR_NOT_AVAILABLE,
  errorCodes.NOT_COORDINATOR,
])

function groupClientOf(subject: Subject, assignor: string): GroupClient {
  const administrators = new WeakMap<TestContext, Driver>()
  /** One process is enough for all that is not a member. */
  const administrator = (context: TestContext) => {
    const known = administrators.get(context)
    if (known !== undefined) return known
    const driver = subject.open(context)
    administrators.set(context, driver)
    return driver
  }
  return {
    memberProgram: (context, settings, tell) => startMember(subject, assignor, context, settings, tell),
    restMs: subject.client.restMs,
    createTopic: (context, partitions) => createTopic(context, administrator(context), 'group', partitions),
    async openProducer(context) {
      const driver = administrator(context)
      await driver.call('openProducer', { acks: 'all', compression: 'none', idempotent: false })
      return (topic, messages) =>
        driver.call('produce', {
          topic,
          records: messages.map(({ value, partition }) => ({ value: Buffer.from(value), partition })),
        })
    },
    async openOwners(context) {
      const driver = administrator(context)
      return async (group, topic) => {
        const described = await driver.call('describeGroup', { group, topic }).catch(error => {
          if (nobodyYet.has((error as DriverError).code)) return undefined
          throw error
        })
        if (described?.state.toLowerCase() !== 'stable') return []
        return described.members.map(({ memberId, partitions }) => ({ memberId, owned: partitions }))
      }
    },
  }
}

function startMember(
  subject: Subject,
  assignor: string,
  context: TestContext,
  { groupId, topic, instanceId }: MemberSettings,
  tell: (event: MemberEvent) => void,
): MemberProcess {
  const driver = subject.open(context)
  driver.assignments.onAdd(assignment => tell({ event: 'joined', ...assignment }))
  driver.records.onAdd(({ partition, offset, value }) =>
    tell({ event: 'record', partition, offset, value: String(value) }),
  )
  driver.failures.onAdd(reason => tell({ event: 'failed', reason }))
  driver
    .call('openConsumer', {
      topic,
      group: groupId,
      start: 'earliest',
      commit: 'each',
      assignor,
      instanceId,
      sessionTimeoutMs,
    })
    .catch(error => tell({ event: 'failed', reason: String(error) }))
  return {
    pid: driver.pid,
    async leave() {
      await driver.call('closeConsumer', {})
      await driver.kill9()
    },
    kill9: driver.kill9,
    suspend: driver.suspend,
    proceed: driver.proceed,
  }
}

async function membersComeAndGo(subject: Subject, context: TestContext, assignor: string): Promise<void> {
  const group = await groupUnderTest(groupClientOf(subject, assignor), context, 6)
  const members = [group.addMember(), group.addMember()]
  await group.deliversToOwners(members)
  const stopProducing = await group.startProducing()
  members.push(group.addMember())
  const owners = await group.settled(members)
  for (const { pid } of members)
    assert.equal([...owners.values()].filter(owner => owner === pid).length, 2, 'unequal shares')
  await members.shift()!.leave()
  await group.deliversToOwners(members)
  await nothingLost(group, await stopProducing())
}

async function keepsWhatStays(subject: Subject, context: TestContext): Promise<void> {
  const assignor = subject.client.cooperative!
  const administrator = subject.open(context)
  const topic = await createTopic(context, administrator, 'cooperative', 6)
  const group = context.uniqueName('group')
  const join = async () => {
    const driver = subject.open(context)
    await driver.call('openConsumer', {
      topic,
      group,
      start: 'earliest',
      commit: 'each',
      assignor,
      sessionTimeoutMs,
    })
    return driver
  }
  const owned = (driver: Driver) => driver.assignments.items.at(-1)?.partitions ?? []
  const owns = (driver: Driver, count: number) =>
    eventually(
      `a member to own ${count} partitions`,
      async () => owned(driver),
      ({ length }) => length === count,
    )
  const first = await join()
  await owns(first, 6)
  const second = await join()
  await Promise.all([owns(first, 3), owns(second, 3)])
  assert.deepEqual([...owned(first), ...owned(second)].sort(), partitionsOf(6))
  assert.deepEqual(
    first.revocations.items.flat().sort(),
    [...owned(second)].sort(),
    'more was taken away than the second member got',
  )
  await administrator.call('openProducer', { acks: 'all', compression: 'none', idempotent: false })
  for (const partition of partitionsOf(6)) {
    const records = valuesOnly([`for ${partition}`]).map(record => ({ ...record, partition }))
    await administrator.call('produce', { topic, records })
  }
  for (const driver of [first, second]) {
    await driver.records.until(({ length }) => length >= 3, 'the records of three partitions')
    const read = driver.records.items.map(({ partition }) => partition)
    assert.deepEqual(read.sort(), [...owned(driver)].sort())
  }
  await second.call('closeConsumer', {})
  await owns(first, 6)
}

async function staticMemberComesBack(subject: Subject, context: TestContext): Promise<void> {
  const client = groupClientOf(subject, subject.client.assignors[0]!)
  const group = await staticMemberReturns(client, context)
  if (subject.client.lacks['instance ids in descriptions'] !== undefined) return
  const described = await subject
    .open(context)
    .call('describeGroup', { group: group.groupId, topic: group.topic })
  assert.deepEqual(described.members.map(({ instanceId }) => instanceId).sort(), ['first', 'second', 'third'])
}

async function staticMemberIsFenced(subject: Subject, context: TestContext): Promise<void> {
  const client = groupClientOf(subject, subject.client.assignors[0]!)
  const group = await groupUnderTest(client, context, 2)
  const elder = group.addMember('the-same')
  await group.deliversToOwners([elder])
  const younger = group.addMember('the-same')
  // Some clients tell their user when they commit, and not before.
  const stopProducing = await group.startProducing()
  await elder.failures.until(
    reasons => reasons.some(reason => /fenced/i.test(reason)),
    'the elder twin to be fenced',
  )
  await elder.kill9()
  await group.deliversToOwners([younger])
  await nothingLost(group, await stopProducing())
}

export function groupCapabilities(subject: Subject): DrivenCapability[] {
  const { assignors, cooperative } = subject.client
  const [first, ...others] = assignors
  const shared = groupCapabilitiesOf(groupClientOf(subject, first!)).map(
    ({ name, timeLimitMs, test }): DrivenCapability => ({
      name: `${name} (${first})`,
      timeLimitMs,
      test: (_, context) => test(context),
    }),
  )
  return inArea('groups', [
    ...shared,
    ...(cooperative === undefined ? others : [...others, cooperative]).map(
      (assignor): DrivenCapability => ({
        name: `members coming and going with ${assignor}`,
        area: assignor === cooperative ? 'cooperative' : 'groups',
        timeLimitMs: 60_000,
        test: (subject, context) => membersComeAndGo(subject, context, assignor),
      }),
    ),
    {
      name: 'a cooperative member keeps what stays its own',
      area: 'cooperative',
      needs: ['cooperative assignor'],
      timeLimitMs: 60_000,
      test: keepsWhatStays,
    },
    {
      name: 'a static member coming back in time',
      area: 'static members',
      needs: ['static members'],
      timeLimitMs: 60_000,
      test: staticMemberComesBack,
    },
    {
      name: 'two members with one group.instance.id',
      area: 'static members',
      needs: ['static members', 'fencing of twins'],
      timeLimitMs: 60_000,
      test: staticMemberIsFenced,
    },
  ])
}

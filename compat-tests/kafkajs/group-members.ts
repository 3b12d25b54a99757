/**
 * A consumer group seen from outside: members in processes of their own, what the broker says who owns which
 * partition, and what was delivered to whom. The one thing that must always hold when the group is at rest: every
 * partition has exactly one owner, and all owners are members that we know to be alive.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import kafkajs, { type Admin } from 'kafkajs'
import type { TestContext } from '../capability.ts'
import { type Collector, collector, eventually } from '../wait-for.ts'
import { connectedAdmin, connectedProducer, createTopic } from './client.ts'
import type { MemberEvent, MemberSettings } from './group-member.ts'

export interface Delivery {
  /** Process id of the member that handled the record. */
  pid: number
  partition: number
  offset: number
  value: string
}

export interface Member {
  pid: number
  /** Its id in the group since it last joined. */
  memberId(): string | undefined
  timesJoined(): number
  leave(): Promise<void>
  kill9(): Promise<void>
  /** SIGSTOP and SIGCONT: a process that has stalled, and goes on as if nothing had been. */
  suspend(): void
  proceed(): void
}

export interface GroupUnderTest {
  groupId: string
  topic: string
  deliveries: Collector<Delivery>
  addMember(): Member
  /** Waits until exactly these members share all partitions, and gives the owner's pid of each partition. */
  settled(members: Member[], timeLimitMs?: number): Promise<Map<number, number>>
  /** Produces values to every partition and checks that each one's owner, and nobody else, gets them. */
  deliversToOwners(members: Member[]): Promise<void>
  /** Produces values one by one until the returned function is called, which gives all that were sent. */
  startProducing(): Promise<() => Promise<string[]>>
}

export async function groupUnderTest(
  context: TestContext,
  partitions: number,
  sessionTimeoutMs = 6_000,
): Promise<GroupUnderTest> {
  const topic = await createTopic(context, 'group', partitions)
  const groupId = context.uniqueName('group')
  const settings: MemberSettings = { bootstrap: context.bootstrap, groupId, topic, sessionTimeoutMs }
  const admin = await connectedAdmin(context)
  const producer = await connectedProducer(context)
  const deliveries = collector<Delivery>()
  let rounds = 0

  async function settled(members: Member[], timeLimitMs = 20_000): Promise<Map<number, number>> {
    const owners = await eventually(
      `${members.length} members to share ${partitions} partitions`,
      () => ownersByMemberId(admin, groupId, topic),
      found => isShared(found, members, partitions),
      timeLimitMs,
    )
    const pidOf = new Map(members.map(member => [member.memberId(), member.pid]))
    return new Map(
      owners.flatMap(({ memberId, owned }) =>
        owned.map((partition): [number, number] => [partition, pidOf.get(memberId)!]),
      ),
    )
  }

  return {
    groupId,
    topic,
    deliveries,
    settled,
    addMember: () => startMember(context, settings, deliveries),

    async deliversToOwners(members) {
      const owners = await settled(members)
      const round = ++rounds
      const values = Array.from({ length: partitions * 5 }, (_, index) => ({
        value: `round ${round} value ${index}`,
        partition: index % partitions,
      }))
      await producer.send({ topic, messages: values })
      const isOfRound = ({ value }: Delivery) => value.startsWith(`round ${round} `)
      const enough = (all: Delivery[]) => all.filter(isOfRound).length >= values.length
      const seen = (await deliveries.until(enough, `the values of round ${round}`)).filter(isOfRound)
      assert.deepEqual(seen.map(({ value }) => value).sort(), values.map(({ value }) => value).sort())
      for (const { pid, partition } of seen) {
        assert.equal(pid, owners.get(partition), `partition ${partition} was read by a member not its owner`)
      }
    },

    async startProducing() {
      const sent: string[] = []
      let stopped = false
      const running = (async () => {
        while (!stopped) {
          const value = `steady ${sent.length}`
          await producer.send({ topic, messages: [{ value, partition: sent.length % partitions }] })
          sent.push(value)
          await new Promise(resolve => setTimeout(resolve, 10))
        }
      })()
      context.cleanUp(() => {
        stopped = true
      })
      return async () => {
        stopped = true
        await running
        return sent
      }
    },
  }
}

/** Every value sent was handled by somebody; after a crash some may have been handled twice. */
export async function nothingLost(group: GroupUnderTest, sent: string[]): Promise<void> {
  const wanted = new Set(sent)
  const missing = (all: Delivery[]) => {
    const handled = new Set(all.map(({ value }) => value))
    return [...wanted].filter(value => !handled.has(value))
  }
  await group.deliveries
    .until(all => missing(all).length === 0, `all of ${sent.length} values`)
    .catch(error => {
      error.message += `; missing: ${missing(group.deliveries.items).slice(0, 10).join(', ')}`
      throw error
    })
}

function startMember(
  context: TestContext,
  settings: MemberSettings,
  deliveries: Collector<Delivery>,
): Member {
  const program = fileURLToPath(new URL('./group-member.js', import.meta.url))
  const child: ChildProcess = fork(program, [JSON.stringify(settings)], { stdio: 'ignore' })
  const pid = child.pid!
  let memberId: string | undefined
  let timesJoined = 0
  child.on('message', (message: MemberEvent) => {
    if (message.event === 'joined') {
      memberId = message.memberId
      timesJoined += 1
      context.note(`member ${pid} joined with partitions ${message.partitions.join(' ')}`)
    } else if (message.event === 'record') {
      deliveries.add({ pid, partition: message.partition, offset: message.offset, value: message.value })
    } else if (message.event === 'log') {
      context.note(`member ${pid}: ${message.line}`)
    }
  })
  const ended = once(child, 'exit')
  const kill9 = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await ended
  }
  context.cleanUp(kill9)
  return {
    pid,
    memberId: () => memberId,
    timesJoined: () => timesJoined,
    async leave() {
      child.send('leave')
      await ended
    },
    kill9,
    suspend: () => void child.kill('SIGSTOP'),
    proceed: () => void child.kill('SIGCONT'),
  }
}

interface Ownership {
  memberId: string
  owned: number[]
}

/** Who owns what, as the coordinator has it; nobody while the group rebalances. */
async function ownersByMemberId(admin: Admin, groupId: string, topic: string): Promise<Ownership[]> {
  const { groups } = await admin.describeGroups([groupId])
  if (groups[0]?.state !== 'Stable') return []
  return groups[0].members.map(({ memberId, memberAssignment }) => ({
    memberId,
    owned: kafkajs.AssignerProtocol.MemberAssignment.decode(memberAssignment)?.assignment[topic] ?? [],
  }))
}

function isShared(owners: Ownership[], members: Member[], partitions: number): boolean {
  const known = members.map(member => member.memberId()).sort()
  const found = owners.map(({ memberId }) => memberId).sort()
  const owned = owners.flatMap(({ owned }) => owned).sort((one, other) => one - other)
  return (
    known.join() === found.join() && owned.length === partitions && owned.every((one, index) => one === index)
  )
}

/**
 * A consumer group seen from outside: members in processes of their own, what the broker says who owns which
 * partition, and what was delivered to whom. The one thing that must always hold when the group is at rest: every
 * partition has exactly one owner, and all owners are members that we know to be alive. Each client brings its own
 * member program and its own eyes (`GroupClient`).
 */
import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import type { TestContext } from './capability.ts'
import type { MemberSettings } from './member-process.ts'
import { type MemberProcess, moduleProgram, type StartMember } from './member-programs.ts'
import { type Collector, collector, eventually } from './wait-for.ts'

export interface Ownership {
  memberId: string
  /** Of a static member, where the client shows it. */
  instanceId?: string | null
  owned: number[]
}

/** What a client can do for these tests. */
export interface GroupClient {
  /** The program that `memberProcess` of member-process.ts drives, or what starts a member that is no Node program. */
  memberProgram: URL | StartMember
  /** The assignor that its members name, where it is not the client's own choice. */
  assignor?: string
  createTopic(context: TestContext, partitions: number): Promise<string>
  /** How long no member may have joined again before what was under way in the client has ended, too. */
  restMs?: number
  openProducer(
    context: TestContext,
  ): Promise<(topic: string, messages: { value: string; partition: number }[]) => Promise<unknown>>
  /** Who owns what of the topic, as the group's coordinator has it; nobody while the group rebalances. */
  openOwners(context: TestContext): Promise<(groupId: string, topic: string) => Promise<Ownership[]>>
}

export interface Delivery {
  /** Process id of the member that handled the record. */
  pid: number
  partition: number
  offset: number
  value: string
}

export interface Member extends MemberProcess {
  /** Its id in the group since it last joined. */
  memberId(): string | undefined
  timesJoined(): number
  /** Why it could not go on, in the client's words. */
  failures: Collector<string>
}

export interface GroupUnderTest {
  groupId: string
  topic: string
  deliveries: Collector<Delivery>
  /** A member in a process of its own: a static one when it gets an instance id, of another client by its program. */
  addMember(instanceId?: string, program?: URL | StartMember, changes?: Partial<MemberSettings>): Member
  /** Waits until exactly these members share all partitions, and gives the owner's pid of each partition. */
  settled(members: Member[], timeLimitMs?: number): Promise<Map<number, number>>
  /** Produces values to every partition and checks that each one's owner, and nobody else, gets them. */
  deliversToOwners(members: Member[]): Promise<void>
  /** Produces values one by one until the returned function is called, which gives all that were sent. */
  startProducing(): Promise<() => Promise<string[]>>
}

export async function groupUnderTest(
  client: GroupClient,
  context: TestContext,
  partitions: number,
): Promise<GroupUnderTest> {
  const topic = await client.createTopic(context, partitions)
  const groupId = context.uniqueName('group')
  const { assignor } = client
  const settings: MemberSettings = { bootstrap: context.bootstrap, groupId, topic, assignor }
  const owners = await client.openOwners(context)
  const produce = await client.openProducer(context)
  const deliveries = collector<Delivery>()
  let rounds = 0

  async function settled(members: Member[], timeLimitMs = 20_000): Promise<Map<number, number>> {
    for (;;) {
      const joined = members.map(member => member.timesJoined()).join()
      const ownerOf = await shared(members, timeLimitMs)
      if (client.restMs !== undefined) await delay(client.restMs)
      if (joined === members.map(member => member.timesJoined()).join()) return ownerOf
    }
  }

  async function shared(members: Member[], timeLimitMs: number): Promise<Map<number, number>> {
    const found = await eventually(
      `${members.length} members to share ${partitions} partitions`,
      () => owners(groupId, topic),
      found => isShared(found, members, partitions),
      timeLimitMs,
    )
    const pidOf = new Map(members.map(member => [member.memberId(), member.pid]))
    return new Map(
      found.flatMap(({ memberId, owned }) =>
        owned.map((partition): [number, number] => [partition, pidOf.get(memberId)!]),
      ),
    )
  }

  return {
    groupId,
    topic,
    deliveries,
    settled,
    addMember: (instanceId, program = client.memberProgram, changes = {}) =>
      startMember(context, program, { ...settings, instanceId, ...changes }, deliveries),

    async deliversToOwners(members) {
      const ownerOf = await settled(members)
      const round = ++rounds
      const values = Array.from({ length: partitions * 5 }, (_, index) => ({
        value: `round ${round} value ${index}`,
        partition: index % partitions,
      }))
      await produce(topic, values)
      const isOfRound = ({ value }: Delivery) => value.startsWith(`round ${round} `)
      const enough = (all: Delivery[]) => all.filter(isOfRound).length >= values.length
      await deliveries.until(enough, `the values of round ${round}`)
      const seen = deliveries.items.filter(isOfRound)
      assert.deepEqual(seen.map(({ value }) => value).sort(), values.map(({ value }) => value).sort())
      for (const { pid, partition } of seen) {
        assert.equal(pid, ownerOf.get(partition), `partition ${partition} was read by a member not its owner`)
      }
    },

    async startProducing() {
      const sent: string[] = []
      let stopped = false
      const running = (async () => {
        while (!stopped) {
          const value = `steady ${sent.length}`
          await produce(topic, [{ value, partition: sent.length % partitions }])
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
  program: URL | StartMember,
  settings: MemberSettings,
  deliveries: Collector<Delivery>,
): Member {
  const failures = collector<string>()
  let memberId: string | undefined
  let timesJoined = 0
  const start = program instanceof URL ? moduleProgram(program) : program
  const started = start(context, settings, message => {
    const { pid } = started
    if (message.event === 'joined') {
      memberId = message.memberId
      timesJoined += 1
      context.note(`member ${pid} joined with partitions ${message.partitions.join(' ')}`)
    } else if (message.event === 'record') {
      deliveries.add({ pid, partition: message.partition, offset: message.offset, value: message.value })
    } else if (message.event === 'log') {
      context.note(`member ${pid}: ${message.line}`)
    } else if (message.event === 'failed') {
      context.note(`member ${pid} failed: ${message.reason}`)
      failures.add(message.reason)
    }
  })
  return { ...started, memberId: () => memberId, timesJoined: () => timesJoined, failures }
}

function isShared(owners: Ownership[], members: Member[], partitions: number): boolean {
  const known = members.map(member => member.memberId()).sort()
  const found = owners.map(({ memberId }) => memberId).sort()
  const owned = owners.flatMap(({ owned }) => owned).sort((one, other) => one - other)
  return (
    known.join() === found.join() && owned.length === partitions && owned.every((one, index) => one === index)
  )
}

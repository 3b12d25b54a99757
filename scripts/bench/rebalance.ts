/**
 * How long a group of fifty members on 200 partitions takes to be at rest again, and over how many generations: when all
 * join at once, and when ten of them die without a goodbye. The members are of our own client and the same for both
 * brokers; a member that dies stops its heartbeats and loses its connections. At rest is a group whose living members
 * have all been assigned their share in one generation, every partition once, and learn of no other one for as long as
 * two heartbeats; the time counts up to the last assignment, not to the end of that wait.
 *
 * Of the time after a death the session is most: it is given the shortest that brokers accept, and what comes after the
 * first of those who live has learnt of the rebalance is a column of its own.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { ClusterClient } from '../../src/client/cluster-client.ts'
import { GroupMember } from '../../src/client/group-member.ts'
import { startApacheKafka } from '../apache-kafka.ts'
import type { RunningBroker } from '../broker-process.ts'
import { startOttla } from '../ottla-process.ts'
import { groupBy, median } from '../statistics.ts'
import { readable } from '../text-table.ts'
import type { Scenario } from './scenario.ts'
import { createTopic } from './throughput.ts'

const memberCount = 50
const deaths = 10
const partitionCount = 200
const sessionTimeoutMs = 6_000
const heartbeatIntervalMs = 500
const rebalanceTimeoutMs = 30_000
const restMs = 2 * heartbeatIntervalMs
const limitMs = 120_000

/** The pause that gathers the first members of a group is a setting, not a speed. */
const overrides = { 'group.initial.rebalance.delay.ms': '0' }
const starts = {
  ottla: () => startOttla({ overrides }),
  kafka: () => startApacheKafka({ overrides }),
}

interface Sample {
  broker: string
  round: number
  what: string
  stableMs: number
  /** From the first member that learns of the rebalance to the last that has its partitions. */
  rebalancingMs: number
  generations: number
}

export const rebalance: Scenario = {
  name: 'rebalance',
  summary: `${memberCount} members on ${partitionCount} partitions join, then ${deaths} die: time to rest, generations`,
  needsJava: false,
  async run(context) {
    const samples: Sample[] = []
    for (let round = 1; round <= context.rounds; round++) {
      for (const { name } of context.contestants) {
        context.progress(`rebalance, ${name}, round ${round}`)
        const broker = await starts[name]()
        try {
          for (const sample of await joinAndDie(broker)) samples.push({ broker: name, round, ...sample })
        } finally {
          await broker.stop()
        }
      }
    }
    const cells = [...groupBy(samples, ({ what, broker }) => `${what} ${broker}`).values()]
    const phases = samples.map(({ what }) => what)
    cells.sort((one, other) => phases.indexOf(one[0]!.what) - phases.indexOf(other[0]!.what))
    return {
      headings: ['what', 'broker', 'at rest ms', 'min..max', 'rebalancing ms', 'generations'],
      rows: cells.map(cell => {
        const stable = cell.map(({ stableMs }) => stableMs)
        return [
          cell[0]!.what,
          cell[0]!.broker,
          readable(median(stable)),
          `${readable(Math.min(...stable))}..${readable(Math.max(...stable))}`,
          readable(median(cell.map(({ rebalancingMs }) => rebalancingMs))),
          readable(median(cell.map(({ generations }) => generations))),
        ]
      }),
      limits: [],
      samples,
    }
  },
}

type Phase = Omit<Sample, 'broker' | 'round'>

async function joinAndDie(broker: RunningBroker): Promise<Phase[]> {
  const topic = 'rebalanced'
  await createTopic(broker, topic, partitionCount)
  // The first group that a broker ever sees waits for the topic of groups to be made.
  const pioneer = startMember(broker, topic, 'the-first')
  await atRest([pioneer])
  pioneer.die()
  const members = Array.from({ length: memberCount }, () => startMember(broker, topic, 'rebalanced'))
  try {
    const startedAt = performance.now()
    const joined = await atRest(members)
    const first: Phase = {
      what: `${memberCount} join`,
      stableMs: joined.at - startedAt,
      rebalancingMs: joined.at - startedAt,
      generations: joined.generation,
    }
    // The last of them, so that the leader is among those who stay: its death is not another measurement.
    const dead = members.splice(memberCount - deaths)
    const diedAt = performance.now()
    for (const member of dead) member.die()
    const rested = await atRest(members, joined.generation)
    const learntAt = Math.min(...members.map(member => member.learntAt).filter(at => at >= diedAt))
    const second: Phase = {
      what: `${deaths} of ${memberCount} die`,
      stableMs: rested.at - diedAt,
      rebalancingMs: rested.at - learntAt,
      generations: rested.generation - joined.generation,
    }
    return [first, second]
  } finally {
    for (const member of members) member.die()
  }
}

interface RunningMember {
  /** How many partitions it has, in which generation, since when; undefined while it joins. */
  assigned: { partitions: string[]; generation: number; at: number } | undefined
  /** When it last learnt that it must join again. */
  learntAt: number
  failure: unknown
  die(): void
}

function startMember({ bootstrap }: RunningBroker, topic: string, groupId: string): RunningMember {
  const [host, port] = bootstrap.split(':')
  const client = new ClusterClient({
    bootstrap: [{ host: host!, port: Number(port) }],
    clientId: 'bench',
    softwareVersion: '1',
    timeoutMs: 60_000,
  })
  const options = {
    groupId,
    topics: [topic],
    sessionTimeoutMs,
    heartbeatIntervalMs,
    rebalanceTimeoutMs,
  }
  const member = new GroupMember(client, options)
  let isDead = false
  const running: RunningMember = {
    assigned: undefined,
    learntAt: 0,
    failure: undefined,
    die() {
      isDead = true
      member.abandon()
      client.close()
    },
  }
  const live = async () => {
    while (!isDead) {
      const partitions = (await member.join()).map(({ topic, partition }) => `${topic}-${partition}`)
      running.assigned = { partitions, generation: member.generation, at: performance.now() }
      await aborted(member.rebalancing)
      running.learntAt = performance.now()
      running.assigned = undefined
    }
  }
  live().catch(error => {
    if (!isDead) running.failure = error
  })
  return running
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

/** Waits until the members are at rest in a generation after this one; gives it, and when the last had its partitions. */
async function atRest(members: RunningMember[], after = 0): Promise<{ generation: number; at: number }> {
  const deadline = performance.now() + limitMs
  let found: { generation: number; at: number } | undefined
  for (;;) {
    const failed = members.find(({ failure }) => failure !== undefined)
    if (failed !== undefined) throw failed.failure
    const now = restingAt(members, after)
    if (now === undefined || now.generation !== found?.generation) found = now
    else if (performance.now() - found.at >= restMs) return found
    if (performance.now() > deadline)
      throw new Error(`${members.length} members are not at rest after ${limitMs} ms`)
    await delay(10)
  }
}

function restingAt(members: RunningMember[], after: number): { generation: number; at: number } | undefined {
  const assigned = members.flatMap(member => member.assigned ?? [])
  const [first] = assigned
  if (first === undefined || assigned.length < members.length || first.generation <= after) return undefined
  if (assigned.some(({ generation }) => generation !== first.generation)) return undefined
  const partitions = assigned.flatMap(each => each.partitions)
  if (partitions.length !== partitionCount || new Set(partitions).size !== partitionCount) return undefined
  return { generation: first.generation, at: Math.max(...assigned.map(({ at }) => at)) }
}

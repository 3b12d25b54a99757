/**
 * What all programs of one game have to agree on: the broker, the topics, the groups and the script. The names carry
 * the run's own number, so that a game on a broker which others use as well meets nothing that an earlier one left.
 */
import kafkajs, { type Admin } from 'kafkajs'
import { type EveningPlan, lengthMs } from './evening.ts'

export interface Game {
  /** `host:port` of a broker. */
  broker: string
  plan: EveningPlan
  eventsTopic: string
  alertsTopic: string
  processorsGroup: string
  dashboardGroup: string
  archiveGroup: string
  proofGroup: string
  /** How fast the game's clock runs: this many of its milliseconds in one on the wall. */
  speed: number
}

export const partitionCount = 6

/**
 * How long a group waits for a sign of life before it gives a member's partitions to the others. A short time takes
 * over quickly and mistakes a busy member for a dead one; this is the shortest that Kafka allows by default.
 */
export const sessionTimeoutMs = 6_000

/** `seconds` is how long the evening takes on the wall. */
export function newGame(broker: string, plan: EveningPlan, seconds: number): Game {
  const run = Date.now().toString(36)
  return {
    broker,
    plan,
    eventsTopic: `game-events-${run}`,
    alertsTopic: `game-alerts-${run}`,
    processorsGroup: `game-processors-${run}`,
    dashboardGroup: `game-dashboard-${run}`,
    archiveGroup: `game-archive-${run}`,
    proofGroup: `game-proof-${run}`,
    speed: lengthMs / (seconds * 1_000),
  }
}

export async function createTopics(admin: Admin, { eventsTopic, alertsTopic }: Game): Promise<void> {
  // The evening lies in the past, and would be deleted as soon as Kafka looks for what is older than a week.
  const configEntries = [{ name: 'retention.ms', value: '-1' }]
  await admin.createTopics({
    topics: [
      { topic: eventsTopic, numPartitions: partitionCount, configEntries },
      { topic: alertsTopic, numPartitions: 1 },
    ],
  })
}

/** Leaves the broker as it was. */
export async function removeGame(admin: Admin, game: Game): Promise<void> {
  const { processorsGroup, dashboardGroup, archiveGroup, proofGroup } = game
  const { groups } = await admin.listGroups()
  const known = groups.map(({ groupId }) => groupId)
  const ours = [processorsGroup, dashboardGroup, archiveGroup, proofGroup]
  await admin.deleteTopics({ topics: [game.eventsTopic, game.alertsTopic] })
  await admin.deleteGroups(ours.filter(group => known.includes(group)))
}

export function connectTo(game: Game, clientId: string): kafkajs.Kafka {
  return new kafkajs.Kafka({
    clientId,
    brokers: [game.broker],
    retry: { initialRetryTime: 50, maxRetryTime: 1_000, retries: 10 },
    // kafkajs calls every rebalance an error. What really goes wrong rejects a promise, or is a CRASH event.
    logLevel: kafkajs.logLevel.NOTHING,
  })
}

/** Rejects when a consumer gives up; otherwise it never settles. */
export function crashOf(consumer: kafkajs.Consumer): Promise<never> {
  return new Promise((_, reject) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      if (!payload.restart) reject(payload.error)
    })
  })
}

/**
 * The dashboard: a group of its own, which therefore gets every event and every alert whatever the processors do, and
 * counts them. What it counts would be on a screen on the wall; here `run.ts` prints it.
 */
import { playPart } from './child-program.ts'
import { readAlert, readEvent } from './events.ts'
import { connectTo, crashOf, type Game, sessionTimeoutMs } from './game.ts'

export interface DashboardSettings {
  game: Game
}

export interface Counts {
  /** The latest moment of the game that it has seen. */
  gameTimeMs: number
  logins: number
  trades: number
  alerts: number
}

/** How long after its trade was published an alert got here. */
export interface FlagLatency {
  partition: number
  latencyMs: number
}

export type DashboardReport =
  | { about: 'ready' }
  | { about: 'counts'; counts: Counts; latencies: FlagLatency[] }

const reportEveryMs = 200

await playPart<DashboardSettings, DashboardReport>(async ({ name, game }, parent) => {
  const consumer = connectTo(game, name).consumer({
    groupId: game.dashboardGroup,
    sessionTimeout: sessionTimeoutMs,
    heartbeatInterval: 1_000,
    maxWaitTimeInMs: 500,
  })
  const crash = crashOf(consumer)
  consumer.on(consumer.events.GROUP_JOIN, () => void parent.tell({ about: 'ready' }))
  await consumer.connect()

  const counts: Counts = { gameTimeMs: 0, logins: 0, trades: 0, alerts: 0 }
  let latencies: FlagLatency[] = []
  const report = () => {
    void parent.tell({ about: 'counts', counts, latencies })
    latencies = []
  }
  const timer = setInterval(report, reportEveryMs)

  await consumer.subscribe({ topics: [game.eventsTopic, game.alertsTopic], fromBeginning: true })
  await consumer.run({
    eachBatch: async ({ batch }) => {
      for (const message of batch.messages) {
        if (batch.topic === game.alertsTopic) {
          const { partition, publishedAtMs } = readAlert(message)
          latencies.push({ partition, latencyMs: Date.now() - publishedAtMs })
          counts.alerts++
        } else {
          const event = readEvent(message)
          counts.gameTimeMs = Math.max(counts.gameTimeMs, event.atMs)
          if (event.kind === 'login') counts.logins++
          else counts.trades++
        }
      }
    },
  })

  await Promise.race([parent.hears('stop'), crash])
  clearInterval(timer)
  report()
  await consumer.disconnect()
})

/**
 * A game server: its players log in and trade, and it publishes what they do, keyed by player, when the game's clock
 * has come to it. Nobody plays without this process, so it must not lose anything and may not reorder: `acks: -1` waits
 * until the broker has the events for good, `idempotent` keeps a retry from adding an event twice, and one send at a
 * time (each with whatever has become due meanwhile) keeps the order.
 */
import { setTimeout as delay } from 'node:timers/promises'
import kafkajs from 'kafkajs'
import { playPart } from './child-program.ts'
import { planEvening, serverOf, startsAtMs } from './evening.ts'
import { eventMessage } from './events.ts'
import { connectTo, type Game } from './game.ts'

export interface GameServerSettings {
  game: Game
  /** Which of how many servers this one is. */
  index: number
  servers: number
}

export type GameServerReport = { about: 'ready' } | { about: 'acknowledged'; ids: string[] }

/** Nothing is due more finely than this; it also gathers events of different players into one send. */
const tickMs = 5

await playPart<GameServerSettings, GameServerReport>(async ({ name, game, index, servers }, parent) => {
  const events = planEvening(game.plan).events.filter(({ player }) => serverOf(player, servers) === index)
  const producer = connectTo(game, name).producer({
    idempotent: true,
    maxInFlightRequests: 1,
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
  })
  await producer.connect()
  await parent.tell({ about: 'ready' })
  await parent.hears('open')

  const openedAt = performance.now()
  let published = 0
  while (published < events.length) {
    const gameTimeMs = startsAtMs + (performance.now() - openedAt) * game.speed
    let end = published
    while (end < events.length && events[end]!.atMs <= gameTimeMs) end++
    if (end > published) {
      const due = events.slice(published, end)
      const publishedAtMs = Date.now()
      const messages = due.map(event => eventMessage(event, publishedAtMs))
      await producer.send({ topic: game.eventsTopic, acks: -1, messages })
      await parent.tell({ about: 'acknowledged', ids: due.map(({ id }) => id) })
      published = end
    }
    await delay(tickMs)
  }
  await producer.disconnect()
})

/**
 * What travels through the log: the events of the game, and the alerts that are raised about them.
 *
 * The key of either is the player. Kafka keeps the order of a partition, and one key always goes to the same
 * partition, so the key is what holds a player's events in the order in which they were played. The timestamp of
 * an event's record is the time in the game; when the record was published, by the clock on the wall, is a header.
 */
import type { Message } from 'kafkajs'

interface Happening {
  /** `player#sequence`: what makes an event recognisable wherever it turns up. */
  id: string
  player: string
  /** Counts the player's events from 1; a reader who sees a gap or a step back has found a mistake. */
  sequence: number
  /** When it happened in the game. */
  atMs: number
}

export interface Login extends Happening {
  kind: 'login'
  country: string
}

export interface Trade extends Happening {
  kind: 'trade'
  item: string
  gold: number
}

export type GameEvent = Login | Trade

export interface Alert {
  /** The id of the trade that was flagged: the same fraud has the same id, however often it is flagged. */
  id: string
  player: string
  countries: string[]
  /** Where the trade stands in the log of events. */
  partition: number
  offset: number
  /** The processor that flagged it. */
  raisedBy: string
  /** When the trade was published, so that whoever gets the alert can tell how long the flagging took. */
  publishedAtMs: number
}

/** A record as kafkajs hands it over, as far as this game reads it. */
export interface ConsumedMessage {
  value: Buffer | null
  headers?: Message['headers']
}

const publishedAt = 'published-at-ms'

export function eventMessage(event: GameEvent, publishedAtMs: number): Message {
  return {
    key: event.player,
    value: JSON.stringify(event),
    timestamp: String(event.atMs),
    headers: { [publishedAt]: String(publishedAtMs) },
  }
}

export function readEvent(message: ConsumedMessage): GameEvent {
  return JSON.parse(String(message.value))
}

export function publishedAtMs(message: ConsumedMessage): number {
  return Number(message.headers?.[publishedAt])
}

export function alertMessage(alert: Alert): Message {
  return { key: alert.player, value: JSON.stringify(alert) }
}

export function readAlert(message: ConsumedMessage): Alert {
  return JSON.parse(String(message.value))
}

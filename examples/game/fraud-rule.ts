/**
 * The rule: a trade of 10,000 gold or more is suspicious when the same player logged in from two countries within
 * the quarter of an hour before it. It sees the player's last 20 events and nothing else, so what it says depends
 * only on the player's own events and their order: not on who runs it, nor on how often.
 */
import type { GameEvent } from './events.ts'

export const historyLength = 20
export const largeTradeGold = 10_000
export const windowMs = 15 * 60_000

/** The countries that make the event suspicious after this history (oldest first), if it is. */
export function suspiciousCountries(history: readonly GameEvent[], event: GameEvent): string[] | undefined {
  if (event.kind !== 'trade' || event.gold < largeTradeGold) return undefined
  const countries = new Set<string>()
  for (const earlier of history) {
    if (earlier.kind === 'login' && event.atMs - earlier.atMs <= windowMs) countries.add(earlier.country)
  }
  return countries.size >= 2 ? [...countries] : undefined
}

/** Adds the event to its player's history and forgets the oldest one when there are more than 20. */
export function remember(histories: Map<string, GameEvent[]>, event: GameEvent): void {
  const history = histories.get(event.player)
  if (history === undefined) histories.set(event.player, [event])
  else if (history.push(event) > historyLength) history.shift()
}

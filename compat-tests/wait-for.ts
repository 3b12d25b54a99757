/**
 * Waiting in tests without guessing: until something is so, looked at again whenever it may have changed, and
 * with words for the failure when it never comes to be. `signal` is the test's, so nothing waits longer than
 * the test may run.
 */
import { setTimeout as delay } from 'node:timers/promises'

/** Values that arrive one by one, and whoever waits for enough of them. */
export interface Collector<T> {
  readonly items: T[]
  add(item: T): void
  /** Called with every item from now on. */
  onAdd(listener: (item: T) => void): void
  /** Resolves when `isEnough` first holds; it is asked again after every `add`. */
  until(isEnough: (items: T[]) => boolean, what: string, timeLimitMs?: number): Promise<T[]>
}

export function collector<T>(): Collector<T> {
  const items: T[] = []
  const waiting = new Set<() => void>()
  const listeners: ((item: T) => void)[] = []
  return {
    items,
    onAdd: listener => void listeners.push(listener),
    add(item) {
      items.push(item)
      for (const listener of listeners) listener(item)
      for (const check of [...waiting]) check()
    },
    until(isEnough, what, timeLimitMs = 20_000) {
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          waiting.delete(check)
          reject(new Error(`waited ${timeLimitMs} ms for ${what}; ${items.length} arrived`))
        }, timeLimitMs)
        const check = () => {
          if (!isEnough(items)) return
          waiting.delete(check)
          clearTimeout(timer)
          resolve(items)
        }
        waiting.add(check)
        check()
      })
    },
  }
}

/** Asks again and again, for state that lives in the broker and announces no change. */
export async function eventually<T>(
  what: string,
  look: () => Promise<T>,
  isSo: (value: T) => boolean,
  timeLimitMs = 20_000,
): Promise<T> {
  const deadline = performance.now() + timeLimitMs
  for (;;) {
    const value = await look()
    if (isSo(value)) return value
    if (performance.now() > deadline) {
      throw new Error(
        `waited ${timeLimitMs} ms for ${what}; last seen: ${JSON.stringify(value, replaceBigint)}`,
      )
    }
    await delay(50)
  }
}

function replaceBigint(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}

/**
 * Random numbers that a seed repeats (mulberry32): whoever reports a failure reports the seed with it.
 */
export interface SeededRandom {
  /** From 0 up to, not including, 1. */
  fraction(): number
  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number
  /** True in this share of the calls. */
  chance(share: number): boolean
  /** Another generator, whose draws do not disturb this one's. */
  fork(): SeededRandom
}

export function seededRandom(seed: number): SeededRandom {
  let state = seed >>> 0
  const fraction = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return {
    fraction,
    between: (low, high) => low + Math.floor(fraction() * (high - low + 1)),
    chance: share => fraction() < share,
    fork: () => seededRandom(Math.floor(fraction() * 2 ** 32)),
  }
}

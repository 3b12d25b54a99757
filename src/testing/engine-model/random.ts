/**
 * Random numbers of a run. Each step draws from numbers of its own, so that the steps behind one that is left out draw
 * what they drew before: that is what makes a failing run shorter.
 */
export class StepRandom {
  private readonly seed: number
  private state: number

  constructor(seed: number) {
    this.seed = seed
    this.state = seed
  }

  /** From here on the numbers of this step. */
  begin(step: number): void {
    this.state = Math.imul(this.seed ^ Math.imul(step + 1, 0x9e3779b1), 0x85ebca6b)
    this.below(2)
  }

  /** A whole number from 0 up to, not including, `limit` (mulberry32); 0 where that leaves nothing. */
  below(limit: number): number {
    this.state = (this.state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return limit <= 1 ? 0 : Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit)
  }

  chance(percent: number): boolean {
    return this.below(10_000) < percent * 100
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!
  }
}

/**
 * The little statistics that benchmarks and torture runs report with.
 */

/** The middle value; the mean of the two middle ones of an even count; NaN of nothing. */
export function median(values: number[]): number {
  return percentile(values, 50)
}

/** The value below which the given share of the values lies, interpolated between neighbours. */
export function percentile(values: number[], percent: number): number {
  const sorted = values.toSorted((left, right) => left - right)
  const position = ((sorted.length - 1) * percent) / 100
  const below = sorted[Math.floor(position)] ?? Number.NaN
  const above = sorted[Math.ceil(position)] ?? Number.NaN
  return below + (above - below) * (position - Math.floor(position))
}

/** Map.groupBy, which Node 20 does not have. */
export function groupBy<T, K>(values: readonly T[], keyOf: (value: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>()
  for (const value of values) {
    const key = keyOf(value)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [value])
    else group.push(value)
  }
  return groups
}

/** What is printed of a comparison: the table of APIs and versions, and each difference once for all its versions. */
import { textTable } from '../../scripts/text-table.ts'
import type { Comparison, FoundDifference } from './run-scenarios.ts'

/** One line for each API: the versions that were compared, how many answers, and how many differ. */
export function table(comparison: Comparison): string {
  const rows = [...comparison.served].map(([api, { first, last }]) => {
    const counts = comparison.counts.get(api) ?? new Map()
    const all = Array.from({ length: last - first + 1 }, (_, index) => first + index)
    const missing = all.filter(version => counts.get(version) === undefined)
    const sum = (what: 'cases' | 'differences') =>
      [...counts.values()].reduce((total, count) => total + count[what], 0)
    const least = Math.min(...all.map(version => counts.get(version)?.cases ?? 0))
    return [api, ranges(all), ranges(missing) || 'none', sum('cases'), least, sum('differences')]
  })
  const headings = ['API', 'versions', 'without a case', 'answers', 'least of a version', 'differences']
  return textTable(headings, rows)
}

/** Versions that the broker advertises and that nothing was compared at. */
export function withoutCase(comparison: Comparison): string[] {
  return [...comparison.served].flatMap(([api, { first, last }]) =>
    Array.from({ length: last - first + 1 }, (_, index) => first + index)
      .filter(version => comparison.counts.get(api)?.get(version) === undefined)
      .map(version => `${api} ${version}`),
  )
}

/** How many there are, in a sentence. */
export function differencesOf(differences: readonly FoundDifference[]): string {
  return `${differences.length} differences in ${new Set(differences.map(({ scenario }) => scenario)).size} scenarios`
}

export function describeDifferences(differences: readonly FoundDifference[]): string {
  const groups = new Map<string, FoundDifference[]>()
  for (const difference of differences) {
    const { scenario, step, api, path, kafka, ottla, release } = difference
    const key = JSON.stringify([scenario, step, api, path, kafka, ottla, release])
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [difference])
    else group.push(difference)
  }
  const lines = [`${differencesOf(differences)}, ${groups.size} apart from versions`]
  let scenario = ''
  for (const [first, ...rest] of groups.values()) {
    const { step, api, path, kafka, ottla, release } = first!
    if (first!.scenario !== scenario) {
      scenario = first!.scenario
      lines.push(`${scenario}:`)
    }
    const versions = ranges([first!, ...rest].map(({ version }) => version))
    lines.push(
      `  [${step}] ${api} ${versions} ${path || 'outcome'}: Kafka ${release} ${kafka} | Ottla ${ottla}`,
    )
  }
  return lines.join('\n')
}

function ranges(numbers: readonly number[]): string {
  const sorted = [...new Set(numbers)].sort((a, b) => a - b)
  const parts: string[] = []
  for (let at = 0; at < sorted.length; ) {
    let end = at
    while (sorted[end + 1] === sorted[end]! + 1) end++
    parts.push(end === at ? `${sorted[at]}` : `${sorted[at]}-${sorted[end]}`)
    at = end + 1
  }
  return parts.join(',')
}

/**
 * What is shown while the game is on: a row of figures, which a terminal sees renewed in place and everybody else (a
 * file, a build server) gets once a second. News stand between the rows.
 */
import { percentile } from '../../scripts/statistics.ts'
import type { Progress } from './crew.ts'
import type { FlagLatency } from './dashboard.ts'
import type { GroupState } from './group-watch.ts'

export type Figures = Progress & GroupState

export interface LiveSummary {
  say(line: string): void
  stop(): void
}

/** Headings of the columns, as wide as the columns are; a narrow terminal shows the first ones. */
const headings = [
  ...['  time', ' game', 'events', 'per s', 'alerts', 'p50 ms', 'p99 ms', '  lag', 'processors          '],
  ...['logins', 'trades', 'archived'],
]

export function startLiveSummary(figures: () => Figures): LiveSummary {
  const { stdout } = process
  const isTerminal = stdout.isTTY === true
  const startedAt = performance.now()
  const eventsPerSecond = rateOf()

  const seconds = () => `${((performance.now() - startedAt) / 1000).toFixed(1)} s`
  const print = (line: string) => stdout.write(isTerminal ? `\r\x1b[K${line}\n` : `${line}\n`)
  const show = () => {
    const now = figures()
    const cells = [seconds(), ...cellsOf(now, eventsPerSecond(now.events))]
    const row = cells.map((cell, column) => align(cell, headings[column]!)).join('  ')
    if (isTerminal) stdout.write(`\r\x1b[K${row.slice(0, stdout.columns - 1)}`)
    else print(row)
  }
  print(headings.join('  '))
  const timer = setInterval(show, isTerminal ? 200 : 1_000)
  return {
    say: line => print(`${seconds().padStart(headings[0]!.length)}  ${line}`),
    stop() {
      clearInterval(timer)
      show()
      if (isTerminal) stdout.write('\n')
    },
  }
}

function cellsOf(figures: Figures, eventsPerSecond: number): string[] {
  const { gameTimeMs, events, logins, trades, alerts, latencies, lag, archived } = figures
  return [
    gameTimeMs === 0 ? '-' : new Date(gameTimeMs).toISOString().slice(11, 16),
    ...[events, eventsPerSecond, alerts].map(count),
    ...latencyPercentiles(latencies),
    count(lag),
    `${figures.members} ${figures.groupState}`,
    ...[logins, trades, archived].map(count),
  ]
}

/** Under its heading: to the left if that is where the heading begins, else to the right. */
function align(cell: string, heading: string): string {
  return heading.endsWith(' ') ? cell.padEnd(heading.length) : cell.padStart(heading.length)
}

/** Turns a growing number into its growth per second, over the last second or so. */
function rateOf(): (total: number) => number {
  const samples: { atMs: number; total: number }[] = []
  return total => {
    samples.push({ atMs: performance.now(), total })
    while (samples.length > 2 && samples[1]!.atMs < performance.now() - 1_000) samples.shift()
    const [first, last] = [samples[0]!, samples.at(-1)!]
    return last.atMs === first.atMs ? 0 : ((last.total - first.total) * 1_000) / (last.atMs - first.atMs)
  }
}

/** The 50th and the 99th percentile, as text. */
export function latencyPercentiles(latencies: FlagLatency[]): [p50: string, p99: string] {
  if (latencies.length === 0) return ['-', '-']
  const latenciesMs = latencies.map(({ latencyMs }) => latencyMs)
  return [count(percentile(latenciesMs, 50)), count(percentile(latenciesMs, 99))]
}

export function count(value: number): string {
  return Math.round(value).toLocaleString('en')
}

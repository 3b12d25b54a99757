/**
 * The programs of one game as `run.ts` knows them: it starts them, and keeps what they report, for the live summary
 * and for the proof. Nothing here has an influence on the game but the starting, the words and the kill.
 */
import type { BatchReaderReport, BatchReaderSettings } from './batch-reader.ts'
import { type Child, startChild } from './child-program.ts'
import type { Counts, DashboardReport, DashboardSettings, FlagLatency } from './dashboard.ts'
import type { EventProcessorReport, EventProcessorSettings } from './event-processor.ts'
import { type Game, partitionCount } from './game.ts'
import type { GameServerReport, GameServerSettings } from './game-server.ts'
import { count } from './live-summary.ts'
import type { Handled } from './proof.ts'

const longestGoodbyeMs = 15_000

export interface Crew {
  /** Ids of the events that were acknowledged, in the order in which that was reported. */
  readonly acknowledged: string[]
  readonly handled: Handled[]
  readonly latencies: FlagLatency[]
  /** What the dashboard shows, and how much the batch reader has archived. */
  progress(): Progress
  /** The partitions that a processor was given last. */
  partitionsOf(processor: string): number[]
  /** Whether the game servers and the dashboard are there and every partition has a processor. */
  isReady(): boolean
  /** Whether the processor stands still between an alert and the commit behind it. */
  isHolding(processor: string): boolean
  serversHaveEnded(): boolean
  /** Says a word to the programs whose names begin so. */
  say(word: string, to: string): void
  /** kill -9; resolves when the process is gone. */
  kill(name: string): Promise<void>
  /** Starts the batch reader, and resolves when it is done. */
  archive(): Promise<void>
  /** Tells the dashboard and the processors to go home, and resolves when everybody has. */
  dismiss(): Promise<void>
  /** Rejects as soon as a program fails. */
  readonly failure: Promise<never>
}

export interface Progress extends Counts {
  events: number
  latencies: FlagLatency[]
  archived: number
}

export interface CrewOptions {
  game: Game
  servers: number
  processors: number
  archiveDirectory: string
  /** Gets a line about what should be known. */
  onNews: (line: string) => void
}

export function startCrew({ game, servers, processors, archiveDirectory, onNews }: CrewOptions): Crew {
  const children: Child[] = []
  const acknowledged: string[] = []
  const handled: Handled[] = []
  const latencies: FlagLatency[] = []
  const assigned = new Map<string, number[]>()
  const holding = new Set<string>()
  let readyPrograms = 0
  let endedServers = 0
  let counts: Counts = { gameTimeMs: 0, logins: 0, trades: 0, alerts: 0 }
  let archived = 0
  let archiveRuns = 0
  let killed: string | undefined
  let fail: (error: Error) => void
  const failure = new Promise<never>((_, reject) => {
    fail = reject
  })
  failure.catch(() => undefined)

  function start<Settings, Report>(
    program: string,
    name: string,
    settings: Settings,
    onReport: (report: Report) => void,
  ): Child {
    const child = startChild(program, name, settings, onReport)
    children.push(child)
    void child.ended.then(how => {
      if (program === 'game-server') endedServers++
      if (how !== 0 && name !== killed) fail(new Error(`${name} ended before its time (${how}).`))
    })
    return child
  }

  for (let index = 0; index < servers; index++) {
    const settings = { game, index, servers }
    start<GameServerSettings, GameServerReport>('game-server', `server-${index + 1}`, settings, report => {
      if (report.about === 'ready') readyPrograms++
      else acknowledged.push(...report.ids)
    })
  }
  start<DashboardSettings, DashboardReport>('dashboard', 'dashboard', { game }, report => {
    if (report.about === 'ready') readyPrograms++
    else {
      counts = report.counts
      latencies.push(...report.latencies)
    }
  })
  for (let number = 1; number <= processors; number++) {
    const name = `processor-${number}`
    const onReport = (report: EventProcessorReport) => {
      if (report.about === 'assigned') assigned.set(name, report.partitions)
      else if (report.about === 'holding') holding.add(name)
      else if (report.about === 'handled') handled.push({ processor: name, ...report })
      else {
        const { partition, events, tookMs } = report
        const took = `read ${count(events)} events again in ${count(tookMs)} ms`
        onNews(`${name} took over partition ${partition}: ${took} to remember its players.`)
      }
    }
    start<EventProcessorSettings, EventProcessorReport>('event-processor', name, { game }, onReport)
  }

  return {
    acknowledged,
    handled,
    latencies,
    failure,
    progress: () => ({ ...counts, events: counts.logins + counts.trades, latencies, archived }),
    partitionsOf: processor => assigned.get(processor) ?? [],
    isReady() {
      const partitions = [...assigned.values()].flat()
      const hasAll = partitions.length === partitionCount && new Set(partitions).size === partitionCount
      return readyPrograms === servers + 1 && assigned.size === processors && hasAll
    },
    isHolding: processor => holding.has(processor),
    serversHaveEnded: () => endedServers === servers,
    say(word, to) {
      for (const child of children) if (child.name.startsWith(to)) child.say(word)
    },
    async kill(name) {
      killed = name
      const child = children.find(child => child.name === name)!
      child.process.kill('SIGKILL')
      await child.ended
    },
    async archive() {
      const name = `batch-reader-${++archiveRuns}`
      const settings = { game, directory: archiveDirectory }
      const reader = start<BatchReaderSettings, BatchReaderReport>('batch-reader', name, settings, report => {
        archived += report.events
        onNews(`${name} archived ${count(report.events)} events in ${report.files} files.`)
      })
      await reader.ended
    },
    async dismiss() {
      for (const child of children) child.say('stop')
      // Their work is done: one that cannot find the door does not keep the others.
      const timer = setTimeout(() => {
        for (const child of children) child.process.kill()
      }, longestGoodbyeMs)
      await Promise.all(children.map(({ ended }) => ended))
      clearTimeout(timer)
    },
  }
}

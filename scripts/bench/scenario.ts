/**
 * What a benchmark scenario gets and gives back. A scenario runs the contestants in alternation (A B A B), so
 * that a machine that slows down meanwhile slows both, and reports every sample besides the medians.
 */
import type { Cell } from '../text-table.ts'
import type { Contestant } from './contestants.ts'
import type { PageCache } from './page-cache.ts'

export interface BenchContext {
  contestants: Contestant[]
  rounds: number
  /** Record data per run and broker, in megabytes of 10^6 bytes; a durable run moves a fifth of it. */
  megabytes: number
  /** Partitions of the topics, one after the other: they decide how many batches a request carries. */
  partitions: number[]
  idleSeconds: number
  /** Filled before each cell of `produce`; undefined: pages are as the machine has them. */
  pageCache: PageCache | undefined
  /** Of the recovery scenario: what is written before the kill, partitions of the clean start, where the data lies. */
  gigabytes: number
  manyPartitions: number
  directory: string | undefined
  progress(text: string): void
}

/** One of the project's limits, held against what was measured of Ottla. */
export interface Limit {
  what: string
  unit: string
  atMost: number
  measured: number
}

export interface ScenarioResult {
  headings: string[]
  rows: Cell[][]
  limits: Limit[]
  /** Everything that was measured, for `--json`. */
  samples: unknown[]
}

export interface Scenario {
  name: string
  summary: string
  needsJava: boolean
  /** It takes so long, or so much of the disk, that it runs only when it is named. */
  onlyByName?: boolean
  run(context: BenchContext): Promise<ScenarioResult>
}

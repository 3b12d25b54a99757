/**
 * What a torture scenario gets and gives back.
 */
import type { RunningBroker } from '../broker-process.ts'
import type { SeededRandom } from '../seeded-random.ts'
import type { Cell } from '../text-table.ts'
import type { Plant } from './plants.ts'
import type { Violation, ViolationKind } from './record-ledger.ts'

export interface StartOptions {
  port: number
  directory: string
  signal?: AbortSignal
}

export interface TortureContext {
  rounds: number
  random: SeededRandom
  /** The broker under torture, on the directory that the last one left. */
  start(options: StartOptions): Promise<RunningBroker>
  /** What is wrong on purpose, to prove that it is noticed. */
  plant: Plant | undefined
  /** Of scenarios that play many different faults: only those whose names have this in them. */
  only?: string | undefined
  print(line: string): void
}

export interface TortureResult {
  headings: string[]
  rows: Cell[][]
  violations: Violation[]
  /** Checks that this machine lacks something for. */
  skipped: string[]
  /** Of a scenario that plays many: what CI counts. */
  counts?: { passed: number; failed: number; skipped: number }
  /** Where the data is, kept when something was violated. */
  directory: string
  samples: unknown[]
}

export interface TortureScenario {
  name: string
  summary: string
  /** Where --rounds says nothing; 10 if not given. */
  defaultRounds?: number
  /** What can be planted, and what each is to be noticed as; if not given, what plants.ts has. */
  plants?: Readonly<Record<string, ViolationKind>>
  run(context: TortureContext): Promise<TortureResult>
}

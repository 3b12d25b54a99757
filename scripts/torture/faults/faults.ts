/**
 * The scenario `faults`: everything that a disk, a file system, an operating system and a clock do to a broker short of
 * losing its data, each under load, on a data directory of its own. A row of the table says what clients got, what the
 * broker said, how it healed, and that every promise was kept. docs/faults.md says the same to an operator.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Cell, readable } from '../../text-table.ts'
import type { Violation } from '../record-ledger.ts'
import type { TortureContext, TortureResult, TortureScenario } from '../scenario.ts'
import { clockFaults } from './clocks.ts'
import { damagedFileFaults } from './damaged-files.ts'
import { diskErrorFaults } from './disk-errors.ts'
import type { Fault } from './fault.ts'
import { mountFileSystem, unmount } from './file-systems.ts'
import { fullDiskFaults } from './full-disk.ts'
import { hasKcat } from './load.ts'
import { logDirectoryFaults } from './log-directories.ts'
import { type FaultPlant, faultPlants } from './plants.ts'
import { processLimitFaults } from './process-limits.ts'
import { Stage } from './stage.ts'

const faults: readonly Fault[] = [
  ...fullDiskFaults,
  ...diskErrorFaults,
  ...processLimitFaults,
  ...damagedFileFaults,
  ...clockFaults,
  ...logDirectoryFaults,
]

/** Each waits more than it works. */
const playedTogether = 3

export const brokenMachine: TortureScenario = {
  name: 'faults',
  summary: 'full disks, I/O errors, limits, damaged files and clocks that jump, one row each',
  defaultRounds: 1,
  plants: faultPlants,
  run: playFaults,
}

interface Played {
  readonly row: Cell[]
  readonly violations: Violation[]
  readonly skipped?: string
}

async function playFaults(context: TortureContext): Promise<TortureResult> {
  const scratch = mkdtempSync(join(tmpdir(), 'faults-'))
  const plant = context.plant as FaultPlant | undefined
  const { only, rounds } = context
  const chosen = faults.filter(({ name, notices }) => {
    if (plant !== undefined) return notices?.includes(plant) === true
    return (only === undefined || name.includes(only)) && (rounds >= 1 || context.random.chance(rounds))
  })
  const played = new Map<Fault, Played>()
  const waiting = chosen.map((fault, index) => ({
    fault,
    index,
    context: { ...context, random: context.random.fork() },
  }))
  const player = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const startedAt = performance.now()
      const result = await playFault(next.fault, join(scratch, String(next.index)), next.context)
      played.set(next.fault, result)
      const seconds = readable((performance.now() - startedAt) / 1000)
      context.print(`${next.fault.name}: ${result.skipped ?? result.row.at(-1)}, ${seconds} s`)
    }
  }
  await Promise.all(Array.from({ length: playedTogether }, player))
  const results = chosen.map(fault => played.get(fault)!)
  const violations = results.flatMap(result => result.violations)
  if (violations.length === 0 || plant !== undefined) rmSync(scratch, { recursive: true, force: true })
  return {
    headings: ['fault', 'producers got', 'consumers', 'the broker said', 'healed', 'acknowledged', 'verdict'],
    rows: results.map(({ row }) => row),
    violations,
    skipped: [
      ...results.flatMap(({ skipped }) => (skipped === undefined ? [] : [skipped])),
      ...(hasKcat ? [] : ['consumers in another language while a fault lasts (kcat)']),
    ],
    counts: {
      passed: results.filter(result => result.violations.length === 0 && result.skipped === undefined).length,
      failed: results.filter(result => result.violations.length > 0).length,
      skipped: results.filter(({ skipped }) => skipped !== undefined).length,
    },
    directory: scratch,
    samples: results.map(({ row, violations }) => ({ row, violations })),
  }
}

async function playFault(fault: Fault, place: string, { plant, random }: TortureContext): Promise<Played> {
  const { fileSystemMb, name } = fault
  mkdirSync(place, { recursive: true })
  if (fileSystemMb !== undefined) {
    const refusal = mountFileSystem(place, fileSystemMb)
    if (refusal !== undefined) {
      return {
        row: [name, '-', '-', '-', '-', '-', 'skipped'],
        violations: [],
        skipped: `${name}: ${refusal}`,
      }
    }
  }
  const scratch = `${place}-account`
  mkdirSync(scratch)
  const stage = new Stage({ name, directory: join(place, 'data'), scratch, plant, random })
  let violations: Violation[]
  try {
    await fault.play(stage)
    violations = await stage.finish()
  } catch (error) {
    stage.violate('not as documented', (error as Error).message)
    violations = stage.ledger.violations()
  } finally {
    await stage.tearDown()
  }
  if (violations.length === 0 || plant !== undefined) {
    unmount(place)
    rmSync(place, { recursive: true, force: true })
    rmSync(scratch, { recursive: true, force: true })
  }
  const { producers, consumers, broker, healed } = stage.observed
  const acknowledged = readable(stage.ledger.acknowledgedCount())
  const verdict = violations.length === 0 ? 'all kept' : `${violations.length} broken`
  return { row: [name, producers, consumers, broker, healed, acknowledged, verdict], violations }
}

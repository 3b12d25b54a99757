/**
 * The scenario `model`: the storage engine on a simulated disk beside plain arrays (src/testing/engine-model/), for as
 * many runs as there are rounds. Most are of random operations, with processes that die and power that fails at random
 * write points; one in so many is a short one that is repeated with the power lost at each of its write points. Which
 * seed a run has follows from the first one, so a run that failed is repeated alone by its own.
 */
import {
  type RunFailure,
  type RunResult,
  runEveryWritePoint,
  runModel,
  shorten,
} from '../../../src/testing/engine-model/run-model.ts'
import { type EngineBug, engineBugs, plantIntoEngine } from '../../../src/testing/planted-engine-bugs.ts'
import { readable } from '../../text-table.ts'
import type { ViolationKind } from '../record-ledger.ts'
import type { TortureContext, TortureResult, TortureScenario } from '../scenario.ts'

const stepsOfRun = 400
const everyWritePointOneOf = 50
const stepsOfEveryWritePoint = 30
const progressMs = 10_000
/** Runs in which what was planted has to be noticed. */
const runsWithPlant = 400
const mostFailures = 5

export const modelPlants = engineBugs satisfies Record<EngineBug, ViolationKind>

export const model: TortureScenario = {
  name: 'model',
  summary: `the storage engine beside plain arrays on a simulated disk, ${stepsOfRun} random steps a round`,
  defaultRounds: 2500,
  plants: modelPlants,
  run: runScenario,
}

interface Tally {
  steps: number
  runs: number
  everyWritePoint: number
  counts: Map<string, number>
  failures: RunFailure[]
}

async function runScenario({ rounds, random, plant, print }: TortureContext): Promise<TortureResult> {
  const bug = (Object.keys(engineBugs) as EngineBug[]).find(bug => bug === (plant as string | undefined))
  const remove = bug === undefined ? () => {} : plantIntoEngine(bug)
  const tally: Tally = { steps: 0, runs: 0, everyWritePoint: 0, counts: new Map(), failures: [] }
  const isEnough = (): boolean =>
    bug === undefined
      ? tally.failures.length >= mostFailures
      : tally.failures.some(({ kind }) => kind === modelPlants[bug])
  const startedAt = performance.now()
  let saidAt = startedAt
  const seconds = () => (performance.now() - startedAt) / 1000
  const add = (result: RunResult): boolean => {
    tally.runs++
    tally.steps += result.steps
    for (const [what, count] of Object.entries(result.counts))
      tally.counts.set(what, (tally.counts.get(what) ?? 0) + count)
    if (result.failure !== undefined) {
      tally.failures.push(result.failure)
      if (bug === undefined) print(describe(result.failure))
    }
    if (performance.now() - saidAt > progressMs) {
      saidAt = performance.now()
      print(`${progressOf(tally)}, ${readable(seconds())} s`)
    }
    return !isEnough()
  }
  try {
    const most = bug === undefined ? rounds : runsWithPlant
    for (let round = 0; round < most && !isEnough(); round++) {
      const seed = random.between(0, 2 ** 31 - 1)
      if (round % everyWritePointOneOf === 0) {
        await runEveryWritePoint(seed, stepsOfEveryWritePoint, result => {
          tally.everyWritePoint++
          return add(result)
        })
      } else add(await runModel({ seed, steps: stepsOfRun }))
    }
    print(`${progressOf(tally)}, ${readable(tally.steps / seconds())} steps/s`)
    if (bug === undefined) for (const failure of tally.failures) await tell(failure, print)
  } finally {
    remove()
  }
  return {
    headings: ['', 'count'],
    rows: [
      ['runs', tally.runs],
      ['steps', tally.steps],
      ['power lost at a write point, one after the other', tally.everyWritePoint],
      ...[...tally.counts].sort(([, a], [, b]) => b - a),
    ],
    violations: tally.failures.map(failure => ({ kind: failure.kind, text: describe(failure) })),
    skipped: [],
    directory: 'in memory',
    samples: [],
  }
}

function progressOf({ steps, runs, counts, failures }: Tally): string {
  const count = (what: string): string => readable(counts.get(what) ?? 0)!
  return (
    `${readable(steps)} steps in ${readable(runs)} runs: ${count('batches')} batches, ${count('acks')} promised, ` +
    `${count('power losses')} power losses, ${count('kills')} kills, ${count('starts')} starts, ` +
    `${failures.length} failures`
  )
}

function describe({ seed, step, losesPowerAt, message }: RunFailure): string {
  const place = losesPowerAt === undefined ? '' : `, power lost at write point ${losesPowerAt}`
  return `run ${seed}, step ${step}${place}: ${message}`
}

/** What a failure needs, as far as leaving out steps shows it. */
async function tell(failure: RunFailure, print: (line: string) => void): Promise<void> {
  const { steps, failure: shortened } = await shorten(failure)
  print(`run ${failure.seed} fails with ${steps.length} steps, ${steps.join()}: ${shortened.message}`)
  for (const words of shortened.story) print(`  ${words}`)
}

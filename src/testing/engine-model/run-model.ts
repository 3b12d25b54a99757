/**
 * Runs of the model: a number of steps from a seed, which decides everything; the same with the power lost at one write
 * point after the other; and, when a run fails, the fewest of its steps that still fail.
 */
import { ProcessDiedError } from '../simulated-disk.ts'
import { pickOperation } from './operations.ts'
import { StepRandom } from './random.ts'
import { ModelViolation, type ModelViolationKind } from './violation.ts'
import { type Counts, World } from './world.ts'

export interface RunOptions {
  readonly seed: number
  readonly steps: number
  /** Steps that are left out. */
  readonly without?: ReadonlySet<number>
  readonly losesPowerAt?: number
}

export interface RunFailure {
  readonly kind: ModelViolationKind
  readonly message: string
  readonly seed: number
  /** Of so many. */
  readonly steps: number
  readonly step: number
  readonly losesPowerAt: number | undefined
  /** What happened last. */
  readonly story: readonly string[]
}

export interface RunResult {
  readonly steps: number
  readonly counts: Counts
  readonly writePoints: number
  readonly wasCut: boolean
  readonly failure: RunFailure | undefined
}

/** Steps that a run goes on for after the power was lost where it was to be lost. */
const stepsAfterCut = 12

export async function runModel({ seed, steps, without, losesPowerAt }: RunOptions): Promise<RunResult> {
  const random = new StepRandom(seed)
  random.begin(-1)
  const world = new World({ random, losesPowerAt })
  let step = 0
  let left = steps
  // Nobody waits for what a process that is dead had begun.
  const rejected = (error: unknown): void => {
    if (!(error instanceof ProcessDiedError)) world.failed(error)
  }
  process.on('unhandledRejection', rejected)
  try {
    await world.reopen('clean close')
    for (; step < steps && left > 0; step++, left--) {
      if (without?.has(step)) continue
      random.begin(step)
      const operation = pickOperation(world)
      world.tell(`${step}: ${operation.name}`)
      world.count(operation.name)
      const wasCut = world.wasCut
      await operation.run(world)
      await world.between(random.pick([0, 0, 1, 2, 5]))
      if (world.wasCut && !wasCut) left = Math.min(left, stepsAfterCut)
    }
    random.begin(steps)
    world.process.fault = undefined
    await world.closeCleanly()
    await world.closeCleanly()
  } catch (error) {
    const kind = error instanceof ModelViolation ? error.kind : 'crashed'
    const message =
      error instanceof ModelViolation ? error.message : ((error as Error).stack ?? String(error))
    world.machine.kill()
    const failure = { kind, message, seed, steps, step, losesPowerAt, story: world.story }
    return resultOf(world, step, failure)
  } finally {
    process.off('unhandledRejection', rejected)
  }
  world.machine.kill()
  return resultOf(world, step, undefined)
}

function resultOf(world: World, steps: number, failure: RunFailure | undefined): RunResult {
  return { steps, counts: world.counts, writePoints: world.writePoints, wasCut: world.wasCut, failure }
}

/** Runs a few steps again and again, each time with the power lost one write point later, until it is not any more. */
export async function runEveryWritePoint(
  seed: number,
  steps: number,
  done: (result: RunResult) => boolean,
): Promise<void> {
  for (let losesPowerAt = 0; ; losesPowerAt++) {
    const result = await runModel({ seed, steps, losesPowerAt })
    const goesOn = done(result)
    if (!goesOn || !result.wasCut || result.failure !== undefined) return
  }
}

/** Leaves out what a failure of the same kind does not need; gives up after so many runs. */
export async function shorten(
  failure: RunFailure,
  mostRuns = 150,
): Promise<{ steps: number[]; failure: RunFailure }> {
  const { seed, steps, kind, losesPowerAt } = failure
  let last = failure
  let kept = Array.from({ length: Math.min(steps, failure.step + 1) }, (_, step) => step)
  let runs = 0
  for (let size = Math.ceil(kept.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let from = 0; from < kept.length && runs < mostRuns; ) {
      const candidate = [...kept.slice(0, from), ...kept.slice(from + size)]
      const without = new Set(Array.from({ length: steps }, (_, step) => step))
      for (const step of candidate) without.delete(step)
      runs++
      const result = await runModel({ seed, steps, without, losesPowerAt })
      if (result.failure?.kind === kind) {
        kept = candidate
        last = result.failure
      } else from += size
    }
  }
  return { steps: kept, failure: last }
}

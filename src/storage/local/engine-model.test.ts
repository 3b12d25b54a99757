/**
 * The local engine beside plain arrays, on a simulated disk whose power fails: src/testing/engine-model/ says what is
 * done and what has to come of it. Here are a few seconds of it; `npm run torture -- model` runs for as long as one
 * likes. Repeat a failure with `SEED=...`, which then is the only run.
 */
import t, { type Test } from 'tap'
import {
  type RunResult,
  runEveryWritePoint,
  runModel,
  shorten,
} from '../../testing/engine-model/run-model.ts'
import { type EngineBug, engineBugs, plantIntoEngine } from '../../testing/planted-engine-bugs.ts'

const first = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 30))
const runs = process.env.SEED === undefined ? Number(process.env.RUNS ?? 25) : 1
const steps = 400
const stepsOfEveryWritePoint = 14

async function check(t: Test, { failure }: RunResult): Promise<void> {
  if (failure === undefined) return
  const { seed, step, losesPowerAt = -1, kind, message } = failure
  t.comment(`${kind}: ${message}`)
  const { steps: needed, failure: last } = await shorten(failure)
  t.comment(`with steps ${needed.join()}: ${last.message}`)
  for (const words of last.story) t.comment(words)
  t.fail(`seed ${seed}, step ${step}, power lost at ${losesPowerAt}: ${kind}: ${message}`)
}

t.test(`${runs} runs of ${steps} steps from seed ${first} on`, async t => {
  const counts: Record<string, number> = {}
  for (let seed = first; seed < first + runs; seed++) {
    const result = await runModel({ seed, steps })
    for (const [what, count] of Object.entries(result.counts)) counts[what] = (counts[what] ?? 0) + count
    await check(t, result)
  }
  t.ok(Object.keys(counts).length > 20, JSON.stringify(counts))
})

t.test(`the power is lost at every write point of seed ${first}`, async t => {
  let points = 0
  await runEveryWritePoint(first, stepsOfEveryWritePoint, result => {
    points++
    if (result.failure !== undefined) t.fail(JSON.stringify(result.failure))
    return result.failure === undefined
  })
  t.ok(points > 20, `${points} times`)
})

t.test('the same seed does the same', async t => {
  const { counts, writePoints } = await runModel({ seed: 1, steps: 200 })
  const again = await runModel({ seed: 1, steps: 200 })
  t.same({ counts: again.counts, writePoints: again.writePoints }, { counts, writePoints })
})

/** The other one takes a run of `npm run torture -- model --plant all`. */
const quicklyNoticed: readonly EngineBug[] = [
  'skipped-sync',
  'skipped-directory-sync',
  'ack-before-sync',
  'forgetful-journal',
  'cut-too-far',
  'trusted-index',
]
const mostRuns = 60
for (const bug of quicklyNoticed) {
  t.test(`${bug} is noticed`, async t => {
    const remove = plantIntoEngine(bug)
    try {
      const kinds: string[] = []
      for (let seed = 1; seed <= mostRuns && kinds.at(-1) !== engineBugs[bug]; seed++) {
        const { failure } = await runModel({ seed, steps })
        kinds.push(failure?.kind ?? 'nothing')
      }
      t.equal(kinds.at(-1), engineBugs[bug], kinds.join())
    } finally {
      remove()
    }
  })
}

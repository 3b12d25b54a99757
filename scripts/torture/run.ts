/**
 * `npm run torture -- [scenario...]`: faults while clients work, and afterwards the question whether every
 * promise was kept: no acknowledged record lost, duplicated, damaged or out of its producer's order, no
 * committed offset moved back. Prints the seed, a line per round and a table; exits non-zero when something fell
 * short: also with `--plant`, when something is wrong on purpose, and with a code of its own where that was missed.
 * The same seed draws the same faults; the moment at which a fault hits a request is the machine's.
 */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { startApacheKafka } from '../apache-kafka.ts'
import { startOttla } from '../ottla-process.ts'
import { seededRandom } from '../seeded-random.ts'
import { groupBy } from '../statistics.ts'
import { textTable } from '../text-table.ts'
import { bitFlips } from './bit-flips/bit-flips.ts'
import { brokenMachine } from './faults/faults.ts'
import { faultPlants } from './faults/plants.ts'
import { model, modelPlants } from './model/model.ts'
import { isBug, noticedAs, type Plant, plants } from './plants.ts'
import { powerLossPlants } from './power-loss/plants.ts'
import { powerLoss } from './power-loss/power-loss.ts'
import { freeze, kill, restart, torn } from './process-faults.ts'
import type { Violation, ViolationKind } from './record-ledger.ts'
import type { StartOptions, TortureResult, TortureScenario } from './scenario.ts'
import { sessionTimeoutMs } from './workload.ts'

const scenarios: TortureScenario[] = [kill, torn, restart, freeze, bitFlips, powerLoss, model, brokenMachine]

const help = `usage: npm run torture -- [scenario...] [options]

scenarios (kill without a name):
${scenarios.map(({ name, summary }) => `  ${name.padEnd(10)} ${summary}`).join('\n')}

options:
  --rounds N     faults per scenario (10); of bit-flips, bits of each byte (1), or a share of all damages (0.1); of power-loss, images (1000);
                 of model, runs of 400 steps (2500); of faults, a share of them (1)
  --seed N       repeats the faults of a run
  --relaxed      acks=all from the page cache (write.caching), which a killed process must survive too
  --broker NAME  ottla, or kafka to see what the clients do by themselves (ottla)
  --plant WHAT   does something wrong, which is to be noticed: all of the following, or one.
                 A bug in the broker: ${plants.filter(isBug).join(', ')};
                 damage to the log that the checker is shown: ${plants.filter(plant => !isBug(plant)).join(', ')};
                 for power-loss: ${Object.keys(powerLossPlants).join(', ')};
                 for model: ${Object.keys(modelPlants).join(', ')};
                 for faults: ${Object.keys(faultPlants).join(', ')}
  --only TEXT    of faults, those with this in their names
  --json FILE    everything that was measured

exit codes: 0 every promise was kept; 1 one was broken, as it is to be with --plant; 2 wrong usage;
3 what was planted was not noticed; 4 a run could not be played to its end`

const exitCodes = { kept: 0, broken: 1, usage: 2, missed: 3, failed: 4 } as const

const violationsShown = 5

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      rounds: { type: 'string' },
      seed: { type: 'string' },
      relaxed: { type: 'boolean' },
      broker: { type: 'string', default: 'ottla' },
      plant: { type: 'string' },
      only: { type: 'string' },
      json: { type: 'string' },
      help: { type: 'boolean' },
    },
  })
  if (values.help === true) {
    console.log(help)
    return exitCodes.kept
  }
  const knownPlants = scenarios.flatMap(({ plants = noticedAs }) => Object.keys(plants))
  const unknown = [
    ...positionals.filter(name => !scenarios.some(scenario => scenario.name === name)),
    ...(['ottla', 'kafka'].includes(values.broker) ? [] : [values.broker]),
    ...(values.plant === undefined || [...knownPlants, 'all'].includes(values.plant) ? [] : [values.plant]),
    ...(isBug(values.plant as Plant) && values.broker !== 'ottla'
      ? [`${values.plant} in ${values.broker}`]
      : []),
  ]
  if (unknown.length > 0) {
    console.error(`unknown: ${unknown.join(', ')}\n\n${help}`)
    return exitCodes.usage
  }
  const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed)
  const names = positionals.length === 0 ? ['kill'] : positionals
  const results: Record<string, TortureResult> = {}
  let exitCode: number = exitCodes.kept
  for (const scenario of scenarios.filter(({ name }) => names.includes(name))) {
    const noticed: Readonly<Record<string, ViolationKind>> = scenario.plants ?? noticedAs
    const planted = values.plant === 'all' ? Object.keys(noticed) : [values.plant]
    for (const plant of planted as (Plant | undefined)[]) {
      console.log(`${scenario.name}: ${scenario.summary}; seed ${seed}${plant ? `; planted: ${plant}` : ''}`)
      const result = await scenario.run({
        rounds: Number(values.rounds ?? scenario.defaultRounds ?? 10),
        random: seededRandom(seed),
        start: options => startBroker(values.broker, values.relaxed === true, plant, options),
        plant,
        only: values.only,
        print: line => console.log(`  ${line}`),
      })
      results[plant === undefined ? scenario.name : `${scenario.name} with ${plant}`] = result
      console.log(`\n${textTable(result.headings, result.rows)}\n`)
      const { counts } = result
      if (counts) console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
      const verdict = plant === undefined ? report(result, seed) : reportPlant(result, plant, noticed[plant])
      exitCode = Math.max(exitCode, verdict)
    }
  }
  if (values.json !== undefined) {
    const { broker, relaxed = false } = values
    writeFileSync(values.json, `${JSON.stringify({ seed, broker, relaxed, results }, undefined, 2)}\n`)
  }
  return exitCode
}

function startBroker(name: string, isRelaxed: boolean, plant: Plant | undefined, options: StartOptions) {
  const groups = {
    'group.min.session.timeout.ms': String(sessionTimeoutMs),
    'group.initial.rebalance.delay.ms': '0',
  }
  if (name === 'ottla') {
    const overrides = { ...groups, ...(isRelaxed ? { 'write.caching.default': 'true' } : {}) }
    if (!isBug(plant)) return startOttla({ ...options, overrides })
    const main = fileURLToPath(new URL('./planted-broker.js', import.meta.url))
    return startOttla({ ...options, overrides, main, env: { TORTURE_PLANT: plant } })
  }
  // A killed node's registration has to expire before it may come back: 9 s by default, of every round.
  const sessions = { 'broker.session.timeout.ms': '1500', 'broker.heartbeat.interval.ms': '300' }
  const durable: Record<string, string> = isRelaxed ? {} : { 'log.flush.interval.messages': '1' }
  return startApacheKafka({ ...options, overrides: { ...groups, ...sessions, ...durable } })
}

function report({ directory, skipped, violations }: TortureResult, seed: number): number {
  for (const check of skipped) console.log(`skipped: ${check}`)
  if (violations.length === 0) {
    console.log(`every promise was kept${skipped.length > 0 ? `; ${skipped.length} check skipped` : ''}`)
    return exitCodes.kept
  }
  showViolations(violations)
  console.log(`the data directory is kept: ${directory}; repeat with --seed ${seed}`)
  return exitCodes.broken
}

function reportPlant({ violations }: TortureResult, plant: string, kind: string | undefined): number {
  const count = violations.filter(violation => violation.kind === kind).length
  showViolations(violations)
  console.log(
    count > 0
      ? `${plant} was noticed: "${kind}" was found ${count} times\n`
      : `${plant} was NOT noticed: nothing was found that is "${kind}"\n`,
  )
  return count > 0 ? exitCodes.broken : exitCodes.missed
}

function showViolations(violations: readonly Violation[]): void {
  for (const [kind, group] of groupBy([...violations], violation => violation.kind)) {
    console.log(`${kind}: ${group.length}`)
    for (const { text } of group.slice(0, violationsShown)) console.log(`  ${text}`)
  }
}

const exitCode = await main().catch(error => {
  console.error(error instanceof Error ? (error.stack ?? error.message) : error)
  return exitCodes.failed
})
// Clients of a run that failed in the middle would keep the process, and the broker, alive.
process.exit(exitCode)

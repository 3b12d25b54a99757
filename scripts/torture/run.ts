/**
 * `npm run torture -- [scenario...]`: faults while clients work, and afterwards the question whether every
 * promise was kept: no acknowledged record lost, duplicated, damaged or out of its producer's order, no
 * committed offset moved back. Prints the seed, a line per round and a table; exits non-zero when something fell
 * short. The same seed draws the same faults; the moment at which a fault hits a request is the machine's.
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { startApacheKafka } from '../apache-kafka.ts'
import { startOttla } from '../ottla-process.ts'
import { seededRandom } from '../seeded-random.ts'
import { groupBy } from '../statistics.ts'
import { textTable } from '../text-table.ts'
import { freeze, kill, restart, torn } from './faults.ts'
import {
  type Plant,
  plants,
  type StartOptions,
  type TortureResult,
  type TortureScenario,
} from './scenario.ts'

const scenarios: TortureScenario[] = [kill, torn, restart, freeze]

const help = `usage: npm run torture -- [scenario...] [options]

scenarios (kill without a name):
${scenarios.map(({ name, summary }) => `  ${name.padEnd(8)} ${summary}`).join('\n')}

options:
  --rounds N     faults per scenario (10)
  --seed N       repeats the faults of a run
  --relaxed      acks=all from the page cache (write.caching), which a killed process must survive too
  --broker NAME  ottla, or kafka to see what the clients do by themselves (ottla)
  --plant WHAT   shows the checker a damaged log: ${plants.join(', ')}
  --json FILE    everything that was measured`

const violationsShown = 20

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      rounds: { type: 'string', default: '10' },
      seed: { type: 'string' },
      relaxed: { type: 'boolean' },
      broker: { type: 'string', default: 'ottla' },
      plant: { type: 'string' },
      json: { type: 'string' },
      help: { type: 'boolean' },
    },
  })
  if (values.help === true) {
    console.log(help)
    return 0
  }
  const unknown = [
    ...positionals.filter(name => !scenarios.some(scenario => scenario.name === name)),
    ...(['ottla', 'kafka'].includes(values.broker) ? [] : [values.broker]),
    ...(values.plant === undefined || plants.includes(values.plant as Plant) ? [] : [values.plant]),
  ]
  if (unknown.length > 0) {
    console.error(`unknown: ${unknown.join(', ')}\n\n${help}`)
    return 2
  }
  const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed)
  const names = positionals.length === 0 ? ['kill'] : positionals
  const results: Record<string, TortureResult> = {}
  for (const scenario of scenarios.filter(({ name }) => names.includes(name))) {
    console.log(`${scenario.name}: ${scenario.summary}; seed ${seed}`)
    const result = await scenario.run({
      rounds: Number(values.rounds),
      random: seededRandom(seed),
      start: options => startBroker(values.broker, values.relaxed === true, options),
      plant: values.plant as Plant | undefined,
      print: line => console.log(`  ${line}`),
    })
    results[scenario.name] = result
    console.log(`\n${textTable(result.headings, result.rows)}\n`)
    report(result, seed)
  }
  if (values.json !== undefined) {
    const { broker, relaxed = false } = values
    writeFileSync(values.json, `${JSON.stringify({ seed, broker, relaxed, results }, undefined, 2)}\n`)
  }
  return Object.values(results).some(({ violations }) => violations.length > 0) ? 1 : 0
}

function startBroker(name: string, isRelaxed: boolean, options: StartOptions) {
  if (name === 'ottla') {
    return startOttla({ ...options, overrides: isRelaxed ? { 'write.caching.default': 'true' } : {} })
  }
  // A killed node's registration has to expire before it may come back: 9 s by default, of every round.
  const sessions = { 'broker.session.timeout.ms': '1500', 'broker.heartbeat.interval.ms': '300' }
  const durable: Record<string, string> = isRelaxed ? {} : { 'log.flush.interval.messages': '1' }
  return startApacheKafka({ ...options, overrides: { ...sessions, ...durable } })
}

function report({ violations, directory }: TortureResult, seed: number): void {
  if (violations.length === 0) {
    console.log('every promise was kept')
    return
  }
  for (const [kind, group] of groupBy(violations, violation => violation.kind)) {
    console.log(`${kind}: ${group.length}`)
    for (const { text } of group.slice(0, violationsShown)) console.log(`  ${text}`)
  }
  console.log(`the data directory is kept: ${directory}; repeat with --seed ${seed}`)
}

const exitCode = await main().catch(error => {
  console.error(error instanceof Error ? (error.stack ?? error.message) : error)
  return 1
})
// Clients of a run that failed in the middle would keep the process, and the broker, alive.
process.exit(exitCode)

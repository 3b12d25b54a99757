/**
 * `npm run compat -- [client...]`: unmodified Kafka clients against a real broker process. Each client gets a fresh
 * broker with a data directory of its own, unless `--broker` names one that already runs. Exits with 1 when anything
 * failed, with 2 when it could not be tried.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { Command, Option } from 'commander'
import { ApacheKafkaUnavailable, apacheKafkaBeforeRemovals } from '../scripts/apache-kafka.ts'
import { type BrokerChoice, type BrokerUnderTest, startBrokerUnderTest } from './broker-under-test.ts'
import { areaOf, type Capability, Skipped, type Suite } from './capability.ts'
import { clients, suiteOf } from './clients.ts'
import { matrixAsText, matrixOf, withMatrix } from './matrix.ts'
import { closingLines, progressLine } from './report.ts'
import { type CapabilityResult, runCapability } from './run-suite.ts'
import { capabilitiesOf, type Part, partLimitMs, parts, triesAgain } from './selection.ts'

interface Options {
  broker?: string
  against: 'ottla' | 'apache-kafka' | 'apache-kafka-3.9'
  main?: string
  only?: string
  seed: number
  part: Part
  json?: string
  readme?: true
}

async function main(): Promise<number> {
  const program = new Command('npm run compat --')
    .description('Runs unmodified Kafka clients against a broker and shows what works.')
    .argument('[client...]', 'folders of compat-tests (default: all)')
    .option('--broker <host:port>', 'test a broker that already runs')
    .addOption(
      new Option('--against <broker>', 'which broker to start')
        .choices(['ottla', 'apache-kafka', 'apache-kafka-3.9'])
        .default('ottla'),
    )
    .option('--main <file>', "Ottla's built entry point, if not the one of this checkout")
    .option('--only <text>', 'only capabilities whose name contains this')
    .option('--seed <number>', 'repeats what was random in a run', Number, 7)
    .addOption(
      new Option('--part <part>', 'all, or what continuous integration has time for')
        .choices(parts)
        .default('all'),
    )
    .option('--json <file>', 'also write the results there')
    .option('--readme', "also write the rows of these clients into the README's table")
    .parse()
  const options = program.opts<Options>()
  const known = await clients()
  const wanted = program.args.length === 0 ? known : program.args
  const unknown = wanted.filter(client => !known.includes(client))
  if (unknown.length > 0) {
    console.error(`no such client: ${unknown.join(', ')} (there are ${known.join(', ')})`)
    return 2
  }
  if (options.readme && !isWhole(options)) {
    console.error("the README's table is of whole suites against this checkout's Ottla")
    return 2
  }

  const results: CapabilityResult[] = []
  for (const client of wanted) results.push(...(await runClient(client, options)))
  const rows = matrixOf(results)
  console.log(`\n${matrixAsText(rows)}\n`)
  if (options.json !== undefined) {
    const { broker, against } = options
    await writeFile(
      options.json,
      `${JSON.stringify({ broker: broker ?? against, node: process.version, results }, null, 2)}\n`,
    )
  }
  if (options.readme) {
    await writeFile('README.md', withMatrix(await readFile('README.md', 'utf8'), rows, known))
  }
  console.log(closingLines(results).join('\n'))
  if (results.length === 0) {
    console.error('nothing was tried')
    return 2
  }
  return results.some(result => result.outcome === 'fail') ? 1 : 0
}

function isWhole({ broker, against, main, only, part }: Options): boolean {
  return (
    broker === undefined && against === 'ottla' && main === undefined && only === undefined && part === 'all'
  )
}

async function runClient(client: string, options: Options): Promise<CapabilityResult[]> {
  let suite: Suite
  try {
    suite = await suiteOf(client)
  } catch (error) {
    const whole = { name: 'the whole suite', test: async () => undefined }
    return without(client, [whole], 'fail', error)
  }
  const { capabilities, prepare, settings, finish } = suite
  const { only, part } = options
  const chosen = capabilitiesOf(part, capabilities).filter(
    ({ name }) => only === undefined || name.includes(only),
  )
  if (chosen.length === 0) return []
  const startedAt = performance.now()
  if (isOver(part)) return without(client, chosen, 'skip', timeIsOver(part))
  try {
    await prepare?.()
  } catch (error) {
    return without(client, chosen, error instanceof Skipped ? 'skip' : 'fail', error)
  }
  let broker: BrokerUnderTest
  try {
    broker = await startBrokerUnderTest(brokerChoice(options), settings)
  } catch (error) {
    const outcome = error instanceof ApacheKafkaUnavailable ? 'skip' : 'fail'
    return without(client, chosen, outcome, error)
  }
  console.log(`${client} against ${broker.description} at ${broker.bootstrap}`)
  const results: CapabilityResult[] = []
  try {
    for (const [index, capability] of chosen.entries()) {
      if (isOver(part)) {
        results.push(...without(client, chosen.slice(index), 'skip', timeIsOver(part)))
        break
      }
      const tryIt = async () => {
        const result = await runCapability(client, capability, broker, options.seed)
        console.log(progressLine(result))
        if (result.details !== undefined) console.log(result.details.replace(/^/gm, '      | '))
        return result
      }
      const first = await tryIt()
      const isTriedAgain = first.outcome === 'fail' && triesAgain[part]
      results.push(isTriedAgain ? await tryIt() : first)
    }
  } finally {
    await finish?.()
    await broker.stop()
  }
  console.log(`  ${client} took ${((performance.now() - startedAt) / 1000).toFixed(1)} s`)
  return results
}

function isOver(part: Part): boolean {
  return performance.now() > partLimitMs[part]
}

function timeIsOver(part: Part): Skipped {
  return new Skipped(`the ${partLimitMs[part] / 60_000} minutes of the part ${part} were over`)
}

function brokerChoice(options: Options): BrokerChoice {
  if (options.broker !== undefined) return { kind: 'external', address: options.broker }
  if (options.against === 'ottla') return { kind: 'ottla', main: options.main }
  const version = options.against === 'apache-kafka-3.9' ? apacheKafkaBeforeRemovals : undefined
  return { kind: 'apache-kafka', version }
}

/** The same result for every capability, when the client or the broker is not to be had. */
function without(
  client: string,
  capabilities: Capability[],
  outcome: 'skip' | 'fail',
  error: unknown,
): CapabilityResult[] {
  const reason = error instanceof Error ? error.message : String(error)
  console.log(`${client}: ${reason}`)
  const firstLine = reason.split('\n', 1)[0]!
  return capabilities.map(capability => ({
    client,
    area: areaOf(capability),
    capability: capability.name,
    outcome,
    durationMs: 0,
    reason: firstLine,
  }))
}

// Clients leave timers and sockets behind when they fail, so the process ends itself.
process.exit(await main())

/**
 * `npm run compat -- [client...]`: unmodified Kafka clients against a real broker process. Every folder beside
 * this file that has a `suite.ts` is a client; each gets a fresh broker with a data directory of its own, unless
 * `--broker` names one that already runs. Exits with 1 when anything failed, with 2 when it could not be tried.
 */
import { existsSync } from 'node:fs'
import { readdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { Command, Option } from 'commander'
import { ApacheKafkaUnavailable, apacheKafkaBeforeRemovals } from '../scripts/apache-kafka.ts'
import { type BrokerChoice, startBrokerUnderTest } from './broker-under-test.ts'
import { type Capability, Skipped, type Suite } from './capability.ts'
import { closingLine, progressLine, summary } from './report.ts'
import { type CapabilityResult, runCapability } from './run-suite.ts'

interface Options {
  broker?: string
  against: 'ottla' | 'apache-kafka' | 'apache-kafka-3.9'
  main?: string
  only?: string
  json?: string
}

const here = dirname(fileURLToPath(import.meta.url))

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
    .option('--json <file>', 'also write the results there')
    .parse()
  const options = program.opts<Options>()
  const known = await clients()
  const wanted = program.args.length === 0 ? known : program.args
  const unknown = wanted.filter(client => !known.includes(client))
  if (unknown.length > 0) {
    console.error(`no such client: ${unknown.join(', ')} (there are ${known.join(', ')})`)
    return 2
  }

  const results: CapabilityResult[] = []
  for (const client of wanted) results.push(...(await runClient(client, options)))
  console.log(`\n${summary(results)}\n`)
  if (options.json !== undefined) {
    const { broker, against } = options
    await writeFile(
      options.json,
      `${JSON.stringify({ broker: broker ?? against, node: process.version, results }, null, 2)}\n`,
    )
  }
  console.log(closingLine(results))
  if (results.length === 0) {
    console.error('nothing was tried')
    return 2
  }
  return results.some(result => result.outcome === 'fail') ? 1 : 0
}

async function clients(): Promise<string[]> {
  const entries = await readdir(here, { withFileTypes: true })
  return entries
    .filter(entry => entry.isDirectory() && existsSync(join(here, entry.name, 'suite.js')))
    .map(entry => entry.name)
    .sort()
}

async function runClient(client: string, options: Options): Promise<CapabilityResult[]> {
  let suite: Suite
  try {
    suite = await import(pathToFileURL(join(here, client, 'suite.js')).href)
  } catch (error) {
    const whole = { name: 'the whole suite', test: async () => undefined }
    return without(client, [whole], 'fail', error)
  }
  const { capabilities, prepare } = suite
  const { only } = options
  const chosen = capabilities.filter(({ name }) => only === undefined || name.includes(only))
  if (chosen.length === 0) return []
  const startedAt = performance.now()
  try {
    await prepare?.()
  } catch (error) {
    return without(client, chosen, error instanceof Skipped ? 'skip' : 'fail', error)
  }
  const choice = brokerChoice(options)
  let broker: Awaited<ReturnType<typeof startBrokerUnderTest>>
  try {
    broker = await startBrokerUnderTest(choice)
  } catch (error) {
    const outcome = error instanceof ApacheKafkaUnavailable ? 'skip' : 'fail'
    return without(client, chosen, outcome, error)
  }
  console.log(`${client} against ${broker.description} at ${broker.bootstrap}`)
  const results: CapabilityResult[] = []
  try {
    for (const capability of chosen) {
      const result = await runCapability(client, capability, broker)
      console.log(progressLine(result))
      if (result.details !== undefined) console.log(result.details.replace(/^/gm, '      | '))
      results.push(result)
    }
  } finally {
    await broker.stop()
  }
  console.log(`  ${client} took ${((performance.now() - startedAt) / 1000).toFixed(1)} s`)
  return results
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
  return capabilities.map(({ name }) => ({
    client,
    capability: name,
    outcome,
    durationMs: 0,
    reason: firstLine,
  }))
}

// Clients leave timers and sockets behind when they fail, so the process ends itself.
process.exit(await main())

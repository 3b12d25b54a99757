/**
 * `npm run bench -- [scenario...]`: Ottla against Apache Kafka on this machine, in alternation, with Kafka's
 * own tools. Prints what it is doing, a table of medians per scenario, and for each of the project's limits
 * whether it was met; exits non-zero when one was not, or when a scenario could not run.
 */
import { writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { parseArgs } from 'node:util'
import { ApacheKafkaUnavailable, apacheKafkaVersion, installApacheKafka } from '../apache-kafka.ts'
import { readable, textTable } from '../text-table.ts'
import { consume } from './consume.ts'
import { kafka, ottla } from './contestants.ts'
import { durable } from './durable.ts'
import { appendFloor } from './floor.ts'
import { memory } from './memory.ts'
import { PageCache } from './page-cache.ts'
import { produce } from './produce.ts'
import { rebalance } from './rebalance.ts'
import { recovery } from './recovery.ts'
import type { BenchContext, Scenario, ScenarioResult } from './scenario.ts'
import { scrape } from './scrape.ts'
import { startup } from './startup.ts'

const scenarios: Scenario[] = [produce, consume, durable, startup, recovery, rebalance, memory, scrape]

const help = `usage: npm run bench -- [scenario...] [options]

scenarios (without a name all but recovery, which writes much):
${scenarios.map(({ name, summary }) => `  ${name.padEnd(9)} ${summary}`).join('\n')}

options:
  --rounds N        measured runs per broker and cell (3)
  --megabytes N     record data per run, 10^6 bytes (500)
  --partitions N,M  partitions of the topics (6); with 1 every request carries a single batch
  --idle-seconds N  how long memory waits (10)
  --full-cache      fills the page cache before each cell of produce, as on a machine that has been writing for long
  --gigabytes N     written before recovery kills the broker (20)
  --many N          partitions that recovery starts cleanly with (10000)
  --directory DIR   where recovery puts its data (the system's place for temporary files)
  --only BROKER     ottla or kafka alone
  --json FILE       everything that was measured`

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      rounds: { type: 'string', default: '3' },
      megabytes: { type: 'string', default: '500' },
      partitions: { type: 'string', default: '6' },
      'idle-seconds': { type: 'string', default: '10' },
      'full-cache': { type: 'boolean' },
      gigabytes: { type: 'string', default: '20' },
      many: { type: 'string', default: '10000' },
      directory: { type: 'string' },
      only: { type: 'string' },
      json: { type: 'string' },
      help: { type: 'boolean' },
    },
  })
  if (values.help === true) {
    console.log(help)
    return 0
  }
  const unknown = positionals.filter(name => !scenarios.some(scenario => scenario.name === name))
  if (
    unknown.length > 0 ||
    (values.only !== undefined && values.only !== 'ottla' && values.only !== 'kafka')
  ) {
    console.error(`unknown: ${[...unknown, values.only].filter(Boolean).join(', ')}\n\n${help}`)
    return 2
  }
  const chosen = scenarios.filter(({ name, onlyByName }) =>
    positionals.length === 0 ? onlyByName !== true : positionals.includes(name),
  )
  const contestants = [ottla, kafka].filter(({ name }) => values.only === undefined || values.only === name)
  let fellShort = false

  const missing = await whyNoKafka()
  if (missing !== undefined && contestants.includes(kafka)) {
    console.log(`Apache Kafka is left out: ${missing}`)
    contestants.splice(contestants.indexOf(kafka), 1)
  }
  const context: BenchContext = {
    contestants,
    rounds: Number(values.rounds),
    megabytes: Number(values.megabytes),
    partitions: values.partitions.split(',').map(Number),
    idleSeconds: Number(values['idle-seconds']),
    pageCache: values['full-cache'] === true ? new PageCache() : undefined,
    gigabytes: Number(values.gigabytes),
    manyPartitions: Number(values.many),
    directory: values.directory,
    progress,
  }
  const startedAt = new Date().toISOString()
  context.pageCache?.fill()
  const floors = [appendFloor()]
  const results: Record<string, ScenarioResult> = {}
  for (const scenario of chosen) {
    if (missing !== undefined && scenario.needsJava) {
      console.log(`${scenario.name} could not run, its load comes from Kafka's tools: ${missing}`)
      fellShort = true
      continue
    }
    const result = await scenario.run(context)
    floors.push(appendFloor())
    results[scenario.name] = result
    progressEnds()
    console.log(`\n${scenario.name}: ${scenario.summary}\n`)
    console.log(textTable(result.headings, result.rows))
    for (const { what, unit, atMost, measured } of result.limits) {
      const isMet = measured <= atMost
      if (!isMet) fellShort = true
      console.log(
        `${isMet ? 'met    ' : 'NOT MET'}  ${what}: ${readable(measured)} ${unit}, at most ${atMost}`,
      )
    }
  }
  console.log(
    `\nappending 16 KB blocks to a file costs this machine ${floors.map(readable).join(', ')} CPU-s/GB`,
  )
  context.pageCache?.empty()
  if (values.json !== undefined) {
    const machine = {
      cpu: cpus()[0]?.model,
      cores: cpus().length,
      memoryBytes: totalmem(),
      node: process.version,
    }
    const { rounds, megabytes, partitions, idleSeconds, gigabytes, manyPartitions } = context
    const counts = { rounds, megabytes, partitions, idleSeconds, gigabytes, manyPartitions }
    const isCacheFull = context.pageCache !== undefined
    const settings = { ...counts, isCacheFull, apacheKafkaVersion }
    writeFileSync(
      values.json,
      `${JSON.stringify({ startedAt, machine, settings, appendFloors: floors, results }, undefined, 2)}\n`,
    )
  }
  return fellShort ? 1 : 0
}

async function whyNoKafka(): Promise<string | undefined> {
  try {
    await installApacheKafka()
    return undefined
  } catch (error) {
    if (error instanceof ApacheKafkaUnavailable) return error.message
    throw error
  }
}

let progressWidth = 0

/** One line that is written over on a terminal, a line each time elsewhere. */
function progress(text: string): void {
  if (process.stdout.isTTY !== true) {
    console.log(`  ${text}`)
    return
  }
  process.stdout.write(`\r${text.padEnd(progressWidth)}`)
  progressWidth = text.length
}

function progressEnds(): void {
  if (process.stdout.isTTY === true) process.stdout.write(`\r${''.padEnd(progressWidth)}\r`)
}

const exitCode = await main().catch(error => {
  console.error(error instanceof Error ? (error.stack ?? error.message) : error)
  return 1
})
// A client that still knocks on the door of a broker that never came would keep the process alive.
process.exit(exitCode)

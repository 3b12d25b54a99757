/**
 * `npm run check:prometheus`: has a real Prometheus scrape a broker under load, with the configuration and the alerts
 * of deploy/, and asks it everything that the Grafana dashboard asks. Every query must have an answer with a number in
 * it, every rule must load and evaluate, and promtool must have nothing to say about what is served but what is known.
 * Prints "N passed, N failed"; without a Prometheus it is skipped, with the reason.
 */
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from './broker-process.ts'
import { dashboardQueries } from './dashboard-queries.ts'
import { startOttla } from './ottla-process.ts'
import { startLoad } from './prometheus-check-load.ts'
import {
  installPrometheus,
  type Prometheus,
  type PrometheusPrograms,
  PrometheusUnavailable,
  startPrometheus,
} from './prometheus-server.ts'
import { run } from './run-command.ts'

const deploy = resolve('deploy')
/** In place of 15 s, so that rates have something to go by soon. */
const scrapeInterval = '1s'
const rateInterval = '10s'
/** How long all queries may take to have answers, once the load runs. */
const patienceMs = 60_000
/**
 * What promtool finds fault with: names that are not ours to choose. Kafka's counts of connections and clients and kafka_exporter's
 * sums end as if they were parts of a summary, prom-client has gauges that end in _total, and Kafka names a label
 * logDirectory, which what is ours takes over so that the two can be joined.
 */
const knownFaults = new RegExp(
  `^(${[
    'kafka_server_socket_server_metrics_connection_count',
    'kafka_server_client_metrics_instance_count',
    'kafka_consumergroup_(current_offset|lag)_sum',
    'kafka_log_logmanager_logdirectoryoffline',
    'ottla_disk_(usable|total)_bytes',
    'nodejs_active_(handles|requests|resources)_total',
  ].join('|')}) `,
)

let passed = 0
let failed = 0

function report(sentence: string, problem: string | undefined): void {
  if (problem === undefined) passed++
  else failed++
  console.log(problem === undefined ? `ok      ${sentence}` : `FAILED  ${sentence}: ${problem}`)
}

async function check(sentence: string, body: () => Promise<void> | void): Promise<void> {
  try {
    await body()
    report(sentence, undefined)
  } catch (error) {
    report(sentence, (error as Error).message)
  }
}

async function main(): Promise<number> {
  let programs: PrometheusPrograms
  try {
    programs = installPrometheus()
  } catch (error) {
    if (!(error instanceof PrometheusUnavailable)) throw error
    console.log(`skipped: ${error.message}`)
    console.log('0 passed, 0 failed, 1 skipped')
    return 0
  }
  console.log(`Prometheus ${programs.version}`)
  const directory = mkdtempSync(join(tmpdir(), 'ottla-prometheus-check-'))
  try {
    await checkFiles(programs)
    await checkUnderLoad(programs, directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
  console.log(`\n${passed} passed, ${failed} failed`)
  return failed === 0 ? 0 : 1
}

async function checkFiles({ promtool }: PrometheusPrograms): Promise<void> {
  const folder = join(deploy, 'prometheus')
  for (const command of [
    'check config prometheus.yml',
    'check rules alerts.yml',
    'test rules alerts.test.yml',
  ]) {
    await check(`promtool ${command}`, () => {
      run(promtool, command.split(' '), folder)
    })
  }
}

async function checkUnderLoad(programs: PrometheusPrograms, directory: string): Promise<void> {
  const metricsPort = await freePort()
  const broker = await startOttla({ overrides: { 'metrics.port': String(metricsPort) } })
  try {
    const load = await startLoad(broker.bootstrap)
    const prometheus = await startPrometheus(programs, writeConfig(directory, metricsPort))
    try {
      await checkQueries(prometheus)
      await checkServed(programs, directory, metricsPort)
      await checkRules(prometheus)
    } finally {
      await prometheus.stop()
      await load.stop()
    }
  } finally {
    await broker.stop()
  }
}

/** The configuration of deploy/, with the broker where it is here and less time between scrapes. */
function writeConfig(directory: string, metricsPort: number): string {
  const original = readFileSync(join(deploy, 'prometheus', 'prometheus.yml'), 'utf8')
  const config = original
    .replace("'ottla:9404'", `'127.0.0.1:${metricsPort}'`)
    .replace(/_interval: \d+s/g, `_interval: ${scrapeInterval}`)
  if (!config.includes(String(metricsPort))) throw new Error('prometheus.yml does not scrape ottla:9404')
  const path = join(directory, 'prometheus.yml')
  writeFileSync(path, config)
  copyFileSync(join(deploy, 'prometheus', 'alerts.yml'), join(directory, 'alerts.yml'))
  return path
}

async function checkServed({ promtool }: PrometheusPrograms, directory: string, port: number): Promise<void> {
  await check('promtool check metrics finds only what is known', async () => {
    const file = join(directory, 'metrics.txt')
    writeFileSync(file, await (await fetch(`http://127.0.0.1:${port}/metrics`)).text())
    // It ends with 3 if it has something to say about names, with 1 if it could not read them.
    const script = '"$0" check metrics < "$1" 2>&1 || [ $? -eq 3 ]'
    const faults = run('sh', ['-c', script, promtool, file], directory).trim().split('\n')
    const unknown = faults.filter(fault => fault !== '' && !knownFaults.test(fault))
    if (unknown.length > 0) throw new Error(unknown.join('; '))
  })
}

async function checkQueries(prometheus: Prometheus): Promise<void> {
  const { panels, variables } = dashboardQueries(
    join(deploy, 'grafana', 'dashboards', 'ottla.json'),
    rateInterval,
  )
  const questions = [
    ...panels.map(({ panel, legend, expression }) => ({
      sentence: `${panel}${legend === '__auto' ? '' : ` (${legend})`}`,
      ask: () => valuesOf(prometheus, expression),
    })),
    ...variables.map(({ name, selector, label }) => ({
      sentence: `values of the variable ${name}`,
      ask: () => labelValues(prometheus, selector, label),
    })),
    // What a load without its effects would hide.
    ...[
      'sum(rate(kafka_server_brokertopicmetrics_messagesin_total{topic=""}[10s])) > 0',
      'sum(rate(kafka_server_brokertopicmetrics_bytesout_total{topic=""}[10s])) > 0',
      'sum(rate(kafka_network_requestmetrics_errors_total{request="Produce"}[30s])) > 0',
      'sum(kafka_server_brokertopicmetrics_bytesrejected_total{topic="orders"}) > 0',
      'kafka_consumergroup_lag_sum{consumergroup="leavers"} > 0',
      'kafka_consumergroup_members{consumergroup="readers"} == 1',
    ].map(expression => ({ sentence: expression, ask: () => valuesOf(prometheus, expression) })),
  ]
  const deadline = performance.now() + patienceMs
  let open = questions
  while (open.length > 0) {
    const isLast = performance.now() > deadline
    const still: typeof open = []
    for (const question of open) {
      const answer = await question.ask().catch((error: Error) => error)
      if (Array.isArray(answer) && answer.length > 0) report(question.sentence, undefined)
      else if (!isLast) still.push(question)
      else report(question.sentence, answer instanceof Error ? answer.message : 'there is no data')
    }
    open = still
    if (open.length > 0) await delay(1000)
  }
}

async function checkRules(prometheus: Prometheus): Promise<void> {
  interface Rule {
    readonly name: string
    readonly health: string
    readonly lastError?: string
  }
  const { groups } = await ask<{ groups: { rules: Rule[] }[] }>(prometheus, 'rules')
  const rules = groups.flatMap(group => group.rules)
  report('the rules are loaded', rules.length > 0 ? undefined : 'there are none')
  for (const { name, health, lastError } of rules) {
    report(`the alert ${name} is evaluated`, health === 'ok' ? undefined : `${health}: ${lastError}`)
  }
}

/** The numbers that an expression gives now. */
async function valuesOf(prometheus: Prometheus, query: string): Promise<number[]> {
  const { result } = await ask<{ result: { value: [number, string] }[] }>(prometheus, 'query', { query })
  return result.map(({ value: [, value] }) => Number(value)).filter(Number.isFinite)
}

function labelValues(prometheus: Prometheus, selector: string, label: string): Promise<string[]> {
  return ask<string[]>(prometheus, `label/${label}/values`, { 'match[]': selector })
}

async function ask<T>(
  { url }: Prometheus,
  path: string,
  parameters: Record<string, string> = {},
): Promise<T> {
  const response = await fetch(`${url}/api/v1/${path}?${new URLSearchParams(parameters)}`)
  const answer = (await response.json()) as { status: string; data: T; error?: string }
  if (answer.status !== 'success') throw new Error(answer.error ?? `status ${response.status}`)
  return answer.data
}

process.exit(await main())

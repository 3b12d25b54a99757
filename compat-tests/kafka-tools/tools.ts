/**
 * Running Kafka's own command-line tools as their shell scripts do, from the jars that `scripts/apache-kafka.ts`
 * fetches. `tool` runs one to its end, in a JVM that all of them share (`ToolRunner.java`); `startTool` starts
 * one that keeps running in a JVM of its own, such as a member of a group.
 */
import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import {
  ApacheKafkaUnavailable,
  installApacheKafkaTools,
  spawnKafkaTool,
} from '../../scripts/apache-kafka.ts'
import { Skipped, type TestContext } from '../capability.ts'
import { type Collector, collector } from '../wait-for.ts'

/** What the shell scripts in Kafka's bin/ start. */
const mainClasses = {
  'kafka-acls': 'org.apache.kafka.tools.AclCommand',
  'kafka-broker-api-versions': 'org.apache.kafka.tools.BrokerApiVersionsCommand',
  'kafka-client-metrics': 'org.apache.kafka.tools.ClientMetricsCommand',
  'kafka-cluster': 'org.apache.kafka.tools.ClusterTool',
  'kafka-configs': 'org.apache.kafka.tools.ConfigCommand',
  'kafka-console-consumer': 'org.apache.kafka.tools.consumer.ConsoleConsumer',
  'kafka-console-producer': 'org.apache.kafka.tools.ConsoleProducer',
  'kafka-consumer-perf-test': 'org.apache.kafka.tools.ConsumerPerformance',
  'kafka-consumer-groups': 'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand',
  'kafka-delete-records': 'org.apache.kafka.tools.DeleteRecordsCommand',
  'kafka-e2e-latency': 'org.apache.kafka.tools.EndToEndLatency',
  'kafka-features': 'org.apache.kafka.tools.FeatureCommand',
  'kafka-get-offsets': 'org.apache.kafka.tools.GetOffsetShell',
  'kafka-groups': 'org.apache.kafka.tools.GroupsCommand',
  'kafka-leader-election': 'org.apache.kafka.tools.LeaderElectionCommand',
  'kafka-log-dirs': 'org.apache.kafka.tools.LogDirsCommand',
  'kafka-metadata-quorum': 'org.apache.kafka.tools.MetadataQuorumCommand',
  'kafka-producer-perf-test': 'org.apache.kafka.tools.ProducerPerformance',
  'kafka-reassign-partitions': 'org.apache.kafka.tools.reassign.ReassignPartitionsCommand',
  'kafka-replica-verification': 'org.apache.kafka.tools.ReplicaVerificationTool',
  'kafka-streams-application-reset': 'org.apache.kafka.tools.StreamsResetter',
  'kafka-topics': 'org.apache.kafka.tools.TopicCommand',
  'kafka-transactions': 'org.apache.kafka.tools.TransactionsCommand',
  'kafka-verifiable-consumer': 'org.apache.kafka.tools.VerifiableConsumer',
  'kafka-verifiable-producer': 'org.apache.kafka.tools.VerifiableProducer',
  // Not in bin/: what Kafka's own system tests ask of every age of a broker.
  'client-compatibility-test': 'org.apache.kafka.tools.ClientCompatibilityTest',
} as const

export type ToolName = keyof typeof mainClasses

/** Those that want to know the broker before they are told what to do; others, afterwards. */
const brokerComesFirst: readonly ToolName[] = [
  'kafka-features',
  'kafka-metadata-quorum',
  'kafka-transactions',
]

export interface ToolResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

const runLimitMs = 25_000
const runnerSource = join('compat-tests', 'kafka-tools', 'ToolRunner.java')
const heap = '256M'

/** Brings the tools here and starts the JVM that runs them, or says why there is nothing to test. */
export async function prepareKafkaTools(): Promise<void> {
  try {
    await installApacheKafkaTools()
  } catch (error) {
    if (error instanceof ApacheKafkaUnavailable) throw new Skipped(error.message)
    throw error
  }
  await currentRunner()
}

/** The arguments with the broker's address as the tool wants it. */
function withAddress(context: TestContext, name: ToolName, args: string[]): string[] {
  if (name === 'kafka-e2e-latency') return [context.bootstrap, ...args]
  const option = name === 'kafka-replica-verification' ? '--broker-list' : '--bootstrap-server'
  const broker = [option, context.bootstrap]
  return brokerComesFirst.includes(name) ? [...broker, ...args] : [...args, ...broker]
}

/** Runs a tool to its end; the broker's address is added, the rest is the caller's. */
export async function tryTool(
  context: TestContext,
  name: ToolName,
  args: string[],
  input = '',
): Promise<ToolResult> {
  const all = withAddress(context, name, args)
  const result = await (await currentRunner()).run(mainClasses[name], all, input)
  context.note(`${name} ${args.join(' ')}: exit code ${result.code}`)
  for (const line of [...linesOf(result.stdout), ...linesOf(result.stderr)].slice(0, 8))
    context.note(`  ${line}`)
  return result
}

/** The same, for what must succeed; gives the standard output. */
export async function tool(
  context: TestContext,
  name: ToolName,
  args: string[],
  input = '',
): Promise<string> {
  const { code, stdout, stderr } = await tryTool(context, name, args, input)
  assert.equal(code, 0, `${name} ${args.join(' ')} exited with ${code}: ${stdout}${stderr}`)
  return stdout
}

/** The same, for what must be refused; gives all that was printed. */
export async function refusedTool(context: TestContext, name: ToolName, args: string[]): Promise<string> {
  const { code, stdout, stderr } = await tryTool(context, name, args)
  assert.notEqual(code, 0, `${name} ${args.join(' ')} should have failed: ${stdout}`)
  return stdout + stderr
}

/** All that a tool printed, for one that says that it failed and exits with 0 all the same. */
export async function saidBy(context: TestContext, name: ToolName, args: string[]): Promise<string> {
  const { stdout, stderr } = await tryTool(context, name, args)
  return stdout + stderr
}

export function linesOf(text: string): string[] {
  return text.split('\n').filter(line => line.trim() !== '')
}

/** The rows of a table below its heading, each by the names in the heading. */
export function tableOf(text: string): Record<string, string>[] {
  const lines = linesOf(text)
  // What is said before the table is said in small letters.
  const heading = lines.findIndex(line => !/[a-z]/.test(line))
  if (heading === -1) return []
  const names = cellsOf(lines[heading]!)
  const rows = lines.slice(heading + 1)
  return rows.map(row => {
    const cells = cellsOf(row)
    return Object.fromEntries(names.map((name, column) => [name, cells[column] ?? '']))
  })
}

/** Between cells is white space; what stands in parentheses behind it, as in `COORDINATOR (ID)`, goes on. */
function cellsOf(row: string): string[] {
  return row.trim().split(/\s+(?!\s|\(\w+\)(?:\s|$))/)
}

export interface RunningTool {
  /** Of its standard output. */
  readonly lines: Collector<string>
  /** As Ctrl-C does: a consumer leaves its group. */
  stop(): Promise<void>
  /** Resolves when it has ended by itself. */
  ended: Promise<unknown>
}

/** Starts a tool in a JVM of its own, because it goes on until it is stopped, or finishes its work as its JVM ends. */
export async function startTool(context: TestContext, name: ToolName, args: string[]): Promise<RunningTool> {
  const child = await spawnKafkaTool(mainClasses[name], withAddress(context, name, args), { heap })
  context.cleanUp(() => child.kill('SIGKILL'))
  const lines = collector<string>()
  createInterface({ input: child.stdout! }).on('line', line => lines.add(line))
  createInterface({ input: child.stderr! }).on('line', line => context.note(`${name}: ${line}`))
  const closed = once(child, 'close')
  return {
    lines,
    async stop() {
      child.kill('SIGTERM')
      await closed
    },
    ended: closed,
  }
}

/** The JVM that runs tools one after the other. */
class Runner {
  readonly #child: ChildProcess
  readonly #answers: AsyncIterator<string>
  #previous: Promise<unknown> = Promise.resolve()
  hasEnded = false

  constructor(child: ChildProcess) {
    this.#child = child
    this.#answers = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
    child.once('close', () => {
      this.hasEnded = true
    })
    child.stdin!.on('error', () => undefined)
    child.stderr!.pipe(process.stderr)
    // It ends with its input, so it does not outlive this process, which it does not keep alive either.
    child.unref()
  }

  run(mainClass: string, args: string[], input: string): Promise<ToolResult> {
    const result = this.#previous.then(() => this.#runNow(mainClass, args, input))
    this.#previous = result.catch(() => undefined)
    return result
  }

  async #runNow(mainClass: string, args: string[], input: string): Promise<ToolResult> {
    const fields = [input, mainClass, ...args].map(field => Buffer.from(field).toString('base64'))
    this.#child.stdin!.write(`${fields.join(',')}\n`)
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), runLimitMs)
    const { done, value } = await this.#answers.next()
    clearTimeout(timer)
    if (done) {
      this.hasEnded = true
      throw new Error(`${mainClass} ${args.join(' ')} did not end within ${runLimitMs} ms, or killed its JVM`)
    }
    const [code, stdout, stderr] = value.split(',')
    const text = (field = '') => Buffer.from(field, 'base64').toString()
    return { code: Number(code), stdout: text(stdout), stderr: text(stderr) }
  }
}

let runner: Promise<Runner> | undefined

async function currentRunner(): Promise<Runner> {
  if (runner !== undefined && (await runner).hasEnded) runner = undefined
  // Given a source file in place of a class, java compiles and runs it.
  runner ??= spawnKafkaTool(runnerSource, [], { heap }).then(child => new Runner(child))
  return runner
}

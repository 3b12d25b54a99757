/**
 * The tests that librdkafka has of its own, in C and C++. The registries have them where one would not look: the
 * package @confluentinc/kafka-javascript carries librdkafka's whole source. They are built in `.cache/librdkafka-tests`,
 * unchanged, once for every version of the package, and are told of the broker by a `test.conf` and variables of the
 * environment.
 *
 * The program runs tests by their numbers, and one that waits for ever ends it; so each number has a process of its own,
 * a few at a time. A subtest that fails ends its test, so the subtests of those that have many (`parts.ts`) have a process
 * each, too. Tests that need no broker, and those that want a program around their sockets, are not run.
 */
import { chmod, cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { installApacheKafkaTools } from '../../scripts/apache-kafka.ts'
import { groupBy } from '../../scripts/statistics.ts'
import type { TestContext } from '../capability.ts'
import { installPackage } from '../confluent-javascript/package.ts'
import { installDebianPackages } from '../debian-packages.ts'
import { printedBy } from '../driven-clients/test-program.ts'
import { madeFrom, run } from '../driven-clients/toolchains.ts'
import { isMeant, type NotPassing, type TestOutcome, type TestRun } from '../published-tests.ts'
import { subtestsOf } from './parts.ts'

const home = resolve('.cache', 'librdkafka-tests')
const source = join(home, 'source')
const lock = resolve('compat-tests', 'confluent-javascript', 'package-lock.json')
/** With what they are built, beside what the package itself wants; rapidjson is for tests that read statistics. */
const debianPackages = ['g++', 'make', 'rapidjson-dev']
const atOnce = 3
/** Of one process; the tests have limits of their own below that. */
const limitMs = 900_000
/** What the tests are to take the broker for. */
const brokerVersion = '4.4.0.0'

export async function buildTests(): Promise<void> {
  const require = await installPackage()
  const carrier = dirname(require.resolve('@confluentinc/kafka-javascript/package.json'))
  await installDebianPackages(debianPackages)
  const how = [await run('cc', ['--version']), ...debianPackages].join('\n')
  await madeFrom(home, [lock], how, async () => {
    await rm(source, { recursive: true, force: true })
    await cp(join(carrier, 'deps', 'librdkafka'), source, { recursive: true })
    // Anew, since the package was configured without what the tests want. Kerberos is for those of another broker.
    await run('bash', ['./configure', '--disable-gssapi'], source)
    await run('make', ['-j2', 'libs'], source)
    await run('make', ['-C', 'tests', '-j2', 'test-runner'], source)
  })
}

/** A line of the table in `test.c`. */
interface KnownTest {
  name: string
  isRun: boolean
}

export function testsIn(table: string): KnownTest[] {
  return [...table.matchAll(/^ {4}_TEST\((\w+),\s*([A-Z_0-9| \n]+)/gm)].map(([, name, flags]) => ({
    name: name!,
    isRun: !/TEST_F_(LOCAL|MANUAL|SOCKEM)/.test(flags!),
  }))
}

export async function runTests(context: TestContext, leftOut: readonly NotPassing[]): Promise<TestRun> {
  const table = await readFile(join(source, 'tests', 'test.c'), 'utf8')
  const known = testsIn(table).filter(({ isRun }) => isRun)
  const names = known.flatMap(({ name }) => subtestsOf(name)?.map(part => `${name}/${part}`) ?? [name])
  const jobs = jobsFor(names.filter(name => !leftOut.some(entry => isMeant(name, entry))))
  const directory = await context.temporaryDirectory()
  await writeFile(
    join(directory, 'test.conf'),
    `metadata.broker.list=${context.bootstrap}\ntest.topic.random=true\n`,
  )
  const environment = {
    ...process.env,
    LD_LIBRARY_PATH: [join(source, 'src'), join(source, 'src-cpp')].join(':'),
    RDKAFKA_TEST_CONF: join(directory, 'test.conf'),
    TEST_KAFKA_VERSION: brokerVersion,
    BROKERS: context.bootstrap,
    KAFKA_PATH: await kafkaPath(directory),
  }
  const outcomes: TestOutcome[] = []
  const printed: string[] = []
  const runNext = async (): Promise<void> => {
    const job = jobs.shift()
    if (job === undefined || context.signal.aborted) return
    const report = join(directory, `${jobs.length}.json`)
    const subtest = job.subtest === undefined ? {} : { SUBTESTS: `${job.subtest}:` }
    const told = { ...environment, TESTS: job.number, ...subtest, TEST_REPORT: report }
    const output = await runJob(context, told)
    printed.push(output)
    outcomes.push(...outcomesOf(job, await readFile(report, 'utf8').catch(() => ''), output))
    await runNext()
  }
  await Promise.all(Array.from({ length: atOnce }, runNext))
  const outputFile = join(home, `${context.broker}.log`)
  await writeFile(outputFile, printed.join('\n'))
  return { outcomes, known: names, outputFile }
}

async function runJob(context: TestContext, environment: NodeJS.ProcessEnv): Promise<string> {
  const folder = join(source, 'tests')
  const output = await printedBy(context, {
    program: join(folder, 'test-runner'),
    args: ['-L', '-E', '-p1'],
    environment,
    folder,
    timeLimitMs: limitMs,
  })
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with one
  return output.replaceAll(/\u001b\[\d+m/g, '')
}

/** What one process runs: all tests of a number, or one subtest. */
export interface Job {
  number: string
  tests: string[]
  subtest?: string
}

export function jobsFor(names: readonly string[]): Job[] {
  const [parts, whole] = [names.filter(name => name.includes('/')), names.filter(name => !name.includes('/'))]
  return [
    ...parts.map(name => ({
      number: name.slice(0, 4),
      tests: [name],
      subtest: name.slice(name.indexOf('/') + 1),
    })),
    ...[...groupBy(whole, name => name.slice(0, 4))].map(([number, tests]) => ({ number, tests })),
  ]
}

const outcomeOf: Record<string, TestOutcome['outcome']> = { PASSED: 'pass', SKIPPED: 'skip' }

/**
 * What the program's report says of tests; without one it ended before its time. Of a subtest that nothing is printed of,
 * nothing was run.
 */
export function outcomesOf({ tests, subtest }: Job, report: string, output: string): TestOutcome[] {
  const states =
    report === ''
      ? {}
      : (JSON.parse(report) as { tests: Record<string, { state: string } | undefined> }).tests
  const failure = [...output.matchAll(/^### Test "(?!<MAIN>).* failed at .*\n.*/gm)].join('\n')
  const details = failure === '' ? output : failure
  return tests.map(name => {
    const whole = subtest === undefined ? name : name.slice(0, name.indexOf('/'))
    const outcome = outcomeOf[states[whole]?.state ?? ''] ?? 'fail'
    const wasRun = subtest === undefined || output.includes(`[ ${subtest}:`)
    return { name, outcome: outcome === 'pass' && !wasRun ? 'skip' : outcome, details }
  })
}

/** A folder with the scripts of Kafka's that tests call: `bin/kafka-topics.sh`. */
async function kafkaPath(directory: string): Promise<string> {
  const mainClass = 'org.apache.kafka.tools.TopicCommand'
  const libraries = join(await installApacheKafkaTools(), 'libs', '*')
  const script = join(directory, 'bin', 'kafka-topics.sh')
  await mkdir(dirname(script))
  await writeFile(script, `#!/bin/sh\nexec java -Xmx256m -cp '${libraries}' ${mainClass} "$@"\n`)
  await chmod(script, 0o755)
  return directory
}

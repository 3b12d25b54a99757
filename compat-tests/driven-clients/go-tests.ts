/**
 * The tests that a Go client publishes with its module, built from the very version that the client's `go.mod` names
 * and run against the broker under test. The module cache cannot be written to and knows nothing of `go test -c`, so
 * the module is copied to `.cache/driven-clients/<client>-tests` and built there; nothing of it is changed.
 *
 * A test that has subtests is told by these: it is an outcome of its own only when it failed although none of them
 * did. What ran when the program ended before its time has failed.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, rm, writeFile } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import type { TestContext } from '../capability.ts'
import type { NotPassing, TestOutcome, TestRun } from '../published-tests.ts'
import { madeFrom, run } from './toolchains.ts'

export interface GoTests {
  /** The client's folder, whose `go.mod` names the module. */
  client: string
  module: string
  /** Those of its packages whose tests speak to a broker; the names of the first one's tests stand alone. */
  packages: readonly [string, ...string[]]
  tags?: string
  /** Files of the client's folder that are put beside the first package's tests, for what these cannot be told. */
  added?: readonly string[]
}

export interface GoTestPrograms {
  /** Where they were built, and where what they print is kept. */
  home: string
  programs: { program: string; folder: string; prefix: string }[]
}

/** A line of `go tool test2json`. */
export interface TestEvent {
  Action: string
  Test?: string
  Output?: string
}

/** Of what one test printed; its last lines are what is shown. */
const longestOutput = 20_000

/** Once for every version of the module and of Go. */
export async function buildGoTests(tests: GoTests): Promise<GoTestPrograms> {
  const { client, module, packages, tags = '', added = [] } = tests
  const folder = resolve('compat-tests', client)
  const home = resolve('.cache', 'driven-clients', `${client}-tests`)
  const source = join(home, 'source')
  const programs = packages.map((path, index) => ({
    program: join(home, `${basename(join('main', path))}.test`),
    folder: join(source, path),
    prefix: index === 0 ? '' : `${path}.`,
  }))
  const addedFiles = added.map(name => join(folder, name))
  const made = [await run('go', ['version']), module, tags, ...packages].join('\n')
  await madeFrom(home, [join(folder, 'go.mod'), join(folder, 'go.sum'), ...addedFiles], made, async () => {
    const download = await run('go', ['mod', 'download', '-json', module], folder)
    await rm(source, { recursive: true, force: true })
    await run('cp', ['-r', '--no-preserve=mode', JSON.parse(download).Dir, source])
    for (const file of addedFiles) await copyFile(file, join(source, packages[0], basename(file)))
    // Not every module's go.mod is as Go would write it, and it may do that in the copy.
    for (const [index, { program }] of programs.entries())
      await run(
        'go',
        ['test', '-c', '-mod=mod', '-tags', tags, '-o', program, `./${packages[index]}`],
        source,
      )
  })
  return { home, programs }
}

export interface GoTestOptions {
  environment: Record<string, string>
  leftOut: readonly NotPassing[]
  /** How many tests of a program may run at once: as many as there are processors, unless told. */
  parallel?: number
  /** How long a program may run; it then ends with what its tests are doing. */
  timeLimitMs: number
}

export async function runGoTests(
  context: TestContext,
  { home, programs }: GoTestPrograms,
  { environment, leftOut, parallel, timeLimitMs }: GoTestOptions,
): Promise<TestRun> {
  const outcomes: TestOutcome[] = []
  const known: string[] = []
  const printed: string[] = []
  for (const { program, folder, prefix } of programs) {
    const env = { ...process.env, ...environment }
    // Some programs prepare themselves before they tell even this.
    const list = await promisify(execFile)(program, ['-test.list', '.'], { cwd: folder, env })
    known.push(...list.stdout.split('\n').flatMap(name => (name === '' ? [] : `${prefix}${name}`)))
    const patterns = leftOut
      .filter(({ test }) => test.startsWith(prefix))
      .map(({ test }) => skipPattern(test.slice(prefix.length)))
    const skip = patterns.length === 0 ? [] : ['-test.skip', patterns.join('|')]
    const converter = ['tool', 'test2json', '-t', program, '-test.v=test2json']
    const limits = ['-test.timeout', `${timeLimitMs}ms`]
    if (parallel !== undefined) limits.push('-test.parallel', String(parallel))
    const child = spawn('go', [...converter, ...limits, ...skip], {
      cwd: folder,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    const kill = () => killGroup(child)
    context.cleanUp(kill)
    process.once('exit', kill)
    const lines: string[] = []
    const complaints: string[] = []
    const kept = Promise.all([keepLines(child.stdout!, lines), keepLines(child.stderr!, complaints)])
    await once(child, 'close')
    process.off('exit', kill)
    await kept
    const events = [
      ...lines.map(line => JSON.parse(line) as TestEvent),
      ...complaints.map(line => ({ Action: 'output', Output: `${line}\n` })),
    ]
    printed.push(...events.map(({ Output = '' }) => Output))
    outcomes.push(...outcomesOf(events).map(outcome => ({ ...outcome, name: `${prefix}${outcome.name}` })))
  }
  const outputFile = join(home, `${context.broker}.log`)
  await writeFile(outputFile, printed.join(''))
  return { outcomes, known, outputFile }
}

/** How each test ended, in the order in which they began. */
export function outcomesOf(events: readonly TestEvent[]): TestOutcome[] {
  const tests = new Map<string, { outcome: TestOutcome['outcome'] | undefined; output: string }>()
  let loose = ''
  for (const { Action, Test, Output = '' } of events) {
    if (Test === undefined) {
      loose = `${loose}${Output}`.slice(-longestOutput)
      continue
    }
    const test = tests.get(Test) ?? { outcome: undefined, output: '' }
    tests.set(Test, test)
    if (Action === 'output') test.output = `${test.output}${Output}`.slice(-longestOutput)
    if (Action === 'pass' || Action === 'fail' || Action === 'skip') test.outcome = Action
  }
  const names = [...tests.keys()]
  const parents = new Set(names.flatMap(ancestorsOf))
  const failed = names.filter(name => (tests.get(name)!.outcome ?? 'fail') === 'fail')
  const parentsOfFailed = new Set(failed.flatMap(ancestorsOf))
  return names.flatMap(name => {
    const { outcome, output } = tests.get(name)!
    if (outcome === undefined) {
      return parentsOfFailed.has(name)
        ? []
        : { name, outcome: 'fail', details: `${output}${loose}it did not end` }
    }
    if (parents.has(name) && (outcome !== 'fail' || parentsOfFailed.has(name))) return []
    return { name, outcome, details: output }
  })
}

function ancestorsOf(name: string): string[] {
  const parts = name.split('/')
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('/'))
}

/** For `-test.skip`, which has a regular expression for each part of a name. */
export function skipPattern(test: string): string {
  const isBeginning = test.endsWith('*')
  const parts = (isBeginning ? test.slice(0, -1) : test).split('/')
  return parts
    .map((part, index) => {
      const escaped = part.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')
      return isBeginning && index === parts.length - 1 ? `^${escaped}` : `^${escaped}$`
    })
    .join('/')
}

async function keepLines(stream: NodeJS.ReadableStream, lines: string[]): Promise<void> {
  for await (const line of createInterface({ input: stream })) lines.push(line)
}

function killGroup(child: ChildProcess): void {
  try {
    process.kill(-child.pid!, 'SIGKILL')
  } catch {
    // It has ended.
  }
}

/**
 * The tests that a Python client publishes in its source distribution, run with pytest against the broker under test:
 * of the version that the client's `requirements.txt` names, in a virtual environment that has the client as its
 * users have it. Nothing of the distribution is changed; a plugin beside the suite, `own_tests_plugin.py`, points it at
 * the broker and says how each test ended:
 *
 *     OWN_TESTS_OUTCOMES   a file to which it adds a line of JSON for each test: name, outcome, details
 *     OWN_TESTS_KNOWN      a file to which it adds the name of each test that there is
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { Skipped, type TestContext } from '../capability.ts'
import type { NotPassing, TestOutcome, TestRun } from '../published-tests.ts'
import { pythonWith, quietly, run } from './toolchains.ts'

export interface PythonTests {
  python: string
  /** The unpacked source distribution. */
  source: string
  /** The client's folder, with the plugin. */
  folder: string
  /** Where what they print is kept. */
  home: string
}

export async function pythonTestsOf(client: string): Promise<PythonTests> {
  const folder = resolve('compat-tests', client)
  const home = resolve('.cache', 'driven-clients', `${client}-tests`)
  const requirements = join(folder, 'requirements.txt')
  const tools = join(folder, 'own-tests-requirements.txt')
  const python = await pythonWith(home, [requirements, tools], async python => {
    // Everything else comes along as it is, because one file of requirements says what is the version of the client.
    const download = ['download', ...quietly, '--no-deps', '--no-build-isolation', '--require-hashes']
    const formats = ['--only-binary', ':all:', '--no-binary', client]
    await run(python, [
      '-m',
      'pip',
      ...download,
      ...formats,
      '-r',
      requirements,
      '-d',
      join(home, 'downloads'),
    ])
    const archive = await onlyOne(join(home, 'downloads'), name => name.endsWith('.tar.gz'))
    await mkdir(join(home, 'source'), { recursive: true })
    await run('tar', ['-xzf', archive, '-C', join(home, 'source')])
  })
  return { python, source: await onlyOne(join(home, 'source'), () => true), folder, home }
}

export interface PythonTestOptions {
  /** The folder of the tests in the distribution, from which their names are counted. */
  tests: string
  environment: Record<string, string>
  leftOut: readonly NotPassing[]
  /** How long one test may take. */
  testLimitMs: number
}

export async function runPythonTests(
  context: TestContext,
  { python, source, folder, home }: PythonTests,
  { tests, environment, leftOut, testLimitMs }: PythonTestOptions,
): Promise<TestRun> {
  const results = await context.temporaryDirectory()
  const outcomesFile = join(results, 'outcomes')
  const knownFile = join(results, 'known')
  const outputFile = join(home, `${context.broker}.log`)
  const limit = [`--timeout=${testLimitMs / 1000}`, '--timeout-method=signal']
  const plugin = ['-p', 'own_tests_plugin', '-p', 'no:cacheprovider']
  const skip = leftOut.flatMap(({ test }) => ['--deselect', `${tests}/${test}`])
  const child = spawn(python, ['-B', '-m', 'pytest', ...plugin, ...limit, '--tb=short', ...skip, tests], {
    cwd: source,
    env: {
      ...process.env,
      ...environment,
      PYTHONPATH: folder,
      OWN_TESTS_OUTCOMES: outcomesFile,
      OWN_TESTS_KNOWN: knownFile,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  context.cleanUp(() => child.kill('SIGKILL'))
  const output = createWriteStream(outputFile)
  child.stdout.pipe(output, { end: false })
  child.stderr.pipe(output, { end: false })
  await once(child, 'close')
  output.end()
  const lines = async (file: string) =>
    (await readFile(file, 'utf8').catch(() => '')).split('\n').filter(line => line !== '')
  return {
    outcomes: (await lines(outcomesFile)).map(line => JSON.parse(line) as TestOutcome),
    known: await lines(knownFile),
    outputFile,
  }
}

async function onlyOne(folder: string, isMeant: (name: string) => boolean): Promise<string> {
  const [name, ...others] = (await readdir(folder)).filter(isMeant)
  if (name === undefined || others.length > 0)
    throw new Skipped(`what pip has brought is not one source distribution: ${[name, ...others].join(', ')}`)
  return join(folder, name)
}

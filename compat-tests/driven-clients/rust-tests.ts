/**
 * The tests that a Rust client publishes in its crate, built with cargo as a package of ours and run against the broker
 * under test. The package's `build.rs` makes them modules of its only test program, from where cargo has unpacked the
 * crate; nothing of them is changed.
 */
import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { groupBy } from '../../scripts/statistics.ts'
import { Skipped, type TestContext } from '../capability.ts'
import type { NotPassing, TestOutcome, TestRun } from '../published-tests.ts'
import { printedBy } from './test-program.ts'
import { run } from './toolchains.ts'

const buildLimitMs = 900_000

export interface RustTests {
  /** The crate that has them. */
  crate: string
  /** The package of ours that they are built in, and the folder of its workspace. */
  package: string
  folder: string
  /** Where cargo builds, and what the tests print is kept. */
  target: string
}

/** Gives the program that cargo has made of them. */
export async function buildRustTests(tests: RustTests): Promise<string> {
  const { packages } = JSON.parse(await cargo(tests, ['metadata', '--format-version', '1', '--locked'])) as {
    packages: { name: string; manifest_path: string }[]
  }
  const crate = packages.find(({ name }) => name === tests.crate)
  if (crate === undefined) throw new Error(`${tests.crate} is not among the packages that cargo knows`)
  const build = ['test', '--package', tests.package, '--no-run', '--locked', '--message-format', 'json']
  const messages = await cargo(tests, build, { OTTLA_COMPAT_CRATE: dirname(crate.manifest_path) })
  const programs = messages
    .split('\n')
    .filter(line => line.startsWith('{'))
    .map(line => JSON.parse(line) as { executable?: string | null; target?: { kind: string[] } })
    .filter(({ executable, target }) => typeof executable === 'string' && target?.kind.includes('test'))
  if (programs.length !== 1) throw new Error(`cargo has built ${programs.length} programs of tests`)
  return programs[0]!.executable!
}

/** Its output; what it cannot do is a reason to skip: crates are not there, or do not go with this machine. */
function cargo(
  { folder, target }: RustTests,
  args: string[],
  environment: Record<string, string> = {},
): Promise<string> {
  const env = { ...process.env, CARGO_TARGET_DIR: target, ...environment }
  const options = { cwd: folder, env, timeout: buildLimitMs, maxBuffer: 64 * 1024 * 1024 }
  return new Promise((resolve, reject) => {
    execFile('cargo', args, options, (error, stdout, stderr) => {
      if (error === null) return resolve(stdout)
      if ('code' in error && error.code === 'ENOENT')
        return reject(new Skipped('there is no cargo on the PATH'))
      // Code of ours that does not compile is no reason.
      if (/could not compile `(ottla-|testcontainers)/.test(stderr)) return reject(new Error(stderr))
      const reason = stderr.split('\n').find(line => /^error/.test(line)) ?? error.message
      reject(new Skipped(`cargo could not build the tests: ${reason}`))
    })
  })
}

export interface RustTestOptions {
  /** Of the program: which tests, how many at once. */
  arguments: string[]
  environment: Record<string, string>
  leftOut: readonly NotPassing[]
  /** How long all tests of a module may take. */
  timeLimitMs: number
}

/** Module by module, each in a process of its own, as each of the crate's files of tests would be. */
export async function runRustTests(
  context: TestContext,
  tests: RustTests,
  program: string,
  options: RustTestOptions,
): Promise<TestRun> {
  const known = [...(await run(program, ['--list'])).matchAll(/^(\S+): test$/gm)].map(([, name]) => name!)
  const modules = groupBy(known, name => name.slice(0, name.indexOf('::')))
  const isLeftOut = new Set(options.leftOut.map(({ test }) => test))
  const printed: string[] = []
  for (const ofModule of modules.values()) {
    const wanted = ofModule.filter(name => !isLeftOut.has(name))
    if (wanted.length > 0 && !context.signal.aborted) {
      printed.push(
        await printedBy(context, {
          program,
          args: [...options.arguments, '--exact', ...wanted],
          environment: { ...process.env, RUST_BACKTRACE: '0', ...options.environment },
          timeLimitMs: options.timeLimitMs,
        }),
      )
    }
  }
  const outputFile = join(tests.target, `${tests.crate}-${context.broker}.log`)
  await writeFile(outputFile, printed.join('\n'))
  return { outcomes: printed.flatMap(outcomesOf), known, outputFile }
}

/**
 * What Rust's test program prints: a line for each test that has ended, and at the end what each that failed has
 * printed, under its name.
 */
export function outcomesOf(output: string): TestOutcome[] {
  const printed = new Map(
    [...output.matchAll(/^---- (\S+) stdout ----\n([\s\S]*?)(?=^---- |^failures:\n)/gm)].map(
      ([, name, text]) => [name!, text!] as const,
    ),
  )
  return [...output.matchAll(/^test (\S+)(?: - should panic)? \.\.\. (ok|FAILED|ignored)\b/gm)].map(
    ([, name, result]) => ({ name: name!, outcome: outcomes[result!]!, details: printed.get(name!) }),
  )
}

const outcomes: Record<string, TestOutcome['outcome']> = { ok: 'pass', FAILED: 'fail', ignored: 'skip' }

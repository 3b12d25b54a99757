/**
 * @platformatic/kafka takes zstd from node:zlib, which has it since Node 22.15. Where the Node that runs has none, npm
 * brings one that has (package.json beside this file: packages that hold a binary, for Linux), and this very suite is run
 * by it for that one capability, against the same broker. What it found is the result.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import zlib from 'node:zlib'
import { Skipped, type TestContext } from '../capability.ts'
import { clientPackages } from '../client-packages.ts'
import type { CapabilityResult } from '../run-suite.ts'

export const hasZstd = 'zstdCompressSync' in zlib

const runner = fileURLToPath(new URL('../run.js', import.meta.url))

/** The path of its binary. */
export async function newerNode(): Promise<string> {
  const require = await clientPackages('platformatic')
  try {
    return require.resolve(`node-${process.platform}-${process.arch}/bin/node`)
  } catch {
    throw new Skipped(
      `@platformatic/kafka takes zstd from node:zlib, Node ${process.version} has none there, and npm has no newer one for ${process.platform}-${process.arch}`,
    )
  }
}

/** Fails as the capability does there. */
export async function tryWithNewerNode(context: TestContext, capability: string): Promise<void> {
  const program = await newerNode()
  const results = join(await context.temporaryDirectory(), 'results.json')
  const { bootstrap, seed } = context
  const args = ['platformatic', '--only', capability, '--broker', bootstrap, '--seed', String(seed)]
  const child = spawn(program, [runner, ...args, '--json', results], { stdio: ['ignore', 'pipe', 'pipe'] })
  context.cleanUp(() => child.kill('SIGKILL'))
  for (const output of [child.stdout, child.stderr])
    createInterface({ input: output }).on('line', context.note)
  await once(child, 'close')
  const told = JSON.parse(await readFile(results, 'utf8')) as { results: CapabilityResult[] }
  const [result, ...others] = told.results
  if (result?.outcome !== 'pass' || others.length > 0)
    throw new Error(`a newer Node: ${result?.reason ?? `${told.results.length} capabilities were tried`}`)
}

/** A program of tests that prints how they ended, run until it ends by itself or its time is over. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { TestContext } from '../capability.ts'

export interface TestProgram {
  program: string
  args: readonly string[]
  environment: NodeJS.ProcessEnv
  folder?: string
  timeLimitMs: number
}

/** All that it printed, to either stream. */
export async function printedBy(
  context: TestContext,
  { program, args, environment, folder, timeLimitMs }: TestProgram,
): Promise<string> {
  const child = spawn(program, args, {
    cwd: folder,
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  context.cleanUp(() => child.kill('SIGKILL'))
  const limit = setTimeout(() => child.kill('SIGKILL'), timeLimitMs)
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text))
  await once(child, 'close')
  clearTimeout(limit)
  return output
}

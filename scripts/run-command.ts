/** Runs a command to its end, for checks that use a project as its users do: through npm, npx and tsc. */
import { spawnSync } from 'node:child_process'

/** A test framework that waits for something that was left open would wait for ever. */
const timeoutMs = 180_000

/** What it printed, to both outputs; fails with that when the command does. */
export function run(command: string, parameters: readonly string[], folder: string): string {
  const { status, signal, error, stdout, stderr } = spawnSync(command, parameters, {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: timeoutMs,
  })
  if (status === 0) return stdout + stderr
  const end = error?.message ?? (signal === null ? `exit code ${status}` : `ended by ${signal}`)
  throw new Error(`${command} ${parameters.join(' ')}: ${end}\n${stdout}${stderr}`)
}

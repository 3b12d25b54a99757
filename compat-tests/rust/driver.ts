/**
 * The program of `src/`, which drives krafka: built with cargo when it is first needed, into `.cache`, started anew for
 * each test, and spoken to in lines of JSON. Keys and values are base64 on the way.
 */
import { execFile, spawn } from 'node:child_process'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { Skipped, type TestContext } from '../capability.ts'
import { succeeds } from '../debian-packages.ts'

export const folder = resolve('compat-tests', 'rust')
export const buildTarget = resolve('.cache', 'rust-driver')
export const driverProgram = resolve(buildTarget, 'debug', 'ottla-compat-rust')

const buildLimitMs = 900_000

export async function buildDriver(): Promise<void> {
  if (!(await succeeds('cargo', ['--version']))) throw new Skipped('there is no cargo on the PATH')
  await new Promise<void>((resolve, reject) => {
    const env = { ...process.env, CARGO_TARGET_DIR: buildTarget }
    const options = { cwd: folder, env, timeout: buildLimitMs, maxBuffer: 16 * 1024 * 1024 }
    execFile('cargo', ['build', '--locked', '--quiet'], options, (error, _, stderr) => {
      if (error === null) return resolve()
      const reason = stderr.split('\n').find(line => /^error/.test(line)) ?? error.message
      // A crate that cannot be had is the machine's fault, code that does not compile is ours.
      const isOurs = /could not compile `ottla-compat-rust`/.test(stderr)
      reject(isOurs ? new Error(stderr) : new Skipped(`cargo could not build the driver: ${reason}`))
    })
  })
}

/** Why krafka, or the broker, would not do it; the code is Kafka's. */
export class DriverError extends Error {
  override name = 'DriverError'
  readonly code: number | null

  constructor(command: string, code: number | null, message: string) {
    super(`${command}: ${message}`)
    this.code = code
  }
}

export interface Driver {
  call<T = null>(command: string, args?: object): Promise<T>
}

interface Answer {
  id: number
  ok?: unknown
  error?: { code: number | null; message: string }
}

export function startDriver(context: TestContext): Driver {
  const child = spawn(driverProgram, [context.bootstrap])
  context.cleanUp(() => child.kill('SIGKILL'))
  child.stdin.on('error', () => undefined)
  createInterface({ input: child.stderr }).on('line', line => context.note(`driver: ${line}`))
  const waiting = new Map<number, { command: string; answer(answer: Answer): void }>()
  createInterface({ input: child.stdout }).on('line', line => {
    const answer = JSON.parse(line) as Answer
    const caller = waiting.get(answer.id)
    waiting.delete(answer.id)
    caller?.answer(answer)
  })
  child.once('close', code => {
    const error = { code: null, message: `the driver ended with ${code}` }
    for (const [id, { answer }] of waiting) answer({ id, error })
  })
  let calls = 0
  return {
    call: <T>(command: string, args: object = {}) =>
      new Promise<T>((resolve, reject) => {
        const id = ++calls
        const answer = ({ ok, error }: Answer) => {
          if (error === undefined) resolve(ok as T)
          else reject(new DriverError(command, error.code, error.message))
        }
        waiting.set(id, { command, answer })
        child.stdin.write(`${JSON.stringify({ ...args, id, command })}\n`)
      }),
  }
}

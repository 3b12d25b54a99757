/**
 * Running Debian's kcat (librdkafka) as its users do: a command line in, lines out. `kcat` is one that runs to its
 * end; `startKcat` is one that keeps running, whose lines on stdout are records and on stderr what happens to it.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { TestContext } from '../capability.ts'
import { installDebianPackages, succeeds } from '../debian-packages.ts'
import { type Collector, collector } from '../wait-for.ts'

export interface KcatResult {
  code: number
  stdout: string
  stderr: string
}

export interface RunningKcat {
  pid: number
  records: Collector<string>
  events: Collector<string>
  /** Sends lines to be produced. */
  write(text: string): void
  /** Ends its input, waits for its end and gives its exit code. */
  finish(): Promise<number | null>
  /** As Ctrl-C does: it leaves its group and commits. */
  terminate(): Promise<void>
  kill9(): Promise<void>
}

const runLimitMs = 25_000

/** Installs kcat where this may be done, and otherwise says why there is nothing to test. */
export async function prepareKcat(): Promise<void> {
  if (!(await succeeds('kcat', ['-V']))) await installDebianPackages(['kcat'])
}

/** Runs kcat to its end; the broker comes first, the rest is the caller's. */
export async function tryKcat(context: TestContext, args: string[], input = ''): Promise<KcatResult> {
  const child = start(context, args)
  let stdout = ''
  let stderr = ''
  child.stdout!.setEncoding('utf8').on('data', text => (stdout += text))
  child.stderr!.setEncoding('utf8').on('data', text => (stderr += text))
  child.stdin!.end(input)
  const timer = setTimeout(() => child.kill('SIGKILL'), runLimitMs)
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
  clearTimeout(timer)
  for (const line of stderr.split('\n').slice(0, 10)) if (line !== '') context.note(`kcat: ${line}`)
  if (signal !== null)
    throw new Error(`kcat ${args.join(' ')} did not end within ${runLimitMs} ms: ${stderr}`)
  return { code: code!, stdout, stderr }
}

/** The same, for what must succeed; gives the standard output. */
export async function kcat(context: TestContext, args: string[], input = ''): Promise<string> {
  const { code, stdout, stderr } = await tryKcat(context, args, input)
  assert.equal(code, 0, `kcat ${args.join(' ')} exited with ${code}: ${stderr}`)
  return stdout
}

/** The lines of an output that ends with a newline. */
export function linesOf(text: string): string[] {
  return text === '' ? [] : text.replace(/\n$/, '').split('\n')
}

export function startKcat(context: TestContext, args: string[]): RunningKcat {
  const child = start(context, args)
  const records = collector<string>()
  const events = collector<string>()
  createInterface({ input: child.stdout! }).on('line', line => records.add(line))
  createInterface({ input: child.stderr! }).on('line', line => {
    context.note(`kcat ${child.pid}: ${line}`)
    events.add(line)
  })
  const closed = once(child, 'close') as Promise<[number | null]>
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal)
    await closed
  }
  return {
    pid: child.pid!,
    records,
    events,
    write: text => void child.stdin!.write(text),
    async finish() {
      child.stdin!.end()
      return (await closed)[0]
    },
    terminate: () => end('SIGTERM'),
    kill9: () => end('SIGKILL'),
  }
}

function start(context: TestContext, args: string[]): ChildProcess {
  const child = spawn('kcat', ['-b', context.bootstrap, ...args])
  child.stdin.on('error', () => undefined)
  context.cleanUp(() => child.kill('SIGKILL'))
  return child
}

/**
 * Running the `ottla` command as its users do: the built command line in a process of its own, words and stdin in,
 * stdout, stderr and an exit code out. `ottla` is one that must succeed, `tryOttla` any that runs to its end, and
 * `startOttla` one that keeps running until it is told to stop.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { ottlaMain } from '../../scripts/ottla-process.ts'
import type { TestContext } from '../capability.ts'
import { type Collector, collector } from '../wait-for.ts'

export interface OttlaResult {
  code: number
  stdout: string
  stderr: string
}

export interface RunningOttla {
  lines: Collector<string>
  write(text: string): void
  /** As Ctrl-C does; gives the exit code. */
  interrupt(): Promise<number | null>
  /** Waits for its own end. */
  ended: Promise<number | null>
}

const runLimitMs = 25_000

export async function tryOttla(
  context: TestContext,
  words: string[],
  input: string | Buffer = '',
): Promise<OttlaResult> {
  const child = start(context, words)
  const stdout: Buffer[] = []
  let stderr = ''
  child.stdout!.on('data', bytes => stdout.push(bytes))
  child.stderr!.setEncoding('utf8').on('data', text => (stderr += text))
  child.stdin!.end(input)
  const timer = setTimeout(() => child.kill('SIGKILL'), runLimitMs)
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
  clearTimeout(timer)
  for (const line of stderr.split('\n').slice(0, 10)) if (line !== '') context.note(line)
  if (signal !== null) throw new Error(`ottla ${words.join(' ')} was ended by ${signal}: ${stderr}`)
  return { code: code!, stdout: Buffer.concat(stdout).toString('utf8'), stderr }
}

/** The same, for what must succeed without a word on stderr but those of dry runs and the like; gives stdout. */
export async function ottla(
  context: TestContext,
  words: string[],
  input: string | Buffer = '',
): Promise<string> {
  const { code, stdout, stderr } = await tryOttla(context, words, input)
  assert.equal(code, 0, `ottla ${words.join(' ')} exited with ${code}: ${stderr}`)
  return stdout
}

// biome-ignore lint/suspicious/noExplicitAny: whatever the command says; the tests look at what they know
export async function ottlaJson(context: TestContext, words: string[], input = ''): Promise<any> {
  return JSON.parse(await ottla(context, [...words, '--json'], input))
}

/** Refused with this code and one sentence on stderr, which is given. */
export async function refused(
  context: TestContext,
  words: string[],
  code: number,
  input = '',
): Promise<string> {
  const result = await tryOttla(context, words, input)
  assert.equal(result.code, code, `ottla ${words.join(' ')}: ${result.stderr}`)
  assert.match(result.stderr, /^ottla: .+\.\n$/, 'not one sentence')
  assert.doesNotMatch(result.stderr, /\n\s+at /, 'a stack trace')
  return result.stderr
}

export function startOttla(context: TestContext, words: string[]): RunningOttla {
  const child = start(context, words)
  const lines = collector<string>()
  createInterface({ input: child.stdout! }).on('line', line => lines.add(line))
  createInterface({ input: child.stderr! }).on('line', line => context.note(line))
  const ended = once(child, 'close').then(([code]) => code as number | null)
  return {
    lines,
    write: text => void child.stdin!.write(text),
    async interrupt() {
      child.kill('SIGINT')
      return await ended
    },
    ended,
  }
}

/** The lines of an output that ends with a newline. */
export function linesOf(text: string): string[] {
  return text === '' ? [] : text.replace(/\n$/, '').split('\n')
}

export function asLines(values: readonly string[]): string {
  return values.map(value => `${value}\n`).join('')
}

export async function createdTopic(
  context: TestContext,
  label: string,
  partitions = 1,
  ...more: string[]
): Promise<string> {
  const topic = context.uniqueName(label)
  await ottla(context, ['topic', 'create', topic, '--partitions', String(partitions), ...more])
  return topic
}

/** For topics with records whose timestamps are of long ago: brokers look for such every now and then. */
export const kept = ['--config', 'retention.ms=-1']

/** Records as `consume --json` prints them. */
export async function consumed(context: TestContext, words: string[]): Promise<ConsumedRecord[]> {
  return linesOf(await ottla(context, ['consume', ...words, '--json'])).map(line => JSON.parse(line))
}

export interface ConsumedRecord {
  topic: string
  partition: number
  offset: number
  timestamp: number
  key?: string | null
  keyBase64?: string
  value?: string | null
  valueBase64?: string
  headers: { key: string; value?: string | null; valueBase64?: string }[]
}

function start(context: TestContext, words: string[]): ChildProcess {
  const child = spawn(process.execPath, [ottlaMain, ...words], {
    env: { ...process.env, OTTLA_BOOTSTRAP_SERVER: context.bootstrap },
  })
  child.stdin.on('error', () => undefined)
  context.cleanUp(() => child.kill('SIGKILL'))
  return child
}

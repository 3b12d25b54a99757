/**
 * A client of long ago, as a program that does one thing and ends:
 *
 *   produce VERSION BROKER TOPIC COMPRESSION ACKS   sends the lines of its standard input, `KEY VALUE`, to partition 0
 *   consume VERSION BROKER TOPIC OFFSET COUNT       prints so many records, `OFFSET TIMESTAMP KEY VALUE`
 *   group VERSION BROKER TOPIC GROUP COUNT          prints so many as a group's only member, commits and leaves
 *
 * Keys and values are `-` for null and `+` with base64 for bytes; a time that there is not is -1.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { TestContext } from '../capability.ts'

export interface OldClient {
  /** Client and version, as a user names them. */
  readonly name: string
  /** Its argument VERSION. */
  readonly version: string
  readonly compressions: readonly string[]
  readonly writesTimestamps: boolean
  readonly readsTimestamps: boolean
  /** Brings it here and gives what starts it; throws a Skipped. */
  prepare(): Promise<readonly [command: string, ...args: string[]]>
}

export interface OldRecord {
  key: Buffer | null
  value: Buffer | null
}
export interface ReadRecord extends OldRecord {
  offset: number
  timestamp: number
}

export const textOf = (bytes: Buffer | null): string =>
  bytes === null ? '-' : `+${bytes.toString('base64')}`

export const fieldOf = (text: string): Buffer | null =>
  text === '-' ? null : Buffer.from(text.slice(1), 'base64')

/** Runs the client to its end; gives its lines. */
export async function runOldClient(
  context: TestContext,
  client: OldClient,
  command: 'produce' | 'consume' | 'group',
  topic: string,
  args: string[],
  input = '',
): Promise<string[]> {
  const [program, ...before] = await client.prepare()
  const child = spawn(program, [...before, command, client.version, context.bootstrap, topic, ...args])
  context.cleanUp(() => child.kill('SIGKILL'))
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', text => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', text => (stderr += text))
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  const [code] = await once(child, 'close', { signal: context.signal }).catch(error => {
    throw new Error(`${client.name} did not end: ${stdout.slice(-500)}${stderr.slice(-1_000)}`, {
      cause: error,
    })
  })
  if (code !== 0)
    throw new Error(
      `${client.name} ${command} ${args.join(' ')} ended with ${code} after ${stdout.split('\n').length - 1} lines: ${stderr.slice(-2_000)}`,
    )
  return stdout.split('\n').slice(0, -1)
}

export async function produceWith(
  context: TestContext,
  client: OldClient,
  topic: string,
  records: readonly OldRecord[],
  { compression = 'none', acks = '1' } = {},
): Promise<void> {
  const lines = records.map(({ key, value }) => `${textOf(key)} ${textOf(value)}\n`)
  await runOldClient(context, client, 'produce', topic, [compression, acks], lines.join(''))
}

export async function consumeWith(
  context: TestContext,
  client: OldClient,
  topic: string,
  offset: number,
  count: number,
): Promise<ReadRecord[]> {
  return (await runOldClient(context, client, 'consume', topic, [String(offset), String(count)])).map(
    recordOf,
  )
}

export async function consumeInGroupWith(
  context: TestContext,
  client: OldClient,
  topic: string,
  group: string,
  count: number,
): Promise<ReadRecord[]> {
  return (await runOldClient(context, client, 'group', topic, [group, String(count)])).map(recordOf)
}

function recordOf(line: string): ReadRecord {
  const [offset, timestamp, key, value] = line.split(' ') as [string, string, string, string]
  return { offset: Number(offset), timestamp: Number(timestamp), key: fieldOf(key), value: fieldOf(value) }
}

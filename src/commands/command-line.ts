/**
 * What all commands that talk to a broker share: their flags, the client they get, and how an error becomes one
 * sentence on stderr and an exit code.
 */
import { Command, InvalidArgumentError, Option } from 'commander'
import { parseBootstrapServers } from '../client/addresses.ts'
import { ClientError, type ClientFailure } from '../client/client-error.ts'
import { ClusterClient } from '../client/cluster-client.ts'
import { exitCodes } from '../exit-codes.ts'
import { version } from '../version.ts'
import { OutputClosed, remark } from './output.ts'
import { parseDurationMs } from './times.ts'

export interface ClientFlags {
  readonly bootstrapServer: string
  readonly requestTimeout: number
  readonly json?: boolean
}

/** Wrong in a way that only shows when flags are seen together. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

const defaultRequestTimeoutMs = 30_000

/** A command, or a family of them, with the conventions of the house. */
export function newCommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .exitOverride()
    .showHelpAfterError(`(ottla ${name} --help says what there is)`)
}

export function bootstrapOption(): Option {
  return new Option('--bootstrap-server <host:port,...>', 'brokers to ask first')
    .default('localhost:9092')
    .env('OTTLA_BOOTSTRAP_SERVER')
}

/** Adds the flags with which a command finds its broker. */
export function withClientFlags(command: Command, examples: string): Command {
  return command
    .addOption(bootstrapOption())
    .addOption(
      new Option('--request-timeout <duration>', 'how long to wait for brokers')
        .argParser(parseDurationMs)
        .default(defaultRequestTimeoutMs, '30s'),
    )
    .option('--json', 'print JSON')
    .addHelpText('after', `\nExamples:\n${examples.trimEnd().replace(/^/gm, '  ')}`)
}

/** Runs what a command is for with a client of its cluster; whatever happens ends in an exit code. */
export async function withClient(
  flags: ClientFlags,
  run: (client: ClusterClient) => Promise<void>,
  { clientId = 'ottla' }: { clientId?: string } = {},
): Promise<void> {
  let client: ClusterClient | undefined
  try {
    const bootstrap = bootstrapOf(flags)
    client = new ClusterClient({
      bootstrap,
      clientId,
      softwareVersion: version,
      timeoutMs: flags.requestTimeout,
    })
    await run(client)
  } catch (error) {
    process.exitCode = report(error)
  } finally {
    client?.close()
  }
}

function bootstrapOf({ bootstrapServer }: ClientFlags) {
  try {
    return parseBootstrapServers(bootstrapServer)
  } catch (error) {
    throw error instanceof ClientError ? new UsageError(error.message) : error
  }
}

/** Says what went wrong; gives the exit code. An error that nobody foresaw goes on. */
export function report(error: unknown): number {
  if (error instanceof OutputClosed) {
    if (error.code === 'EPIPE') return exitCodes.ok
    remark(`The output cannot be written: ${error.message}.`)
    return exitCodes.ioError
  }
  if (error instanceof UsageError) {
    remark(error.message)
    return exitCodes.usage
  }
  if (!(error instanceof ClientError)) throw error
  remark(error.message)
  return exitCodeOfFailure(error.failure)
}

const missing: ReadonlySet<ClientFailure> = new Set<ClientFailure>([
  'UNKNOWN_TOPIC_OR_PARTITION',
  'UNKNOWN_TOPIC_ID',
  'GROUP_ID_NOT_FOUND',
  'RESOURCE_NOT_FOUND',
])
const passing: ReadonlySet<ClientFailure> = new Set<ClientFailure>([
  'timed out',
  'closed',
  'REQUEST_TIMED_OUT',
  'LEADER_NOT_AVAILABLE',
  'NOT_LEADER_OR_FOLLOWER',
  'BROKER_NOT_AVAILABLE',
  'REPLICA_NOT_AVAILABLE',
  'COORDINATOR_LOAD_IN_PROGRESS',
  'COORDINATOR_NOT_AVAILABLE',
  'NOT_COORDINATOR',
  'NOT_CONTROLLER',
  'NOT_ENOUGH_REPLICAS',
  'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
  'OFFSET_NOT_AVAILABLE',
  'REBALANCE_IN_PROGRESS',
  'THROTTLING_QUOTA_EXCEEDED',
  'KAFKA_STORAGE_ERROR',
])
const forbidden: ReadonlySet<ClientFailure> = new Set<ClientFailure>([
  'SASL_AUTHENTICATION_FAILED',
  'ILLEGAL_SASL_STATE',
  'UNSUPPORTED_SASL_MECHANISM',
])

export function exitCodeOfFailure(failure: ClientFailure): number {
  if (failure === 'unreachable') return exitCodes.unavailable
  if (failure === 'not kafka' || failure === 'unsupported' || failure === 'UNSUPPORTED_VERSION')
    return exitCodes.protocol
  if (missing.has(failure)) return exitCodes.noInput
  if (passing.has(failure)) return exitCodes.tryAgain
  if (forbidden.has(failure) || failure.endsWith('_AUTHORIZATION_FAILED')) return exitCodes.noPermission
  return exitCodes.refused
}

/**
 * What is good to know but not worth failing for: undefined where a broker does not serve the API, or does not tell
 * this user.
 */
export async function ifServed<T>(facts: Promise<T>): Promise<T | undefined> {
  try {
    return await facts
  } catch (error) {
    if (!(error instanceof ClientError)) throw error
    const isHidden = error.failure === 'unsupported' || error.failure.endsWith('_AUTHORIZATION_FAILED')
    if (!isHidden) throw error
    return undefined
  }
}

export function collect(value: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, value]
}

/** A parser for whole numbers from `least` on. */
export function wholeNumber(least: number): (text: string) => number {
  return text => {
    const value = Number(text)
    if (/^-?\d+$/.test(text) && value >= least && Number.isSafeInteger(value)) return value
    throw new InvalidArgumentError(`It must be a whole number from ${least} on.`)
  }
}

/** `name=value`, at the first equals sign; the value may be empty. */
export function parseEntry(text: string): { name: string; value: string } {
  const at = text.indexOf('=')
  if (at <= 0) throw new InvalidArgumentError('It must be NAME=VALUE.')
  return { name: text.slice(0, at), value: text.slice(at + 1) }
}

export function collectEntry(
  text: string,
  earlier: readonly { name: string; value: string }[] = [],
): readonly { name: string; value: string }[] {
  return [...earlier, parseEntry(text)]
}

/** `orders` (all of its partitions) or `orders:0,2`. */
export function parseTopicPartitions(text: string): { topic: string; partitions: number[] | undefined } {
  const [, topic, list] = /^([^:]+)(?::([\d,]+))?$/.exec(text) ?? []
  if (topic === undefined)
    throw new UsageError(`'${text}' names no topic; a topic is NAME or NAME:PARTITION,...`)
  return {
    topic,
    partitions: list
      ?.split(',')
      .filter(part => part !== '')
      .map(Number),
  }
}

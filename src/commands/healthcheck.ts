/**
 * `ottla healthcheck`, for containers without curl: asks a broker what a client asks first, for API versions and for
 * the cluster's metadata, and exits with 0 if it answers in time. Loads little and changes nothing.
 */
import type { Command } from 'commander'
import { ClientError } from '../client/client-error.ts'
import type { ClusterClient } from '../client/cluster-client.ts'
import { exitCodes } from '../exit-codes.ts'
import { bootstrapOption, newCommand, withClient } from './command-line.ts'
import { printJson, printLine } from './output.ts'
import { parseDurationMs } from './times.ts'

interface HealthFlags {
  readonly bootstrapServer: string
  readonly timeout: number
  readonly json?: boolean
}

const defaultTimeoutMs = 5000
/** So that a request that hangs can still say which one it was. */
const graceMs = 100

export function healthcheckCommand(): Command {
  return newCommand('healthcheck', 'Exit with 0 if a broker answers, and otherwise say why not.')
    .addOption(bootstrapOption())
    .option('--timeout <duration>', 'how long it may take', parseDurationMs, defaultTimeoutMs)
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Examples:
  ottla healthcheck
  HEALTHCHECK CMD ["ottla", "healthcheck", "--timeout", "2s"]`,
    )
    .action(async ({ timeout, ...flags }: HealthFlags) => {
      // Whatever hangs, the answer comes in time.
      const timer = setTimeout(() => {
        process.stderr.write(
          `ottla: Broker ${flags.bootstrapServer} was not done answering after ${timeout} ms.\n`,
        )
        process.exit(exitCodes.tryAgain)
      }, timeout + graceMs)
      await withClient({ ...flags, requestTimeout: timeout }, client => check(client, flags.json === true))
      clearTimeout(timer)
    })
}

async function check(client: ClusterClient, json: boolean): Promise<void> {
  const startedMs = performance.now()
  const { broker } = await client.any()
  const { brokers, clusterId, controllerId } = await client.metadata([])
  if (brokers.length === 0) {
    throw new ClientError(
      'BROKER_NOT_AVAILABLE',
      `Broker ${broker} answers, but knows of no broker in its cluster.`,
    )
  }
  const elapsedMs = Math.round(performance.now() - startedMs)
  if (json)
    return printJson({ healthy: true, broker, clusterId, controllerId, brokers: brokers.length, elapsedMs })
  await printLine(`Broker ${broker} of cluster ${clusterId ?? '(unnamed)'} answered in ${elapsedMs} ms`)
}

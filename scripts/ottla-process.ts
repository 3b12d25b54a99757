/**
 * An Ottla broker as a child process on a data directory of its own, started from the built command line as a
 * user would start it: for benchmarks, torture runs and compatibility tests. Ready is the line
 * `Ottla ... listening on HOST:PORT`; the port in that line is the one that counts, so port 0 works too.
 */
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { freePort, type RunningBroker, startBrokerProcess } from './broker-process.ts'

export interface OttlaOptions {
  port?: number
  /** A data directory to (re)use; without one a temporary one is made and removed by `stop`. */
  directory?: string
  /** Settings on top of the defaults, by Kafka's names. */
  overrides?: Record<string, string>
  env?: Record<string, string | undefined>
  /** The node binary to run it with. */
  node?: string
  nodeArguments?: string[]
  /** The built entry point. */
  main?: string
  /** What runs the command, which is added to it: a shell that sets limits first. */
  launcher?: string[]
  /** Whether the broker can be told something while it runs. */
  hasChannel?: boolean
  startTimeoutMs?: number
  stopTimeoutMs?: number
  /** Kills it while it starts. */
  signal?: AbortSignal
  onLine?: (line: string) => void
}

/** Where `npm run build` puts the command line; OTTLA_MAIN names another build, to compare two of them. */
export const ottlaMain = resolve(process.env.OTTLA_MAIN ?? 'dist/cjs/src/main.js')

export async function startOttla(options: OttlaOptions = {}): Promise<RunningBroker> {
  const main = options.main ?? ottlaMain
  if (!existsSync(main)) throw new Error(`${main} does not exist: run "npm run build" first`)
  const port = options.port ?? (await freePort())
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), 'ottla-')))
  const isTemporary = options.directory === undefined
  const settings: Record<string, string> = {
    listeners: `PLAINTEXT://127.0.0.1:${port}`,
    'log.dirs': directory,
    ...options.overrides,
  }
  const overrides = Object.entries(settings).flatMap(([key, value]) => ['--override', `${key}=${value}`])
  const node = [options.node ?? process.execPath, ...(options.nodeArguments ?? [])]
  const [command, ...args] = [...(options.launcher ?? []), ...node, main, 'start', ...overrides]
  const broker = await startBrokerProcess({
    command: command!,
    args,
    hasChannel: options.hasChannel,
    env: options.env,
    readyPattern: /Ottla .*listening on (\S+):(\d+)/,
    startTimeoutMs: options.startTimeoutMs ?? 60_000,
    stopTimeoutMs: options.stopTimeoutMs ?? 30_000,
    signal: options.signal,
    onLine: options.onLine,
  })
  const boundPort = Number(broker.readyMatch[2])
  return {
    ...broker,
    bootstrap: `127.0.0.1:${boundPort}`,
    host: '127.0.0.1',
    port: boundPort,
    directory,
    logDirectory: directory,
    async stop() {
      await broker.stop()
      if (isTemporary) await rm(directory, { recursive: true, force: true })
    },
  }
}

/**
 * `ottla start`: settings, logger, broker, the ready line, signals. When the broker answers clients, exactly one
 * line goes to stdout, for people and for programs that wait for it:
 *
 *     Ottla 0.1.0 listening on localhost:9092; data in /srv/ottla/data; started in 210 ms
 *
 * Everything else goes to stderr. The first SIGTERM, SIGINT or SIGHUP stops the broker gracefully, also while it is
 * still starting; the second ends the process at once.
 */
import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import type { BoundListener } from './broker.ts'
import { exitCodeOf, exitCodes } from './exit-codes.ts'
import type { Logger, LogLevel } from './platform/logger.ts'
import { Loggers } from './platform/loggers.ts'
import {
  type LoadedSettings,
  loadSettings,
  type SettingSources,
  SettingsError,
} from './settings/load-settings.ts'
import { version } from './version.ts'

export interface StartOptions {
  readonly config?: string
  readonly override?: readonly string[]
  readonly logLevel: LogLevel
}

const stopSignals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const

/** Ends the process with a sentence for the user on stderr. */
function giveUp(exitCode: number, sentences: readonly string[]): never {
  process.stderr.write(sentences.map(sentence => `ottla: ${sentence}\n`).join(''))
  process.exit(exitCode)
}

function readConfigFile(path: string): NonNullable<SettingSources['file']> {
  try {
    return { path, text: readFileSync(path, 'utf8') }
  } catch (error) {
    return giveUp(exitCodes.noInput, [`Cannot read the settings in ${path}: ${(error as Error).message}.`])
  }
}

function readSettings({ config, override }: StartOptions): LoadedSettings {
  try {
    return loadSettings({
      overrides: override,
      environment: process.env,
      file: config === undefined ? undefined : readConfigFile(config),
    })
  } catch (error) {
    if (error instanceof SettingsError) return giveUp(exitCodes.config, error.problems)
    throw error
  }
}

function endOnUnforeseenErrors(logger: Logger): void {
  const end = (what: string) => (error: unknown) => {
    logger.fatal(
      { err: error },
      `${what}; the broker ends without a clean shutdown and recovers at the next start`,
    )
    process.exit(exitCodes.software)
  }
  process.on('uncaughtException', end('Unforeseen error'))
  process.on('unhandledRejection', end('Unforeseen rejection'))
}

/** Resolves at the first signal that asks to stop; the second ends the process. */
function firstStopSignal(logger: Logger): Promise<NodeJS.Signals> {
  return new Promise(resolve => {
    let stopping = false
    for (const signal of stopSignals) {
      process.on(signal, () => {
        if (stopping) {
          logger.warn({ signal }, 'Second signal, ending at once')
          process.exit(128 + constants.signals[signal])
        }
        stopping = true
        resolve(signal)
      })
    }
  })
}

/** What the system said of a file does not say that a broker cannot do without it. */
function sentenceOf({ message, syscall }: NodeJS.ErrnoException, exitCode: number): string {
  const isOfDirectory = exitCode === exitCodes.cannotCreate && syscall !== undefined
  const sentence = isOfDirectory ? `The data directory cannot be used: ${message}` : message
  return /[.?!]$/.test(sentence) ? sentence : `${sentence}.`
}

function shownAddress({ host, port }: BoundListener): string {
  if (host === '' || host === '::') return `0.0.0.0:${port}`
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

export async function runBroker(options: StartOptions): Promise<void> {
  const { settings, given, remarks } = readSettings(options)
  const { createLogger } = await import('./platform/pino-logger.ts')
  // It writes all that it gets: what that is may change while the broker runs.
  const sink = createLogger({ level: 'debug', readable: process.stderr.isTTY === true })
  const loggers = new Loggers(sink, options.logLevel)
  const logger = loggers.logger('ottla.broker')
  endOnUnforeseenErrors(logger)
  const stopSignal = firstStopSignal(logger)
  for (const { level, message } of remarks) logger[level](message)

  try {
    const { openBroker } = await import('./broker.ts')
    const metrics = { portIsRequired: given.has('metrics.port'), ofProcess: true }
    const broker = await openBroker(settings, { loggers, given, metrics })
    const startMs = Math.round(performance.now())
    const places = broker.listeners.map(shownAddress).join(', ')
    process.stdout.write(
      `Ottla ${version} listening on ${places}; data in ${broker.logDirectories.join(', ')}; started in ${startMs} ms\n`,
    )
    logger.info({ signal: await stopSignal }, 'Stopping')
    await broker.stop()
    logger.info('Stopped')
  } catch (error) {
    const exitCode = exitCodeOf(error)
    if (exitCode === exitCodes.software) throw error
    giveUp(exitCode, [sentenceOf(error as NodeJS.ErrnoException, exitCode)])
  }
  process.exit(exitCodes.ok)
}

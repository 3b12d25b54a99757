/**
 * The logger of the `ottla` command: pino, writing to stderr synchronously and without a worker thread, so that a
 * fatal message is out before the process ends. One line of JSON per message, or, where a person looks on, one line
 * of plain text:
 *
 *     2026-11-22T10:00:00.000Z WARN  Unknown setting key=log.retention.houres
 *
 * A stack follows on lines of its own. `now` and `write` are parameters for tests.
 */
import pino from 'pino'
import type { Logger, LogLevel } from './logger.ts'

export interface LoggerOptions {
  readonly level: LogLevel
  /** Plain text in place of JSON. */
  readonly readable: boolean
  readonly write?: (line: string) => void
}

interface LogLine {
  readonly level: string
  readonly time: string
  readonly msg: string
  readonly err?: { readonly message?: string; readonly stack?: string }
  readonly [detail: string]: unknown
}

/** A line of pino's JSON as plain text. */
export function readableLine(json: string): string {
  const { level, time, msg, err, ...details } = JSON.parse(json) as LogLine
  const words = Object.entries(details).map(
    ([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  )
  const line = [time, level.toUpperCase().padEnd(5), msg, ...words].join(' ')
  const stack = err?.stack ?? err?.message
  return stack === undefined ? `${line}\n` : `${line}\n    ${stack.replaceAll('\n', '\n    ')}\n`
}

export function createLogger({ level, readable, write }: LoggerOptions): Logger {
  const plain = pino.destination({ fd: 2, sync: true })
  const writeLine = write ?? ((line: string) => plain.write(line))
  const destination = { write: (json: string) => writeLine(readable ? readableLine(json) : json) }
  const options: pino.LoggerOptions = {
    level,
    // Process id and host name say nothing here that the one who started the broker does not know.
    base: undefined,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: label => ({ level: label }) },
  }
  // pino has a faster path for its own destination than for an object with `write`.
  return pino(options, readable || write !== undefined ? destination : plain)
}

/**
 * What the broker's parts log with. A message is one sentence; what varies goes into the details, under Kafka's
 * terms, and an error under `err`. `child` binds details (a listener, a partition) to everything logged through it.
 * An embedded broker gets `silentLogger` unless it is given another; the command makes one in `pino-logger.ts`,
 * which is a file of its own so that an embedder does not load pino.
 */
export interface LogMethod {
  (message: string): void
  (details: object, message: string): void
}

export interface Logger {
  readonly debug: LogMethod
  readonly info: LogMethod
  readonly warn: LogMethod
  readonly error: LogMethod
  readonly fatal: LogMethod
  child(bindings: object): Logger
}

export const logLevels = ['debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

const nothing: LogMethod = () => {}

export const silentLogger: Logger = {
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  fatal: nothing,
  child: () => silentLogger,
}

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

/** What of `console` is needed to log to it. */
export interface ConsoleLike {
  debug(...parts: readonly unknown[]): void
  info(...parts: readonly unknown[]): void
  warn(...parts: readonly unknown[]): void
  error(...parts: readonly unknown[]): void
}

/** A logger that prints the message and behind it the details, as a console shows objects. */
export function consoleLogger(console: ConsoleLike, bindings: object = {}): Logger {
  const method = (name: keyof ConsoleLike): LogMethod => {
    return (first: string | object, second?: string) => {
      const details = typeof first === 'string' ? bindings : { ...bindings, ...first }
      const message = typeof first === 'string' ? first : second
      if (Object.keys(details).length === 0) console[name](message)
      else console[name](message, details)
    }
  }
  return {
    debug: method('debug'),
    info: method('info'),
    warn: method('warn'),
    error: method('error'),
    fatal: method('error'),
    child: more => consoleLogger(console, { ...bindings, ...more }),
  }
}

/**
 * The broker's loggers by name, each with a level that may change while the broker runs, in Kafka's words for them
 * (the configuration resource BROKER_LOGGER, KIP-412). `root` is always there; a logger on which no level is set has
 * root's. What passes goes to the logger below, which has to take everything: the command's is made that way, and one
 * that somebody embeds the broker with decides for itself what it shows of what it gets.
 *
 * A changed level holds until the broker ends; the one it starts with comes from the command line.
 */
import type { Logger, LogLevel, LogMethod } from './logger.ts'

/** Kafka's levels, the one with the most messages first. Nothing here is logged at TRACE, which therefore shows all. */
export const brokerLogLevels = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'] as const
export type BrokerLogLevel = (typeof brokerLogLevels)[number]
/** Silence can be asked for at the start, but not be set. */
export type EffectiveLogLevel = BrokerLogLevel | 'OFF'

export const rootLogger = 'root'

type MethodName = Exclude<keyof Logger, 'child'>
const methods: readonly MethodName[] = ['debug', 'info', 'warn', 'error', 'fatal']

interface NamedLogger {
  /** undefined: as root. */
  level: EffectiveLogLevel | undefined
  /** Rank of the lowest level that passes. */
  threshold: number
}

export class Loggers {
  private readonly sink: Logger
  private readonly named = new Map<string, NamedLogger>()

  constructor(sink: Logger, rootLevel: LogLevel) {
    this.sink = sink
    const level = rootLevel === 'silent' ? 'OFF' : (rootLevel.toUpperCase() as BrokerLogLevel)
    this.named.set(rootLogger, { level, threshold: rankOf(level) })
  }

  /** The logger of that name, which exists from now on. */
  logger(name: string): Logger {
    let named = this.named.get(name)
    if (named === undefined) {
      named = { level: undefined, threshold: this.named.get(rootLogger)!.threshold }
      this.named.set(name, named)
    }
    return filtered(this.sink, named)
  }

  has(name: string): boolean {
    return this.named.has(name)
  }

  /** Every logger's level, by name in order. */
  levels(): (readonly [name: string, level: EffectiveLogLevel])[] {
    const root = this.named.get(rootLogger)!.level!
    const levels = Array.from(this.named, ([name, { level }]) => [name, level ?? root] as const)
    return levels.sort(([a], [b]) => (a < b ? -1 : 1))
  }

  /** Sets the level of a logger that exists; undefined has it follow root again. */
  setLevel(name: string, level: BrokerLogLevel | undefined): void {
    this.named.get(name)!.level = level
    const root = this.named.get(rootLogger)!.level!
    for (const named of this.named.values()) named.threshold = rankOf(named.level ?? root)
  }
}

function rankOf(level: EffectiveLogLevel): number {
  return level === 'OFF' ? brokerLogLevels.length : brokerLogLevels.indexOf(level)
}

function filtered(sink: Logger, named: NamedLogger): Logger {
  const method = (name: MethodName): LogMethod => {
    const rank = rankOf(name.toUpperCase() as BrokerLogLevel)
    return (first: string | object, message?: string) => {
      if (rank < named.threshold) return
      if (typeof first === 'string') sink[name](first)
      else sink[name](first, message!)
    }
  }
  const [debug, info, warn, error, fatal] = methods.map(method) as [
    LogMethod,
    LogMethod,
    LogMethod,
    LogMethod,
    LogMethod,
  ]
  return { debug, info, warn, error, fatal, child: bindings => filtered(sink.child(bindings), named) }
}
